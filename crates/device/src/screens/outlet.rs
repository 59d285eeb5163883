//! «Торговая точка»: who it is, what it owes, what was ordered.

use polevik_device_api::frame::Refusal;
use polevik_device_api::view::{OutletView, ReceivableRow};
use polevik_device_store::db::Both;
use polevik_device_store::reference::{checkpoints, outlets, prices, receivables, route};
use polevik_device_store::work::{orders, visits};
use polevik_domain::ids::OutletId;
use polevik_domain::money::Money;

use super::{order_rows, outlet_row};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Latest orders shown.
const ORDERS: u32 = 10;

pub(crate) fn load(both: &Both<'_>, id: OutletId, moment: &Moment) -> Result<OutletView, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let outlet = outlets::find(&both.reference, id)?.ok_or(Refusal::NotFound)?;
    let today = moment.today();

    let receivables: Vec<ReceivableRow> = receivables::of_outlet(&both.reference, id)?
        .into_iter()
        .map(|invoice| ReceivableRow {
            document: invoice.document,
            day: invoice.day,
            due: invoice.due_day,
            rest: invoice.rest,
            overdue_days: u32::try_from(today.0.saturating_sub(invoice.due_day.0)).unwrap_or(0),
        })
        .collect();
    let sum = |rows: &mut dyn Iterator<Item = &ReceivableRow>| rows.fold(Money::ZERO, |sum, row| sum.checked_add(row.rest).unwrap_or(sum));
    let debt = sum(&mut receivables.iter());
    let overdue = sum(&mut receivables.iter().filter(|row| row.overdue_days > 0 && row.rest > Money::ZERO));

    let open = visits::open(&both.work, position)?;
    let planned_stop = match route::at_outlet(&both.reference, today, id)? {
        Some(stop) if !visits::is_started(&both.work, position, stop, today)? => Some(stop),
        _ => None,
    };
    let price_type = match outlet.price_type {
        Some(price_type) => prices::type_name(&both.reference, price_type)?.unwrap_or_default(),
        None => String::new(),
    };
    Ok(OutletView {
        row: outlet_row(&outlet, overdue),
        format: outlet.format,
        class: outlet.class,
        legal_name: outlet.legal_name,
        inn: outlet.inn,
        contract_number: outlet.contract_number,
        price_type,
        contact: outlet.contact,
        phone: outlet.phone,
        work_hours: outlet.work_hours,
        delivery_days: outlet.delivery_days,
        location: outlet.location,
        debt,
        receivables,
        orders: order_rows(both, &orders::of_outlet(&both.work, position, id, ORDERS)?)?,
        open_visit: open.as_ref().filter(|visit| visit.outlet == id).map(|visit| visit.id),
        other_visit_open: open.filter(|visit| visit.outlet != id).map(|visit| (visit.id, visit.outlet_name)),
        planned_stop,
        fresh_at: checkpoints::feed(&both.reference)?.map(|feed| feed.applied_at),
    })
}
