//! Reading the copy of the office through: every row's hash made anew from its values, and compared with what was kept and announced.
//!
//! A bit that the disk turned round is found here, whether it stands in a value, a key, a kept hash or the books. What only the books have
//! wrong is mended at once; buckets whose rows are wrong are told, and [`crate::reference::repair`] asks the office for the bad ranges.

use std::collections::BTreeMap;

use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::{HashKey, RowHash, RowHasher, StateSum};
use polevik_protocol::rows::{TABLES, TableDef, ValueRef};
use rusqlite::types::ValueRef as SqlValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction, named_params};

use crate::db::passes;
use crate::error::{Result, StoreError};
use crate::reference::checkpoints::{self, BucketNo};
use crate::reference::{foreign, schema};

/// Rows of one slice of [`Verification::step`]: some tens of milliseconds on a phone.
pub const SLICE_ROWS: u32 = 20_000;

/// What came of reading the copy through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The file itself is damaged: the copy is to be built anew ([`crate::Store::recover`], or a rebuild beside).
    FileDamaged,
    /// The file is sound.
    Read {
        /// Buckets whose rows are not those of the office.
        wrong: Vec<BucketName>,
        /// Rows read.
        rows: u64,
        /// Kept hashes that were wrong beside right values, and rows of no bucket; they are mended.
        mended: u64,
    },
}

/// A verification under way. Each step is a transaction of its own, so that screens get in between; nobody else writes meanwhile.
#[derive(Debug)]
pub struct Verification {
    key: HashKey,
    /// Place in `TABLES`, and the last key read there; `None` before the file as a whole has been checked.
    at: Option<(usize, i64)>,
    states: BTreeMap<BucketNo, StateSum>,
    rows: u64,
    mended: u64,
}

impl Verification {
    /// Begins; `key` is the key of the row hashes ([`checkpoints::Feed::hash_key`]).
    #[must_use]
    pub fn new(key: HashKey) -> Self {
        Self { key, at: None, states: BTreeMap::new(), rows: 0, mended: 0 }
    }

    /// Goes on: first with the file as a whole (about half a second for a million rows), then with [`SLICE_ROWS`] rows at a time. Gives the
    /// verdict when all is read. `tx` is for writing; the caller commits.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; damage that is only met while reading is [`StoreError::is_damage`], and means the same as [`Verdict::FileDamaged`].
    pub fn step(&mut self, tx: &Transaction<'_>) -> Result<Option<Verdict>> {
        // Whatever cannot be read, as opposed to a disk that refuses, is what is looked for.
        self.go_on(tx).map_err(|error| if error.is_of_the_place() { error } else { StoreError::Damaged })
    }

    fn go_on(&mut self, tx: &Transaction<'_>) -> Result<Option<Verdict>> {
        let Some((place, after)) = self.at else {
            if !is_whole(tx)? {
                return Ok(Some(Verdict::FileDamaged));
            }
            self.at = Some((0, i64::MIN));
            return Ok(None);
        };
        let Some(table) = TABLES.get(place).copied() else { return self.verdict(tx).map(Some) };
        let known: Vec<BucketNo> = checkpoints::all(tx)?.iter().map(|checkpoint| checkpoint.bucket_no).collect();
        let mut hasher = RowHasher::new(self.key);
        let mut source = RowSource::new(tx, table)?;
        let slice = source.slice(&mut hasher, after, SLICE_ROWS)?;
        for row in &slice {
            self.rows += 1;
            if !known.contains(&row.bucket) {
                self.mended += 1;
                remove(tx, table, row.pk)?;
                continue;
            }
            self.states.entry(row.bucket).or_default().add(row.made);
            if row.made != row.kept {
                self.mended += 1;
                set_hash(tx, table, row.pk, row.made)?;
            }
        }
        self.at = match slice.last() {
            Some(last) if slice.len() >= SLICE_ROWS as usize && last.pk < i64::MAX => Some((place, last.pk)),
            _ => Some((place + 1, i64::MIN)),
        };
        Ok(None)
    }

