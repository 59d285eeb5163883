//! What a device is told of its buckets: the root, and the manifests it names, read from one snapshot.

use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::StateSum;
use polevik_protocol::manifest::{Blake3Hex, Manifest, Root, RootBucket};
use polevik_protocol::version::SCHEMA;
use polevik_server_store::feed::manifests::{self, StoredManifest};
use polevik_server_store::feed::segments;
use polevik_server_store::{StoreError, Transaction, part};

use crate::blobs::{BlobError, Blobs};

/// A root with the manifests it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The root's JSON, byte for byte as named.
    pub root: String,
    /// The root's name.
    pub hash: Blake3Hex,
    /// One life of the database.
    pub epoch: String,
    /// The manifests, in the root's order: urgent ones first.
    pub manifests: Vec<(BucketName, StoredManifest)>,
}

/// The root of a subscription to `buckets`, and their manifests.
///
/// It says what is sealed; call [`super::seal::Sealer::seal_due`] before for all that is committed. A bucket nothing was ever in is announced
/// as empty, so that a device knows it is complete.
///
/// # Errors
///
/// [`StoreError::UnknownPart`] and failures of the database.
pub fn announce(tx: &Transaction<'_>, part_id: &str, buckets: &[BucketName]) -> Result<Announcement, StoreError> {
    let part = part::load(tx, part_id)?;
    let mut sorted = buckets.to_vec();
    sorted.sort_by(|a, b| (a.kind().priority(), a).cmp(&(b.kind().priority(), b)));
    sorted.dedup();
    let mut manifests = Vec::with_capacity(sorted.len());
    for bucket in sorted {
        let manifest = manifests::find(tx, part_id, &bucket)?.unwrap_or_else(|| empty(&bucket));
        manifests.push((bucket, manifest));
    }
    let root = Root {
        epoch: part.epoch.clone(),
        hash_key: hex::encode(part.hash_key.0),
        buckets: manifests
            .iter()
            .map(|(name, manifest)| RootBucket {
                name: name.clone(),
                priority: name.kind().priority(),
                head: manifest.head,
                manifest: manifest.hash.clone(),
            })
            .collect(),
    };
    // A root is numbers and checked names only, so it always has a JSON form.
    let root = serde_json::to_string(&root).unwrap_or_default();
    Ok(Announcement { hash: Blake3Hex::of(root.as_bytes()), root, epoch: part.epoch, manifests })
}

/// The manifest of a bucket nothing was ever in.
#[must_use]
pub fn empty_manifest(bucket: &BucketName) -> Manifest {
    Manifest {
        bucket: bucket.clone(),
        schema: SCHEMA,
        head: ChangeNo(0),
        state: StateSum::default(),
        base_as_of: ChangeNo(0),
        base: Vec::new(),
        deltas: Vec::new(),
    }
}

fn empty(bucket: &BucketName) -> StoredManifest {
    let (body, hash) = empty_manifest(bucket).seal();
    StoredManifest { head: ChangeNo(0), hash, body }
}

/// A segment's bytes, wherever they lie; `None` if this part has none of that name. Blocks.
///
/// # Errors
///
/// [`SegmentReadError`].
pub fn segment_bytes(tx: &Transaction<'_>, blobs: &Blobs, part_id: &str, hash: &Blake3Hex) -> Result<Option<Vec<u8>>, SegmentReadError> {
    let Some(found) = segments::find(tx, part_id, hash)? else { return Ok(None) };
    Ok(Some(match found.body {
        Some(body) => body,
        None => blobs.segment(hash)?.to_vec(),
    }))
}

/// A segment could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentReadError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}
