//! One answer per revision, for ever.

use polevik_domain::ids::{DeviceId, DocumentId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{ContentHash, Outcome, Receipt};
use polevik_protocol::error_code::ErrorCode;
use rusqlite::{Transaction, params};

use super::Author;
use crate::error::{Result, StoreError};

/// What was answered before to this revision of this document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing: the revision is new, and the document new or this device's own.
    None,
    /// The same came before: this is its answer.
    SameContent(Receipt),
    /// The revision came with other content, or the document is another device's.
    Taken,
}

/// What was answered before to this revision.
///
/// # Errors
///
/// When the database refuses.
pub fn find(tx: &Transaction<'_>, author: Author<'_>, id: DocumentId, revision: u32, hash: ContentHash) -> Result<Earlier> {
    let known = tx
        .prepare_cached(FIND)?
        .query_and_then(params![author.scope.part_id, id.as_bytes(), revision], |row| {
            let device: Vec<u8> = row.get("device_id")?;
            let stored_hash: Vec<u8> = row.get("content_hash")?;
            let code: Option<String> = row.get("code")?;
            let outcome = match code {
                None => Outcome::Accepted,
                Some(code) => Outcome::Rejected {
                    code: ErrorCode::parse(&code).ok_or(StoreError::Corrupt("document_receipt.code"))?,
                    reason: row.get("reason")?,
                    field: row.get("field")?,
                },
            };
            let receipt = Receipt { id, revision, outcome, received_at_ms: UtcMillis(row.get("received_at_ms")?) };
            Ok::<_, StoreError>((device, stored_hash, receipt))
        })?
        .next()
        .transpose()?;
    Ok(match known {
        Some((device, stored, receipt)) if device == author.device.as_bytes() && stored == hash.0 => Earlier::SameContent(receipt),
        Some(_) => Earlier::Taken,
        None if owner(tx, author, id)?.is_some_and(|owner| owner != author.device) => Earlier::Taken,
        None => Earlier::None,
    })
}

const FIND: &str = "
    -- receipts::find
    SELECT device_id, content_hash, code, reason, field, received_at_ms
      FROM document_receipt
     WHERE part_id = ?1 AND document_id = ?2 AND revision = ?3";

/// The device whose document it is; `None` for a document of which nothing came yet.
fn owner(tx: &Transaction<'_>, author: Author<'_>, id: DocumentId) -> Result<Option<DeviceId>> {
    tx.prepare_cached(OWNER)?
        .query_and_then(params![author.scope.part_id, id.as_bytes()], |row| {
            let device: Vec<u8> = row.get("device_id")?;
            DeviceId::from_slice(&device).ok_or(StoreError::Corrupt("document_receipt.device_id"))
        })?
        .next()
        .transpose()
}

const OWNER: &str = "
    -- receipts::find
    SELECT device_id
      FROM document_receipt
     WHERE part_id = ?1 AND document_id = ?2
     ORDER BY revision
     LIMIT 1";

/// The highest revision of a document that was answered; 0 if none was.
///
/// # Errors
///
/// When the database refuses.
pub fn highest_revision(tx: &Transaction<'_>, part_id: &str, id: DocumentId) -> Result<u32> {
    let found: Option<u32> = tx.prepare_cached(HIGHEST_REVISION)?.query_row(params![part_id, id.as_bytes()], |row| row.get("highest"))?;
    Ok(found.unwrap_or(0))
}

const HIGHEST_REVISION: &str = "
    -- receipts::highest_revision
    SELECT MAX(revision) AS highest
      FROM document_receipt
     WHERE part_id = ?1 AND document_id = ?2";

/// Writes the answer to a revision that had none.
///
/// # Errors
///
/// When the database refuses; also when the revision has an answer.
pub fn insert(
    tx: &Transaction<'_>,
    author: Author<'_>,
    id: DocumentId,
    revision: u32,
    hash: ContentHash,
    outcome: Outcome,
    now: UtcMillis,
) -> Result<Receipt> {
    let (code, reason, field) = match &outcome {
        Outcome::Accepted => (None, "", None),
        Outcome::Rejected { code, reason, field } => (Some(code.as_str()), reason.as_str(), field.as_deref()),
    };
    tx.prepare_cached(INSERT)?.execute(params![
        author.scope.part_id,
        id.as_bytes(),
        revision,
        author.device.as_bytes(),
        hash.0,
        code,
        reason,
        field,
        now.0,
    ])?;
    Ok(Receipt { id, revision, outcome, received_at_ms: now })
}

const INSERT: &str = "
    -- receipts::insert
    INSERT INTO document_receipt (part_id, document_id, revision, device_id, content_hash, code, reason, field, received_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
