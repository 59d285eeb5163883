//! Files: photos and papers come up by the tus protocol, photos and materials go down in ranges.

pub mod download;
pub mod finish;
pub mod garbage;
pub mod notes;
pub mod offer;
pub mod receive;
pub mod sniff;
pub mod spool;
pub mod thumbnails;
pub mod tus;
pub mod uploads;
