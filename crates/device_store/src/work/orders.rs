//! Orders: drafts, and placed ones, which do not change any more.

use polevik_domain::ids::{DocumentId, OutletId, PositionId, PriceTypeId, ProductId, WarehouseId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::numbering::DocumentNumber;
use polevik_domain::order::{OrderLine, OrderTotals};
use polevik_domain::quantity::Unit;
use polevik_domain::time::{CalendarDay, UtcMillis};
use rusqlite::{Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// An order without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderHead {
    /// Made on this device.
    pub id: DocumentId,
    /// Position under which it was made.
    pub position: PositionId,
    /// Its number; `None` = a draft.
    pub number: Option<String>,
    /// For whom.
    pub outlet: OutletId,
    /// The outlet's name as it was then.
    pub outlet_name: String,
    /// Its visit.
    pub visit: Option<DocumentId>,
    /// Why outside a visit; present exactly when there is no visit.
    pub outside_visit: Option<String>,
    /// Price list by which it is priced.
    pub price_type: Option<PriceTypeId>,
    /// From where it is shipped.
    pub warehouse: Option<WarehouseId>,
    /// Wanted day of delivery.
    pub delivery_day: Option<CalendarDay>,
    /// The rep's words.
    pub comment: String,
    /// When it was placed, or last changed if a draft.
    pub at: UtcMillis,
    /// Calendar day of `at`.
    pub local_day: CalendarDay,
    /// What its lines come to.
    pub totals: OrderTotals,
}

impl OrderHead {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let id: Vec<u8> = row.get("id")?;
        let visit: Option<Vec<u8>> = row.get("visit_id")?;
        let visit = match visit {
            Some(bytes) => Some(DocumentId::from_slice(&bytes).ok_or(StoreError::BadValue("customer_order.visit_id"))?),
            None => None,
        };
        Ok(Self {
            id: DocumentId::from_slice(&id).ok_or(StoreError::BadValue("customer_order.id"))?,
            position: PositionId(row.get("position_id")?),
            number: row.get("number")?,
            outlet: OutletId(row.get("outlet_id")?),
            outlet_name: row.get("outlet_name")?,
            visit,
            outside_visit: row.get("outside_visit")?,
            price_type: row.get::<_, Option<i64>>("price_type_id")?.map(PriceTypeId),
            warehouse: row.get::<_, Option<i64>>("warehouse_id")?.map(WarehouseId),
            delivery_day: row.get::<_, Option<i32>>("delivery_day")?.map(CalendarDay),
            comment: row.get("comment")?,
            at: UtcMillis(row.get("at_ms")?),
            local_day: CalendarDay(row.get("local_day")?),
            totals: OrderTotals { sum: Money(row.get("sum")?), vat_sum: Money(row.get("vat_sum")?), lines: row.get("line_count")? },
        })
    }

    /// Whether it may still be changed.
    #[must_use]
    pub fn is_draft(&self) -> bool {
        self.number.is_none()
    }
}

/// Writes a new draft, or the head of one that changed. A placed order is never written by it.
///
/// # Errors
///
/// [`StoreError`].
pub fn save_draft(tx: &Transaction<'_>, head: &OrderHead) -> Result<()> {
    tx.prepare_cached(SAVE_DRAFT)?.execute(named_params! {
        ":id": head.id.as_bytes(),
        ":position_id": head.position.0,
        ":outlet_id": head.outlet.0,
        ":outlet_name": head.outlet_name,
        ":visit_id": head.visit.as_ref().map(DocumentId::as_bytes),
        ":outside_visit": head.outside_visit,
        ":price_type_id": head.price_type.map(|id| id.0),
        ":warehouse_id": head.warehouse.map(|id| id.0),
        ":delivery_day": head.delivery_day.map(|day| day.0),
        ":comment": head.comment,
        ":at_ms": head.at.0,
        ":local_day": head.local_day.0,
        ":sum": head.totals.sum.0,
        ":vat_sum": head.totals.vat_sum.0,
        ":line_count": head.totals.lines,
    })?;
    Ok(())
}

const SAVE_DRAFT: &str = "
    -- orders::save_draft
    INSERT INTO customer_order (id, position_id, outlet_id, outlet_name, visit_id, outside_visit, price_type_id, warehouse_id,
                                delivery_day, comment, at_ms, local_day, sum, vat_sum, line_count)
    VALUES (:id, :position_id, :outlet_id, :outlet_name, :visit_id, :outside_visit, :price_type_id, :warehouse_id,
            :delivery_day, :comment, :at_ms, :local_day, :sum, :vat_sum, :line_count)
    ON CONFLICT (id) DO UPDATE
       SET delivery_day = excluded.delivery_day, comment = excluded.comment, at_ms = excluded.at_ms, local_day = excluded.local_day,
           sum = excluded.sum, vat_sum = excluded.vat_sum, line_count = excluded.line_count
     WHERE number IS NULL";

