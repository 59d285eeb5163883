//! The next copy of the office, built beside the one in use.
//!
//! A file of its own with no journal and no syncing, tables without indexes, rows by rising key: nothing of it counts until it is finished,
//! synced, and its number stands in `work`. A process that dies before leaves the old copy as it was, with its staged segments, and
//! [`crate::Store::open`] removes the half-built file. Segments are applied one by one with [`Rebuild::write`], so that screens, which go on
//! reading the old copy, get in between.

use std::collections::BTreeMap;

use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, StateSum};
use rusqlite::Connection;

use crate::error::{Result, StoreError};
use crate::migrate::migrate;
use crate::reference::apply::{Applied, Applier};
use crate::reference::checkpoints::{self, BucketNo, Feed};
use crate::reference::schema;

/// A copy under construction. Made by [`crate::Store::begin_rebuild`], put into use by [`crate::Store::finish_rebuild`], or given up by
/// [`crate::Store::abandon_rebuild`].
pub struct Rebuild {
    connection: Connection,
    key: HashKey,
    applied: Applied,
    pub(crate) generation: i64,
}

impl Rebuild {
    pub(crate) fn begin(mut connection: Connection, generation: i64, key: HashKey) -> Result<Self> {
        connection.set_prepared_statement_cache_capacity(128);
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.pragma_update(None, "synchronous", "off")?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        migrate(&mut connection, schema::MIGRATIONS)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self { connection, key, applied: Applied::default(), generation })
    }

    /// The number of a bucket in the new copy.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn bucket(&self, name: &BucketName) -> Result<BucketNo> {
        checkpoints::number_of(&self.connection, name)
    }

    /// Writes some rows: a segment, or a few.
    ///
    /// # Errors
    ///
    /// What `write` fails with. Then the rebuild is to be given up.
    pub fn write<R, E>(&mut self, write: impl FnOnce(&mut Applier<'_>) -> Result<R, E>) -> Result<R, E> {
        let mut applier = Applier::of_rebuild(&self.connection, self.key, std::mem::take(&mut self.applied));
        let result = write(&mut applier);
        self.applied = applier.into_applied();
        result
    }

    /// What a bucket adds up to until now: the caller compares it with what was announced before it has the rebuild finished.
    #[must_use]
    pub fn state(&self, bucket: BucketNo) -> StateSum {
        self.applied.states.get(&bucket).copied().unwrap_or_default()
    }

    /// Rows written until now.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.applied.rows
    }

    /// Makes the indexes and the books, commits, and has everything on the disk. The last transaction is the one that is synced; a copy
    /// without it is one before its first download.
    pub(crate) fn finish(self, feed: &Feed, heads: &BTreeMap<BucketNo, ChangeNo>) -> Result<Applied> {
        let Self { connection, applied, .. } = self;
        schema::create_indexes(&connection)?;
        for (number, head) in heads {
            checkpoints::set(&connection, *number, applied.states.get(number).copied().unwrap_or_default(), Some(*head))?;
        }
        connection.execute_batch("COMMIT")?;
        connection.pragma_update(None, "synchronous", "full")?;
        checkpoints::set_feed(&connection, feed)?;
        connection.close().map_err(|(_, error)| StoreError::from(error))?;
        Ok(applied)
    }
}

/// 64 MiB, as SQLite wants it told.
pub(crate) const CACHE_KIB: i64 = -65_536;
