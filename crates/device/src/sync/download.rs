//! From the office's news to a plan: which segments are needed, which buckets go.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_store::StoreError;
use polevik_device_store::reference::checkpoints::{BucketNo, Checkpoint, Feed};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, StateSum};
use polevik_protocol::manifest::{Blake3Hex, DeltaInfo, Manifest, Root, RootBucket, SegmentInfo};
use polevik_protocol::rows::{TableDef, TableId};
use polevik_protocol::sync::Download;

use crate::error::Failed;
use crate::sync::event::{Planned, Wanted};
use crate::sync::mend::WorkError;

/// What has to be done so that the device holds what a root says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DownloadPlan {
    pub(crate) epoch: String,
    pub(crate) root: Blake3Hex,
    pub(crate) hash_key: HashKey,
    /// Buckets that change, in the order of the root.
    pub(crate) buckets: Vec<BucketPlan>,
    /// Buckets that are not the device's any more.
    pub(crate) gone: Vec<BucketName>,
    /// The whole copy is fetched, and built beside the one in use.
    pub(crate) beside: bool,
    /// Buckets that did not add up are among them: if they still do not, the repair did not help.
    pub(crate) repairs: bool,
    /// The server lost what it had told before: it was restored from a backup.
    pub(crate) restored: bool,
}

/// What a device holds of ranges of keys of a table of a bucket.
pub(crate) type Held<'a> = dyn Fn(BucketNo, &TableDef, &[(i64, i64)]) -> Result<Vec<StateSum>, StoreError> + 'a;

/// What a plan is made of.
pub(crate) struct Before<'a> {
    pub(crate) checkpoints: &'a [Checkpoint],
    pub(crate) feed: Option<&'a Feed>,
    /// Buckets that did not add up.
    pub(crate) suspects: &'a [BucketName],
    /// Whatever is held counts for nothing.
    pub(crate) anew: bool,
    /// By kept hashes.
    pub(crate) held: &'a Held<'a>,
}

/// Bytes that a row takes on the device, with its part of the indexes: for the guess whether there is room.
const BYTES_PER_ROW: u64 = 160;

/// From what a bucket is brought to its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// What is held: deltas alone are needed.
    Held,
    /// What is held, but range by range: the ranges of the base that differ are made equal first, then come the deltas.
    Ranges,
    /// Nothing: whatever is held is dropped first.
    Nothing,
}

/// What has to be done for one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketPlan {
    pub(crate) name: BucketName,
    pub(crate) head: ChangeNo,
    /// What its rows must add up to in the end.
    pub(crate) state: StateSum,
    pub(crate) basis: Basis,
    /// The base segments that are needed.
    pub(crate) base: Vec<SegmentInfo>,
    /// Tables of which the office has a base, needed or not.
    pub(crate) tables_with_base: BTreeSet<TableId>,
    /// By rising numbers.
    pub(crate) deltas: Vec<DeltaInfo>,
}

impl DownloadPlan {
    /// All segments, in the order they are wanted.
    fn segments(&self) -> impl Iterator<Item = &SegmentInfo> {
        self.buckets.iter().flat_map(|bucket| bucket.base.iter().chain(bucket.deltas.iter().flat_map(|delta| &delta.segments)))
    }

    /// The names of all segments.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.segments().map(|segment| segment.hash.to_string()).collect()
    }

    /// What is applied once the plan is carried out.
    pub(crate) fn feed(&self, at: UtcMillis) -> Feed {
        Feed { epoch: self.epoch.clone(), root: self.root.to_string(), applied_at: at, hash_key: Some(self.hash_key) }
    }

    /// Bytes that the rows will take, roughly.
    pub(crate) fn raw_bytes(&self) -> u64 {
        self.segments().map(|segment| segment.rows).sum::<u64>().saturating_mul(BYTES_PER_ROW)
    }

    /// How often each segment is wanted.
    pub(crate) fn uses(&self) -> BTreeMap<Blake3Hex, usize> {
        let mut uses = BTreeMap::new();
        for segment in self.segments() {
            *uses.entry(segment.hash.clone()).or_default() += 1;
        }
        uses
    }

    /// What the engine needs to know of it: what is not staged yet is to be fetched, each once.
    pub(crate) fn planned(&self, staged: &BTreeSet<String>) -> Planned {
        let mut seen = BTreeSet::new();
        let mut planned = Planned { wanted: Vec::new(), bytes_total: 0, rows: 0, re_offers: false };
        for segment in self.segments() {
            planned.rows += segment.rows;
            if seen.insert(segment.hash.clone()) {
                planned.bytes_total += segment.bytes;
                if !staged.contains(segment.hash.as_str()) {
                    planned.wanted.push(Wanted { hash: segment.hash.clone(), bytes: segment.bytes });
                }
            }
        }
        planned
    }
}

