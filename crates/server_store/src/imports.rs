//! Runs of imports and the rows they refused.

use polevik_domain::time::UtcMillis;
use rusqlite::{Transaction, named_params};

use crate::error::Result;
use crate::part::take_ids;

/// What a run has come to so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Rows read.
    pub rows: u64,
    /// New rows.
    pub inserted: u64,
    /// Rows that differ from before.
    pub updated: u64,
    /// Rows as they were.
    pub unchanged: u64,
    /// Rows that a full list did not name any more.
    pub removed: u64,
    /// Rows not taken.
    pub refused: u64,
}

/// One row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Order within the run, from 1.
    pub n: u64,
    /// Line of the file, from 1.
    pub line: u64,
    /// The catalogue's code.
    pub code: &'static str,
    /// The field at fault; empty: the whole row.
    pub field: String,
    /// For people.
    pub reason: String,
}

/// Notes that a run begins, and gives its number.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn begin(tx: &Transaction<'_>, part_id: &str, kind: &str, source: &str, now: UtcMillis) -> Result<i64> {
    let id = take_ids(tx, part_id, "import_run", 1)?;
    tx.prepare_cached(BEGIN)?.execute(named_params! {
        ":part_id": part_id,
        ":id": id,
        ":kind": kind,
        ":source": source,
        ":started_at_ms": now.0,
    })?;
    Ok(id)
}

const BEGIN: &str = "
    -- imports::begin
    INSERT INTO import_run (part_id, id, kind, source, started_at_ms, row_count, inserted, updated, unchanged, removed, refused)
    VALUES (:part_id, :id, :kind, :source, :started_at_ms, 0, 0, 0, 0, 0, 0)";

/// Notes what the run has come to; `finished` when it is over.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn advance(tx: &Transaction<'_>, part_id: &str, id: i64, counts: &RunCounts, finished: Option<UtcMillis>) -> Result<()> {
    tx.prepare_cached(ADVANCE)?.execute(named_params! {
        ":part_id": part_id,
        ":id": id,
        ":finished_at_ms": finished.map(|moment| moment.0),
        ":row_count": counts.rows.cast_signed(),
        ":inserted": counts.inserted.cast_signed(),
        ":updated": counts.updated.cast_signed(),
        ":unchanged": counts.unchanged.cast_signed(),
        ":removed": counts.removed.cast_signed(),
        ":refused": counts.refused.cast_signed(),
    })?;
    Ok(())
}

const ADVANCE: &str = "
    -- imports::advance
    UPDATE import_run
       SET finished_at_ms = :finished_at_ms,
           row_count = :row_count,
           inserted = :inserted,
           updated = :updated,
           unchanged = :unchanged,
           removed = :removed,
           refused = :refused
     WHERE part_id = :part_id
       AND id = :id";

/// Keeps a refused row.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn refuse(tx: &Transaction<'_>, part_id: &str, run_id: i64, row: &RefusedRow) -> Result<()> {
    tx.prepare_cached(REFUSE)?.execute(named_params! {
        ":part_id": part_id,
        ":run_id": run_id,
        ":n": row.n.cast_signed(),
        ":line": row.line.cast_signed(),
        ":code": row.code,
        ":field": row.field,
        ":reason": row.reason,
    })?;
    Ok(())
}

const REFUSE: &str = "
    -- imports::refuse
    INSERT INTO import_refused (part_id, run_id, n, line, code, field, reason)
    VALUES (:part_id, :run_id, :n, :line, :code, :field, :reason)";
