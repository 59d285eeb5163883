//! A complete download becomes rows, in one transaction: all of it is shown, or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use polevik_device_store::reference::apply::Applier;
use polevik_device_store::reference::checkpoints::{self, BucketNo, Feed};
use polevik_device_store::reference::staging;
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::{Blake3Hex, SegmentInfo};
use polevik_protocol::rows::TableId;
use polevik_protocol::segment::{Segment, SegmentError, SegmentKind};

use crate::error::Failed;
use crate::sync::download::{BucketPlan, DownloadPlan};

/// What was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Tables in which something changed.
    pub(crate) changed: BTreeSet<&'static str>,
    /// Rows written or removed.
    pub(crate) rows: u64,
}

/// Why nothing was applied; the caller rolls back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// These buckets do not add up to what their manifests say.
    #[error("rows do not add up")]
    WrongSum(Vec<BucketName>),
    /// A segment with the right name is not what its manifest says, or its rows do not fit the tables.
    #[error("bad reference data: {0}")]
    BadData(String),
    /// A segment needs a newer application.
    #[error("the application is too old: {0}")]
    TooOld(String),
    /// A segment of the plan is not staged.
    #[error("a segment is missing")]
    Missing,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApplyError {
    /// As the engine hears it, when the sums are right.
    pub(crate) fn failed(&self) -> Failed {
        let code = match self {
            Self::WrongSum(_) | Self::Missing => ErrorCode::IncompleteReply,
            Self::BadData(_) => ErrorCode::BadReferenceData,
            Self::TooOld(_) => ErrorCode::UpdateNeeded,
            Self::Store(error) => error.code(),
        };
        Failed::new(code, self.to_string())
    }
}

/// Carries out a plan whose segments are all staged. The caller commits, or rolls back on an error.
///
/// Of several segments that speak of one row the newest counts: what is written is the bucket at its head, so a row that wandered between
/// buckets ends where it belongs, in whatever order the buckets come.
pub(crate) fn apply(tx: &Transaction<'_>, plan: &DownloadPlan, at: UtcMillis) -> Result<Shown, ApplyError> {
    let mut numbers: BTreeMap<&BucketName, BucketNo> = BTreeMap::new();
    for name in plan.buckets.iter().map(|bucket| &bucket.name).chain(&plan.gone) {
        numbers.insert(name, checkpoints::number_of(tx, name)?);
    }
    let mut applier = Applier::new(tx, plan.hash_key, &checkpoints::all(tx)?);
    for name in plan.gone.iter().chain(plan.buckets.iter().filter(|bucket| bucket.from_nothing).map(|bucket| &bucket.name)) {
        applier.drop_bucket(numbers[name])?;
    }
    let mut staged = Staged { tx, uses: plan.uses() };
    for bucket in &plan.buckets {
        apply_bucket(&mut staged, &mut applier, numbers[&bucket.name], bucket)?;
    }
    let applied = applier.finish()?;

    let sum_of = |name: &BucketName| applied.states.get(&numbers[name]).copied().unwrap_or_default();
    let wrong: Vec<BucketName> =
        plan.buckets.iter().filter(|bucket| sum_of(&bucket.name) != bucket.state).map(|bucket| bucket.name.clone()).collect();
    if !wrong.is_empty() {
        return Err(ApplyError::WrongSum(wrong));
    }
    let heads: BTreeMap<BucketNo, _> = plan.buckets.iter().map(|bucket| (numbers[&bucket.name], bucket.head)).collect();
    for (number, state) in &applied.states {
        checkpoints::set(tx, *number, *state, heads.get(number).copied())?;
    }
    for name in &plan.gone {
        checkpoints::remove(tx, numbers[name])?;
    }
    staging::keep_only(tx, &BTreeSet::new())?;
    checkpoints::set_feed(tx, &Feed { epoch: plan.epoch.clone(), root: plan.root.to_string(), applied_at: at, hash_key: Some(plan.hash_key) })?;
    Ok(Shown { changed: applied.changed, rows: applied.rows })
}

fn apply_bucket(staged: &mut Staged<'_>, applier: &mut Applier<'_>, number: BucketNo, bucket: &BucketPlan) -> Result<(), ApplyError> {
    let deltas: Vec<Segment> = bucket
        .deltas
        .iter()
        .flat_map(|delta| &delta.segments)
        .map(|info| staged.open(bucket, info, SegmentKind::Delta))
        .collect::<Result<_, _>>()?;
    // For each row the last delta that speaks of it.
    let mut newest: HashMap<TableId, HashMap<i64, usize>> = HashMap::new();
    for (place, delta) in deltas.iter().enumerate() {
        let rows = newest.entry(delta.table.id).or_default();
        rows.extend(delta.rows().map(|(pk, _, _)| (pk, place)));
    }
    for info in &bucket.base {
        let base = staged.open(bucket, info, SegmentKind::Base)?;
        match newest.get(&base.table.id) {
            Some(later) => applier.segment(number, &base, |pk| later.contains_key(&pk)),
            None => applier.segment(number, &base, |_| false),
        }
        .map_err(bad_row)?;
    }
    for (place, delta) in deltas.iter().enumerate() {
        let later = &newest[&delta.table.id];
        applier.segment(number, delta, |pk| later.get(&pk) != Some(&place)).map_err(bad_row)?;
    }
    Ok(())
}

/// The segments that are here. Each leaves when it is used for the last time, so that the rows get its pages.
struct Staged<'a> {
    tx: &'a Transaction<'a>,
    /// How often a segment is still wanted: empty ranges of one table are all the same bytes.
    uses: BTreeMap<Blake3Hex, usize>,
}

impl Staged<'_> {
    /// Reads a segment and checks that it is the one the manifest means.
    fn open(&mut self, bucket: &BucketPlan, info: &SegmentInfo, kind: SegmentKind) -> Result<Segment, ApplyError> {
        let uses = self.uses.entry(info.hash.clone()).or_default();
        *uses = uses.saturating_sub(1);
        let name = info.hash.as_str();
        let bytes = if *uses == 0 { staging::take(self.tx, name)? } else { staging::read(self.tx, name)? };
        let segment = Segment::read(&bytes.ok_or(ApplyError::Missing)?).map_err(|error| match error {
            SegmentError::Newer | SegmentError::UnknownTable => ApplyError::TooOld(format!("{name}: {error}")),
            other => ApplyError::BadData(format!("{name}: {other}")),
        })?;
        if segment.header.bucket != bucket.name || segment.table.id != info.table || segment.header.kind != kind {
            return Err(ApplyError::BadData(format!("{name} is of another bucket or table")));
        }
        Ok(segment)
    }
}

/// A row that does not fit its table is the office's fault, not the database's.
fn bad_row(error: StoreError) -> ApplyError {
    if error.is_constraint() { ApplyError::BadData(error.to_string()) } else { ApplyError::Store(error) }
}
