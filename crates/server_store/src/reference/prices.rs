//! What the import asks of prices.

use std::collections::HashMap;

use polevik_domain::time::CalendarDay;
use rusqlite::{Transaction, named_params};

use crate::error::Result;

/// The entry of a price list that holds for a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentEntry {
    /// Its first day, days since 1970-01-01.
    pub valid_from: i64,
    /// Price of a piece, kopecks.
    pub value: i64,
}

/// The entries that hold on `day`, by price type and product.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn present(tx: &Transaction<'_>, part_id: &str, day: CalendarDay) -> Result<HashMap<(i64, i64), PresentEntry>> {
    let mut statement = tx.prepare_cached(PRESENT)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id, ":day": day.0 }, |row| {
        let entry = PresentEntry { valid_from: row.get("valid_from")?, value: row.get("value")? };
        Ok(((row.get("price_type_id")?, row.get("product_id")?), entry))
    })?;
    // Rising days: the latest of a product stays.
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const PRESENT: &str = "
    -- prices::present
    SELECT price_type_id, product_id, valid_from, value
      FROM price
     WHERE part_id = :part_id
       AND valid_from <= :day
     ORDER BY valid_from, id";
