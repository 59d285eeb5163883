//! The only state of synchronisation in memory: an event in, effects out.
//!
//! No clock, no randomness, no I/O. One session at a time; every trigger joins the one that runs. The order of the rows and what one failure
//! means for the others stand in `rules.rs`, the waiting in `schedule.rs`.

mod documents;
mod files;
mod news;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_api::{Direction, NetworkClass, RowId, SessionResult, Stage, WaitReason};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::session_tag::SessionTag;

use crate::error::Failed;
use crate::sync::event::{Applied, ApplyFailed, Effect, Event, Exchange, Facts, Mended, Outcome, SessionNo, Work};
use crate::sync::network::Consent;
use crate::sync::rules::{ORDER, Pace, Reach, reach};
use crate::sync::session::{Cause, Check, Part, Phase, Pulse, Rounds, Session};
use crate::sync::status_row::{Doing, LastAttempt, StatusRow};
use watch::Watch;

/// How often the watchdog looks whether a session still moves.
const LOOK_EVERY_MS: i64 = 60_000;

/// Looks in a row that see nothing move, after which the session is given up and its rows are tried again. A machine that slept looks again
/// before it judges: time alone is no silence.
const QUIET_LOOKS: u8 = 2;

/// Most new ids, repeated questions, new plans and catch-ups of one session; it always ends.
const MOST_ROUNDS: u8 = 2;

/// Most requests with documents that may fail in one session while it narrows down on the one at fault.
const MOST_NARROWINGS: u8 = 32;

/// A wait that the server ends sooner than this without news is none.
const SHORTEST_WAIT_MS: i64 = 1_000;

const KEEP: Effect = Effect::Save { note: false };

const UP: RowId = RowId::UploadMandatory;
const DOWN: RowId = RowId::DownloadMandatory;
const LIBRARY: RowId = RowId::DownloadLibrary;

/// How a session that ended went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its tag.
    pub tag: String,
    /// Its result.
    pub result: SessionResult,
    /// Documents answered, and files sent.
    pub sent: u64,
    /// Rows applied, and files that came.
    pub received: u64,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
    /// How long it took.
    pub millis: u64,
    /// What began it.
    pub cause: &'static str,
    /// The first failure.
    pub code: Option<ErrorCode>,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    rows: BTreeMap<RowId, StatusRow>,
    session: Option<Session>,
    last: Option<Ended>,
    clock_offset_ms: i64,
    sessions: u64,
    pace: Pace,
    /// Rows of a session that the end of the process before cut short: they go on as soon as somebody is signed in.
    interrupted: Vec<RowId>,
    watch: Watch,
    /// What the rep said about the network there is.
    consent: Consent,
    /// The time that the driver was last told to come back at.
    armed: Option<UtcMillis>,
}

/// What an engine begins with: what was kept when the process before it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// The rows of the screen.
    pub rows: BTreeMap<RowId, StatusRow>,
    /// How the last session ended.
    pub last: Option<Ended>,
    /// Server's clock minus device's clock.
    pub clock_offset_ms: i64,
    /// How far the device is in narrowing down on a document that breaks its requests.
    pub pace: Pace,
    /// Rows that were still open when the process ended in the middle of a session.
    pub interrupted: Vec<RowId>,
}

impl Engine {
    /// An engine that goes on from what was kept.
    #[must_use]
    pub fn new(kept: Kept) -> Self {
        let Kept { rows, last, clock_offset_ms, pace, interrupted } = kept;
        let rows = RowId::ALL.into_iter().map(|id| (id, rows.get(&id).cloned().unwrap_or_default())).collect();
        Self {
            rows,
            session: None,
            last,
            clock_offset_ms,
            sessions: 0,
            pace,
            interrupted,
            watch: Watch::default(),
            consent: Consent::default(),
            armed: None,
        }
    }

    /// A row.
    #[must_use]
    pub fn row(&self, id: RowId) -> &StatusRow {
        &self.rows[&id]
    }

    /// The session that runs.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// How the last session ended.
    #[must_use]
    pub fn last(&self) -> Option<&Ended> {
        self.last.as_ref()
    }

