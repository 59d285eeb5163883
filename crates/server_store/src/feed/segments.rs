//! Sealed segments. Content-addressed, so adding one twice is harmless.

use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::rows::TableId;
use polevik_protocol::segment::SegmentKind;
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::{Result, StoreError};

/// One segment as the table knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSegment {
    /// Its name.
    pub hash: Blake3Hex,
    /// Who may fetch it.
    pub bucket: BucketName,
    /// The table of its rows.
    pub table: TableId,
    /// Base or delta.
    pub kind: SegmentKind,
    /// Rows in it.
    pub row_count: u64,
    /// Its length in bytes.
    pub byte_count: u64,
    /// Its bytes; `None` = they lie in the blob store.
    pub body: Option<Vec<u8>>,
}

/// Adds a segment. One of that name is the same and stays; if it was superseded, it is named again.
///
/// # Errors
///
/// [`StoreError`].
pub fn add(tx: &Transaction<'_>, part_id: &str, segment: &StoredSegment, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(ADD)?.execute(named_params! {
        ":part_id": part_id,
        ":hash": hash_bytes(&segment.hash)?,
        ":bucket": segment.bucket.as_str(),
        ":table_id": segment.table.0,
        ":kind": match segment.kind { SegmentKind::Base => "base", SegmentKind::Delta => "delta" },
        ":row_count": segment.row_count.cast_signed(),
        ":byte_count": segment.byte_count.cast_signed(),
        ":body": segment.body,
        ":created_at_ms": now.0,
    })?;
    Ok(())
}

const ADD: &str = "
    -- segments::add
    INSERT INTO segment (part_id, hash, bucket, table_id, kind, row_count, byte_count, body, created_at_ms)
    VALUES (:part_id, :hash, :bucket, :table_id, :kind, :row_count, :byte_count, :body, :created_at_ms)
    ON CONFLICT (part_id, hash) DO UPDATE SET superseded_at_ms = NULL";

/// Notes that no manifest names these segments any more. Those that were superseded before keep their time.
///
/// # Errors
///
/// [`StoreError`].
pub fn supersede(tx: &Transaction<'_>, part_id: &str, hashes: &[Blake3Hex], now: UtcMillis) -> Result<()> {
    let mut statement = tx.prepare_cached(SUPERSEDE)?;
    for hash in hashes {
        statement.execute(named_params! { ":part_id": part_id, ":hash": hash_bytes(hash)?, ":now": now.0 })?;
    }
    Ok(())
}

const SUPERSEDE: &str = "
    -- segments::supersede
    UPDATE segment
       SET superseded_at_ms = :now
     WHERE part_id = :part_id
       AND hash = :hash
       AND superseded_at_ms IS NULL";

/// The segments of a bucket that were not superseded, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn standing(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<Vec<Blake3Hex>> {
    tx.prepare_cached(STANDING)?
        .query_and_then(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, |row| name(&row.get(0)?))?
        .collect()
}

const STANDING: &str = "
    -- segments::standing
    SELECT hash
      FROM segment INDEXED BY segment_by_bucket
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND superseded_at_ms IS NULL
     ORDER BY hash";

/// A segment that was taken out of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    /// Its name.
    pub hash: Blake3Hex,
    /// Its length in bytes.
    pub byte_count: u64,
    /// Whether its bytes lie in the blob store, where they are still.
    pub is_blob: bool,
}

/// Takes out segments that were superseded before `before`, the oldest first and at most `most`.
///
/// # Errors
///
/// [`StoreError`].
pub fn discard(tx: &Transaction<'_>, part_id: &str, before: UtcMillis, most: u32) -> Result<Vec<Discarded>> {
    let mut statement = tx.prepare_cached(DISCARD)?;
    let rows = statement.query_and_then(named_params! { ":part_id": part_id, ":before": before.0, ":most": most }, |row| {
        Ok::<_, StoreError>(Discarded {
            hash: name(&row.get(0)?)?,
            byte_count: row.get::<_, i64>(1)?.cast_unsigned(),
            is_blob: row.get(2)?,
        })
    })?;
    rows.collect()
}

