//! Files, step by step.

use polevik_device_api::{Push, RowId};

use super::Driver;
use crate::error::Failed;
use crate::files::Files;
use crate::host::Host;
use crate::pictures::Pictures;
use crate::sync::event::{FileProgress, Moved, RowEnd};
use crate::transport::Transport;

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// One step of a row of files.
    #[expect(clippy::unused_async, reason = "files follow")]
    pub(super) async fn move_files(&self, row: RowId) -> Result<Moved, Failed> {
        let stage =
            if row == RowId::UploadMaterials { polevik_device_api::Stage::SendingFiles } else { polevik_device_api::Stage::FetchingFiles };
        Ok(Moved { stage, progress: FileProgress::default(), bytes: 0, end: Some(RowEnd::All { changed: false }) })
    }
}
