//! Rows of segments become rows of tables, within one transaction of the caller.
//!
//! Generic over `protocol::rows`: the statements of a table are made from its description, once per [`Applier`]. A bucket is brought to its
//! head by deltas ([`Applier::segment`]), or range by range from a base ([`Applier::range`]) and the deltas after it; the caller compares the
//! sums with what was announced, in the same transaction.
//!
//! One transaction is what keeps a screen from showing half of two checkpoints. Where there is a write-ahead log readers go on meanwhile;
//! where there is one connection they wait for it. A delta of ten thousand rows takes less than 100 ms on a phone, and whatever is larger
//! than a share of the copy is built beside it by [`crate::rebuild::Rebuild`], segment by segment, while the copy stays in use.

use std::collections::{BTreeMap, BTreeSet};

use polevik_protocol::change::Op;
use polevik_protocol::checksum::{HashKey, RowHash, RowHasher, StateSum};
use polevik_protocol::rows::{TABLES, TableDef, TableId, ValueRef};
use polevik_protocol::segment::Segment;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef as SqlValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ffi, named_params, params};

use crate::error::{Result, StoreError};
use crate::reference::checkpoints::{BucketNo, Checkpoint};
use crate::reference::{foreign, schema};

/// Writes rows of segments, and keeps count of what every bucket adds up to.
pub struct Applier<'c> {
    connection: &'c Connection,
    hasher: RowHasher,
    writers: BTreeMap<TableId, TableWriter<'c>>,
    applied: Applied,
    /// All tables were empty when the first row was written.
    all_were_empty: bool,
}

/// What an [`Applier`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What each bucket adds up to now.
    pub states: BTreeMap<BucketNo, StateSum>,
    /// Names of the tables in which something changed.
    pub changed: BTreeSet<&'static str>,
    /// Rows written or removed.
    pub rows: u64,
}

/// The statements of one table.
struct TableWriter<'c> {
    connection: &'c Connection,
    table: &'static TableDef,
    /// The table was empty: rows are inserted without asking what stood there before.
    was_empty: bool,
    /// Some rows of the table have values that this version does not keep.
    has_foreign: bool,
    insert: CachedStatement<'c>,
    upsert: CachedStatement<'c>,
    look_up: CachedStatement<'c>,
    delete: CachedStatement<'c>,
}

/// A row that stood there before.
struct Earlier {
    bucket: BucketNo,
    hash: RowHash,
}

/// The hashes of a row that is written.
#[derive(Clone, Copy)]
struct Hashes {
    /// Of all values.
    whole: RowHash,
    /// Of the values that are kept, if these are not all.
    own: Option<RowHash>,
}

