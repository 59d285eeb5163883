//! Repairs of the copy of the office that did not help: the third of a day has it built anew.

use polevik_domain::time::UtcMillis;
use rusqlite::{Transaction, named_params};

use crate::error::Result;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Notes one, and says how many there were within the last 24 hours, this one included.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn note_failure(tx: &Transaction<'_>, now: UtcMillis) -> Result<u32> {
    // A clock that was set back must not keep failures for ever.
    tx.prepare_cached(FORGET_OLD)?.execute(named_params! { ":since_ms": now.plus_millis(-DAY_MS).0, ":now_ms": now.0 })?;
    tx.prepare_cached(NOTE)?.execute(named_params! { ":at_ms": now.0 })?;
    Ok(tx.prepare_cached(COUNT)?.query_row([], |row| row.get("failures"))?)
}

const FORGET_OLD: &str = "
    -- repairs::note_failure
    DELETE FROM repair_failure WHERE at_ms <= :since_ms OR at_ms > :now_ms";
const NOTE: &str = "
    -- repairs::note_failure
    INSERT INTO repair_failure (at_ms) VALUES (:at_ms)";
const COUNT: &str = "
    -- repairs::note_failure
    SELECT COUNT(*) AS failures FROM repair_failure";

/// Forgets them: the copy was built anew.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn forget_failures(tx: &Transaction<'_>) -> Result<()> {
    tx.prepare_cached(FORGET)?.execute([])?;
    Ok(())
}

const FORGET: &str = "
    -- repairs::forget_failures
    DELETE FROM repair_failure";
