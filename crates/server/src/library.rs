//! The image-recognition library: made, signed and published here, told of and handed out to devices.

pub mod bundle;
pub mod demo;
pub mod keys;
pub mod news;
pub mod publish;
pub mod serve;
