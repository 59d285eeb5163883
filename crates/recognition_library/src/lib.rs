//! The image-recognition library: what it is made of, how it travels, and why it is trusted.
//!
//! A library is a few files: an index of products with the feature vectors of their reference pictures, and per category the pictures
//! themselves. They travel as chunks, so that the next version costs only what changed, and under a signed manifest, so that nobody but the
//! office decides what a phone sees on a shelf. Nothing here does I/O; whoever calls brings bytes and the time.
//!
//! ```text
//! office  builder → files + chunks → manifest → signing → container
//! phone   container → trust (may it be installed?) → chunks → files → index → recognise
//! ```

pub mod builder;
pub mod chunks;
pub mod container;
pub mod descriptor;
pub mod index;
pub mod manifest;
pub mod picture;
#[cfg(feature = "signing")]
pub mod signing;
pub mod trust;

pub use builder::{Built, SkuSource, Source};
pub use container::Container;
pub use index::{Candidate, Index};
pub use manifest::{ChunkInfo, FileInfo, Manifest};
pub use picture::Picture;
pub use trust::{Conditions, Refusal, Trust, Verdict};
