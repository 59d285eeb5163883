//! The reference rows on their way to devices.

pub mod entitlement;
pub mod news;
pub mod segment;
