//! The reference rows on their way to devices.

pub mod backfill;
pub mod entitlement;
pub mod news;
pub mod recent;
pub mod repair;
pub mod segment;
