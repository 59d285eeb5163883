//! How much there is, and where.

use polevik_domain::ids::{ProductId, WarehouseId};
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::Result;
use crate::reference::schema::Index;

pub(crate) const INDEX: Index = Index { table: "stock", name: "stock_by_warehouse", columns: "warehouse_id" };

/// Pieces free to sell in one warehouse, by product.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn of_warehouse(tx: &Transaction<'_>, warehouse: WarehouseId) -> Result<Vec<(ProductId, i64)>> {
    let mut statement = tx.prepare_cached(OF_WAREHOUSE)?;
    let rows = statement.query_and_then(named_params! { ":warehouse_id": warehouse.0 }, |row| {
        Ok((ProductId(row.get("product_id")?), row.get("available")?))
    })?;
    rows.collect()
}

const OF_WAREHOUSE: &str = "
    -- stock::of_warehouse
    SELECT product_id, available
      FROM stock
     WHERE warehouse_id = :warehouse_id
     ORDER BY product_id, id";

/// The warehouse this position ships from: the first one of which the device knows the stock.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn own_warehouse(tx: &Transaction<'_>) -> Result<Option<WarehouseId>> {
    let mut statement = tx.prepare_cached(OWN_WAREHOUSE)?;
    Ok(statement.query_row([], |row| Ok(WarehouseId(row.get("id")?))).optional()?)
}

const OWN_WAREHOUSE: &str = "
    -- stock::own_warehouse
    SELECT id
      FROM warehouse
     WHERE EXISTS (SELECT 1 FROM stock WHERE stock.warehouse_id = warehouse.id)
     ORDER BY id
     LIMIT 1";

/// The office's code and the name of a warehouse, if it is on this device.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn warehouse_code_and_name(tx: &Transaction<'_>, warehouse: WarehouseId) -> Result<Option<(String, String)>> {
    let mut statement = tx.prepare_cached(WAREHOUSE_CODE_AND_NAME)?;
    Ok(statement.query_row(named_params! { ":id": warehouse.0 }, |row| Ok((row.get("ext_code")?, row.get("name")?))).optional()?)
}

const WAREHOUSE_CODE_AND_NAME: &str = "
    -- stock::warehouse_code_and_name
    SELECT ext_code, name FROM warehouse WHERE id = :id";

/// The name of a warehouse, if it is on this device.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn warehouse_name(tx: &Transaction<'_>, warehouse: WarehouseId) -> Result<Option<String>> {
    let mut statement = tx.prepare_cached(WAREHOUSE_NAME)?;
    Ok(statement.query_row(named_params! { ":id": warehouse.0 }, |row| row.get("name")).optional()?)
}

const WAREHOUSE_NAME: &str = "
    -- stock::warehouse_name
    SELECT name FROM warehouse WHERE id = :id";
