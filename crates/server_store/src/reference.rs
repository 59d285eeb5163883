//! The office's rows: eleven tables that travel, each row in exactly one bucket.
//!
//! [`writer::ReferenceWriter`] is the only way to write them: it keeps the row hashes, the buckets' states and the change log in step.
//! [`rows`] reads any table as its definition says; the other rooms answer what rules and screens ask.

pub mod materials;
pub mod natural_key;
pub mod outlets;
pub mod prices;
pub mod products;
pub mod receivables;
pub mod route_stops;
pub mod rows;
mod statements;
pub mod warehouses;
pub mod writer;

pub use writer::{Put, ReferenceWriter};
