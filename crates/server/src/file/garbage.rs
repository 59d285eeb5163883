//! Files that nothing names any more: neither a photo nor a material. Photos come later than their files, so a file waits for them.
//!
//! First the row goes, then the bytes, as of segments ([`crate::feed::garbage`]): bytes are removed only by who holds the writer, after a look
//! that no row names them, and a file gets its row only after a look that its bytes are there.

use std::ops::ControlFlow;

use polevik_domain::time::UtcMillis;
use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::files;
use polevik_server_store::{Store, StoreError, part};

use super::spool::KEPT_MS;
use crate::blobs::{Blobs, SHELVES};
use crate::feed::garbage::GarbageError;

/// How old bytes without a row must be to go, in milliseconds: an upload that is just ending has put them there otherwise.
const ORPHAN_AGE_MS: i64 = 86_400_000;

/// Files taken out, or bytes removed, while the writer is held once.
const AT_ONCE: u32 = 20;

/// Uploads that ended well and are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: u32 = 500;

/// What was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectedFiles {
    /// Files that are gone.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files without a row that are gone.
    pub orphans: usize,
}

/// Collects files that came more than `grace_ms` ago and that nothing names. `between` is called after every slice that held the writer: to
/// pause for others, or to break off, which loses nothing. Blocks.
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
) -> Result<CollectedFiles, GarbageError> {
    let mut collected = CollectedFiles::default();
    while store.write(|tx| files::forget_uploads(tx, now.plus_millis(-KEPT_MS), FORGOTTEN_AT_ONCE))?
        == usize::try_from(FORGOTTEN_AT_ONCE).unwrap_or(usize::MAX)
    {
        if between().is_break() {
            return Ok(collected);
        }
    }
    let part_ids: Vec<String> = store.read(|tx| Ok::<_, StoreError>(part::list(tx)?.into_iter().map(|part| part.id).collect()))?;
    for part_id in &part_ids {
        loop {
            let gone = store.write(|tx| files::discard(tx, part_id, now.plus_millis(-grace_ms), AT_ONCE))?;
            if gone.is_empty() {
                break;
            }
            collected.files += gone.len();
            collected.bytes += gone.iter().map(|(_, bytes)| bytes).sum::<u64>();
            let names: Vec<Blake3Hex> = gone.into_iter().map(|(name, _)| name).collect();
            remove(store, blobs, part_id, &names)?;
            if between().is_break() {
                return Ok(collected);
            }
        }
        for shelf in (0..SHELVES).filter_map(|shelf| u8::try_from(shelf).ok()) {
            let old = blobs.files_of_shelf(part_id, shelf)?.into_iter();
            let old: Vec<Blake3Hex> = old.filter(|(_, written_at)| now.since(*written_at) >= ORPHAN_AGE_MS).map(|(name, _)| name).collect();
            let orphans = store.read(|tx| unknown(tx, part_id, old))?;
            for some in orphans.chunks(usize::try_from(AT_ONCE).unwrap_or(1)) {
                collected.orphans += remove(store, blobs, part_id, some)?;
                if between().is_break() {
                    return Ok(collected);
                }
            }
        }
    }
    Ok(collected)
}

/// Those of the names that are no file of the part.
fn unknown(tx: &polevik_server_store::Transaction<'_>, part_id: &str, names: Vec<Blake3Hex>) -> Result<Vec<Blake3Hex>, StoreError> {
    let mut unknown = Vec::new();
    for name in names {
        if files::find(tx, part_id, &name)?.is_none() {
            unknown.push(name);
        }
    }
    Ok(unknown)
}

/// Removes the bytes of files that no row names; gives how many. Holds the writer, so that nobody gives one of them a row meanwhile.
fn remove(store: &Store, blobs: &Blobs, part_id: &str, names: &[Blake3Hex]) -> Result<usize, GarbageError> {
    if names.is_empty() {
        return Ok(0);
    }
    store.write(|tx| {
        let unknown = unknown(tx, part_id, names.to_vec())?;
        for name in &unknown {
            blobs.remove_file(part_id, name)?;
        }
        Ok(unknown.len())
    })
}