/// Compares what the office announces with what the device holds.
///
/// A bucket whose deltas reach down to the cursor needs these alone. One that does not, or did not add up, needs the ranges of its base that
/// differ from what is held, and the deltas. When the server began another life (epoch), or nothing is held that counts, everything is
/// fetched, while the old rows stay on the screens until the new ones take their place.
pub(crate) fn plan(download: &Download, before: &Before<'_>) -> Result<DownloadPlan, WorkError> {
    let (root, name) = Root::open(&download.root).map_err(|error| incomplete(error.to_string()))?;
    let hash_key = hash_key(&root.hash_key).ok_or_else(|| incomplete("the root has no key"))?;
    let manifests: BTreeMap<Blake3Hex, &str> =
        download.manifests.iter().map(|text| (Blake3Hex::of(text.as_bytes()), text.as_str())).collect();
    let same_life = before.feed.is_some_and(|feed| feed.epoch == root.epoch && feed.hash_key.is_none_or(|key| key == hash_key));
    let beside = before.anew || !same_life;
    let mut restored = before.feed.is_some_and(|feed| feed.epoch != root.epoch);

    let mut buckets = Vec::new();
    for announced in &root.buckets {
        let held = before.checkpoints.iter().find(|checkpoint| checkpoint.name == announced.name).filter(|_| !beside);
        let is_suspect = before.suspects.contains(&announced.name);
        let mut cursor = held.filter(|_| !is_suspect).map_or(ChangeNo(0), |checkpoint| checkpoint.cursor);
        if cursor > announced.head {
            (restored, cursor) = (true, ChangeNo(0));
        } else if held.is_some() && !is_suspect && cursor == announced.head {
            continue;
        }
        buckets.push(bucket_plan(announced, cursor, held, &manifests, before.held)?);
    }
    let is_announced = |checkpoint: &&Checkpoint| root.buckets.iter().any(|bucket| bucket.name == checkpoint.name);
    let gone = before.checkpoints.iter().filter(|checkpoint| !is_announced(checkpoint)).map(|checkpoint| checkpoint.name.clone()).collect();
    let repairs = !before.suspects.is_empty() || before.anew;
    let gone = if polevik_planted::is(polevik_planted::Bug::RevokedKept) { Vec::new() } else { gone };
    Ok(DownloadPlan { epoch: root.epoch, root: name, hash_key, buckets, gone, beside, repairs, restored })
}

fn bucket_plan(
    announced: &RootBucket,
    cursor: ChangeNo,
    held: Option<&Checkpoint>,
    manifests: &BTreeMap<Blake3Hex, &str>,
    state_of: &Held<'_>,
) -> Result<BucketPlan, WorkError> {
    let name = announced.name.clone();
    let (head, mut base, mut tables_with_base) = (announced.head, Vec::new(), BTreeSet::new());
    let Some(text) = manifests.get(&announced.manifest) else {
        // A bucket in which nothing ever was needs no manifest to be emptied.
        if head == ChangeNo(0) {
            let state = StateSum::default();
            return Ok(BucketPlan { name, head, state, basis: Basis::Nothing, base, tables_with_base, deltas: Vec::new() });
        }
        return Err(incomplete(format!("no manifest of {name}")).into());
    };
    let manifest = Manifest::open(text, &announced.manifest).map_err(|error| incomplete(format!("manifest of {name}: {error}")))?;
    if manifest.bucket != name || manifest.head != head {
        return Err(incomplete(format!("the manifest of {name} is another one's")).into());
    }
    let plan = manifest.plan(cursor);
    let rows_are_held = held.filter(|checkpoint| checkpoint.state.rows > 0);
    let needs_base = plan.rebase || cursor == ChangeNo(0);
    let basis = match (needs_base, rows_are_held) {
        (false, _) => Basis::Held,
        (true, Some(_)) => Basis::Ranges,
        (true, None) => Basis::Nothing,
    };
    tables_with_base.extend(plan.base.iter().map(|info| info.table));
    match rows_are_held.filter(|_| basis == Basis::Ranges) {
        Some(checkpoint) => {
            for table in &tables_with_base {
                base.extend(ranges_that_differ(plan.base, *table, checkpoint, state_of)?);
            }
        }
        None => base.extend(plan.base.iter().cloned()),
    }
    let deltas = plan.deltas.into_iter().cloned().collect();
    Ok(BucketPlan { name, head, state: manifest.state, basis, base, tables_with_base, deltas })
}

/// The base segments of a table that hold something else than the device does.
fn ranges_that_differ(
    base: &[SegmentInfo],
    table: TableId,
    checkpoint: &Checkpoint,
    state_of: &Held<'_>,
) -> Result<Vec<SegmentInfo>, WorkError> {
    let of_table = || base.iter().filter(|info| info.table == table);
    let ranges: Option<Vec<(i64, i64)>> = of_table().map(|info| info.range.as_ref().map(|range| (range.lo, range.hi))).collect();
    let (Some(ranges), Some(table)) = (ranges, TableDef::by_id(table)) else {
        return Err(incomplete(format!("a base segment of {} says not of which keys it speaks", checkpoint.name)).into());
    };
    let states = state_of(checkpoint.bucket_no, table, &ranges)?;
    let differs = |(info, state): &(&SegmentInfo, StateSum)| info.range.as_ref().is_none_or(|range| range.state != *state);
    Ok(of_table().zip(states).filter(differs).map(|(info, _)| info.clone()).collect())
}

fn incomplete(detail: impl Into<String>) -> Failed {
    Failed::new(ErrorCode::IncompleteReply, detail)
}

fn hash_key(digits: &str) -> Option<HashKey> {
    let mut key = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (byte, place) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(place..place + 2)?, 16).ok()?;
    }
    Some(HashKey(key))
}
