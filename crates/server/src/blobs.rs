//! Large segments in a folder of the data directory (later: an object store), each under its own name.
//!
//! What is stored never changes, so storing twice is harmless, and whatever is read is checked by its name by those who ask for it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as BlobPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use polevik_domain::time::UtcMillis;
use polevik_protocol::manifest::Blake3Hex;

/// The largest segment that lives in its row of the database instead of here, in bytes.
pub const MAX_INLINE_SEGMENT_BYTES: usize = 8 * 1024;

/// Folders the segments are spread over, by the first two digits of their names.
pub const SHELVES: u16 = 256;

/// The blob store of one data folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

/// A blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The folder cannot be made.
    #[error("cannot make the folder {0}: {1}")]
    Folder(std::path::PathBuf, std::io::Error),
    /// There is none of that name.
    #[error("there is no blob {0}")]
    Missing(Blake3Hex),
    /// The store refused.
    #[error("the blob store: {0}")]
    Store(#[from] object_store::Error),
}

impl Blobs {
    /// The blobs under `DATA/blobs`; the folder is made when missing.
    ///
    /// # Errors
    ///
    /// [`BlobError::Folder`].
    pub fn open(data: &Path) -> Result<Self, BlobError> {
        let folder = data.join("blobs");
        std::fs::create_dir_all(&folder).map_err(|error| BlobError::Folder(folder.clone(), error))?;
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self::over(Arc::new(store)))
    }

    /// The blobs of an object store.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Stores a segment under its name: written beside and renamed, so that nobody sees half of it.
    ///
    /// Blocks; for code that is not async.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`] when the disk refuses.
    pub fn put_segment(&self, name: &Blake3Hex, bytes: Vec<u8>) -> Result<(), BlobError> {
        block_on(self.store.put(&segment_path(name), PutPayload::from(bytes)))?;
        Ok(())
    }

    /// A segment. Blocks; for code that is not async.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], or what the store says.
    pub fn segment(&self, name: &Blake3Hex) -> Result<Bytes, BlobError> {
        block_on(self.read_segment(name, None))
    }

    /// Whether there is a segment of that name. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`] when the disk refuses.
    pub fn has_segment(&self, name: &Blake3Hex) -> Result<bool, BlobError> {
        match block_on(self.store.head(&segment_path(name))) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a segment; one that is not there is none to remove. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`] when the disk refuses.
    pub fn remove_segment(&self, name: &Blake3Hex) -> Result<(), BlobError> {
        match block_on(self.store.delete(&segment_path(name))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The segments whose names begin with `shelf`, a number below [`SHELVES`], and when each was written. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`] when the disk refuses.
    pub fn segments_of_shelf(&self, shelf: u8) -> Result<Vec<(Blake3Hex, UtcMillis)>, BlobError> {
        let folder = BlobPath::from_iter(["segments", &format!("{shelf:02x}")]);
        let found: Vec<ObjectMeta> = block_on(self.store.list(Some(&folder)).try_collect())?;
        let named = |meta: ObjectMeta| {
            let name = Blake3Hex::parse(meta.location.filename()?)?;
            Some((name, UtcMillis(meta.last_modified.timestamp_millis())))
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// A segment, or a range of its bytes, which must lie within it.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], or what the store says.
    pub async fn read_segment(&self, name: &Blake3Hex, range: Option<Range<u64>>) -> Result<Bytes, BlobError> {
        let path = segment_path(name);
        let read = match range {
            Some(range) => self.store.get_range(&path, range).await,
            None => match self.store.get(&path).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            },
        };
        read.map_err(|error| match error {
            object_store::Error::NotFound { .. } => BlobError::Missing(name.clone()),
            other => BlobError::Store(other),
        })
    }
}

/// `segments/<first two digits>/<name>`: a name is hexadecimal, so it is never a way out of the folder.
fn segment_path(name: &Blake3Hex) -> BlobPath {
    BlobPath::from_iter(["segments", &name.as_str()[..2], name.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_reads_back_whole_and_in_ranges_also_inside_a_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let name = Blake3Hex::of(b"segment");
        assert!(matches!(blobs.segment(&name), Err(BlobError::Missing(_))));
        blobs.put_segment(&name, b"segment".to_vec()).unwrap();
        blobs.put_segment(&name, b"segment".to_vec()).unwrap();
        assert_eq!(blobs.segment(&name).unwrap().as_ref(), b"segment");

        let shelf = u8::from_str_radix(&name.as_str()[..2], 16).unwrap();
        let found = blobs.segments_of_shelf(shelf).unwrap();
        assert_eq!(found.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&name]);
        assert_eq!(blobs.segments_of_shelf(shelf.wrapping_add(1)).unwrap(), []);
        assert!(blobs.has_segment(&name).unwrap());

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let range = runtime.block_on(blobs.read_segment(&name, Some(1..4))).unwrap();
        assert_eq!(range.as_ref(), b"egm");

        blobs.remove_segment(&name).unwrap();
        blobs.remove_segment(&name).unwrap();
        assert!(!blobs.has_segment(&name).unwrap());
    }
}
