//! How far each bucket has been applied, what its rows add up to, and which root they belong to.

use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, StateSum};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::error::{Result, StoreError};

/// The number by which rows name their bucket on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketNo(pub i64);

/// Where one bucket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its number here.
    pub bucket_no: BucketNo,
    /// Its name.
    pub name: BucketName,
    /// Last change number applied.
    pub cursor: ChangeNo,
    /// What its rows add up to.
    pub state: StateSum,
}

/// Where all buckets stand, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn all(tx: &Connection) -> Result<Vec<Checkpoint>> {
    let mut statement = tx.prepare_cached(ALL)?;
    let rows = statement.query_and_then([], |row| {
        let (name, cursor): (String, i64) = (row.get("name")?, row.get("cursor")?);
        let (rows, sum, mix): (i64, i64, i64) = (row.get("row_count")?, row.get("sum")?, row.get("mix")?);
        Ok(Checkpoint {
            bucket_no: BucketNo(row.get("bucket_no")?),
            name: BucketName::parse(&name).ok_or(StoreError::BadValue("bucket.name"))?,
            cursor: ChangeNo(cursor.cast_unsigned()),
            state: StateSum { rows: rows.cast_unsigned(), sum: sum.cast_unsigned(), mix: mix.cast_unsigned() },
        })
    })?;
    rows.collect::<Result<_>>().map_err(StoreError::of_reference)
}

const ALL: &str = "
    -- checkpoints::all
    SELECT bucket_no, name, cursor, row_count, sum, mix
      FROM bucket
     ORDER BY name";

/// The number of a bucket; a bucket that is new gets one, with nothing applied.
///
/// # Errors
///
/// [`StoreError`].
pub fn number_of(tx: &Connection, name: &BucketName) -> Result<BucketNo> {
    tx.prepare_cached(ADD)?.execute(named_params! { ":name": name.as_str() })?;
    let mut statement = tx.prepare_cached(NUMBER_OF)?;
    Ok(statement.query_row(named_params! { ":name": name.as_str() }, |row| Ok(BucketNo(row.get("bucket_no")?)))?)
}

const ADD: &str = "
    -- checkpoints::number_of
    INSERT INTO bucket (name, cursor, row_count, sum, mix) VALUES (:name, 0, 0, 0, 0)
    ON CONFLICT (name) DO NOTHING";
const NUMBER_OF: &str = "
    -- checkpoints::number_of
    SELECT bucket_no FROM bucket WHERE name = :name";

/// Notes what the rows of a bucket add up to, and how far it is applied if that changed.
///
/// # Errors
///
/// [`StoreError`].
pub fn set(tx: &Connection, bucket: BucketNo, state: StateSum, cursor: Option<ChangeNo>) -> Result<()> {
    tx.prepare_cached(SET)?.execute(named_params! {
        ":bucket_no": bucket.0,
        ":cursor": cursor.map(|cursor| cursor.0.cast_signed()),
        ":row_count": state.rows.cast_signed(),
        ":sum": state.sum.cast_signed(),
        ":mix": state.mix.cast_signed(),
    })?;
    Ok(())
}

const SET: &str = "
    -- checkpoints::set
    UPDATE bucket
       SET cursor = COALESCE(:cursor, cursor), row_count = :row_count, sum = :sum, mix = :mix
     WHERE bucket_no = :bucket_no";

/// Forgets a bucket that has no rows any more.
///
/// # Errors
///
/// [`StoreError`].
pub fn remove(tx: &Connection, bucket: BucketNo) -> Result<()> {
    tx.prepare_cached(REMOVE)?.execute(named_params! { ":bucket_no": bucket.0 })?;
    Ok(())
}

const REMOVE: &str = "
    -- checkpoints::remove
    DELETE FROM bucket WHERE bucket_no = :bucket_no";

/// Sets the cursor of a bucket to nothing: its rows stay on the screens, and the next plan takes all of it anew.
///
/// # Errors
///
/// [`StoreError`].
pub fn forget(tx: &Connection, name: &BucketName) -> Result<()> {
    tx.prepare_cached(FORGET)?.execute(named_params! { ":name": name.as_str() })?;
    Ok(())
}

const FORGET: &str = "
    -- checkpoints::forget
    UPDATE bucket SET cursor = 0 WHERE name = :name";

/// What is applied as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Life of the server's database that the cursors belong to.
    pub epoch: String,
    /// Name of the root applied, or its first digits after a step; empty when it was forgotten.
    pub root: String,
    /// When, by the server's clock.
    pub applied_at: UtcMillis,
    /// Key of the row hashes. `None` in a copy that an application before it was kept has made: then the root counts for nothing.
    pub hash_key: Option<HashKey>,
}

/// What is applied as a whole; `None` before the first download.
///
/// # Errors
///
/// [`StoreError`].
pub fn feed(tx: &Connection) -> Result<Option<Feed>> {
    let mut statement = tx.prepare_cached(FEED)?;
    let found = statement
        .query_row([], |row| {
            let hash_key: Option<Vec<u8>> = row.get("hash_key")?;
            Ok(Feed {
                epoch: row.get("epoch")?,
                root: row.get("root")?,
                applied_at: UtcMillis(row.get("applied_at_ms")?),
                hash_key: hash_key.and_then(|key| key.try_into().ok()).map(HashKey),
            })
        })
        .optional();
    found.map_err(|error| StoreError::from(error).of_reference())
}

const FEED: &str = "
    -- checkpoints::feed
    SELECT epoch, root, applied_at_ms, hash_key FROM feed WHERE only = 1";

/// Notes that a root has been applied; last in the transaction that applies it.
///
/// # Errors
///
/// [`StoreError`].
pub fn set_feed(tx: &Connection, feed: &Feed) -> Result<()> {
    tx.prepare_cached(SET_FEED)?.execute(named_params! {
        ":epoch": feed.epoch,
        ":root": feed.root,
        ":applied_at_ms": feed.applied_at.0,
        ":hash_key": feed.hash_key.as_ref().map(|key| key.0),
    })?;
    Ok(())
}

const SET_FEED: &str = "
    -- checkpoints::set_feed
    INSERT INTO feed (only, epoch, root, applied_at_ms, hash_key) VALUES (1, :epoch, :root, :applied_at_ms, :hash_key)
    ON CONFLICT (only) DO UPDATE
       SET epoch = excluded.epoch, root = excluded.root, applied_at_ms = excluded.applied_at_ms, hash_key = excluded.hash_key";

/// Forgets which root is applied: the next request tells the cursors, and the answer says all of it anew.
///
/// # Errors
///
/// [`StoreError`].
pub fn forget_root(tx: &Connection) -> Result<()> {
    tx.prepare_cached(FORGET_ROOT)?.execute([])?;
    Ok(())
}

const FORGET_ROOT: &str = "
    -- checkpoints::forget_root
    UPDATE feed SET root = '' WHERE only = 1";
