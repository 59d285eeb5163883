//! Where the databases live: the one place of the stores that knows the target.
//!
//! Natively this is a [`Folder`]. In a browser the application installs a file system over the origin's private storage first and passes
//! its own [`Platform`]. Names are plain file names such as `work.db` or `reference-3.db`.

use std::path::PathBuf;

pub use rusqlite::Connection;

use crate::error::StoreError;

/// How a target keeps a transaction safe from a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// A write-ahead log: readers go on while one writes. For file systems.
    Wal,
    /// A rollback journal that is truncated at each commit, under an exclusive lock: for the browser's storage, which has no shared memory
    /// for a write-ahead log and only one connection per file.
    ExclusiveTruncate,
}

/// A place that keeps databases by name.
pub trait Platform {
    /// Opens the database `name`; makes it if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`] when the place refuses, [`StoreError::Sqlite`] when SQLite does.
    fn open(&self, name: &str) -> Result<Connection, StoreError>;

    /// Removes a database and its journals. Nothing happens if it does not exist. It is not open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`].
    fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// Copies a database (and its journals, where these are files of their own) byte for byte, damaged or not. It is not open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`].
    fn copy(&self, from: &str, to: &str) -> Result<(), StoreError>;

    /// The names of all databases, in any order, without journals.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`].
    fn list(&self) -> Result<Vec<String>, StoreError>;

    /// How transactions are kept safe here.
    fn journal(&self) -> Journal;

    /// Brings a database whose bytes have been written, and its name, safely to the disk. Nothing to do where SQLite's own syncing does it. It
    /// is not open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`].
    fn sync(&self, name: &str) -> Result<(), StoreError> {
        let _ = name;
        Ok(())
    }

    /// How many bytes may still be written here, as far as that can be known.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// The bytes of a database as they lie there, damaged or not, or of its journal (`work.db-wal`); nothing if there is no such file. It is
    /// not open. Where this is not given, a damaged database is read by SQL alone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`].
    fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let _ = name;
        Ok(Vec::new())
    }
}

/// Databases as files of one folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

const JOURNALS: [&str; 3] = ["-wal", "-shm", "-journal"];

impl Folder {
    /// The folder at `path`, made if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Storage`] if it cannot be made.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        std::fs::create_dir_all(&path).map_err(|error| StoreError::Storage(format!("{}: {error}", path.display())))?;
        Ok(Self { path })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn storage(error: std::io::Error) -> StoreError {
    StoreError::Storage(error.to_string())
}

impl Platform for Folder {
    fn open(&self, name: &str) -> Result<Connection, StoreError> {
        Ok(Connection::open(self.file(name))?)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        for suffix in std::iter::once("").chain(JOURNALS) {
            match std::fs::remove_file(self.file(&format!("{name}{suffix}"))) {
                Ok(()) => (),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => (),
                Err(error) => return Err(storage(error)),
            }
        }
        Ok(())
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        std::fs::copy(self.file(from), self.file(to)).map_err(storage)?;
        for suffix in JOURNALS {
            let journal = self.file(&format!("{from}{suffix}"));
            if journal.exists() {
                std::fs::copy(journal, self.file(&format!("{to}{suffix}"))).map_err(storage)?;
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(storage)? {
            let name = entry.map_err(storage)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".db") {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn journal(&self) -> Journal {
        Journal::Wal
    }

    fn sync(&self, name: &str) -> Result<(), StoreError> {
        let file = std::fs::OpenOptions::new().write(true).open(self.file(name)).map_err(storage)?;
        file.sync_all().map_err(storage)?;
        // The name stands in the folder, and the folder is a file of its own; not every system lets it be opened.
        #[cfg(unix)]
        std::fs::File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(storage)?;
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        #[cfg(unix)]
        return rustix::fs::statvfs(&self.path).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        #[cfg(not(unix))]
        None
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        match std::fs::read(self.file(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(storage),
        }
    }
}
