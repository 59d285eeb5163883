//! A bucket's changes become immutable segments and a new manifest.
//!
//! One snapshot is read: head, rows changed since the last seal, their present content. They become a delta, one segment per table. When deltas
//! have become many, neighbours with few rows are merged into one; when they have grown large against the base, the base is made anew where
//! rows changed. Then one transaction raises the floor if nobody was quicker, and publishes.
//!
//! A delta says how rows *are*, not what happened to them, so it may be applied on top of rows that are newer already, as long as all later
//! deltas follow. A new base therefore keeps the latest deltas beside it: devices that were up to date yesterday take these, and not the base.
//!
//! The work follows from what changed, not from how large the bucket is: a delta reads the changed rows, a merge the cheapest neighbours, and
//! a new base, which comes after half the rows have changed, reads only ranges with a changed row; the others keep their segments.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{RowHasher, StateSum};
use polevik_protocol::manifest::{BaseRange, Blake3Hex, DeltaInfo, Manifest, ManifestError, SegmentInfo};
use polevik_protocol::rows::{TABLES, TableDef, TableId, Value};
use polevik_protocol::segment::{Segment, SegmentError, SegmentKind, SegmentWriter};
use polevik_protocol::version::SCHEMA;
use polevik_server_store::feed::change_log::{self, Head};
use polevik_server_store::feed::manifests::{self, StoredManifest};
use polevik_server_store::feed::segments::{self, StoredSegment};
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::rows;
use polevik_server_store::{Store, StoreError, Transaction};

use super::download::{SegmentReadError, segment_bytes};
use super::key_ranges::ranges_within;
use crate::blobs::{BlobError, Blobs, MAX_INLINE_SEGMENT_BYTES};

/// When segments are cut, and when a bucket gets a new base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealRules {
    /// Most rows of one segment.
    pub segment_rows: usize,
    /// A new base is made when all deltas together have more rows than this share of the base, in percent …
    pub delta_percent: usize,
    /// … and this many rows on top, so that small buckets are not rebuilt for every change.
    pub delta_slack_rows: usize,
    /// When there are this many ranges of deltas, half as many neighbours, those with the fewest rows, are merged into one.
    pub delta_ranges: usize,
}

impl Default for SealRules {
    fn default() -> Self {
        Self { segment_rows: 16_384, delta_percent: 50, delta_slack_rows: 1_000, delta_ranges: 32 }
    }
}

/// A bucket could not be sealed; its changes stay in the log and are sealed next time.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A segment could not be written.
    #[error("a segment of {bucket}: {cause}")]
    Segment {
        /// Of which bucket.
        bucket: BucketName,
        /// Why.
        cause: SegmentError,
    },
    /// The stored manifest cannot be read.
    #[error("the manifest of {bucket}: {cause}")]
    Manifest {
        /// Of which bucket.
        bucket: BucketName,
        /// Why.
        cause: ManifestError,
    },
    /// The rows do not add up to what the feed says: published, it would make every device fetch in vain.
    #[error("the rows of {bucket} add up to {found:?}, its head says {wanted:?}")]
    State {
        /// Which bucket.
        bucket: BucketName,
        /// Of the rows.
        found: StateSum,
        /// Of the head.
        wanted: StateSum,
    },
}

impl From<SegmentReadError> for SealError {
    fn from(error: SegmentReadError) -> Self {
        match error {
            SegmentReadError::Store(error) => error.into(),
            SegmentReadError::Blobs(error) => error.into(),
        }
    }
}

/// What sealing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// Buckets sealed.
    pub buckets: usize,
    /// Segments written.
    pub segments: usize,
    /// Rows in them, removals too.
    pub rows: u64,
    /// Their length in bytes.
    pub bytes: u64,
}

/// Seals buckets of one database, one at a time each. Cheap to clone; clones stand in the same line.
#[derive(Clone)]
pub struct Sealer {
    store: Store,
    blobs: Blobs,
    rules: SealRules,
    lines: Arc<Mutex<HashMap<(String, BucketName), Line>>>,
}

