//! The office's news: fetched, applied, and mended when they do not add up.

use std::collections::{BTreeSet, VecDeque};

use polevik_device_api::Stage;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;

use super::{DOWN, Engine, KEEP, MOST_ROUNDS};
use crate::error::Failed;
use crate::sync::event::{Effect, Facts, Mended, Planned, Wanted, Work};
use crate::sync::session::{Check, FETCHES_AT_ONCE, Fetching, Part, Phase};
use crate::sync::status_row::{Doing, Progress};

impl Engine {
    /// Asks for the news once more, with cursors.
    pub(super) fn ask_again(&mut self, why: &str, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        session.cursors = true;
        session.rounds.asked_again += 1;
        if session.rounds.asked_again > MOST_ROUNDS {
            return self.end_row(DOWN, Failed::new(ErrorCode::IncompleteReply, why), facts, effects);
        }
        self.advance(facts, effects);
    }

    pub(super) fn planned(&mut self, planned: Planned, facts: &Facts, effects: &mut Vec<Effect>) {
        if planned.re_offers {
            self.offer_again(facts);
        }
        let Some(session) = &mut self.session else { return };
        if session.phase != Phase::Planning {
            return;
        }
        let missing: u64 = planned.wanted.iter().map(|wanted| wanted.bytes).sum();
        if let Doing::Running(progress) = &mut self.rows.entry(DOWN).or_default().doing {
            let bytes = planned.bytes_total.saturating_sub(missing);
            *progress = Progress { stage: Stage::Downloading, done: 0, total: planned.rows, bytes, bytes_total: planned.bytes_total };
        }
        let waiting = VecDeque::from(planned.wanted);
        session.phase = Phase::Fetching(Fetching { waiting, in_flight: 0, came_damaged: BTreeSet::new(), failed: None });
        effects.push(Effect::Show { now: true });
        self.fetch_more(facts, effects);
    }

    /// Keeps the line full; when everything is here, applies it, and when something failed, ends the row.
    pub(super) fn fetch_more(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let Phase::Fetching(fetching) = &mut session.phase else { return };
        while fetching.failed.is_none() && fetching.in_flight < FETCHES_AT_ONCE {
            let Some(wanted) = fetching.waiting.pop_front() else { break };
            fetching.in_flight += 1;
            effects.push(Effect::Do(Work::Fetch(wanted)));
        }
        if fetching.in_flight > 0 {
            return;
        }
        if let Some(failed) = fetching.failed.take() {
            return self.end_row(DOWN, failed, facts, effects);
        }
        session.phase = Phase::Applying;
        if let Doing::Running(progress) = &mut self.rows.entry(DOWN).or_default().doing {
            progress.stage = Stage::Applying;
            progress.bytes = progress.bytes_total;
        }
        effects.extend([Effect::Show { now: true }, Effect::Do(Work::Apply { at: facts.now.plus_millis(self.clock_offset_ms) })]);
    }

    pub(super) fn fetched(&mut self, wanted: Wanted, result: Result<(), Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let Phase::Fetching(fetching) = &mut session.phase else { return };
        fetching.in_flight = fetching.in_flight.saturating_sub(1);
        match result {
            Ok(()) => {
                session.bytes += wanted.bytes;
                if let Doing::Running(progress) = &mut self.rows.entry(DOWN).or_default().doing {
                    progress.bytes += wanted.bytes;
                }
                effects.push(Effect::Show { now: false });
            }
            Err(failed) if failed.code == ErrorCode::FileDamaged && fetching.came_damaged.insert(wanted.hash.to_string()) => {
                fetching.waiting.push_back(wanted);
            }
            Err(failed) => {
                fetching.failed.get_or_insert(failed);
            }
        }
        self.fetch_more(facts, effects);
    }

    pub(super) fn applied(&mut self, rows: u64, facts: &Facts, effects: &mut Vec<Effect>) {
        if let Some(session) = &mut self.session {
            session.received += rows;
            session.anew = false;
        }
        self.end_download(rows > 0, facts, effects);
    }

    /// Buckets that do not add up are compared range by range and what differs is fetched anew, once; then the whole copy, if that never helps.
    pub(super) fn plan_again(&mut self, buckets: Vec<BucketName>, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        if session.rounds.replanned > 0 || session.anew {
            return self.still_wrong(&buckets, facts, effects);
        }
        session.rounds.replanned += 1;
        session.phase = Phase::Planning;
        effects.push(Effect::Do(Work::Plan { suspects: buckets, anew: false }));
    }

    pub(super) fn repaired(&mut self, mended: Mended, facts: &Facts, effects: &mut Vec<Effect>) {
        match mended {
            Mended::Done { rows } => {
                if let Some(session) = &mut self.session {
                    session.received += rows;
                    session.check.wrong.clear();
                }
                self.advance(facts, effects);
            }
            Mended::Behind => self.catch_up(facts, effects),
            Mended::StillWrong(buckets) => self.still_wrong(&buckets, facts, effects),
        }
    }

    pub(super) fn still_wrong(&mut self, buckets: &[BucketName], facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        session.check.wrong.clear();
        if facts.rebuild_due && !session.anew {
            session.anew = true;
            self.download_once_more();
            return self.advance(facts, effects);
        }
        let names: Vec<&str> = buckets.iter().map(BucketName::as_str).collect();
        let failed = Failed::new(ErrorCode::IncompleteReply, format!("rows do not add up: {}", names.join(", ")));
        self.end_row(DOWN, failed, facts, effects);
    }

    /// The office has moved on since the news of this session: they come first, then what was begun goes on.
    pub(super) fn catch_up(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        session.rounds.caught_up += 1;
        if session.rounds.caught_up > MOST_ROUNDS {
            // The office is too quick today; the next session finds what is left to do.
            session.check = Check { filled: true, checked: true, ..Check::default() };
        } else {
            session.check.filled = false;
            self.download_once_more();
        }
        self.advance(facts, effects);
    }

    pub(super) fn download_once_more(&mut self) {
        if let Some(session) = &mut self.session {
            session.set(DOWN, Part::Queued);
            self.rows.entry(DOWN).or_default().queue();
        }
    }

    pub(super) fn end_download(&mut self, changed: bool, facts: &Facts, effects: &mut Vec<Effect>) {
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        session.set(DOWN, Part::Succeeded);
        self.rows.entry(DOWN).or_default().succeed(at, changed || session.received > 0);
        effects.push(KEEP);
        self.advance(facts, effects);
    }
}
