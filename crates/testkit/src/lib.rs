//! What tests of more than one crate share: a network that can be made bad.

pub mod network;