/// Who holds it seals the bucket; others of this process wait. Another process is seen by the floor.
type Line = Arc<Mutex<()>>;

impl Sealer {
    /// A sealer with the usual rules.
    #[must_use]
    pub fn new(store: Store, blobs: Blobs) -> Self {
        Self::with_rules(store, blobs, SealRules::default())
    }

    /// A sealer with rules of its own.
    #[must_use]
    pub fn with_rules(store: Store, blobs: Blobs, rules: SealRules) -> Self {
        Self { store, blobs, rules, lines: Arc::default() }
    }

    /// Seals whatever has changed, in all parts. Blocks.
    ///
    /// # Errors
    ///
    /// The first [`SealError`]; buckets before it are sealed.
    pub fn seal_all(&self, now: UtcMillis) -> Result<Sealed, SealError> {
        let due = self.store.read(|tx| {
            let mut due = Vec::new();
            for part in part::list(tx)? {
                for bucket in change_log::unsealed(tx, &part.id)? {
                    due.push((part.id.clone(), bucket));
                }
            }
            Ok::<_, StoreError>(due)
        })?;
        let mut sealed = Sealed::default();
        for (part_id, bucket) in due {
            sealed.add(self.seal(&part_id, &bucket, now)?);
            self.forget(&part_id, &bucket)?;
        }
        Ok(sealed)
    }

    /// Seals those of `buckets` that have changed, so that their manifests say all that was committed before the call. Blocks.
    ///
    /// # Errors
    ///
    /// The first [`SealError`]; buckets before it are sealed.
    pub fn seal_due(&self, part_id: &str, buckets: &[BucketName], now: UtcMillis) -> Result<Sealed, SealError> {
        let due = self.store.read(|tx| {
            let mut due = Vec::new();
            for bucket in buckets {
                if change_log::head(tx, part_id, bucket)?.is_some_and(|head| head.head > head.floor) {
                    due.push(bucket);
                }
            }
            Ok::<_, StoreError>(due)
        })?;
        let mut sealed = Sealed::default();
        for bucket in due {
            sealed.add(self.seal(part_id, bucket, now)?);
        }
        Ok(sealed)
    }

