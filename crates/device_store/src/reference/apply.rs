//! Rows of segments become rows of tables, within one transaction of the caller.
//!
//! Generic over `protocol::rows`: the statements of a table are made from its description, once per [`Applier`].

use std::collections::{BTreeMap, BTreeSet};

use polevik_protocol::change::Op;
use polevik_protocol::checksum::{HashKey, RowHash, RowHasher, StateSum};
use polevik_protocol::rows::{TABLES, TableDef, TableId, ValueRef};
use polevik_protocol::segment::Segment;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef as SqlValueRef};
use rusqlite::{CachedStatement, OptionalExtension, Transaction, ffi, named_params};

use crate::error::{Result, StoreError};
use crate::reference::checkpoints::{BucketNo, Checkpoint};
use crate::reference::schema;

/// Writes rows of segments, and keeps count of what every bucket adds up to.
pub struct Applier<'tx> {
    tx: &'tx Transaction<'tx>,
    hasher: RowHasher,
    states: BTreeMap<BucketNo, StateSum>,
    writers: BTreeMap<TableId, TableWriter<'tx>>,
    changed: BTreeSet<&'static str>,
    rows: u64,
}

/// What an [`Applier`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What each bucket adds up to now.
    pub states: BTreeMap<BucketNo, StateSum>,
    /// Names of the tables in which something changed.
    pub changed: BTreeSet<&'static str>,
    /// Rows written or removed.
    pub rows: u64,
}

/// The statements of one table.
struct TableWriter<'tx> {
    table: &'static TableDef,
    /// The table was empty: rows are inserted without asking what stood there before.
    was_empty: bool,
    insert: CachedStatement<'tx>,
    upsert: CachedStatement<'tx>,
    look_up: CachedStatement<'tx>,
    delete: CachedStatement<'tx>,
}

/// A row that stood there before.
struct Earlier {
    bucket: BucketNo,
    hash: RowHash,
}

struct Bound<'a>(ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => SqlValueRef::Null,
            ValueRef::Int(number) => SqlValueRef::Integer(number),
            ValueRef::Text(text) => SqlValueRef::Text(text.as_bytes()),
            ValueRef::Blob(bytes) => SqlValueRef::Blob(bytes),
        }))
    }
}

impl<'tx> Applier<'tx> {
    /// An applier that goes on from `checkpoints`; `key` is the key of the row hashes.
    #[must_use]
    pub fn new(tx: &'tx Transaction<'tx>, key: HashKey, checkpoints: &[Checkpoint]) -> Self {
        Self {
            tx,
            hasher: RowHasher::new(key),
            states: checkpoints.iter().map(|checkpoint| (checkpoint.bucket_no, checkpoint.state)).collect(),
            writers: BTreeMap::new(),
            changed: BTreeSet::new(),
            rows: 0,
        }
    }

    /// Removes all rows of a bucket, in every table.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn drop_bucket(&mut self, bucket: BucketNo) -> Result<()> {
        let state = self.states.entry(bucket).or_default();
        if *state == StateSum::default() {
            return Ok(());
        }
        *state = StateSum::default();
        for table in TABLES {
            let sql = format!("-- apply::drop_bucket\nDELETE FROM {} WHERE _bucket = :bucket_no", table.name);
            let removed = self.tx.prepare_cached(&sql)?.execute(named_params! { ":bucket_no": bucket.0 })?;
            if removed > 0 {
                self.changed.insert(table.name);
                self.rows += removed as u64;
            }
        }
        Ok(())
    }

    /// Writes the rows of a segment of `bucket`, except those whose key `skip` names (a later segment says something newer of them).
    ///
    /// A row that belonged to another bucket moves here; a removal leaves a row alone that belongs elsewhere by now.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a row without a value that its table requires is one.
    pub fn segment(&mut self, bucket: BucketNo, segment: &Segment, skip: impl Fn(i64) -> bool) -> Result<()> {
        let writer = match self.writers.entry(segment.table.id) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(TableWriter::new(self.tx, segment.table)?),
        };
        let columns = segment.table.columns;
        let mut own = self.states.get(&bucket).copied().unwrap_or_default();
        let before = self.rows;
        for (pk, op, put) in segment.rows() {
            if skip(pk) {
                continue;
            }
            let hash = match op {
                Op::Remove => {
                    if let Some(earlier) = writer.look_up(pk)?.filter(|earlier| earlier.bucket == bucket) {
                        writer.delete(pk)?;
                        own.remove(earlier.hash);
                        self.rows += 1;
                    }
                    continue;
                }
                Op::Put => {
                    let values = columns.iter().enumerate().map(|(index, column)| (column.id, segment.value(index, put)));
                    self.hasher.row(segment.table.id, pk, values)
                }
            };
            if writer.was_empty && writer.insert(pk, bucket, hash, segment, put)? {
                own.add(hash);
                self.rows += 1;
                continue;
            }
            match writer.look_up(pk)? {
                Some(earlier) if earlier.bucket == bucket && earlier.hash == hash => continue,
                Some(earlier) if earlier.bucket == bucket => own.remove(earlier.hash),
                Some(earlier) => self.states.entry(earlier.bucket).or_default().remove(earlier.hash),
                None => (),
            }
            writer.upsert(pk, bucket, hash, segment, put)?;
            own.add(hash);
            self.rows += 1;
        }
        self.states.insert(bucket, own);
        if self.rows > before {
            self.changed.insert(segment.table.name);
        }
        Ok(())
    }

    /// Makes the indexes again that a first load goes without, and says what was done. The caller checks the sums before its commit.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn finish(self) -> Result<Applied> {
        let Self { tx, states, writers, changed, rows, .. } = self;
        drop(writers);
        schema::create_indexes(tx)?;
        Ok(Applied { states, changed, rows })
    }
}

