//! Polevik's server: HTTP for devices, imports from the office, and the command line of both.
//!
//! Rules live in `polevik-domain`, bytes in `polevik-protocol`, SQL in `polevik-server-store`; here they are put together.

pub mod blobs;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod database;
pub mod demo;
pub mod feed;
pub mod import;