    /// Seals one bucket up to its present head; nothing if it is sealed already.
    fn seal(&self, part_id: &str, bucket: &BucketName, now: UtcMillis) -> Result<Sealed, SealError> {
        let line = self.line(part_id, bucket);
        let _turn = line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut base = Base::OfChangedRanges;
        loop {
            let draft = match self.store.read(|tx| draft(tx, &self.rules, &self.blobs, part_id, bucket, base)) {
                Ok(Some(draft)) => draft,
                Ok(None) => return Ok(Sealed::default()),
                Err(SealError::State { .. }) if base == Base::OfChangedRanges => {
                    self.put_right(part_id, bucket)?;
                    base = Base::Whole;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if self.store.write(|tx| publish(tx, &self.blobs, part_id, &draft, now))? {
                return Ok(draft.sealed());
            }
            // Another process sealed it first. What it left to do is found by looking again; its floor only rises, so this ends.
        }
    }

    /// Forgets what is left of the sealed changes, in slices, so that nobody waits long for the writer. Not for who waits for an answer: a
    /// publication forgets a slice itself, and what is left is nobody's hurry.
    fn forget(&self, part_id: &str, bucket: &BucketName) -> Result<(), StoreError> {
        let is_left = |tx: &Transaction<'_>| change_log::has_sealed(tx, part_id, bucket);
        while self.store.read(is_left)? {
            self.store.write(|tx| change_log::forget(tx, part_id, bucket, FORGOTTEN_AT_ONCE))?;
            std::thread::sleep(BREATH);
        }
        Ok(())
    }

    /// Compares a bucket's head with its rows, and makes both right if they differ: row hashes from their values, the head from the hashes, a
    /// new base from the rows. Blocks.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn repair(&self, part_id: &str, bucket: &BucketName, now: UtcMillis) -> Result<Repaired, SealError> {
        let differs = self.store.read(|tx| {
            let (state, wrong) = rehashed(tx, part_id, bucket)?;
            let said = change_log::head(tx, part_id, bucket)?.map(|head| head.state).unwrap_or_default();
            Ok::<_, StoreError>(state != said || !wrong.is_empty())
        })?;
        if !differs {
            return Ok(Repaired::default());
        }
        let line = self.line(part_id, bucket);
        let _turn = line.lock().unwrap_or_else(PoisonError::into_inner);
        let repaired = self.put_right(part_id, bucket)?;
        loop {
            let Some(draft) = self.store.read(|tx| draft(tx, &self.rules, &self.blobs, part_id, bucket, Base::Whole))? else {
                return Ok(repaired);
            };
            if self.store.write(|tx| publish(tx, &self.blobs, part_id, &draft, now))? {
                self.forget(part_id, bucket)?;
                return Ok(repaired);
            }
        }
    }

    /// Makes the hashes of the rows and the head's state right. The caller makes a new base.
    fn put_right(&self, part_id: &str, bucket: &BucketName) -> Result<Repaired, SealError> {
        let repaired = self.store.write(|tx| {
            let (state, wrong) = rehashed(tx, part_id, bucket)?;
            for wrong in &wrong {
                rows::set_hash(tx, part_id, wrong)?;
            }
            let said = change_log::head(tx, part_id, bucket)?.map(|head| head.state).unwrap_or_default();
            change_log::restate(tx, part_id, bucket, state)?;
            Ok::<_, StoreError>(Repaired { head_was_wrong: state != said, wrong_hashes: wrong.len(), rows: state.rows, is_repaired: true })
        })?;
        metrics::counter!("polevik_feed_repairs_total").increment(1);
        tracing::error!(
            part_id,
            %bucket,
            head_was_wrong = repaired.head_was_wrong,
            wrong_hashes = repaired.wrong_hashes,
            rows = repaired.rows,
            "the rows of a bucket did not add up to its head; both were put right"
        );
        Ok(repaired)
    }

    fn line(&self, part_id: &str, bucket: &BucketName) -> Line {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry((part_id.to_owned(), bucket.clone())).or_default())
    }
}

/// Rows of the log that are forgotten in one transaction: a few milliseconds.
pub(super) const FORGOTTEN_AT_ONCE: u32 = 2_000;

/// Between such transactions, so that who waits for the writer gets it.
const BREATH: Duration = Duration::from_millis(3);

fn rehashed(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName) -> Result<(StateSum, Vec<rows::WrongHash>), StoreError> {
    let part = part::load(tx, part_id)?;
    rows::rehash(tx, part_id, bucket, &mut RowHasher::new(part.hash_key))
}

/// What a repair came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Something was wrong, and is right now.
    pub is_repaired: bool,
    /// The head did not say what the rows add up to.
    pub head_was_wrong: bool,
    /// Rows whose stored hash was not that of their values.
    pub wrong_hashes: usize,
    /// Rows of the bucket.
    pub rows: u64,
}

/// Of what a new base is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Of ranges in which rows changed; the others keep their segments.
    OfChangedRanges,
    /// Of everything: what was sealed before is not trusted.
    Whole,
}

