//! The acts of a rep: one file each, one local transaction each; none waits for a network.

mod change_line;
mod discard_draft;
mod finish_visit;
mod new_order;
mod place_order;
mod set_comment;
mod set_delivery;
mod set_language;
mod start_visit;
mod unpark;
mod withdraw;

use polevik_device_api::frame::Refusal;
use polevik_device_api::{Command, CommandDone};
use polevik_device_store::db::Both;
use polevik_device_store::work::orders::{self, OrderHead};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::order::{OrderLine, totals};

use crate::acting::Moment;
use crate::error::DeviceError;

/// What a command does within the caller's transaction, and the tables it wrote.
pub(crate) fn execute(both: &Both<'_>, command: Command, moment: &Moment) -> Result<(CommandDone, &'static [&'static str]), DeviceError> {
    let order_tables: &[&str] = &["customer_order", "order_line"];
    Ok(match command {
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
            withdraw::withdraw(both, document, &reason, moment)?;
            (CommandDone::Done, &["visit", "customer_order", "outbox"])
        }
        Command::SetWiFiOnly { .. } | Command::PinMaterial { .. } | Command::RemoveSentPhotos | Command::RemoveUnusedMaterials => {
            return Err(Refusal::NotFound.into());
        }
        Command::SetLanguage { language } => {
            set_language::set_language(both, &language)?;
            (CommandDone::Done, &["option"])
        }
    })
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
