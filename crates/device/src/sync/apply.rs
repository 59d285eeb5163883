//! A complete download becomes rows: all of it is shown, or nothing.
//!
//! In one transaction of the copy in use; or, when the whole copy is fetched, as a file beside it, which takes its place when it is finished.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use polevik_device_store::rebuild::Rebuild;
use polevik_device_store::reference::apply::Applier;
use polevik_device_store::reference::checkpoints::{self, BucketNo, Feed};
use polevik_device_store::reference::staging;
use polevik_device_store::{Store, StoreError, Transaction};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::manifest::{Blake3Hex, SegmentInfo};
use polevik_protocol::rows::{TABLES, TableId};
use polevik_protocol::segment::{Segment, SegmentError, SegmentKind};
use polevik_protocol::sync::Step;

use crate::calls::inline_segment;
use crate::error::Failed;
use crate::sync::download::{Basis, BucketPlan, DownloadPlan};

/// What was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    let from_nothing = plan.buckets.iter().filter(|bucket| bucket.basis == Basis::Nothing).map(|bucket| &bucket.name);
    for name in plan.gone.iter().chain(from_nothing) {
        applier.drop_bucket(numbers[name])?;
    }
    let mut staged = Staged { tx, uses: plan.uses() };
    for bucket in &plan.buckets {
        let number = numbers[&bucket.name];
        let mut open = |info: &SegmentInfo, kind| staged.open(bucket, info, kind);
        let news = NewsOf::read(bucket, &mut open)?;
        for info in &bucket.base {
            let base = open(info, SegmentKind::Base)?;
            news.write_base(&mut applier, number, bucket, info, &base)?;
        }
        if bucket.basis == Basis::Ranges {
            for table in TABLES.iter().filter(|table| !bucket.tables_with_base.contains(&table.id)) {
                applier.clear_table(number, table, |pk| news.speaks_of(table.id, pk))?;
            }
        }
        news.write_deltas(&mut applier, number)?;
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
    checkpoints::set_feed(tx, &plan.feed(at))?;
    Ok(Shown { changed: applied.changed, rows: applied.rows })
}

/// Applies a step: the few rows by which the office moved on since the root that is held. The caller commits, or rolls back on an error.
pub(crate) fn apply_step(tx: &Transaction<'_>, feed: &Feed, step: &Step, at: UtcMillis) -> Result<Shown, ApplyError> {
    let checkpoints = checkpoints::all(tx)?;
    let wrong = |name: &BucketName| ApplyError::WrongSum(vec![name.clone()]);
    let key = feed.hash_key.ok_or_else(|| ApplyError::WrongSum(Vec::new()))?;
    let mut applier = Applier::new(tx, key, &checkpoints);
    let mut numbers = Vec::new();
    for bucket in &step.buckets {
        let held = checkpoints.iter().find(|checkpoint| checkpoint.name == bucket.name).ok_or_else(|| wrong(&bucket.name))?;
        if bucket.head < held.cursor.0 {
            return Err(wrong(&bucket.name));
        }
        let mut deltas = Vec::new();
        for text in &bucket.segments {
            let bytes = inline_segment(text).map_err(|failed| ApplyError::BadData(failed.detail))?;
            deltas.push(Segment::read_step_form(&bytes, &bucket.name).map_err(|error| unreadable(error, bucket.name.as_str()))?);
        }
        NewsOf::of(deltas).write_deltas(&mut applier, held.bucket_no)?;
        numbers.push((held.bucket_no, bucket));
    }
    let applied = applier.finish()?;
    let state_of = |number: BucketNo| applied.states.get(&number).copied().unwrap_or_default();
    let wrong: Vec<BucketName> =
        numbers.iter().filter(|(number, bucket)| state_of(*number) != bucket.state).map(|(_, bucket)| bucket.name.clone()).collect();
    if !wrong.is_empty() {
        return Err(ApplyError::WrongSum(wrong));
    }
    for (number, bucket) in numbers {
        checkpoints::set(tx, number, state_of(number), Some(ChangeNo(bucket.head)))?;
    }
    // Rows may have left other buckets for these: what the others add up to is noted too.
    for checkpoint in checkpoints.iter().filter(|checkpoint| state_of(checkpoint.bucket_no) != checkpoint.state) {
        checkpoints::set(tx, checkpoint.bucket_no, state_of(checkpoint.bucket_no), None)?;
    }
    checkpoints::set_feed(tx, &Feed { root: step.root.clone(), applied_at: at, ..feed.clone() })?;
    Ok(Shown { changed: applied.changed, rows: applied.rows })
}

