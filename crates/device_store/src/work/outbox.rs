//! What this device has to tell the server, oldest first.
//!
//! An entry is written in the same transaction as the rows it reports and is settled only by [`settle`], when the server has answered it.
//! Entries of one lane go one after another; [`crate::work::parking`] sets aside the one at which the server breaks, with what follows it in
//! its lane, and everything else goes on. What is offered again to a restored server is marked by [`crate::work::journal`].

use std::collections::BTreeSet;

use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::work::numbers::{self, Sequence};

/// One revision of one document, as it will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Place in the outbox: order of writing = order of sending. Only this device knows it.
    pub device_seq: i64,
    /// The number the server sees: dense from 1 in this life of the device; 0 for an entry of an earlier life.
    pub wire_seq: u64,
    /// Made on this device.
    pub document_id: DocumentId,
    /// 1 for the first.
    pub revision: u32,
    /// Word of `protocol::document::DocumentKind`.
    pub kind: String,
    /// When it was written, by the server's clock.
    pub created_at: UtcMillis,
    /// JSON, byte for byte; empty once an accepted revision has grown old.
    pub body: String,
    /// What goes one after another.
    pub lane: DocumentId,
    /// How often the server broke at it in a row.
    pub attempts: u32,
    /// Since when it is set aside.
    pub parked_at: Option<UtcMillis>,
    /// It was answered, and is offered again.
    pub re_offer: bool,
}

impl OutboxEntry {
    /// Of a row with the columns of [`COLUMNS`].
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let (device_seq, base): (i64, i64) = (row.get("device_seq")?, row.get("base")?);
        Ok(Self {
            device_seq,
            wire_seq: device_seq.saturating_sub(base).max(0).cast_unsigned(),
            document_id: document_id(row, "document_id")?,
            revision: row.get("revision")?,
            kind: row.get("kind")?,
            created_at: UtcMillis(row.get("created_at_ms")?),
            body: row.get("body")?,
            lane: document_id(row, "lane")?,
            attempts: row.get("attempts")?,
            parked_at: row.get::<_, Option<i64>>("parked_at_ms")?.map(UtcMillis),
            re_offer: row.get("re_offer")?,
        })
    }
}

/// The columns of an [`OutboxEntry`].
macro_rules! entry_columns {
    () => {
        "device_seq, document_id, revision, kind, created_at_ms, body, lane, attempts, parked_at_ms, re_offer,
           COALESCE((SELECT last FROM sequence WHERE name = 'document_base'), 0) AS base"
    };
}

/// An entry in a lane in which an older one is set aside.
macro_rules! held_back {
    () => {
        "EXISTS (SELECT 1 FROM outbox AS older
                  WHERE older.lane = outbox.lane AND older.device_seq < outbox.device_seq AND older.parked_at_ms IS NOT NULL)"
    };
}

fn document_id(row: &Row<'_>, column: &'static str) -> Result<DocumentId> {
    let bytes: Vec<u8> = row.get(column)?;
    DocumentId::from_slice(&bytes).ok_or(StoreError::BadValue("an id of the outbox"))
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
    /// The visit for a visit and its orders, the document itself otherwise.
    pub lane: DocumentId,
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
        ":lane": entry.lane.as_bytes(),
        ":created_at_ms": entry.created_at.0,
        ":body": entry.body,
    })?;
    Ok(())
}

const APPEND: &str = "
    -- outbox::append
    INSERT INTO outbox (device_seq, document_id, revision, kind, position_id, lane, created_at_ms, body)
    VALUES (:device_seq, :document_id, :revision, :kind, :position_id, :lane, :created_at_ms, :body)";

/// Which entries the next request shall carry.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Only documents of this position.
    pub position: PositionId,
    /// Entries written later (by [`OutboxEntry::device_seq`]) wait for the next session. What is offered again goes in any case.
    pub up_to: i64,
    /// Most entries.
    pub max_entries: usize,
    /// Most bytes of bodies; a single entry goes whatever its size.
    pub max_bytes: usize,
    /// Lanes that this session leaves alone, because the server broke at one of their entries.
    pub passed_over: &'a BTreeSet<DocumentId>,
}

/// Entries for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// In the order they are sent.
    pub entries: Vec<OutboxEntry>,
    /// Nothing that could be sent is left after them.
    pub is_last: bool,
}