impl Sealed {
    fn add(&mut self, other: Self) {
        self.buckets += other.buckets;
        self.segments += other.segments;
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

/// A manifest that is ready, and the segments it has more than the one before.
struct Draft {
    floor: ChangeNo,
    manifest: Manifest,
    segments: Vec<StoredSegment>,
    /// What the manifest before named and this one does not.
    superseded: Vec<Blake3Hex>,
}

impl Draft {
    fn sealed(&self) -> Sealed {
        Sealed {
            buckets: 1,
            segments: self.segments.len(),
            rows: self.segments.iter().map(|segment| segment.row_count).sum(),
            bytes: self.segments.iter().map(|segment| segment.byte_count).sum(),
        }
    }
}

/// Publishes a draft in one transaction. Gives `false`, and changes nothing, if the bucket was sealed by another since the draft was read, or if
/// a blob it names was swept away meanwhile as one that nobody named.
fn publish(tx: &Transaction<'_>, blobs: &Blobs, part_id: &str, draft: &Draft, now: UtcMillis) -> Result<bool, SealError> {
    let bucket = &draft.manifest.bucket;
    // Blobs are removed only by who holds the writer, as we do now: what is there stays.
    for segment in draft.segments.iter().filter(|segment| segment.body.is_none()) {
        if !blobs.has_segment(&segment.hash)? {
            return Ok(false);
        }
    }
    if !change_log::raise_floor(tx, part_id, bucket, draft.floor, draft.manifest.head)? {
        return Ok(false);
    }
    for segment in &draft.segments {
        segments::add(tx, part_id, segment, now)?;
    }
    segments::supersede(tx, part_id, &draft.superseded, now)?;
    let (body, hash) = draft.manifest.seal();
    manifests::replace(tx, part_id, bucket, &StoredManifest { head: draft.manifest.head, hash, body }, now)?;
    change_log::forget(tx, part_id, bucket, FORGOTTEN_AT_ONCE)?;
    Ok(true)
}

/// Reads one snapshot and makes the segments; `None` if nothing has changed since the last seal.
fn draft(
    tx: &Transaction<'_>,
    rules: &SealRules,
    blobs: &Blobs,
    part_id: &str,
    bucket: &BucketName,
    base: Base,
) -> Result<Option<Draft>, SealError> {
    let Some(head) = change_log::head(tx, part_id, bucket)? else { return Ok(None) };
    if head.head == head.floor {
        return Ok(None);
    }
    let part = part::load(tx, part_id)?;
    let mut drafter = Drafter { tx, rules, blobs, part: &part, bucket, segments: Vec::new() };
    let former = manifests::find(tx, part_id, bucket)?
        .map(|stored| Manifest::open(&stored.body, &stored.hash))
        .transpose()
        .map_err(|cause| SealError::Manifest { bucket: bucket.clone(), cause })?;
    let former_names: BTreeSet<Blake3Hex> = former.iter().flat_map(Manifest::segments).map(|info| info.hash.clone()).collect();
    let manifest = match former {
        Some(former) if base == Base::OfChangedRanges => drafter.next(former, &head)?,
        _ => drafter.base(&head, head.head, Vec::new(), None)?,
    };
    let names: BTreeSet<&Blake3Hex> = manifest.segments().map(|info| &info.hash).collect();
    let superseded = former_names.iter().filter(|name| !names.contains(name)).cloned().collect();
    let segments = drafter.segments;
    Ok(Some(Draft { floor: head.floor, manifest, segments, superseded }))
}

fn rows_in(segments: &[SegmentInfo]) -> usize {
    segments.iter().map(|segment| usize::try_from(segment.rows).unwrap_or(usize::MAX)).sum()
}

/// Rows that changed since some moment.
type Touched = BTreeSet<(TableId, i64)>;

/// Every key.
const ALL_KEYS: (i64, i64) = (i64::MIN, i64::MAX);

/// A stretch of a table's keys on its way into a new base.
enum Piece {
    /// A segment that stays as it is.
    Kept(SegmentInfo),
    /// A range of which segments are made, with its keys.
    Made((i64, i64), Vec<i64>),
}

/// Pieces that still tile all keys: what lost its last row is taken over by a neighbour, and neighbours that are made anew and have become
/// small are made as one.
fn tiled(pieces: Vec<Piece>, segment_rows: usize) -> Vec<Piece> {
    let mut tiled: Vec<Piece> = Vec::with_capacity(pieces.len());
    // A stretch without rows at the front waits for the first piece with some.
    let mut front = None;
    for piece in pieces {
        match (tiled.last_mut(), piece) {
            (None, Piece::Made((lo, _), keys)) if keys.is_empty() => front = front.or(Some(lo)),
            (Some(Piece::Kept(info)), Piece::Made((_, hi), keys)) if keys.is_empty() => {
                if let Some(range) = &mut info.range {
                    range.hi = hi;
                }
            }
            (Some(Piece::Made(before, held)), Piece::Made((_, hi), keys))
                if held.len() + keys.len() <= segment_rows / 2 || keys.is_empty() =>
            {
                before.1 = hi;
                held.extend(keys);
            }
            (_, piece) => tiled.push(piece),
        }
    }
    if let Some(lo) = front {
        match tiled.first_mut() {
            Some(Piece::Made(range, _)) => range.0 = lo,
            Some(Piece::Kept(SegmentInfo { range: Some(range), .. })) => range.lo = lo,
            _ => {}
        }
    }
    tiled
}

/// Of `count` neighbouring deltas those with the fewest rows together.
fn cheapest_neighbours(deltas: &[DeltaInfo], count: usize) -> Range<usize> {
    let rows: Vec<usize> = deltas.iter().map(|delta| rows_in(&delta.segments)).collect();
    let count = count.min(rows.len());
    // Of equal ones the oldest: what changed lately is likely to change again.
    let start = (0..=rows.len() - count).min_by_key(|start| rows[*start..start + count].iter().sum::<usize>()).unwrap_or(0);
    start..start + count
}

/// How many times as many rows the later deltas may have for a merge to look which of its rows they speak of.
const LOOKED_INTO_TIMES: usize = 4;

/// Makes the segments of one bucket out of one snapshot.
struct Drafter<'a> {
    tx: &'a Transaction<'a>,
    rules: &'a SealRules,
    blobs: &'a Blobs,
    part: &'a Part,
    bucket: &'a BucketName,
    segments: Vec<StoredSegment>,
}

/// Of the rows that deltas may have before a new base is made, the share that stays beside the new base: one in so many.
const KEPT_SHARE: usize = 4;

impl Drafter<'_> {
    /// The manifest after `former`.
    fn next(&mut self, former: Manifest, head: &Head) -> Result<Manifest, SealError> {
        let changed = change_log::changed_rows(self.tx, &self.part.id, self.bucket, head.floor, head.head)?;
        let changed = if polevik_planted::is(polevik_planted::Bug::LastChangeNotSealed) { changed[1..].to_vec() } else { changed };
        let most_rows = rows_in(&former.base) * self.rules.delta_percent / 100 + self.rules.delta_slack_rows;
        let delta_rows = former.deltas.iter().map(|delta| rows_in(&delta.segments)).sum::<usize>() + changed.len();
        if delta_rows <= most_rows {
            return self.delta(former, head, &changed);
        }
        let mut touched = self.rows_of(&former.deltas)?;
        touched.extend(&changed);
        // The newest deltas stay as long as they are few rows against the base.
        let mut room = most_rows / KEPT_SHARE;
        let mut kept = Vec::new();
        if changed.len() <= room {
            room -= changed.len();
            kept.push(self.delta_info((head.floor, head.head), &changed)?);
            for delta in former.deltas.into_iter().rev() {
                let rows = rows_in(&delta.segments);
                if rows > room {
                    break;
                }
                room -= rows;
                kept.push(delta);
            }
            kept.reverse();
        }
        let base_as_of = kept.first().map_or(head.head, |oldest| oldest.after);
        self.base(head, base_as_of, kept, Some((&former.base, &touched)))
    }

