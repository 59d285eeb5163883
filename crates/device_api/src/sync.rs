//! What a face shows of synchronisation.

use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::network::{NetworkClass, TrafficClass};

/// A row of the synchronisation screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowId {
    /// «Загрузка» · «Обязательная информация».
    DownloadMandatory,
    /// «Загрузка» · «Материалы».
    DownloadMaterials,
    /// «Загрузка» · «Библиотека IR».
    DownloadLibrary,
    /// «Выгрузка» · «Обязательная информация».
    UploadMandatory,
    /// «Выгрузка» · «Материалы».
    UploadMaterials,
}

/// To the phone or from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// «Загрузка».
    Download,
    /// «Выгрузка».
    Upload,
}

impl RowId {
    /// All rows, in the order of the screen.
    pub const ALL: [Self; 5] =
        [Self::DownloadMandatory, Self::DownloadMaterials, Self::DownloadLibrary, Self::UploadMandatory, Self::UploadMaterials];

    /// The name on command lines and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DownloadMandatory => "download.mandatory",
            Self::DownloadMaterials => "download.materials",
            Self::DownloadLibrary => "download.library",
            Self::UploadMandatory => "upload.mandatory",
            Self::UploadMaterials => "upload.materials",
        }
    }

    /// Reads the name; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.as_str() == text)
    }

    /// To the phone or from it.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Self::DownloadMandatory | Self::DownloadMaterials | Self::DownloadLibrary => Direction::Download,
            Self::UploadMandatory | Self::UploadMaterials => Direction::Upload,
        }
    }

    /// What its bytes count as: which networks may carry them follows from it.
    #[must_use]
    pub fn traffic(self) -> TrafficClass {
        match self {
            Self::DownloadMandatory | Self::UploadMandatory => TrafficClass::Mandatory,
            Self::DownloadMaterials | Self::UploadMaterials => TrafficClass::Materials,
            Self::DownloadLibrary => TrafficClass::Library,
        }
    }
}

/// Why something did not work, ready to be shown: title and action come from `texts` by the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code.
    pub code: ErrorCode,
    /// Tag of the session it happened in, when one ran.
    pub tag: Option<String>,
    /// For support; may be empty.
    pub detail: String,
    /// How many stood before us in the queue of a busy server (S303), if it said so.
    pub queue_position: Option<u32>,
}

impl Failure {
    /// A failure that is not of a session.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, tag: None, detail: detail.into(), queue_position: None }
    }
}

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowState {
    /// Nothing has run yet.
    Never,
    /// Asked for; another row runs first.
    Queued,
    /// It goes on by itself when the reason is gone: blue, never an error.
    Waiting {
        /// For what.
        reason: WaitReason,
        /// Files that wait.
        files: u64,
        /// Their bytes that are still to be moved.
        bytes: u64,
    },
    /// Bytes or rows move.
    Running {
        /// What is being done.
        stage: Stage,
        /// Units done: documents, or rows.
        done: u64,
        /// Units in all; 0 while not known.
        total: u64,
        /// Bytes moved.
        bytes: u64,
        /// Bytes in all; 0 while not known.
        bytes_total: u64,
    },
    /// The last attempt succeeded.
    Ok,
    /// Some files could not be moved (no space for them, gone from the phone, refused); the others are done.
    Partial {
        /// Files that are done.
        done: u64,
        /// Files in all.
        total: u64,
        /// Why the first of the others is not.
        failure: Failure,
    },
    /// The last attempt failed; stays over restarts until the next success.
    Failed {
        /// Why.
        failure: Failure,
        /// When it will be tried again by itself; `None` if it waits for a person or a network.
        next_try_at: Option<UtcMillis>,
    },
    /// Stopped by the rep.
    Stopped,
}

/// The step a session is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Talking to the server for the first time.
    Connecting,
    /// Documents go up.
    Uploading,
    /// Segments come down.
    Downloading,
    /// Rows are written and checked.
    Applying,
    /// Photos go up.
    SendingFiles,
    /// Materials come down.
    FetchingFiles,
    /// Chunks of the recognition library come down.
    FetchingLibrary,
    /// The recognition library is put together, checked and tried.
    CheckingLibrary,
}

/// Why a row waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WaitReason {
    /// Only unmetered Wi-Fi may carry it, and there is none: mobile network.
    WiFi,
    /// This Wi-Fi is metered, a phone's hotspot for example.
    MeteredWiFi,
    /// The phone is roaming.
    Roaming,
    /// The kind of network cannot be told, and the rep has not said that it is Wi-Fi.
    UnknownNetwork,
    /// A visit or a recognition is open: the new library is switched to after it.
    OpenVisit,
}

/// One row of the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowView {
    /// Which.
    pub id: RowId,
    /// Where it stands.
    pub state: RowState,
    /// Why its last attempt failed; stays while it is tried again, until it succeeds or the rep stops it.
    pub failure: Option<Failure>,
    /// Last complete success, by the server's clock.
    pub last_success: Option<UtcMillis>,
    /// Last attempt, by the corrected clock.
    pub last_attempt: Option<UtcMillis>,
    /// Whether the last success changed anything (`Изменений нет` otherwise).
    pub changed: bool,
    /// Photos that wait to be sent (upload of materials), or files that wait to come (download of materials).
    pub files_waiting: u32,
    /// Their bytes that are still to be moved.
    pub bytes_waiting: u64,
    /// Photos that are gone from the phone before they were sent (L504; upload of materials).
    pub lost_photos: u32,
    /// Version of the recognition library in use (download of the library).
    pub library_version: Option<u64>,
    /// Length of the recognition library in use, in bytes.
    pub library_bytes: Option<u64>,
    /// Orders that wait to be sent (upload rows).
    pub orders_waiting: u32,
    /// Visits that wait to be sent (upload rows).
    pub visits_waiting: u32,
    /// Withdrawals that wait to be sent (upload rows).
    pub withdrawals_waiting: u32,
    /// Documents that need the rep: refused by the office, or set aside (upload rows). They do not make the row fail.
    pub need_attention: u32,
    /// Those of them that are set aside.
    pub parked: u32,
    /// Documents that the server had answered and is offered again, because it was restored from a backup (S306): nothing is lost, nothing
    /// is to be done.
    pub re_offered: u32,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionResult {
    /// All rows succeeded.
    Success,
    /// Some did.
    Partial,
    /// None did.
    Failed,
    /// The rep stopped it.
    Stopped,
}

/// Everything the synchronisation screen and the state chip need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncView {
    /// The rows, in the order of the screen.
    pub rows: Vec<RowView>,
    /// Whether a session runs.
    pub running: bool,
    /// Tag of the running session, or of the last one.
    pub tag: Option<String>,
    /// How the last session ended; `None` before the first.
    pub result: Option<SessionResult>,
    /// What the last finished session did: documents sent, rows received, body bytes both ways, milliseconds.
    pub last_counts: Option<(u64, u64, u64, u64)>,
    /// The network the application sees.
    pub network: NetworkClass,
    /// «Загрузка и выгрузка материалов только по Wi-Fi».
    pub wifi_only: bool,
    /// Server's clock minus device's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// Now, by the device's clock: countdowns are relative to it.
    pub now: UtcMillis,
}
