//! Writing reference rows so that row hashes, bucket states and the change log cannot fall out of step.

use std::collections::{BTreeMap, HashMap, HashSet};

use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::{RowHash, RowHasher};
use polevik_protocol::rows::{TableDef, TableId, Value};
use rusqlite::types::{ToSqlOutput, ValueRef as SqlValueRef};
use rusqlite::{OptionalExtension, ToSql, Transaction, params};

use super::{rows, statements};
use crate::error::{Result, StoreError};
use crate::feed::change_log::{self, BucketChanges, Head};
use crate::part::{Part, give_back_ids, take_ids};

/// What became of a row that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Inserted(i64),
    /// It differs from before, or is in another bucket.
    Updated(i64),
    /// It is as it was: nothing was written, nobody will hear of it.
    Unchanged(i64),
}

impl Put {
    /// The row's id.
    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::Inserted(id) | Self::Updated(id) | Self::Unchanged(id) => id,
        }
    }
}

/// Writes rows within one transaction, and numbers the changes at its end.
///
/// [`ReferenceWriter::finish`] must be the last write of the transaction. Rolling back to a savepoint that is older than a put would leave a
/// change without its row: put after the savepoint is released.
pub struct ReferenceWriter<'tx> {
    tx: &'tx Transaction<'tx>,
    part: &'tx Part,
    now: UtcMillis,
    hasher: RowHasher,
    changes: BTreeMap<BucketName, Gathered>,
    fresh_ids: HashMap<TableId, FreshIds>,
}

#[derive(Default)]
struct Gathered {
    changes: BucketChanges,
    seen: HashSet<(TableId, i64)>,
}

/// Ids taken from the counter and not given out yet.
struct FreshIds {
    table_name: &'static str,
    next: i64,
    end: i64,
}

/// How many ids are taken at once for a bulk of new rows. The first row of a transaction takes one: a lone order does not waste a block.
const ID_BLOCK: i64 = 256;

impl<'tx> ReferenceWriter<'tx> {
    /// A writer of `part`; rows are stamped with `now`.
    #[must_use]
    pub fn new(tx: &'tx Transaction<'tx>, part: &'tx Part, now: UtcMillis) -> Self {
        Self { tx, part, now, hasher: RowHasher::new(part.hash_key), changes: BTreeMap::new(), fresh_ids: HashMap::new() }
    }

    /// The transaction it writes in.
    #[must_use]
    pub fn tx(&self) -> &'tx Transaction<'tx> {
        self.tx
    }

