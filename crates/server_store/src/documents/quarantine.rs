//! What was rejected, raw, with its reason.

use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{ContentHash, Envelope};
use rusqlite::{Transaction, params};

use super::{Author, Rejection};
use crate::error::Result;

/// What became of a rejected document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// When it came for the first time.
    pub first_received_at: UtcMillis,
    /// Whether that was now.
    pub is_new: bool,
}

/// Keeps a rejected document. The same content of the same device is kept once, with its first time.
///
/// # Errors
///
/// When the database refuses.
pub fn keep(
    tx: &Transaction<'_>,
    author: Author<'_>,
    document: &Envelope,
    hash: ContentHash,
    rejection: &Rejection,
    now: UtcMillis,
) -> Result<Kept> {
    let part_id = &author.scope.part_id;
    if polevik_planted::is(polevik_planted::Bug::RefusedNotKept) {
        return Ok(Kept { first_received_at: now, is_new: true });
    }
    let written = tx.prepare_cached(KEEP)?.execute(params![
        part_id,
        document.id.as_bytes(),
        document.revision,
        hash.0,
        author.device.as_bytes(),
        document.kind,
        author.user.0,
        author.scope.position.0,
        i64::try_from(document.device_seq).unwrap_or(i64::MAX),
        document.created_at_ms.0,
        now.0,
        rejection.code.as_str(),
        rejection.reason,
        rejection.field,
        document.body.get(),
    ])?;
    let first: i64 = tx
        .prepare_cached(FIRST)?
        .query_row(params![part_id, document.id.as_bytes(), document.revision, hash.0, author.device.as_bytes()], |row| {
            row.get("received_at_ms")
        })?;
    Ok(Kept { first_received_at: UtcMillis(first), is_new: written == 1 })
}

const KEEP: &str = "
    -- quarantine::keep
    INSERT INTO document_quarantine (part_id, document_id, revision, content_hash, device_id, kind, user_id, position_id, device_seq,
                                     created_at_ms, received_at_ms, code, reason, field, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (part_id, document_id, revision, content_hash, device_id) DO NOTHING";

const FIRST: &str = "
    -- quarantine::keep
    SELECT received_at_ms
      FROM document_quarantine
     WHERE part_id = ?1 AND document_id = ?2 AND revision = ?3 AND content_hash = ?4 AND device_id = ?5";
