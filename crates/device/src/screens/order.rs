//! «Заказ»: head, lines and totals of one order.

use polevik_device_api::frame::Refusal;
use polevik_device_api::view::{OrderLineRow, OrderView};
use polevik_device_store::db::Both;
use polevik_device_store::reference::{outlets, prices, stock};
use polevik_device_store::work::orders;
use polevik_domain::ids::DocumentId;
use polevik_domain::time::CalendarDay;

use super::{aftermath_of, order_row};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Days of delivery proposed, and how far ahead they are looked for.
const CHOICES: usize = 5;
const DAYS_AHEAD: i32 = 14;

pub(crate) fn load(both: &Both<'_>, id: DocumentId, moment: &Moment) -> Result<OrderView, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let head = orders::find(&both.work, id)?.filter(|head| head.position == position).ok_or(Refusal::NotFound)?;
    let lines = orders::lines(&both.work, id)?
        .into_iter()
        .map(|stored| OrderLineRow {
            product: stored.line.product_id,
            sku: stored.sku,
            name: stored.name,
            unit: stored.line.unit,
            quantity: stored.line.quantity,
            base_quantity: stored.line.base_quantity,
            price: stored.line.price,
            vat_rate: stored.line.vat_rate,
            sum: stored.line.sum,
        })
        .collect();
    let price_type = match head.price_type {
        Some(price_type) => prices::type_name(&both.reference, price_type)?.unwrap_or_default(),
        None => String::new(),
    };
    let warehouse = match head.warehouse {
        Some(warehouse) => stock::warehouse_name(&both.reference, warehouse)?.unwrap_or_default(),
        None => String::new(),
    };
    let delivery_days = outlets::find(&both.reference, head.outlet)?.map_or(0, |outlet| outlet.delivery_days);
    Ok(OrderView {
        row: order_row(both, &head)?,
        visit: head.visit,
        outside_visit: head.outside_visit,
        price_type,
        warehouse,
        comment: head.comment,
        lines,
        delivery_choices: delivery_choices(delivery_days, moment.today()),
        aftermath: aftermath_of(both, id)?,
    })
}

/// The next days after today on which goods are taken; bit 0 = Monday, no bit = every day.
fn delivery_choices(delivery_days: u32, today: CalendarDay) -> Vec<CalendarDay> {
    (1..=DAYS_AHEAD)
        .map(|days| today.plus_days(days))
        .filter(|day| delivery_days == 0 || delivery_days >> day.weekday() & 1 == 1)
        .take(CHOICES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_is_proposed_on_the_days_the_outlet_takes_goods() {
        // A Sunday.
        let today = CalendarDay::parse("2026-11-22").unwrap();
        let proposed = |days| delivery_choices(days, today).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(proposed(0), ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"]);
        assert_eq!(proposed(0b000_0101), ["2026-11-23", "2026-11-25", "2026-11-30", "2026-12-02"]);
    }
}
