//! What only this device knows; never deleted, only settled.

pub mod numbers;
pub mod options;
pub mod orders;
pub mod outbox;
pub mod rows;
pub mod visits;