    /// All rows the bucket holds, and the deltas after `base_as_of` that stay beside them. Of `former` base segments those stay in whose range no
    /// row was touched since they were made.
    fn base(
        &mut self,
        head: &Head,
        base_as_of: ChangeNo,
        deltas: Vec<DeltaInfo>,
        former: Option<(&[SegmentInfo], &Touched)>,
    ) -> Result<Manifest, SealError> {
        let mut base = Vec::new();
        for table in TABLES.iter().copied() {
            let pieces = match former {
                Some((former, touched)) => self.pieces(table, former, touched)?,
                None => vec![Piece::Made((i64::MIN, i64::MAX), rows::keys(self.tx, &self.part.id, table, self.bucket, ALL_KEYS)?)],
            };
            for piece in tiled(pieces, self.rules.segment_rows) {
                match piece {
                    Piece::Kept(info) => base.push(info),
                    Piece::Made(within, keys) => {
                        for range in ranges_within(within, &keys, self.rules.segment_rows) {
                            base.push(self.base_segment(table, range)?);
                        }
                    }
                }
            }
        }
        let found = base.iter().filter_map(|info| info.range.as_ref()).fold(StateSum::default(), |sum, range| sum.combine(range.state));
        if found != head.state {
            return Err(SealError::State { bucket: self.bucket.clone(), found, wanted: head.state });
        }
        Ok(Manifest { bucket: self.bucket.clone(), schema: SCHEMA, head: head.head, state: head.state, base_as_of, base, deltas })
    }

