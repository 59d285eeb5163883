//! What tests of more than one crate share: a network that can be made bad, a disk that can be made bad, and chance that can be repeated.

pub mod disk;
pub mod network;
pub mod random;
