//! All that can happen to the engine, and all it can ask for.

use polevik_device_api::{NetworkClass, RowId, Stage, WaitReason};
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::Blake3Hex;

use crate::error::Failed;

/// A session by its place among those of this process: what is late from one that ended is told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionNo(pub u64);

/// What the engine is told with every event, so that it asks nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Now, by the device's clock.
    pub now: UtcMillis,
    /// Unpredictable; tags and jitter are made of it.
    pub random: u32,
    /// Number of the newest entry of the outbox.
    pub outbox_end: i64,
    /// Whether somebody is signed in.
    pub signed_in: bool,
    /// Bytes the network has moved since the process began, of requests that are still under way too.
    pub moved_bytes: u64,
    /// Whether a root is held, so that the server can say when it is not the newest any more.
    pub has_root: bool,
    /// Whether all rows are to be counted again: a day has passed, or a session was cut short by the end of the process.
    pub check_due: bool,
    /// Whether the application has learned columns that rows held here may have.
    pub fill_due: bool,
    /// Whether repairs failed so often that the copy of the office is to be built anew.
    pub rebuild_due: bool,
    /// The network there is.
    pub network: NetworkClass,
    /// «Загрузка и выгрузка материалов только по Wi-Fi».
    pub wifi_only: bool,
    /// Whether a visit is open: another recognition library is not switched to before its end.
    pub visit_is_open: bool,
    /// Photos that wait to be sent, and their bytes that the server does not have.
    pub photos: (u64, u64),
    /// Whether the organisation has a recognition library, so that the server is to be asked for it.
    pub has_library: bool,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The driver runs.
    Started,
    /// The rep asked for all rows, or for one.
    Asked(Option<RowId>),
    /// Somebody wants all rows counted again, and what is wrong repaired.
    CheckAsked,
    /// A database was found damaged and was begun anew: what that row brings or sends is to be looked after, without waiting for a person.
    Damaged(RowId),
    /// The network may be another one, or the application is in front again.
    Woken,
    /// Something local is otherwise: an option, a visit, the network.
    Changed,
    /// What waits in this row may go over the network there is now, once.
    AllowedOnce(RowId),
    /// The network of unknown kind is Wi-Fi, says the rep, or is not.
    UnknownIsWiFi(bool),
    /// The application came to the front, or left it.
    Foreground(bool),
    /// The server ended a wait: whether there is something new; or it failed.
    Watched(Result<bool, Failed>),
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
    Exchanged(Result<Exchanged, ExchangeFailed>),
    /// Of [`Work::Blame`].
    Blamed(Result<(), Failed>),
    /// Of [`Work::Step`].
    Stepped(Result<Applied, ApplyFailed>),
    /// Of [`Work::Plan`].
    Planned(Result<Planned, Failed>),
    /// Of [`Work::Fetch`]: the segment is here and staged.
    Fetched(Wanted, Result<(), Failed>),
    /// Of [`Work::Apply`].
    Applied(Result<Applied, ApplyFailed>),
    /// Of [`Work::Fill`]: rows that got values.
    Filled(Result<Mended, Failed>),
    /// Of [`Work::Check`]: buckets whose rows are wrong.
    Checked(Result<Vec<BucketName>, Failed>),
    /// Of [`Work::Repair`].
    Repaired(Result<Mended, Failed>),
    /// Of [`Work::Move`].
    Moved(RowId, Result<Moved, Failed>),
}

/// An exchange that went well. The receipts are in the database already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// Server's clock minus device's clock.
    pub clock_offset_ms: i64,
    /// Documents that were answered by it.
    pub answered: u32,
    /// Entries up to the session's end of the outbox that can still go in this session.
    pub waiting: u32,
    /// Entries at which the server broke in this session; they go in another one.
    pub held: u32,
    /// Documents at which the server broke in this exchange.
    pub broken: u32,
    /// Bytes of the request's body on the wire.
    pub bytes_up: u64,
    /// Bytes of the reply's body, decoded.
    pub bytes_down: u64,
    /// News of the office.
    pub news: News,
    /// The device goes on under a new id; no document was taken.
    pub re_enrolled: bool,
    /// The server lost documents that it had answered: they are offered again.
    pub re_offers: bool,
}