/// Makes a draft a placed order.
///
/// # Errors
///
/// [`StoreError`].
pub fn place(tx: &Transaction<'_>, id: DocumentId, number: &DocumentNumber, at: UtcMillis, local_day: CalendarDay) -> Result<()> {
    tx.prepare_cached(PLACE)?.execute(named_params! {
        ":id": id.as_bytes(),
        ":number": number.as_str(),
        ":at_ms": at.0,
        ":local_day": local_day.0,
    })?;
    Ok(())
}

const PLACE: &str = "
    -- orders::place
    UPDATE customer_order
       SET number = :number, at_ms = :at_ms, local_day = :local_day
     WHERE id = :id AND number IS NULL";

/// Throws a draft and its lines away; a placed order stays.
///
/// # Errors
///
/// [`StoreError`].
pub fn discard(tx: &Transaction<'_>, id: DocumentId) -> Result<()> {
    tx.prepare_cached(DISCARD)?.execute(named_params! { ":id": id.as_bytes() })?;
    Ok(())
}

const DISCARD: &str = "
    -- orders::discard
    DELETE FROM customer_order WHERE id = :id AND number IS NULL";

/// One order.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, id: DocumentId) -> Result<Option<OrderHead>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id.as_bytes() }, OrderHead::from_row)?.next();
    found.transpose()
}

const FIND: &str = "
    -- orders::find
    SELECT id, position_id, number, outlet_id, outlet_name, visit_id, outside_visit, price_type_id, warehouse_id, delivery_day, comment,
           at_ms, local_day, sum, vat_sum, line_count
      FROM customer_order
     WHERE id = :id";

/// The orders of a visit, drafts too, oldest first.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_visit(tx: &Transaction<'_>, visit: DocumentId) -> Result<Vec<OrderHead>> {
    let mut statement = tx.prepare_cached(OF_VISIT)?;
    let rows = statement.query_and_then(named_params! { ":visit_id": visit.as_bytes() }, OrderHead::from_row)?;
    rows.collect()
}

const OF_VISIT: &str = "
    -- orders::of_visit
    SELECT id, position_id, number, outlet_id, outlet_name, visit_id, outside_visit, price_type_id, warehouse_id, delivery_day, comment,
           at_ms, local_day, sum, vat_sum, line_count
      FROM customer_order
     WHERE visit_id = :visit_id
     ORDER BY id";

/// Up to `limit` orders of a position, newest first, drafts too.
///
/// # Errors
///
/// [`StoreError`].
pub fn newest(tx: &Transaction<'_>, position: PositionId, limit: u32) -> Result<Vec<OrderHead>> {
    let mut statement = tx.prepare_cached(NEWEST)?;
    let rows = statement.query_and_then(named_params! { ":position_id": position.0, ":limit": limit }, OrderHead::from_row)?;
    rows.collect()
}

const NEWEST: &str = "
    -- orders::newest
    SELECT id, position_id, number, outlet_id, outlet_name, visit_id, outside_visit, price_type_id, warehouse_id, delivery_day, comment,
           at_ms, local_day, sum, vat_sum, line_count
      FROM customer_order
     WHERE position_id = :position_id
     ORDER BY at_ms DESC, id DESC
     LIMIT :limit";

/// How many orders a position has on this device, drafts too.
///
/// # Errors
///
/// [`StoreError`].
pub fn count(tx: &Transaction<'_>, position: PositionId) -> Result<u32> {
    Ok(tx.prepare_cached(COUNT)?.query_row(named_params! { ":position_id": position.0 }, |row| row.get("orders"))?)
}

const COUNT: &str = "
    -- orders::count
    SELECT COUNT(*) AS orders FROM customer_order WHERE position_id = :position_id";

/// Up to `limit` orders of a position for one outlet, newest first, drafts too.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_outlet(tx: &Transaction<'_>, position: PositionId, outlet: OutletId, limit: u32) -> Result<Vec<OrderHead>> {
    let mut statement = tx.prepare_cached(OF_OUTLET)?;
    let rows = statement
        .query_and_then(named_params! { ":position_id": position.0, ":outlet_id": outlet.0, ":limit": limit }, OrderHead::from_row)?;
    rows.collect()
}

