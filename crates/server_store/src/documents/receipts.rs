//! One answer per revision, for ever.

use polevik_domain::ids::{DeviceId, DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{ContentHash, Outcome, Receipt};
use polevik_protocol::error_code::ErrorCode;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::Author;
use crate::error::{Result, StoreError};

/// What was answered before to this revision of this document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing: the revision is new, and the document new or of this device's own chain.
    None {
        /// The highest revision of the document that was answered; 0 = the document is new.
        highest: u32,
    },
    /// The same came before, from this device's chain or its position: this is its answer.
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
    let mut statement = tx.prepare_cached(FIND)?;
    let mut rows = statement.query(params![author.scope.part_id, id.as_bytes()])?;
    let (mut is_anothers, mut highest, mut same) = (false, 0, None);
    while let Some(row) = rows.next()? {
        let is_own = blob(row, "lineage")? == author.lineage.as_bytes();
        // The document is of the chain that sent its first revision.
        is_anothers |= highest == 0 && !is_own;
        highest = row.get("revision")?;
        if highest == revision {
            if blob(row, "content_hash")? != hash.0 {
                return Ok(Earlier::Taken);
            }
            same = Some((is_own, receipt_from_row(row, id)?));
        }
    }
    Ok(match same {
        Some((is_own, receipt)) if is_own || is_of_position(tx, author, id, revision, hash)? => Earlier::SameContent(receipt),
        Some(_) => Earlier::Taken,
        None if is_anothers => Earlier::Taken,
        None => Earlier::None { highest },
    })
}

const FIND: &str = "
    -- receipts::find
    SELECT r.revision, COALESCE(d.lineage, r.device_id) AS lineage, r.content_hash, r.code, r.reason, r.field, r.received_at_ms
      FROM document_receipt r
      LEFT JOIN device d ON d.part_id = r.part_id AND d.id = r.device_id
     WHERE r.part_id = ?1 AND r.document_id = ?2
     ORDER BY r.revision";

fn blob<'row>(row: &'row Row<'_>, column: &str) -> Result<&'row [u8]> {
    row.get_ref(column)?.as_blob().map_err(|_| StoreError::Corrupt("a column of document_receipt"))
}

fn receipt_from_row(row: &Row<'_>, id: DocumentId) -> Result<Receipt> {
    let code: Option<String> = row.get("code")?;
    let outcome = match code {
        None => Outcome::Accepted,
        Some(code) => Outcome::Rejected {
            code: ErrorCode::parse(&code).ok_or(StoreError::Corrupt("document_receipt.code"))?,
            reason: row.get("reason")?,
            field: row.get("field")?,
        },
    };
    Ok(Receipt { id, revision: row.get("revision")?, outcome, received_at_ms: UtcMillis(row.get("received_at_ms")?) })
}