/// The next entries to send: first what is offered again, then what was never answered, each oldest first. Entries that are set aside stay,
/// and so do those behind them in their lanes.
///
/// Reading does not reserve them: an upload cut short is simply read again.
///
/// # Errors
///
/// [`StoreError`].
pub fn next(tx: &Transaction<'_>, selection: &Selection<'_>) -> Result<Selected> {
    let mut selected = Selected { entries: Vec::new(), is_last: false };
    let mut bytes = 0;
    for (sql, up_to) in [(NEXT_AGAIN, i64::MAX), (NEXT_NEW, selection.up_to)] {
        let mut statement = tx.prepare_cached(sql)?;
        let mut rows = statement.query(named_params! { ":position_id": selection.position.0, ":up_to": up_to })?;
        while let Some(row) = rows.next()? {
            let entry = OutboxEntry::from_row(row)?;
            if selection.passed_over.contains(&entry.lane) {
                continue;
            }
            bytes += entry.body.len();
            let is_full = selected.entries.len() >= selection.max_entries || bytes > selection.max_bytes;
            if is_full && !selected.entries.is_empty() {
                return Ok(selected);
            }
            selected.entries.push(entry);
        }
    }
    selected.is_last = true;
    Ok(selected)
}

const NEXT_AGAIN: &str = concat!(
    "
    -- outbox::next
    SELECT ",
    entry_columns!(),
    "
      FROM outbox
     WHERE re_offer = 1
       AND position_id = :position_id
       AND device_seq <= :up_to
       AND parked_at_ms IS NULL
       AND NOT ",
    held_back!(),
    "
     ORDER BY device_seq"
);

const NEXT_NEW: &str = concat!(
    "
    -- outbox::next
    SELECT ",
    entry_columns!(),
    "
      FROM outbox
     WHERE answered_at_ms IS NULL
       AND position_id = :position_id
       AND device_seq <= :up_to
       AND parked_at_ms IS NULL
       AND superseded_at_ms IS NULL
       AND NOT ",
    held_back!(),
    "
     ORDER BY device_seq"
);

/// Up to `limit` entries of `position` that the server has not answered, oldest first, with places in `(after, up_to]`; also those that are
/// set aside. For those who look from outside; what is sent is said by [`next`].
///
/// # Errors
///
/// [`StoreError`].
pub fn unanswered(tx: &Transaction<'_>, position: PositionId, after: i64, up_to: i64, limit: u32) -> Result<Vec<OutboxEntry>> {
    let mut statement = tx.prepare_cached(UNANSWERED)?;
    let rows = statement.query_and_then(
        named_params! { ":position_id": position.0, ":after": after, ":up_to": up_to, ":limit": limit },
        OutboxEntry::from_row,
    )?;
    rows.collect()
}

const UNANSWERED: &str = concat!(
    "
    -- outbox::unanswered
    SELECT ",
    entry_columns!(),
    "
      FROM outbox
     WHERE answered_at_ms IS NULL
       AND superseded_at_ms IS NULL
       AND position_id = :position_id
       AND device_seq > :after
       AND device_seq <= :up_to
     ORDER BY device_seq
     LIMIT :limit"
);

/// What the server said of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// When, by the server's clock.
    pub at: UtcMillis,
    /// Code, reason and field of a refusal; `None` = accepted.
    pub refusal: Option<(&'a str, &'a str, Option<&'a str>)>,
}

/// Marks exactly this revision as answered. Returns `false` if it already was (and is not offered again), or was never written: then nothing
/// changes.
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
       SET answered_at_ms = :answered_at_ms, code = :code, reason = :reason, field = :field,
           re_offer = 0, attempts = 0, parked_at_ms = NULL
     WHERE document_id = :document_id
       AND revision = :revision
       AND (answered_at_ms IS NULL OR re_offer = 1)";

/// The place of the newest entry; 0 if there is none. What is queued at a moment lies at or below it.
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

/// What waits, and what needs a person. Documents are counted once, however many revisions of them wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Orders that wait for the server.
    pub orders: u32,
    /// Visits that wait for the server.
    pub visits: u32,
    /// Withdrawals that wait for the server.
    pub withdrawals: u32,
    /// Documents whose newest revision was refused.
    pub refused: u32,
    /// Documents that are set aside; they are not among those that wait.
    pub parked: u32,
    /// Answered documents that are offered again to a restored server; not among those that wait either.
    pub re_offered: u32,
    /// When the oldest revision that waits or is set aside was written, by the server's clock.
    pub oldest_unsent: Option<UtcMillis>,
}

