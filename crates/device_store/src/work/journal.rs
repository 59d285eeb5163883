//! Answered documents: offered again to a server that was restored from a backup, and forgotten when they are old; and the lives of this
//! device, by which the server knows a restored or cloned one.

use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::Result;
use crate::work::numbers::{self, Sequence};

/// How long the body of an accepted revision is kept: so far back can a restored server be helped.
pub const KEEP_DAYS: i64 = 30;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The oldest answer that [`mark_re_offer`] and [`prune`] still count as young.
#[must_use]
pub fn keep_since(now: UtcMillis) -> UtcMillis {
    now.plus_millis(-KEEP_DAYS * DAY_MS)
}

/// Marks all revisions answered at `since` or later to be offered again, of every position; receipts settle them. Returns how many are newly
/// marked.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn mark_re_offer(tx: &Transaction<'_>, since: UtcMillis) -> Result<usize> {
    if polevik_planted::is(polevik_planted::Bug::ReOfferUnheard) {
        return Ok(0);
    }
    Ok(tx.prepare_cached(MARK_RE_OFFER)?.execute(named_params! { ":since_ms": since.0 })?)
}

const MARK_RE_OFFER: &str = "
    -- journal::mark_re_offer
    UPDATE outbox
       SET re_offer = 1
     WHERE answered_at_ms >= :since_ms AND superseded_at_ms IS NULL AND body <> '' AND re_offer = 0";

/// Forgets the bodies of revisions accepted before `before`; their ids and answers stay. What was refused or not answered is never touched.
/// Returns how many.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn prune(tx: &Transaction<'_>, before: UtcMillis) -> Result<usize> {
    Ok(tx.prepare_cached(PRUNE)?.execute(named_params! { ":before_ms": before.0 })?)
}

const PRUNE: &str = "
    -- journal::prune
    UPDATE outbox
       SET body = ''
     WHERE answered_at_ms < :before_ms AND code IS NULL AND re_offer = 0 AND body <> ''";

/// What the server is told of this life of the device, in numbers as they travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Life {
    /// The last number given; 0 if none was.
    pub given: u64,
    /// The highest number answered at `since` or later; 0 if there is none.
    pub answered: u64,
}

/// What the server is told with every request. Answers older than `since` do not count: their documents could not be offered again.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn life(tx: &Transaction<'_>, since: UtcMillis) -> Result<Life> {
    let base = numbers::last(tx, &Sequence::DocumentBase)?;
    let given = numbers::last(tx, &Sequence::Document)?;
    let answered: i64 =
        tx.prepare_cached(ANSWERED)?.query_row(named_params! { ":since_ms": since.0, ":base": base }, |row| row.get("newest"))?;
    let on_the_wire = |number: i64| number.saturating_sub(base).max(0).cast_unsigned();
    Ok(Life { given: on_the_wire(given), answered: on_the_wire(answered) })
}

const ANSWERED: &str = "
    -- journal::life
    SELECT COALESCE(MAX(device_seq), 0) AS newest
      FROM outbox
     WHERE answered_at_ms >= :since_ms AND re_offer = 0 AND superseded_at_ms IS NULL AND device_seq > :base";

/// Begins a new life: everything that is not answered gets the next places, in order, and on the wire numbers from 1. What was answered
/// belongs to the earlier life. Belongs into the transaction that takes the new id of the device. Returns how many entries are numbered anew.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn renumber_unanswered(tx: &Transaction<'_>) -> Result<usize> {
    let base = numbers::last(tx, &Sequence::Document)?;
    numbers::raise(tx, &Sequence::DocumentBase, base)?;
    let mut statement = tx.prepare_cached(UNANSWERED_SEQS)?;
    let places = statement.query_map([], |row| row.get("device_seq"))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    for place in &places {
        let next = numbers::take(tx, &Sequence::Document)?;
        tx.prepare_cached(RENUMBER)?.execute(named_params! { ":device_seq": place, ":next": next })?;
    }
    Ok(places.len())
}

const UNANSWERED_SEQS: &str = "
    -- journal::renumber_unanswered
    SELECT device_seq FROM outbox WHERE answered_at_ms IS NULL AND superseded_at_ms IS NULL ORDER BY device_seq";
const RENUMBER: &str = "
    -- journal::renumber_unanswered
    UPDATE outbox SET device_seq = :next WHERE device_seq = :device_seq";

/// What a document's card tells beside where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Since when it stands so: set aside, else answered, else written.
    pub since: UtcMillis,
    /// It was answered, and is offered to the server again.
    pub re_offered: bool,
    /// The body of its withdrawal, if it was taken back and that is not forgotten yet.
    pub withdrawal: Option<String>,
}

/// The story of a document; `None` if it was never promised to the server.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn story(tx: &Transaction<'_>, document_id: DocumentId) -> Result<Option<Story>> {
    let mut statement = tx.prepare_cached(STORY)?;
    let found = statement
        .query_row(named_params! { ":document_id": document_id.as_bytes() }, |row| {
            Ok(Story {
                since: UtcMillis(row.get("since_ms")?),
                re_offered: row.get("re_offered")?,
                withdrawal: row.get::<_, Option<String>>("withdrawal")?.filter(|body| !body.is_empty()),
            })
        })
        .optional()?;
    Ok(found)
}

const STORY: &str = "
    -- journal::story
    SELECT COALESCE((SELECT MAX(earlier.parked_at_ms) FROM outbox AS earlier WHERE earlier.document_id = outbox.document_id),
                    answered_at_ms, created_at_ms) AS since_ms,
           EXISTS (SELECT 1 FROM outbox AS offered WHERE offered.document_id = outbox.document_id AND offered.re_offer = 1) AS re_offered,
           CASE WHEN kind = 'withdrawal' THEN body END AS withdrawal
      FROM outbox
     WHERE document_id = :document_id
     ORDER BY revision DESC
     LIMIT 1";
