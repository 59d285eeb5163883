//! From changed rows to what devices fetch.

pub mod download;
pub mod key_ranges;
pub mod placement;
pub mod seal;
