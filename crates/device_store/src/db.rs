//! Both databases of one device: opening, transactions, and what happens to a damaged file.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::{Result, StoreError};
use crate::migrate::{Migration, migrate};
use crate::platform::{Journal, Platform};
use crate::reference::schema;
use crate::work::options;

/// The file that only this device has.
pub const WORK: &str = "work.db";

/// Where a damaged `work` is copied, once; support reads it, nothing deletes it.
pub const WORK_DAMAGED: &str = "work-damaged.db";

const WORK_MIGRATIONS: &[Migration] = &[
    || include_str!("../migrations/work/0001_initial.sql").to_owned(),
    || include_str!("../migrations/work/0002_outbox_lanes.sql").to_owned(),
];

/// Both databases of one device, open.
pub struct Store {
    platform: Box<dyn Platform>,
    work: Connection,
    reference: Connection,
    generation: i64,
}

/// Which file of the device is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// The copy of the office: it was set aside, and an empty one is open in its place.
    Reference,
    /// What only this device knows: it was copied aside and left where it is.
    Work,
}

impl Store {
    /// Opens both, made and migrated as needed. A `reference` that is damaged is set aside and begun anew.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; if `work` is damaged, a copy of it stands under [`WORK_DAMAGED`] and the file itself is untouched.
    pub fn open(platform: Box<dyn Platform>) -> Result<Self> {
        let work = match open_work(&*platform) {
            Err(error) if error.is_damage() => {
                keep_damaged_work(&*platform)?;
                return Err(error);
            }
            other => other?,
        };
        let generation = options::reference_generation(&work)?;
        match open_reference(&*platform, generation) {
            Ok(reference) => {
                let store = Self { platform, work, reference, generation };
                store.remove_old_generations()?;
                Ok(store)
            }
            Err(error) if error.is_damage() => {
                let next = begin_generation(&work, generation, true)?;
                let reference = open_reference(&*platform, next)?;
                let store = Self { platform, work, reference, generation: next };
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

    /// After a large transaction: brings the write-ahead log back to nothing. Nothing happens where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn shrink_reference_log(&mut self) -> Result<()> {
        if self.platform.journal() == Journal::Wal {
            self.reference.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
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

    /// Finds out which file an error that [`StoreError::is_damage`] speaks of, and does what can be done: a damaged `reference` is set aside
    /// (the last one is kept) and begun anew, a damaged `work` is copied aside.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if even that fails.
    pub fn recover(&mut self) -> Result<Damaged> {
        if is_sound(&self.work) {
            self.replace_reference(true)?;
            Ok(Damaged::Reference)
        } else {
            keep_damaged_work(&*self.platform)?;
            Ok(Damaged::Work)
        }
    }

    fn replace_reference(&mut self, damaged: bool) -> Result<()> {
        let next = begin_generation(&self.work, self.generation, damaged)?;
        self.reference = open_reference(&*self.platform, next)?;
        self.generation = next;
        self.remove_old_generations()
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
    options::begin_generation(work, next, damaged.then_some(generation))?;
    Ok(next)
}

fn open_work(platform: &dyn Platform) -> Result<Connection> {
    let mut connection = platform.open(WORK)?;
    configure(&connection, platform.journal())?;
    // What a command promised is on the disk when it returns: an order must survive a battery that is pulled out.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if !is_sound(&connection) {
        return Err(StoreError::Damaged);
    }
    migrate(&mut connection, WORK_MIGRATIONS)?;
    Ok(connection)
}

fn open_reference(platform: &dyn Platform, generation: i64) -> Result<Connection> {
    let mut connection = platform.open(&reference_name(generation))?;
    configure(&connection, platform.journal())?;
    // A copy of the office can be fetched again: never torn, but the last transaction may be lost with the power.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // 64 MiB: a first load of a large catalogue stays in memory until its commit.
    connection.pragma_update(None, "cache_size", -65_536)?;
    migrate(&mut connection, schema::MIGRATIONS)?;
    schema::create_indexes(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection, journal: Journal) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    match journal {
        Journal::Wal => {
            connection.pragma_update(None, "journal_mode", "wal")?;
        }
        Journal::ExclusiveTruncate => {
            connection.pragma_update(None, "locking_mode", "exclusive")?;
            connection.pragma_update(None, "journal_mode", "truncate")?;
        }
    }
    // Sorting and building indexes: no files beside the databases, which the browser's storage has no room for.
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(())
}

fn is_sound(connection: &Connection) -> bool {
    connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).is_ok_and(|verdict| verdict == "ok")
}

fn keep_damaged_work(platform: &dyn Platform) -> Result<()> {
    let names = platform.list()?;
    if names.iter().any(|name| name == WORK) && !names.iter().any(|name| name == WORK_DAMAGED) {
        platform.copy(WORK, WORK_DAMAGED)?;
    }
    Ok(())
}
