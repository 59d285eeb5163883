//! The only state of synchronisation in memory: an event in, effects out.
//!
//! No clock, no randomness, no I/O. One session at a time; every trigger joins the one that runs. The order of the rows and what one failure
//! means for the others stand in `rules.rs`, the waiting in `schedule.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use polevik_device_api::{RowId, SessionResult, Stage};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::session_tag::SessionTag;
use polevik_protocol::version::MAX_BATCH_DOCUMENTS;

use crate::error::Failed;
use crate::sync::event::{
    Applied, ApplyFailed, Effect, Event, Exchange, ExchangeFailed, Exchanged, Facts, Mended, News, Outcome, Planned, SessionNo, Wanted,
    Work,
};
use crate::sync::rules::{ORDER, Pace, Reach, may_be_a_document, reach};
use crate::sync::schedule;
use crate::sync::session::{Cause, Check, FETCHES_AT_ONCE, Fetching, Part, Phase, Pulse, Rounds, Session, Suspicion};
use crate::sync::status_row::{Doing, LastAttempt, Progress, StatusRow};

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

/// How a session that ended went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its tag.
    pub tag: String,
    /// Its result.
    pub result: SessionResult,
    /// Documents answered.
    pub sent: u64,
    /// Rows applied.
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

/// The wait for news while the application is in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Watch {
    /// The application is in front.
    foreground: bool,
    /// A wait is under way.
    waiting: bool,
    /// When it began, by the device's clock.
    since: UtcMillis,
    /// Waits in a row that were none: failed, or brought nothing.
    failures: u32,
    /// Not before this time, by the device's clock.
    not_before: Option<UtcMillis>,
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
        Self { rows, session: None, last, clock_offset_ms, sessions: 0, pace, interrupted, watch: Watch::default(), armed: None }
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
        session.phase = Phase::Exchanging { documents_up_to, download };
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
            return self.finish(None, facts, effects);
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
        }
    }

    fn exchanged(&mut self, exchanged: &Exchanged, facts: &Facts, effects: &mut Vec<Effect>) {
        self.clock_offset_ms = exchanged.clock_offset_ms;
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        let Phase::Exchanging { documents_up_to, download } = session.phase else { return };
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
    fn documents_went(&mut self, up_to: i64, exchanged: &Exchanged, at: UtcMillis, facts: &Facts, effects: &mut Vec<Effect>) {
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

    fn exchange_failed(&mut self, came: ExchangeFailed, facts: &Facts, effects: &mut Vec<Effect>) {
        let ExchangeFailed { documents, known, failed } = came;
        let Some(session) = &mut self.session else { return };
        let Phase::Exchanging { documents_up_to, download } = session.phase else { return };
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
        match reach(failed.code) {
            Reach::Everything => return self.finish(Some(failed), facts, effects),
            // What is refused for the documents alone is refused for all.
            Reach::Downloads if upload && !download => return self.finish(Some(failed), facts, effects),
            Reach::Downloads => return self.end_row(DOWN, failed, facts, effects),
            Reach::Row => (),
        }
        let Some(session) = &mut self.session else { return };
        if upload && download {
            // It is not known which half of the request is at fault: each gets a request of its own.
            session.separate = true;
        } else if !upload {
            return self.end_row(DOWN, failed, facts, effects);
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
    fn offer_again(&mut self, facts: &Facts) {
        let Some(session) = &mut self.session else { return };
        session.outbox_end = session.outbox_end.max(facts.outbox_end);
        if !session.is_open(UP) {
            session.set(UP, Part::Queued);
            self.rows.entry(UP).or_default().queue();
        }
    }

    /// Asks for the news once more, with cursors.
    fn ask_again(&mut self, why: &str, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        session.cursors = true;
        session.rounds.asked_again += 1;
        if session.rounds.asked_again > MOST_ROUNDS {
            return self.end_row(DOWN, Failed::new(ErrorCode::IncompleteReply, why), facts, effects);
        }
        self.advance(facts, effects);
    }

    fn planned(&mut self, planned: Planned, facts: &Facts, effects: &mut Vec<Effect>) {
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
    fn fetch_more(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
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

    fn fetched(&mut self, wanted: Wanted, result: Result<(), Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
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

    fn applied(&mut self, rows: u64, facts: &Facts, effects: &mut Vec<Effect>) {
        if let Some(session) = &mut self.session {
            session.received += rows;
            session.anew = false;
        }
        self.end_download(rows > 0, facts, effects);
    }

    /// Buckets that do not add up are compared range by range and what differs is fetched anew, once; then the whole copy, if that never helps.
    fn plan_again(&mut self, buckets: Vec<BucketName>, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        if session.rounds.replanned > 0 || session.anew {
            return self.still_wrong(&buckets, facts, effects);
        }
        session.rounds.replanned += 1;
        session.phase = Phase::Planning;
        effects.push(Effect::Do(Work::Plan { suspects: buckets, anew: false }));
    }

    fn repaired(&mut self, mended: Mended, facts: &Facts, effects: &mut Vec<Effect>) {
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

    fn still_wrong(&mut self, buckets: &[BucketName], facts: &Facts, effects: &mut Vec<Effect>) {
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
    fn catch_up(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
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

    fn download_once_more(&mut self) {
        if let Some(session) = &mut self.session {
            session.set(DOWN, Part::Queued);
            self.rows.entry(DOWN).or_default().queue();
        }
    }

    fn end_download(&mut self, changed: bool, facts: &Facts, effects: &mut Vec<Effect>) {
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        session.set(DOWN, Part::Succeeded);
        self.rows.entry(DOWN).or_default().succeed(at, changed || session.received > 0);
        effects.push(KEEP);
        self.advance(facts, effects);
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
            sent: session.sent,
            received: session.received,
            bytes: session.bytes,
            millis: u64::try_from(facts.now.since(session.started_at)).unwrap_or(0),
            cause: session.cause.as_str(),
            code: session.code,
        });
        effects.extend([Effect::Save { note: true }, Effect::Show { now: true }]);
    }

    /// The watchdog: a session in which nothing moved for two looks is given up, and its rows are tried again.
    fn look(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let pulse = &mut session.pulse;
        let early_ms = pulse.look_at.since(facts.now);
        // Further away than a look ever is: the clock was set back.
        if (1..=LOOK_EVERY_MS).contains(&early_ms) {
            return;
        }
        let moves = std::mem::take(&mut pulse.stirred) || facts.moved_bytes != pulse.moved_bytes;
        pulse.quiet = if moves { 0 } else { pulse.quiet + 1 };
        (pulse.moved_bytes, pulse.look_at) = (facts.moved_bytes, facts.now.plus_millis(LOOK_EVERY_MS));
        if pulse.quiet < QUIET_LOOKS {
            return;
        }
        let code = if session.phase.waits_for_network() { ErrorCode::ConnectionLost } else { ErrorCode::IncompleteReply };
        effects.push(Effect::Abandon);
        self.finish(Some(Failed::new(code, "nothing moved any more")), facts, effects);
    }

    fn watched(&mut self, result: Result<bool, Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
        self.watch.waiting = false;
        match result {
            // A session that runs asks for the news itself.
            Ok(true) => self.want(if self.session.is_none() { &[DOWN] } else { &[] }, Cause::Call, facts, effects),
            Ok(false) if (0..SHORTEST_WAIT_MS).contains(&facts.now.since(self.watch.since)) => self.watch_failed(None, facts),
            Ok(false) => (self.watch.failures, self.watch.not_before) = (0, None),
            Err(failed) => self.watch_failed(failed.retry_after_s, facts),
        }
    }

    fn watch_failed(&mut self, retry_after_s: Option<u32>, facts: &Facts) {
        self.watch.failures = self.watch.failures.saturating_add(1);
        // Whatever it was: a wait is no promise to anybody, and always comes back more slowly.
        self.watch.not_before = schedule::next_try(ErrorCode::ServerError, self.watch.failures, retry_after_s, facts.now, facts.random);
    }

    /// After every event: begins or drops the wait for news, plans what was forgotten, and names the time to come back.
    fn look_ahead(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        if self.session.is_none() && facts.signed_in {
            let forgotten = self.rows.values_mut().filter_map(|row| row.plan_if_forgotten(facts.now, facts.random).then_some(())).count();
            if forgotten > 0 {
                effects.push(KEEP);
            }
        }
        let contact_is_good = matches!(self.row(DOWN).last, LastAttempt::Ok);
        let watches = self.watch.foreground && facts.signed_in && facts.has_root && self.session.is_none() && contact_is_good;
        let not_yet = self.watch.not_before.filter(|at| !schedule::is_due(ErrorCode::ServerError, *at, facts.now));
        if watches && !self.watch.waiting && not_yet.is_none() {
            (self.watch.waiting, self.watch.since, self.watch.not_before) = (true, facts.now, None);
            effects.push(Effect::Watch);
        } else if !watches && self.watch.waiting {
            self.watch.waiting = false;
            effects.push(Effect::Unwatch);
        }
        let wake_at = if !facts.signed_in {
            None
        } else if let Some(session) = &self.session {
            Some(session.pulse.look_at)
        } else {
            // A time that a clock named which was set back since then is not waited for, however the process came to look at it.
            let due = |row: &StatusRow| if row.is_due(facts.now) { Some(facts.now) } else { row.next_try() };
            self.rows.values().filter_map(due).chain(not_yet.filter(|_| watches)).min()
        };
        if wake_at != self.armed {
            self.armed = wake_at;
            effects.push(Effect::WakeAt(wake_at));
        }
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
        rounds: Rounds::default(),
        check: Check::default(),
        phase: Phase::Planning,
        pulse: Pulse { moved_bytes: facts.moved_bytes, stirred: false, quiet: 0, look_at: facts.now.plus_millis(LOOK_EVERY_MS) },
        sent: 0,
        received: 0,
        bytes: 0,
    }
}

fn waits_for_a_network(last: &LastAttempt) -> bool {
    match last {
        LastAttempt::Failed { failure, next_try } => next_try.is_some() || failure.code == ErrorCode::CaptivePortal,
        LastAttempt::None | LastAttempt::Ok | LastAttempt::Stopped => false,
    }
}

fn waits_for_login(last: &LastAttempt) -> bool {
    match last {
        LastAttempt::Failed { failure, .. } => matches!(failure.code, ErrorCode::LoginNeeded | ErrorCode::PositionChanged),
        LastAttempt::None | LastAttempt::Ok | LastAttempt::Stopped => false,
    }
}

#[cfg(test)]
mod tests;
