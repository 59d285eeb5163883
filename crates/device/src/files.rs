//! Where files lie on the device: photos, materials, chunks of the recognition library. The seam to a folder or to a browser's storage.
//!
//! A file is named by its content, so two of the same bytes are one, and a name can never be a path of somebody else's choosing. It is either
//! whole, checked and safe on the disk, or a part that still grows; there is nothing between.

#[cfg(not(target_family = "wasm"))]
mod folder;
mod memory;

use polevik_protocol::ErrorCode;
pub use polevik_protocol::hash::{Blake3Hex, Hasher};

use crate::error::Failed;

#[cfg(not(target_family = "wasm"))]
pub use folder::FileFolder;
pub use memory::{Fault, MemoryFiles};

/// What became of a wish about files.
pub type Result<T> = std::result::Result<T, FilesError>;

/// Why a wish about files did not come true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// The place is full.
    #[error("no space is left: {0}")]
    NoSpace(String),
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// A part is of another length than the caller thinks.
    #[error("the part ends at {have}")]
    Offset {
        /// Where the next bytes belong.
        have: u64,
    },
    /// The bytes are not those of the name; they were removed.
    #[error("the bytes are not those that the name says")]
    Damaged,
    /// The place refuses.
    #[error("the storage refuses: {0}")]
    Refused(String),
}

impl FilesError {
    /// The code of the catalogue.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoSpace(_) => ErrorCode::NoSpace,
            Self::Damaged | Self::Offset { .. } | Self::NotFound => ErrorCode::FileDamaged,
            Self::Refused(_) => ErrorCode::NoStorage,
        }
    }
}

impl From<FilesError> for Failed {
    fn from(error: FilesError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// One file of the place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Its name, or for a part the name it shall have.
    pub name: Blake3Hex,
    /// How many bytes are there.
    pub bytes: u64,
    /// Whole, or still growing.
    pub kind: Kind,
}

/// How much of a file there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All of it, checked once.
    Whole,
    /// Its beginning.
    Part,
}

/// How much room the place has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Bytes that may still be written, as far as that can be known.
    pub free: Option<u64>,
    /// Whether the platform promised not to clear the storage by itself; `None` where that cannot be asked.
    pub persistent: Option<bool>,
}

/// A place for files.
///
/// Futures need not be `Send`: a device lives on one thread. Every method may be called again after a failure or a crash; the second time
/// is harmless. Errors are [`FilesError::NoSpace`] and [`FilesError::Refused`] everywhere, others as said.
pub trait Files {
    /// Length of the whole file; `None` if there is none.
    fn size(&self, name: &Blake3Hex) -> impl Future<Output = Result<Option<u64>>>;

    /// Up to `len` bytes of the whole file from `from` on; fewer at its end.
    ///
    /// # Errors
    ///
    /// [`FilesError::NotFound`].
    fn read(&self, name: &Blake3Hex, from: u64, len: u64) -> impl Future<Output = Result<Vec<u8>>>;

    /// Keeps these bytes under their name. When this ends well they are whole and safe from a loss of power; otherwise there is no such
    /// file, or it is whole all the same.
    fn put(&self, bytes: &[u8]) -> impl Future<Output = Result<Blake3Hex>>;

    /// Removes the whole file; harmless if there is none.
    fn remove(&self, name: &Blake3Hex) -> impl Future<Output = Result<()>>;

    /// How many bytes of a part are there; 0 if there is none.
    fn part_size(&self, name: &Blake3Hex) -> impl Future<Output = Result<u64>>;

    /// Up to `len` bytes of a part from `from` on; fewer at its end.
    ///
    /// # Errors
    ///
    /// [`FilesError::NotFound`].
    fn read_part(&self, name: &Blake3Hex, from: u64, len: u64) -> impl Future<Output = Result<Vec<u8>>>;

    /// Adds bytes to the end of a part, which begins with the first. They are safe from the end of the process, not from a loss of power.
    ///
    /// # Errors
    ///
    /// [`FilesError::Offset`] when the part does not end at `offset`: nothing was written.
    fn append_part(&self, name: &Blake3Hex, offset: u64, bytes: &[u8]) -> impl Future<Output = Result<()>>;

    /// Makes a part the whole file: its bytes are read again and compared with the name, and are safe from a loss of power afterwards.
    ///
    /// # Errors
    ///
    /// [`FilesError::Damaged`] when they are others: the part is gone. [`FilesError::NotFound`].
    fn seal_part(&self, name: &Blake3Hex) -> impl Future<Output = Result<()>>;

    /// Removes a part; harmless if there is none.
    fn remove_part(&self, name: &Blake3Hex) -> impl Future<Output = Result<()>>;

    /// All that is there, in any order.
    fn list(&self) -> impl Future<Output = Result<Vec<Held>>>;

    /// How much room there is.
    fn room(&self) -> impl Future<Output = Room>;
}

/// Where a face finds a file: digits of the hash only, `files/ab/ab12…`. Every place keeps to it.
#[must_use]
pub fn path_of(name: &Blake3Hex) -> String {
    format!("files/{}/{name}", shard_of(name))
}

/// Where its part lies.
#[must_use]
pub fn part_path_of(name: &Blake3Hex) -> String {
    format!("files/parts/{name}")
}

/// The first two digits of a name, by which folders stay small.
#[must_use]
pub fn shard_of(name: &Blake3Hex) -> &str {
    &name.as_str()[..2]
}
