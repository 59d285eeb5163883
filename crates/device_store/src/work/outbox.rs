//! What this device has to tell the server, oldest first.
//!
//! An entry is written in the same transaction as the rows it reports and is settled only by [`settle`], when the server has answered it.

use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::work::numbers::{self, Sequence};

/// One revision of one document, as it will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Dense number of this revision among all that the device ever sends.
    pub device_seq: i64,
    /// Made on this device.
    pub document_id: DocumentId,
    /// 1 for the first.
    pub revision: u32,
    /// Word of `protocol::document::DocumentKind`.
    pub kind: String,
    /// When it was written, by the server's clock.
    pub created_at: UtcMillis,
    /// JSON, byte for byte.
    pub body: String,
}

/// A new revision for the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// Which document.
    pub document_id: DocumentId,
    /// Which revision of it.
    pub revision: u32,
    /// Word of `protocol::document::DocumentKind`.
    pub kind: &'a str,
    /// Position under which it was made.
    pub position: PositionId,
    /// Now, by the server's clock.
    pub created_at: UtcMillis,
    /// JSON, sent byte for byte.
    pub body: &'a str,
}

/// Promises a revision to the server. Belongs into the transaction of the rows it reports.
///
/// # Errors
///
/// [`StoreError`]; the same revision of a document a second time is one.
pub fn append(tx: &Transaction<'_>, entry: &NewEntry<'_>) -> Result<()> {
    let device_seq = numbers::take(tx, &Sequence::Document)?;
    tx.prepare_cached(APPEND)?.execute(named_params! {
        ":device_seq": device_seq,
        ":document_id": entry.document_id.as_bytes(),
        ":revision": entry.revision,
        ":kind": entry.kind,
        ":position_id": entry.position.0,
        ":created_at_ms": entry.created_at.0,
        ":body": entry.body,
    })?;
    Ok(())
}

const APPEND: &str = "
    -- outbox::append
    INSERT INTO outbox (device_seq, document_id, revision, kind, position_id, created_at_ms, body)
    VALUES (:device_seq, :document_id, :revision, :kind, :position_id, :created_at_ms, :body)";

/// Up to `limit` entries of `position` that the server has not answered, oldest first, with numbers in `(after, up_to]`.
///
/// Reading does not reserve them: an upload cut short is simply read again.
///
/// # Errors
///
/// [`StoreError`].
pub fn unanswered(tx: &Transaction<'_>, position: PositionId, after: i64, up_to: i64, limit: u32) -> Result<Vec<OutboxEntry>> {
    let mut statement = tx.prepare_cached(UNANSWERED)?;
    let rows = statement.query_and_then(
        named_params! { ":position_id": position.0, ":after": after, ":up_to": up_to, ":limit": limit },
        |row| {
            Ok(OutboxEntry {
                device_seq: row.get("device_seq")?,
                document_id: document_id(row)?,
                revision: row.get("revision")?,
                kind: row.get("kind")?,
                created_at: UtcMillis(row.get("created_at_ms")?),
                body: row.get("body")?,
            })
        },
    )?;
    rows.collect()
}

const UNANSWERED: &str = "
    -- outbox::unanswered
    SELECT device_seq, document_id, revision, kind, created_at_ms, body
      FROM outbox
     WHERE answered_at_ms IS NULL
       AND position_id = :position_id
       AND device_seq > :after
       AND device_seq <= :up_to
     ORDER BY device_seq
     LIMIT :limit";

fn document_id(row: &Row<'_>) -> Result<DocumentId> {
    let bytes: Vec<u8> = row.get("document_id")?;
    DocumentId::from_slice(&bytes).ok_or(StoreError::BadValue("outbox.document_id"))
}

/// What the server said of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// When, by the server's clock.
    pub at: UtcMillis,
    /// Code, reason and field of a refusal; `None` = accepted.
    pub refusal: Option<(&'a str, &'a str, Option<&'a str>)>,
}

/// Marks exactly this revision as answered. Returns `false` if it already was, or was never sent: then nothing changes.
///
/// # Errors
///
/// [`StoreError`].
pub fn settle(tx: &Transaction<'_>, document_id: DocumentId, revision: u32, answer: &Answer<'_>) -> Result<bool> {
    let (code, reason, field) = match answer.refusal {
        Some((code, reason, field)) => (Some(code), Some(reason), field),
        None => (None, None, None),
    };
    let rows = tx.prepare_cached(SETTLE)?.execute(named_params! {
        ":document_id": document_id.as_bytes(),
        ":revision": revision,
        ":answered_at_ms": answer.at.0,
        ":code": code,
        ":reason": reason,
        ":field": field,
    })?;
    Ok(rows == 1)
}

const SETTLE: &str = "
    -- outbox::settle
    UPDATE outbox
       SET answered_at_ms = :answered_at_ms, code = :code, reason = :reason, field = :field
     WHERE document_id = :document_id
       AND revision = :revision
       AND answered_at_ms IS NULL";

/// The number of the newest entry; 0 if there is none. What is queued at a moment lies at or below it.
///
/// # Errors
///
/// [`StoreError`].
pub fn end(tx: &Transaction<'_>) -> Result<i64> {
    Ok(tx.prepare_cached(END)?.query_row([], |row| row.get("newest"))?)
}

