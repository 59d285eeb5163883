//! A server that rests: until when devices are told to stay away.

use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::Result;

/// When devices shall come back; `None` while the server works. The moment may have passed: then the server works, too.
///
/// # Errors
///
/// When the database refuses.
pub fn until(tx: &Transaction<'_>) -> Result<Option<UtcMillis>> {
    Ok(tx.prepare_cached(UNTIL)?.query_row([], |row| row.get("until_ms").map(UtcMillis)).optional()?)
}

const UNTIL: &str = "
    -- maintenance::until
    SELECT until_ms
      FROM maintenance";

/// Lets the server rest until a moment, or work again.
///
/// # Errors
///
/// When the database refuses.
pub fn set(tx: &Transaction<'_>, until: Option<UtcMillis>) -> Result<()> {
    match until {
        Some(until) => tx.prepare_cached(REST)?.execute(params![until.0])?,
        None => tx.prepare_cached(WORK)?.execute([])?,
    };
    Ok(())
}

const REST: &str = "
    -- maintenance::set
    INSERT INTO maintenance (only_row, until_ms)
    VALUES (1, ?1)
    ON CONFLICT (only_row) DO UPDATE SET until_ms = excluded.until_ms";

const WORK: &str = "
    -- maintenance::set
    DELETE FROM maintenance";
