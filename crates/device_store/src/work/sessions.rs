//! The last sessions of synchronisation, for support.

use polevik_domain::time::UtcMillis;
use rusqlite::{Row, Transaction, named_params};

use crate::error::Result;

/// So many are kept.
pub const KEEP: u32 = 200;

/// One session that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalledSession {
    /// When it ended, by the server's clock.
    pub ended_at: UtcMillis,
    /// What began it.
    pub cause: String,
    /// Its tag.
    pub tag: String,
    /// `success`, `partial`, `failed`, `stopped`.
    pub result: String,
    /// Code of the first failure.
    pub code: Option<String>,
    /// Documents answered.
    pub sent: i64,
    /// Rows applied.
    pub received: i64,
    /// Bytes of bodies, both ways.
    pub bytes: i64,
    /// How long it took.
    pub millis: i64,
}

/// Notes a session, and forgets what is older than the newest [`KEEP`].
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn note(tx: &Transaction<'_>, session: &JournalledSession) -> Result<()> {
    tx.prepare_cached(NOTE)?.execute(named_params! {
        ":ended_at_ms": session.ended_at.0,
        ":cause": session.cause,
        ":tag": session.tag,
        ":result": session.result,
        ":code": session.code,
        ":sent": session.sent,
        ":received": session.received,
        ":bytes": session.bytes,
        ":millis": session.millis,
    })?;
    tx.prepare_cached(FORGET_OLD)?.execute(named_params! { ":keep": KEEP })?;
    Ok(())
}

const NOTE: &str = "
    -- sessions::note
    INSERT INTO sync_journal (ended_at_ms, cause, tag, result, code, sent, received, bytes, millis)
    VALUES (:ended_at_ms, :cause, :tag, :result, :code, :sent, :received, :bytes, :millis)";
const FORGET_OLD: &str = "
    -- sessions::note
    DELETE FROM sync_journal WHERE session_no <= (SELECT MAX(session_no) FROM sync_journal) - :keep";

/// Up to `limit` sessions, newest first.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn newest(tx: &Transaction<'_>, limit: u32) -> Result<Vec<JournalledSession>> {
    let mut statement = tx.prepare_cached(NEWEST)?;
    let rows = statement.query_map(named_params! { ":limit": limit }, from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<JournalledSession> {
    Ok(JournalledSession {
        ended_at: UtcMillis(row.get("ended_at_ms")?),
        cause: row.get("cause")?,
        tag: row.get("tag")?,
        result: row.get("result")?,
        code: row.get("code")?,
        sent: row.get("sent")?,
        received: row.get("received")?,
        bytes: row.get("bytes")?,
        millis: row.get("millis")?,
    })
}

const NEWEST: &str = "
    -- sessions::newest
    SELECT ended_at_ms, cause, tag, result, code, sent, received, bytes, millis
      FROM sync_journal
     ORDER BY session_no DESC
     LIMIT :limit";
