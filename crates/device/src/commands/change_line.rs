//! The rep sets, changes or removes one line of a draft.

use polevik_device_api::LineChange;
use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::reference::{prices, products};
use polevik_device_store::work::orders::{self, StoredLine};
use polevik_domain::ids::DocumentId;
use polevik_domain::order::{MAX_ORDER_LINES, OrderLine};
use polevik_domain::price::unit_price;

use super::{own_draft, save};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Prices the line as the pad shows it now; a quantity of 0 removes it.
pub(super) fn change_line(both: &Both<'_>, order: DocumentId, change: &LineChange, moment: &Moment) -> Result<(), DeviceError> {
    let head = own_draft(both, order, signed_in_id(&both.work)?)?;
    if change.quantity == 0 {
        orders::remove_line(&both.work, order, change.product)?;
        return save(both, head, moment);
    }
    let product = products::find(&both.reference, change.product)?.filter(|product| product.active).ok_or(Refusal::NotFound)?;
    let entries = match head.price_type {
        Some(price_type) => prices::of_product(&both.reference, price_type, product.id)?,
        None => Vec::new(),
    };
    let price = unit_price(&entries, product.list_price, moment.today()).ok_or(Refusal::NoPrice)?;
    let line = OrderLine::new(product.id, change.unit, change.quantity, product.factors, price, product.vat_rate)?;
    orders::set_line(&both.work, order, &StoredLine { line, sku: product.sku, name: product.name })?;
    if orders::lines(&both.work, order)?.len() > MAX_ORDER_LINES {
        return Err(Refusal::TooLarge.into());
    }
    save(both, head, moment)
}
