//! Recognition libraries on a device: fetched whole and in part, interrupted anywhere, and attacked in every way that is known.
//!
//! The device's own code over real databases, real papers and chunks; only the road between it and the office is the test's.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod attacks;
mod crashes;
mod delta;
mod support;
