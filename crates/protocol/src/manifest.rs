//! Manifests: which segments make up a bucket; and the root: which buckets make up a subscription.
//!
//! Both are JSON bytes named by their BLAKE3-256, so whoever holds the name can check them, and equal content has one name.

use serde::{Deserialize, Serialize};

use crate::bucket::BucketName;
use crate::change::ChangeNo;
use crate::checksum::StateSum;
use crate::rows::TableId;

pub use crate::hash::Blake3Hex;

/// Which buckets a position has, and how far each is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// One life of the server's database; another epoch makes cursors meaningless.
    pub epoch: String,
    /// Key of the row hashes, 64 hexadecimal digits.
    pub hash_key: String,
    /// By rising priority number, then by name.
    pub buckets: Vec<RootBucket>,
}

/// One bucket of a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootBucket {
    /// Which.
    pub name: BucketName,
    /// 0 first.
    pub priority: u8,
    /// Last change number.
    pub head: ChangeNo,
    /// Name of its manifest.
    pub manifest: Blake3Hex,
}

/// Which segments make up a bucket up to its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Which bucket.
    pub bucket: BucketName,
    /// The schema its newest segments are written in. A later one than the reader's adds columns only, which the reader may leave out.
    pub schema: u32,
    /// Last change number that the segments hold.
    pub head: ChangeNo,
    /// What a device that applied everything holds.
    pub state: StateSum,
    /// The base segments are the bucket as of this number or a later one up to the head: with all deltas after it applied on top, which say
    /// how rows are, the bucket is as of the head. 0 if there is no base.
    pub base_as_of: ChangeNo,
    /// Base segments, by table and rising key; together they cover every row the bucket had.
    pub base: Vec<SegmentInfo>,
    /// Deltas, by rising numbers; ranges follow each other without a gap from `base_as_of` to `head`.
    pub deltas: Vec<DeltaInfo>,
}

/// The deltas of one range of change numbers: one segment per table that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaInfo {
    /// The number before its first.
    pub after: ChangeNo,
    /// Its last number.
    pub to: ChangeNo,
    /// Its segments.
    pub segments: Vec<SegmentInfo>,
}

/// One segment as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentInfo {
    /// Its name.
    pub hash: Blake3Hex,
    /// Its table.
    pub table: TableId,
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// For a base segment: which keys it speaks for, and what a device holds of them after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<BaseRange>,
}

/// The keys that a base segment speaks for: a row of them that is not in the segment is not in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseRange {
    /// First key, inclusive.
    pub lo: i64,
    /// Last key, inclusive. Ranges of one table tile all keys from `i64::MIN` to `i64::MAX`.
    pub hi: i64,
    /// The rows of the segment.
    pub state: StateSum,
}

/// A root or manifest that is not what its name says, or not one at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The bytes have another name.
    #[error("the bytes are not those that were announced")]
    OtherBytes,
    /// They are not a manifest.
    #[error("this is not a manifest")]
    Malformed,
}

impl Root {
    /// The root as text, and its name.
    #[must_use]
    pub fn seal(&self) -> (String, Blake3Hex) {
        let text = serde_json::to_string(self).unwrap_or_default();
        let name = Blake3Hex::of(text.as_bytes());
        (text, name)
    }

    /// Reads a root, and gives its name.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Malformed`].
    pub fn open(text: &str) -> Result<(Self, Blake3Hex), ManifestError> {
        let root = serde_json::from_str(text).map_err(|_| ManifestError::Malformed)?;
        Ok((root, Blake3Hex::of(text.as_bytes())))
    }
}

impl Manifest {
    /// The manifest as text, and its name.
    #[must_use]
    pub fn seal(&self) -> (String, Blake3Hex) {
        let text = serde_json::to_string(self).unwrap_or_default();
        let name = Blake3Hex::of(text.as_bytes());
        (text, name)
    }

