//! The newest accepted revision of each document, byte for byte.

use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{DocumentKind, Envelope};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Author;
use crate::error::{Result, StoreError};

/// What is stored of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// What it is.
    pub kind: DocumentKind,
    /// Its newest accepted revision.
    pub revision: u32,
    /// The position under which it was made.
    pub position: PositionId,
}

/// The newest accepted revision of a document; `None` if none was accepted.
///
/// # Errors
///
/// When the database refuses.
pub fn find(tx: &Transaction<'_>, part_id: &str, id: DocumentId) -> Result<Option<Newest>> {
    tx.prepare_cached(FIND)?
        .query_and_then(params![part_id, id.as_bytes()], |row| {
            let kind: String = row.get("kind")?;
            Ok(Newest {
                kind: DocumentKind::parse(&kind).ok_or(StoreError::Corrupt("document.kind"))?,
                revision: row.get("revision")?,
                position: PositionId(row.get("position_id")?),
            })
        })?
        .next()
        .transpose()
}

const FIND: &str = "
    -- newest::find
    SELECT kind, revision, position_id
      FROM document
     WHERE part_id = ?1 AND id = ?2";

/// Stores an accepted revision in place of the one before. The position stays that of the first.
///
/// # Errors
///
/// When the database refuses.
pub fn put(tx: &Transaction<'_>, author: Author<'_>, document: &Envelope, kind: DocumentKind, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(PUT)?.execute(params![
        author.scope.part_id,
        document.id.as_bytes(),
        kind.as_str(),
        document.revision,
        author.device.as_bytes(),
        author.user.0,
        author.scope.position.0,
        i64::try_from(document.device_seq).unwrap_or(i64::MAX),
        document.created_at_ms.0,
        now.0,
        document.body.get(),
    ])?;
    Ok(())
}

const PUT: &str = "
    -- newest::put
    INSERT INTO document (part_id, id, kind, revision, device_id, user_id, position_id, device_seq, created_at_ms, received_at_ms, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (part_id, id) DO UPDATE
       SET revision = excluded.revision, user_id = excluded.user_id, device_seq = excluded.device_seq,
           created_at_ms = excluded.created_at_ms, received_at_ms = excluded.received_at_ms, body = excluded.body";

/// The body of the newest accepted revision, as the device wrote it.
///
/// # Errors
///
/// When the database refuses.
pub fn body(tx: &Transaction<'_>, part_id: &str, id: DocumentId) -> Result<Option<String>> {
    Ok(tx.prepare_cached(BODY)?.query_row(params![part_id, id.as_bytes()], |row| row.get("body")).optional()?)
}

const BODY: &str = "
    -- newest::body
    SELECT body
      FROM document
     WHERE part_id = ?1 AND id = ?2";
