//! What can go wrong with the databases of the device.

use polevik_protocol::ErrorCode;

/// A failure of a database or of the place it lives in.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system or the browser's storage refused.
    #[error("storage: {0}")]
    Storage(String),
    /// The database was made by a newer version of the application.
    #[error("the database has version {found}, this application knows {known}")]
    Newer {
        /// Its version.
        found: i64,
        /// The newest this application knows.
        known: i64,
    },
    /// The database does not pass its check.
    #[error("the database is damaged")]
    Damaged,
    /// A value in the database is not what this application writes.
    #[error("the database holds a value that cannot be read: {0}")]
    BadValue(&'static str),
}

impl StoreError {
    /// Whether the file itself is damaged, as opposed to busy, full or refused.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
            }
            Self::Damaged => true,
            Self::BadValue(_) | Self::Storage(_) | Self::Newer { .. } => false,
        }
    }

    /// The same of the copy of the office: there a value that cannot be read is damage, because all of it can be fetched again.
    pub(crate) fn of_reference(self) -> Self {
        match self {
            Self::BadValue(_)
            | Self::Sqlite(
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..),
            ) => Self::Damaged,
            other => other,
        }
    }

    /// Whether the place refused, as opposed to the database in it: busy, full, forbidden, broken. Trying again may help.
    pub(crate) fn is_of_the_place(&self) -> bool {
        use rusqlite::ErrorCode as Sqlite;
        match self {
            Self::Storage(_) => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    Sqlite::PermissionDenied
                        | Sqlite::DatabaseBusy
                        | Sqlite::DatabaseLocked
                        | Sqlite::OutOfMemory
                        | Sqlite::ReadOnly
                        | Sqlite::OperationInterrupted
                        | Sqlite::SystemIoFailure
                        | Sqlite::DiskFull
                        | Sqlite::CannotOpen
                        | Sqlite::FileLockingProtocolFailed
                        | Sqlite::NoLargeFileSupport
                )
            ),
            Self::Newer { .. } | Self::Damaged | Self::BadValue(_) => false,
        }
    }

    /// Whether a row did not fit its table.
    #[must_use]
    pub fn is_constraint(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation))
    }

    /// Whether a value was of another kind than its column.
    pub(crate) fn is_of_another_kind(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::TypeMismatch))
    }

    /// The code of the catalogue.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Newer { .. } => ErrorCode::UpdateNeeded,
            Self::Storage(_) => ErrorCode::NoStorage,
            Self::Damaged => ErrorCode::DatabaseDamaged,
            Self::BadValue(_) => ErrorCode::Unexpected,
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => ErrorCode::DatabaseDamaged,
                Some(rusqlite::ErrorCode::DiskFull) => ErrorCode::NoSpace,
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::PermissionDenied | rusqlite::ErrorCode::ReadOnly) => {
                    ErrorCode::NoStorage
                }
                _ => ErrorCode::Unexpected,
            },
        }
    }
}

/// Result of a store function.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
