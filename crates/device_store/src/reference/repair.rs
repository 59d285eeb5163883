//! What is told to the office of a bucket that is wrong, and what is done with its answer (`protocol::repair`).
//!
//! The caller goes on until no range is left to be told, then [`crate::reference::verify::settle`]s the bucket with the office's sum, all in
//! one transaction per answer; screens may show a wrong row until then, as they did before.

use polevik_protocol::checksum::{HashKey, RowHash, RowHasher, StateSum};
use polevik_protocol::repair::{HeldRange, KeyRange, MAX_REPAIR_RANGES};
use polevik_protocol::rows::{TABLES, TableDef};
use polevik_protocol::segment::Segment;
use rusqlite::{Connection, Transaction};

use crate::error::{Result, StoreError};
use crate::reference::apply;
use crate::reference::checkpoints::BucketNo;
use crate::reference::verify::RowSource;

/// Most ranges of one table in a first request.
const PIECES: usize = 64;

/// What is held of a bucket, in ranges that together speak of all keys of every table: the first request of a repair.
///
/// # Errors
///
/// [`StoreError`].
pub fn held(connection: &Connection, key: HashKey, bucket: BucketNo) -> Result<Vec<HeldRange>> {
    let mut hasher = RowHasher::new(key);
    let mut tables: Vec<(&TableDef, Vec<(i64, RowHash)>)> = Vec::new();
    for table in TABLES {
        tables.push((table, rows(connection, &mut hasher, bucket, table, (i64::MIN, i64::MAX))?));
    }
    let filled = tables.iter().filter(|(_, rows)| !rows.is_empty()).count().max(1);
    let pieces = PIECES.min((MAX_REPAIR_RANGES - TABLES.len()) / filled);
    let mut ranges = Vec::new();
    for (table, rows) in tables {
        let whole = KeyRange { table: table.id, lo: i64::MIN, hi: i64::MAX };
        // Where nothing is held there is nothing to cut: if the office has rows, it says so.
        let pieces = if rows.is_empty() { 1 } else { pieces };
        ranges.extend(cut(whole, &rows, pieces));
    }
    Ok(ranges)
}

/// What is held of the ranges that the office asks to be narrower: each is cut, so that together they fill one request. Ranges beyond the
/// first [`MAX_REPAIR_RANGES`]/2 are left for the next request.
///
/// # Errors
///
/// [`StoreError`].
pub fn held_within(connection: &Connection, key: HashKey, bucket: BucketNo, asked: &[KeyRange]) -> Result<Vec<HeldRange>> {
    let asked = &asked[..asked.len().min(MAX_REPAIR_RANGES / 2)];
    let pieces = (MAX_REPAIR_RANGES / asked.len().max(1)).min(PIECES);
    let mut hasher = RowHasher::new(key);
    let mut ranges = Vec::new();
    for range in asked {
        let Some(table) = TableDef::by_id(range.table) else { continue };
        let rows = rows(connection, &mut hasher, bucket, table, (range.lo, range.hi))?;
        ranges.extend(cut(*range, &rows, pieces));
    }
    Ok(ranges)
}

fn rows(
    connection: &Connection,
    hasher: &mut RowHasher,
    bucket: BucketNo,
    table: &'static TableDef,
    range: (i64, i64),
) -> Result<Vec<(i64, RowHash)>> {
    let mut rows = Vec::new();
    RowSource::new(connection, table)?.each_of_bucket(hasher, bucket, range, |row| rows.push((row.pk, row.made)))?;
    Ok(rows)
}

