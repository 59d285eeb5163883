//! What the server answers to devices, over the real database and the real router.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod download;
mod login;
mod support;
mod surface;
mod upload;
