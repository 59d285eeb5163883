//! The copy of the office on real files: built beside, kept range by range, read through, repaired, filled with columns of a newer schema.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod backfill;
mod damage;
mod office;
mod ranges;
mod rebuild;
mod speed;
