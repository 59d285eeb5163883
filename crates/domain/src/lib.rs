//! What the trade is: outlets, products, prices, visits, orders.
//!
//! Pure rules without I/O, SQL, clock or randomness: whatever a rule needs comes in as an argument, so device and server
//! compute the same totals from the same rows.

pub mod ids;
pub mod money;
pub mod numbering;
pub mod order;
pub mod photo;
pub mod position;
pub mod price;
pub mod quantity;
pub mod time;
pub mod visit;
