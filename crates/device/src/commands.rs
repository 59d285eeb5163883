//! The acts of a rep: one file each, one local transaction each; none waits for a network.

mod change_line;
mod discard_draft;
mod finish_visit;
mod new_order;
mod pin_material;
mod place_order;
mod remove_files;
mod set_comment;
mod set_delivery;
mod set_language;
mod set_wifi_only;
mod start_visit;
pub(crate) mod take_photo;
mod unpark;
mod withdraw;

use polevik_device_api::frame::Refusal;
use polevik_device_api::{Command, CommandDone};
use polevik_device_store::db::Both;
use polevik_device_store::work::orders::{self, OrderHead};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::order::{OrderLine, totals};
use polevik_protocol::hash::Blake3Hex;

use crate::acting::Moment;
use crate::error::DeviceError;

/// What an act came to.
pub(crate) struct Act {
    /// What the face is told.
    pub(crate) done: CommandDone,
    /// Tables that were written.
    pub(crate) changed: &'static [&'static str],
    /// Files that no row needs any more: they go after the commit.
    pub(crate) leaving: Vec<Blake3Hex>,
}

/// What a command does within the caller's transaction.
pub(crate) fn execute(both: &Both<'_>, command: Command, moment: &Moment) -> Result<Act, DeviceError> {
    let order_tables: &[&str] = &["customer_order", "order_line"];
    let mut leaving = Vec::new();
    let (done, changed): (CommandDone, &'static [&'static str]) = match command {
        Command::StartVisit { outlet, route_stop } => {
            (CommandDone::Document(start_visit::start_visit(both, outlet, route_stop, moment)?), &["visit", "outbox"])
        }
        Command::FinishVisit { visit } => {
            finish_visit::finish_visit(both, visit, moment)?;
            (CommandDone::Done, &["visit", "customer_order", "outbox"])
        }
        Command::NewOrder { outlet, visit, outside_visit } => {
            let order = new_order::new_order(both, outlet, visit, outside_visit, moment)?;
            (CommandDone::Document(order), order_tables)
        }
        Command::ChangeLine { order, change } => {
            change_line::change_line(both, order, &change, moment)?;
            (CommandDone::Done, order_tables)
        }
        Command::SetDelivery { order, day } => {
            set_delivery::set_delivery(both, order, day, moment)?;
            (CommandDone::Done, order_tables)
        }
        Command::SetComment { order, comment } => {
            set_comment::set_comment(both, order, comment, moment)?;
            (CommandDone::Done, order_tables)
        }
        Command::PlaceOrder { order } => {
            place_order::place_order(both, order, moment)?;
            (CommandDone::Done, &["customer_order", "outbox"])
        }
        Command::DiscardDraft { order } => {
            discard_draft::discard_draft(both, order)?;
            (CommandDone::Done, order_tables)
        }
        Command::Unpark { document } => {
            unpark::unpark(both, document)?;
            (CommandDone::Done, &["outbox"])
        }
        Command::Withdraw { document, reason } => {
            leaving.extend(withdraw::withdraw(both, document, &reason, moment)?);
            (CommandDone::Done, &["visit", "customer_order", "photo", "outgoing_file", "outbox"])
        }
        Command::SetWiFiOnly { on } => {
            set_wifi_only::set_wifi_only(both, on)?;
            (CommandDone::Done, &["option"])
        }
        Command::PinMaterial { material, pinned } => {
            pin_material::pin_material(both, material, pinned)?;
            (CommandDone::Done, &["material_mark"])
        }
        Command::RemoveSentPhotos => {
            leaving = remove_files::remove_sent_photos(both, moment)?;
            (CommandDone::Done, &["outgoing_file"])
        }
        Command::RemoveUnusedMaterials => {
            leaving = remove_files::remove_unused_materials(both, moment)?;
            (CommandDone::Done, &["held_file"])
        }
        Command::SetLanguage { language } => {
            set_language::set_language(both, &language)?;
            (CommandDone::Done, &["option"])
        }
    };
    Ok(Act { done, changed, leaving })
}

/// A draft of the position that is signed in.
fn own_draft(both: &Both<'_>, id: DocumentId, position: PositionId) -> Result<OrderHead, DeviceError> {
    let head = orders::find(&both.work, id)?.filter(|head| head.position == position).ok_or(Refusal::NotFound)?;
    if head.is_draft() { Ok(head) } else { Err(Refusal::NotADraft.into()) }
}

/// Saves a draft that changed, with what its lines come to now.
fn save(both: &Both<'_>, mut head: OrderHead, moment: &Moment) -> Result<(), DeviceError> {
    let lines: Vec<OrderLine> = orders::lines(&both.work, head.id)?.into_iter().map(|stored| stored.line).collect();
    head.totals = totals(&lines)?;
    head.at = moment.now;
    head.local_day = moment.today();
    Ok(orders::save_draft(&both.work, &head)?)
}