    fn verdict(&self, tx: &Transaction<'_>) -> Result<Verdict> {
        let state = |bucket| self.states.get(&bucket).copied().unwrap_or_default();
        let wrong = checkpoints::all(tx)?
            .into_iter()
            .filter(|checkpoint| state(checkpoint.bucket_no) != checkpoint.state)
            .map(|checkpoint| checkpoint.name)
            .collect();
        Ok(Verdict::Read { wrong, rows: self.rows, mended: self.mended })
    }
}

/// A whole verification at once: for tools, and where nobody looks at a screen meanwhile.
///
/// # Errors
///
/// [`StoreError`].
pub fn verify(tx: &Transaction<'_>, key: HashKey) -> Result<Verdict> {
    let mut verification = Verification::new(key);
    loop {
        if let Some(verdict) = verification.step(tx)? {
            return Ok(verdict);
        }
    }
}

/// Whether the file is sound and its schema is what this version makes. Indexes of the
/// readers that are damaged alone are made anew; those of the books are not, because it may be the books that are wrong.
fn is_whole(tx: &Transaction<'_>) -> Result<bool> {
    if !schema::is_as_made(tx)? {
        return Ok(false);
    }
    if passes(tx, "integrity_check")? {
        return Ok(true);
    }
    schema::make_indexes_anew(tx)?;
    passes(tx, "integrity_check")
}

fn remove(tx: &Transaction<'_>, table: &TableDef, pk: i64) -> Result<()> {
    foreign::set_row(tx, table.id, pk, None)?;
    let sql = format!("-- verify::remove\nDELETE FROM {} WHERE id = :id", table.name);
    tx.prepare_cached(&sql)?.execute(named_params! { ":id": pk })?;
    Ok(())
}

fn set_hash(tx: &Connection, table: &TableDef, pk: i64, hash: RowHash) -> Result<()> {
    let sql = format!("-- verify::set_hash\nUPDATE {} SET _hash = :hash WHERE id = :id", table.name);
    tx.prepare_cached(&sql)?.execute(named_params! { ":id": pk, ":hash": hash.0.cast_signed() })?;
    Ok(())
}

/// Makes the kept hashes of a bucket anew from its values, and compares with what the office says they add up to. If that is the same the
/// books are set to it; `false` otherwise.
///
/// # Errors
///
/// [`StoreError`].
pub fn settle(tx: &Transaction<'_>, key: HashKey, bucket: BucketNo, expected: StateSum) -> Result<bool> {
    let mut hasher = RowHasher::new(key);
    let mut state = StateSum::default();
    for table in TABLES {
        let mut wrong = Vec::new();
        RowSource::new(tx, table)?.each_of_bucket(&mut hasher, bucket, (i64::MIN, i64::MAX), |row| {
            state.add(row.made);
            if row.made != row.kept {
                wrong.push((row.pk, row.made));
            }
        })?;
        for (pk, hash) in wrong {
            set_hash(tx, table, pk, hash)?;
        }
    }
    if state != expected {
        return Ok(false);
    }
    checkpoints::set(tx, bucket, state, None)?;
    Ok(true)
}

/// A row that was read, with its hash made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadRow {
    pub(crate) pk: i64,
    pub(crate) bucket: BucketNo,
    /// The hash that stands beside the row.
    pub(crate) kept: RowHash,
    /// The hash of its values. For a row with values that this version does not keep: the kept hash if what is kept of it is right.
    pub(crate) made: RowHash,
}

/// Reads the rows of one table with their hashes.
pub(crate) struct RowSource<'c> {
    connection: &'c Connection,
    table: &'static TableDef,
    has_foreign: bool,
}

impl<'c> RowSource<'c> {
    pub(crate) fn new(connection: &'c Connection, table: &'static TableDef) -> Result<Self> {
        Ok(Self { connection, table, has_foreign: foreign::has_rows(connection, table)? })
    }

    /// One row, its values hashed alone; `None` if there is none.
    pub(crate) fn row(&mut self, hasher: &mut RowHasher, pk: i64) -> Result<Option<ReadRow>> {
        let mut statement = self.select("id = ?1")?;
        let table = self.table;
        Ok(statement.query_row([pk], |row| read(table, hasher, row)).optional()?)
    }

