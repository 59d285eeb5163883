//! Photos up, materials and the recognition library down: row by row, part by part.
//!
//! After each part the session looks again what is most important: a document that was written meanwhile goes before the next part. What the
//! network, or an open visit, does not let through waits, and goes on by itself.

use polevik_device_api::{RowId, Stage, WaitReason};

use super::{Engine, KEEP, LIBRARY};
use crate::sync::event::{Effect, Exchange, Facts, Moved, RowEnd, Work};
use crate::sync::rules::FILE_ROWS;
use crate::sync::session::{Cause, Part, Phase};
use crate::sync::status_row::{Doing, LastAttempt, Progress};

impl Engine {
    /// The next step of the first row of files that is open; the end of the session if none is.
    pub(super) fn move_files(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let Some(id) = FILE_ROWS.into_iter().find(|id| session.is_open(*id)) else { return self.finish(None, facts, effects) };
        let asks = id == LIBRARY && facts.has_library && !session.library_told;
        let (phase, work) = if asks {
            // Nobody asked on the way: the row runs alone, or there was nothing to exchange.
            let exchange = Exchange { library: true, ..Exchange::default() };
            (Phase::Exchanging { documents_up_to: None, download: false, library: true }, Work::Exchange(exchange))
        } else {
            (Phase::Moving(id), Work::Move(id))
        };
        session.phase = phase;
        let row = self.rows.entry(id).or_default();
        if row.doing == Doing::Queued {
            session.set(id, Part::Running);
            row.begin(stage_of(id, asks), facts.now.plus_millis(self.clock_offset_ms));
            effects.extend([KEEP, Effect::Show { now: true }]);
        }
        effects.push(Effect::Do(work));
    }

    /// A step was done: the row is at its end, or it is looked at what comes next.
    pub(super) fn moved(&mut self, id: RowId, moved: Moved, facts: &Facts, effects: &mut Vec<Effect>) {
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        if session.phase != Phase::Moving(id) {
            return;
        }
        let Moved { stage, progress, bytes, end } = moved;
        session.bytes += bytes;
        session.files.insert(id, progress.done);
        let tag = session.tag.to_string();
        let row = self.rows.entry(id).or_default();
        let (files, rest) = (progress.total.saturating_sub(progress.done), progress.bytes_total.saturating_sub(progress.bytes));
        let part = match end {
            None => {
                let (done, total, bytes, bytes_total) = (progress.done, progress.total, progress.bytes, progress.bytes_total);
                row.doing = Doing::Running(Progress { stage, done, total, bytes, bytes_total });
                effects.push(Effect::Show { now: false });
                return self.advance(facts, effects);
            }
            Some(RowEnd::All { changed }) => {
                row.succeed(at, changed);
                Part::Succeeded
            }
            Some(RowEnd::Partial(failed)) => {
                session.code.get_or_insert(failed.code);
                row.end_in_part((progress.done, progress.total), failed, Some(tag), at);
                Part::Partial
            }
            Some(RowEnd::Waits(reason)) => {
                row.wait(reason, files, rest);
                Part::Waits
            }
            // Whatever the code: some files failed, and the other rows have files of their own.
            Some(RowEnd::Failed(failed)) => {
                session.code.get_or_insert(failed.code);
                row.fail(failed, Some(tag), at, facts.now, facts.random);
                Part::Failed
            }
        };
        session.set(id, part);
        if matches!(part, Part::Succeeded | Part::Partial) {
            self.consent.forget(id);
        }
        effects.extend([KEEP, Effect::Show { now: true }]);
        self.advance(facts, effects);
    }

    /// After every event: rows that wait for a network or for the end of a visit go on as soon as it is there.
    pub(super) fn wake_waiting(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        if !facts.signed_in {
            return;
        }
        let mut wanted = Vec::new();
        let mut is_other = false;
        for id in FILE_ROWS {
            let gate = self.gate(id, facts.network, facts.wifi_only);
            let row = self.rows.entry(id).or_default();
            if row.doing != Doing::Idle {
                continue;
            }
            let (photos, bytes) = if id == RowId::UploadMaterials { facts.photos } else { (0, 0) };
            if let (LastAttempt::None | LastAttempt::Ok, Err(reason), 1..) = (&row.last, gate, photos) {
                // A photo that is taken where it may not go waits from that moment, whether or not anybody presses.
                row.wait(reason, photos, bytes);
                is_other = true;
            }
            let LastAttempt::Waiting { reason, .. } = &mut row.last else { continue };
            match (*reason, gate) {
                (WaitReason::OpenVisit, _) if facts.visit_is_open => (),
                (WaitReason::OpenVisit, _) | (_, Ok(())) => wanted.push(id),
                (was, Err(is)) if was != is => {
                    *reason = is;
                    is_other = true;
                }
                (_, Err(_)) => (),
            }
        }
        if is_other {
            effects.extend([KEEP, Effect::Show { now: true }]);
        }
        self.want(&wanted, Cause::Network, facts, effects);
    }
}

fn stage_of(id: RowId, asks: bool) -> Stage {
    match id {
        _ if asks => Stage::Connecting,
        RowId::UploadMaterials => Stage::SendingFiles,
        RowId::DownloadMaterials => Stage::FetchingFiles,
        RowId::DownloadLibrary => Stage::FetchingLibrary,
        RowId::UploadMandatory => Stage::Uploading,
        RowId::DownloadMandatory => Stage::Downloading,
    }
}
