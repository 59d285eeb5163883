//! A reader of the change log that remembers all it ever saw: nothing may appear behind it, and nothing it saw may become another change (I6).

use std::collections::BTreeMap;

use polevik_server_store::Transaction;

use super::central::Head;
use crate::shared::Violation;

/// Table and row of a change, by its number.
type Changes = BTreeMap<i64, (i64, i64)>;

/// What one reader has seen, by bucket.
#[derive(Debug, Default)]
pub struct LogReader {
    seen: BTreeMap<String, Changes>,
}

impl LogReader {
    /// Reads on in every bucket that moved.
    ///
    /// # Errors
    ///
    /// A number that was passed over.
    pub fn read_on(&mut self, tx: &Transaction<'_>, heads: &[Head]) -> rusqlite::Result<Result<(), Violation>> {
        for head in heads {
            let seen = self.seen.entry(head.bucket.clone()).or_default();
            let last = seen.last_key_value().map_or(0, |(seq, _)| *seq);
            if head.head <= last {
                continue;
            }
            let mut expected = last + 1;
            for (seq, change) in changes(tx, &head.bucket, last)? {
                // What was sealed meanwhile may be gone already.
                if seq != expected && seq > head.floor + 1 {
                    let what = format!("a reader of {} that had seen {last} is given {seq} before {expected}", head.bucket);
                    return Ok(Err(Violation::new("I6", what)));
                }
                expected = seq + 1;
                seen.insert(seq, change);
            }
        }
        Ok(Ok(()))
    }

    /// Reads everything that is still there once more.
    ///
    /// # Errors
    ///
    /// A change behind the reader that it never saw, or that was another one.
    pub fn read_again(&self, tx: &Transaction<'_>) -> rusqlite::Result<Result<(), Violation>> {
        for (bucket, seen) in &self.seen {
            let last = seen.last_key_value().map_or(0, |(seq, _)| *seq);
            for (seq, change) in changes(tx, bucket, 0)?.into_iter().take_while(|(seq, _)| *seq <= last) {
                if seen.get(&seq) != Some(&change) {
                    let what =
                        format!("a reader of {bucket} that had seen {last} finds {change:?} as {seq}, where it saw {:?}", seen.get(&seq));
                    return Ok(Err(Violation::new("I6", what)));
                }
            }
        }
        Ok(Ok(()))
    }
}

fn changes(tx: &Transaction<'_>, bucket: &str, after: i64) -> rusqlite::Result<Vec<(i64, (i64, i64))>> {
    let mut statement =
        tx.prepare_cached("SELECT seq, table_id, pk FROM change_log WHERE part_id = 'D1' AND bucket = ?1 AND seq > ?2 ORDER BY seq")?;
    let rows = statement.query_map(rusqlite::params![bucket, after], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}