impl<'tx> TableWriter<'tx> {
    fn new(tx: &'tx Transaction<'tx>, table: &'static TableDef) -> Result<Self> {
        let name = table.name;
        let sql = format!("-- apply::is_filled\nSELECT EXISTS (SELECT 1 FROM {name}) AS filled");
        let filled: bool = tx.prepare_cached(&sql)?.query_row([], |row| row.get("filled"))?;
        if !filled {
            schema::drop_indexes(tx, table)?;
        }
        let columns: Vec<&str> = ["id", "_bucket", "_hash"].into_iter().chain(table.columns.iter().map(|column| column.name)).collect();
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        let updates: Vec<String> = columns.iter().skip(1).map(|column| format!("{column} = excluded.{column}")).collect();
        let insert = format!("-- apply::insert\nINSERT INTO {name} ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let upsert = format!("-- apply::upsert\n{insert}\nON CONFLICT (id) DO UPDATE SET {}", updates.join(", "));
        Ok(Self {
            table,
            was_empty: !filled,
            insert: tx.prepare_cached(&insert)?,
            upsert: tx.prepare_cached(&upsert)?,
            look_up: tx.prepare_cached(&format!("-- apply::look_up\nSELECT _bucket, _hash FROM {name} WHERE id = ?1"))?,
            delete: tx.prepare_cached(&format!("-- apply::delete\nDELETE FROM {name} WHERE id = ?1"))?,
        })
    }

    fn look_up(&mut self, pk: i64) -> Result<Option<Earlier>> {
        let earlier = self
            .look_up
            .query_row([pk], |row| {
                Ok(Earlier { bucket: BucketNo(row.get("_bucket")?), hash: RowHash(row.get::<_, i64>("_hash")?.cast_unsigned()) })
            })
            .optional()?;
        Ok(earlier)
    }

    fn delete(&mut self, pk: i64) -> Result<()> {
        self.delete.execute([pk])?;
        Ok(())
    }

    /// Inserts into a table that was empty; `false` if another bucket has put the same row in the meantime.
    fn insert(&mut self, pk: i64, bucket: BucketNo, hash: RowHash, segment: &Segment, put: usize) -> Result<bool> {
        bind(&mut self.insert, self.table, (pk, bucket, hash), segment, put)?;
        match self.insert.raw_execute() {
            Ok(_) => Ok(true),
            Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Ok(false),
            Err(error) => Err(StoreError::from(error)),
        }
    }

    fn upsert(&mut self, pk: i64, bucket: BucketNo, hash: RowHash, segment: &Segment, put: usize) -> Result<()> {
        bind(&mut self.upsert, self.table, (pk, bucket, hash), segment, put)?;
        self.upsert.raw_execute()?;
        Ok(())
    }
}

fn bind(
    statement: &mut CachedStatement<'_>,
    table: &TableDef,
    (pk, bucket, hash): (i64, BucketNo, RowHash),
    segment: &Segment,
    put: usize,
) -> Result<()> {
    statement.raw_bind_parameter(1, pk)?;
    statement.raw_bind_parameter(2, bucket.0)?;
    statement.raw_bind_parameter(3, hash.0.cast_signed())?;
    for index in 0..table.columns.len() {
        statement.raw_bind_parameter(index + 4, Bound(segment.value(index, put)))?;
    }
    Ok(())
}