    /// The ranges of a table's former base: kept where no row was touched, and otherwise with the keys they have now.
    fn pieces(&self, table: &TableDef, former: &[SegmentInfo], touched: &Touched) -> Result<Vec<Piece>, SealError> {
        let is_touched = |(lo, hi): (i64, i64)| touched.range((table.id, lo)..=(table.id, hi)).next().is_some();
        let keys = |range| rows::keys(self.tx, &self.part.id, table, self.bucket, range);
        let mut pieces = Vec::new();
        for info in former.iter().filter(|info| info.table == table.id) {
            let range = info.range.as_ref().map_or(ALL_KEYS, |range| (range.lo, range.hi));
            pieces.push(if is_touched(range) { Piece::Made(range, keys(range)?) } else { Piece::Kept(info.clone()) });
        }
        if pieces.is_empty() && is_touched(ALL_KEYS) {
            pieces.push(Piece::Made(ALL_KEYS, keys(ALL_KEYS)?));
        }
        Ok(pieces)
    }

    fn base_segment(&mut self, table: &'static TableDef, (lo, hi): (i64, i64)) -> Result<SegmentInfo, SealError> {
        let mut writer = SegmentWriter::new(SegmentKind::Base, table, self.part.hash_key);
        rows::visit_range(self.tx, &self.part.id, table, self.bucket, (lo, hi), |pk, values| {
            writer.put(pk, values);
            Ok::<_, StoreError>(())
        })?;
        let state = writer.state();
        let info = self.finish(writer, table, SegmentKind::Base, (ChangeNo(0), ChangeNo(0)))?;
        Ok(SegmentInfo { range: Some(BaseRange { lo, hi, state }), ..info })
    }

    /// `former` with one delta more.
    fn delta(&mut self, former: Manifest, head: &Head, changed: &[(TableId, i64)]) -> Result<Manifest, SealError> {
        let mut manifest = former;
        let most = self.rules.delta_ranges.max(2);
        if manifest.deltas.len() >= most {
            let window = cheapest_neighbours(&manifest.deltas, (most / 2).max(2));
            let merged = self.merged(&manifest.deltas[window.clone()], &manifest.deltas[window.end..], changed)?;
            manifest.deltas.splice(window, merged);
        }
        manifest.schema = SCHEMA;
        manifest.head = head.head;
        manifest.state = head.state;
        manifest.deltas.push(self.delta_info((head.floor, head.head), changed)?);
        Ok(manifest)
    }

