//! All that can happen to the engine, and all it can ask for.

use polevik_device_api::RowId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::Blake3Hex;

use crate::error::Failed;

/// A session by its place among those of this process: what is late from one that ended is told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionNo(pub u64);

/// What the engine is told with every event, so that it asks nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Now, by the device's clock.
    pub now: UtcMillis,
    /// Unpredictable; tags and jitter are made of it.
    pub random: u32,
    /// Number of the newest entry of the outbox.
    pub outbox_end: i64,
    /// Whether somebody is signed in.
    pub signed_in: bool,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The driver runs.
    Started,
    /// The rep asked for all rows, or for one.
    Asked(Option<RowId>),
    /// The network may be another one, or the application is in front again.
    Woken,
    /// The time that [`Effect::WakeAt`] named has come.
    Due,
    /// The rep stops the session.
    StopAsked,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// What came of work for a session.
    Came(SessionNo, Outcome),
}

/// What came of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Work::Exchange`].
    Exchanged(Result<Exchanged, Failed>),
    /// Of [`Work::Plan`].
    Planned(Result<Planned, Failed>),
    /// Of [`Work::Fetch`]: the segment is here and staged.
    Fetched(Wanted, Result<(), Failed>),
    /// Of [`Work::Apply`].
    Applied(Result<Applied, ApplyFailed>),
}

/// An exchange that went well. The receipts are in the database already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// Server's clock minus device's clock.
    pub clock_offset_ms: i64,
    /// Documents that were answered by it.
    pub answered: u32,
    /// Entries up to the session's end of the outbox that are still not answered.
    pub waiting: u32,
    /// Bytes of the request's body on the wire.
    pub bytes_up: u64,
    /// Bytes of the reply's body, decoded.
    pub bytes_down: u64,
    /// News of the office.
    pub news: News,
}

/// What an exchange said of the office's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It was not asked: more documents have to go first.
    NotAsked,
    /// The device has everything.
    Nothing,
    /// There is something; the driver keeps it for [`Work::Plan`].
    Some,
}

/// A segment that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub hash: Blake3Hex,
    /// Its length.
    pub bytes: u64,
}

/// What a download will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Segments that are not here yet, in the order they are wanted.
    pub wanted: Vec<Wanted>,
    /// Bytes of all segments, those that are here too.
    pub bytes_total: u64,
    /// Rows of all segments.
    pub rows: u64,
}

/// A download that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Rows written or removed.
    pub rows: u64,
}

/// A download that was not applied: the old rows are still shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyFailed {
    /// These buckets do not add up to what the office says.
    WrongSum(Vec<BucketName>),
    /// Something else.
    Failed(Failed),
}

/// Something the driver is asked to do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep the rows of the screen and the end of a session; before anything that follows.
    Save,
    /// Tell faces where things stand; `now` means at once, not within a quarter of a second.
    Show {
        /// At once.
        now: bool,
    },
    /// Work for the running session; its [`Outcome`] comes back with [`Event::Came`].
    Do(Work),
    /// Drop whatever is under way; results of this session are not wanted any more.
    Abandon,
    /// Come back at this time with [`Event::Due`]; replaces the time named before. `None` = not by itself.
    WakeAt(Option<UtcMillis>),
}

/// Work for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Send documents and ask for news, in one request.
    Exchange {
        /// Documents up to this number of the outbox go up, oldest first, one batch; `None` = no documents.
        documents_up_to: Option<i64>,
        /// Ask for news, unless more documents than one batch wait.
        want_download: bool,
    },
    /// Find out from the news what is needed; the cursors of these buckets count for nothing.
    Plan {
        /// Buckets that did not add up.
        forget: Vec<BucketName>,
    },
    /// Fetch, check and stage one segment.
    Fetch(Wanted),
    /// Apply what is staged.
    Apply {
        /// Now, by the server's clock.
        at: UtcMillis,
    },
}