    /// Up to `limit` rows of any bucket after a key, by rising key.
    fn slice(&mut self, hasher: &mut RowHasher, after: i64, limit: u32) -> Result<Vec<ReadRow>> {
        // The smallest key of all is after nothing.
        let condition = if after == i64::MIN { "id >= ?1 ORDER BY id LIMIT ?2" } else { "id > ?1 ORDER BY id LIMIT ?2" };
        let mut statement = self.select(condition)?;
        let mut found = Vec::new();
        let mut rows = statement.query((after, limit))?;
        while let Some(row) = rows.next()? {
            let row = read(self.table, hasher, row)?;
            found.push(self.with_foreign(row)?);
        }
        Ok(found)
    }

    /// The rows of a bucket in a range of keys, by rising key.
    pub(crate) fn each_of_bucket(
        &mut self,
        hasher: &mut RowHasher,
        bucket: BucketNo,
        (lo, hi): (i64, i64),
        mut each: impl FnMut(ReadRow),
    ) -> Result<()> {
        let mut statement = self.select("_bucket = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id")?;
        let mut rows = statement.query((bucket.0, lo, hi))?;
        while let Some(row) = rows.next()? {
            let row = read(self.table, hasher, row)?;
            each(self.with_foreign(row)?);
        }
        Ok(())
    }

    fn select(&self, condition: &str) -> Result<CachedStatement<'c>> {
        let columns: Vec<&str> = self.table.columns.iter().map(|column| column.name).collect();
        let sql =
            format!("-- verify::select\nSELECT id, _bucket, _hash, {} FROM {} WHERE {condition}", columns.join(", "), self.table.name);
        Ok(self.connection.prepare_cached(&sql)?)
    }

    fn with_foreign(&self, row: ReadRow) -> Result<ReadRow> {
        if self.has_foreign && foreign::own_hash(self.connection, self.table.id, row.pk)? == Some(row.made) {
            return Ok(ReadRow { made: row.kept, ..row });
        }
        Ok(row)
    }
}

/// Reads a row and hashes its values. A value of a kind that its column cannot hold counts as one that no right row has.
fn read(table: &TableDef, hasher: &mut RowHasher, row: &Row<'_>) -> rusqlite::Result<ReadRow> {
    let number = |index| match row.get_ref(index) {
        Ok(SqlValueRef::Integer(number)) => number,
        // No bucket has this number, and no hash this value but by chance.
        _ => i64::MIN,
    };
    let (pk, bucket, kept): (i64, i64, i64) = (row.get(0)?, number(1), number(2));
    let values = table.columns.iter().enumerate().map(|(index, column)| {
        let value = match row.get_ref(index + 3) {
            Ok(SqlValueRef::Null) => ValueRef::Null,
            Ok(SqlValueRef::Integer(number)) => ValueRef::Int(number),
            Ok(SqlValueRef::Text(bytes)) => std::str::from_utf8(bytes).map_or(ValueRef::Blob(bytes), ValueRef::Text),
            Ok(SqlValueRef::Blob(bytes)) => ValueRef::Blob(bytes),
            Ok(SqlValueRef::Real(_)) | Err(_) => ValueRef::Blob(b"no value of this kind"),
        };
        (column.id, value)
    });
    let made = hasher.row(table.id, pk, values);
    Ok(ReadRow { pk, bucket: BucketNo(bucket), kept: RowHash(kept.cast_unsigned()), made })
}

/// That a copy can be read at all: all tables are there, with their columns.
pub(crate) fn has_tables(connection: &Connection) -> Result<()> {
    for table in TABLES {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        let sql = format!("-- verify::has_tables\nSELECT id, _bucket, _hash, {} FROM {} LIMIT 0", columns.join(", "), table.name);
        connection.prepare(&sql).map_err(|_| StoreError::Damaged)?;
    }
    connection.prepare(BOOKS).map_err(|_| StoreError::Damaged)?;
    Ok(())
}

const BOOKS: &str = "
    -- verify::has_tables
    SELECT bucket.bucket_no, bucket.name, bucket.cursor, bucket.row_count, bucket.sum, bucket.mix,
           feed.only, feed.epoch, feed.root, feed.applied_at_ms, feed.hash_key, staged_segment.hash, staged_segment.bytes,
           foreign_column.table_id, foreign_column.column_id, foreign_row.table_id, foreign_row.row_id, foreign_row.own_hash
      FROM bucket, feed, staged_segment, foreign_column, foreign_row
     LIMIT 0";
