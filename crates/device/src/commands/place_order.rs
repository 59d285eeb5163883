//! The rep places an order: it gets its number and goes into the outbox, and does not change any more.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::work::numbers::{self, Sequence};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::orders;
use polevik_device_store::work::outbox::{self, NewEntry};
use polevik_domain::ids::DocumentId;
use polevik_domain::numbering::DocumentNumber;
use polevik_domain::order::{OrderLine, check_placeable};
use polevik_protocol::document::{DocumentKind, OrderBody};

use super::own_draft;
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

pub(super) fn place_order(both: &Both<'_>, id: DocumentId, moment: &Moment) -> Result<(), DeviceError> {
    let head = own_draft(both, id, signed_in_id(&both.work)?)?;
    let lines: Vec<OrderLine> = orders::lines(&both.work, id)?.into_iter().map(|stored| stored.line).collect();
    let totals = check_placeable(&lines, &head.comment)?;
    let today = moment.today();
    if head.delivery_day.is_some_and(|day| day < today) {
        return Err(Refusal::DeliveryInPast.into());
    }
    let prefix = options::get(&both.work, OptionName::NumberPrefix)?.ok_or(Refusal::NotSignedIn)?;
    let sequence = numbers::take(&both.work, &Sequence::Number(&prefix))?;
    let number = u32::try_from(sequence).ok().and_then(|sequence| DocumentNumber::new(&prefix, sequence)).ok_or(Refusal::NumbersUsedUp)?;

    let body = OrderBody {
        number: number.as_str().to_owned(),
        outlet_id: head.outlet,
        visit_id: head.visit,
        outside_visit: head.outside_visit,
        placed_at_ms: moment.now,
        local_day: today,
        utc_offset: moment.utc_offset,
        delivery_day: head.delivery_day,
        price_type_id: head.price_type,
        warehouse_id: head.warehouse,
        comment: head.comment,
        lines,
        sum: totals.sum,
        vat_sum: totals.vat_sum,
    };
    let body = serde_json::to_string(&body).expect("numbers, words and options always make JSON");
    orders::place(&both.work, id, &number, moment.now, today)?;
    let entry = NewEntry {
        document_id: id,
        revision: 1,
        kind: DocumentKind::Order.as_str(),
        position: head.position,
        lane: head.visit.unwrap_or(id),
        created_at: moment.now,
        body: &body,
    };
    Ok(outbox::append(&both.work, &entry)?)
}
