//! Change numbers without gaps, and what every bucket adds up to.
//!
//! [`append`] is the last write of a transaction: the bucket's counter row stays locked until the commit, so a number becomes visible only
//! after all smaller ones. A transaction that is rolled back gives its numbers back.

use std::collections::BTreeMap;

use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::StateSum;
use polevik_protocol::rows::TableId;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Row, Transaction, named_params, params_from_iter};

use crate::error::{Result, StoreError};

/// What one transaction changed in one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketChanges {
    /// Rows that are otherwise than before, each once, in the order they changed.
    pub rows: Vec<(TableId, i64)>,
    /// What to add to the bucket's state: rows come with plus, rows gone with minus.
    pub state: StateSum,
}

/// How far a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which.
    pub bucket: BucketName,
    /// The last change number given.
    pub head: ChangeNo,
    /// Up to here changes are sealed.
    pub floor: ChangeNo,
    /// What the bucket holds.
    pub state: StateSum,
}

/// Gives the changes their numbers and adds them to the log; gives the new heads, by bucket.
///
/// Nothing may be written after it in the same transaction.
///
/// # Errors
///
/// [`StoreError`].
pub fn append(tx: &Transaction<'_>, part_id: &str, changes: &BTreeMap<BucketName, BucketChanges>) -> Result<Vec<Head>> {
    let changed: Vec<_> = changes.iter().filter(|(_, change)| !change.rows.is_empty()).collect();
    let mut heads = Vec::with_capacity(changed.len());
    // Sorted by bucket (the map is), so that two transactions never wait for each other crosswise.
    for some in changed.chunks(MOST_HEADS_AT_ONCE) {
        heads.extend(raise(tx, part_id, some)?);
    }
    heads.sort_by(|a: &Head, b| a.bucket.cmp(&b.bucket));

    let mut insert = tx.prepare_cached(INSERT)?;
    for (head, (_, change)) in heads.iter().zip(&changed) {
        let count = i64::try_from(change.rows.len()).map_err(|_| StoreError::Corrupt("change count"))?;
        let first = to_i64(head.head.0)? - count + 1 + i64::from(polevik_planted::is(polevik_planted::Bug::GapInNumbers));
        for (seq, (table, pk)) in (first..).zip(&change.rows) {
            insert.execute(named_params! {
                ":part_id": part_id,
                ":bucket": head.bucket.as_str(),
                ":seq": seq,
                ":table_id": table.0,
                ":pk": pk,
            })?;
        }
    }
    Ok(heads)
}

const INSERT: &str = "
    -- change_log::append
    INSERT INTO change_log (part_id, bucket, seq, table_id, pk)
    VALUES (:part_id, :bucket, :seq, :table_id, :pk)";

/// Bound by the number of variables a statement may have.
const MOST_HEADS_AT_ONCE: usize = 100;

/// Raises the heads in ONE statement.
fn raise(tx: &Transaction<'_>, part_id: &str, changed: &[(&BucketName, &BucketChanges)]) -> Result<Vec<Head>> {
    let places: Vec<String> = (0..changed.len())
        .map(|n| {
            let at = |column: usize| n * 7 + column + 2;
            format!("(?1, ?{}, ?{}, 0, ?{}, ?{}, ?{}, ?{}, ?{})", at(0), at(1), at(2), at(3), at(4), at(5), at(6))
        })
        .collect();
    let mut values = vec![SqlValue::from(part_id.to_owned())];
    for (bucket, change) in changed {
        let (sum, mix) = (change.state.sum, change.state.mix);
        values.push(SqlValue::from(bucket.as_str().to_owned()));
        values.push(SqlValue::from(i64::try_from(change.rows.len()).map_err(|_| StoreError::Corrupt("change count"))?));
        // The difference of two counts, as two's complement: minus one is all ones.
        values.push(SqlValue::from(change.state.rows.cast_signed()));
        values.extend([sum >> 32, sum & LOW, mix >> 32, mix & LOW].map(|half| SqlValue::from(half.cast_signed())));
    }
    let text = format!("{RAISE_BEGIN}{}{RAISE_END}", places.join(", "));
    tx.prepare_cached(&text)?.query_and_then(params_from_iter(values), head_from_row)?.collect()
}

const LOW: u64 = 0xffff_ffff;

const RAISE_BEGIN: &str = "
    -- change_log::append
    INSERT INTO feed_head (part_id, bucket, head, floor, row_count, sum_high, sum_low, mix_high, mix_low)
    VALUES ";

