//! Reading any of the ten tables, as its definition says.

use std::collections::HashMap;

use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::{RowHash, RowHasher, StateSum};
use polevik_protocol::rows::{Row, TABLES, TableDef, Value, ValueRef};
use rusqlite::types::ValueRef as SqlValueRef;
use rusqlite::{OptionalExtension, Transaction, params};

use super::statements;
use crate::error::{Result, StoreError};

/// Columns before those of the definition: id, bucket, row_hash.
const OWN_COLUMNS: usize = 3;

/// A row and the bucket it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRow {
    /// The bucket it is in now.
    pub bucket: BucketName,
    /// Key and values.
    pub row: Row,
}

/// The row of that key; `None` if it is gone.
///
/// # Errors
///
/// [`StoreError`].
pub fn read(tx: &Transaction<'_>, part_id: &str, table: &TableDef, id: i64) -> Result<Option<PlacedRow>> {
    let mut statement = tx.prepare_cached(&statements::of(table).read)?;
    let mut rows = statement.query(params![part_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let bucket = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let values = (0..table.columns.len()).map(|index| Ok(owned(borrowed(row.get_ref(index + OWN_COLUMNS)?)?)));
    Ok(Some(PlacedRow {
        bucket: BucketName::parse(bucket).ok_or(StoreError::Corrupt("bucket of a row"))?,
        row: Row { id: row.get(0)?, values: values.collect::<Result<_>>()? },
    }))
}

/// Shows `visit` every row of a bucket with a key from `lo` to `hi`, by rising key. Values are borrowed, so nothing is copied.
///
/// # Errors
///
/// [`StoreError`], or what `visit` gives.
pub fn visit_range<E: From<StoreError>>(
    tx: &Transaction<'_>,
    part_id: &str,
    table: &TableDef,
    bucket: &BucketName,
    (lo, hi): (i64, i64),
    mut visit: impl FnMut(i64, &[ValueRef<'_>]) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut statement = tx.prepare_cached(&statements::of(table).read_range).map_err(StoreError::from)?;
    let mut rows = statement.query(params![part_id, bucket.as_str(), lo, hi]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let mut values = Vec::with_capacity(table.columns.len());
        for index in 0..table.columns.len() {
            values.push(borrowed(row.get_ref(index + OWN_COLUMNS).map_err(StoreError::from)?)?);
        }
        visit(row.get(0).map_err(StoreError::from)?, &values)?;
    }
    Ok(())
}

/// The keys of a bucket's rows from `lo` to `hi`, rising.
///
/// # Errors
///
/// [`StoreError`].
pub fn keys(tx: &Transaction<'_>, part_id: &str, table: &TableDef, bucket: &BucketName, (lo, hi): (i64, i64)) -> Result<Vec<i64>> {
    let mut statement = tx.prepare_cached(&statements::of(table).keys)?;
    Ok(statement.query_map(params![part_id, bucket.as_str(), lo, hi], |row| row.get(0))?.collect::<std::result::Result<_, _>>()?)
}

/// The state of a bucket, added up from its rows: what `feed_head` must say at any moment.
///
/// # Errors
///
/// [`StoreError`].
pub fn recount(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<StateSum> {
    let mut state = StateSum::default();
    for table in TABLES {
        let mut statement = tx.prepare_cached(&statements::of(table).hashes)?;
        let mut rows = statement.query(params![part_id, bucket.as_str()])?;
        while let Some(row) = rows.next()? {
            state.add(RowHash(row.get::<_, i64>(0)?.cast_unsigned()));
        }
    }
    Ok(state)
}

/// What the rows of a bucket with keys from `lo` to `hi` add up to, by their stored hashes.
///
/// # Errors
///
/// [`StoreError`].
pub fn state_of_range(
    tx: &Transaction<'_>,
    part_id: &str,
    table: &TableDef,
    bucket: &BucketName,
    (lo, hi): (i64, i64),
) -> Result<StateSum> {
    let mut state = StateSum::default();
    let mut statement = tx.prepare_cached(&statements::of(table).range_hashes)?;
    let mut rows = statement.query(params![part_id, bucket.as_str(), lo, hi])?;
    while let Some(row) = rows.next()? {
        state.add(RowHash(row.get::<_, i64>(0)?.cast_unsigned()));
    }
    Ok(state)
}

/// The first `most` rows of a bucket with a key above `after`, by rising key.
///
/// # Errors
///
/// [`StoreError`].
pub fn after(tx: &Transaction<'_>, part_id: &str, table: &TableDef, bucket: &BucketName, after: i64, most: u32) -> Result<Vec<Row>> {
    let mut statement = tx.prepare_cached(&statements::of(table).read_after)?;
    let mut rows = statement.query(params![part_id, bucket.as_str(), after, most])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..table.columns.len()).map(|index| Ok(owned(borrowed(row.get_ref(index + OWN_COLUMNS)?)?)));
        found.push(Row { id: row.get(0)?, values: values.collect::<Result<_>>()? });
    }
    Ok(found)
}

/// A row whose stored hash is not that of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongHash {
    /// Its table.
    pub table: &'static TableDef,
    /// Its key.
    pub id: i64,
    /// The hash of its values.
    pub right: RowHash,
}

/// Makes the hashes of a bucket's rows anew from their values: what they add up to, and the rows whose stored hash is another.
///
/// # Errors
///
/// [`StoreError`].
pub fn rehash(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, hasher: &mut RowHasher) -> Result<(StateSum, Vec<WrongHash>)> {
    let mut state = StateSum::default();
    let mut wrong = Vec::new();
    for table in TABLES.iter().copied() {
        let mut statement = tx.prepare_cached(&statements::of(table).read_range)?;
        let mut rows = statement.query(params![part_id, bucket.as_str(), i64::MIN, i64::MAX])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let mut values = Vec::with_capacity(table.columns.len());
            for (index, column) in table.columns.iter().enumerate() {
                values.push((column.id, borrowed(row.get_ref(index + OWN_COLUMNS)?)?));
            }
            let right = hasher.row(table.id, id, values.into_iter());
            state.add(right);
            if row.get::<_, i64>(2)? != right.0.cast_signed() {
                wrong.push(WrongHash { table, id, right });
            }
        }
    }
    Ok((state, wrong))
}

/// Stores the right hash of a row.
///
/// # Errors
///
/// [`StoreError`].
pub fn set_hash(tx: &Transaction<'_>, part_id: &str, wrong: &WrongHash) -> Result<()> {
    tx.prepare_cached(&statements::of(wrong.table).set_hash)?.execute(params![part_id, wrong.id, wrong.right.0.cast_signed()])?;
    Ok(())
}

/// The id of the row with that natural key.
///
/// # Errors
///
/// [`StoreError`].
pub fn id_by_key(tx: &Transaction<'_>, part_id: &str, table: &TableDef, natural_key: &str) -> Result<Option<i64>> {
    Ok(tx.prepare_cached(&statements::of(table).id_by_key)?.query_row(params![part_id, natural_key], |row| row.get(0)).optional()?)
}

/// Every natural key of a table with its id: what an import looks references up in.
///
/// # Errors
///
/// [`StoreError`].
pub fn ids_by_key(tx: &Transaction<'_>, part_id: &str, table: &TableDef) -> Result<HashMap<String, i64>> {
    let mut statement = tx.prepare_cached(&statements::of(table).all_keys)?;
    Ok(statement.query_map(params![part_id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<std::result::Result<_, _>>()?)
}

/// How many rows a part has of each table, by table number.
///
/// # Errors
///
/// [`StoreError`].
pub fn count(tx: &Transaction<'_>, part_id: &str, table: &TableDef) -> Result<u64> {
    let text = format!("-- reference::count {0}\nSELECT count(*) FROM {0} WHERE part_id = ?1", table.name);
    Ok(tx.prepare_cached(&text)?.query_row(params![part_id], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

fn borrowed(value: SqlValueRef<'_>) -> Result<ValueRef<'_>> {
    Ok(match value {
        SqlValueRef::Null => ValueRef::Null,
        SqlValueRef::Integer(number) => ValueRef::Int(number),
        SqlValueRef::Text(bytes) => ValueRef::Text(std::str::from_utf8(bytes).map_err(|_| StoreError::Corrupt("text that is not UTF-8"))?),
        SqlValueRef::Blob(bytes) => ValueRef::Blob(bytes),
        SqlValueRef::Real(_) => return Err(StoreError::Corrupt("a fraction where none can be")),
    })
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Int(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(text.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
