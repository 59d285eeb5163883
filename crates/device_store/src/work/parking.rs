//! Setting aside a document at which the server breaks, letting it go on, and taking a document back.

use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::DocumentKind;
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::work::outbox::{self, NewEntry};

/// After so many failures in a row a document is set aside.
pub const PARK_AFTER_ATTEMPTS: u32 = 3;

/// Counts that the server broke at a revision. Says whether it is set aside by that: the third time in a row.
///
/// # Errors
///
/// [`StoreError`].
pub fn count_failure(tx: &Transaction<'_>, document_id: DocumentId, revision: u32, now: UtcMillis) -> Result<bool> {
    let parked: Option<Option<i64>> = tx
        .prepare_cached(COUNT_FAILURE)?
        .query_row(
            named_params! {
                ":document_id": document_id.as_bytes(),
                ":revision": revision,
                ":now_ms": now.0,
                ":park_after": PARK_AFTER_ATTEMPTS,
            },
            |row| row.get("parked_at_ms"),
        )
        .optional()?;
    Ok(parked.flatten().is_some())
}

const COUNT_FAILURE: &str = "
    -- parking::count_failure
    UPDATE outbox
       SET attempts = attempts + 1,
           parked_at_ms = CASE WHEN attempts + 1 >= :park_after THEN COALESCE(parked_at_ms, :now_ms) ELSE parked_at_ms END
     WHERE document_id = :document_id
       AND revision = :revision
       AND superseded_at_ms IS NULL
       AND (answered_at_ms IS NULL OR re_offer = 1)
    RETURNING parked_at_ms";

/// Lets the revisions of a document that are set aside go on. Returns how many.
///
/// # Errors
///
/// [`StoreError`].
pub fn unpark(tx: &Transaction<'_>, document_id: DocumentId) -> Result<u32> {
    count(tx.prepare_cached(UNPARK)?.execute(named_params! { ":document_id": document_id.as_bytes() })?)
}

const UNPARK: &str = "
    -- parking::unpark
    UPDATE outbox SET parked_at_ms = NULL, attempts = 0 WHERE document_id = :document_id AND parked_at_ms IS NOT NULL";

/// Lets everything that is set aside go on: after a login, or with a new version of the application. Returns how many revisions.
///
/// # Errors
///
/// [`StoreError`].
pub fn unpark_all(tx: &Transaction<'_>) -> Result<u32> {
    count(tx.prepare_cached(UNPARK_ALL)?.execute([])?)
}

const UNPARK_ALL: &str = "
    -- parking::unpark_all
    UPDATE outbox SET parked_at_ms = NULL, attempts = 0 WHERE parked_at_ms IS NOT NULL";

fn count(rows: usize) -> Result<u32> {
    u32::try_from(rows).map_err(|_| StoreError::BadValue("a count of entries"))
}

/// What came of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// It is in the outbox as this revision.
    Promised {
        /// The revision.
        revision: u32,
    },
    /// The document is withdrawn already, or on its way to be.
    Already,
    /// The document was never promised to the server.
    Unknown,
}

/// Promises the server that a document counts as not made. `body` is the JSON of a `WithdrawalBody`.
///
/// Revisions that are set aside are never sent any more, nor are those after them; revisions that simply wait are still sent first. A refused
/// withdrawal may be repeated.
///
/// # Errors
///
/// [`StoreError`].
pub fn withdraw(tx: &Transaction<'_>, document_id: DocumentId, now: UtcMillis, body: &str) -> Result<Withdrawal> {
    let newest = tx
        .prepare_cached(NEWEST)?
        .query_row(named_params! { ":document_id": document_id.as_bytes() }, |row| {
            Ok((
                row.get::<_, u32>("revision")?,
                row.get::<_, i64>("position_id")?,
                row.get::<_, Vec<u8>>("lane")?,
                row.get::<_, String>("kind")?,
                row.get::<_, Option<String>>("code")?,
            ))
        })
        .optional()?;
    let Some((revision, position, lane, kind, code)) = newest else { return Ok(Withdrawal::Unknown) };
    if kind == DocumentKind::Withdrawal.as_str() && code.is_none() {
        return Ok(Withdrawal::Already);
    }
    let lane = DocumentId::from_slice(&lane).ok_or(StoreError::BadValue("outbox.lane"))?;
    tx.prepare_cached(SUPERSEDE)?.execute(named_params! { ":document_id": document_id.as_bytes(), ":now_ms": now.0 })?;
    let revision = revision + 1;
    outbox::append(
        tx,
        &NewEntry {
            document_id,
            revision,
            kind: DocumentKind::Withdrawal.as_str(),
            position: PositionId(position),
            lane,
            created_at: now,
            body,
        },
    )?;
    Ok(Withdrawal::Promised { revision })
}

const NEWEST: &str = "
    -- parking::withdraw
    SELECT revision, position_id, lane, kind, code
      FROM outbox
     WHERE document_id = :document_id
     ORDER BY revision DESC
     LIMIT 1";

const SUPERSEDE: &str = "
    -- parking::withdraw
    UPDATE outbox
       SET superseded_at_ms = :now_ms, parked_at_ms = NULL, re_offer = 0
     WHERE document_id = :document_id
       AND (answered_at_ms IS NULL OR re_offer = 1)
       AND revision >= (SELECT MIN(revision) FROM outbox WHERE document_id = :document_id AND parked_at_ms IS NOT NULL)";
