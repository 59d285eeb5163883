//! What is new for a device: the root, the manifests it lacks, and small segments right in the reply.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::manifest::{Blake3Hex, Manifest, SegmentInfo};
use polevik_protocol::sync::Download;
use polevik_protocol::version::MAX_INLINE_BYTES;
use polevik_server_store::StoreError;

use super::entitlement::buckets_of;
use crate::app::App;
use crate::error::HttpError;
use crate::feed::download::{Announcement, SegmentReadError, announce, segment_bytes};
use crate::feed::seal::SealError;

/// How far a device says it is.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Hash of the root it has applied.
    pub root: Option<String>,
    /// Epoch its cursors belong to.
    pub epoch: Option<String>,
    /// Change number applied per bucket.
    pub cursors: BTreeMap<BucketName, u64>,
}

impl Standing {
    /// How far it is in a bucket; `None` if it has nothing of it that counts in this epoch.
    fn cursor(&self, epoch: &str, bucket: &BucketName) -> Option<ChangeNo> {
        let counts = self.root.is_some() && self.epoch.as_deref() == Some(epoch);
        self.cursors.get(bucket).filter(|_| counts).map(|number| ChangeNo(*number))
    }
}

/// Seals what is due in the scope's buckets, and tells what a device at `standing` lacks; `None` if nothing. Blocks.
///
/// # Errors
///
/// When the database or the blob store refuses.
pub fn news_for(app: &App, scope: &Scope, standing: &Standing, now: UtcMillis) -> Result<Option<Download>, HttpError> {
    let buckets = app.store.read(|tx| buckets_of(tx, scope))?;
    let sealed = app.sealer.seal_due(&scope.part_id, &buckets, now)?;
    metrics::counter!("polevik_sealed_buckets_total").increment(u64::try_from(sealed.buckets).unwrap_or(0));
    app.store.read(|tx| {
        let announced = announce(tx, &scope.part_id, &buckets)?;
        if standing.root.as_deref() == Some(announced.hash.as_str()) {
            return Ok(None);
        }
        let lacking = lacking(&announced, standing);
        let mut segments = Vec::new();
        for info in inlined(&lacking, standing, &announced.epoch)? {
            let bytes = segment_bytes(tx, &app.blobs, &scope.part_id, &info)?
                .ok_or_else(|| HttpError::internal("a manifest names a segment that is not there"))?;
            metrics::counter!("polevik_segment_bytes_total", "road" => "inline").increment(u64::try_from(bytes.len()).unwrap_or(0));
            segments.push(STANDARD.encode(bytes));
        }
        let manifests = lacking.into_iter().map(|(_, text)| text).collect();
        Ok(Some(Download { root: announced.root, manifests, segments }))
    })
}

/// The manifests of buckets where the device is not at the head, urgent ones first.
fn lacking(announced: &Announcement, standing: &Standing) -> Vec<(BucketName, String)> {
    announced
        .manifests
        .iter()
        .filter(|(bucket, manifest)| standing.cursor(&announced.epoch, bucket) != Some(manifest.head))
        .map(|(bucket, manifest)| (bucket.clone(), manifest.body.clone()))
        .collect()
}

/// The segments the device needs that fit into the reply: bucket by bucket as they stand, urgent first, in each the smallest first.
fn inlined(lacking: &[(BucketName, String)], standing: &Standing, epoch: &str) -> Result<Vec<Blake3Hex>, HttpError> {
    let mut room = u64::try_from(MAX_INLINE_BYTES).unwrap_or(u64::MAX);
    let mut taken = Vec::new();
    for priority in 0..=2 {
        let mut wanted: Vec<SegmentInfo> = Vec::new();
        for (bucket, text) in lacking.iter().filter(|(bucket, _)| bucket.kind().priority() == priority) {
            let manifest: Manifest =
                serde_json::from_str(text).map_err(|error| HttpError::internal(format!("manifest of {bucket}: {error}")))?;
            let cursor = standing.cursor(epoch, bucket).unwrap_or_default();
            wanted.extend(manifest.plan(cursor).segments().cloned());
        }
        wanted.sort_by_key(|segment| segment.bytes);
        for segment in wanted {
            // They rise, so the first that does not fit is followed by none that does.
            let Some(rest) = room.checked_sub(segment.bytes) else { break };
            room = rest;
            taken.push(segment.hash);
        }
    }
    Ok(taken)
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
