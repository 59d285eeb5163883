//! One session of synchronisation: its rows in order, each of which may fail alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use polevik_device_api::{Direction, RowId, SessionResult};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::session_tag::SessionTag;

use crate::error::Failed;
use crate::sync::event::{SessionNo, Wanted};
use crate::sync::rules::ORDER;

/// Segments that are fetched at once: enough to fill a slow line, few enough to lose little when it breaks.
pub const FETCHES_AT_ONCE: usize = 4;

/// Where a row stands within the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Not wanted.
    #[default]
    NotAsked,
    /// Wanted.
    Queued,
    /// Under way.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// Some of its files cannot be moved; the others are done.
    Partial,
    /// The rest goes on by itself when the network, or a visit, lets it.
    Waits,
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
        /// The recognition library was asked for.
        library: bool,
    },
    /// The failure of a lone document to be counted.
    Blaming,
    /// News of few rows to be applied.
    Stepping,
    /// The plan of a download.
    Planning,
    /// Segments.
    Fetching(Fetching),
    /// The transaction that shows them.
    Applying,
    /// New columns to be filled.
    Filling,
    /// All rows to be counted again.
    Checking,
    /// Rows that are wrong to be fetched again.
    Repairing,
    /// A step of the files of that row.
    Moving(RowId),
}

impl Phase {
    /// Whether it is the network that is waited for.
    #[must_use]
    pub fn waits_for_network(&self) -> bool {
        match self {
            Self::Exchanging { .. } | Self::Fetching(_) | Self::Filling | Self::Repairing | Self::Moving(_) => true,
            Self::Blaming | Self::Stepping | Self::Planning | Self::Applying | Self::Checking => false,
        }
    }
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

/// A request with documents that failed, while it is not known whether the documents are at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// Documents it carried.
    pub documents: u32,
    /// It carried one document alone, at which an earlier request failed already.
    pub known: bool,
    /// How it failed.
    pub failed: Failed,
}

/// How the watchdog sees the session: by what moves, not by what clocks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Bytes the network had moved at the last look.
    pub moved_bytes: u64,
    /// Whether an outcome came since the last look.
    pub stirred: bool,
    /// Looks in a row that saw nothing move.
    pub quiet: u8,
    /// The next look, by the device's clock.
    pub look_at: UtcMillis,
}

/// Things a session does a limited number of times, so that it always ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rounds {
    /// New ids taken.
    pub re_enrolled: u8,
    /// News asked for again: with cursors, or the long way after a step that did not add up.
    pub asked_again: u8,
    /// Buckets that did not add up were planned anew.
    pub replanned: u8,
    /// Requests with documents that failed while the server was well.
    pub narrowed: u8,
    /// News fetched because a repair found the office further on.
    pub caught_up: u8,
}

/// The check of the copy that follows the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Check {
    /// A person or a crash wants it, whatever the day.
    pub asked: bool,
    /// New columns were filled, or that failed; not again in this session.
    pub filled: bool,
    /// All rows were counted; not again in this session.
    pub checked: bool,
    /// Buckets that were found wrong and are still to be repaired.
    pub wrong: Vec<BucketName>,
}

/// What began a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody pressed.
    Press,
    /// A check was asked for.
    Check,
    /// The time of a next try.
    Timer,
    /// Another network, or the application came to the front.
    Network,
    /// The server had something new.
    Call,
    /// A sign-in.
    Login,
    /// The process ended in the middle of the session before.
    Resumed,
}

impl Cause {
    /// Its word in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Press => "press",
            Self::Check => "check",
            Self::Timer => "timer",
            Self::Network => "network",
            Self::Call => "call",
            Self::Login => "login",
            Self::Resumed => "resumed",
        }
    }
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its place among the sessions of this process.
    pub number: SessionNo,
    /// The tag by which people and logs name it.
    pub tag: SessionTag,
    /// What began it.
    pub cause: Cause,
    /// When it began, by the device's clock.
    pub started_at: UtcMillis,
    /// The first failure.
    pub code: Option<ErrorCode>,
    /// Where its rows stand.
    pub parts: BTreeMap<RowId, Part>,
    /// Documents up to this number belong to it: what was queued when it was asked for.
    pub outbox_end: i64,
    /// Documents and news go in requests of their own, because one request for both failed.
    pub separate: bool,
    /// The documents are suspected until a request without them has shown whether the server is well.
    pub suspicion: Option<Suspicion>,
    /// A lone document failed while the server was well: that is to be counted.
    pub blames: bool,
    /// Cursors are to be sent, though the server should remember them.
    pub cursors: bool,
    /// A step did not add up: what is held is to be compared bucket by bucket.
    pub long_way: bool,
    /// The copy of the office is built anew, whatever is held.
    pub anew: bool,
    /// The server was asked for the recognition library.
    pub library_told: bool,
    /// What may not go on for ever.
    pub rounds: Rounds,
    /// The check that follows the rows.
    pub check: Check,
    /// What it waits for.
    pub phase: Phase,
    /// For the watchdog.
    pub pulse: Pulse,
    /// Documents answered.
    pub sent: u64,
    /// Rows applied.
    pub received: u64,
    /// Files that are done, by row.
    pub files: BTreeMap<RowId, u64>,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
}

impl Session {
    /// The part of a row.
    #[must_use]
    pub fn part(&self, row: RowId) -> Part {
        self.parts.get(&row).copied().unwrap_or_default()
    }

    /// Sets the part of a row.
    pub fn set(&mut self, row: RowId, part: Part) {
        self.parts.insert(row, part);
    }

    /// Whether there is still something to do for a row.
    #[must_use]
    pub fn is_open(&self, row: RowId) -> bool {
        self.part(row).is_open()
    }

    /// The rows that are still open, in their order.
    #[must_use]
    pub fn open_rows(&self) -> Vec<RowId> {
        ORDER.into_iter().filter(|row| self.is_open(*row)).collect()
    }

    /// Files that went that way.
    #[must_use]
    pub fn files_done(&self, direction: Direction) -> u64 {
        self.files.iter().filter(|(row, _)| row.direction() == direction).map(|(_, done)| done).sum()
    }

    /// How it ended, once no part is open.
    #[must_use]
    pub fn result(&self) -> SessionResult {
        let has = |wanted| self.parts.values().any(|part| *part == wanted);
        // What waits for Wi-Fi is as it shall be.
        match (has(Part::Succeeded) || has(Part::Waits), has(Part::Failed)) {
            _ if has(Part::Partial) => SessionResult::Partial,
            (_, false) => SessionResult::Success,
            (true, true) => SessionResult::Partial,
            (false, true) => SessionResult::Failed,
        }
    }
}
