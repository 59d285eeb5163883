//! Every accepted revision of each document, byte for byte.

use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{DocumentKind, Envelope};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Author;
use crate::error::{Result, StoreError};

/// What the accepted revisions of a document come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// The number of the newest.
    pub revision: u32,
    /// Visit, order or photo; `None` while only a withdrawal has come.
    pub kind: Option<DocumentKind>,
    /// The first revision that took the document back, if one did.
    pub withdrawn: Option<u32>,
}

/// What the accepted revisions of a document come to; `None` if none was accepted.
///
/// # Errors
///
/// When the database refuses.
pub fn newest(tx: &Transaction<'_>, part_id: &str, id: DocumentId) -> Result<Option<Newest>> {
    let mut found: Option<Newest> = None;
    let mut statement = tx.prepare_cached(NEWEST)?;
    let mut rows = statement.query(params![part_id, id.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let kind: String = row.get("kind")?;
        let kind = DocumentKind::parse(&kind).ok_or(StoreError::Corrupt("document.kind"))?;
        let revision: u32 = row.get("revision")?;
        let newest = found.get_or_insert(Newest { revision, kind: None, withdrawn: None });
        match kind {
            DocumentKind::Withdrawal => newest.withdrawn = Some(revision),
            DocumentKind::Visit | DocumentKind::Order | DocumentKind::Photo => newest.kind = newest.kind.or(Some(kind)),
        }
    }
    Ok(found)
}

const NEWEST: &str = "
    -- revisions::newest
    SELECT kind, revision
      FROM document
     WHERE part_id = ?1 AND id = ?2
     ORDER BY revision DESC";

/// Stores an accepted revision.
///
/// # Errors
///
/// When the database refuses; also when the revision is there.
pub fn insert(tx: &Transaction<'_>, author: Author<'_>, document: &Envelope, kind: DocumentKind, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(INSERT)?.execute(params![
        author.scope.part_id,
        document.id.as_bytes(),
        document.revision,
        kind.as_str(),
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

const INSERT: &str = "
    -- revisions::insert
    INSERT INTO document (part_id, id, revision, kind, device_id, user_id, position_id, device_seq, created_at_ms, received_at_ms, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// The body of a revision, as the device wrote it.
///
/// # Errors
///
/// When the database refuses.
pub fn body(tx: &Transaction<'_>, part_id: &str, id: DocumentId, revision: u32) -> Result<Option<String>> {
    Ok(tx.prepare_cached(BODY)?.query_row(params![part_id, id.as_bytes(), revision], |row| row.get("body")).optional()?)
}

const BODY: &str = "
    -- revisions::body
    SELECT body
      FROM document
     WHERE part_id = ?1 AND id = ?2 AND revision = ?3";
