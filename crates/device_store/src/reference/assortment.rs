//! What outlets of a format should have.

use polevik_domain::ids::ProductId;
use rusqlite::{Transaction, named_params};

use crate::error::Result;

/// The matrix of a format: product and `must`, `focus`, `new` or `stop`.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn of_format(tx: &Transaction<'_>, format: &str) -> Result<Vec<(ProductId, String)>> {
    let mut statement = tx.prepare_cached(OF_FORMAT)?;
    let rows =
        statement.query_and_then(named_params! { ":format": format }, |row| Ok((ProductId(row.get("product_id")?), row.get("kind")?)))?;
    rows.collect()
}

const OF_FORMAT: &str = "
    -- assortment::of_format
    SELECT product_id, kind
      FROM assortment
     WHERE format = :format
     ORDER BY product_id, id";