impl Hashes {
    /// Of the `put`-th row put of a segment, whose values of known columns are `values`.
    fn of(hasher: &mut RowHasher, segment: &Segment, has_foreign: bool, (pk, put): (i64, usize), values: &[ValueRef<'_>]) -> Self {
        let table = segment.table;
        let own = hasher.row(table.id, pk, table.columns.iter().zip(values).map(|(column, value)| (column.id, *value)));
        if !has_foreign {
            return Self { whole: own, own: None };
        }
        let whole = hasher.row(table.id, pk, segment.hashed_values(put));
        Self { whole, own: (whole != own).then_some(own) }
    }
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

impl<'c> Applier<'c> {
    /// An applier that goes on from `checkpoints`; `key` is the key of the row hashes. `connection` is in a transaction.
    #[must_use]
    pub fn new(connection: &'c Connection, key: HashKey, checkpoints: &[Checkpoint]) -> Self {
        let states = checkpoints.iter().map(|checkpoint| (checkpoint.bucket_no, checkpoint.state)).collect();
        let applied = Applied { states, ..Applied::default() };
        Self { connection, hasher: RowHasher::new(key), writers: BTreeMap::new(), applied, all_were_empty: false }
    }

    /// An applier of a copy that was empty, without indexes, when its first row was written; `applied` is what was done until now.
    pub(crate) fn of_rebuild(connection: &'c Connection, key: HashKey, applied: Applied) -> Self {
        Self { connection, hasher: RowHasher::new(key), writers: BTreeMap::new(), applied, all_were_empty: true }
    }

    /// What was done until now.
    pub(crate) fn into_applied(self) -> Applied {
        self.applied
    }

    /// Removes all rows of a bucket, in every table.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn drop_bucket(&mut self, bucket: BucketNo) -> Result<()> {
        let state = self.applied.states.entry(bucket).or_default();
        if *state == StateSum::default() {
            return Ok(());
        }
        *state = StateSum::default();
        for table in TABLES {
            foreign::forget_rows(self.connection, table, bucket, i64::MIN, i64::MAX)?;
            let sql = format!("-- apply::drop_bucket\nDELETE FROM {} WHERE _bucket = :bucket_no", table.name);
            let removed = self.connection.prepare_cached(&sql)?.execute(named_params! { ":bucket_no": bucket.0 })?;
            if removed > 0 {
                self.applied.changed.insert(table.name);
                self.applied.rows += removed as u64;
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
        let Self { connection, hasher, writers, applied, all_were_empty } = self;
        let writer = writer(connection, writers, segment.table, *all_were_empty)?;
        let brings_foreign = foreign::note_columns(connection, segment)?;
        writer.has_foreign |= brings_foreign;
        let mut own = applied.states.get(&bucket).copied().unwrap_or_default();
        let mut rows = 0;
        let mut values = Vec::with_capacity(segment.table.columns.len());
        for (pk, op, put) in segment.rows() {
            if skip(pk) {
                continue;
            }
            if op == Op::Remove {
                if let Some(earlier) = writer.look_up(pk)?.filter(|earlier| earlier.bucket == bucket) {
                    writer.delete(pk)?;
                    own.remove(earlier.hash);
                    rows += 1;
                }
                continue;
            }
            take_values(segment, put, &mut values);
            let hashes = Hashes::of(hasher, segment, brings_foreign, (pk, put), &values);
            if writer.was_empty && writer.insert(pk, bucket, hashes, &values)? {
                own.add(hashes.whole);
                rows += 1;
                continue;
            }
            match writer.look_up(pk)? {
                Some(earlier) if earlier.bucket == bucket && earlier.hash == hashes.whole => continue,
                Some(earlier) if earlier.bucket == bucket => own.remove(earlier.hash),
                Some(earlier) => applied.states.entry(earlier.bucket).or_default().remove(earlier.hash),
                None => (),
            }
            writer.upsert(pk, bucket, hashes, &values)?;
            own.add(hashes.whole);
            rows += 1;
        }
        applied.states.insert(bucket, own);
        if rows > 0 {
            applied.changed.insert(segment.table.name);
            applied.rows += rows;
        }
        Ok(())
    }

    /// Makes the keys from `lo` to `hi`, both inclusive, of the segment's table hold what the base segment says: rows of `bucket` that are
    /// not in it leave, the others are written. Rows whose key `skip` names are left as they are: a later delta says what becomes of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a row without a value that its table requires is one.
    pub fn range(&mut self, bucket: BucketNo, segment: &Segment, (lo, hi): (i64, i64), skip: impl Fn(i64) -> bool) -> Result<()> {
        let writer = writer(self.connection, &mut self.writers, segment.table, self.all_were_empty)?;
        if !writer.was_empty {
            let mut told = segment.rows().map(|(pk, _, _)| pk).peekable();
            let mut gone = Vec::new();
            for (pk, hash) in held_rows(self.connection, segment.table, bucket, (lo, hi))? {
                while told.next_if(|told| *told < pk).is_some() {}
                if told.peek() != Some(&pk) && !skip(pk) {
                    gone.push((pk, hash));
                }
            }
            let state = self.applied.states.entry(bucket).or_default();
            for (pk, hash) in &gone {
                writer.delete(*pk)?;
                state.remove(*hash);
            }
            if !gone.is_empty() {
                self.applied.changed.insert(segment.table.name);
                self.applied.rows += gone.len() as u64;
            }
        }
        self.segment(bucket, segment, |pk| pk < lo || pk > hi || skip(pk))
    }

    /// Removes the rows of `bucket` from a table of which the office has no base segment, except those that `skip` names: a later delta says
    /// what becomes of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn clear_table(&mut self, bucket: BucketNo, table: &'static TableDef, skip: impl Fn(i64) -> bool) -> Result<()> {
        let held = held_rows(self.connection, table, bucket, (i64::MIN, i64::MAX))?;
        if held.is_empty() {
            return Ok(());
        }
        let writer = writer(self.connection, &mut self.writers, table, self.all_were_empty)?;
        let state = self.applied.states.entry(bucket).or_default();
        for (pk, hash) in held.into_iter().filter(|(pk, _)| !skip(*pk)) {
            writer.delete(pk)?;
            state.remove(hash);
            self.applied.changed.insert(table.name);
            self.applied.rows += 1;
        }
        Ok(())
    }

    /// Makes the indexes again that a first load goes without, and says what was done. The caller checks the sums before its commit.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn finish(self) -> Result<Applied> {
        let Self { connection, writers, applied, .. } = self;
        drop(writers);
        schema::create_indexes(connection)?;
        Ok(applied)
    }
}

fn writer<'w, 'c>(
    connection: &'c Connection,
    writers: &'w mut BTreeMap<TableId, TableWriter<'c>>,
    table: &'static TableDef,
    was_empty: bool,
) -> Result<&'w mut TableWriter<'c>> {
    match writers.entry(table.id) {
        std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
        std::collections::btree_map::Entry::Vacant(entry) => Ok(entry.insert(TableWriter::new(connection, table, was_empty)?)),
    }
}

fn is_empty(connection: &Connection, table: &TableDef) -> Result<bool> {
    let sql = format!("-- apply::is_empty\nSELECT NOT EXISTS (SELECT 1 FROM {}) AS is_empty", table.name);
    Ok(connection.prepare_cached(&sql)?.query_row([], |row| row.get("is_empty"))?)
}

/// What a device holds of each of `ranges` of keys (both ends inclusive, rising, apart), by the kept hashes: one pass over the table.
///
/// A base range that adds up to what is announced for it need neither be fetched nor applied.
///
/// # Errors
///
/// [`StoreError`].
pub fn held(connection: &Connection, bucket: BucketNo, table: &TableDef, ranges: &[(i64, i64)]) -> Result<Vec<StateSum>> {
    let mut states = vec![StateSum::default(); ranges.len()];
    let mut place = 0;
    let sql = format!("-- apply::held\nSELECT id, _hash FROM {} WHERE _bucket = :bucket_no ORDER BY id", table.name);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(named_params! { ":bucket_no": bucket.0 })?;
    while let Some(row) = rows.next()? {
        let (pk, hash) = key_and_hash(row).map_err(|error| StoreError::from(error).of_reference())?;
        while ranges.get(place).is_some_and(|(_, hi)| *hi < pk) {
            place += 1;
        }
        if let (Some((lo, _)), Some(state)) = (ranges.get(place), states.get_mut(place))
            && *lo <= pk
        {
            state.add(hash);
        }
    }
    Ok(states)
}

fn key_and_hash(row: &Row<'_>) -> rusqlite::Result<(i64, RowHash)> {
    Ok((row.get(0)?, RowHash(row.get::<_, i64>(1)?.cast_unsigned())))
}

/// Keys and kept hashes of the rows of a bucket in a range, by rising key.
fn held_rows(connection: &Connection, table: &TableDef, bucket: BucketNo, (lo, hi): (i64, i64)) -> Result<Vec<(i64, RowHash)>> {
    let sql = format!(
        "-- apply::held_rows\nSELECT id, _hash FROM {} WHERE id BETWEEN :lo AND :hi AND _bucket = :bucket_no ORDER BY id",
        table.name
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(named_params! { ":lo": lo, ":hi": hi, ":bucket_no": bucket.0 }, key_and_hash)?;
    rows.collect::<rusqlite::Result<_>>().map_err(|error| StoreError::from(error).of_reference())
}

impl<'c> TableWriter<'c> {
    fn new(connection: &'c Connection, table: &'static TableDef, was_empty: bool) -> Result<Self> {
        let name = table.name;
        let was_empty = was_empty || is_empty(connection, table)?;
        if was_empty {
            schema::drop_indexes(connection, table)?;
        }
        let Statements { insert, upsert } = Statements::of(table);
        Ok(Self {
            connection,
            table,
            was_empty,
            has_foreign: foreign::has_rows(connection, table)?,
            insert: connection.prepare_cached(&insert)?,
            upsert: connection.prepare_cached(&upsert)?,
            look_up: connection.prepare_cached(&format!("-- apply::look_up\nSELECT _bucket, _hash FROM {name} WHERE id = ?1"))?,
            delete: connection.prepare_cached(&format!("-- apply::delete\nDELETE FROM {name} WHERE id = ?1"))?,
        })
    }

    fn look_up(&mut self, pk: i64) -> Result<Option<Earlier>> {
        let earlier = self
            .look_up
            .query_row([pk], |row| Ok(Earlier { bucket: BucketNo(row.get(0)?), hash: RowHash(row.get::<_, i64>(1)?.cast_unsigned()) }))
            .optional();
        earlier.map_err(|error| StoreError::from(error).of_reference())
    }

    fn delete(&mut self, pk: i64) -> Result<()> {
        self.delete.execute([pk])?;
        self.note_foreign(pk, None)
    }

    /// Inserts into a table that was empty; `false` if another bucket has put the same row in the meantime.
    fn insert(&mut self, pk: i64, bucket: BucketNo, hashes: Hashes, values: &[ValueRef<'_>]) -> Result<bool> {
        bind(&mut self.insert, (pk, bucket, hashes.whole), values)?;
        match self.insert.raw_execute() {
            Ok(_) => (),
            Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY => return Ok(false),
            Err(error) => return Err(StoreError::from(error)),
        }
        self.note_foreign(pk, hashes.own)?;
        Ok(true)
    }

    fn upsert(&mut self, pk: i64, bucket: BucketNo, hashes: Hashes, values: &[ValueRef<'_>]) -> Result<()> {
        bind(&mut self.upsert, (pk, bucket, hashes.whole), values)?;
        self.upsert.raw_execute()?;
        self.note_foreign(pk, hashes.own)
    }

    fn note_foreign(&self, pk: i64, own: Option<RowHash>) -> Result<()> {
        if self.has_foreign { foreign::set_row(self.connection, self.table.id, pk, own) } else { Ok(()) }
    }
}

/// The statements that write a whole row.
pub(crate) struct Statements {
    pub(crate) insert: String,
    pub(crate) upsert: String,
}

impl Statements {
    pub(crate) fn of(table: &TableDef) -> Self {
        let columns: Vec<&str> = ["id", "_bucket", "_hash"].into_iter().chain(table.columns.iter().map(|column| column.name)).collect();
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        let updates: Vec<String> = columns.iter().skip(1).map(|column| format!("{column} = excluded.{column}")).collect();
        let insert = format!("-- apply::insert\nINSERT INTO {} ({}) VALUES ({})", table.name, columns.join(", "), places.join(", "));
        let upsert = format!("-- apply::upsert\n{insert}\nON CONFLICT (id) DO UPDATE SET {}", updates.join(", "));
        Self { insert, upsert }
    }
}

/// Removes the rows of a bucket in a range, and writes those of a segment in their stead, without asking what stood there: what is kept may
/// be wrong. Gives how many rows were written.
pub(crate) fn overwrite(
    connection: &Connection,
    hasher: &mut RowHasher,
    bucket: BucketNo,
    segment: &Segment,
    (lo, hi): (i64, i64),
) -> Result<u64> {
    let table = segment.table;
    foreign::forget_rows(connection, table, bucket, lo, hi)?;
    let sql = format!("-- apply::overwrite\nDELETE FROM {} WHERE id BETWEEN :lo AND :hi AND _bucket = :bucket_no", table.name);
    connection.prepare_cached(&sql)?.execute(named_params! { ":lo": lo, ":hi": hi, ":bucket_no": bucket.0 })?;
    let brings_foreign = foreign::note_columns(connection, segment)?;
    let mut upsert = connection.prepare_cached(&Statements::of(table).upsert)?;
    let mut written = 0;
    let mut values = Vec::new();
    for (pk, op, put) in segment.rows() {
        if op == Op::Put && (lo..=hi).contains(&pk) {
            take_values(segment, put, &mut values);
            let hashes = Hashes::of(hasher, segment, brings_foreign, (pk, put), &values);
            bind(&mut upsert, (pk, bucket, hashes.whole), &values)?;
            upsert.raw_execute()?;
            if brings_foreign {
                foreign::set_row(connection, table.id, pk, hashes.own)?;
            }
            written += 1;
        }
    }
    Ok(written)
}

/// The values of the `put`-th row put, one per column of the table.
fn take_values<'s>(segment: &'s Segment, put: usize, values: &mut Vec<ValueRef<'s>>) {
    values.clear();
    values.extend((0..segment.table.columns.len()).map(|index| segment.value(index, put)));
}

fn bind(statement: &mut CachedStatement<'_>, (pk, bucket, hash): (i64, BucketNo, RowHash), values: &[ValueRef<'_>]) -> Result<()> {
    statement.raw_bind_parameter(1, pk)?;
    statement.raw_bind_parameter(2, bucket.0)?;
    statement.raw_bind_parameter(3, hash.0.cast_signed())?;
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 4, Bound(*value))?;
    }
    Ok(())
}

/// Puts values of a segment into columns of a row that is there: what a newer application learns of it.
pub(crate) fn fill_columns(
    connection: &Connection,
    bucket: BucketNo,
    segment: &Segment,
    columns: &[usize],
    pk: i64,
    put: usize,
) -> Result<bool> {
    let table = segment.table;
    let sets: Vec<String> =
        columns.iter().enumerate().map(|(place, index)| format!("{} = ?{}", table.columns[*index].name, place + 3)).collect();
    let sql = format!("-- apply::fill_columns\nUPDATE {} SET {} WHERE id = ?1 AND _bucket = ?2", table.name, sets.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    for (place, parameter) in params![pk, bucket.0].iter().enumerate() {
        statement.raw_bind_parameter(place + 1, parameter)?;
    }
    for (place, index) in columns.iter().enumerate() {
        statement.raw_bind_parameter(place + 3, Bound(segment.value(*index, put)))?;
    }
    Ok(statement.raw_execute()? == 1)
}
