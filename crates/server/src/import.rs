//! Commands of the office: rows in, row by row judged.
//!
//! A bad row is refused with its line, field and reason, and the good ones go in; nothing is refused in silence and never the whole file.
//! Rows go in by slices, one transaction each, so that uploads never wait long.

pub mod fields;
pub mod kind;
pub mod kinds;
pub mod material_files;
pub mod run;
pub mod source;

pub use kind::Kind;
pub use run::{ImportError, Options, Outcome, Pace, run};