/// Cuts a range into at most `pieces`, which tile it.
///
/// Into equal numbers of the rows that are held; where few are held, rows may be missing, and keys are all there is to go by: first by powers
/// of two, which finds where keys lie, then evenly.
fn cut(range: KeyRange, rows: &[(i64, RowHash)], pieces: usize) -> Vec<HeldRange> {
    let powers = || (0..63).map(|power| 1_i64 << power).filter(|key| *key > range.lo && *key <= range.hi);
    let firsts: Vec<i64> = if pieces <= 1 {
        Vec::new()
    } else if rows.len() >= 2 * pieces {
        (1..pieces).filter_map(|piece| rows.get(piece * rows.len() / pieces)).map(|(pk, _)| *pk).collect()
    } else if powers().nth(1).is_some() {
        powers().step_by(powers().count().div_ceil(pieces - 1)).collect()
    } else {
        let width = range.hi.abs_diff(range.lo) / pieces as u64 + 1;
        (1..pieces as u64).map(|piece| range.lo.saturating_add_unsigned(piece * width)).filter(|key| *key <= range.hi).collect()
    };
    let mut ranges: Vec<HeldRange> = Vec::with_capacity(firsts.len() + 1);
    let mut lo = range.lo;
    for first in firsts {
        if first > lo {
            ranges.push(HeldRange { range: KeyRange { lo, hi: first - 1, ..range }, state: StateSum::default() });
            lo = first;
        }
    }
    ranges.push(HeldRange { range: KeyRange { lo, ..range }, state: StateSum::default() });
    let mut place = 0;
    for (pk, hash) in rows {
        while ranges.get(place).is_some_and(|held| held.range.hi < *pk) {
            place += 1;
        }
        if let Some(held) = ranges.get_mut(place) {
            held.state.add(*hash);
        }
    }
    ranges
}

/// Makes a range of a bucket hold exactly the rows of a base segment. Gives how many rows were written.
///
/// The books are not touched: they say what the rows ought to add up to, and [`crate::reference::verify::settle`] compares.
///
/// # Errors
///
/// [`StoreError::BadValue`] if the segment is of another table, or has a key outside the range.
pub fn apply_range(tx: &Transaction<'_>, key: HashKey, bucket: BucketNo, range: KeyRange, segment: &Segment) -> Result<u64> {
    let keys = range.lo..=range.hi;
    if segment.table.id != range.table || segment.rows().any(|(pk, _, _)| !keys.contains(&pk)) {
        return Err(StoreError::BadValue("a repaired range holds rows of another"));
    }
    apply::overwrite(tx, &mut RowHasher::new(key), bucket, segment, (range.lo, range.hi))
}

#[cfg(test)]
mod tests {
    use polevik_protocol::rows::TableId;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However many rows are held, the pieces tile the range, are no more than allowed, and add up to the rows.
        #[test]
        fn pieces_tile_their_range(
            mut keys in prop::collection::btree_set(-50..5_000i64, 0..400),
            (lo, hi) in prop_oneof![Just((i64::MIN, i64::MAX)), Just((-50, 4_999)), Just((1, 2)), Just((1_000, 1_900)), Just((7, 7))],
            pieces in 1..70usize,
        ) {
            keys.retain(|key| (lo..=hi).contains(key));
            let rows: Vec<(i64, RowHash)> = keys.iter().map(|key| (*key, RowHash(key.cast_unsigned()))).collect();
            let ranges = cut(KeyRange { table: TableId(1), lo, hi }, &rows, pieces);
            prop_assert!(ranges.len() <= pieces);
            prop_assert_eq!((ranges[0].range.lo, ranges[ranges.len() - 1].range.hi), (lo, hi));
            for pair in ranges.windows(2) {
                prop_assert_eq!(pair[0].range.hi + 1, pair[1].range.lo);
            }
            let whole = ranges.iter().fold(StateSum::default(), |sum, held| sum.combine(held.state));
            let mut expected = StateSum::default();
            rows.iter().for_each(|(_, hash)| expected.add(*hash));
            prop_assert_eq!(whole, expected);
        }

        /// A device that lost all rows of a table finds them within a few questions, wherever their keys lie.
        #[test]
        fn missing_rows_are_cornered_in_a_few_rounds(first in 1..2_000_000_000i64, count in 1_025..200_000i64) {
            let mut asked = vec![KeyRange { table: TableId(1), lo: i64::MIN, hi: i64::MAX }];
            let held_by_office = |range: &KeyRange| (range.hi.min(first + count - 1) - range.lo.max(first)).saturating_add(1).max(0);
            let mut rounds = 0;
            while !asked.is_empty() {
                rounds += 1;
                prop_assert!(rounds <= 8, "{} ranges left", asked.len());
                let pieces: Vec<HeldRange> = asked.iter().flat_map(|range| cut(*range, &[], PIECES)).collect();
                asked = pieces.iter().map(|held| held.range).filter(|range| held_by_office(range) > 1_024).collect();
            }
        }
    }
}
