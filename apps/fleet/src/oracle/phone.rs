//! What a phone's two databases hold, asked in words of its own.

use std::collections::BTreeSet;

use polevik_device_store::Transaction;
use polevik_protocol::rows::TABLES;
use rusqlite::types::Value;

use super::central::columns;
use super::{DocumentKey, Rows, Sums};

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub key: DocumentKey,
    /// What.
    pub kind: String,
    /// For which position.
    pub position: i64,
    /// Its body's hash; `None` if the body was thrown away after thirty days.
    pub body: Option<[u8; 32]>,
    /// Whether it was answered.
    pub answered: bool,
    /// Why it was refused.
    pub code: Option<String>,
    /// Whether it is never sent any more: it was set aside, and then its document was withdrawn.
    pub superseded: bool,
}

/// The whole outbox.
pub fn outbox(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = tx.prepare_cached(
        "SELECT document_id, revision, kind, position_id, body, answered_at_ms IS NOT NULL, code, superseded_at_ms IS NOT NULL
           FROM outbox ORDER BY device_seq",
    )?;
    let rows = statement.query_map([], |row| {
        let body: Option<String> = row.get(4)?;
        Ok(Entry {
            key: DocumentKey { id: row.get(0)?, revision: row.get(1)? },
            kind: row.get(2)?,
            position: row.get(3)?,
            body: body.filter(|body| !body.is_empty()).map(|body| *blake3::hash(body.as_bytes()).as_bytes()),
            answered: row.get(5)?,
            code: row.get(6)?,
            superseded: row.get(7)?,
        })
    })?;
    rows.collect()
}

/// Documents that have no answer, by position: (position, how many).
pub fn unanswered(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = tx.prepare_cached(
        "SELECT position_id, COUNT(*) FROM outbox
          WHERE (answered_at_ms IS NULL AND superseded_at_ms IS NULL) OR re_offer = 1
          GROUP BY position_id ORDER BY position_id",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Photos that wait to go up, by position: (position, how many).
pub fn waiting_photos(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = tx.prepare_cached(
        "SELECT position_id, COUNT(*) FROM outgoing_file WHERE state = 'waiting' GROUP BY position_id ORDER BY position_id",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Names of files that a row names.
pub fn named_files(tx: &Transaction<'_>) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = tx.prepare_cached("SELECT file FROM outgoing_file UNION SELECT file FROM held_file")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// A setting.
pub fn option(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = tx.prepare_cached("SELECT value FROM option WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// How far a bucket is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Bucket.
    pub bucket: String,
    /// Last number applied.
    pub cursor: i64,
    /// What the rows add up to, as the phone believes.
    pub sums: Sums,
}

/// The epoch, and how far every bucket is; no epoch before the first download.
pub fn checkpoints(tx: &Transaction<'_>) -> rusqlite::Result<(Option<String>, Vec<Checkpoint>)> {
    let epoch = tx.prepare_cached("SELECT epoch FROM feed")?.query_map([], |row| row.get(0))?.next().transpose()?;
    let mut statement = tx.prepare_cached("SELECT name, cursor, row_count, sum, mix FROM bucket ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        Ok(Checkpoint { bucket: row.get(0)?, cursor: row.get(1)?, sums: Sums { rows: row.get(2)?, sum: row.get(3)?, mix: row.get(4)? } })
    })?;
    Ok((epoch, rows.collect::<rusqlite::Result<_>>()?))
}

/// All rows of the copy of the office.
pub fn rows(tx: &Transaction<'_>) -> rusqlite::Result<Rows> {
    let mut all = Rows::new();
    for table in TABLES {
        let sql = format!("SELECT id, {} FROM {}", columns(table), table.name);
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let into = all.entry(table.name.to_owned()).or_default();
        while let Some(row) = rows.next()? {
            let values = (1..=table.columns.len()).map(|place| row.get(place)).collect::<rusqlite::Result<Vec<Value>>>()?;
            into.insert(row.get(0)?, values);
        }
    }
    Ok(all)
}

/// Segments that are staged.
pub fn staged(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.query_row("SELECT COUNT(*) FROM staged_segment", [], |row| row.get(0))
}

/// The outlets that the rep sees.
pub fn outlets(tx: &Transaction<'_>) -> rusqlite::Result<Vec<i64>> {
    let mut statement = tx.prepare_cached("SELECT id FROM outlet ORDER BY id")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// Where a visit is.
pub fn outlet_of_visit(tx: &Transaction<'_>, visit: &[u8; 16]) -> rusqlite::Result<Option<i64>> {
    let mut statement = tx.prepare_cached("SELECT outlet_id FROM visit WHERE id = ?1")?;
    let mut rows = statement.query([visit.as_slice()])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}
