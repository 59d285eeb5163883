//! «Маршрут»: the plan of a day, and what became of it.

use polevik_device_api::view::{DocumentPlace, RouteView, StopView, StopVisit};
use polevik_device_store::db::Both;
use polevik_device_store::reference::{outlets, receivables, route};
use polevik_device_store::work::orders;
use polevik_device_store::work::visits::{self, Visit};
use polevik_domain::ids::OutletId;
use polevik_domain::money::Money;
use polevik_domain::time::CalendarDay;

use super::{photos, place_of};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

pub(crate) fn load(both: &Both<'_>, day: Option<CalendarDay>, moment: &Moment) -> Result<RouteView, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let today = moment.today();
    let day = day.unwrap_or(today);
    let overdue = receivables::overdue(&both.reference, today)?;
    let mut visits = visits::of_day(&both.work, position, day)?;

    let mut stops = Vec::new();
    for planned in route::of_day(&both.reference, day)? {
        let visit = visits.iter().position(|visit| visit.route_stop == Some(planned.id)).map(|place| visits.remove(place));
        let fallback = visit.as_ref().map_or("", |visit| &visit.outlet_name);
        let (outlet_name, address) = name_and_address(both, planned.outlet, fallback)?;
        stops.push(StopView {
            route_stop: Some(planned.id),
            seq: planned.seq,
            outlet: planned.outlet,
            outlet_name,
            address,
            planned_minute: planned.planned_minute,
            overdue: overdue.get(&planned.outlet).copied().unwrap_or_default(),
            visit: visit.map(|visit| stop_visit(both, &visit)).transpose()?,
        });
    }
    let planned = stops.iter().map(|stop| stop.seq).max().unwrap_or(0);
    for (seq, visit) in (planned + 1..).zip(visits) {
        let (outlet_name, address) = name_and_address(both, visit.outlet, &visit.outlet_name)?;
        stops.push(StopView {
            route_stop: None,
            seq,
            outlet: visit.outlet,
            outlet_name,
            address,
            planned_minute: None,
            overdue: overdue.get(&visit.outlet).copied().unwrap_or_default(),
            visit: Some(stop_visit(both, &visit)?),
        });
    }

    let (orders, orders_sum) = orders::placed_on(&both.work, position, day)?;
    let visits_done = stops.iter().filter(|stop| stop.visit.as_ref().is_some_and(|visit| visit.finished_at.is_some())).count();
    Ok(RouteView {
        day,
        today,
        days: route::days(&both.reference)?,
        visits_done: u32::try_from(visits_done).unwrap_or(u32::MAX),
        stops,
        orders,
        orders_sum,
    })
}

/// From the copy of the office, or, when the outlet has left it, the name that the visit kept.
fn name_and_address(both: &Both<'_>, outlet: OutletId, fallback: &str) -> Result<(String, String), DeviceError> {
    let found = outlets::find(&both.reference, outlet)?;
    Ok(found.map_or_else(|| (fallback.to_owned(), String::new()), |outlet| (outlet.name, outlet.address)))
}

fn stop_visit(both: &Both<'_>, visit: &Visit) -> Result<StopVisit, DeviceError> {
    let mut place = place_of(both, visit.id)?;
    let (mut count, mut sum) = (0, Money::ZERO);
    for order in orders::of_visit(&both.work, visit.id)?.iter().filter(|order| !order.is_draft()) {
        let of_order = place_of(both, order.id)?;
        if !matches!(of_order, DocumentPlace::Withdrawn { .. }) {
            count += 1;
            sum = sum.checked_add(order.totals.sum).unwrap_or(sum);
        }
        // The stop is done with the server when everything of the visit is.
        match (&place, of_order) {
            (DocumentPlace::Rejected { .. } | DocumentPlace::Parked, _) => (),
            (_, worse @ (DocumentPlace::Rejected { .. } | DocumentPlace::Parked | DocumentPlace::OnlyHere)) => place = worse,
            (_, DocumentPlace::Withdrawn { on_server: false }) => place = DocumentPlace::OnlyHere,
            (_, DocumentPlace::Draft | DocumentPlace::OnServer | DocumentPlace::Office { .. } | DocumentPlace::Withdrawn { .. }) => (),
        }
    }
    let rows = photos::of_visit(both, visit.id)?;
    // Where their data are counts like an order's; their files are told of on their own.
    for row in &rows {
        match (&place, &row.place) {
            (DocumentPlace::Rejected { .. } | DocumentPlace::Parked, _) => (),
            (_, worse @ (DocumentPlace::Rejected { .. } | DocumentPlace::Parked | DocumentPlace::OnlyHere)) => place = worse.clone(),
            (_, DocumentPlace::Withdrawn { on_server: false }) => place = DocumentPlace::OnlyHere,
            (_, DocumentPlace::Draft | DocumentPlace::OnServer | DocumentPlace::Office { .. } | DocumentPlace::Withdrawn { .. }) => (),
        }
    }
    let (photos, photos_waiting) = photos::counts(&rows);
    Ok(StopVisit {
        id: visit.id,
        started_at: visit.started_at,
        finished_at: visit.finished_at,
        place,
        orders: count,
        orders_sum: sum,
        photos,
        photos_waiting,
    })
}
