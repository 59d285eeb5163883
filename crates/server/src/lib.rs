//! Polevik's server: HTTP for devices, imports from the office, and the command line of both.
//!
//! Rules live in `polevik-domain`, bytes in `polevik-protocol`, SQL in `polevik-server-store`; here they are put together.

pub mod acme;
pub mod admission;
pub mod app;
pub mod authenticated;
pub mod blobs;
pub mod body;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod database;
pub mod demo;
pub mod download;
pub mod error;
pub mod feed;
pub mod file;
pub mod health;
pub mod import;
pub mod library;
pub mod limits;
pub mod login;
pub mod metrics;
pub mod observe;
pub mod openapi;
pub mod router;
pub mod security_headers;
pub mod serve;
pub mod static_files;
pub mod sync;
pub mod upload;
pub mod wait;