    /// Server's clock minus device's clock, as last heard.
    #[must_use]
    pub fn clock_offset_ms(&self) -> i64 {
        self.clock_offset_ms
    }

    /// How far it is in narrowing down on a document that breaks requests.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether bytes of the row may go over this network at this moment.
    ///
    /// # Errors
    ///
    /// What they wait for.
    pub fn gate(&self, row: RowId, network: NetworkClass, wifi_only: bool) -> Result<(), WaitReason> {
        self.consent.gate(row, network, wifi_only)
    }

    /// The server told the time outside a session.
    pub fn set_clock_offset(&mut self, clock_offset_ms: i64) {
        self.clock_offset_ms = clock_offset_ms;
    }

    /// Another position begins: nothing has run for it yet.
    pub fn forget_rows(&mut self) {
        self.rows = RowId::ALL.into_iter().map(|id| (id, StatusRow::default())).collect();
        self.last = None;
        self.interrupted = Vec::new();
        self.pace = Pace::default();
    }

    /// What is to be done about an event. The effects are carried out in their order.
    pub fn step(&mut self, event: Event, facts: &Facts) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.consent.see(facts.network) {
            effects.push(Effect::Show { now: true });
        }
        match event {
            Event::Started if facts.signed_in => {
                let wanted = std::mem::take(&mut self.interrupted);
                self.want(&wanted, Cause::Resumed, facts, &mut effects);
            }
            Event::Started => (),
            Event::Asked(row) => {
                let wanted: Vec<RowId> = row.map_or_else(|| ORDER.to_vec(), |row| vec![row]);
                // Whoever presses does not want to wait long for the next try either.
                self.reset_back_off(&wanted);
                self.want(&wanted, Cause::Press, facts, &mut effects);
            }
            Event::CheckAsked => {
                self.want(&[DOWN], Cause::Check, facts, &mut effects);
                if let Some(session) = &mut self.session {
                    session.check = Check { asked: true, wrong: session.check.wrong.clone(), ..Check::default() };
                }
            }
            // A session that is at it hears of it from its own work.
            Event::Damaged(row) if self.session.as_ref().is_some_and(|session| session.is_open(row)) => (),
            Event::Damaged(row) => {
                let failed = Failed::new(ErrorCode::DatabaseDamaged, "a database was damaged; what could be read of it goes on");
                self.fail_row(row, failed, None, facts);
                effects.extend([KEEP, Effect::Show { now: true }]);
            }
            Event::Foreground(foreground) => {
                self.watch.foreground = foreground;
                (self.watch.failures, self.watch.not_before) = (0, None);
            }
            // The reason of a row that waits may be gone: that is looked at after every event.
            Event::Changed => (),
            Event::AllowedOnce(row) => {
                self.consent.allow(row);
                self.reset_back_off(&[row]);
                self.want(&[row], Cause::Press, facts, &mut effects);
            }
            Event::UnknownIsWiFi(is_wifi) => self.consent.treat_unknown_as_wifi(is_wifi),
            // Nobody is there for whom anything could be fetched or sent.
            Event::Woken | Event::Due | Event::Watched(_) if !facts.signed_in => {
                self.watch.waiting &= !matches!(event, Event::Watched(_));
                if event == Event::Due {
                    self.armed = None;
                }
            }
            Event::Woken => {
                // Another network: the waiting so far says nothing about it.
                let wanted = self.rows_that(|row| waits_for_a_network(&row.last));
                self.reset_back_off(&wanted);
                (self.watch.failures, self.watch.not_before) = (0, None);
                self.want(&wanted, Cause::Network, facts, &mut effects);
            }
            Event::Watched(result) => self.watched(result, facts, &mut effects),
            Event::Due => {
                self.armed = None;
                self.look(facts, &mut effects);
                let wanted = self.rows_that(|row| row.is_due(facts.now));
                self.want(&wanted, Cause::Timer, facts, &mut effects);
            }
            Event::SignedIn => {
                let wanted = self.rows_that(|row| waits_for_a_network(&row.last) || waits_for_login(&row.last));
                self.reset_back_off(&wanted);
                self.want(&wanted, Cause::Login, facts, &mut effects);
            }
            Event::StopAsked | Event::SignedOut => self.stop(facts, &mut effects),
            Event::Came(number, outcome) => {
                // Of a session that was stopped: late, and harmless.
                if let Some(session) = self.session.as_mut().filter(|session| session.number == number) {
                    session.pulse.stirred = true;
                    self.came(outcome, facts, &mut effects);
                }
            }
        }
        self.wake_waiting(facts, &mut effects);
        self.look_ahead(facts, &mut effects);
        kept_once(effects)
    }

    /// Starts a session for these rows, or has the running one do them too.
    fn want(&mut self, wanted: &[RowId], cause: Cause, facts: &Facts, effects: &mut Vec<Effect>) {
        if wanted.is_empty() {
            return;
        }
        if !facts.signed_in {
            for id in wanted {
                let failed = Failed::new(ErrorCode::LoginNeeded, "nobody is signed in");
                self.fail_row(*id, failed, None, facts);
            }
            effects.extend([KEEP, Effect::Show { now: true }]);
            return;
        }
        let joins = self.session.is_some();
        if !joins {
            self.sessions += 1;
        }
        let number = SessionNo(self.sessions);
        let session = self.session.get_or_insert_with(|| begin(number, cause, facts));
        for id in wanted {
            if *id == UP {
                // What was written since then belongs to the session too.
                session.outbox_end = session.outbox_end.max(facts.outbox_end);
            }
            if !session.is_open(*id) {
                session.set(*id, Part::Queued);
                self.rows.entry(*id).or_default().queue();
            }
        }
        if joins {
            effects.push(Effect::Show { now: true });
        } else {
            self.advance(facts, effects);
        }
    }

    /// The next thing to do for the session: the rows in their order, then the check of the copy, or its end.
    fn advance(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        if session.blames {
            session.blames = false;
            session.phase = Phase::Blaming;
            effects.push(Effect::Do(Work::Blame));
            return;
        }
        let suspects = session.suspicion.is_some();
        let upload = session.is_open(UP) && !suspects;
        let download = session.is_open(DOWN) && !(upload && session.separate);
        if !upload && !download && !suspects {
            return self.check(facts, effects);
        }
        let first = session.bytes == 0;
        let documents_up_to = upload.then_some(session.outbox_end);
        let library = facts.has_library && session.is_open(LIBRARY) && !session.library_told;
        session.phase = Phase::Exchanging { documents_up_to, download, library };
        let at = facts.now.plus_millis(self.clock_offset_ms);
        // The rows that this request speaks for run; a download behind several batches of documents still waits.
        for (id, runs, stage) in [(UP, upload, Stage::Uploading), (DOWN, download && !upload, Stage::Connecting)] {
            let row = self.rows.entry(id).or_default();
            if runs && row.doing == Doing::Queued {
                session.set(id, Part::Running);
                row.begin(if first { Stage::Connecting } else { stage }, at);
            }
        }
        let exchange = Exchange {
            documents_up_to,
            limit: documents_up_to.and(self.pace.limit),
            want_download: download,
            cursors: session.cursors,
            long_way: session.long_way,
            anew: session.anew,
            library,
        };
        effects.extend([KEEP, Effect::Show { now: true }, Effect::Do(Work::Exchange(exchange))]);
    }

    /// The rows are done: the copy is looked after, when it is time for that.
    fn check(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let is_fresh = session.part(DOWN) == Part::Succeeded;
        let work = if is_fresh && !session.check.wrong.is_empty() {
            session.phase = Phase::Repairing;
            Work::Repair(session.check.wrong.clone())
        } else if is_fresh && facts.fill_due && !session.check.filled {
            session.check.filled = true;
            session.phase = Phase::Filling;
            Work::Fill
        } else if is_fresh && (facts.check_due || session.check.asked) && !session.check.checked {
            session.check.checked = true;
            session.phase = Phase::Checking;
            Work::Check
        } else {
            return self.move_files(facts, effects);
        };
        effects.extend([KEEP, Effect::Show { now: true }, Effect::Do(work)]);
    }

    fn came(&mut self, outcome: Outcome, facts: &Facts, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Exchanged(Ok(exchanged)) => self.exchanged(&exchanged, facts, effects),
            Outcome::Exchanged(Err(failed)) => self.exchange_failed(failed, facts, effects),
            Outcome::Blamed(Ok(())) => self.advance(facts, effects),
            Outcome::Blamed(Err(failed)) => self.end_row(UP, failed, facts, effects),
            Outcome::Planned(Ok(planned)) => self.planned(planned, facts, effects),
            Outcome::Fetched(wanted, result) => self.fetched(wanted, result, facts, effects),
            Outcome::Stepped(Ok(Applied { rows })) | Outcome::Applied(Ok(Applied { rows })) => self.applied(rows, facts, effects),
            Outcome::Stepped(Err(ApplyFailed::WrongSum(_))) => {
                // The root does not count any more; the long way shows which buckets are at fault.
                if let Some(session) = &mut self.session {
                    session.long_way = true;
                }
                self.ask_again("a step that does not add up", facts, effects);
            }
            Outcome::Applied(Err(ApplyFailed::WrongSum(buckets))) => self.plan_again(buckets, facts, effects),
            // The server took the root's name for more than is held: a damaged book of the copy, for instance.
            Outcome::Planned(Err(failed))
                if failed.code == ErrorCode::IncompleteReply && self.session.as_ref().is_some_and(|session| !session.long_way) =>
            {
                if let Some(session) = &mut self.session {
                    session.long_way = true;
                }
                self.ask_again("news that do not fit what is held", facts, effects);
            }
            Outcome::Planned(Err(failed))
            | Outcome::Stepped(Err(ApplyFailed::Failed(failed)))
            | Outcome::Applied(Err(ApplyFailed::Failed(failed)))
            | Outcome::Checked(Err(failed))
            | Outcome::Repaired(Err(failed)) => self.end_row(DOWN, failed, facts, effects),
            Outcome::Filled(Ok(Mended::Behind)) => self.catch_up(facts, effects),
            // What could not be filled is asked for in the next session; every row that is shown is whole without it.
            Outcome::Filled(_) => self.advance(facts, effects),
            Outcome::Checked(Ok(wrong)) => {
                if let Some(session) = &mut self.session {
                    session.check.wrong = wrong;
                }
                self.advance(facts, effects);
            }
            Outcome::Repaired(Ok(mended)) => self.repaired(mended, facts, effects),
            Outcome::Moved(row, Ok(moved)) => self.moved(row, moved, facts, effects),
            Outcome::Moved(row, Err(failed)) => self.end_row(row, failed, facts, effects),
        }
    }

    /// A row failed; the others go on as far as that failure lets them.
    fn end_row(&mut self, id: RowId, failed: Failed, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let rows: Vec<RowId> = match reach(failed.code) {
            Reach::Everything => return self.finish(Some(failed), facts, effects),
            Reach::Downloads => session.open_rows().into_iter().filter(|row| row.direction() == id.direction()).chain([id]).collect(),
            Reach::Row => vec![id],
        };
        let tag = session.tag.to_string();
        for row in BTreeSet::from_iter(rows) {
            if let Some(session) = &mut self.session {
                session.set(row, Part::Failed);
            }
            self.fail_row(row, failed.clone(), Some(tag.clone()), facts);
        }
        effects.push(KEEP);
        self.advance(facts, effects);
    }

    /// Ends the session; parts that are still open fail with `failed`.
    fn finish(&mut self, failed: Option<Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(mut session) = self.session.take() else { return };
        if let Some(failed) = failed {
            session.code.get_or_insert(failed.code);
            for id in session.open_rows() {
                session.set(id, Part::Failed);
                self.fail_row(id, failed.clone(), Some(session.tag.to_string()), facts);
            }
        }
        let result = session.result();
        self.end(&session, result, facts, effects);
    }

    fn stop(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = self.session.take() else { return };
        for id in session.open_rows() {
            self.rows.entry(id).or_default().stop();
            self.consent.forget(id);
        }
        effects.push(Effect::Abandon);
        self.end(&session, SessionResult::Stopped, facts, effects);
    }

    fn end(&mut self, session: &Session, result: SessionResult, facts: &Facts, effects: &mut Vec<Effect>) {
        if session.cause == Cause::Call && session.received == 0 {
            // It was called for nothing: the next call is waited for more patiently.
            self.watch_failed(None, facts);
        } else if session.part(DOWN) == Part::Succeeded {
            (self.watch.failures, self.watch.not_before) = (0, None);
        }
        self.last = Some(Ended {
            tag: session.tag.to_string(),
            result,
            sent: session.sent + session.files_done(Direction::Upload),
            received: session.received + session.files_done(Direction::Download),
            bytes: session.bytes,
            millis: u64::try_from(facts.now.since(session.started_at)).unwrap_or(0),
            cause: session.cause.as_str(),
            code: session.code,
        });
        effects.extend([Effect::Save { note: true }, Effect::Show { now: true }]);
    }

    fn fail_row(&mut self, id: RowId, failed: Failed, tag: Option<String>, facts: &Facts) {
        let at = facts.now.plus_millis(self.clock_offset_ms);
        if let Some(session) = &mut self.session {
            session.code.get_or_insert(failed.code);
        }
        // Rows that fail together are tried again together: the same chance for both.
        self.rows.entry(id).or_default().fail(failed, tag, at, facts.now, facts.random);
    }

    fn rows_that(&self, wanted: impl Fn(&StatusRow) -> bool) -> Vec<RowId> {
        ORDER.into_iter().filter(|id| wanted(&self.rows[id])).collect()
    }

    fn reset_back_off(&mut self, ids: &[RowId]) {
        for id in ids {
            self.rows.entry(*id).or_default().attempts = 0;
        }
    }
}

