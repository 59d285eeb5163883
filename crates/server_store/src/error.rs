//! What can go wrong with the central database.

/// The result of a store's function.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A failure of the central database, with its cause.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused, or the disk did.
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Another process held the database for longer than the busy timeout.
    #[error("the database is busy: another process has been writing for more than {0} s")]
    Busy(u64),
    /// The folder has no database yet.
    #[error("there is no database at {0}; make one with `polevik-server migrate --data DIR` or `polevik-server demo-data --data DIR`")]
    Missing(std::path::PathBuf),
    /// A migration that was applied is not the one this program carries.
    #[error("migration {version:04} of the database differs from this program's; the database was made by another build")]
    MigrationChanged {
        /// Its number.
        version: i64,
    },
    /// The database was used by a newer program.
    #[error("the database has schema {found}, this program knows {known}; start the newer program")]
    TooNew {
        /// Of the database.
        found: i64,
        /// Of the program.
        known: i64,
    },
    /// The database lacks migrations.
    #[error("the database has schema {found}, this program needs {known}; run `polevik-server migrate --data DIR`")]
    TooOld {
        /// Of the database.
        found: i64,
        /// Of the program.
        known: i64,
    },
    /// A part that does not exist.
    #[error("there is no part {0} in this database")]
    UnknownPart(String),
    /// Something stored cannot be read back.
    #[error("the database holds a value that cannot be: {0}")]
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether the same transaction may well succeed a little later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy),
            _ => false,
        }
    }
}