/// A whole copy that is built beside the one in use, segment by segment, so that screens get in between.
pub(crate) struct Beside {
    rebuild: Rebuild,
    plan: DownloadPlan,
    at: UtcMillis,
    /// The bucket that is being written, and how many of its base segments are.
    bucket: usize,
    written: usize,
    news: Option<NewsOf>,
    wrong: Vec<BucketName>,
    heads: BTreeMap<BucketNo, ChangeNo>,
}

impl Beside {
    /// Begins.
    pub(crate) fn begin(store: &mut Store, plan: DownloadPlan, at: UtcMillis) -> Result<Self, ApplyError> {
        let rebuild = store.begin_rebuild(plan.hash_key)?;
        Ok(Self { rebuild, plan, at, bucket: 0, written: 0, news: None, wrong: Vec::new(), heads: BTreeMap::new() })
    }

    /// Whether it is to help where repairs did not.
    pub(crate) fn repairs(&self) -> bool {
        self.plan.repairs
    }

    /// Writes the next segment; `false` when all are written.
    pub(crate) fn go_on(&mut self, store: &mut Store) -> Result<bool, ApplyError> {
        let Some(bucket) = self.plan.buckets.get(self.bucket) else { return Ok(false) };
        let tx = store.read()?.reference;
        let mut open = |info: &SegmentInfo, kind| {
            let bytes = staging::read(&tx, info.hash.as_str())?;
            checked(bucket, info, kind, bytes)
        };
        let number = self.rebuild.bucket(&bucket.name)?;
        let news = match &self.news {
            Some(news) => news,
            None => self.news.insert(NewsOf::read(bucket, &mut open)?),
        };
        if let Some(info) = bucket.base.get(self.written) {
            let base = open(info, SegmentKind::Base)?;
            self.rebuild.write(|applier| news.write_base(applier, number, bucket, info, &base))?;
            self.written += 1;
            return Ok(true);
        }
        self.rebuild.write(|applier| news.write_deltas(applier, number))?;
        self.heads.insert(number, bucket.head);
        (self.bucket, self.written, self.news) = (self.bucket + 1, 0, None);
        Ok(true)
    }

    /// Compares the sums and puts the copy into use; if they are wrong, or that fails, the old one stays.
    pub(crate) fn finish(mut self, store: &mut Store) -> Result<Shown, ApplyError> {
        for bucket in &self.plan.buckets {
            // Compared at the end: a row may have left a bucket for one that was written later.
            if self.rebuild.state(self.rebuild.bucket(&bucket.name)?) != bucket.state {
                self.wrong.push(bucket.name.clone());
            }
        }
        if !self.wrong.is_empty() {
            store.abandon_rebuild(self.rebuild)?;
            return Err(ApplyError::WrongSum(self.wrong));
        }
        let applied = store.finish_rebuild(self.rebuild, &self.plan.feed(self.at), &self.heads)?;
        // Whatever the old copy held and the new one does not is a change too.
        Ok(Shown { changed: TABLES.iter().map(|table| table.name).collect(), rows: applied.rows })
    }

    /// Gives it up; the old copy stays.
    pub(crate) fn abandon(self, store: &mut Store) {
        // A file that stays behind costs room until the next start, which removes it.
        let _ = store.abandon_rebuild(self.rebuild);
    }
}

/// The deltas of a bucket, and for each row the last of them that speaks of it.
struct NewsOf {
    deltas: Vec<Segment>,
    newest: HashMap<TableId, HashMap<i64, usize>>,
}

