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

/// Adds a segment. One of that name is the same and stays.
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
    ON CONFLICT (part_id, hash) DO NOTHING";

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

/// A name as the databases keep it.
pub(super) fn hash_bytes(hash: &Blake3Hex) -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash.as_str(), &mut bytes).map_err(|_| StoreError::Corrupt("a BLAKE3 name"))?;
    Ok(bytes)
}
