//! Rows of the synchronisation screen, and how the last session ended: they outlive the process.

use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::Result;

/// A row as it is kept. Words, not types: their meaning is the engine's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredRow {
    /// `ok`, `partial`, `waiting`, `failed`, `stopped`; `None` before the first attempt.
    pub outcome: Option<String>,
    /// Last complete success.
    pub last_success: Option<UtcMillis>,
    /// Last attempt.
    pub last_attempt: Option<UtcMillis>,
    /// Whether the last success changed something.
    pub changed: bool,
    /// Code of the failure.
    pub code: Option<String>,
    /// Tag of the session it failed in.
    pub tag: Option<String>,
    /// For support.
    pub detail: Option<String>,
    /// Failures in a row.
    pub attempts: u32,
    /// When it is tried again by itself, by the device's clock.
    pub next_try: Option<UtcMillis>,
    /// For what it waits.
    pub wait_reason: Option<String>,
    /// Files that wait, or that are done of [`StoredRow::amount`].
    pub files: u64,
    /// Bytes that wait, or files in all.
    pub amount: u64,
}

/// The row of that name; a row never written is one that never ran.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn load(tx: &Transaction<'_>, name: &str) -> Result<StoredRow> {
    let found = tx
        .prepare_cached(LOAD)?
        .query_row(named_params! { ":row": name }, |row| {
            Ok(StoredRow {
                outcome: row.get("outcome")?,
                last_success: row.get::<_, Option<i64>>("last_success_ms")?.map(UtcMillis),
                last_attempt: row.get::<_, Option<i64>>("last_attempt_ms")?.map(UtcMillis),
                changed: row.get("changed")?,
                code: row.get("code")?,
                tag: row.get("tag")?,
                detail: row.get("detail")?,
                attempts: row.get("attempts")?,
                next_try: row.get::<_, Option<i64>>("next_try_ms")?.map(UtcMillis),
                wait_reason: row.get("wait_reason")?,
                files: row.get::<_, i64>("files")?.max(0).cast_unsigned(),
                amount: row.get::<_, i64>("amount")?.max(0).cast_unsigned(),
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

const LOAD: &str = "
    -- rows::load
    SELECT outcome, last_success_ms, last_attempt_ms, changed, code, tag, detail, attempts, next_try_ms, wait_reason, files, amount
      FROM sync_row
     WHERE row = :row";

/// Keeps a row.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn save(tx: &Transaction<'_>, name: &str, row: &StoredRow) -> Result<()> {
    tx.prepare_cached(SAVE)?.execute(named_params! {
        ":row": name,
        ":outcome": row.outcome,
        ":last_success_ms": row.last_success.map(|at| at.0),
        ":last_attempt_ms": row.last_attempt.map(|at| at.0),
        ":changed": row.changed,
        ":code": row.code,
        ":tag": row.tag,
        ":detail": row.detail,
        ":attempts": row.attempts,
        ":next_try_ms": row.next_try.map(|at| at.0),
        ":wait_reason": row.wait_reason,
        ":files": super::signed(row.files)?,
        ":amount": super::signed(row.amount)?,
    })?;
    Ok(())
}

const SAVE: &str = "
    -- rows::save
    INSERT INTO sync_row (row, outcome, last_success_ms, last_attempt_ms, changed, code, tag, detail, attempts, next_try_ms, wait_reason,
                          files, amount)
    VALUES (:row, :outcome, :last_success_ms, :last_attempt_ms, :changed, :code, :tag, :detail, :attempts, :next_try_ms, :wait_reason,
            :files, :amount)
    ON CONFLICT (row) DO UPDATE
       SET outcome = excluded.outcome, last_success_ms = excluded.last_success_ms, last_attempt_ms = excluded.last_attempt_ms,
           changed = excluded.changed, code = excluded.code, tag = excluded.tag, detail = excluded.detail,
           attempts = excluded.attempts, next_try_ms = excluded.next_try_ms, wait_reason = excluded.wait_reason,
           files = excluded.files, amount = excluded.amount";

/// Forgets all rows and the last session: another position begins.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn clear(tx: &Transaction<'_>) -> Result<()> {
    tx.execute(CLEAR_ROWS, [])?;
    tx.execute(CLEAR_SESSION, [])?;
    Ok(())
}

const CLEAR_ROWS: &str = "
    -- rows::clear
    DELETE FROM sync_row";
const CLEAR_SESSION: &str = "
    -- rows::clear
    DELETE FROM sync_session";

/// How the last session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Its tag.
    pub tag: String,
    /// `success`, `partial`, `failed`, `stopped`.
    pub result: String,
    /// Documents answered.
    pub sent: i64,
    /// Rows applied.
    pub received: i64,
    /// Bytes of bodies, both ways.
    pub bytes: i64,
    /// How long it took.
    pub millis: i64,
}

/// The last session that ended; `None` before the first.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn last_session(tx: &Transaction<'_>) -> Result<Option<StoredSession>> {
    let mut statement = tx.prepare_cached(LAST_SESSION)?;
    let found = statement
        .query_row([], |row| {
            Ok(StoredSession {
                tag: row.get("tag")?,
                result: row.get("result")?,
                sent: row.get("sent")?,
                received: row.get("received")?,
                bytes: row.get("bytes")?,
                millis: row.get("millis")?,
            })
        })
        .optional()?;
    Ok(found)
}

const LAST_SESSION: &str = "
    -- rows::last_session
    SELECT tag, result, sent, received, bytes, millis FROM sync_session WHERE only = 1";

/// Keeps how a session ended.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn save_session(tx: &Transaction<'_>, session: &StoredSession) -> Result<()> {
    tx.prepare_cached(SAVE_SESSION)?.execute(named_params! {
        ":tag": session.tag,
        ":result": session.result,
        ":sent": session.sent,
        ":received": session.received,
        ":bytes": session.bytes,
        ":millis": session.millis,
    })?;
    Ok(())
}

const SAVE_SESSION: &str = "
    -- rows::save_session
    INSERT INTO sync_session (only, tag, result, sent, received, bytes, millis)
    VALUES (1, :tag, :result, :sent, :received, :bytes, :millis)
    ON CONFLICT (only) DO UPDATE
       SET tag = excluded.tag, result = excluded.result, sent = excluded.sent, received = excluded.received, bytes = excluded.bytes,
           millis = excluded.millis";