impl NewsOf {
    fn read(
        bucket: &BucketPlan,
        open: &mut impl FnMut(&SegmentInfo, SegmentKind) -> Result<Segment, ApplyError>,
    ) -> Result<Self, ApplyError> {
        let infos = bucket.deltas.iter().flat_map(|delta| &delta.segments);
        Ok(Self::of(infos.map(|info| open(info, SegmentKind::Delta)).collect::<Result<_, _>>()?))
    }

    fn of(deltas: Vec<Segment>) -> Self {
        let mut newest: HashMap<TableId, HashMap<i64, usize>> = HashMap::new();
        for (place, delta) in deltas.iter().enumerate() {
            let rows = newest.entry(delta.table.id).or_default();
            rows.extend(delta.rows().map(|(pk, _, _)| (pk, place)));
        }
        Self { deltas, newest }
    }

    fn speaks_of(&self, table: TableId, pk: i64) -> bool {
        self.newest.get(&table).is_some_and(|rows| rows.contains_key(&pk))
    }

    fn write_base(
        &self,
        applier: &mut Applier<'_>,
        number: BucketNo,
        bucket: &BucketPlan,
        info: &SegmentInfo,
        base: &Segment,
    ) -> Result<(), ApplyError> {
        let later = self.newest.get(&base.table.id);
        let range = info.range.as_ref().filter(|_| bucket.basis == Basis::Ranges);
        match (range, later) {
            (Some(range), _) => applier.range(number, base, (range.lo, range.hi), |pk| self.speaks_of(base.table.id, pk)),
            (None, Some(later)) => applier.segment(number, base, |pk| later.contains_key(&pk)),
            (None, None) => applier.segment(number, base, |_| false),
        }
        .map_err(bad_row)
    }

    fn write_deltas(&self, applier: &mut Applier<'_>, number: BucketNo) -> Result<(), ApplyError> {
        for (place, delta) in self.deltas.iter().enumerate() {
            let later = &self.newest[&delta.table.id];
            applier.segment(number, delta, |pk| later.get(&pk) != Some(&place)).map_err(bad_row)?;
        }
        Ok(())
    }
}

/// The segments that are here. Each leaves when it is used for the last time, so that the rows get its pages.
struct Staged<'a> {
    tx: &'a Transaction<'a>,
    /// How often a segment is still wanted: empty ranges of one table are all the same bytes.
    uses: BTreeMap<Blake3Hex, usize>,
}

impl Staged<'_> {
    fn open(&mut self, bucket: &BucketPlan, info: &SegmentInfo, kind: SegmentKind) -> Result<Segment, ApplyError> {
        let uses = self.uses.entry(info.hash.clone()).or_default();
        *uses = uses.saturating_sub(1);
        let name = info.hash.as_str();
        let bytes = if *uses == 0 { staging::take(self.tx, name)? } else { staging::read(self.tx, name)? };
        checked(bucket, info, kind, bytes)
    }
}

/// Reads a segment and checks that it is the one the manifest means.
fn checked(bucket: &BucketPlan, info: &SegmentInfo, kind: SegmentKind, bytes: Option<Vec<u8>>) -> Result<Segment, ApplyError> {
    let name = info.hash.as_str();
    let segment = Segment::read(&bytes.ok_or(ApplyError::Missing)?).map_err(|error| unreadable(error, name))?;
    if segment.header.bucket != bucket.name || segment.table.id != info.table || segment.header.kind != kind {
        return Err(ApplyError::BadData(format!("{name} is of another bucket or table")));
    }
    Ok(segment)
}

fn unreadable(error: SegmentError, name: &str) -> ApplyError {
    match error {
        SegmentError::Newer | SegmentError::UnknownTable => ApplyError::TooOld(format!("{name}: {error}")),
        other => ApplyError::BadData(format!("{name}: {other}")),
    }
}

/// A row that does not fit its table is the office's fault, not the database's.
fn bad_row(error: StoreError) -> ApplyError {
    if error.is_constraint() { ApplyError::BadData(error.to_string()) } else { ApplyError::Store(error) }
}