const END: &str = "
    -- outbox::end
    SELECT COALESCE(MAX(device_seq), 0) AS newest FROM outbox";

/// What waits, and what needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Orders not answered.
    pub orders: u32,
    /// Visits not answered, each counted once however many revisions of it wait.
    pub visits: u32,
    /// Documents whose newest revision was refused.
    pub refused: u32,
}

/// Counts of one position.
///
/// # Errors
///
/// [`StoreError`].
pub fn counts(tx: &Transaction<'_>, position: PositionId) -> Result<Counts> {
    Ok(tx.prepare_cached(COUNTS)?.query_row(named_params! { ":position_id": position.0 }, |row| {
        Ok(Counts { orders: row.get("orders")?, visits: row.get("visits")?, refused: row.get("refused")? })
    })?)
}

const COUNTS: &str = "
    -- outbox::counts
    SELECT COUNT(DISTINCT CASE WHEN answered_at_ms IS NULL AND kind = 'order' THEN document_id END) AS orders,
           COUNT(DISTINCT CASE WHEN answered_at_ms IS NULL AND kind = 'visit' THEN document_id END) AS visits,
           COUNT(CASE WHEN code IS NOT NULL
                       AND NOT EXISTS (SELECT 1 FROM outbox AS later
                                        WHERE later.document_id = outbox.document_id AND later.revision > outbox.revision)
                      THEN 1 END) AS refused
      FROM outbox
     WHERE position_id = :position_id";

/// Documents of any position that wait.
///
/// # Errors
///
/// [`StoreError`].
pub fn unsent(tx: &Transaction<'_>) -> Result<u32> {
    Ok(tx.prepare_cached(UNSENT)?.query_row([], |row| row.get("documents"))?)
}

const UNSENT: &str = "
    -- outbox::unsent
    SELECT COUNT(DISTINCT document_id) AS documents FROM outbox WHERE answered_at_ms IS NULL";

/// Unanswered entries of one position with numbers up to `up_to`.
///
/// # Errors
///
/// [`StoreError`].
pub fn waiting_up_to(tx: &Transaction<'_>, position: PositionId, up_to: i64) -> Result<u32> {
    let mut statement = tx.prepare_cached(WAITING_UP_TO)?;
    Ok(statement.query_row(named_params! { ":position_id": position.0, ":up_to": up_to }, |row| row.get("entries"))?)
}

const WAITING_UP_TO: &str = "
    -- outbox::waiting_up_to
    SELECT COUNT(*) AS entries
      FROM outbox
     WHERE answered_at_ms IS NULL AND position_id = :position_id AND device_seq <= :up_to";

/// Where a document stands with the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its newest revision has no answer.
    Waiting,
    /// Its newest revision was accepted.
    Accepted,
    /// Its newest revision was refused.
    Refused {
        /// The code.
        code: String,
        /// The reason.
        reason: String,
    },
}

/// Where a document stands; `None` if it was never promised to the server.
///
/// # Errors
///
/// [`StoreError`].
pub fn standing(tx: &Transaction<'_>, document_id: DocumentId) -> Result<Option<Standing>> {
    let mut statement = tx.prepare_cached(STANDING)?;
    let found = statement
        .query_row(named_params! { ":document_id": document_id.as_bytes() }, |row| {
            let (answered, code): (Option<i64>, Option<String>) = (row.get("answered_at_ms")?, row.get("code")?);
            let reason: Option<String> = row.get("reason")?;
            Ok(match (answered, code) {
                (None, _) => Standing::Waiting,
                (Some(_), None) => Standing::Accepted,
                (Some(_), Some(code)) => Standing::Refused { code, reason: reason.unwrap_or_default() },
            })
        })
        .optional()?;
    Ok(found)
}

const STANDING: &str = "
    -- outbox::standing
    SELECT answered_at_ms, code, reason
      FROM outbox
     WHERE document_id = :document_id
     ORDER BY revision DESC
     LIMIT 1";

/// An entry as support and scripts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// The entry.
    pub entry: OutboxEntry,
    /// Code and reason if it was refused; `None` = not answered.
    pub refusal: Option<(String, String)>,
}

/// Entries that need somebody: not answered, or refused. Up to `limit`, oldest first.
///
/// # Errors
///
/// [`StoreError`].
pub fn queue(tx: &Transaction<'_>, limit: u32) -> Result<Vec<QueueEntry>> {
    let mut statement = tx.prepare_cached(QUEUE)?;
    let rows = statement.query_and_then(named_params! { ":limit": limit }, |row| {
        let (code, reason): (Option<String>, Option<String>) = (row.get("code")?, row.get("reason")?);
        Ok(QueueEntry {
            entry: OutboxEntry {
                device_seq: row.get("device_seq")?,
                document_id: document_id(row)?,
                revision: row.get("revision")?,
                kind: row.get("kind")?,
                created_at: UtcMillis(row.get("created_at_ms")?),
                body: row.get("body")?,
            },
            refusal: code.map(|code| (code, reason.unwrap_or_default())),
        })
    })?;
    rows.collect()
}

const QUEUE: &str = "
    -- outbox::queue
    SELECT device_seq, document_id, revision, kind, created_at_ms, body, code, reason
      FROM outbox
     WHERE answered_at_ms IS NULL OR code IS NOT NULL
     ORDER BY device_seq
     LIMIT :limit";
