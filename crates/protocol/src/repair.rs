//! `POST /v1/repair` and `POST /v1/backfill`: finding the few rows that are wrong or lack a column, instead of fetching a bucket anew.
//!
//! A device whose rows do not add up cuts each table of the bucket into ranges of keys and tells what it holds of each. The server compares
//! with its own rows as of the same change number: of ranges that differ it sends the rows if they are few, and otherwise asks for narrower
//! ranges. So a flipped bit costs two requests and a few hundred rows, whatever the size of the bucket.

use polevik_domain::time::UtcMillis;
use serde::{Deserialize, Serialize};

use crate::bucket::BucketName;
use crate::checksum::StateSum;
use crate::rows::TableId;

/// Most ranges of one request.
pub const MAX_REPAIR_RANGES: usize = 256;

/// Most rows of the office in a range that is sent at once; a range with more is to be cut narrower.
pub const MAX_REPAIR_ROWS: u64 = 1_024;

/// Most rows sent in one reply; further ranges are named as to be asked for again.
pub const MAX_REPAIR_REPLY_ROWS: u64 = 16_384;

/// A range of keys of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyRange {
    /// The table.
    pub table: TableId,
    /// First key, inclusive.
    pub lo: i64,
    /// Last key, inclusive.
    pub hi: i64,
}

/// What a device holds of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRange {
    /// The range.
    #[serde(flatten)]
    pub range: KeyRange,
    /// The rows of the bucket in it, with hashes made anew from their values.
    pub state: StateSum,
}

/// What the device says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRequest {
    /// [`crate::version::PROTOCOL`] of the device.
    pub protocol: u32,
    /// [`crate::version::SCHEMA`] of the device.
    pub schema: u32,
    /// Feed epoch the cursor belongs to.
    pub epoch: String,
    /// The bucket.
    pub bucket: BucketName,
    /// Change number up to which the device has applied it.
    pub cursor: u64,
    /// Ranges that together speak of all keys of every table, or the narrower ones that were asked for; at most [`MAX_REPAIR_RANGES`].
    pub ranges: Vec<HeldRange>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairReply {
    /// The server's clock.
    pub server_time_ms: UtcMillis,
    /// The bucket's change number. Another than the device's cursor, or another epoch: nothing else is said, and the device fetches news first.
    pub head: u64,
    /// What the rows of the bucket add up to.
    pub state: StateSum,
    /// Ranges that differ, with their rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repaired: Vec<RepairedRange>,
    /// Ranges that differ and hold more than is sent at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrower: Vec<KeyRange>,
}

/// A range with its rows: a row of the bucket in the range that is not in the segment is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairedRange {
    /// The range.
    #[serde(flatten)]
    pub range: KeyRange,
    /// A base segment, base64.
    pub segment: String,
}

/// Most rows of one backfill reply.
pub const MAX_BACKFILL_ROWS: u64 = 16_384;

/// A device that learned new columns of a table asks for these alone, bucket by bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillRequest {
    /// [`crate::version::PROTOCOL`] of the device.
    pub protocol: u32,
    /// Feed epoch the cursor belongs to.
    pub epoch: String,
    /// The bucket.
    pub bucket: BucketName,
    /// Change number up to which the device has applied it.
    pub cursor: u64,
    /// The table.
    pub table: TableId,
    /// Numbers of the columns, rising.
    pub columns: Vec<u16>,
    /// Rows after this key; absent = from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
}

/// The rows of the bucket that have a value in one of the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillReply {
    /// The server's clock.
    pub server_time_ms: UtcMillis,
    /// The bucket's change number. Another than the device's cursor, or another epoch: nothing else is said, and the device fetches news first.
    pub head: u64,
    /// A base segment with only these columns, base64; absent if no row is left. The state in its header speaks of these columns alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The key to go on after; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}
