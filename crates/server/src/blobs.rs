//! Large segments in a folder of the data directory (later: an object store), each under its own name.
//!
//! What is stored never changes, so storing twice is harmless, and whatever is read is checked by its name by those who ask for it.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
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
    /// Where they lie if they are files of this machine: then large ones are taken and read without a copy in memory.
    folder: Option<PathBuf>,
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
    /// The disk refused.
    #[error("the disk: {0}")]
    Disk(#[from] std::io::Error),
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
        Ok(Self { store: Arc::new(store), folder: Some(folder) })
    }

    /// The blobs of an object store.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
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
        self.shelf(&BlobPath::from_iter(["segments", &format!("{shelf:02x}")]))
    }

    fn shelf(&self, folder: &BlobPath) -> Result<Vec<(Blake3Hex, UtcMillis)>, BlobError> {
        let found: Vec<ObjectMeta> = block_on(self.store.list(Some(folder)).try_collect())?;
        let named = |meta: ObjectMeta| {
            let name = Blake3Hex::parse(meta.location.filename()?)?;
            Some((name, UtcMillis(meta.last_modified.timestamp_millis())))
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// Takes the file at `from` under its name; it stays where it is, too. Durable when this returns, if its bytes were. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Disk`], or what the store says.
    pub fn take_file(&self, part_id: &str, name: &Blake3Hex, from: &Path) -> Result<(), BlobError> {
        let path = file_path(part_id, name);
        let Some(folder) = &self.folder else { return self.copy_file(&path, from) };
        let to = folder.join(path.as_ref());
        let shelf = to.parent().unwrap_or(folder);
        let link = || std::fs::hard_link(from, &to);
        let taken = match link() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_folders(folder, shelf).and_then(|()| link()),
            other => other,
        };
        match taken {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            // A file system without links, or another one: a copy beside, then renamed.
            Err(_) => {
                let beside = to.with_extension("new");
                std::fs::copy(from, &beside)?;
                File::open(&beside)?.sync_all()?;
                std::fs::rename(&beside, &to)?;
            }
        }
        Ok(File::open(shelf)?.sync_all()?)
    }

    fn copy_file(&self, to: &BlobPath, from: &Path) -> Result<(), BlobError> {
        let mut file = File::open(from)?;
        block_on(async {
            let mut upload = self.store.put_multipart(to).await?;
            loop {
                let mut piece = Vec::with_capacity(COPIED_BYTES);
                Read::by_ref(&mut file).take(COPIED_BYTES as u64).read_to_end(&mut piece)?;
                if piece.is_empty() {
                    break;
                }
                upload.put_part(PutPayload::from(piece)).await?;
            }
            upload.complete().await?;
            Ok(())
        })
    }

    /// Whether there is a file of that name. Blocks.
    ///
    /// # Errors
    ///
    /// What disk or store say.
    pub fn has_file(&self, part_id: &str, name: &Blake3Hex) -> Result<bool, BlobError> {
        let path = file_path(part_id, name);
        match &self.folder {
            Some(folder) => Ok(folder.join(path.as_ref()).try_exists()?),
            None => match block_on(self.store.head(&path)) {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// A file, to be read piece by piece. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], or what disk or store say.
    pub fn open_file(&self, part_id: &str, name: &Blake3Hex) -> Result<BlobFile, BlobError> {
        let path = file_path(part_id, name);
        match &self.folder {
            Some(folder) => match File::open(folder.join(path.as_ref())) {
                Ok(file) => Ok(BlobFile::OfThisMachine(file)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(BlobError::Missing(name.clone())),
                Err(error) => Err(error.into()),
            },
            None if self.has_file(part_id, name)? => Ok(BlobFile::OfTheStore(Arc::clone(&self.store), path)),
            None => Err(BlobError::Missing(name.clone())),
        }
    }

    /// Removes a file and its small picture; what is not there is none to remove. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`].
    pub fn remove_file(&self, part_id: &str, name: &Blake3Hex) -> Result<(), BlobError> {
        for path in [thumbnail_path(part_id, name), file_path(part_id, name)] {
            match block_on(self.store.delete(&path)) {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The files of a part whose names begin with `shelf`, and when each was written. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`].
    pub fn files_of_shelf(&self, part_id: &str, shelf: u8) -> Result<Vec<(Blake3Hex, UtcMillis)>, BlobError> {
        self.shelf(&BlobPath::from_iter([part_id, "files", &format!("{shelf:02x}")]))
    }

    /// Keeps the small picture of a file. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`].
    pub fn put_thumbnail(&self, part_id: &str, name: &Blake3Hex, jpeg: Vec<u8>) -> Result<(), BlobError> {
        block_on(self.store.put(&thumbnail_path(part_id, name), PutPayload::from(jpeg)))?;
        Ok(())
    }

    /// The small picture of a file. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], or what the store says.
    pub fn thumbnail(&self, part_id: &str, name: &Blake3Hex) -> Result<Bytes, BlobError> {
        let read = block_on(async { self.store.get(&thumbnail_path(part_id, name)).await?.bytes().await });
        read.map_err(|error| match error {
            object_store::Error::NotFound { .. } => BlobError::Missing(name.clone()),
            other => BlobError::Store(other),
        })
    }

    /// Keeps a chunk of a part's recognition library under its name. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`].
    pub fn put_chunk(&self, part_id: &str, name: &Blake3Hex, bytes: Vec<u8>) -> Result<(), BlobError> {
        block_on(self.store.put(&chunk_path(part_id, name), PutPayload::from(bytes)))?;
        Ok(())
    }

    /// Whether there is a chunk of that name. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Store`].
    pub fn has_chunk(&self, part_id: &str, name: &Blake3Hex) -> Result<bool, BlobError> {
        match block_on(self.store.head(&chunk_path(part_id, name))) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// A chunk, which is at most a megabyte. Blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], or what the store says.
    pub fn chunk(&self, part_id: &str, name: &Blake3Hex) -> Result<Bytes, BlobError> {
        let read = block_on(async { self.store.get(&chunk_path(part_id, name)).await?.bytes().await });
        read.map_err(|error| match error {
            object_store::Error::NotFound { .. } => BlobError::Missing(name.clone()),
            other => BlobError::Store(other),
        })
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

/// Bytes of a file that are copied at once into a store that is not of this machine.
const COPIED_BYTES: usize = 1024 * 1024;

/// A file of the store, open.
#[derive(Debug)]
pub enum BlobFile {
    /// It lies on a disk of this machine.
    OfThisMachine(File),
    /// It is read through the store.
    OfTheStore(Arc<dyn ObjectStore>, BlobPath),
}

impl BlobFile {
    /// A range of its bytes, which must lie within it. Blocks.
    ///
    /// # Errors
    ///
    /// What disk or store say.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes, BlobError> {
        match self {
            Self::OfThisMachine(file) => {
                let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(Bytes::from(bytes))
            }
            Self::OfTheStore(store, path) => Ok(block_on(store.get_range(path, range))?),
        }
    }
}

/// Makes a folder and those it lies in, so that they are there after a power cut.
fn make_folders(root: &Path, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for made in folder.ancestors().skip(1).take_while(|made| made.starts_with(root)) {
        File::open(made)?.sync_all()?;
    }
    Ok(())
}

/// `<part>/files/<first two digits>/<name>`.
fn file_path(part_id: &str, name: &Blake3Hex) -> BlobPath {
    BlobPath::from_iter([part_id, "files", &name.as_str()[..2], name.as_str()])
}

/// `<part>/thumbnails/<first two digits>/<name of the file>`.
fn thumbnail_path(part_id: &str, name: &Blake3Hex) -> BlobPath {
    BlobPath::from_iter([part_id, "thumbnails", &name.as_str()[..2], name.as_str()])
}

/// `<part>/library/<first two digits>/<name>`.
fn chunk_path(part_id: &str, name: &Blake3Hex) -> BlobPath {
    BlobPath::from_iter([part_id, "library", &name.as_str()[..2], name.as_str()])
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
