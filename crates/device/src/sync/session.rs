//! One session of synchronisation: its rows in order, each of which may fail alone.

use std::collections::{BTreeSet, VecDeque};

use polevik_device_api::{RowId, SessionResult};
use polevik_domain::time::UtcMillis;
use polevik_protocol::session_tag::SessionTag;

use crate::error::Failed;
use crate::sync::event::{SessionNo, Wanted};

/// Segments that are fetched at once: enough to fill a slow line, few enough to lose little when it breaks.
pub const FETCHES_AT_ONCE: usize = 4;

/// Where a row stands within the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Not wanted.
    NotAsked,
    /// Wanted.
    Queued,
    /// Under way.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
}

impl Part {
    /// Whether there is still something to do for it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// What the session waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// An exchange with the server, for these rows.
    Exchanging {
        /// Documents up to this number go up; `None` = none.
        documents_up_to: Option<i64>,
        /// News were asked for.
        download: bool,
    },
    /// The plan of a download.
    Planning,
    /// Segments.
    Fetching(Fetching),
    /// The transaction that shows them.
    Applying,
}

/// Segments on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetching {
    /// Not asked for yet.
    pub waiting: VecDeque<Wanted>,
    /// Asked for.
    pub in_flight: usize,
    /// Came damaged once; a second time is a failure.
    pub came_damaged: BTreeSet<String>,
    /// The first failure: nothing more is asked for, what is in flight is awaited.
    pub failed: Option<Failed>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its place among the sessions of this process.
    pub number: SessionNo,
    /// The tag by which people and logs name it.
    pub tag: SessionTag,
    /// When it began, by the device's clock.
    pub started_at: UtcMillis,
    /// Documents up.
    pub upload: Part,
    /// Rows down.
    pub download: Part,
    /// Documents up to this number belong to it: what was queued when it was asked for.
    pub outbox_end: i64,
    /// Documents and news go in requests of their own, because one request for both failed.
    pub separate: bool,
    /// Buckets that did not add up are being fetched anew; it is done once.
    pub repairs: bool,
    /// What it waits for.
    pub phase: Phase,
    /// Documents answered.
    pub sent: u64,
    /// Rows applied.
    pub received: u64,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
}

impl Session {
    /// The part of a row.
    pub fn part(&mut self, row: RowId) -> &mut Part {
        match row {
            RowId::UploadMandatory => &mut self.upload,
            RowId::DownloadMandatory => &mut self.download,
        }
    }

    /// How it ended, once no part is open.
    #[must_use]
    pub fn result(&self) -> SessionResult {
        let parts = [self.upload, self.download];
        let (succeeded, failed) = (parts.contains(&Part::Succeeded), parts.contains(&Part::Failed));
        match (succeeded, failed) {
            (_, false) => SessionResult::Success,
            (true, true) => SessionResult::Partial,
            (false, true) => SessionResult::Failed,
        }
    }
}
