//! People, the positions they take, their devices, and the tokens by which devices are known.

pub mod devices;
pub mod positions;
pub mod tokens;
pub mod users;
