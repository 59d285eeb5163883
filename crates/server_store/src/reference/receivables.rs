//! What the import asks of receivables.

use rusqlite::{Transaction, named_params};

use crate::error::Result;

/// The natural keys of an outlet's receivables: they follow it into another territory.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn keys_of_outlet(tx: &Transaction<'_>, part_id: &str, outlet_id: i64) -> Result<Vec<String>> {
    let mut statement = tx.prepare_cached(KEYS_OF_OUTLET)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id, ":outlet_id": outlet_id }, |row| row.get("natural_key"))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const KEYS_OF_OUTLET: &str = "
    -- receivables::keys_of_outlet
    SELECT natural_key
      FROM receivable
     WHERE part_id = :part_id
       AND outlet_id = :outlet_id
     ORDER BY natural_key";
