//! The rep begins a call at an outlet.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::reference::{outlets, route};
use polevik_device_store::work::outbox::{self, NewEntry};
use polevik_device_store::work::visits::{self, Visit};
use polevik_domain::ids::{DocumentId, OutletId, RouteStopId};
use polevik_domain::visit::{VisitKind, VisitState};
use polevik_protocol::document::{DocumentKind, VisitBody};

use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Writes the visit and promises its first revision to the server. A stop that was called on already does not count twice: the visit is
/// one without a plan.
pub(super) fn start_visit(
    both: &Both<'_>,
    outlet: OutletId,
    route_stop: Option<RouteStopId>,
    moment: &Moment,
) -> Result<DocumentId, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let outlet = outlets::find(&both.reference, outlet)?.ok_or(Refusal::NotFound)?;
    let today = moment.today();
    let route_stop = match route_stop {
        Some(stop) => {
            let planned = route::find(&both.reference, stop)?.filter(|planned| planned.outlet == outlet.id).ok_or(Refusal::NotFound)?;
            (!visits::is_started(&both.work, position, planned.id, today)?).then_some(planned.id)
        }
        None => None,
    };
    VisitState::start(visits::open(&both.work, position)?.is_some(), moment.now)?;

    let visit = Visit {
        id: moment.new_document_id(),
        position,
        outlet: outlet.id,
        outlet_name: outlet.name,
        route_stop,
        local_day: today,
        utc_offset: moment.utc_offset,
        started_at: moment.now,
        finished_at: None,
    };
    visits::insert(&both.work, &visit)?;
    promise(both, &visit, 1, moment)?;
    Ok(visit.id)
}

/// Promises a revision of a visit to the server.
pub(super) fn promise(both: &Both<'_>, visit: &Visit, revision: u32, moment: &Moment) -> Result<(), DeviceError> {
    let body = VisitBody {
        outlet_id: visit.outlet,
        route_stop_id: visit.route_stop,
        kind: if visit.route_stop.is_some() { VisitKind::Planned } else { VisitKind::Unplanned },
        local_day: visit.local_day,
        utc_offset: visit.utc_offset,
        started_at_ms: visit.started_at,
        finished_at_ms: visit.finished_at,
    };
    let body = serde_json::to_string(&body).expect("numbers, words and options always make JSON");
    let entry = NewEntry {
        document_id: visit.id,
        revision,
        kind: DocumentKind::Visit.as_str(),
        position: visit.position,
        lane: visit.id,
        created_at: moment.now,
        body: &body,
    };
    Ok(outbox::append(&both.work, &entry)?)
}
