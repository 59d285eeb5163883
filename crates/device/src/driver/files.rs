//! Rows of files, one step at a time: at most one request with at most one part of one file.

mod library;
mod materials;
mod photos;

use polevik_device_api::{Push, RowId, WaitReason};
use polevik_protocol::ErrorCode;

use super::Driver;
use crate::error::Failed;
use crate::files::Files;
use crate::host::Host;
use crate::pictures::Pictures;
use crate::sync::event::{Moved, SessionNo};
use crate::sync::fetching::Fetching;
use crate::sync::line::Line;
use crate::sync::sending::Sending;
use crate::transport::Transport;

/// What is remembered about files in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The session that the rest belongs to.
    session: SessionNo,
    /// Photos on their way up.
    sending: Sending,
    /// Materials on their way down.
    fetching: Fetching,
    /// Steps for the library that failed one after the other.
    library_tries: u32,
    /// Another library was switched to.
    library_changed: bool,
    /// The line up, as far as it is known since the process began.
    up: Line,
    /// The line down.
    down: Line,
}

impl Memory {
    /// What the running session remembers; another session begins with what is known of the lines.
    fn of(&mut self, session: SessionNo) -> &mut Self {
        if self.session != session {
            let mut sending = std::mem::take(&mut self.sending);
            sending.begin_again();
            *self = Self { session, sending, up: self.up, down: self.down, ..Self::default() };
        }
        self
    }
}

/// A step that did not end well.
enum Halt {
    /// The network is not to carry it.
    Waits(WaitReason),
    /// It failed.
    Failed(Failed),
}

impl From<Failed> for Halt {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// One step of a row of files.
    pub(super) async fn move_files(&self, number: SessionNo, row: RowId) -> Result<Moved, Failed> {
        self.memory.borrow_mut().of(number);
        let way = self.way(Some(row));
        let moved = match row {
            RowId::UploadMaterials => self.send_photos(&way).await,
            RowId::DownloadLibrary => self.fetch_library(&way).await,
            RowId::DownloadMaterials => self.fetch_materials(&way).await,
            RowId::UploadMandatory | RowId::DownloadMandatory => Err(Failed::new(ErrorCode::Unexpected, "a row without files")),
        };
        let kept = self.keep_traffic();
        let mut moved = moved?;
        kept?;
        let (up, down) = way.counted.get();
        moved.bytes = up + down;
        Ok(moved)
    }
}
