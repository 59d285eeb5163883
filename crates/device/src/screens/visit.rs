//! «Визит»: one call, its state, its orders and its photos, and the materials about the outlet.

use polevik_device_api::files::Space;
use polevik_device_api::frame::Refusal;
use polevik_device_api::view::{OutletRow, VisitView};
use polevik_device_store::db::Both;
use polevik_device_store::reference::{outlets, receivables};
use polevik_device_store::work::{orders, visits};
use polevik_domain::ids::DocumentId;
use polevik_domain::money::Money;
use polevik_domain::visit::VisitKind;

use super::{aftermath_of, materials, order_rows, outlet_row, photos, place_of};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

pub(crate) fn load(both: &Both<'_>, id: DocumentId, free: Option<u64>, moment: &Moment) -> Result<VisitView, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let visit = visits::find(&both.work, id)?.filter(|visit| visit.position == position).ok_or(Refusal::NotFound)?;
    let outlet = match outlets::find(&both.reference, visit.outlet)? {
        Some(outlet) => {
            let overdue = receivables::overdue(&both.reference, moment.today())?;
            outlet_row(&outlet, overdue.get(&outlet.id).copied().unwrap_or_default())
        }
        // It has left the copy of the office; the visit keeps its name.
        None => OutletRow {
            id: visit.outlet,
            code: String::new(),
            name: visit.outlet_name,
            address: String::new(),
            overdue: Money::ZERO,
            stopped: false,
        },
    };
    Ok(VisitView {
        id,
        kind: if visit.route_stop.is_some() { VisitKind::Planned } else { VisitKind::Unplanned },
        outlet,
        started_at: visit.started_at,
        finished_at: visit.finished_at,
        place: place_of(both, id)?,
        aftermath: aftermath_of(both, id)?,
        orders: order_rows(both, &orders::of_visit(&both.work, id)?)?,
        photos: photos::of_visit(both, id)?,
        materials: materials::of_outlet(both, visit.outlet, free, moment)?,
        space: Space::of(free),
        now: moment.now,
    })
}
