//! The file, its one writer and its readers.
//!
//! WAL with `synchronous=FULL`: what was committed survives a power cut, and readers never wait for the writer. Writing transactions of one
//! process stand in line at a mutex; those of several processes (an import beside `serve`) at SQLite's own lock.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{Result, StoreError};

/// Name of the database file inside a data folder.
pub const FILE_NAME: &str = "central.db";

/// How long a transaction waits for another process, in seconds.
pub const BUSY_TIMEOUT_S: u64 = 20;

/// Reading connections kept open; more are opened when needed and closed again.
const KEPT_READERS: usize = 8;

/// The central database. Cheap to clone; all clones share the writer and the readers.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// The file system of SQLite it lives on; `None` for the machine's own.
    vfs: Option<String>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// A reader that is asked only whether anybody has written; opened when it is first needed.
    observer: Mutex<Option<Connection>>,
}

impl Store {
    /// Opens the database of a data folder; makes folder and file when they are missing. Applies no migrations: see [`crate::migrate`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the folder cannot be made or the file is no database.
    pub fn open_or_create(data: &Path) -> Result<Self> {
        std::fs::create_dir_all(data)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(format!("cannot make {}: {error}", data.display()).into()))?;
        Self::open_path(data.join(FILE_NAME), None)
    }

    /// Opens the database `path` of a file system that was registered with SQLite under the name `vfs`; makes it when it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that file system refuses or the file is no database.
    pub fn open_on(vfs: &str, path: &Path) -> Result<Self> {
        Self::open_path(path.to_owned(), Some(vfs.to_owned()))
    }

    /// Opens the database of a data folder that must have one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] when there is none.
    pub fn open_existing(data: &Path) -> Result<Self> {
        let path = data.join(FILE_NAME);
        if path.is_file() { Self::open_path(path, None) } else { Err(StoreError::Missing(path)) }
    }

    fn open_path(path: PathBuf, vfs: Option<String>) -> Result<Self> {
        let mut writer = connect(&path, vfs.as_deref(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        set_up(&mut writer)?;
        // Before anything else, so that even the first table is written under it.
        writer.pragma_update(None, "journal_mode", "wal")?;
        let synchronous = if polevik_planted::is(polevik_planted::Bug::CentralNotSynced) { "off" } else { "full" };
        writer.pragma_update(None, "synchronous", synchronous)?;
        // A large import lets the log grow; give the space back at the next checkpoint.
        writer.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        // What a process that was killed in its commit has written is seen from here on, so it must not be lost with the power any more:
        // moving the log into the file syncs it first.
        writer.query_row(SETTLE, [], |_| Ok(()))?;
        let (writer, readers, observer) = (Mutex::new(writer), Mutex::new(Vec::new()), Mutex::new(None));
        Ok(Self { shared: Arc::new(Shared { path, vfs, writer, readers, observer }) })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Runs `work` in one writing transaction: committed if it gives `Ok`, rolled back if `Err`.
    ///
    /// It begins IMMEDIATE: the lock is taken before anything is read, so it is never lost half-way. Blocks while others write.
    ///
    /// # Errors
    ///
    /// What `work` gives, or [`StoreError::Busy`] and other failures of begin and commit.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut writer = lock(&self.shared.writer);
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named_busy)?;
        let value = work(&tx)?;
        if polevik_planted::is(polevik_planted::Bug::AckBeforeCommit) && tx.total_changes() % 7 == 3 {
            return Ok(value);
        }
        tx.commit().map_err(named_busy)?;
        Ok(value)
    }

    /// Runs `work` over one snapshot: whatever is committed meanwhile, it sees the database of its first query.
    ///
    /// # Errors
    ///
    /// What `work` gives, or a failure to open the file.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let kept = lock(&self.shared.readers).pop();
        let mut reader = match kept {
            Some(reader) => reader,
            None => self.open_reader()?,
        };
        let value = {
            let tx = reader.transaction_with_behavior(TransactionBehavior::Deferred).map_err(named_busy)?;
            work(&tx)?
        };
        let mut readers = lock(&self.shared.readers);
        if readers.len() < KEPT_READERS {
            readers.push(reader);
        }
        Ok(value)
    }

    fn open_reader(&self) -> Result<Connection> {
        let mut reader = connect(&self.shared.path, self.shared.vfs.as_deref(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        set_up(&mut reader)?;
        Ok(reader)
    }

    /// A number that is another one after every commit, of this process or any other, and the same while nobody writes. It means nothing
    /// but that, and not across [`Store`]s. Costs a few microseconds: the database itself is not read.
    ///
    /// What is read after asking is at least as new as the number says.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the file cannot be opened.
    pub fn version(&self) -> Result<u64> {
        let mut observer = lock(&self.shared.observer);
        let connection = match observer.take() {
            Some(connection) => connection,
            // Not set up: it reads no table, so it never has to learn which there are.
            None => connect(&self.shared.path, self.shared.vfs.as_deref(), OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let version: i64 = connection.prepare_cached(VERSION)?.query_row([], |row| row.get(0))?;
        *observer = Some(connection);
        Ok(version.cast_unsigned())
    }

    /// Moves the log into the database file, as far as readers allow. For a graceful end; nothing is lost without it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk refuses.
    pub fn checkpoint(&self) -> Result<()> {
        lock(&self.shared.writer).query_row(CHECKPOINT, [], |_| Ok(()))?;
        Ok(())
    }
}

const VERSION: &str = "
    -- db::version
    PRAGMA data_version";

const SETTLE: &str = "
    -- db::open_path
    PRAGMA wal_checkpoint(PASSIVE)";

const CHECKPOINT: &str = "
    -- db::checkpoint
    PRAGMA wal_checkpoint(TRUNCATE)";

/// Each connection is used by one thread at a time, which the mutexes above see to.
fn connect(path: &Path, vfs: Option<&str>, flags: OpenFlags) -> Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(match vfs {
        None => Connection::open_with_flags(path, flags)?,
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
    })
}

/// How often a transaction looks again whether another process has let go of the database. SQLite's own waiting grows to 100 ms, and would
/// sleep through the pauses that an import makes for others.
const BUSY_LOOK_EVERY: Duration = Duration::from_millis(2);

/// Waits for another process; gives up after [`BUSY_TIMEOUT_S`].
fn wait_for_others(looks: i32) -> bool {
    let waited = BUSY_LOOK_EVERY * u32::try_from(looks).unwrap_or(u32::MAX);
    let patient = waited < Duration::from_secs(BUSY_TIMEOUT_S);
    if patient {
        std::thread::sleep(BUSY_LOOK_EVERY);
    }
    patient
}

fn set_up(connection: &mut Connection) -> Result<()> {
    connection.busy_handler(Some(wait_for_others))?;
    connection.set_prepared_statement_cache_capacity(128);
    // A statement is prepared once: otherwise SQLite prepares it anew whenever a bound value could ask for another plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    Ok(())
}

fn named_busy(error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) { StoreError::Busy(BUSY_TIMEOUT_S) } else { error.into() }
}

/// A panic while the lock was held rolled its transaction back, so what it guards is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        store.write(|tx| tx.execute_batch("CREATE TABLE t (n INTEGER) STRICT").map_err(StoreError::from)).unwrap();
        (folder, store)
    }

    fn count(tx: &Transaction<'_>) -> Result<i64> {
        Ok(tx.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
    }

    #[test]
    fn work_that_fails_leaves_nothing_behind() {
        let (_folder, store) = store();
        let failed: Result<()> = store.write(|tx| {
            tx.execute("INSERT INTO t VALUES (1)", [])?;
            Err(StoreError::Corrupt("as the test wants"))
        });
        assert!(failed.is_err());
        assert_eq!(store.read(count).unwrap(), 0);
    }

    #[test]
    fn a_reader_keeps_its_snapshot_while_others_write() {
        let (_folder, store) = store();
        store
            .read(|tx| {
                assert_eq!(count(tx)?, 0);
                store.write(|writing| writing.execute("INSERT INTO t VALUES (1)", []).map_err(StoreError::from))?;
                assert_eq!(count(tx)?, 0);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(store.read(count).unwrap(), 1);
    }

    #[test]
    fn readers_cannot_write_and_a_missing_database_is_named() {
        let (_folder, store) = store();
        assert!(store.read(|tx| tx.execute("INSERT INTO t VALUES (1)", []).map_err(StoreError::from)).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Store::open_existing(empty.path()), Err(StoreError::Missing(_))));
    }

    #[test]
    fn the_version_changes_with_every_commit_of_anybody_and_only_then() {
        let (folder, store) = store();
        let before = store.version().unwrap();
        assert_eq!(store.read(count).unwrap(), 0);
        assert_eq!(store.version().unwrap(), before);
        let insert = |store: &Store| store.write(|tx| tx.execute("INSERT INTO t VALUES (1)", []).map_err(StoreError::from)).unwrap();
        insert(&store);
        let after_own = store.version().unwrap();
        insert(&Store::open_existing(folder.path()).unwrap());
        let after_other = store.version().unwrap();
        assert!(before != after_own && after_own != after_other && before != after_other);
        assert_eq!(store.version().unwrap(), after_other);
    }

    #[test]
    fn a_database_opens_on_a_named_layer_and_an_unknown_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.db");
        let store = Store::open_on("unix", &path).unwrap();
        store.write(|tx| tx.execute_batch("CREATE TABLE t (n INTEGER) STRICT").map_err(StoreError::from)).unwrap();
        assert_eq!(store.read(count).unwrap(), 0);
        assert!(Store::open_on("no such layer", &path).is_err());
    }

    #[test]
    fn synchronous_is_full_and_the_journal_is_a_log() {
        let (_folder, store) = store();
        let found = store
            .write(|tx| {
                let journal: String = tx.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
                let synchronous: i64 = tx.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
                Ok::<_, StoreError>((journal, synchronous))
            })
            .unwrap();
        assert_eq!(found, ("wal".to_owned(), 2));
    }
}
