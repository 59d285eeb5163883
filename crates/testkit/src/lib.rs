//! What tests of more than one crate share: a network and a disk that can be made bad, flows tried at every point, chance that can be repeated.

pub mod chaos;
pub mod disk;
pub mod network;
pub mod random;
pub mod trials;