const RAISE_END: &str = "
    ON CONFLICT (part_id, bucket) DO UPDATE
       SET head = feed_head.head + excluded.head,
           row_count = feed_head.row_count + excluded.row_count,
           sum_high = (feed_head.sum_high + excluded.sum_high + ((feed_head.sum_low + excluded.sum_low) >> 32)) & 4294967295,
           sum_low = (feed_head.sum_low + excluded.sum_low) & 4294967295,
           mix_high = (feed_head.mix_high + excluded.mix_high + ((feed_head.mix_low + excluded.mix_low) >> 32)) & 4294967295,
           mix_low = (feed_head.mix_low + excluded.mix_low) & 4294967295
    RETURNING bucket, head, floor, row_count, sum_high, sum_low, mix_high, mix_low";

/// How far one bucket is; `None` if nothing was ever in it.
///
/// # Errors
///
/// [`StoreError`].
pub fn head(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<Option<Head>> {
    tx.prepare_cached(HEAD)?
        .query_and_then(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, head_from_row)?
        .next()
        .transpose()
}

const HEAD: &str = "
    -- change_log::head
    SELECT bucket, head, floor, row_count, sum_high, sum_low, mix_high, mix_low
      FROM feed_head
     WHERE part_id = :part_id
       AND bucket = :bucket";

/// The buckets of a part with changes that are not sealed, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn unsealed(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<BucketName>> {
    tx.prepare_cached(UNSEALED)?
        .query_and_then(named_params! { ":part_id": part_id }, |row| {
            let bucket: String = row.get("bucket")?;
            BucketName::parse(&bucket).ok_or(StoreError::Corrupt("feed_head.bucket"))
        })?
        .collect()
}

const UNSEALED: &str = "
    -- change_log::unsealed
    SELECT bucket
      FROM feed_head INDEXED BY feed_head_unsealed
     WHERE part_id = :part_id
       AND head > floor
     ORDER BY bucket";

fn head_from_row(row: &Row<'_>) -> Result<Head> {
    let bucket: String = row.get("bucket")?;
    let number = |column: &str| -> Result<u64> {
        u64::try_from(row.get::<_, i64>(column)?).map_err(|_| StoreError::Corrupt("feed_head has a negative number"))
    };
    Ok(Head {
        bucket: BucketName::parse(&bucket).ok_or(StoreError::Corrupt("feed_head.bucket"))?,
        head: ChangeNo(number("head")?),
        floor: ChangeNo(number("floor")?),
        state: StateSum {
            rows: number("row_count")?,
            sum: number("sum_high")? << 32 | number("sum_low")?,
            mix: number("mix_high")? << 32 | number("mix_low")?,
        },
    })
}

