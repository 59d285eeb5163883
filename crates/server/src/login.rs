//! Signing in and out.

pub mod handler;
pub mod password;
pub mod throttle;
