//! A copy of the office; may be thrown away and fetched again.

pub mod apply;
pub mod assortment;
pub mod checkpoints;
pub mod document_states;
pub mod outlets;
pub mod prices;
pub mod products;
pub mod receivables;
pub mod route;
pub(crate) mod schema;
pub mod staging;
pub mod stock;

pub use schema::row_counts;
