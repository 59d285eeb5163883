//! Orders by their newest revision, with their lines.

use polevik_domain::ids::{DocumentId, OutletId, PositionId, ProductId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::order::OrderTotals;
use polevik_domain::quantity::Unit;
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_protocol::document::{OrderBody, WithdrawalBody};
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};

use super::Author;
use crate::error::{Result, StoreError};

/// An order that may be placed, with what the server found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOrder {
    /// The order as the device sent it.
    pub body: OrderBody,
    /// Recomputed from the lines.
    pub totals: OrderTotals,
    /// For each line the product's tax rate now, where it is another than the rep saw.
    pub office_vat_rates: Vec<Option<VatRate>>,
}

/// Stores what a revision says of an order, and gives the number under which it stands; its lines take the place of those before. The
/// position stays that of the first revision.
///
/// Two lives of one device may have given the same number: the order that comes second stands under the number with `/2` behind it, the
/// next with `/3`, and keeps that over its revisions.
///
/// # Errors
///
/// When the database refuses.
pub fn put(
    tx: &Transaction<'_>,
    author: Author<'_>,
    id: DocumentId,
    revision: u32,
    checked: &CheckedOrder,
    now: UtcMillis,
) -> Result<String> {
    let number = number_for(tx, &author.scope.part_id, id, &checked.body.number)?;
    let CheckedOrder { body: order, totals, office_vat_rates } = checked;
    let part_id = &author.scope.part_id;
    tx.prepare_cached(PUT)?.execute(params![
        part_id,
        id.as_bytes(),
        revision,
        number,
        author.scope.position.0,
        order.outlet_id.0,
        order.visit_id.as_ref().map(DocumentId::as_bytes),
        order.outside_visit,
        order.placed_at_ms.0,
        order.local_day.0,
        order.utc_offset.0,
        order.delivery_day.map(|day| day.0),
        order.price_type_id.map(|price_type| price_type.0),
        order.warehouse_id.map(|warehouse| warehouse.0),
        order.comment,
        totals.sum.0,
        totals.vat_sum.0,
        now.0,
    ])?;
    tx.prepare_cached(CLEAR_LINES)?.execute(params![part_id, id.as_bytes()])?;
    let mut insert = tx.prepare_cached(INSERT_LINE)?;
    let rates = office_vat_rates.iter().copied().chain(std::iter::repeat(None));
    for ((line_no, line), office_rate) in (1_i64..).zip(&order.lines).zip(rates) {
        insert.execute(params![
            part_id,
            id.as_bytes(),
            line_no,
            line.product_id.0,
            line.unit.as_str(),
            line.quantity,
            line.base_quantity,
            line.price.0,
            line.vat_rate.0,
            line.sum.0,
            line.vat_sum.0,
            office_rate.map(|rate| rate.0),
        ])?;
    }
    Ok(number)
}

/// The number under which an order stands or can stand that was given `wanted` by its device.
fn number_for(tx: &Transaction<'_>, part_id: &str, id: DocumentId, wanted: &str) -> Result<String> {
    let mut number = wanted.to_owned();
    let mut n = 1_u32;
    while with_number(tx, part_id, &number)?.is_some_and(|other| other != id) {
        n += 1;
        number = format!("{wanted}/{n}");
    }
    Ok(number)
}