    /// The part it writes to.
    #[must_use]
    pub fn part(&self) -> &'tx Part {
        self.part
    }

    /// Makes the row of that natural key be in `bucket` with these values, one per column of the table.
    ///
    /// In another bucket than before, the row is removed there and put here, in this transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a unique value that another row has is one of SQLite's.
    pub fn put(&mut self, table: &'static TableDef, natural_key: &str, bucket: &BucketName, values: &[Value]) -> Result<Put> {
        debug_assert_eq!(values.len(), table.columns.len(), "one value per column of {}", table.name);
        let texts = statements::of(table);
        let found = self
            .tx
            .prepare_cached(&texts.find)?
            .query_row(params![self.part.id, natural_key], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?.cast_unsigned()))
            })
            .optional()?;
        match found {
            None => {
                let id = self.fresh_id(table)?;
                let hash = self.hash(table, id, values);
                self.write(&texts.insert, id, natural_key, bucket, hash, values)?;
                self.gather(bucket, table.id, id).state.add(hash);
                Ok(Put::Inserted(id))
            }
            Some((id, old_bucket, old_hash)) => {
                let hash = self.hash(table, id, values);
                if hash.0 == old_hash && old_bucket == bucket.as_str() {
                    return Ok(Put::Unchanged(id));
                }
                self.write(&texts.update, id, natural_key, bucket, hash, values)?;
                if polevik_planted::is(polevik_planted::Bug::ChangeNotLogged) {
                    return Ok(Put::Updated(id));
                }
                let old_bucket = BucketName::parse(&old_bucket).ok_or(StoreError::Corrupt("bucket of a row"))?;
                if old_bucket == *bucket || !polevik_planted::is(polevik_planted::Bug::MovedRowStays) {
                    self.gather(&old_bucket, table.id, id).state.remove(RowHash(old_hash));
                }
                self.gather(bucket, table.id, id).state.add(hash);
                Ok(Put::Updated(id))
            }
        }
    }

    /// Removes the row of that id. Gives `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn remove(&mut self, table: &'static TableDef, id: i64) -> Result<bool> {
        let gone = self
            .tx
            .prepare_cached(&statements::of(table).delete)?
            .query_row(params![self.part.id, id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned())))
            .optional()?;
        let Some((bucket, hash)) = gone else { return Ok(false) };
        let bucket = BucketName::parse(&bucket).ok_or(StoreError::Corrupt("bucket of a row"))?;
        self.gather(&bucket, table.id, id).state.remove(RowHash(hash));
        Ok(true)
    }

    /// Puts a row as it is into another bucket. Gives `false` if it is gone or there already.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn move_to(&mut self, table: &'static TableDef, natural_key: &str, bucket: &BucketName) -> Result<bool> {
        let Some(id) = rows::id_by_key(self.tx, &self.part.id, table, natural_key)? else { return Ok(false) };
        let Some(found) = rows::read(self.tx, &self.part.id, table, id)? else { return Ok(false) };
        Ok(matches!(self.put(table, natural_key, bucket, &found.row.values)?, Put::Updated(_)))
    }

    /// Whether anything has changed so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.changes.is_empty()
    }

    /// Numbers the changes; the last write of the transaction. Gives the new heads of the buckets that changed.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn finish(self) -> Result<Vec<Head>> {
        for ids in self.fresh_ids.values().filter(|ids| ids.next < ids.end) {
            give_back_ids(self.tx, &self.part.id, ids.table_name, ids.end - ids.next)?;
        }
        let changes = self.changes.into_iter().map(|(bucket, gathered)| (bucket, gathered.changes)).collect();
        change_log::append(self.tx, &self.part.id, &changes)
    }

    fn hash(&mut self, table: &TableDef, id: i64, values: &[Value]) -> RowHash {
        self.hasher.row(table.id, id, table.columns.iter().zip(values).map(|(column, value)| (column.id, value.as_ref())))
    }

    fn write(&self, text: &str, id: i64, natural_key: &str, bucket: &BucketName, hash: RowHash, values: &[Value]) -> Result<()> {
        let mut statement = self.tx.prepare_cached(text)?;
        statement.raw_bind_parameter(1, &self.part.id)?;
        statement.raw_bind_parameter(2, id)?;
        statement.raw_bind_parameter(3, natural_key)?;
        statement.raw_bind_parameter(4, bucket.as_str())?;
        statement.raw_bind_parameter(5, hash.0.cast_signed())?;
        statement.raw_bind_parameter(6, self.now.0)?;
        for (index, value) in (7..).zip(values) {
            statement.raw_bind_parameter(index, Bound(value))?;
        }
        statement.raw_execute()?;
        Ok(())
    }

    fn gather(&mut self, bucket: &BucketName, table: TableId, id: i64) -> &mut BucketChanges {
        let gathered = self.changes.entry(bucket.clone()).or_default();
        if gathered.seen.insert((table, id)) {
            gathered.changes.rows.push((table, id));
        }
        &mut gathered.changes
    }

    fn fresh_id(&mut self, table: &'static TableDef) -> Result<i64> {
        let block = match self.fresh_ids.get(&table.id) {
            Some(ids) if ids.next < ids.end => None,
            Some(_) => Some(ID_BLOCK),
            None => Some(1),
        };
        if let Some(count) = block {
            let next = take_ids(self.tx, &self.part.id, table.name, count)?;
            self.fresh_ids.insert(table.id, FreshIds { table_name: table.name, next, end: next + count });
        }
        let ids = self.fresh_ids.get_mut(&table.id).ok_or(StoreError::Corrupt("a block of ids that is not there"))?;
        ids.next += 1;
        Ok(ids.next - 1)
    }
}

/// A value as SQLite takes it.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => SqlValueRef::Null,
            Value::Int(number) => SqlValueRef::Integer(*number),
            Value::Text(text) => SqlValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => SqlValueRef::Blob(bytes),
        }))
    }
}
