//! `POST /v1/sync`: one round trip that carries documents up, and receipts, manifests and small segments down.

use std::collections::BTreeMap;

use polevik_domain::ids::{DeviceId, DocumentId};
use polevik_domain::time::UtcMillis;
use serde::{Deserialize, Serialize};

use crate::bucket::BucketName;
use crate::checksum::StateSum;
use crate::document::{Envelope, Receipt};
use crate::file::LibraryNews;

/// What the device says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SyncRequest {
    /// [`crate::version::PROTOCOL`] of the device.
    pub protocol: u32,
    /// [`crate::version::SCHEMA`] of the device.
    pub schema: u32,
    /// Whether the reply shall carry news of the reference rows.
    #[serde(default)]
    pub want_download: bool,
    /// Name of the root the device has applied, whole or its first [`SHORT_ROOT_DIGITS`] digits; absent before the first download.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Feed epoch the cursors belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Change number applied per bucket. A device that has nothing to send and knows its root leaves them out: the server remembers what
    /// stood in its newest roots, and asks with [`SyncReply::cursors_wanted`] when it does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cursors: BTreeMap<BucketName, u64>,
    /// Whether the device understands [`SyncReply::step`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub steps: bool,
    /// The last `device_seq` the device has given; less than the server has seen of it = the device was restored from a backup or cloned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_seq: Option<u64>,
    /// The highest `device_seq` that was answered; more than the server has seen = the server was restored from a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_seq: Option<u64>,
    /// The recognition library the device has, or has staged: the first [`SHORT_ROOT_DIGITS`] digits of its manifest's name, empty = none.
    /// Absent when it does not want to hear of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// Documents, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Envelope>,
}

/// What the server answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SyncReply {
    /// The server's clock.
    pub server_time_ms: UtcMillis,
    /// One receipt per document of the request, in its order; none for a document the server failed at, which stays in the outbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
    /// News of the reference rows; absent when not asked for, or when the device's root is still the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Download>,
    /// The same news in few bytes, for a device that holds the root before them; instead of `download`, and only if it understands steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// There is news, but the server does not remember the device's root: the device asks again with its cursors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cursors_wanted: bool,
    /// Documents of the request at which the server broke. They have no receipt; the device counts, and sets one aside after three times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<RevisionRef>,
    /// The server has seen less of this device than it was answered: it was restored from a backup. The device offers its answered
    /// documents of the last thirty days again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub re_offer: bool,
    /// The recognition library this device shall have is another than it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<LibraryNews>,
    /// Another installation has gone on under this device's id, or this one was restored from a backup: no document of the request was
    /// taken, and the device goes on under a new id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re_enrol: Option<ReEnrol>,
}

/// How many digits of a root's name are enough to say which root a device holds: 64 bits. It is only compared with roots of one
/// subscription, never used to fetch anything.
pub const SHORT_ROOT_DIGITS: usize = 16;

/// One revision of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionRef {
    /// The document.
    pub id: DocumentId,
    /// Its revision.
    pub revision: u32,
}

/// A new life of a device whose numbers were used twice. Its unanswered documents are numbered anew, from 1.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReEnrol {
    /// Its id from now on.
    pub device_id: DeviceId,
    /// Its token from now on, as in a login; the old one is spent once the new one was used.
    pub token: String,
    /// Prefix of its document numbers from now on. Numbers that were given stay.
    pub number_prefix: String,
}

impl std::fmt::Debug for ReEnrol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReEnrol").field("device_id", &self.device_id).field("number_prefix", &self.number_prefix).finish_non_exhaustive()
    }
}

/// News of few rows. The device holds the root before it; applied, it holds the root named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The first [`SHORT_ROOT_DIGITS`] digits of the new root's name.
    pub root: String,
    /// The buckets that moved on. The list of buckets is the same as before.
    pub buckets: Vec<StepBucket>,
}

/// How one bucket moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBucket {
    /// Which.
    pub name: BucketName,
    /// Its last change number now.
    pub head: u64,
    /// What its rows add up to now.
    pub state: StateSum,
    /// The deltas after the device's cursor in the form of [`crate::segment::to_step_form`], base64, in the order they are applied.
    pub segments: Vec<String>,
}

/// `GET /v1/wait?root=…`: answered when the caller's root is not the newest any more, or after a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitReply {
    /// The server's clock.
    pub server_time_ms: UtcMillis,
    /// Whether there is news to be fetched with `POST /v1/sync`.
    pub changed: bool,
}

/// The query of `GET /v1/wait`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitQuery {
    /// Name of the root the device holds, whole or its first [`SHORT_ROOT_DIGITS`] digits.
    pub root: String,
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
