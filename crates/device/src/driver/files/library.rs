//! The recognition library, one step at a time: papers, a chunk, a file put together, the switch.

use polevik_device_api::{Failure, Push, Stage, WaitReason};
use polevik_protocol::ErrorCode;

use super::super::way::Way;
use super::Driver;
use crate::error::Failed;
use crate::files::Files;
use crate::host::Host;
use crate::pictures::Pictures;
use crate::sync::event::{FileProgress, Moved, RowEnd};
use crate::sync::recognition_library::{self as library, Next, OpenLibrary};
use crate::transport::Transport;

/// Steps that may fail one after the other on the same line before the row waits.
const MOST_TRIES: u32 = 4;

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// Opens the recognition library in use; if it is spoiled, the one before it. `None` if there is none that works.
    ///
    /// # Errors
    ///
    /// What databases and disk say.
    pub async fn open_library(&self) -> Result<Option<OpenLibrary>, Failure> {
        library::open_active(&self.device, &self.files).await.map_err(|failed| failed.shown(None))
    }

    /// One step towards the library this device shall have.
    pub(super) async fn fetch_library(&self, way: &Way<'_, T>) -> Result<Moved, Failed> {
        let next = library::next(&self.device)?;
        let stage = match next {
            Next::Install | Next::Activate => Stage::CheckingLibrary,
            Next::Nothing | Next::Manifest { .. } | Next::Chunk { .. } | Next::Refused(_) => Stage::FetchingLibrary,
        };
        let end = match self.library_step(way, next).await {
            Ok(end) => {
                self.memory.borrow_mut().library_tries = 0;
                end
            }
            Err(failed) => match way.waits.take() {
                Some(reason) => Some(RowEnd::Waits(reason)),
                None => self.library_tripped(failed)?,
            },
        };
        // One library is one file of the row; how far it is, is told by its bytes.
        let progress = library::progress(&self.device)?.unwrap_or_default();
        let done = u64::from(self.memory.borrow().library_changed);
        let is_left = end.as_ref().is_none_or(|end| !matches!(end, RowEnd::All { .. }));
        let progress = FileProgress { done, total: done + u64::from(is_left), bytes: progress.bytes_done, bytes_total: progress.bytes };
        Ok(Moved { stage, progress, bytes: 0, end })
    }

    async fn library_step(&self, way: &Way<'_, T>, next: Next) -> Result<Option<RowEnd>, Failed> {
        match next {
            Next::Nothing => return Ok(Some(RowEnd::All { changed: self.memory.borrow().library_changed })),
            Next::Refused(failed) => return Ok(Some(RowEnd::Failed(failed))),
            Next::Manifest { hash, most_bytes } => {
                let caller = self.device.borrow_mut().caller()?;
                let before = self.host.now();
                let answer = caller.named(way, "/v1/library/manifests", &hash, most_bytes).await;
                self.log_step("library papers", &caller, before, way, &answer);
                library::take_manifest(&self.device, &hash, &answer?, self.corrected_now())?;
            }
            Next::Chunk { hash, bytes } => {
                let caller = self.device.borrow_mut().caller()?;
                let before = self.host.now();
                let answer = caller.named(way, "/v1/library/chunks", &hash, bytes).await;
                self.log_step("library chunk", &caller, before, way, &answer);
                library::take_chunk(&self.device, &self.files, &hash, &answer?).await?;
            }
            Next::Install => library::install(&self.device, &self.files).await?,
            Next::Activate if self.device.borrow_mut().visit_is_open()? => return Ok(Some(RowEnd::Waits(WaitReason::OpenVisit))),
            Next::Activate => {
                library::activate(&self.device, &self.files, self.corrected_now()).await?;
                self.memory.borrow_mut().library_changed = true;
                self.changed(["library_version"]);
            }
        }
        Ok(None)
    }

    /// A step failed: a broken line and damaged bytes are tried again at once, a few times.
    fn library_tripped(&self, failed: Failed) -> Result<Option<RowEnd>, Failed> {
        let mut memory = self.memory.borrow_mut();
        memory.library_tries += 1;
        let again = matches!(failed.code, ErrorCode::ConnectionLost | ErrorCode::FileDamaged) && memory.library_tries < MOST_TRIES;
        if again { Ok(None) } else { Err(failed) }
    }
}
