//! The feed: change numbers of each bucket, sealed segments, manifests.

pub mod change_log;
pub mod manifests;
pub mod segments;
