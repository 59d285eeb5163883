//! What the server answers to devices, over the real database and the real router.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod busy;
mod download;
mod files;
mod files_down;
mod library;
mod lives;
mod login;
mod photos;
mod pictures;
mod repair;
mod sniff;
mod support;
mod surface;
mod upload;
mod wait;
mod withdrawal;
