//! One file per screen; each draws what it is given.

pub mod attention;
pub mod first_sync;
pub mod gate;
pub mod login;
pub mod material;
pub mod materials;
pub mod more;
pub mod order;
pub mod order_card;
pub mod order_pad;
pub mod order_review;
pub mod orders;
pub mod outlet;
pub mod outlets;
pub mod photo;
pub mod profile;
pub mod route;
pub mod storage;
pub mod sync;
pub mod visit;
