//! Both databases of one device: opening, transactions, and what happens to a damaged file.

use std::collections::BTreeMap;

use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::HashKey;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};

use crate::error::{Result, StoreError};
use crate::migrate::{Migration, migrate};
use crate::platform::{Journal, Platform};
use crate::rebuild::{CACHE_KIB, Rebuild};
use crate::reference::apply::Applied;
use crate::reference::checkpoints::{BucketNo, Feed};
use crate::reference::{schema, verify};
use crate::salvage;
use crate::work::options;

/// The file that only this device has.
pub const WORK: &str = "work.db";

const WORK_MIGRATIONS: &[Migration] = &[
    || include_str!("../migrations/work/0001_initial.sql").to_owned(),
    || include_str!("../migrations/work/0002_outbox_lanes.sql").to_owned(),
    || include_str!("../migrations/work/0003_outbox_index.sql").to_owned(),
    || include_str!("../migrations/work/0004_files.sql").to_owned(),
];

/// Both databases of one device, open.
pub struct Store {
    platform: Box<dyn Platform>,
    work: Connection,
    reference: Connection,
    generation: i64,
    /// How many changes of this connection had been made when its log was last brought back to nothing.
    changes_in_database: u64,
    /// Whether commits of `work` wait for the disk, as they do when it is opened.
    work_waits: bool,
}

/// So many changed rows may stand in the log: SQLite itself writes it back by pieces of a few megabytes.
const SHORT_LOG_CHANGES: u64 = 20_000;

/// Which file of the device was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// The copy of the office: it was set aside, and an empty one is open in its place.
    Reference,
    /// What only this device knows: it was copied aside, and what could be read of it stands in a new one, which is open in its place. The
    /// option `WorkDamaged` names the copy until the person has been told (L505).
    Work,
}

