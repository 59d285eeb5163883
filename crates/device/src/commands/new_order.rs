//! The rep begins an order.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::reference::{outlets, stock};
use polevik_device_store::work::orders::{self, OrderHead};
use polevik_device_store::work::visits;
use polevik_domain::ids::{DocumentId, OutletId};
use polevik_domain::order::{MAX_COMMENT_CHARS, OrderTotals};

use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Opens a draft; if the visit has one already, gives that one.
pub(super) fn new_order(
    both: &Both<'_>,
    outlet: OutletId,
    visit: Option<DocumentId>,
    outside_visit: Option<String>,
    moment: &Moment,
) -> Result<DocumentId, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let outside_visit = match visit {
        Some(visit) => {
            let visit = visits::find(&both.work, visit)?;
            let visit = visit.filter(|visit| visit.position == position && visit.outlet == outlet).ok_or(Refusal::NotFound)?;
            if visit.finished_at.is_some() {
                return Err(Refusal::VisitFinished.into());
            }
            if let Some(draft) = orders::of_visit(&both.work, visit.id)?.into_iter().find(OrderHead::is_draft) {
                return Ok(draft.id);
            }
            None
        }
        None => {
            let reason = outside_visit.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
            let reason = reason.ok_or(Refusal::ReasonMissing)?;
            if reason.chars().count() > MAX_COMMENT_CHARS {
                return Err(Refusal::TooLarge.into());
            }
            Some(reason)
        }
    };
    let outlet = outlets::find(&both.reference, outlet)?.ok_or(Refusal::NotFound)?;
    let head = OrderHead {
        id: moment.new_document_id(),
        position,
        number: None,
        outlet: outlet.id,
        outlet_name: outlet.name,
        visit,
        outside_visit,
        price_type: outlet.price_type,
        warehouse: stock::own_warehouse(&both.reference)?,
        delivery_day: None,
        comment: String::new(),
        at: moment.now,
        local_day: moment.today(),
        totals: OrderTotals::default(),
    };
    orders::save_draft(&both.work, &head)?;
    Ok(head.id)
}