/// What is kept is how things stand after the step: once is enough, and first of all.
fn kept_once(effects: Vec<Effect>) -> Vec<Effect> {
    let saves: Vec<bool> =
        effects.iter().filter_map(|effect| if let Effect::Save { note } = effect { Some(*note) } else { None }).collect();
    if saves.is_empty() {
        return effects;
    }
    let save = Effect::Save { note: saves.contains(&true) };
    std::iter::once(save).chain(effects.into_iter().filter(|effect| !matches!(effect, Effect::Save { .. }))).collect()
}

fn begin(number: SessionNo, cause: Cause, facts: &Facts) -> Session {
    Session {
        number,
        tag: SessionTag::from_random(facts.random.to_le_bytes()),
        cause,
        started_at: facts.now,
        code: None,
        parts: BTreeMap::new(),
        outbox_end: facts.outbox_end,
        separate: false,
        suspicion: None,
        blames: false,
        cursors: false,
        long_way: false,
        anew: facts.rebuild_due,
        library_told: false,
        rounds: Rounds::default(),
        check: Check::default(),
        phase: Phase::Planning,
        pulse: Pulse { moved_bytes: facts.moved_bytes, stirred: false, quiet: 0, look_at: facts.now.plus_millis(LOOK_EVERY_MS) },
        sent: 0,
        received: 0,
        files: BTreeMap::new(),
        bytes: 0,
    }
}

fn waits_for_a_network(last: &LastAttempt) -> bool {
    match last {
        LastAttempt::Failed { failure, next_try } => next_try.is_some() || failure.code == ErrorCode::CaptivePortal,
        LastAttempt::None | LastAttempt::Ok | LastAttempt::Partial { .. } | LastAttempt::Waiting { .. } | LastAttempt::Stopped => false,
    }
}

fn waits_for_login(last: &LastAttempt) -> bool {
    match last {
        LastAttempt::Failed { failure, .. } => matches!(failure.code, ErrorCode::LoginNeeded | ErrorCode::PositionChanged),
        LastAttempt::None | LastAttempt::Ok | LastAttempt::Partial { .. } | LastAttempt::Waiting { .. } | LastAttempt::Stopped => false,
    }
}

#[cfg(test)]
mod tests;
