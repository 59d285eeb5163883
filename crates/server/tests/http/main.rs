//! What the server answers to devices, over the real database and the real router.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod busy;
mod download;
mod lives;
mod login;
mod repair;
mod support;
mod surface;
mod upload;
mod wait;
mod withdrawal;
