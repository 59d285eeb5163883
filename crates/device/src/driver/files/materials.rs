//! Materials on their way down: ranges appended to a part, checked against the name, and only then visible.

use polevik_device_api::{Push, Stage};
use polevik_protocol::ErrorCode;

use super::super::way::Way;
use super::{Driver, Halt};
use crate::calls::files::Ranged;
use crate::error::Failed;
use crate::files::{Files, FilesError};
use crate::host::Host;
use crate::pictures::Pictures;
use crate::sync::books::Held;
use crate::sync::event::{Moved, RowEnd};
use crate::sync::fetching::Wanted;
use crate::sync::rules::{Reach, reach};
use crate::transport::Transport;

type Step = Result<(), Halt>;

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// One step of the materials that are wanted.
    pub(super) async fn fetch_materials(&self, way: &Way<'_, T>) -> Result<Moved, Failed> {
        if self.replan.take() {
            self.memory.borrow_mut().fetching.forget_plan();
        }
        let needs_plan = self.memory.borrow().fetching.needs_plan();
        if needs_plan {
            let plan = self.tidy().await?;
            // What tidying removed is no news for the plan itself.
            self.replan.set(false);
            self.memory.borrow_mut().fetching.plan(&plan);
        }
        let next = self.memory.borrow().fetching.next().cloned();
        let end = match next {
            None => Some(self.end_of_materials()),
            Some(wanted) => match self.fetch_part(way, wanted).await {
                Ok(()) => None,
                Err(Halt::Waits(reason)) => Some(RowEnd::Waits(reason)),
                Err(Halt::Failed(failed)) => return Err(failed),
            },
        };
        Ok(Moved { stage: Stage::FetchingFiles, progress: self.memory.borrow().fetching.progress(), bytes: 0, end })
    }

    fn end_of_materials(&self) -> RowEnd {
        let memory = self.memory.borrow();
        let fetching = &memory.fetching;
        match (fetching.failure(), fetching.no_space()) {
            (Some(failed), _) => RowEnd::Failed(failed),
            (None, Some(no_space)) => RowEnd::Partial(no_space),
            (None, None) => RowEnd::All { changed: fetching.arrivals() > 0 },
        }
    }

    /// The next part of a file, or what is to be done when all of it is here.
    async fn fetch_part(&self, way: &Way<'_, T>, wanted: Wanted) -> Step {
        // The disk knows best how much is here.
        let mut have = self.files.part_size(&wanted.file).await.map_err(Failed::from)?;
        if have > wanted.bytes {
            self.files.remove_part(&wanted.file).await.map_err(Failed::from)?;
            have = 0;
        }
        if have != wanted.have {
            self.note_held(&wanted, &Held::Part(have))?;
        }
        let mut cut = None;
        if have < wanted.bytes {
            let len = self.memory.borrow().down.part(wanted.bytes - have);
            let caller = self.device.borrow_mut().caller().map_err(Failed::from)?;
            let before = self.host.now();
            let answer = caller.range(way, &wanted.file, have, len).await;
            self.log_step("material", &caller, before, way, &answer);
            match answer {
                Ok(Ranged::Bytes { from, bytes, cut: how }) => {
                    let took = self.host.now().since(before);
                    if how.is_none() {
                        self.memory.borrow_mut().down.went(bytes.len() as u64, took);
                    }
                    have = match self.keep_bytes(&wanted, from, &bytes).await {
                        Ok(have) => have,
                        Err(FilesError::NoSpace(words)) => return self.leave_material(&wanted, Failed::new(ErrorCode::NoSpace, words)),
                        Err(error) => return Err(Failed::from(error).into()),
                    };
                    cut = how;
                }
                // Whatever is here, it is not the beginning of that file.
                Ok(Ranged::TooFar) => {
                    self.files.remove_part(&wanted.file).await.map_err(Failed::from)?;
                    self.note_held(&wanted, &Held::Part(0))?;
                    return self.tripped_over_material(
                        way,
                        &wanted,
                        Failed::new(ErrorCode::IncompleteReply, "the file is shorter than said"),
                    );
                }
                Ok(Ranged::Gone) => {
                    let failed = Failed::new(ErrorCode::IncompleteReply, "the server does not have the file");
                    return self.leave_material(&wanted, failed);
                }
                Err(failed) => return self.tripped_over_material(way, &wanted, failed),
            }
            self.note_held(&wanted, &Held::Part(have))?;
        }
        if have >= wanted.bytes {
            return self.seal(&wanted).await;
        }
        match cut {
            None => Ok(()),
            Some(failed) => self.tripped_over_material(way, &wanted, failed),
        }
    }

    /// Adds bytes to the part; gives how many there are then. More than the file has are not kept.
    async fn keep_bytes(&self, wanted: &Wanted, from: u64, bytes: &[u8]) -> Result<u64, FilesError> {
        if from == 0 {
            // The server gave the file from its beginning, whatever was asked for.
            self.files.remove_part(&wanted.file).await?;
        }
        let room = usize::try_from(wanted.bytes.saturating_sub(from)).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.files.append_part(&wanted.file, from, bytes).await?;
        Ok(from + bytes.len() as u64)
    }

    /// All bytes are here: they are compared with the name, and shown.
    async fn seal(&self, wanted: &Wanted) -> Step {
        let sealed = {
            // Until its row is committed, a file looks like one that nothing names.
            let _lock = self.files_lock.lock().await;
            let sealed = self.files.seal_part(&wanted.file).await;
            if sealed.is_ok() {
                self.note_held(wanted, &Held::Whole)?;
            }
            sealed
        };
        match sealed {
            Ok(()) => {
                self.memory.borrow_mut().fetching.arrived();
                self.tell_materials();
                Ok(())
            }
            Err(FilesError::Damaged | FilesError::NotFound) => {
                self.note_held(wanted, &Held::Part(0))?;
                let is_first = self.memory.borrow_mut().fetching.came_damaged();
                let failed = Failed::new(ErrorCode::FileDamaged, format!("{} came with other bytes", wanted.file));
                if is_first { Ok(()) } else { self.leave_material(wanted, failed) }
            }
            Err(FilesError::NoSpace(words)) => self.leave_material(wanted, Failed::new(ErrorCode::NoSpace, words)),
            Err(error) => Err(Failed::from(error).into()),
        }
    }

    /// A request for a file came to nothing.
    fn tripped_over_material(&self, way: &Way<'_, T>, wanted: &Wanted, failed: Failed) -> Step {
        if let Some(reason) = way.waits.take() {
            return Err(Halt::Waits(reason));
        }
        if reach(failed.code) != Reach::Row {
            return Err(failed.into());
        }
        let is_of_the_line = failed.code == ErrorCode::ConnectionLost;
        let again = {
            let mut memory = self.memory.borrow_mut();
            if is_of_the_line {
                memory.down.broke();
            }
            memory.fetching.tripped()
        };
        match (again, is_of_the_line) {
            (true, _) => Ok(()),
            (false, true) => Err(failed.into()),
            (false, false) => self.leave_material(wanted, failed),
        }
    }

    /// The file is left for another session; too many in a row end this one's row.
    fn leave_material(&self, wanted: &Wanted, failed: Failed) -> Step {
        self.note_held(wanted, &Held::Failed(failed.clone()))?;
        let goes_on = self.memory.borrow_mut().fetching.pass_over(failed.clone());
        self.tell_materials();
        if goes_on { Ok(()) } else { Err(failed.into()) }
    }

    fn note_held(&self, wanted: &Wanted, held: &Held) -> Result<(), Failed> {
        let now = self.corrected_now();
        self.device.borrow_mut().note_held(&wanted.file, wanted.bytes, held, now)?;
        if let Held::Part(have) = held {
            self.memory.borrow_mut().fetching.has(*have);
        }
        Ok(())
    }

    /// Tells faces that materials came, or could not.
    fn tell_materials(&self) {
        (self.push)(Push::Changed(vec!["held_file".to_owned()]));
    }
}
