//! What the databases take on the disk.

use rusqlite::Transaction;

use crate::db::Both;
use crate::error::Result;

/// Bytes of both databases, without what stands in their logs.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn of_databases(both: &Both<'_>) -> Result<u64> {
    Ok(of_one(&both.work)? + of_one(&both.reference)?)
}

fn of_one(tx: &Transaction<'_>) -> Result<u64> {
    let bytes: i64 = tx.prepare_cached(OF_ONE)?.query_row([], |row| row.get("bytes"))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

const OF_ONE: &str = "
    -- space::of_one
    SELECT page_count * page_size AS bytes FROM pragma_page_count() CROSS JOIN pragma_page_size()";
