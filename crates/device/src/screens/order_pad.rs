//! The products of the order pad: what may be sold here, at which price, how much there is.

use std::collections::HashMap;

use polevik_device_api::frame::Refusal;
use polevik_device_api::view::{OrderPadView, PAD_LIMIT, PadFilter, PadRow};
use polevik_device_store::db::Both;
use polevik_device_store::reference::products::Product;
use polevik_device_store::reference::{assortment, outlets};
use polevik_device_store::work::orders;
use polevik_domain::ids::{DocumentId, ProductId};
use polevik_domain::quantity::Unit;

use crate::acting::{Moment, signed_in_id};
use crate::catalogue::Catalogue;
use crate::error::DeviceError;

/// The kinds of the matrix in the order of the list; what has none of them follows.
const KINDS: [&str; 3] = ["must", "focus", "new"];

/// A product that the matrix takes from sale.
const STOP: &str = "stop";

pub(crate) fn load(
    both: &Both<'_>,
    catalogue: &mut Catalogue,
    order: DocumentId,
    search: &str,
    filter: PadFilter,
    moment: &Moment,
) -> Result<OrderPadView, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let head = orders::find(&both.work, order)?.filter(|head| head.position == position).ok_or(Refusal::NotFound)?;
    let format = outlets::find(&both.reference, head.outlet)?.map(|outlet| outlet.format).unwrap_or_default();
    let matrix: HashMap<ProductId, String> = assortment::of_format(&both.reference, &format)?.into_iter().collect();
    let in_order: HashMap<ProductId, (Unit, i64)> = orders::lines(&both.work, order)?
        .into_iter()
        .map(|stored| (stored.line.product_id, (stored.line.unit, stored.line.quantity)))
        .collect();

    catalogue.prepare_pad(&both.reference, head.price_type, head.warehouse)?;
    let pad = catalogue.pad(head.price_type, head.warehouse).ok_or(Refusal::NotFound)?;
    let kind_of = |product: &Product| matrix.get(&product.id).map_or("", String::as_str);
    let is_listed = |product: &&Product| match filter {
        PadFilter::All => kind_of(product) != STOP || in_order.contains_key(&product.id),
        PadFilter::Matrix => KINDS.contains(&kind_of(product)),
        PadFilter::InOrder => in_order.contains_key(&product.id),
    };

    let mut groups: [Vec<&Product>; KINDS.len() + 1] = Default::default();
    for product in pad.products.matching(search).filter(is_listed) {
        let group = KINDS.iter().position(|kind| *kind == kind_of(product)).unwrap_or(KINDS.len());
        groups[group].push(product);
    }
    let total: usize = groups.iter().map(Vec::len).sum();
    let today = moment.today();
    let rows = groups
        .into_iter()
        .flatten()
        .take(PAD_LIMIT as usize)
        .map(|product| PadRow {
            product: product.id,
            sku: product.sku.clone(),
            name: product.name.clone(),
            brand: product.brand.clone(),
            category: product.category.clone(),
            matrix: kind_of(product).to_owned(),
            factors: product.factors,
            price: pad.price(product, today),
            stock: pad.stock(product),
            in_order: in_order.get(&product.id).copied(),
        })
        .collect();
    Ok(OrderPadView { totals: head.totals, total: u32::try_from(total).unwrap_or(u32::MAX), rows })
}
