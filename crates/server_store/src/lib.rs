//! The central database: all of its SQL, and nothing else.
//!
//! Embedded SQLite in the portable subset that PostgreSQL and its distributed relatives also take: ids made by the application, `part_id`
//! first in every key, no serials, triggers or foreign keys. Functions take a transaction, so the caller owns the promise; see [`Store`].

pub mod audiences;
pub mod db;
pub mod documents;
pub mod error;
pub mod feed;
pub mod imports;
pub mod library;
pub mod maintenance;
pub mod migrate;
pub mod organisation;
pub mod part;
pub mod people;
pub mod reference;

pub use db::Store;
pub use error::{Result, StoreError};
/// A transaction of this store; what its functions take.
pub use rusqlite::Transaction;