/// Counts of one position.
///
/// # Errors
///
/// [`StoreError`].
pub fn counts(tx: &Transaction<'_>, position: PositionId) -> Result<Counts> {
    Ok(tx.prepare_cached(COUNTS)?.query_row(named_params! { ":position_id": position.0 }, |row| {
        Ok(Counts {
            orders: row.get("orders")?,
            visits: row.get("visits")?,
            withdrawals: row.get("withdrawals")?,
            refused: row.get("refused")?,
            parked: row.get("parked")?,
            re_offered: row.get("re_offered")?,
            oldest_unsent: row.get::<_, Option<i64>>("oldest_unsent")?.map(UtcMillis),
        })
    })?)
}

macro_rules! waiting_documents {
    ($kind:literal) => {
        concat!(
            "(SELECT COUNT(*)
               FROM (SELECT DISTINCT document_id
                       FROM outbox
                      WHERE position_id = :position_id AND kind = '",
            $kind,
            "'
                        AND answered_at_ms IS NULL AND superseded_at_ms IS NULL AND parked_at_ms IS NULL))"
        )
    };
}

// Each count reads a partial index and nothing else: rows of the outbox carry whole documents. The plus has SQLite look through what is set
// aside, and not through all documents for the sake of their order.
const COUNTS: &str = concat!(
    "
    -- outbox::counts
    SELECT ",
    waiting_documents!("order"),
    " AS orders,
           ",
    waiting_documents!("visit"),
    " AS visits,
           ",
    waiting_documents!("withdrawal"),
    " AS withdrawals,
           (SELECT COUNT(*)
              FROM outbox
             WHERE position_id = :position_id AND code IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM outbox AS later
                                WHERE later.document_id = outbox.document_id AND later.revision > outbox.revision)) AS refused,
           (SELECT COUNT(DISTINCT +document_id) FROM outbox WHERE position_id = :position_id AND parked_at_ms IS NOT NULL) AS parked,
           (SELECT COUNT(DISTINCT document_id) FROM outbox WHERE position_id = :position_id AND re_offer = 1) AS re_offered,
           (SELECT created_at_ms
              FROM outbox
             WHERE position_id = :position_id AND answered_at_ms IS NULL AND superseded_at_ms IS NULL
             ORDER BY device_seq
             LIMIT 1) AS oldest_unsent"
);

/// Answered documents of one position that are offered again to a restored server. Reads nothing but these.
///
/// # Errors
///
/// [`StoreError`].
pub fn re_offered(tx: &Transaction<'_>, position: PositionId) -> Result<u32> {
    Ok(tx.prepare_cached(RE_OFFERED)?.query_row(named_params! { ":position_id": position.0 }, |row| row.get("documents"))?)
}

const RE_OFFERED: &str = "
    -- outbox::re_offered
    SELECT COUNT(DISTINCT document_id) AS documents FROM outbox WHERE re_offer = 1 AND position_id = :position_id";

/// Documents of any position that the server has not answered, also those that are set aside.
///
/// # Errors
///
/// [`StoreError`].
pub fn unsent(tx: &Transaction<'_>) -> Result<u32> {
    Ok(tx.prepare_cached(UNSENT)?.query_row([], |row| row.get("documents"))?)
}

const UNSENT: &str = "
    -- outbox::unsent
    SELECT COUNT(DISTINCT document_id) AS documents FROM outbox WHERE answered_at_ms IS NULL AND superseded_at_ms IS NULL";

/// Unanswered entries of one position at places up to `up_to` that can be sent: neither set aside nor behind one that is.
///
/// # Errors
///
/// [`StoreError`].
pub fn waiting_up_to(tx: &Transaction<'_>, position: PositionId, up_to: i64) -> Result<u32> {
    let mut statement = tx.prepare_cached(WAITING_UP_TO)?;
    Ok(statement.query_row(named_params! { ":position_id": position.0, ":up_to": up_to }, |row| row.get("entries"))?)
}

// The lane of an entry, which is not in the index, is looked at only when something is set aside at all.
const WAITING_UP_TO: &str = concat!(
    "
    -- outbox::waiting_up_to
    SELECT COUNT(*) AS entries
      FROM outbox
     WHERE answered_at_ms IS NULL
       AND position_id = :position_id
       AND device_seq <= :up_to
       AND parked_at_ms IS NULL
       AND superseded_at_ms IS NULL
       AND (NOT EXISTS (SELECT 1 FROM outbox AS parked WHERE parked.parked_at_ms IS NOT NULL)
            OR NOT ",
    held_back!(),
    ")"
);

/// Where a document stands with the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its newest revision has no answer.
    Waiting,
    /// A revision of it is set aside, and those after it wait.
    Parked,
    /// Its newest revision was accepted.
    Accepted,
    /// Its newest revision was refused.
    Refused {
        /// The code.
        code: String,
        /// The reason.
        reason: String,
    },
    /// The rep took it back.
    Withdrawn {
        /// Whether the server knows.
        answered: bool,
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
            let (kind, parked): (String, Option<i64>) = (row.get("kind")?, row.get("parked_at_ms")?);
            let reason: Option<String> = row.get("reason")?;
            Ok(match (answered, code, parked) {
                (_, _, Some(_)) => Standing::Parked,
                (_, Some(code), None) => Standing::Refused { code, reason: reason.unwrap_or_default() },
                (answered, None, None) if kind == "withdrawal" => Standing::Withdrawn { answered: answered.is_some() },
                (None, None, None) => Standing::Waiting,
                (Some(_), None, None) => Standing::Accepted,
            })
        })
        .optional()?;
    Ok(found)
}

