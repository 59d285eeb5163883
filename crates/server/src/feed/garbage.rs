//! What the feed leaves behind: sealed changes are forgotten, and segments that no manifest names any more go after a grace, so that a device
//! that has just read a manifest, or comes back with an old one, still finds what it names.
//!
//! First the row goes, then the blob: a crash in between leaves a blob without a row, which is swept later. A blob is removed only by who
//! holds the writer, after a look that no row names it; and a manifest is published only by who holds the writer, after a look that its blobs
//! are there. So a segment that is made again while its old self is removed is never lost.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::{Blake3Hex, Manifest};
use polevik_server_store::feed::{change_log, manifests, segments};
use polevik_server_store::{Store, StoreError, Transaction, part};

use super::seal::FORGOTTEN_AT_ONCE;
use crate::blobs::{BlobError, Blobs, SHELVES};

/// Days that a superseded segment stays, unless the office says otherwise: longer than a device is usually away.
pub const USUAL_GRACE_DAYS: u32 = 45;

/// How old a blob without a row must be to go, in milliseconds: a seal that is still running has put it there otherwise.
const ORPHAN_AGE_MS: i64 = 86_400_000;

/// Segments taken out, or blobs removed, while the writer is held once.
const AT_ONCE: u32 = 20;

/// What was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Segments that were found to be named by no manifest; their time begins now.
    pub superseded: usize,
    /// Segments that are gone.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs without a row that are gone.
    pub orphans: usize,
}

/// Collecting stopped half-way; what is gone was to go, and the rest is found the next time.
#[derive(Debug, thiserror::Error)]
pub enum GarbageError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A manifest cannot be read, so nothing of its bucket is touched.
    #[error("the manifest of {0} cannot be read")]
    Manifest(BucketName),
}

/// Collects everything that may go at `now`. `between` is called after every slice that held the writer: to pause for others, or to break off,
/// which loses nothing. Blocks.
///
/// # Errors
///
/// The first [`GarbageError`].
pub fn collect(
    store: &Store,
    blobs: &Blobs,
    now: UtcMillis,
    grace_ms: i64,
    mut between: impl FnMut() -> ControlFlow<()>,
) -> Result<Collected, GarbageError> {
    let mut collected = Collected::default();
    // Broken off or not: what is collected is collected.
    let _ = collect_into(&mut collected, store, blobs, now, grace_ms, &mut between)?;
    metrics::counter!("polevik_garbage_segments_total").increment(u64::try_from(collected.segments).unwrap_or(0));
    metrics::counter!("polevik_garbage_bytes_total").increment(collected.bytes);
    metrics::counter!("polevik_garbage_orphans_total").increment(u64::try_from(collected.orphans).unwrap_or(0));
    Ok(collected)
}

fn collect_into(
    collected: &mut Collected,
    store: &Store,
    blobs: &Blobs,
    now: UtcMillis,
    grace_ms: i64,
    between: &mut impl FnMut() -> ControlFlow<()>,
) -> Result<ControlFlow<()>, GarbageError> {
    let part_ids: Vec<String> = store.read(|tx| Ok::<_, StoreError>(part::list(tx)?.into_iter().map(|part| part.id).collect()))?;
    for part_id in &part_ids {
        for bucket in store.read(|tx| change_log::buckets(tx, part_id))? {
            if !store.read(|tx| unnamed(tx, part_id, &bucket))?.is_empty() {
                collected.superseded += store.write(|tx| supersede_unnamed(tx, part_id, &bucket, now))?;
                if between().is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            while store.read(|tx| change_log::has_sealed(tx, part_id, &bucket))? {
                store.write(|tx| change_log::forget(tx, part_id, &bucket, FORGOTTEN_AT_ONCE))?;
                if between().is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        loop {
            let discarded = store.write(|tx| segments::discard(tx, part_id, now.plus_millis(-grace_ms), AT_ONCE))?;
            if discarded.is_empty() {
                break;
            }
            collected.segments += discarded.len();
            collected.bytes += discarded.iter().map(|gone| gone.byte_count).sum::<u64>();
            if between().is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let blobs_left: Vec<Blake3Hex> = discarded.iter().filter(|gone| gone.is_blob).map(|gone| gone.hash.clone()).collect();
            remove(store, blobs, &part_ids, &blobs_left)?;
        }
    }
    for shelf in (0..SHELVES).filter_map(|shelf| u8::try_from(shelf).ok()) {
        let old: Vec<Blake3Hex> = blobs
            .segments_of_shelf(shelf)?
            .into_iter()
            .filter(|(_, written_at)| now.since(*written_at) >= ORPHAN_AGE_MS)
            .map(|(name, _)| name)
            .collect();
        let orphans = store.read(|tx| {
            let mut orphans = Vec::new();
            for name in old {
                if !segments::is_known(tx, &part_ids, &name)? {
                    orphans.push(name);
                }
            }
            Ok::<_, StoreError>(orphans)
        })?;
        for some in orphans.chunks(usize::try_from(AT_ONCE).unwrap_or(1)) {
            collected.orphans += remove(store, blobs, &part_ids, some)?;
            if between().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Segments of a bucket that pass for named and are not.
fn unnamed(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<Vec<Blake3Hex>, GarbageError> {
    let mut standing = segments::standing(tx, part_id, bucket)?;
    let Some(stored) = manifests::find(tx, part_id, bucket)? else { return Ok(standing) };
    let manifest = Manifest::open(&stored.body, &stored.hash).map_err(|_| GarbageError::Manifest(bucket.clone()))?;
    let named: BTreeSet<&Blake3Hex> = manifest.segments().map(|info| &info.hash).collect();
    standing.retain(|hash| !named.contains(hash) || polevik_planted::is(polevik_planted::Bug::NamedIsGarbage));
    Ok(standing)
}

fn supersede_unnamed(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, now: UtcMillis) -> Result<usize, GarbageError> {
    let unnamed = unnamed(tx, part_id, bucket)?;
    segments::supersede(tx, part_id, &unnamed, now)?;
    Ok(unnamed.len())
}

/// Removes blobs that no row names; gives how many. Holds the writer, so that nobody publishes one of them meanwhile.
fn remove(store: &Store, blobs: &Blobs, part_ids: &[String], names: &[Blake3Hex]) -> Result<usize, GarbageError> {
    if names.is_empty() {
        return Ok(0);
    }
    store.write(|tx| {
        let mut removed = 0;
        for name in names {
            if !segments::is_known(tx, part_ids, name)? {
                blobs.remove_segment(name)?;
                removed += 1;
            }
        }
        Ok(removed)
    })
}