const OF_OUTLET: &str = "
    -- orders::of_outlet
    SELECT id, position_id, number, outlet_id, outlet_name, visit_id, outside_visit, price_type_id, warehouse_id, delivery_day, comment,
           at_ms, local_day, sum, vat_sum, line_count
      FROM customer_order
     WHERE outlet_id = :outlet_id AND position_id = :position_id
     ORDER BY at_ms DESC, id DESC
     LIMIT :limit";

/// How many orders a position placed on a day, and what they come to.
///
/// # Errors
///
/// [`StoreError`].
pub fn placed_on(tx: &Transaction<'_>, position: PositionId, day: CalendarDay) -> Result<(u32, Money)> {
    let mut statement = tx.prepare_cached(PLACED_ON)?;
    Ok(statement
        .query_row(named_params! { ":position_id": position.0, ":day": day.0 }, |row| Ok((row.get("orders")?, Money(row.get("total")?))))?)
}

const PLACED_ON: &str = "
    -- orders::placed_on
    SELECT COUNT(*) AS orders, COALESCE(SUM(sum), 0) AS total
      FROM customer_order
     WHERE position_id = :position_id AND local_day = :day AND number IS NOT NULL";

/// A line with what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// The line.
    pub line: OrderLine,
    /// Article as it was then.
    pub sku: String,
    /// Name as it was then.
    pub name: String,
}

/// The lines of an order, in the order they were entered.
///
/// # Errors
///
/// [`StoreError`].
pub fn lines(tx: &Transaction<'_>, order: DocumentId) -> Result<Vec<StoredLine>> {
    let mut statement = tx.prepare_cached(LINES)?;
    let rows = statement.query_and_then(named_params! { ":order_id": order.as_bytes() }, |row| {
        let unit: String = row.get("unit")?;
        Ok(StoredLine {
            line: OrderLine {
                product_id: ProductId(row.get("product_id")?),
                unit: Unit::parse(&unit).ok_or(StoreError::BadValue("order_line.unit"))?,
                quantity: row.get("quantity")?,
                base_quantity: row.get("base_quantity")?,
                price: Money(row.get("price")?),
                vat_rate: VatRate(row.get("vat_rate")?),
                sum: Money(row.get("sum")?),
                vat_sum: Money(row.get("vat_sum")?),
            },
            sku: row.get("sku")?,
            name: row.get("name")?,
        })
    })?;
    rows.collect()
}

const LINES: &str = "
    -- orders::lines
    SELECT product_id, sku, name, unit, quantity, base_quantity, price, vat_rate, sum, vat_sum
      FROM order_line
     WHERE order_id = :order_id
     ORDER BY line_no";

/// Sets the line of a product; a product that is in the order already keeps its place.
///
/// # Errors
///
/// [`StoreError`].
pub fn set_line(tx: &Transaction<'_>, order: DocumentId, stored: &StoredLine) -> Result<()> {
    let line = &stored.line;
    tx.prepare_cached(SET_LINE)?.execute(named_params! {
        ":order_id": order.as_bytes(),
        ":product_id": line.product_id.0,
        ":sku": stored.sku,
        ":name": stored.name,
        ":unit": line.unit.as_str(),
        ":quantity": line.quantity,
        ":base_quantity": line.base_quantity,
        ":price": line.price.0,
        ":vat_rate": line.vat_rate.0,
        ":sum": line.sum.0,
        ":vat_sum": line.vat_sum.0,
    })?;
    Ok(())
}

const SET_LINE: &str = "
    -- orders::set_line
    INSERT INTO order_line (order_id, line_no, product_id, sku, name, unit, quantity, base_quantity, price, vat_rate, sum, vat_sum)
    VALUES (:order_id, (SELECT COALESCE(MAX(line_no), 0) + 1 FROM order_line WHERE order_id = :order_id),
            :product_id, :sku, :name, :unit, :quantity, :base_quantity, :price, :vat_rate, :sum, :vat_sum)
    ON CONFLICT (order_id, product_id) DO UPDATE
       SET sku = excluded.sku, name = excluded.name, unit = excluded.unit, quantity = excluded.quantity,
           base_quantity = excluded.base_quantity, price = excluded.price, vat_rate = excluded.vat_rate, sum = excluded.sum,
           vat_sum = excluded.vat_sum";

/// Removes the line of a product, if there is one.
///
/// # Errors
///
/// [`StoreError`].
pub fn remove_line(tx: &Transaction<'_>, order: DocumentId, product: ProductId) -> Result<()> {
    tx.prepare_cached(REMOVE_LINE)?.execute(named_params! { ":order_id": order.as_bytes(), ":product_id": product.0 })?;
    Ok(())
}

const REMOVE_LINE: &str = "
    -- orders::remove_line
    DELETE FROM order_line WHERE order_id = :order_id AND product_id = :product_id";
