//! Photos that are taken, files that are opened, and what lies about.

use polevik_device_api::files::{STOP_FREE_BYTES, Space};
use polevik_device_api::frame::Refusal;
use polevik_device_api::{CommandDone, Failure, Push, Reply, RowId};
use polevik_domain::photo::PicturePolicy;
use polevik_protocol::ErrorCode;
use polevik_protocol::file::MAX_PHOTO_BYTES;
use polevik_protocol::hash::Blake3Hex;

use super::Driver;
use crate::acting::Moment;
use crate::commands::take_photo::{PhotoFile, Words};
use crate::error::{DeviceError, Failed};
use crate::files::{Files, Kind};
use crate::host::Host;
use crate::materials::MaterialsPlan;
use crate::pictures::Pictures;
use crate::sync::event::Event;
use crate::transport::Transport;

/// Tables that a photo changes.
const PHOTO_TABLES: [&str; 3] = ["photo", "outgoing_file", "outbox"];

/// What a picture may take in memory before it is made smaller, in bytes.
const MOST_PICTURE_BYTES: usize = 64 * 1024 * 1024;

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// Keeps a photo: made smaller, written and synced under its hash, and only then promised, in one transaction. A crash at any point leaves
    /// it whole and queued, or not there at all; what it leaves lying about is swept at the next start.
    pub(super) async fn take_photo(&self, words: Words, picture: Vec<u8>) -> Reply {
        let done = self.try_take_photo(words, picture).await;
        match done {
            Ok(reply) => {
                self.changed(PHOTO_TABLES);
                self.step(Event::Changed);
                self.show(true);
                reply
            }
            Err(reply) => reply,
        }
    }

    async fn try_take_photo(&self, words: Words, picture: Vec<u8>) -> Result<Reply, Reply> {
        let refused = |error: DeviceError| Reply::from(error);
        self.device.borrow_mut().check_photo(&words).map_err(refused)?;
        if picture.len() > MOST_PICTURE_BYTES {
            return Err(Reply::Refused(Refusal::Picture));
        }
        self.look_for_room().await;
        if let Some(free) = self.device.borrow().room.free
            && Space::of(Some(free)) == Space::Full
        {
            return Err(Reply::Failed(no_space(STOP_FREE_BYTES, free)));
        }
        let shrunk = self.pictures.shrink(picture, PicturePolicy::default()).await.map_err(|error| {
            self.host.log(&format!("a photo was not taken: {error}"));
            Reply::Refused(Refusal::Picture)
        })?;
        let bytes = shrunk.bytes.len() as u64;
        if bytes > MAX_PHOTO_BYTES {
            return Err(Reply::Refused(Refusal::Picture));
        }
        // Until its row is committed, a file looks like one that nothing names.
        let _lock = self.files_lock.lock().await;
        let name = self.files.put(&shrunk.bytes).await.map_err(|error| Reply::Failed(Failed::from(error).shown(None)))?;
        let file = PhotoFile { name, bytes, content_type: shrunk.content_type, width: shrunk.width, height: shrunk.height };
        let taken = self.device.borrow_mut().take_photo(words, &file, &self.host);
        match taken {
            Ok(id) => Ok(Reply::Done(CommandDone::Document(id))),
            Err(error) => {
                self.remove_if_unneeded(&file.name).await;
                Err(Reply::from(error))
            }
        }
    }

    /// Where a file is, to show it.
    pub(super) async fn open_file(&self, file: &Blake3Hex) -> Reply {
        let is_here = match self.files.size(file).await {
            Ok(size) => size.is_some(),
            Err(error) => return Reply::Failed(Failed::from(error).shown(None)),
        };
        let now = self.now();
        let opened = self.device.borrow_mut().open_file(file, is_here, &now);
        match opened {
            Ok(Some(at)) => {
                self.changed(["material_mark"]);
                Reply::File(at)
            }
            Ok(None) if is_here => Reply::Refused(Refusal::NotFound),
            Ok(None) => {
                self.changed(["outgoing_file", "held_file"]);
                Reply::Refused(Refusal::NotFound)
            }
            Err(error) => error.into(),
        }
    }

    /// Has one material come next.
    pub(super) fn fetch_material(&self, material: i64) -> Reply {
        let now = self.now();
        let asked = self.device.borrow_mut().ask_for_material(material, &now);
        match asked {
            Ok(()) => {
                self.changed(["material_mark"]);
                self.step(Event::Asked(Some(RowId::DownloadMaterials)));
                Reply::Taken
            }
            Err(error) => error.into(),
        }
    }

    /// Compares the databases with the place for files, as it must be done before the first session: nothing is under way yet.
    pub(super) async fn sweep(&self) {
        self.look_for_room().await;
        let lock = self.files_lock.lock().await;
        let found = match self.files.list().await {
            Ok(found) => found,
            Err(error) => return self.host.log(&format!("the files were not looked through: {error}")),
        };
        let now = self.now();
        let swept = self.device.borrow_mut().sweep(&found, &now);
        let sweep = match swept {
            Ok(sweep) => sweep,
            Err(error) => return self.host.log(&format!("the files were not looked through: {error}")),
        };
        for (name, kind) in &sweep.remove {
            let removed = match kind {
                Kind::Whole => self.files.remove(name).await,
                Kind::Part => self.files.remove_part(name).await,
            };
            if let Err(error) = removed {
                self.host.log(&format!("{name} was not removed: {error}"));
            }
        }
        drop(lock);
        if sweep.lost > 0 {
            self.host.log(&format!("L504: {} photos are gone", sweep.lost));
            self.changed(["outgoing_file"]);
            self.show(true);
        }
    }

    /// What is to be done about materials, after everything has gone that is to go: obsolete files, those that make room for more important
    /// ones, and photos whose time is over.
    pub(super) async fn tidy(&self) -> Result<MaterialsPlan, Failed> {
        self.look_for_room().await;
        let now = self.now();
        let plan = {
            let mut device = self.device.borrow_mut();
            device.release_photos(now.now)?;
            let free = device.room.free;
            let plan = device.materials_plan(free, &now)?;
            if !plan.remove.is_empty() {
                device.forget_materials(&plan.remove)?;
            }
            plan
        };
        if self.remove_leaving().await {
            self.changed(["held_file", "outgoing_file"]);
        }
        Ok(plan)
    }

    /// Removes what no row needs any more. Says whether there was anything.
    pub(super) async fn remove_leaving(&self) -> bool {
        let leaving = self.device.borrow_mut().take_leaving();
        for file in &leaving {
            let _lock = self.files_lock.lock().await;
            self.remove_if_unneeded(file).await;
        }
        !leaving.is_empty()
    }

    /// Removes a file, and its part, unless a row needs it. What cannot be removed is left to the next sweep.
    async fn remove_if_unneeded(&self, file: &Blake3Hex) {
        let needed = self.device.borrow_mut().keeps(file);
        if !matches!(needed, Ok(false)) {
            return;
        }
        for removed in [self.files.remove(file).await, self.files.remove_part(file).await] {
            if let Err(error) = removed {
                self.host.log(&format!("{file} was not removed: {error}"));
            }
        }
    }

    /// Asks how much room there is; screens show what was said last.
    pub(super) async fn look_for_room(&self) {
        let room = self.files.room().await;
        self.device.borrow_mut().room = room;
    }

    fn now(&self) -> Moment {
        Moment::of(&self.host, self.device.borrow().engine.clock_offset_ms())
    }
}

/// L501, with the figures that the rep is told.
fn no_space(need: u64, free: u64) -> Failure {
    Failure::new(ErrorCode::NoSpace, format!("need {need} free {free}"))
}
