//! A copy of the office; may be thrown away and fetched again.
//!
//! - [`staging`] keeps segments that arrived, [`apply`] makes them rows, [`checkpoints`] keeps the books.
//! - [`verify`] reads everything through, [`repair`] asks for the bad ranges only, [`foreign`] fills in columns a newer application knows.
//! - [`crate::rebuild`] builds the next copy beside this one.

pub mod apply;
pub mod assortment;
pub mod checkpoints;
pub mod document_states;
pub mod foreign;
pub mod materials;
pub mod outlets;
pub mod prices;
pub mod products;
pub mod receivables;
pub mod repair;
pub mod route;
pub(crate) mod schema;
pub mod staging;
pub mod stock;
pub mod verify;

pub use schema::row_counts;
