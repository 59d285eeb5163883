//! What is new for a device: nothing, a step of few rows, or the root with the manifests it lacks and small segments right in the reply.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::manifest::{Blake3Hex, SegmentInfo};
use polevik_protocol::segment::to_step_form;
use polevik_protocol::sync::{Download, Step, StepBucket};
use polevik_protocol::version::MAX_INLINE_BYTES;
use polevik_server_store::StoreError;

use super::entitlement::KnownKinds;
use crate::app::App;
use crate::error::HttpError;
use crate::feed::announcements::{AnnounceError, Announced, SealedBucket};
use crate::feed::download::{SegmentReadError, segment_bytes};
use crate::feed::seal::SealError;

/// How far a device says it is.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Name of the root it has applied, whole or its first digits; `None` before the first download, or when everything shall be told anew.
    pub root: Option<String>,
    /// Epoch its cursors belong to.
    pub epoch: Option<String>,
    /// Change number applied per bucket; empty = it trusts that the server remembers its root.
    pub cursors: BTreeMap<BucketName, u64>,
    /// Whether it understands a step.
    pub steps: bool,
    /// Which kinds of buckets it knows.
    pub known: KnownKinds,
}

/// What a device is told.
#[derive(Debug, Clone)]
pub enum News {
    /// Its root is the newest.
    Nothing,
    /// Something, but its root is not remembered: it asks again with its cursors.
    CursorsWanted,
    /// Few rows, on top of the root it holds.
    Step(Step),
    /// A root, and what it takes to get there.
    Download(Download),
}

/// How far it is in which bucket, of those that count in this epoch.
type Held = BTreeMap<BucketName, ChangeNo>;

/// Seals what is due in the scope's buckets, and tells what a device at `standing` lacks. Blocks.
///
/// When nothing was written since the last answer to the same scope, the database is not read.
///
/// # Errors
///
/// When the database or the blob store refuses.
pub fn news_for(app: &App, scope: &Scope, standing: &Standing, now: UtcMillis) -> Result<News, HttpError> {
    let announced = app.announcements.newest(&app.store, &app.sealer, scope, standing.known, now)?;
    let Some(root) = &standing.root else { return download(app, scope, &announced, &Held::new()).map(News::Download) };
    if announced.is(root) {
        return Ok(News::Nothing);
    }
    let held: Held = if standing.cursors.is_empty() {
        let Some(remembered) = app.announcements.remembered(&scope.part_id, root) else { return Ok(News::CursorsWanted) };
        let counts = remembered.epoch == announced.epoch;
        remembered.heads().filter(|_| counts).map(|(name, head)| (name.clone(), head)).collect()
    } else {
        let counts = standing.epoch.as_deref() == Some(announced.epoch.as_str());
        standing.cursors.iter().filter(|_| counts).map(|(name, cursor)| (name.clone(), ChangeNo(*cursor))).collect()
    };
    if standing.steps
        && let Some(moved) = steps(&announced, &held)
    {
        return step(app, scope, &announced, &moved).map(News::Step);
    }
    download(app, scope, &announced, &held).map(News::Download)
}

/// A bucket that moved, with the small segments a device still needs.
type Moved<'a> = (&'a Arc<SealedBucket>, Vec<&'a SegmentInfo>);

/// The buckets that moved, if the device can follow in one step: it has the same buckets, needs no base, and the segments fit into a reply.
fn steps<'a>(announced: &'a Announced, held: &Held) -> Option<Vec<Moved<'a>>> {
    if held.len() != announced.buckets.len() {
        return None;
    }
    let mut room = u64::try_from(MAX_INLINE_BYTES).unwrap_or(u64::MAX);
    let mut moved = Vec::new();
    for bucket in &announced.buckets {
        let cursor = *held.get(bucket.name())?;
        if cursor == bucket.head() {
            continue;
        }
        let plan = bucket.manifest.plan(cursor);
        if plan.rebase {
            return None;
        }
        let segments: Vec<&SegmentInfo> = plan.segments().collect();
        for segment in &segments {
            room = room.checked_sub(segment.bytes)?;
        }
        moved.push((bucket, segments));
    }
    Some(moved)
}

