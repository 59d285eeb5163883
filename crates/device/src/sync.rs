//! How the device stays in step with the office.
//!
//! The engine is pure: an event goes in, effects come out. The driver carries effects out and returns what came of them as events.

pub mod apply;
pub(crate) mod books;
pub(crate) mod copy;
pub mod download;
pub mod engine;
pub mod event;
pub(crate) mod exchange;
pub(crate) mod fetching;
pub mod hello;
pub mod line;
pub(crate) mod mend;
pub mod network;
pub mod recognition_library;
pub mod rules;
pub mod schedule;
pub(crate) mod sending;
pub mod session;
pub mod status_row;
pub mod upload;
