//! `POST /v1/sync`: one round trip that carries documents up, and receipts, manifests and small segments down.

use std::collections::BTreeMap;

use polevik_domain::time::UtcMillis;
use serde::{Deserialize, Serialize};

use crate::bucket::BucketName;
use crate::document::{Envelope, Receipt};

/// What the device says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncRequest {
    /// [`crate::version::PROTOCOL`] of the device.
    pub protocol: u32,
    /// [`crate::version::SCHEMA`] of the device.
    pub schema: u32,
    /// Whether the reply shall carry news of the reference rows.
    #[serde(default)]
    pub want_download: bool,
    /// Hash of the root the device has applied; absent before the first download.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Feed epoch the cursors belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Change number applied per bucket.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cursors: BTreeMap<BucketName, u64>,
    /// Documents, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Envelope>,
}

/// What the server answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncReply {
    /// The server's clock.
    pub server_time_ms: UtcMillis,
    /// One receipt per document of the request, in its order; none for a document the server failed at, which stays in the outbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
    /// News of the reference rows; absent when not asked for, or when the device's root is still the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Download>,
}

/// News of the reference rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Download {
    /// The root's JSON bytes as text; its BLAKE3 is its name ([`crate::manifest::Root`]).
    pub root: String,
    /// Manifests' JSON bytes as text, of the buckets whose head differs from the device's cursor; named in the root by their BLAKE3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
    /// Small segments, base64, so that a small change costs no further request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
}