    /// One delta in place of `older`; rows that `newer` deltas or `changed` speak of are left to these, if these are not much larger. `None` if
    /// there are none.
    fn merged(&mut self, older: &[DeltaInfo], newer: &[DeltaInfo], changed: &[(TableId, i64)]) -> Result<Option<DeltaInfo>, SealError> {
        let (Some(first), Some(last)) = (older.first(), older.last()) else { return Ok(None) };
        let mut rows = self.rows_of(older)?;
        rows.retain(|row| changed.binary_search(row).is_err());
        // Looking into much larger ones would cost more than saying a few rows twice.
        let newer_rows: usize = newer.iter().map(|delta| rows_in(&delta.segments)).sum();
        if newer_rows <= rows.len() * LOOKED_INTO_TIMES + self.rules.delta_ranges {
            let later = self.rows_of(newer)?;
            rows.retain(|row| !later.contains(row));
        }
        // As they are now: a row that changed since is told again by a later delta.
        let rows: Vec<_> = rows.into_iter().collect();
        self.delta_info((first.after, last.to), &rows).map(Some)
    }

    /// Which rows some deltas speak of.
    fn rows_of(&self, deltas: &[DeltaInfo]) -> Result<Touched, SealError> {
        let mut rows = BTreeSet::new();
        for info in deltas.iter().flat_map(|delta| &delta.segments) {
            let bytes = segment_bytes(self.tx, self.blobs, &self.part.id, &info.hash)?
                .ok_or(StoreError::Corrupt("a manifest names a segment that is not there"))?;
            let segment = Segment::read(&bytes).map_err(|cause| SealError::Segment { bucket: self.bucket.clone(), cause })?;
            rows.extend(segment.rows().map(|(pk, _, _)| (info.table, pk)));
        }
        Ok(rows)
    }

    /// The rows as they are now, sorted by table and key; a row that is gone or elsewhere is a removal.
    fn delta_info(&mut self, (after, to): (ChangeNo, ChangeNo), rows: &[(TableId, i64)]) -> Result<DeltaInfo, SealError> {
        let mut delta = DeltaInfo { after, to, segments: Vec::new() };
        for of_table in rows.chunk_by(|a, b| a.0 == b.0) {
            let table = TableDef::by_id(of_table[0].0).ok_or(StoreError::Corrupt("change_log.table_id"))?;
            for some in of_table.chunks(self.rules.segment_rows) {
                let mut writer = SegmentWriter::new(SegmentKind::Delta, table, self.part.hash_key);
                for (_, pk) in some {
                    match rows::read(self.tx, &self.part.id, table, *pk)? {
                        Some(found) if found.bucket == *self.bucket => {
                            let values: Vec<_> = found.row.values.iter().map(Value::as_ref).collect();
                            writer.put(*pk, &values);
                        }
                        _ if polevik_planted::is(polevik_planted::Bug::TombstoneDropped) => {}
                        _ => writer.remove(*pk),
                    }
                }
                delta.segments.push(self.finish(writer, table, SegmentKind::Delta, (after, to))?);
            }
        }
        Ok(delta)
    }

    /// Names the finished segment and puts large ones into the blob store; a draft that is dropped leaves them there, harmless.
    fn finish(
        &mut self,
        writer: SegmentWriter,
        table: &TableDef,
        kind: SegmentKind,
        (after, to): (ChangeNo, ChangeNo),
    ) -> Result<SegmentInfo, SealError> {
        let row_count = writer.len() as u64;
        let bytes = writer
            .finish(&self.part.id, self.bucket, SCHEMA, after, to)
            .map_err(|cause| SealError::Segment { bucket: self.bucket.clone(), cause })?;
        let hash = Blake3Hex::of(&bytes);
        let byte_count = bytes.len() as u64;
        let body = if bytes.len() <= MAX_INLINE_SEGMENT_BYTES {
            Some(bytes)
        } else {
            self.blobs.put_segment(&hash, bytes)?;
            None
        };
        let bucket = self.bucket.clone();
        self.segments.push(StoredSegment { hash: hash.clone(), bucket, table: table.id, kind, row_count, byte_count, body });
        Ok(SegmentInfo { hash, table: table.id, rows: row_count, bytes: byte_count, range: None })
    }
}