const DISCARD: &str = "
    -- segments::discard
    DELETE FROM segment
     WHERE part_id = :part_id
       AND hash IN (SELECT hash
                      FROM segment
                     WHERE part_id = :part_id
                       AND superseded_at_ms < :before
                     ORDER BY superseded_at_ms, hash
                     LIMIT :most)
    RETURNING hash, byte_count, body IS NULL";

/// Whether any part has a segment of that name.
///
/// # Errors
///
/// [`StoreError`].
pub fn is_known(tx: &Transaction<'_>, part_ids: &[String], hash: &Blake3Hex) -> Result<bool> {
    let bytes = hash_bytes(hash)?;
    let mut statement = tx.prepare_cached(IS_KNOWN)?;
    for part_id in part_ids {
        if statement.exists(named_params! { ":part_id": part_id, ":hash": bytes })? {
            return Ok(true);
        }
    }
    Ok(false)
}

const IS_KNOWN: &str = "
    -- segments::is_known
    SELECT 1
      FROM segment
     WHERE part_id = :part_id
       AND hash = :hash";

/// How many segments a part has and how many bytes they come to: those a manifest names, then those that were superseded.
///
/// # Errors
///
/// [`StoreError`].
pub fn totals(tx: &Transaction<'_>, part_id: &str) -> Result<[(u64, u64); 2]> {
    let mut totals = [(0, 0); 2];
    let mut statement = tx.prepare_cached(TOTALS)?;
    let mut rows = statement.query(named_params! { ":part_id": part_id })?;
    while let Some(row) = rows.next()? {
        let superseded: bool = row.get(0)?;
        totals[usize::from(superseded)] = (row.get::<_, i64>(1)?.cast_unsigned(), row.get::<_, i64>(2)?.cast_unsigned());
    }
    Ok(totals)
}

const TOTALS: &str = "
    -- segments::totals
    SELECT superseded_at_ms IS NOT NULL, count(*), sum(byte_count)
      FROM segment
     WHERE part_id = :part_id
     GROUP BY 1";

/// The segment of that name; `None` if this part has none.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, part_id: &str, hash: &Blake3Hex) -> Result<Option<StoredSegment>> {
    let found = tx
        .prepare_cached(FIND)?
        .query_row(named_params! { ":part_id": part_id, ":hash": hash_bytes(hash)? }, |row| {
            Ok((
                row.get::<_, String>("bucket")?,
                row.get::<_, u16>("table_id")?,
                row.get::<_, String>("kind")?,
                row.get::<_, i64>("row_count")?,
                row.get::<_, i64>("byte_count")?,
                row.get::<_, Option<Vec<u8>>>("body")?,
            ))
        })
        .optional()?;
    let Some((bucket, table, kind, row_count, byte_count, body)) = found else { return Ok(None) };
    Ok(Some(StoredSegment {
        hash: hash.clone(),
        bucket: BucketName::parse(&bucket).ok_or(StoreError::Corrupt("segment.bucket"))?,
        table: TableId(table),
        kind: if kind == "base" { SegmentKind::Base } else { SegmentKind::Delta },
        row_count: row_count.cast_unsigned(),
        byte_count: byte_count.cast_unsigned(),
        body,
    }))
}

const FIND: &str = "
    -- segments::find
    SELECT bucket, table_id, kind, row_count, byte_count, body
      FROM segment
     WHERE part_id = :part_id
       AND hash = :hash";

fn name(bytes: &[u8; 32]) -> Result<Blake3Hex> {
    Blake3Hex::parse(&hex::encode(bytes)).ok_or(StoreError::Corrupt("segment.hash"))
}

/// A name as the databases keep it.
pub(super) fn hash_bytes(hash: &Blake3Hex) -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash.as_str(), &mut bytes).map_err(|_| StoreError::Corrupt("a BLAKE3 name"))?;
    Ok(bytes)
}
