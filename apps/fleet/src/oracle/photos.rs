//! Photos that were promised (I12): once a phone has said that a photo is taken, the office has its document and its file, whole and once.

use std::collections::{BTreeMap, BTreeSet};

use polevik_domain::ids::DocumentId;
use polevik_protocol::hash::Blake3Hex;
use polevik_server::blobs::Blobs;
use polevik_server_store::{Store, StoreError};

use super::central::{self, PART};
use crate::shared::Violation;

/// A photo that a phone said it has taken.
#[derive(Debug, Clone)]
struct Photo {
    file: Blake3Hex,
    bytes: u64,
    holders: BTreeSet<usize>,
    /// A fault took it from everybody who had it.
    excused: bool,
}

/// All of them, by document.
#[derive(Debug, Default)]
pub struct Photos {
    taken: BTreeMap<Vec<u8>, Photo>,
}

impl Photos {
    /// A phone says that a photo is taken.
    pub fn promise(&mut self, phone: usize, id: DocumentId, file: &Blake3Hex, bytes: u64) {
        let photo = Photo { file: file.clone(), bytes, holders: BTreeSet::from([phone]), excused: false };
        self.taken.insert(id.as_bytes().to_vec(), photo);
    }

    /// A phone is as its backup was.
    pub fn phone_set_back(&mut self, phone: usize) {
        for photo in self.taken.values_mut() {
            photo.holders.remove(&phone);
            photo.excused |= photo.holders.is_empty();
        }
    }

    /// At the end: every photo whose document stands at the office has its file there, and no file is other than its name says.
    ///
    /// # Errors
    ///
    /// What is lost, damaged or invented.
    pub fn judge(&self, store: &Store, blobs: &Blobs) -> Result<(), Violation> {
        let broken = |what: String| Err(Violation::new("I12", what));
        let read = store.read(|tx| Ok::<_, StoreError>((central::photos(tx)?, central::files(tx)?)));
        let (photos, files) = read.map_err(|error| Violation::new("I12", format!("photos cannot be read: {error}")))?;
        for (file, bytes) in &files {
            let Some(name) = Blake3Hex::parse(&hex::encode(file)) else { return broken("a file has no name".to_owned()) };
            let kept = blobs.open_file(PART, &name).and_then(|blob| blob.read(0..*bytes));
            match kept {
                Ok(kept) if kept.len() as u64 == *bytes && Blake3Hex::of(&kept) == name => (),
                Ok(kept) => return broken(format!("{name} of {bytes} bytes is kept as {} others", kept.len())),
                Err(error) => return broken(format!("{name} has a row and cannot be read: {error}")),
            }
        }
        for (id, file) in &photos {
            let Some(photo) = self.taken.get(id) else { continue };
            if hex::encode(file) != photo.file.as_str() {
                return broken(format!("photo {} names another file", hex::encode(id)));
            }
            if !photo.excused && files.get(file) != Some(&photo.bytes) {
                return broken(format!("photo {}, taken on phones {:?}, has no file at the office", hex::encode(id), photo.holders));
            }
        }
        Ok(())
    }
}