impl Store {
    /// Opens both, made and migrated as needed. A `reference` that is damaged is set aside and begun anew. A `work` that is damaged is
    /// copied aside, never deleted, and begun anew with what could be read of it; the option `WorkDamaged` names the copy.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(platform: Box<dyn Platform>) -> Result<Self> {
        salvage::finish(&*platform)?;
        let work = match open_work(&*platform) {
            Err(error) if error.is_damage() => {
                salvage::salvage(&*platform)?;
                open_work(&*platform)?
            }
            other => other?,
        };
        let generation = options::reference_generation(&work)?;
        match open_reference(&*platform, generation) {
            Ok(reference) => {
                let store = Self { platform, work, reference, generation, changes_in_database: 0, work_waits: true };
                store.remove_old_generations()?;
                Ok(store)
            }
            Err(error) if error.is_damage() => {
                let next = begin_generation(&work, generation, true)?;
                // A file of an earlier try is nothing to go on with.
                platform.remove(&reference_name(next))?;
                let reference = open_reference(&*platform, next)?;
                let store = Self { platform, work, reference, generation: next, changes_in_database: 0, work_waits: true };
                store.remove_old_generations()?;
                Ok(store)
            }
            Err(error) => Err(error),
        }
    }

    /// A transaction over what only this device knows. It locks at once, so that it cannot fail half way for another's sake.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn work(&mut self) -> Result<Transaction<'_>> {
        self.wait_for_the_disk(true)?;
        Ok(self.work.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// The same, for what is not promised to anybody: it outlives the process as all else, but a power cut may take it back, until something
    /// later is committed with [`Self::work`]. It does not wait for the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn work_in_passing(&mut self) -> Result<Transaction<'_>> {
        // Without a log every commit waits for the disk, or the file may be torn.
        self.wait_for_the_disk(self.platform.journal() != Journal::Wal)?;
        Ok(self.work.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// A transaction over the copy of the office, for writing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn reference(&mut self) -> Result<Transaction<'_>> {
        Ok(self.reference.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// A transaction over what only this device knows, and a snapshot of the copy of the office beside it: what an act of the rep needs.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn act(&mut self) -> Result<Both<'_>> {
        self.wait_for_the_disk(true)?;
        Ok(Both {
            work: self.work.transaction_with_behavior(TransactionBehavior::Immediate)?,
            reference: self.reference.transaction_with_behavior(TransactionBehavior::Deferred)?,
        })
    }

    /// Two snapshots for reading, one of each file: what a screen needs.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn read(&mut self) -> Result<Both<'_>> {
        Ok(Both {
            work: self.work.transaction_with_behavior(TransactionBehavior::Deferred)?,
            reference: self.reference.transaction_with_behavior(TransactionBehavior::Deferred)?,
        })
    }

    /// Whether the next commits of `work` return only when they are on the disk.
    fn wait_for_the_disk(&mut self, wait: bool) -> Result<()> {
        if self.work_waits != wait {
            self.work.pragma_update(None, "synchronous", if wait { work_synchronous() } else { "NORMAL" })?;
            self.work_waits = wait;
        }
        Ok(())
    }

    /// Has what was committed on the disk, and after much of it brings the write-ahead log back to nothing: a few rows cost one syncing of
    /// the log. Nothing happens where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn shrink_reference_log(&mut self) -> Result<()> {
        if self.platform.journal() != Journal::Wal {
            return Ok(());
        }
        let changes = self.reference.total_changes();
        if changes.saturating_sub(self.changes_in_database) <= SHORT_LOG_CHANGES {
            return self.platform.sync(&format!("{}-wal", reference_name(self.generation)));
        }
        self.reference.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.changes_in_database = changes;
        Ok(())
    }

    /// Begins a new, empty copy of the office, and removes the old one. `work` is untouched.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn reset_reference(&mut self) -> Result<()> {
        self.replace_reference(false)
    }

    /// How many bytes may still be written where the databases live, as far as that can be known.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        self.platform.free_bytes()
    }

    /// Begins the next copy of the office beside the one in use, which stays as it is. `key` is the key of the row hashes.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn begin_rebuild(&mut self, key: HashKey) -> Result<Rebuild> {
        let next = self.generation + 1;
        self.platform.remove(&reference_name(next))?;
        Rebuild::begin(self.platform.open(&reference_name(next))?, next, key)
    }

    /// Puts a rebuilt copy into use: from here on it is the one that screens read, and the old one is gone. The caller has compared what
    /// its buckets add up to; `heads` are their change numbers.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then the old copy is still in use, with its staged segments.
    pub fn finish_rebuild(&mut self, rebuild: Rebuild, feed: &Feed, heads: &BTreeMap<BucketNo, ChangeNo>) -> Result<Applied> {
        let next = rebuild.generation;
        let name = reference_name(next);
        let finished = rebuild.finish(feed, heads).and_then(|applied| {
            // Before it is opened: closing a second handle on a file would take away the locks of the first.
            self.platform.sync(&name)?;
            let reference = open_reference(&*self.platform, next)?;
            // The new copy counts from this commit on.
            options::begin_generation(&self.work, next, None)?;
            Ok((applied, reference))
        });
        match finished {
            Ok((applied, reference)) => {
                self.take_reference(reference, next);
                // A file too many costs only room, and the next start removes it.
                let _ = self.remove_old_generations();
                Ok(applied)
            }
            Err(error) => {
                // Unless its number was noted after all: then it stays, and the next start takes it.
                if options::reference_generation(&self.work).is_ok_and(|generation| generation != next) {
                    let _ = self.platform.remove(&name);
                }
                Err(error)
            }
        }
    }

    /// Gives a rebuild up. The old copy is still in use, with its staged segments.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn abandon_rebuild(&mut self, rebuild: Rebuild) -> Result<()> {
        let name = reference_name(rebuild.generation);
        drop(rebuild);
        self.platform.remove(&name)
    }

    /// Finds out which file an error that [`StoreError::is_damage`] speaks of, and does what can be done: a damaged `reference` is set aside
    /// (the last one is kept) and begun anew; a damaged `work` is copied aside and begun anew with what could be read of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if even that fails.
    pub fn recover(&mut self) -> Result<Damaged> {
        // What is checked is the disk, not what memory still holds of it.
        let _ = self.work.execute_batch("PRAGMA shrink_memory");
        if passes(&self.work, "quick_check")? {
            self.replace_reference(true)?;
            return Ok(Damaged::Reference);
        }
        // The file must not be open while it is copied.
        self.work = Connection::open_in_memory()?;
        salvage::salvage(&*self.platform)?;
        (self.work, self.work_waits) = (open_work(&*self.platform)?, true);
        // Which copy of the office is in use may have been lost with the rest.
        options::begin_generation(&self.work, self.generation, None)?;
        Ok(Damaged::Work)
    }

    fn replace_reference(&mut self, damaged: bool) -> Result<()> {
        let next = begin_generation(&self.work, self.generation, damaged)?;
        self.platform.remove(&reference_name(next))?;
        let reference = open_reference(&*self.platform, next)?;
        self.take_reference(reference, next);
        self.remove_old_generations()
    }

    fn take_reference(&mut self, reference: Connection, generation: i64) {
        (self.reference, self.generation, self.changes_in_database) = (reference, generation, 0);
    }

    /// Removes copies of the office that are neither in use nor the last damaged one.
    fn remove_old_generations(&self) -> Result<()> {
        let kept = [Some(self.generation), options::damaged_generation(&self.work)?].map(|kept| kept.map(reference_name));
        for name in self.platform.list()? {
            if name.starts_with("reference-") && !kept.iter().flatten().any(|kept| *kept == name) {
                self.platform.remove(&name)?;
            }
        }
        Ok(())
    }
}

