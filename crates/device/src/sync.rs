//! How the device stays in step with the office.
//!
//! The engine is pure: an event goes in, effects come out. The driver carries effects out and returns what came of them as events.

pub mod apply;
pub(crate) mod copy;
pub mod download;
pub mod engine;
pub mod event;
pub(crate) mod exchange;
pub mod hello;
pub(crate) mod mend;
pub mod network;
pub mod recognition_library;
pub mod rules;
pub mod schedule;
pub mod session;
pub mod status_row;
pub mod upload;