const PUT: &str = "
    -- orders::put
    INSERT INTO customer_order (part_id, document_id, revision, number, position_id, outlet_id, visit_id, outside_visit, placed_at_ms, local_day,
                                utc_offset_minutes, delivery_day, price_type_id, warehouse_id, comment, sum, vat_sum, received_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
    ON CONFLICT (part_id, document_id) DO UPDATE
       SET revision = excluded.revision, number = excluded.number, outlet_id = excluded.outlet_id, visit_id = excluded.visit_id, outside_visit = excluded.outside_visit,
           placed_at_ms = excluded.placed_at_ms, local_day = excluded.local_day, utc_offset_minutes = excluded.utc_offset_minutes,
           delivery_day = excluded.delivery_day, price_type_id = excluded.price_type_id, warehouse_id = excluded.warehouse_id,
           comment = excluded.comment, sum = excluded.sum, vat_sum = excluded.vat_sum, received_at_ms = excluded.received_at_ms";

const CLEAR_LINES: &str = "
    -- orders::put
    DELETE FROM order_line
     WHERE part_id = ?1 AND document_id = ?2";

const INSERT_LINE: &str = "
    -- orders::put
    INSERT INTO order_line (part_id, document_id, line_no, product_id, unit, quantity, base_quantity, price, vat_rate, sum, vat_sum,
                            office_vat_rate)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// Notes that an order was taken back. Does nothing while the order has not arrived.
///
/// # Errors
///
/// When the database refuses.
pub fn withdraw(tx: &Transaction<'_>, part_id: &str, id: DocumentId, revision: u32, withdrawal: &WithdrawalBody) -> Result<()> {
    tx.prepare_cached(WITHDRAW)?.execute(params![part_id, id.as_bytes(), revision, withdrawal.withdrawn_at_ms.0, withdrawal.reason])?;
    Ok(())
}

const WITHDRAW: &str = "
    -- orders::withdraw
    UPDATE customer_order
       SET revision = ?3, withdrawn_at_ms = ?4, withdrawn_because = ?5
     WHERE part_id = ?1 AND document_id = ?2";

/// The order that has a number; `None` if none has.
///
/// # Errors
///
/// When the database refuses.
pub fn with_number(tx: &Transaction<'_>, part_id: &str, number: &str) -> Result<Option<DocumentId>> {
    let found: Option<Vec<u8>> =
        tx.prepare_cached(WITH_NUMBER)?.query_row(params![part_id, number], |row| row.get("document_id")).optional()?;
    found.map(|bytes| document_id(&bytes)).transpose()
}

const WITH_NUMBER: &str = "
    -- orders::with_number
    SELECT document_id
      FROM customer_order
     WHERE part_id = ?1 AND number = ?2";

fn document_id(bytes: &[u8]) -> Result<DocumentId> {
    DocumentId::from_slice(bytes).ok_or(StoreError::Corrupt("the id of an order"))
}

/// An order as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// Its id.
    pub id: DocumentId,
    /// Its part.
    pub part_id: String,
    /// Its newest accepted revision.
    pub revision: u32,
    /// The device's own number.
    pub number: String,
    /// Who buys.
    pub outlet: OutletId,
    /// The office's id of the outlet; empty if the outlet is gone.
    pub outlet_ext_code: String,
    /// The outlet's name; empty if the outlet is gone.
    pub outlet_name: String,
    /// The position under which it was placed.
    pub position: PositionId,
    /// Its code; empty if the position is gone.
    pub position_code: String,
    /// The visit it was placed in.
    pub visit: Option<DocumentId>,
    /// Why it was placed outside a visit.
    pub outside_visit: Option<String>,
    /// When it was placed, by the device's corrected clock.
    pub placed_at: UtcMillis,
    /// The outlet's calendar day on which it was placed.
    pub local_day: CalendarDay,
    /// Wanted day of delivery.
    pub delivery_day: Option<CalendarDay>,
    /// The rep's words.
    pub comment: String,
    /// Sum, tax included.
    pub sum: Money,
    /// Tax contained.
    pub vat_sum: Money,
    /// When the server took it.
    pub received_at: UtcMillis,
    /// When the rep took it back; `None` = it stands.
    pub withdrawn_at: Option<UtcMillis>,
    /// Why, in the rep's words; empty if it stands.
    pub withdrawn_because: String,
    /// Its lines, in the rep's order.
    pub lines: Vec<StoredLine>,
}

/// A line as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// Place in the order, from 1.
    pub line_no: i64,
    /// What is ordered.
    pub product: ProductId,
    /// Its article; empty if the product is gone.
    pub sku: String,
    /// Its name; empty if the product is gone.
    pub name: String,
    /// In what it is counted.
    pub unit: Unit,
    /// How many of `unit`.
    pub quantity: i64,
    /// The same in pieces.
    pub base_quantity: i64,
    /// Price of a piece, tax included, as the rep saw it.
    pub price: Money,
    /// Tax rate as the rep saw it.
    pub vat_rate: VatRate,
    /// Sum, tax included.
    pub sum: Money,
    /// Tax contained.
    pub vat_sum: Money,
    /// The product's tax rate when the order arrived, where it was another.
    pub office_vat_rate: Option<VatRate>,
}

/// The orders of a part, the latest received first; at most `limit`.
///
/// # Errors
///
/// When the database refuses.
pub fn list(tx: &Transaction<'_>, part_id: &str, limit: u32) -> Result<Vec<StoredOrder>> {
    load(tx, LIST, params![part_id, limit])
}

const LIST: &str = "
    -- orders::list
    SELECT o.part_id, o.document_id, o.number, o.position_id, o.outlet_id, o.visit_id, o.outside_visit, o.placed_at_ms, o.local_day,
           o.delivery_day, o.comment, o.sum, o.vat_sum, o.received_at_ms, o.revision, o.withdrawn_at_ms,
           COALESCE(o.withdrawn_because, '') AS withdrawn_because,
           COALESCE(outlet.ext_code, '') AS outlet_ext_code, COALESCE(outlet.name, '') AS outlet_name,
           COALESCE(position.code, '') AS position_code
      FROM customer_order o
      LEFT JOIN outlet ON outlet.part_id = o.part_id AND outlet.id = o.outlet_id
      LEFT JOIN position ON position.part_id = o.part_id AND position.id = o.position_id
     WHERE o.part_id = ?1
     ORDER BY o.received_at_ms DESC, o.document_id DESC
     LIMIT ?2";

