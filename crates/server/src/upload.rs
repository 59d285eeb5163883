//! Documents from devices: judged by rules, accepted once.

pub mod accept;
pub mod incoming;
pub mod lives;
pub mod rules;
