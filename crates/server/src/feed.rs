//! From changed rows to what devices fetch.

pub mod announcements;
pub mod download;
pub mod garbage;
pub mod generations;
pub mod key_ranges;
pub mod placement;
pub mod seal;
pub mod watch;