/// One order by its id.
///
/// # Errors
///
/// When the database refuses.
pub fn find(tx: &Transaction<'_>, part_id: &str, id: DocumentId) -> Result<Option<StoredOrder>> {
    Ok(load(tx, FIND, params![part_id, id.as_bytes()])?.pop())
}

const FIND: &str = "
    -- orders::find
    SELECT o.part_id, o.document_id, o.number, o.position_id, o.outlet_id, o.visit_id, o.outside_visit, o.placed_at_ms, o.local_day,
           o.delivery_day, o.comment, o.sum, o.vat_sum, o.received_at_ms, o.revision, o.withdrawn_at_ms,
           COALESCE(o.withdrawn_because, '') AS withdrawn_because,
           COALESCE(outlet.ext_code, '') AS outlet_ext_code, COALESCE(outlet.name, '') AS outlet_name,
           COALESCE(position.code, '') AS position_code
      FROM customer_order o
      LEFT JOIN outlet ON outlet.part_id = o.part_id AND outlet.id = o.outlet_id
      LEFT JOIN position ON position.part_id = o.part_id AND position.id = o.position_id
     WHERE o.part_id = ?1 AND o.document_id = ?2";

fn load(tx: &Transaction<'_>, text: &str, parameters: impl Params) -> Result<Vec<StoredOrder>> {
    let mut orders: Vec<StoredOrder> = tx.prepare_cached(text)?.query_and_then(parameters, order_from_row)?.collect::<Result<_>>()?;
    let mut lines = tx.prepare_cached(LINES)?;
    for order in &mut orders {
        order.lines = lines.query_and_then(params![order.part_id, order.id.as_bytes()], line_from_row)?.collect::<Result<_>>()?;
    }
    Ok(orders)
}

const LINES: &str = "
    -- orders::load
    SELECT l.line_no, l.product_id, l.unit, l.quantity, l.base_quantity, l.price, l.vat_rate, l.sum, l.vat_sum, l.office_vat_rate,
           COALESCE(p.sku, '') AS sku, COALESCE(p.name, '') AS name
      FROM order_line l
      LEFT JOIN product p ON p.part_id = l.part_id AND p.id = l.product_id
     WHERE l.part_id = ?1 AND l.document_id = ?2
     ORDER BY l.line_no";

fn order_from_row(row: &Row<'_>) -> Result<StoredOrder> {
    let id: Vec<u8> = row.get("document_id")?;
    let visit: Option<Vec<u8>> = row.get("visit_id")?;
    Ok(StoredOrder {
        id: document_id(&id)?,
        part_id: row.get("part_id")?,
        revision: row.get("revision")?,
        number: row.get("number")?,
        outlet: OutletId(row.get("outlet_id")?),
        outlet_ext_code: row.get("outlet_ext_code")?,
        outlet_name: row.get("outlet_name")?,
        position: PositionId(row.get("position_id")?),
        position_code: row.get("position_code")?,
        visit: visit.map(|bytes| document_id(&bytes)).transpose()?,
        outside_visit: row.get("outside_visit")?,
        placed_at: UtcMillis(row.get("placed_at_ms")?),
        local_day: CalendarDay(row.get("local_day")?),
        delivery_day: row.get::<_, Option<i32>>("delivery_day")?.map(CalendarDay),
        comment: row.get("comment")?,
        sum: Money(row.get("sum")?),
        vat_sum: Money(row.get("vat_sum")?),
        received_at: UtcMillis(row.get("received_at_ms")?),
        withdrawn_at: row.get::<_, Option<i64>>("withdrawn_at_ms")?.map(UtcMillis),
        withdrawn_because: row.get("withdrawn_because")?,
        lines: Vec::new(),
    })
}

fn line_from_row(row: &Row<'_>) -> Result<StoredLine> {
    let unit: String = row.get("unit")?;
    Ok(StoredLine {
        line_no: row.get("line_no")?,
        product: ProductId(row.get("product_id")?),
        sku: row.get("sku")?,
        name: row.get("name")?,
        unit: Unit::parse(&unit).ok_or(StoreError::Corrupt("order_line.unit"))?,
        quantity: row.get("quantity")?,
        base_quantity: row.get("base_quantity")?,
        price: Money(row.get("price")?),
        vat_rate: VatRate(row.get("vat_rate")?),
        sum: Money(row.get("sum")?),
        vat_sum: Money(row.get("vat_sum")?),
        office_vat_rate: row.get::<_, Option<i64>>("office_vat_rate")?.map(VatRate),
    })
}