/// The rows that changed in `(after, to]`, each once, by table and key.
///
/// # Errors
///
/// [`StoreError`].
pub fn changed_rows(
    tx: &Transaction<'_>,
    part_id: &str,
    bucket: &BucketName,
    after: ChangeNo,
    to: ChangeNo,
) -> Result<Vec<(TableId, i64)>> {
    let mut statement = tx.prepare_cached(CHANGED_ROWS)?;
    let rows = statement.query_map(
        named_params! { ":part_id": part_id, ":bucket": bucket.as_str(), ":after": to_i64(after.0)?, ":to": to_i64(to.0)? },
        |row| Ok((TableId(row.get("table_id")?), row.get("pk")?)),
    )?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const CHANGED_ROWS: &str = "
    -- change_log::changed_rows
    SELECT DISTINCT table_id, pk
      FROM change_log
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND seq > :after
       AND seq <= :to
     ORDER BY table_id, pk";

/// Says that changes up to `to` are sealed. Gives `false`, and does nothing, when the floor is not `from` any more: another sealer was quicker.
///
/// The log's rows below the floor are left for [`forget`]: after a large import they are too many for one short transaction.
///
/// # Errors
///
/// [`StoreError`].
pub fn raise_floor(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, from: ChangeNo, to: ChangeNo) -> Result<bool> {
    let raised = tx.prepare_cached(RAISE_FLOOR)?.execute(named_params! {
        ":part_id": part_id,
        ":bucket": bucket.as_str(),
        ":from": to_i64(from.0)?,
        ":to": to_i64(to.0)?,
    })?;
    Ok(raised == 1)
}

const RAISE_FLOOR: &str = "
    -- change_log::raise_floor
    UPDATE feed_head
       SET floor = :to
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND floor = :from";

/// Forgets the oldest changes that are sealed, at most `most` of them, and gives how many there were.
///
/// # Errors
///
/// [`StoreError`].
pub fn forget(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, most: u32) -> Result<usize> {
    Ok(tx.prepare_cached(FORGET)?.execute(named_params! { ":part_id": part_id, ":bucket": bucket.as_str(), ":most": most })?)
}

const FORGET: &str = "
    -- change_log::forget
    DELETE FROM change_log
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND seq IN (SELECT change_log.seq
                     FROM change_log
                     JOIN feed_head
                       ON feed_head.part_id = change_log.part_id
                      AND feed_head.bucket = change_log.bucket
                    WHERE change_log.part_id = :part_id
                      AND change_log.bucket = :bucket
                      AND change_log.seq <= feed_head.floor
                    ORDER BY change_log.seq
                    LIMIT :most)";

/// Whether the log still has changes of the bucket that are sealed.
///
/// # Errors
///
/// [`StoreError`].
pub fn has_sealed(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<bool> {
    Ok(tx.prepare_cached(HAS_SEALED)?.exists(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() })?)
}

const HAS_SEALED: &str = "
    -- change_log::has_sealed
    SELECT 1
      FROM change_log
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND seq <= (SELECT floor FROM feed_head WHERE part_id = :part_id AND bucket = :bucket)";

/// Says anew what a bucket holds, under a change number of its own. For the repair of a head that does not say what its rows add up to.
///
/// # Errors
///
/// [`StoreError`].
pub fn restate(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, state: StateSum) -> Result<()> {
    let (sum, mix) = (state.sum, state.mix);
    tx.prepare_cached(RESTATE)?.execute(named_params! {
        ":part_id": part_id,
        ":bucket": bucket.as_str(),
        ":row_count": to_i64(state.rows)?,
        ":sum_high": (sum >> 32).cast_signed(),
        ":sum_low": (sum & LOW).cast_signed(),
        ":mix_high": (mix >> 32).cast_signed(),
        ":mix_low": (mix & LOW).cast_signed(),
    })?;
    Ok(())
}

const RESTATE: &str = "
    -- change_log::restate
    INSERT INTO feed_head (part_id, bucket, head, floor, row_count, sum_high, sum_low, mix_high, mix_low)
    VALUES (:part_id, :bucket, 1, 0, :row_count, :sum_high, :sum_low, :mix_high, :mix_low)
    ON CONFLICT (part_id, bucket) DO UPDATE
       SET head = feed_head.head + 1,
           row_count = excluded.row_count,
           sum_high = excluded.sum_high,
           sum_low = excluded.sum_low,
           mix_high = excluded.mix_high,
           mix_low = excluded.mix_low";

/// Shows `visit` every bucket of a part with its last change number, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn visit_heads(tx: &Transaction<'_>, part_id: &str, mut visit: impl FnMut(&str, ChangeNo)) -> Result<()> {
    let mut statement = tx.prepare_cached(VISIT_HEADS)?;
    let mut rows = statement.query(named_params! { ":part_id": part_id })?;
    while let Some(row) = rows.next()? {
        let head: i64 = row.get(1)?;
        visit(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, ChangeNo(head.cast_unsigned()));
    }
    Ok(())
}

const VISIT_HEADS: &str = "
    -- change_log::visit_heads
    SELECT bucket, head
      FROM feed_head
     WHERE part_id = :part_id
     ORDER BY bucket";

/// The last change number of one bucket; `None` if nothing was ever in it.
///
/// # Errors
///
/// [`StoreError`].
pub fn number(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<Option<ChangeNo>> {
    let mut statement = tx.prepare_cached(NUMBER)?;
    let mut rows = statement.query((part_id, bucket.as_str()))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(ChangeNo(row.get::<_, i64>(0)?.cast_unsigned())))
}

const NUMBER: &str = "
    -- change_log::number
    SELECT head
      FROM feed_head
     WHERE part_id = ?1
       AND bucket = ?2";

/// Every bucket of a part that was ever written to, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn buckets(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<BucketName>> {
    let mut names = Vec::new();
    visit_heads(tx, part_id, |name, _| names.push(BucketName::parse(name)))?;
    names.into_iter().map(|name| name.ok_or(StoreError::Corrupt("feed_head.bucket"))).collect()
}

fn to_i64(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt("change number"))
}
