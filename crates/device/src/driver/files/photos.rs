//! Photos on their way up: the offer, the parts, and what becomes of each answer.

use polevik_device_api::{Push, Stage};
use polevik_device_store::work::outgoing_files::OutgoingFile;
use polevik_protocol::ErrorCode;
use polevik_protocol::file::{MAX_RESENT_BYTES, OfferAnswer, OfferRequest, OfferedFile};
use polevik_protocol::hash::Blake3Hex;

use super::super::way::Way;
use super::{Driver, Halt};
use crate::calls::files::{NewUpload, Piece, Said};
use crate::error::Failed;
use crate::files::{Files, FilesError};
use crate::host::Host;
use crate::pictures::Pictures;
use crate::sync::books::{Queue, Word};
use crate::sync::event::{FileProgress, Moved, RowEnd};
use crate::sync::rules::{Reach, reach};
use crate::sync::sending::{Next, Sending};
use crate::transport::Transport;

/// What came of a step.
type Step<T> = Result<T, Halt>;

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// One step of the photos that wait.
    pub(super) async fn send_photos(&self, way: &Way<'_, T>) -> Result<Moved, Failed> {
        let now = self.corrected_now();
        let queue = self.device.borrow_mut().outgoing(now)?;
        let next = self.memory.borrow().sending.next(queue.files.clone(), self.began_at);
        let end = match next {
            Next::Nothing => Some(self.end_of_photos(&queue)),
            next => match self.send_one(way, next).await {
                Ok(()) => None,
                Err(Halt::Waits(reason)) => Some(RowEnd::Waits(reason)),
                Err(Halt::Failed(failed)) => return Err(failed),
            },
        };
        let now = self.corrected_now();
        let left = if end.is_some() { queue } else { self.device.borrow_mut().outgoing(now)? };
        let (done, bytes) = self.memory.borrow().sending.done;
        let progress = FileProgress { done, total: done + left.waiting, bytes, bytes_total: bytes + left.bytes };
        Ok(Moved { stage: Stage::SendingFiles, progress, bytes: 0, end })
    }

    /// Nothing is left that this session may send.
    fn end_of_photos(&self, queue: &Queue) -> RowEnd {
        let memory = self.memory.borrow();
        let sending = &memory.sending;
        match (sending.failure(), &sending.refused) {
            (Some(failed), _) => RowEnd::Failed(failed),
            // A queue longer than one look holds only files whose time has not come.
            (None, _) if queue.waiting > 0 => RowEnd::Failed(Failed::new(ErrorCode::IncompleteReply, "photos wait for their time")),
            (None, Some(refused)) => RowEnd::Partial(refused.clone()),
            (None, None) => RowEnd::All { changed: sending.done.0 > 0 },
        }
    }

    async fn send_one(&self, way: &Way<'_, T>, next: Next) -> Step<()> {
        match next {
            Next::Nothing => Ok(()),
            Next::Offer(files) => self.offer(way, files).await,
            Next::Ask(file) => {
                let upload = file.upload.clone().unwrap_or_default();
                let caller = self.device.borrow_mut().caller().map_err(Failed::from)?;
                let before = self.host.now();
                let said = caller.ask_upload(way, &upload).await;
                self.log_step("upload asked", &caller, before, way, &said);
                self.take_word(way, &file, false, said).await
            }
            Next::Create(file) => self.send_part(way, file, None).await,
            Next::Part(file) => {
                let upload = file.upload.clone();
                self.send_part(way, file, upload).await
            }
        }
    }

    /// Asks which files the server has already.
    async fn offer(&self, way: &Way<'_, T>, files: Vec<OutgoingFile>) -> Step<()> {
        let offered = |file: &OutgoingFile| OfferedFile { hash: file.file.clone(), bytes: file.bytes, class: file.class };
        let request = OfferRequest { files: files.iter().map(offered).collect() };
        let caller = self.device.borrow_mut().caller().map_err(Failed::from)?;
        let before = self.host.now();
        let answer = caller.offer(way, &request).await;
        self.log_step("offer", &caller, before, way, &answer);
        let reply = match answer {
            Ok(answer) => answer.message,
            Err(failed) => return self.tripped(way, &files[0], failed),
        };
        if reply.files.len() != files.len() {
            let failed = Failed::new(ErrorCode::IncompleteReply, "an offer was not answered file by file");
            return self.tripped(way, &files[0], failed);
        }
        let mut words = Vec::new();
        let mut memory = self.memory.borrow_mut();
        let sending = &mut memory.sending;
        for (file, answer) in files.iter().zip(reply.files) {
            let word = match answer {
                OfferAnswer::Held => {
                    sending.arrived(file.bytes);
                    Word::Kept
                }
                OfferAnswer::Wanted => {
                    sending.learn(&file.file);
                    Word::Has { upload: None, offset: 0 }
                }
                OfferAnswer::Partial { upload, offset } => {
                    sending.learn(&file.file);
                    Word::Has { upload: Some(upload), offset: offset.min(file.bytes) }
                }
                OfferAnswer::Refused { code: code @ ErrorCode::FileDamaged, reason } => {
                    let failed = Failed::new(code, reason);
                    sending.refuse(failed.clone());
                    Word::Refused(failed)
                }
                // A quota of the day, or a word of a later server: tried again by itself.
                OfferAnswer::Refused { code, reason } => {
                    let failed = Failed::new(code, reason);
                    sending.pass_over(&file.file, failed.clone());
                    Word::Failed(failed)
                }
            };
            words.push((file.file.clone(), word));
        }
        drop(memory);
        Ok(self.note_photos(&words)?)
    }

    /// Sends the next part of a file, or its first together with the wish to begin.
    async fn send_part(&self, way: &Way<'_, T>, file: OutgoingFile, upload: Option<String>) -> Step<()> {
        let offset = if upload.is_some() { file.sent.min(file.bytes) } else { 0 };
        let (len, summed) = {
            let memory = self.memory.borrow();
            let careful = memory.sending.is_careful(&file.file);
            let len = memory.up.part(file.bytes - offset);
            let len = if careful { len.min(MAX_RESENT_BYTES) } else { len };
            (len, careful || memory.up.sums(len))
        };
        let bytes = match self.files.read(&file.file, offset, len).await {
            Ok(bytes) if bytes.len() as u64 == len => bytes,
            // Gone, or cut short by somebody: what is left of it is not the photo any more.
            Ok(_) | Err(FilesError::NotFound | FilesError::Damaged) => return self.lose(&file.file),
            Err(error) => return Err(Failed::from(error).into()),
        };
        self.memory.borrow_mut().sending.touch(&file.file);
        let caller = self.device.borrow_mut().caller().map_err(Failed::from)?;
        let piece = Piece { offset, bytes, summed };
        let before = self.host.now();
        let said = match &upload {
            None => {
                let new = NewUpload { file: &file.file, bytes: file.bytes, class: file.class, content_type: &file.content_type };
                caller.create(way, &new, piece).await
            }
            Some(upload) => caller.send_piece(way, upload, piece).await,
        };
        self.log_step("photo", &caller, before, way, &said);
        match &said {
            Ok(Said::Has { .. }) => self.memory.borrow_mut().up.went(len, self.host.now().since(before)),
            Err(failed) if Sending::is_of_the_line(failed.code) => self.memory.borrow_mut().up.broke(),
            Ok(_) | Err(_) => (),
        }
        self.take_word(way, &file, true, said).await
    }

    /// What the server said of a file is kept before anything follows from it. `carried` = the request had bytes of the file.
    async fn take_word(&self, way: &Way<'_, T>, file: &OutgoingFile, carried: bool, said: Result<Said, Failed>) -> Step<()> {
        let name = &file.file;
        let is_sent = matches!(&said, Err(failed) if carried && Sending::is_of_the_line(failed.code));
        let said = match said {
            Err(_) if is_sent && polevik_planted::is(polevik_planted::Bug::SentIsKept) => {
                Ok(Said::Has { offset: file.bytes, upload: None, kept: Some(name.clone()) })
            }
            said => said,
        };
        match said {
            Ok(Said::Has { kept: Some(kept), .. }) if kept == *name => {
                self.memory.borrow_mut().sending.arrived(file.bytes);
                Ok(self.note_photos(&[(name.clone(), Word::Kept)])?)
            }
            Ok(Said::Has { kept: Some(_), .. }) => {
                let failed = Failed::new(ErrorCode::FileDamaged, "the server keeps it under another name");
                self.note_photos(&[(name.clone(), Word::Has { upload: None, offset: 0 })])?;
                self.tripped(way, file, failed)
            }
            // Whole, but not confirmed: nothing may be believed of it before the server says so.
            Ok(Said::Has { offset, .. }) if offset >= file.bytes => {
                let failed = Failed::new(ErrorCode::IncompleteReply, "the server has it whole and does not say under which name");
                self.note_photos(&[(name.clone(), Word::Has { upload: None, offset: 0 })])?;
                self.tripped(way, file, failed)
            }
            Ok(Said::Has { offset, upload, kept: None }) => {
                let upload = upload.or_else(|| file.upload.clone());
                if upload.is_none() {
                    let failed = Failed::new(ErrorCode::IncompleteReply, "the server does not say where it takes the file");
                    return self.tripped(way, file, failed);
                }
                self.note_photos(&[(name.clone(), Word::Has { upload, offset })])?;
                let mut memory = self.memory.borrow_mut();
                memory.sending.learn(name);
                if offset > file.sent {
                    memory.sending.advanced();
                    Ok(())
                } else if carried {
                    drop(memory);
                    self.stood_still(file)
                } else {
                    Ok(())
                }
            }
            Ok(Said::OtherOffset) => {
                let failed = Failed::new(ErrorCode::IncompleteReply, "the server has another part of it than it said");
                self.tripped(way, file, failed)
            }
            Ok(Said::Gone) => {
                self.note_photos(&[(name.clone(), Word::Has { upload: None, offset: 0 })])?;
                let failed = Failed::new(ErrorCode::IncompleteReply, "the server forgot the upload");
                self.tripped(way, file, failed)
            }
            Ok(Said::WrongSum) => {
                let failed = Failed::new(ErrorCode::FileDamaged, "it came to the server with other bytes");
                let is_first = self.memory.borrow_mut().sending.came_damaged(name);
                if is_first && !self.is_whole(file).await? {
                    return self.lose(name);
                }
                self.tripped(way, file, failed)
            }
            Ok(Said::Refused(failed)) if failed.code == ErrorCode::FileDamaged => {
                self.memory.borrow_mut().sending.refuse(failed.clone());
                Ok(self.note_photos(&[(name.clone(), Word::Refused(failed))])?)
            }
            Ok(Said::Refused(failed)) => self.leave(file, failed),
            Err(failed) => self.tripped(way, file, failed),
        }
    }

    /// A request for a file came to nothing.
    fn tripped(&self, way: &Way<'_, T>, file: &OutgoingFile, failed: Failed) -> Step<()> {
        if let Some(reason) = way.waits.take() {
            return Err(Halt::Waits(reason));
        }
        let is_of_the_line = Sending::is_of_the_line(failed.code);
        let is_of_all = reach(failed.code) != Reach::Row;
        if is_of_all {
            return Err(failed.into());
        }
        let again = self.memory.borrow_mut().sending.tripped(&file.file);
        match (again, is_of_the_line) {
            (true, _) => Ok(()),
            (false, true) => Err(failed.into()),
            (false, false) => self.leave(file, failed),
        }
    }

    /// The server took a part, and has no more of the file than it had: asked a few times in vain, the file is left alone.
    fn stood_still(&self, file: &OutgoingFile) -> Step<()> {
        let failed = Failed::new(ErrorCode::IncompleteReply, "the server has no more of it than before");
        let mut memory = self.memory.borrow_mut();
        let again = memory.sending.tripped(&file.file);
        if again {
            memory.sending.learn(&file.file);
            return Ok(());
        }
        drop(memory);
        self.leave(file, failed)
    }

    /// The file is left for another session; too many in a row end this one's row.
    fn leave(&self, file: &OutgoingFile, failed: Failed) -> Step<()> {
        self.note_photos(&[(file.file.clone(), Word::Failed(failed.clone()))])?;
        let goes_on = self.memory.borrow_mut().sending.pass_over(&file.file, failed.clone());
        if goes_on { Ok(()) } else { Err(failed.into()) }
    }

    /// The file is not on this device any more (L504): the visit goes on without it.
    fn lose(&self, file: &Blake3Hex) -> Step<()> {
        Ok(self.note_photos(&[(file.clone(), Word::Missing)])?)
    }

    /// Whether the file here still has the bytes that its name says.
    async fn is_whole(&self, file: &OutgoingFile) -> Result<bool, Failed> {
        match self.files.read(&file.file, 0, file.bytes).await {
            Ok(bytes) => Ok(Blake3Hex::of(&bytes) == file.file),
            Err(FilesError::NotFound | FilesError::Damaged) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn note_photos(&self, words: &[(Blake3Hex, Word)]) -> Result<(), Failed> {
        let now = self.corrected_now();
        self.device.borrow_mut().note_outgoing(words, now)?;
        if words.iter().any(|(_, word)| !matches!(word, Word::Has { .. })) {
            self.changed(["outgoing_file", "photo"]);
        }
        Ok(())
    }
}