const STANDING: &str = "
    -- outbox::standing
    SELECT answered_at_ms, code, reason, kind,
           (SELECT MAX(earlier.parked_at_ms) FROM outbox AS earlier WHERE earlier.document_id = outbox.document_id) AS parked_at_ms
      FROM outbox
     WHERE document_id = :document_id
     ORDER BY revision DESC
     LIMIT 1";

/// The body of a revision as it was promised; `None` if there is no such revision, or it is so old that its body was forgotten.
///
/// # Errors
///
/// [`StoreError`].
pub fn body(tx: &Transaction<'_>, document_id: DocumentId, revision: u32) -> Result<Option<String>> {
    let mut statement = tx.prepare_cached(BODY)?;
    let parameters = named_params! { ":document_id": document_id.as_bytes(), ":revision": revision };
    Ok(statement.query_row(parameters, |row| row.get("body")).optional()?)
}

const BODY: &str = "
    -- outbox::body
    SELECT body FROM outbox WHERE document_id = :document_id AND revision = :revision AND body <> ''";

/// An entry as support and scripts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// The entry.
    pub entry: OutboxEntry,
    /// Code and reason if it was refused; `None` = not answered.
    pub refusal: Option<(String, String)>,
    /// It waits behind one of its lane that is set aside.
    pub held_back: bool,
}

/// Entries that need somebody: not answered, set aside, offered again, or refused and not overtaken by a later revision. Up to `limit`,
/// oldest first.
///
/// # Errors
///
/// [`StoreError`].
pub fn queue(tx: &Transaction<'_>, limit: u32) -> Result<Vec<QueueEntry>> {
    let mut statement = tx.prepare_cached(QUEUE)?;
    let rows = statement.query_and_then(named_params! { ":limit": limit }, |row| {
        let (code, reason): (Option<String>, Option<String>) = (row.get("code")?, row.get("reason")?);
        Ok(QueueEntry {
            entry: OutboxEntry::from_row(row)?,
            refusal: code.map(|code| (code, reason.unwrap_or_default())),
            held_back: row.get("held_back")?,
        })
    })?;
    rows.collect()
}

const QUEUE: &str = concat!(
    "
    -- outbox::queue
    SELECT ",
    entry_columns!(),
    ", code, reason,
           answered_at_ms IS NULL AND parked_at_ms IS NULL AND ",
    held_back!(),
    " AS held_back
      FROM outbox
     WHERE (answered_at_ms IS NULL AND superseded_at_ms IS NULL)
        OR re_offer = 1
        OR (code IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM outbox AS later
                             WHERE later.document_id = outbox.document_id AND later.revision > outbox.revision))
     ORDER BY device_seq
     LIMIT :limit"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::prepare_work;
    use crate::platform::Journal;

    /// How SQLite reads the table for a query: a line for each look at it.
    fn looks_at_the_table(sql: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let work = prepare_work(rusqlite::Connection::open(folder.path().join("work.db")).unwrap(), Journal::Wal).unwrap();
        let sql = sql.replace(":position_id", "17").replace(":up_to", "100");
        let mut plan = work.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = plan.query_map([], |row| row.get::<_, String>("detail")).unwrap();
        lines
            .map(rusqlite::Result::unwrap)
            .filter(|line| line.contains(" outbox") || line.contains(" older") || line.contains(" later"))
            .collect()
    }

    #[test]
    fn what_is_asked_after_every_answer_goes_through_small_indexes() {
        for sql in [COUNTS, WAITING_UP_TO, RE_OFFERED] {
            let looks = looks_at_the_table(sql);
            assert!(!looks.is_empty() && looks.iter().all(|look| look.contains("USING")), "{looks:#?}");
            // The one without a condition of its own holds every entry.
            assert!(looks.iter().all(|look| !look.contains("autoindex") || look.contains("document_id=? AND revision>?")), "{looks:#?}");
        }
    }
}
