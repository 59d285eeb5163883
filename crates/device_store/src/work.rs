//! What only this device knows; never deleted, only settled.
//!
//! - [`outbox`]: `append` in the transaction of the rows, `next` for a request, `settle` with a receipt; counts for the screens.
//! - [`parking`]: `count_failure`, `unpark`, `unpark_all`, `withdraw`.
//! - [`journal`]: `mark_re_offer` after a restore of the server, `prune`, `life` (what travels as `given_seq` and `answered_seq`),
//!   `renumber_unanswered` when the server gives a new id.
//! - [`photos`], and their files in [`outgoing_files`]: `queue` in the transaction of the photo, `next`, `note_progress`, `confirm`; `release` what
//!   may leave the device.
//! - [`held_files`]: what is here of materials, and what the rep did with them. [`library`]: versions of the recognition library, by role.
//!   [`traffic`]: bytes by month.
//! - [`repairs`]: failed repairs of the last day. [`sessions`]: the last sessions.

pub mod held_files;
pub mod journal;
pub mod library;
pub mod numbers;
pub mod options;
pub mod orders;
pub mod outbox;
pub mod outgoing_files;
pub mod parking;
pub mod photos;
pub mod repairs;
pub mod rows;
pub mod sessions;
pub mod traffic;
pub mod visits;

use polevik_protocol::hash::Blake3Hex;
use rusqlite::Row;

use crate::error::{Result, StoreError};

/// The name of a file in a column.
fn file_name(row: &Row<'_>, column: &str) -> Result<Blake3Hex> {
    Blake3Hex::parse(&row.get::<_, String>(column)?).ok_or(StoreError::BadValue("the name of a file"))
}

/// A number in a column that is never below zero.
fn unsigned(row: &Row<'_>, column: &str) -> Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| StoreError::BadValue("a number below zero"))
}

/// A number as SQLite keeps it.
fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::BadValue("a number too large"))
}
