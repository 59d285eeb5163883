//! The first request of a session: documents up, and what it says of the news.

use polevik_device_api::Stage;
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::version::MAX_BATCH_DOCUMENTS;

use super::{DOWN, Engine, KEEP, LIBRARY, MOST_NARROWINGS, MOST_ROUNDS, UP};
use crate::error::Failed;
use crate::sync::event::{Effect, ExchangeFailed, Exchanged, Facts, News, Work};
use crate::sync::rules::{Reach, may_be_a_document, reach};
use crate::sync::session::{Part, Phase, Suspicion};
use crate::sync::status_row::{Doing, Progress};

impl Engine {
    pub(super) fn exchanged(&mut self, exchanged: &Exchanged, facts: &Facts, effects: &mut Vec<Effect>) {
        self.clock_offset_ms = exchanged.clock_offset_ms;
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        let Phase::Exchanging { documents_up_to, download, library } = session.phase else { return };
        session.library_told |= library;
        session.sent += u64::from(exchanged.answered);
        session.bytes += exchanged.bytes_up + exchanged.bytes_down;

        if let Some(suspicion) = session.suspicion.take() {
            // The server is well without the documents.
            let is_lone = self.pace.failed(suspicion.documents) || suspicion.known;
            session.rounds.narrowed += 1;
            if session.rounds.narrowed >= MOST_NARROWINGS && session.is_open(UP) {
                // Enough for today: what was found so far is remembered.
                session.set(UP, Part::Failed);
                session.code.get_or_insert(suspicion.failed.code);
                let tag = Some(session.tag.to_string());
                self.rows.entry(UP).or_default().fail(suspicion.failed, tag, at, facts.now, facts.random);
                effects.push(KEEP);
            } else {
                session.blames = is_lone && session.is_open(UP);
            }
        }
        if exchanged.re_enrolled {
            // What waited at the start has other numbers now.
            session.outbox_end = session.outbox_end.max(facts.outbox_end);
            session.rounds.re_enrolled += 1;
            if session.rounds.re_enrolled > MOST_ROUNDS {
                let failed = Failed::new(ErrorCode::IncompleteReply, "the server gives a new id each time");
                return self.finish(Some(failed), facts, effects);
            }
            return self.advance(facts, effects);
        }
        if exchanged.re_offers {
            self.offer_again(facts);
        }
        if let Some(up_to) = documents_up_to {
            self.documents_went(up_to, exchanged, at, facts, effects);
        }
        let Some(session) = &mut self.session else { return };
        let is_open = download && session.is_open(DOWN);
        match exchanged.news {
            News::Some | News::Step if is_open => {
                session.set(DOWN, Part::Running);
                let (phase, stage, work) = if exchanged.news == News::Step {
                    (Phase::Stepping, Stage::Applying, Work::Step { at })
                } else {
                    (Phase::Planning, Stage::Downloading, Work::Plan { suspects: Vec::new(), anew: session.anew })
                };
                session.phase = phase;
                self.rows.entry(DOWN).or_default().begin(stage, at);
                effects.extend([Effect::Show { now: true }, Effect::Do(work)]);
            }
            News::CursorsWanted if is_open => self.ask_again("a server that remembers nothing", facts, effects),
            News::Nothing if is_open => self.end_download(false, facts, effects),
            News::Some | News::Step | News::CursorsWanted | News::Nothing | News::NotAsked => self.advance(facts, effects),
        }
    }

    /// The documents of an exchange: what is answered, what still waits, at what the server broke.
    pub(super) fn documents_went(&mut self, up_to: i64, exchanged: &Exchanged, at: UtcMillis, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = self.session.as_mut().filter(|session| session.is_open(UP)) else { return };
        if exchanged.answered > 0 {
            self.pace.succeeded(u32::try_from(MAX_BATCH_DOCUMENTS).unwrap_or(u32::MAX));
        }
        let row = self.rows.entry(UP).or_default();
        // Another trigger may have joined with newer documents while this request was on its way.
        let joined = session.outbox_end > up_to;
        let failure = if exchanged.waiting == 0 && !joined && exchanged.held > 0 {
            Some(Failed::new(ErrorCode::ServerError, format!("the server broke at {} of the documents", exchanged.held)))
        } else if exchanged.waiting > 0 && exchanged.answered == 0 && exchanged.broken == 0 && !exchanged.re_offers {
            // Asking again would go on for ever.
            Some(Failed::new(ErrorCode::IncompleteReply, "the server answered none of the documents"))
        } else {
            None
        };
        if let Some(failed) = failure {
            session.set(UP, Part::Failed);
            session.code.get_or_insert(failed.code);
            row.fail(failed, Some(session.tag.to_string()), at, facts.now, facts.random);
            effects.push(KEEP);
        } else if exchanged.waiting == 0 && !joined {
            session.set(UP, Part::Succeeded);
            row.succeed(at, session.sent > 0);
            effects.push(KEEP);
        } else if let Doing::Running(progress) = &mut row.doing {
            let total = session.sent + u64::from(exchanged.waiting);
            *progress = Progress { stage: Stage::Uploading, done: session.sent, total, bytes: session.bytes, bytes_total: 0 };
        }
    }

    pub(super) fn exchange_failed(&mut self, came: ExchangeFailed, facts: &Facts, effects: &mut Vec<Effect>) {
        let ExchangeFailed { documents, known, failed } = came;
        let Some(session) = &mut self.session else { return };
        let Phase::Exchanging { documents_up_to, download, library } = session.phase else { return };
        let upload = documents_up_to.is_some();
        if let Some(suspicion) = session.suspicion.take() {
            // Without documents it does no better: it is not the documents, and nothing is counted.
            if session.is_open(UP) {
                session.set(UP, Part::Failed);
                let tag = Some(session.tag.to_string());
                self.fail_row(UP, suspicion.failed, tag, facts);
            }
            if !download {
                effects.push(KEEP);
                return self.advance(facts, effects);
            }
        }
        // The row that a request without documents was for.
        let asking = if library && !download { LIBRARY } else { DOWN };
        match reach(failed.code) {
            Reach::Everything => return self.finish(Some(failed), facts, effects),
            // What is refused for the documents alone is refused for all.
            Reach::Downloads if upload && !download => return self.finish(Some(failed), facts, effects),
            Reach::Downloads => return self.end_row(asking, failed, facts, effects),
            Reach::Row => (),
        }
        let Some(session) = &mut self.session else { return };
        if upload && download {
            // It is not known which half of the request is at fault: each gets a request of its own.
            session.separate = true;
        } else if !upload {
            return self.end_row(asking, failed, facts, effects);
        } else {
            let suspects = documents > 0 && may_be_a_document(failed.code);
            if suspects {
                session.suspicion = Some(Suspicion { documents, known, failed: failed.clone() });
            }
            // While the batch is being narrowed down the row goes on in this session; before that it waits, as for any failure.
            if !(suspects && (known || self.pace.narrows_next())) {
                session.set(UP, Part::Failed);
                let tag = Some(session.tag.to_string());
                self.fail_row(UP, failed, tag, facts);
                effects.push(KEEP);
            }
        }
        self.advance(facts, effects);
    }

    /// The server lost documents that it had answered: the session sends them too, whoever started it.
    pub(super) fn offer_again(&mut self, facts: &Facts) {
        let Some(session) = &mut self.session else { return };
        session.outbox_end = session.outbox_end.max(facts.outbox_end);
        if !session.is_open(UP) {
            session.set(UP, Part::Queued);
            self.rows.entry(UP).or_default().queue();
        }
    }
}
