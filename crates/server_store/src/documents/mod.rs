//! What devices upload: the newest revision of each document and its effect, and one receipt per revision, for ever.

use polevik_domain::ids::{DeviceId, UserId};
use polevik_domain::position::Scope;
use polevik_protocol::document::Outcome;
use polevik_protocol::error_code::ErrorCode;
use rusqlite::Transaction;

use crate::error::StoreError;

pub mod files;
pub mod orders;
pub mod photos;
pub mod quarantine;
pub mod receipts;
pub mod revisions;
pub mod visits;

/// Who sends a document, and under which scope.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// What the position may see and write.
    pub scope: &'a Scope,
    /// The person.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The first device of its chain: a document belongs to the chain, not to one id of it.
    pub lineage: DeviceId,
}

/// Why a document is not taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// D401, D402 or D408.
    pub code: ErrorCode,
    /// For people, in the language of the office.
    pub reason: String,
    /// The field at fault, when one is: `lines.3.quantity`.
    pub field: Option<String>,
}

impl Rejection {
    /// The rejection as a receipt says it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::Rejected { code: self.code, reason: self.reason.clone(), field: self.field.clone() }
    }
}

/// Runs `work` so that a failure undoes only what it wrote, and the transaction can go on.
///
/// # Errors
///
/// What `work` gives; or, when SQLite gave up the whole transaction (a full disk), the failure to go on.
pub fn in_savepoint<T, E: From<StoreError>>(tx: &Transaction<'_>, work: impl FnOnce() -> Result<T, E>) -> Result<Result<T, E>, StoreError> {
    tx.prepare_cached(SAVEPOINT)?.execute([])?;
    let result = work();
    if result.is_err() {
        tx.prepare_cached(ROLLBACK)?.execute([])?;
    }
    tx.prepare_cached(RELEASE)?.execute([])?;
    Ok(result)
}

/// Whether a failure is the database's and not the document's: then the whole batch has failed, and nothing is counted against a document.
#[must_use]
pub fn is_of_the_database(error: &StoreError) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, FileLockingProtocolFailed, NotADatabase, OperationInterrupted,
        OutOfMemory, PermissionDenied, ReadOnly, SchemaChanged, SystemIoFailure,
    };
    match error {
        StoreError::Sqlite(error) => error.sqlite_error_code().is_some_and(|code| {
            matches!(
                code,
                CannotOpen
                    | DatabaseBusy
                    | DatabaseCorrupt
                    | DatabaseLocked
                    | DiskFull
                    | FileLockingProtocolFailed
                    | NotADatabase
                    | OperationInterrupted
                    | OutOfMemory
                    | PermissionDenied
                    | ReadOnly
                    | SchemaChanged
                    | SystemIoFailure
            )
        }),
        other => other.is_busy(),
    }
}

const SAVEPOINT: &str = "
    -- documents::in_savepoint
    SAVEPOINT one_document";

const RELEASE: &str = "
    -- documents::in_savepoint
    RELEASE SAVEPOINT one_document";

const ROLLBACK: &str = "
    -- documents::in_savepoint
    ROLLBACK TO SAVEPOINT one_document";