fn step(app: &App, scope: &Scope, announced: &Announced, moved: &[Moved<'_>]) -> Result<Step, HttpError> {
    let buckets = moved
        .iter()
        .map(|(bucket, infos)| {
            let hashes: Vec<&Blake3Hex> = infos.iter().map(|info| &info.hash).collect();
            Ok(StepBucket {
                name: bucket.name().clone(),
                head: bucket.head().0,
                state: bucket.manifest.state,
                segments: inline(app, &scope.part_id, &hashes, |segment| to_step_form(&segment).map_err(HttpError::internal))?,
            })
        })
        .collect::<Result<_, HttpError>>()?;
    Ok(Step { root: announced.short_root().to_owned(), buckets })
}

fn download(app: &App, scope: &Scope, announced: &Announced, held: &Held) -> Result<Download, HttpError> {
    let lacking: Vec<&Arc<SealedBucket>> =
        announced.buckets.iter().filter(|bucket| held.get(bucket.name()) != Some(&bucket.head())).collect();
    let hashes = inlined(&lacking, held);
    Ok(Download {
        root: announced.root.clone(),
        manifests: lacking.iter().map(|bucket| bucket.body.clone()).collect(),
        segments: inline(app, &scope.part_id, &hashes, Ok)?,
    })
}

/// The segments the device needs that fit into the reply: bucket by bucket as they stand, urgent first, in each the smallest first.
fn inlined<'a>(lacking: &[&'a Arc<SealedBucket>], held: &Held) -> Vec<&'a Blake3Hex> {
    let mut room = u64::try_from(MAX_INLINE_BYTES).unwrap_or(u64::MAX);
    let mut taken = Vec::new();
    for urgent_as_one in lacking.chunk_by(|a, b| a.name().kind().priority() == b.name().kind().priority()) {
        let mut wanted: Vec<&SegmentInfo> = Vec::new();
        for bucket in urgent_as_one {
            let cursor = held.get(bucket.name()).copied().unwrap_or_default();
            wanted.extend(bucket.manifest.plan(cursor).segments());
        }
        wanted.sort_by_key(|segment| segment.bytes);
        for segment in wanted {
            // They rise, so the first that does not fit is followed by none that does.
            let Some(rest) = room.checked_sub(segment.bytes) else { break };
            room = rest;
            taken.push(&segment.hash);
        }
    }
    taken
}

/// Segments as text, for a reply; `form` is what they ride in.
fn inline(
    app: &App,
    part_id: &str,
    hashes: &[&Blake3Hex],
    form: impl Fn(Vec<u8>) -> Result<Vec<u8>, HttpError>,
) -> Result<Vec<String>, HttpError> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    app.store.read(|tx| {
        let mut texts = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let bytes = segment_bytes(tx, &app.blobs, part_id, hash)?
                .ok_or_else(|| HttpError::internal("a manifest names a segment that is not there"))
                .and_then(&form)?;
            metrics::counter!("polevik_segment_bytes_total", "road" => "inline").increment(u64::try_from(bytes.len()).unwrap_or(0));
            texts.push(STANDARD.encode(bytes));
        }
        Ok(texts)
    })
}

impl From<AnnounceError> for HttpError {
    fn from(error: AnnounceError) -> Self {
        match error {
            AnnounceError::Store(error) => error.into(),
            AnnounceError::Seal(error) => error.into(),
        }
    }
}

impl From<SealError> for HttpError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<SegmentReadError> for HttpError {
    fn from(error: SegmentReadError) -> Self {
        match error {
            SegmentReadError::Store(error) => StoreError::into(error),
            SegmentReadError::Blobs(error) => Self::internal(error),
        }
    }
}