/// A transaction over each file. They are two: nothing commits both at once.
pub struct Both<'a> {
    /// What only this device knows.
    pub work: Transaction<'a>,
    /// The copy of the office.
    pub reference: Transaction<'a>,
}

/// Commits: from here on what was written is promised.
///
/// # Errors
///
/// [`StoreError`]; then nothing was written.
pub fn commit(tx: Transaction<'_>) -> Result<()> {
    Ok(tx.commit()?)
}

fn reference_name(generation: i64) -> String {
    format!("reference-{generation}.db")
}

/// Notes the next generation in `work`: from here on the old copy is not looked at any more.
fn begin_generation(work: &Connection, generation: i64, damaged: bool) -> Result<i64> {
    let next = generation + 1;
    if polevik_planted::is(polevik_planted::Bug::ResetDropsOutbox) {
        work.execute("-- db::begin_generation\nDELETE FROM outbox WHERE answered_at_ms IS NULL", [])?;
    }
    options::begin_generation(work, next, damaged.then_some(generation))?;
    Ok(next)
}

fn open_work(platform: &dyn Platform) -> Result<Connection> {
    let connection = platform.open(WORK)?;
    // Should it be damaged, nothing is to be moved about in it when it is closed again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let connection = prepare_work(connection, platform.journal())?;
    if platform.journal() == Journal::Wal {
        // What a process that was killed in its commit has written is shown from here on, so it must not be lost with the power any more:
        // moving the log into the file syncs it first.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(connection)
}

fn work_synchronous() -> &'static str {
    if polevik_planted::is(polevik_planted::Bug::WorkNotSynced) { "OFF" } else { "FULL" }
}

/// A database with the newest tables of `work`, checked.
pub(crate) fn prepare_work(mut connection: Connection, journal: Journal) -> Result<Connection> {
    configure(&connection, journal)?;
    // What a command promised is on the disk when it returns: an order must survive a battery that is pulled out.
    connection.pragma_update(None, "synchronous", work_synchronous())?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if !passes(&connection, "quick_check")? {
        return Err(StoreError::Damaged);
    }
    migrate(&mut connection, WORK_MIGRATIONS)?;
    Ok(connection)
}

/// Opens a copy of the office. It can be fetched again: whatever is wrong with it, as opposed to the place it lies in, is damage.
fn open_reference(platform: &dyn Platform, generation: i64) -> Result<Connection> {
    let connection = platform.open(&reference_name(generation))?;
    prepare_reference(connection, platform.journal()).map_err(|error| if error.is_of_the_place() { error } else { StoreError::Damaged })
}

fn prepare_reference(mut connection: Connection, journal: Journal) -> Result<Connection> {
    configure(&connection, journal)?;
    // Never torn, but the last transaction may be lost with the power.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    migrate(&mut connection, schema::MIGRATIONS)?;
    schema::create_indexes(&connection)?;
    verify::has_tables(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection, journal: Journal) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    // A statement is prepared once: otherwise SQLite prepares it anew whenever a bound value could ask for another plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let mode = match journal {
        Journal::Wal => "wal",
        Journal::ExclusiveTruncate => {
            connection.pragma_update(None, "locking_mode", "exclusive")?;
            "truncate"
        }
    };
    // Where it cannot change the mode, SQLite keeps the old one without an error; a commit under that one may be lost with the power.
    let kept: String = connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get("journal_mode"))?;
    if kept != mode {
        return Err(StoreError::Storage(format!("the database stays in journal mode {kept}, {mode} is needed")));
    }
    // Sorting and building indexes: no files beside the databases, which the browser's storage has no room for.
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(())
}

/// Whether the database passes a check (`quick_check` or `integrity_check`). A page that the disk refuses to give is asked for once more: a
/// slip of the disk is no damage, and neither is a disk that gives nothing at all.
///
/// # Errors
///
/// [`StoreError`] of the place.
pub(crate) fn passes(connection: &Connection, check: &str) -> Result<bool> {
    let ask = || match connection.query_row(&format!("PRAGMA {check}(1)"), [], |row| row.get::<_, String>(0)) {
        Ok(verdict) if is_refusal_of_the_disk(&verdict) => Err(StoreError::Storage(verdict)),
        Ok(verdict) => Ok(verdict == "ok"),
        Err(error) => {
            let error = StoreError::from(error);
            if error.is_of_the_place() { Err(error) } else { Ok(false) }
        }
    };
    ask().or_else(|_| ask())
}

/// SQLite tells of a page that cannot be read within its verdict, with the number of the error.
fn is_refusal_of_the_disk(verdict: &str) -> bool {
    let code = verdict.split("error code=").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    code.and_then(|digits| digits.parse::<i32>().ok()).is_some_and(|code| code & 0xff == ffi::SQLITE_IOERR)
}
