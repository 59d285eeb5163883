//! The device's databases, and all of their SQL.
//!
//! Two files: `work` holds what only this device knows and is never deleted, only settled; `reference` is a copy of the office and may be
//! thrown away and fetched again. No transaction spans both.

pub mod error;
pub mod platform;
