//! What is sold.

use polevik_domain::ids::ProductId;
use polevik_domain::money::{Money, VatRate};
use polevik_domain::quantity::UnitFactors;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::Result;

/// One product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// The office's id.
    pub ext_code: String,
    /// Article.
    pub sku: String,
    /// Name.
    pub name: String,
    /// Brand; may be empty.
    pub brand: String,
    /// Category; may be empty.
    pub category: String,
    /// Bar code; may be empty.
    pub barcode: String,
    /// Pieces in a block and in a box.
    pub factors: UnitFactors,
    /// Tax rate.
    pub vat_rate: VatRate,
    /// Whether it may be ordered.
    pub active: bool,
    /// Price where the price type has none.
    pub list_price: Option<Money>,
    /// Pieces in all warehouses.
    pub stock_total: Option<i64>,
}

impl Product {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: ProductId(row.get("id")?),
            ext_code: row.get("ext_code")?,
            sku: row.get("sku")?,
            name: row.get("name")?,
            brand: row.get("brand")?,
            category: row.get("category")?,
            barcode: row.get("barcode")?,
            factors: UnitFactors { block: row.get("block_factor")?, box_: row.get("box_factor")? },
            vat_rate: VatRate(row.get("vat_rate")?),
            active: row.get::<_, i64>("active")? != 0,
            list_price: row.get::<_, Option<i64>>("list_price")?.map(Money),
            stock_total: row.get("stock_total")?,
        })
    }
}

/// All products, by id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Product>> {
    let mut statement = tx.prepare_cached(ALL)?;
    let rows = statement.query_and_then([], Product::from_row)?;
    rows.collect()
}

const ALL: &str = "
    -- products::all
    SELECT id, ext_code, sku, name, brand, category, barcode, block_factor, box_factor, vat_rate, active, list_price, stock_total
      FROM product
     ORDER BY id";

/// Up to `limit` products, by id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn listed(tx: &Transaction<'_>, limit: u32) -> Result<Vec<Product>> {
    let mut statement = tx.prepare_cached(LISTED)?;
    let rows = statement.query_and_then(named_params! { ":limit": limit }, Product::from_row)?;
    rows.collect()
}

const LISTED: &str = "
    -- products::listed
    SELECT id, ext_code, sku, name, brand, category, barcode, block_factor, box_factor, vat_rate, active, list_price, stock_total
      FROM product
     ORDER BY id
     LIMIT :limit";

/// One product.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn find(tx: &Transaction<'_>, id: ProductId) -> Result<Option<Product>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id.0 }, Product::from_row)?.next();
    found.transpose()
}

const FIND: &str = "
    -- products::find
    SELECT id, ext_code, sku, name, brand, category, barcode, block_factor, box_factor, vat_rate, active, list_price, stock_total
      FROM product
     WHERE id = :id";

/// The product of that article, or else of that code of the office.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn by_code(tx: &Transaction<'_>, code: &str) -> Result<Option<ProductId>> {
    let mut statement = tx.prepare_cached(BY_CODE)?;
    Ok(statement.query_row(named_params! { ":code": code }, |row| Ok(ProductId(row.get("id")?))).optional()?)
}

const BY_CODE: &str = "
    -- products::by_code
    SELECT id
      FROM product
     WHERE sku = :code OR ext_code = :code
     ORDER BY sku = :code DESC, active DESC, id
     LIMIT 1";
