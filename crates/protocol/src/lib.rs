//! What device and server say to each other.
//!
//! Control messages and documents are JSON, so a person with curl can read them; segments are binary and columnar. Only this crate
//! knows bytes. Every format carries a version, and `tests/golden/` holds the bytes of each for ever.

pub mod bucket;
pub mod document;
pub mod error_code;
pub mod file;
pub mod hash;
pub mod login;
pub mod session_tag;
pub mod version;

#[cfg(feature = "segments")]
pub mod change;
#[cfg(feature = "segments")]
pub mod checksum;
#[cfg(feature = "segments")]
pub mod codec;
#[cfg(feature = "segments")]
pub mod manifest;
#[cfg(feature = "segments")]
pub mod repair;
#[cfg(feature = "segments")]
pub mod rows;
#[cfg(feature = "segments")]
pub mod segment;
#[cfg(feature = "segments")]
pub mod sync;

pub use error_code::ErrorCode;
pub use hash::Blake3Hex;