/// An exchange that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeFailed {
    /// Documents it carried.
    pub documents: u32,
    /// It carried one document alone, at which an earlier request failed already.
    pub known: bool,
    /// How it failed.
    pub failed: Failed,
}

/// What an exchange said of the office's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It was not asked: more documents have to go first.
    NotAsked,
    /// The device has everything.
    Nothing,
    /// Few rows, which came along; the driver keeps them for [`Work::Step`].
    Step,
    /// There is something; the driver keeps it for [`Work::Plan`].
    Some,
    /// There is something, but the server does not remember what the device holds: it is to be told.
    CursorsWanted,
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
    /// The plan shows that the server lost documents that it had answered: they are offered again.
    pub re_offers: bool,
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

/// What came of filling or repairing rows in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// All is well now; this many rows were written or removed.
    Done {
        /// Rows.
        rows: u64,
    },
    /// The office has moved on: its news come first.
    Behind,
    /// These buckets still do not add up.
    StillWrong(Vec<BucketName>),
}

/// One step of a row of files: a part of a file, or what was found out about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// What the step was about.
    pub stage: Stage,
    /// Where the row stands now.
    pub progress: FileProgress,
    /// Bytes of bodies that this step moved, both ways.
    pub bytes: u64,
    /// Whether another step follows.
    pub end: Option<RowEnd>,
}

/// How far a row of files is in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileProgress {
    /// Files that are done.
    pub done: u64,
    /// Files in all.
    pub total: u64,
    /// Bytes that are done.
    pub bytes: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// How a row of files came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowEnd {
    /// Everything that waited is where it belongs; whether that was anything.
    All {
        /// Something moved.
        changed: bool,
    },
    /// Some files cannot be moved, and the time alone will not change that; the others are done.
    Partial(Failed),
    /// Some files failed, and will be tried again; the others are done.
    Failed(Failed),
    /// The rest goes on by itself when the reason is gone.
    Waits(WaitReason),
}

/// Something the driver is asked to do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep the rows of the screen and the end of a session, all in one transaction; before anything that follows.
    Save {
        /// A session ended: note it in the journal too.
        note: bool,
    },
    /// Tell faces where things stand; `now` means at once, not within a quarter of a second.
    Show {
        /// At once.
        now: bool,
    },
    /// Work for the running session; its [`Outcome`] comes back with [`Event::Came`].
    Do(Work),
    /// Drop whatever is under way; results of this session are not wanted any more.
    Abandon,
    /// Ask the server to say when there is something new, and come back with [`Event::Watched`].
    Watch,
    /// Drop that wait.
    Unwatch,
    /// Come back at this time with [`Event::Due`]; replaces the time named before. `None` = not by itself.
    WakeAt(Option<UtcMillis>),
}

/// Work for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Send documents and ask for news, in one request.
    Exchange(Exchange),
    /// Count a failure of the one document that went in the last exchange; the third sets it aside.
    Blame,
    /// Apply the few rows that came along.
    Step {
        /// Now, by the server's clock.
        at: UtcMillis,
    },
    /// Find out from the news what is needed.
    Plan {
        /// Buckets that did not add up: what is held of them is compared range by range, by values.
        suspects: Vec<BucketName>,
        /// The copy is built anew, whatever is held.
        anew: bool,
    },
    /// Fetch, check and stage one segment.
    Fetch(Wanted),
    /// Apply what is staged.
    Apply {
        /// Now, by the server's clock.
        at: UtcMillis,
    },
    /// Ask for columns that the application has learned.
    Fill,
    /// Count all rows again, and compare.
    Check,
    /// Find the rows of these buckets that are wrong, and fetch them again.
    Repair(Vec<BucketName>),
    /// Go one step on with the files of that row: at most one part of one file goes over the network.
    Move(RowId),
}

/// One request to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchange {
    /// Documents up to this number of the outbox go up, oldest first, one batch; `None` = no documents.
    pub documents_up_to: Option<i64>,
    /// Most documents of the batch; `None` = as many as fit.
    pub limit: Option<u32>,
    /// Ask for news, unless more documents than one batch wait.
    pub want_download: bool,
    /// Send cursors, though the server should remember them.
    pub cursors: bool,
    /// Name no root and take no step: what is held is to be compared bucket by bucket.
    pub long_way: bool,
    /// Ask as a device that holds nothing.
    pub anew: bool,
    /// Ask whether there is another recognition library.
    pub library: bool,
}
