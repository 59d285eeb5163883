//! What products cost by the price lists.

use polevik_domain::ids::{PriceTypeId, ProductId};
use polevik_domain::money::Money;
use polevik_domain::price::PriceEntry;
use polevik_domain::time::CalendarDay;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::reference::schema::Index;

pub(crate) const INDEX: Index = Index { table: "price", name: "price_by_type_and_product", columns: "price_type_id, product_id" };

fn entry(row: &Row<'_>) -> Result<PriceEntry> {
    let day: i64 = row.get("valid_from")?;
    let day = i32::try_from(day).map_err(|_| StoreError::BadValue("price.valid_from"))?;
    Ok(PriceEntry { value: Money(row.get("value")?), valid_from: CalendarDay(day) })
}

/// All entries of a price list, by product.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_type(tx: &Transaction<'_>, price_type: PriceTypeId) -> Result<Vec<(ProductId, PriceEntry)>> {
    let mut statement = tx.prepare_cached(OF_TYPE)?;
    let rows = statement
        .query_and_then(named_params! { ":price_type_id": price_type.0 }, |row| Ok((ProductId(row.get("product_id")?), entry(row)?)))?;
    rows.collect()
}

const OF_TYPE: &str = "
    -- prices::of_type
    SELECT product_id, valid_from, value
      FROM price
     WHERE price_type_id = :price_type_id
     ORDER BY product_id";

/// The entries of a price list for one product, in any order.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_product(tx: &Transaction<'_>, price_type: PriceTypeId, product: ProductId) -> Result<Vec<PriceEntry>> {
    let mut statement = tx.prepare_cached(OF_PRODUCT)?;
    let rows = statement.query_and_then(named_params! { ":price_type_id": price_type.0, ":product_id": product.0 }, entry)?;
    rows.collect()
}

const OF_PRODUCT: &str = "
    -- prices::of_product
    SELECT valid_from, value
      FROM price
     WHERE price_type_id = :price_type_id AND product_id = :product_id";

/// One entry with the names a person knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPrice {
    /// Price list.
    pub price_type: PriceTypeId,
    /// The office's code of it; empty if it is not on this device.
    pub price_type_code: String,
    /// Its name; empty if it is not on this device.
    pub price_type_name: String,
    /// Product.
    pub product: ProductId,
    /// Its article; empty if it is not on this device.
    pub sku: String,
    /// Its name; empty if it is not on this device.
    pub name: String,
    /// The entry.
    pub entry: PriceEntry,
}

/// Up to `limit` entries of all price lists, by list, product and day.
///
/// # Errors
///
/// [`StoreError`].
pub fn listed(tx: &Transaction<'_>, limit: u32) -> Result<Vec<NamedPrice>> {
    let mut statement = tx.prepare_cached(LISTED)?;
    let rows = statement.query_and_then(named_params! { ":limit": limit }, |row| {
        Ok(NamedPrice {
            price_type: PriceTypeId(row.get("price_type_id")?),
            price_type_code: row.get("price_type_code")?,
            price_type_name: row.get("price_type_name")?,
            product: ProductId(row.get("product_id")?),
            sku: row.get("sku")?,
            name: row.get("name")?,
            entry: entry(row)?,
        })
    })?;
    rows.collect()
}

const LISTED: &str = "
    -- prices::listed
    SELECT price.price_type_id, COALESCE(price_type.ext_code, '') AS price_type_code, COALESCE(price_type.name, '') AS price_type_name,
           price.product_id, COALESCE(product.sku, '') AS sku, COALESCE(product.name, '') AS name, price.valid_from, price.value
      FROM price
      LEFT JOIN price_type ON price_type.id = price.price_type_id
      LEFT JOIN product ON product.id = price.product_id
     ORDER BY price.price_type_id, price.product_id, price.valid_from, price.id
     LIMIT :limit";

/// The office's code and the name of a price list, if it is on this device.
///
/// # Errors
///
/// [`StoreError`].
pub fn type_code_and_name(tx: &Transaction<'_>, price_type: PriceTypeId) -> Result<Option<(String, String)>> {
    let mut statement = tx.prepare_cached(TYPE_CODE_AND_NAME)?;
    Ok(statement.query_row(named_params! { ":id": price_type.0 }, |row| Ok((row.get("ext_code")?, row.get("name")?))).optional()?)
}

const TYPE_CODE_AND_NAME: &str = "
    -- prices::type_code_and_name
    SELECT ext_code, name FROM price_type WHERE id = :id";

/// The name of a price list, if it is on this device.
///
/// # Errors
///
/// [`StoreError`].
pub fn type_name(tx: &Transaction<'_>, price_type: PriceTypeId) -> Result<Option<String>> {
    let mut statement = tx.prepare_cached(TYPE_NAME)?;
    Ok(statement.query_row(named_params! { ":id": price_type.0 }, |row| row.get("name")).optional()?)
}

const TYPE_NAME: &str = "
    -- prices::type_name
    SELECT name FROM price_type WHERE id = :id";
