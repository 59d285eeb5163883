//! The device's databases, and all of their SQL.
//!
//! Two files: `work` holds what only this device knows and is never deleted, only settled; `reference` is a copy of the office and may be
//! thrown away and fetched again. No transaction spans both.

pub mod db;
pub mod error;
mod migrate;
pub mod platform;
pub mod rebuild;
pub mod reference;
mod salvage;
pub mod space;
pub mod work;

pub use db::Store;
pub use error::{Result, StoreError};
pub use rusqlite::Transaction;
