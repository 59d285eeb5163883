//! The newest manifest of each bucket.

use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::manifest::Blake3Hex;
use rusqlite::{OptionalExtension, Transaction, named_params};

use super::segments::hash_bytes;
use crate::error::{Result, StoreError};

/// A manifest byte for byte, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// The change number it reaches.
    pub head: ChangeNo,
    /// BLAKE3 of the body.
    pub hash: Blake3Hex,
    /// Its JSON.
    pub body: String,
}

/// Replaces the manifest of a bucket.
///
/// # Errors
///
/// [`StoreError`].
pub fn replace(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, manifest: &StoredManifest, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(REPLACE)?.execute(named_params! {
        ":part_id": part_id,
        ":bucket": bucket.as_str(),
        ":head": manifest.head.0.cast_signed(),
        ":hash": hash_bytes(&manifest.hash)?,
        ":body": manifest.body,
        ":sealed_at_ms": now.0,
    })?;
    Ok(())
}

const REPLACE: &str = "
    -- manifests::replace
    INSERT INTO manifest (part_id, bucket, head, hash, body, sealed_at_ms)
    VALUES (:part_id, :bucket, :head, :hash, :body, :sealed_at_ms)
    ON CONFLICT (part_id, bucket) DO UPDATE
       SET head = excluded.head,
           hash = excluded.hash,
           body = excluded.body,
           sealed_at_ms = excluded.sealed_at_ms";

/// The newest manifest of a bucket; `None` if it was never sealed.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<Option<StoredManifest>> {
    let found = tx
        .prepare_cached(FIND)?
        .query_row(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, |row| {
            Ok((row.get::<_, i64>("head")?, row.get::<_, [u8; 32]>("hash")?, row.get::<_, String>("body")?))
        })
        .optional()?;
    let Some((head, hash, body)) = found else { return Ok(None) };
    Ok(Some(StoredManifest {
        head: ChangeNo(head.cast_unsigned()),
        hash: Blake3Hex::parse(&hex::encode(hash)).ok_or(StoreError::Corrupt("manifest.hash"))?,
        body,
    }))
}

const FIND: &str = "
    -- manifests::find
    SELECT head, hash, body
      FROM manifest
     WHERE part_id = :part_id
       AND bucket = :bucket";

/// The name of a bucket's newest manifest, without its body; `None` if it was never sealed.
///
/// # Errors
///
/// [`StoreError`].
pub fn name_of(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<Option<Blake3Hex>> {
    let found: Option<[u8; 32]> = tx
        .prepare_cached(NAME_OF)?
        .query_row(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, |row| row.get("hash"))
        .optional()?;
    found.map(|hash| Blake3Hex::parse(&hex::encode(hash)).ok_or(StoreError::Corrupt("manifest.hash"))).transpose()
}

const NAME_OF: &str = "
    -- manifests::name_of
    SELECT hash
      FROM manifest
     WHERE part_id = :part_id
       AND bucket = :bucket";
