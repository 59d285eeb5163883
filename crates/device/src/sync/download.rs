//! From the office's news to a plan: which segments are needed, which buckets go.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_store::reference::checkpoints::{Checkpoint, Feed};
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, StateSum};
use polevik_protocol::manifest::{Blake3Hex, DeltaInfo, Manifest, Root, RootBucket, SegmentInfo};
use polevik_protocol::sync::Download;
use polevik_protocol::version::SCHEMA;

use crate::error::Failed;
use crate::sync::event::{Planned, Wanted};

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
}

/// What has to be done for one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketPlan {
    pub(crate) name: BucketName,
    pub(crate) head: ChangeNo,
    /// What its rows must add up to in the end.
    pub(crate) state: StateSum,
    /// Its rows are dropped first.
    pub(crate) from_nothing: bool,
    pub(crate) base: Vec<SegmentInfo>,
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
        let mut planned = Planned { wanted: Vec::new(), bytes_total: 0, rows: 0 };
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
/// The cursors of `forget` count for nothing, and none counts when the server began another life (epoch): then everything is fetched, while
/// the old rows stay on the screens until the transaction that replaces them.
pub(crate) fn plan(
    download: &Download,
    checkpoints: &[Checkpoint],
    feed: Option<&Feed>,
    forget: &[BucketName],
) -> Result<DownloadPlan, Failed> {
    let (root, name) = Root::open(&download.root).map_err(|error| incomplete(error.to_string()))?;
    let hash_key = hash_key(&root.hash_key).ok_or_else(|| incomplete("the root has no key"))?;
    let manifests: BTreeMap<Blake3Hex, &str> =
        download.manifests.iter().map(|text| (Blake3Hex::of(text.as_bytes()), text.as_str())).collect();
    let same_life = feed.is_some_and(|feed| feed.epoch == root.epoch);

    let mut buckets = Vec::new();
    for announced in &root.buckets {
        let held = checkpoints.iter().find(|checkpoint| checkpoint.name == announced.name);
        let trusted = same_life && !forget.contains(&announced.name);
        let cursor = held.filter(|_| trusted).map_or(ChangeNo(0), |checkpoint| checkpoint.cursor);
        if cursor == announced.head && (trusted || held.is_none()) {
            continue;
        }
        buckets.push(bucket_plan(announced, cursor, &manifests)?);
    }
    let is_announced = |checkpoint: &&Checkpoint| root.buckets.iter().any(|bucket| bucket.name == checkpoint.name);
    let gone = checkpoints.iter().filter(|checkpoint| !is_announced(checkpoint)).map(|checkpoint| checkpoint.name.clone()).collect();
    Ok(DownloadPlan { epoch: root.epoch, root: name, hash_key, buckets, gone })
}

fn bucket_plan(announced: &RootBucket, cursor: ChangeNo, manifests: &BTreeMap<Blake3Hex, &str>) -> Result<BucketPlan, Failed> {
    let name = announced.name.clone();
    let Some(text) = manifests.get(&announced.manifest) else {
        // A bucket in which nothing ever was needs no manifest to be emptied.
        if announced.head == ChangeNo(0) {
            let state = StateSum::default();
            return Ok(BucketPlan { name, head: announced.head, state, from_nothing: true, base: Vec::new(), deltas: Vec::new() });
        }
        return Err(incomplete(format!("no manifest of {name}")));
    };
    let manifest = Manifest::open(text, &announced.manifest).map_err(|error| incomplete(format!("manifest of {name}: {error}")))?;
    if manifest.bucket != name || manifest.head != announced.head {
        return Err(incomplete(format!("the manifest of {name} is another one's")));
    }
    if manifest.schema > SCHEMA {
        return Err(Failed::new(ErrorCode::UpdateNeeded, format!("{name} has schema {}", manifest.schema)));
    }
    let plan = manifest.plan(cursor);
    Ok(BucketPlan {
        name,
        head: manifest.head,
        state: manifest.state,
        from_nothing: plan.rebase || cursor == ChangeNo(0),
        base: plan.base.to_vec(),
        deltas: plan.deltas.into_iter().cloned().collect(),
    })
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