/// Whether a revision with this content came under the author's position, on whatever device.
fn is_of_position(tx: &Transaction<'_>, author: Author<'_>, id: DocumentId, revision: u32, hash: ContentHash) -> Result<bool> {
    let position: PositionId = author.scope.position;
    let found = tx
        .prepare_cached(IS_OF_POSITION)?
        .query_row(params![author.scope.part_id, id.as_bytes(), revision, hash.0, position.0], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

const IS_OF_POSITION: &str = "
    -- receipts::is_of_position
    SELECT 1
      FROM document
     WHERE part_id = ?1 AND id = ?2 AND revision = ?3 AND position_id = ?5
    UNION ALL
    SELECT 1
      FROM document_quarantine
     WHERE part_id = ?1 AND document_id = ?2 AND revision = ?3 AND content_hash = ?4 AND position_id = ?5";

/// Whether a revision was answered, whatever its content.
///
/// # Errors
///
/// When the database refuses.
pub fn exists(tx: &Transaction<'_>, part_id: &str, id: DocumentId, revision: u32) -> Result<bool> {
    let found = tx.prepare_cached(EXISTS)?.query_row(params![part_id, id.as_bytes(), revision], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

const EXISTS: &str = "
    -- receipts::exists
    SELECT 1
      FROM document_receipt
     WHERE part_id = ?1 AND document_id = ?2 AND revision = ?3";

/// Whether a device has used a number for a revision that was answered.
///
/// # Errors
///
/// When the database refuses.
pub fn number_is_used(tx: &Transaction<'_>, part_id: &str, device: DeviceId, device_seq: u64) -> Result<bool> {
    let seq = i64::try_from(device_seq).unwrap_or(i64::MAX);
    let found = tx.prepare_cached(NUMBER_IS_USED)?.query_row(params![part_id, device.as_bytes(), seq], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

const NUMBER_IS_USED: &str = "
    -- receipts::number_is_used
    SELECT 1
      FROM document_receipt
     WHERE part_id = ?1 AND device_id = ?2 AND device_seq = ?3
     LIMIT 1";

/// Notes that a revision which was answered to one device of a chain came again, numbered, from another one of it: from now on it counts as
/// that one's. `false` if it was that one's already, or another chain's.
///
/// # Errors
///
/// When the database refuses.
pub fn take_over(tx: &Transaction<'_>, author: Author<'_>, id: DocumentId, revision: u32, device_seq: u64) -> Result<bool> {
    let seq = i64::try_from(device_seq).unwrap_or(i64::MAX);
    let rows = tx.prepare_cached(TAKE_OVER)?.execute(params![
        author.scope.part_id,
        id.as_bytes(),
        revision,
        author.device.as_bytes(),
        seq,
        author.lineage.as_bytes(),
    ])?;
    Ok(rows == 1)
}

const TAKE_OVER: &str = "
    -- receipts::take_over
    UPDATE document_receipt
       SET device_id = ?4, device_seq = ?5
     WHERE part_id = ?1 AND document_id = ?2 AND revision = ?3 AND device_id <> ?4
       AND device_id IN (SELECT id FROM device WHERE part_id = ?1 AND lineage = ?6)";

/// How many revisions of a document before `revision` were answered.
///
/// # Errors
///
/// When the database refuses.
pub fn count_before(tx: &Transaction<'_>, part_id: &str, id: DocumentId, revision: u32) -> Result<u64> {
    let found: i64 = tx.prepare_cached(COUNT_BEFORE)?.query_row(params![part_id, id.as_bytes(), revision], |row| row.get("n"))?;
    Ok(found.cast_unsigned())
}

const COUNT_BEFORE: &str = "
    -- receipts::count_before
    SELECT COUNT(*) AS n
      FROM document_receipt
     WHERE part_id = ?1 AND document_id = ?2 AND revision < ?3";

/// Which revision of which document an answer is for.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// The document.
    pub id: DocumentId,
    /// Its revision.
    pub revision: u32,
    /// The device's number of it; 0 = not numbered.
    pub device_seq: u64,
    /// Its content.
    pub hash: ContentHash,
}

/// Writes the answer to a revision that had none.
///
/// # Errors
///
/// When the database refuses; also when the revision has an answer.
pub fn insert(tx: &Transaction<'_>, author: Author<'_>, answered: Answered, outcome: Outcome, now: UtcMillis) -> Result<Receipt> {
    let (code, reason, field) = match &outcome {
        Outcome::Accepted => (None, "", None),
        Outcome::Rejected { code, reason, field } => (Some(code.as_str()), reason.as_str(), field.as_deref()),
    };
    let Answered { id, revision, device_seq, hash } = answered;
    if polevik_planted::is(polevik_planted::Bug::ReceiptNotKept) {
        return Ok(Receipt { id, revision, outcome, received_at_ms: now });
    }
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
        i64::try_from(device_seq).unwrap_or(i64::MAX),
    ])?;
    Ok(Receipt { id, revision, outcome, received_at_ms: now })
}

const INSERT: &str = "
    -- receipts::insert
    INSERT INTO document_receipt (part_id, document_id, revision, device_id, content_hash, code, reason, field, received_at_ms, device_seq)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