    /// Reads a manifest that a root announced under `name`.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] if the bytes have another name, or the ranges do not follow each other.
    pub fn open(text: &str, name: &Blake3Hex) -> Result<Self, ManifestError> {
        if Blake3Hex::of(text.as_bytes()) != *name {
            return Err(ManifestError::OtherBytes);
        }
        let manifest: Self = serde_json::from_str(text).map_err(|_| ManifestError::Malformed)?;
        let mut reached = manifest.base_as_of;
        for delta in &manifest.deltas {
            if delta.after != reached || delta.to <= delta.after {
                return Err(ManifestError::Malformed);
            }
            reached = delta.to;
        }
        if reached == manifest.head { Ok(manifest) } else { Err(ManifestError::Malformed) }
    }

    /// All segments it names, the base first.
    pub fn segments(&self) -> impl Iterator<Item = &SegmentInfo> {
        self.base.iter().chain(self.deltas.iter().flat_map(|delta| delta.segments.iter()))
    }

    /// What a device that has applied up to `cursor` still needs: the deltas that reach beyond it, or, when its number lies before the base or
    /// is none of this bucket's, base and deltas. Exact: applying the plan gives [`Manifest::state`].
    ///
    /// A delta whose range begins before the cursor is taken whole: it says how rows are, so it may be applied on top of rows that are newer
    /// already, as long as all later deltas follow.
    #[must_use]
    pub fn plan(&self, cursor: ChangeNo) -> Plan<'_> {
        let has_rows = cursor > ChangeNo(0) || self.base_as_of == ChangeNo(0);
        if has_rows && (self.base_as_of..=self.head).contains(&cursor) {
            Plan { rebase: false, base: &[], deltas: self.deltas.iter().filter(|delta| delta.to > cursor).collect() }
        } else {
            Plan { rebase: true, base: &self.base, deltas: self.deltas.iter().collect() }
        }
    }
}

/// The segments a device still needs of one bucket, in the order they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// Whether the bucket's rows are dropped first and built from the base.
    pub rebase: bool,
    /// Base segments; empty unless `rebase`.
    pub base: &'a [SegmentInfo],
    /// Delta ranges.
    pub deltas: Vec<&'a DeltaInfo>,
}

impl<'a> Plan<'a> {
    /// All segments, in the order they are applied.
    pub fn segments(&self) -> impl Iterator<Item = &'a SegmentInfo> {
        self.base.iter().chain(self.deltas.iter().flat_map(|delta| delta.segments.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::BucketKind;

    fn manifest() -> Manifest {
        let delta = |after, to| DeltaInfo { after: ChangeNo(after), to: ChangeNo(to), segments: vec![] };
        Manifest {
            bucket: BucketName::new(BucketKind::PriceType, 3),
            schema: 1,
            head: ChangeNo(30),
            state: StateSum::default(),
            base_as_of: ChangeNo(10),
            base: vec![],
            deltas: vec![delta(10, 20), delta(20, 30)],
        }
    }

    #[test]
    fn a_device_within_the_deltas_takes_those_beyond_it_and_any_other_the_base() {
        let manifest = manifest();
        for (cursor, rebase, deltas) in
            [(0, true, 2), (5, true, 2), (10, false, 2), (15, false, 2), (20, false, 1), (30, false, 0), (31, true, 2)]
        {
            let plan = manifest.plan(ChangeNo(cursor));
            assert_eq!((plan.rebase, plan.deltas.len()), (rebase, deltas), "cursor {cursor}");
        }
    }

    #[test]
    fn a_manifest_with_a_gap_or_another_name_is_refused() {
        let (text, name) = manifest().seal();
        assert_eq!(Manifest::open(&text, &name), Ok(manifest()));
        assert_eq!(Manifest::open(&text.replace("30", "31"), &name), Err(ManifestError::OtherBytes));
        let mut gap = manifest();
        gap.deltas.remove(0);
        let (text, name) = gap.seal();
        assert_eq!(Manifest::open(&text, &name), Err(ManifestError::Malformed));
    }

    #[test]
    fn a_name_is_never_a_path() {
        assert!(Blake3Hex::parse(&"a".repeat(64)).is_some());
        for bad in ["", "../../etc/passwd", &"A".repeat(64), &"a".repeat(63), &format!("{}/", "a".repeat(63))] {
            assert!(Blake3Hex::parse(bad).is_none());
        }
    }
}
