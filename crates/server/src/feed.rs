//! From changed rows to what devices fetch.

pub mod placement;
