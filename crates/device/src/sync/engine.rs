//! The only state of synchronisation in memory: an event in, effects out.
//!
//! No clock, no randomness, no I/O. One session at a time; every trigger joins the one that runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use polevik_device_api::{RowId, SessionResult, Stage};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::session_tag::SessionTag;

use crate::error::Failed;
use crate::sync::event::{Applied, ApplyFailed, Effect, Event, Exchanged, Facts, News, Outcome, Planned, SessionNo, Wanted, Work};
use crate::sync::session::{FETCHES_AT_ONCE, Fetching, Part, Phase, Session};
use crate::sync::status_row::{Doing, LastAttempt, Progress, StatusRow};

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
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    rows: BTreeMap<RowId, StatusRow>,
    session: Option<Session>,
    last: Option<Ended>,
    clock_offset_ms: i64,
    sessions: u64,
}

impl Engine {
    /// An engine that goes on from what was kept.
    #[must_use]
    pub fn new(rows: BTreeMap<RowId, StatusRow>, last: Option<Ended>, clock_offset_ms: i64) -> Self {
        let rows = RowId::ALL.into_iter().map(|id| (id, rows.get(&id).cloned().unwrap_or_default())).collect();
        Self { rows, session: None, last, clock_offset_ms, sessions: 0 }
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

    /// The server told the time outside a session.
    pub fn set_clock_offset(&mut self, clock_offset_ms: i64) {
        self.clock_offset_ms = clock_offset_ms;
    }

    /// Another position begins: nothing has run for it yet.
    pub fn forget_rows(&mut self) {
        self.rows = RowId::ALL.into_iter().map(|id| (id, StatusRow::default())).collect();
        self.last = None;
    }

    /// What is to be done about an event. The effects are carried out in their order.
    pub fn step(&mut self, event: Event, facts: &Facts) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Started => self.wake_later(&mut effects),
            Event::Asked(row) => {
                let wanted: Vec<RowId> = row.map_or_else(|| RowId::ALL.to_vec(), |row| vec![row]);
                self.want(&wanted, facts, &mut effects);
            }
            // Nobody is there for whom anything could be fetched or sent.
            Event::Woken | Event::Due if !facts.signed_in => (),
            Event::Woken => {
                // Another network: the waiting so far says nothing about it.
                let wanted = self.rows_that(|row| waits_for_a_network(&row.last));
                self.reset_back_off(&wanted);
                self.want(&wanted, facts, &mut effects);
            }
            Event::Due => {
                let wanted = self.rows_that(|row| row.next_try().is_some_and(|at| at <= facts.now));
                self.want(&wanted, facts, &mut effects);
                self.wake_later(&mut effects);
            }
            Event::SignedIn => {
                let wanted = self.rows_that(|row| waits_for_a_network(&row.last) || waits_for_login(&row.last));
                self.reset_back_off(&wanted);
                self.want(&wanted, facts, &mut effects);
            }
            Event::StopAsked => self.stop(facts, &mut effects),
            Event::SignedOut => {
                self.stop(facts, &mut effects);
                effects.push(Effect::WakeAt(None));
            }
            Event::Came(number, outcome) => {
                // Of a session that was stopped: late, and harmless.
                if self.session.as_ref().is_some_and(|session| session.number == number) {
                    self.came(outcome, facts, &mut effects);
                }
            }
        }
        effects
    }

    /// Starts a session for these rows, or has the running one do them too.
    fn want(&mut self, wanted: &[RowId], facts: &Facts, effects: &mut Vec<Effect>) {
        if wanted.is_empty() {
            return;
        }
        if !facts.signed_in {
            for id in wanted {
                let failed = Failed::new(ErrorCode::LoginNeeded, "nobody is signed in");
                self.fail_row(*id, failed, None, facts);
            }
            effects.extend([Effect::Save, Effect::Show { now: true }]);
            return;
        }
        let joins = self.session.is_some();
        if !joins {
            self.sessions += 1;
        }
        let number = SessionNo(self.sessions);
        let session = self.session.get_or_insert_with(|| Session {
            number,
            tag: SessionTag::from_random(facts.random.to_le_bytes()),
            started_at: facts.now,
            upload: Part::NotAsked,
            download: Part::NotAsked,
            outbox_end: facts.outbox_end,
            separate: false,
            repairs: false,
            phase: Phase::Planning,
            sent: 0,
            received: 0,
            bytes: 0,
        });
        for id in wanted {
            if *id == RowId::UploadMandatory {
                // What was written since then belongs to the session too.
                session.outbox_end = session.outbox_end.max(facts.outbox_end);
            }
            let part = session.part(*id);
            if !part.is_open() {
                *part = Part::Queued;
                self.rows.entry(*id).or_default().queue();
            }
        }
        if joins {
            effects.push(Effect::Show { now: true });
        } else {
            effects.push(Effect::WakeAt(None));
            self.advance(facts, effects);
        }
    }

    /// The next thing to do for the session: the rows in their order, or its end.
    fn advance(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let upload = session.upload.is_open();
        let download = session.download.is_open() && !(upload && session.separate);
        if !upload && !download {
            return self.finish(None, facts, effects);
        }
        let first = session.bytes == 0;
        let documents_up_to = upload.then_some(session.outbox_end);
        session.phase = Phase::Exchanging { documents_up_to, download };
        let at = facts.now.plus_millis(self.clock_offset_ms);
        // The rows that this request speaks for run; a download behind several batches of documents still waits.
        for (id, runs, stage) in
            [(RowId::UploadMandatory, upload, Stage::Uploading), (RowId::DownloadMandatory, download && !upload, Stage::Connecting)]
        {
            let row = self.rows.entry(id).or_default();
            if runs && row.doing == Doing::Queued {
                *session.part(id) = Part::Running;
                row.begin(if first { Stage::Connecting } else { stage }, at);
            }
        }
        effects.extend([Effect::Save, Effect::Show { now: true }, Effect::Do(Work::Exchange { documents_up_to, want_download: download })]);
    }

    fn came(&mut self, outcome: Outcome, facts: &Facts, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Exchanged(Ok(exchanged)) => self.exchanged(&exchanged, facts, effects),
            Outcome::Exchanged(Err(failed)) => self.exchange_failed(failed, facts, effects),
            Outcome::Planned(Ok(planned)) => self.planned(planned, facts, effects),
            Outcome::Fetched(wanted, result) => self.fetched(wanted, result, facts, effects),
            Outcome::Applied(Ok(Applied { rows })) => {
                if let Some(session) = &mut self.session {
                    session.received += rows;
                }
                self.end_download(Ok(rows > 0), facts, effects);
            }
            Outcome::Applied(Err(ApplyFailed::WrongSum(buckets))) => self.repair(buckets, facts, effects),
            Outcome::Planned(Err(failed)) | Outcome::Applied(Err(ApplyFailed::Failed(failed))) => {
                self.end_download(Err(failed), facts, effects);
            }
        }
    }

    fn exchanged(&mut self, exchanged: &Exchanged, facts: &Facts, effects: &mut Vec<Effect>) {
        self.clock_offset_ms = exchanged.clock_offset_ms;
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        let Phase::Exchanging { documents_up_to, download } = session.phase else { return };
        session.sent += u64::from(exchanged.answered);
        session.bytes += exchanged.bytes_up + exchanged.bytes_down;

        if let Some(up_to) = documents_up_to.filter(|_| session.upload.is_open()) {
            let row = self.rows.entry(RowId::UploadMandatory).or_default();
            // Another trigger may have joined with newer documents while this request was on its way.
            let joined = session.outbox_end > up_to;
            if exchanged.waiting == 0 && !joined {
                session.upload = Part::Succeeded;
                row.succeed(at, session.sent > 0);
                effects.push(Effect::Save);
            } else if exchanged.waiting > 0 && exchanged.answered == 0 {
                // Asking again would go on for ever.
                session.upload = Part::Failed;
                let failed = Failed::new(ErrorCode::IncompleteReply, "the server answered none of the documents");
                row.fail(failed, Some(session.tag.to_string()), at, facts.now, facts.random);
                effects.push(Effect::Save);
            } else if let Doing::Running(progress) = &mut row.doing {
                let total = session.sent + u64::from(exchanged.waiting);
                *progress = Progress { stage: Stage::Uploading, done: session.sent, total, bytes: session.bytes, bytes_total: 0 };
            }
        }
        match exchanged.news {
            News::Some if download && session.download.is_open() => {
                session.download = Part::Running;
                session.phase = Phase::Planning;
                self.rows.entry(RowId::DownloadMandatory).or_default().begin(Stage::Downloading, at);
                effects.extend([Effect::Show { now: true }, Effect::Do(Work::Plan { forget: Vec::new() })]);
            }
            News::Nothing if download && session.download.is_open() => self.end_download(Ok(false), facts, effects),
            News::Some | News::Nothing | News::NotAsked => self.advance(facts, effects),
        }
    }

    fn exchange_failed(&mut self, failed: Failed, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        let Phase::Exchanging { documents_up_to, download } = session.phase else { return };
        let upload = documents_up_to.is_some();
        if ends_everything(failed.code) {
            return self.finish(Some(failed), facts, effects);
        }
        if upload && download {
            // It is not known which half of the request is at fault: each gets a request of its own.
            session.separate = true;
        } else {
            let id = if upload { RowId::UploadMandatory } else { RowId::DownloadMandatory };
            *session.part(id) = Part::Failed;
            let tag = session.tag.to_string();
            self.fail_row(id, failed, Some(tag), facts);
            effects.push(Effect::Save);
        }
        self.advance(facts, effects);
    }

    fn planned(&mut self, planned: Planned, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        if session.phase != Phase::Planning {
            return;
        }
        let missing: u64 = planned.wanted.iter().map(|wanted| wanted.bytes).sum();
        if let Doing::Running(progress) = &mut self.rows.entry(RowId::DownloadMandatory).or_default().doing {
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
            return self.end_download(Err(failed), facts, effects);
        }
        session.phase = Phase::Applying;
        if let Doing::Running(progress) = &mut self.rows.entry(RowId::DownloadMandatory).or_default().doing {
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
                if let Doing::Running(progress) = &mut self.rows.entry(RowId::DownloadMandatory).or_default().doing {
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

    /// Buckets that do not add up are fetched anew, once.
    fn repair(&mut self, buckets: Vec<BucketName>, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else { return };
        if session.repairs {
            let names: Vec<&str> = buckets.iter().map(|bucket| bucket.as_str()).collect();
            let failed = Failed::new(ErrorCode::IncompleteReply, format!("rows do not add up: {}", names.join(", ")));
            return self.end_download(Err(failed), facts, effects);
        }
        session.repairs = true;
        session.phase = Phase::Planning;
        effects.push(Effect::Do(Work::Plan { forget: buckets }));
    }

    fn end_download(&mut self, result: Result<bool, Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
        let at = facts.now.plus_millis(self.clock_offset_ms);
        let Some(session) = &mut self.session else { return };
        match result {
            Ok(changed) => {
                session.download = Part::Succeeded;
                self.rows.entry(RowId::DownloadMandatory).or_default().succeed(at, changed);
            }
            Err(failed) if ends_everything(failed.code) => return self.finish(Some(failed), facts, effects),
            Err(failed) => {
                session.download = Part::Failed;
                let tag = session.tag.to_string();
                self.fail_row(RowId::DownloadMandatory, failed, Some(tag), facts);
            }
        }
        effects.push(Effect::Save);
        self.advance(facts, effects);
    }

    /// Ends the session; parts that are still open fail with `failed`.
    fn finish(&mut self, failed: Option<Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(mut session) = self.session.take() else { return };
        if let Some(failed) = failed {
            for id in RowId::ALL {
                if session.part(id).is_open() {
                    *session.part(id) = Part::Failed;
                    self.fail_row(id, failed.clone(), Some(session.tag.to_string()), facts);
                }
            }
        }
        let result = session.result();
        self.end(&session, result, facts, effects);
    }

    fn stop(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
        let Some(mut session) = self.session.take() else { return };
        for id in RowId::ALL {
            if session.part(id).is_open() {
                self.rows.entry(id).or_default().stop();
            }
        }
        effects.push(Effect::Abandon);
        self.end(&session, SessionResult::Stopped, facts, effects);
    }

    fn end(&mut self, session: &Session, result: SessionResult, facts: &Facts, effects: &mut Vec<Effect>) {
        self.last = Some(Ended {
            tag: session.tag.to_string(),
            result,
            sent: session.sent,
            received: session.received,
            bytes: session.bytes,
            millis: u64::try_from(facts.now.since(session.started_at)).unwrap_or(0),
        });
        effects.extend([Effect::Save, Effect::Show { now: true }]);
        self.wake_later(effects);
    }

    fn fail_row(&mut self, id: RowId, failed: Failed, tag: Option<String>, facts: &Facts) {
        let at = facts.now.plus_millis(self.clock_offset_ms);
        // Rows that fail together are tried again together: the same chance for both.
        self.rows.entry(id).or_default().fail(failed, tag, at, facts.now, facts.random);
    }

    fn wake_later(&self, effects: &mut Vec<Effect>) {
        if self.session.is_none() {
            let at: Option<UtcMillis> = self.rows.values().filter_map(StatusRow::next_try).min();
            effects.push(Effect::WakeAt(at));
        }
    }

    fn rows_that(&self, wanted: impl Fn(&StatusRow) -> bool) -> Vec<RowId> {
        RowId::ALL.into_iter().filter(|id| wanted(&self.rows[id])).collect()
    }

    fn reset_back_off(&mut self, ids: &[RowId]) {
        for id in ids {
            self.rows.entry(*id).or_default().attempts = 0;
        }
    }
}

/// Failures after which no other row can do better: nobody is let in, or nobody answers.
///
/// A connection cut in the middle is not one: the next request may come through.
fn ends_everything(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NoInternet
            | ErrorCode::FlightMode
            | ErrorCode::ServerSilent
            | ErrorCode::CaptivePortal
            | ErrorCode::TlsFailed
            | ErrorCode::LoginNeeded
            | ErrorCode::DeviceBlocked
            | ErrorCode::PositionChanged
            | ErrorCode::Maintenance
            | ErrorCode::ServerBusy
            | ErrorCode::UpdateNeeded
    )
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
mod tests {
    use super::*;
    use crate::sync::event::Work;
    use polevik_device_api::RowState;

    const NOW: UtcMillis = UtcMillis(1_000_000);
    const UP: RowId = RowId::UploadMandatory;
    const DOWN: RowId = RowId::DownloadMandatory;

    fn facts(outbox_end: i64) -> Facts {
        Facts { now: NOW, random: 200, outbox_end, signed_in: true }
    }

    fn engine() -> Engine {
        Engine::new(BTreeMap::new(), None, 0)
    }

    fn exchanged(answered: u32, waiting: u32, news: News) -> Outcome {
        Outcome::Exchanged(Ok(Exchanged { clock_offset_ms: 0, answered, waiting, bytes_up: 10, bytes_down: 10, news }))
    }

    fn failed(code: ErrorCode) -> Failed {
        Failed::new(code, "")
    }

    fn wanted(place: u8) -> Wanted {
        Wanted { hash: polevik_protocol::manifest::Blake3Hex::of(&[place]), bytes: 100 }
    }

    fn planned(count: u8) -> Outcome {
        let wanted: Vec<Wanted> = (0..count).map(wanted).collect();
        Outcome::Planned(Ok(Planned { bytes_total: wanted.len() as u64 * 100, wanted, rows: 7 }))
    }

    /// Steps that speak of the running session, and the work that the last of them asks for.
    fn after(engine: &mut Engine, outcomes: Vec<Outcome>) -> Vec<Work> {
        let mut work = Vec::new();
        for outcome in outcomes {
            let number = SessionNo(engine.sessions);
            work = work_of(engine.step(Event::Came(number, outcome), &facts(3)));
        }
        work
    }

    fn work_of(effects: Vec<Effect>) -> Vec<Work> {
        effects.into_iter().filter_map(|effect| if let Effect::Do(work) = effect { Some(work) } else { None }).collect()
    }

    fn words(engine: &Engine) -> (&'static str, &'static str) {
        let word = |id| match engine.row(id).shown() {
            RowState::Never => "never",
            RowState::Queued => "queued",
            RowState::Running { .. } => "running",
            RowState::Ok => "ok",
            RowState::Failed { .. } => "failed",
            RowState::Stopped => "stopped",
        };
        (word(UP), word(DOWN))
    }

    fn both(documents_up_to: i64) -> Work {
        Work::Exchange { documents_up_to: Some(documents_up_to), want_download: true }
    }

    const NEWS_ALONE: Work = Work::Exchange { documents_up_to: None, want_download: true };

    /// What came, how the rows stand then (up, down), and what is asked for next.
    #[test]
    fn a_session_goes_on_by_what_came() {
        let documents_alone = Work::Exchange { documents_up_to: Some(3), want_download: false };
        let apply = Work::Apply { at: NOW };
        let plan = Work::Plan { forget: vec![] };
        let bucket = BucketName::parse("territory:5").unwrap();
        let wrong = || Outcome::Applied(Err(ApplyFailed::WrongSum(vec![bucket.clone()])));
        let exchange_failed = |code| Outcome::Exchanged(Err(failed(code)));
        for (name, outcomes, rows, next) in [
            ("begun", vec![], ("running", "queued"), vec![both(3)]),
            ("all answered, nothing new", vec![exchanged(3, 0, News::Nothing)], ("ok", "ok"), vec![]),
            ("a batch answered, more wait", vec![exchanged(2, 1, News::NotAsked)], ("running", "queued"), vec![both(3)]),
            ("no receipts at all", vec![exchanged(0, 3, News::NotAsked)], ("failed", "running"), vec![NEWS_ALONE]),
            ("news", vec![exchanged(3, 0, News::Some)], ("ok", "running"), vec![plan.clone()]),
            ("everything is here", vec![exchanged(3, 0, News::Some), planned(0)], ("ok", "running"), vec![apply.clone()]),
            (
                "segments are missing",
                vec![exchanged(3, 0, News::Some), planned(5)],
                ("ok", "running"),
                (0..4).map(|place| Work::Fetch(wanted(place))).collect(),
            ),
            (
                "one came",
                vec![exchanged(3, 0, News::Some), planned(5), Outcome::Fetched(wanted(0), Ok(()))],
                ("ok", "running"),
                vec![Work::Fetch(wanted(4))],
            ),
            (
                "the last came",
                vec![exchanged(3, 0, News::Some), planned(1), Outcome::Fetched(wanted(0), Ok(()))],
                ("ok", "running"),
                vec![apply.clone()],
            ),
            (
                "one failed, one is still under way",
                vec![exchanged(3, 0, News::Some), planned(2), Outcome::Fetched(wanted(0), Err(failed(ErrorCode::ConnectionLost)))],
                ("ok", "running"),
                vec![],
            ),
            (
                "one failed and the other came",
                vec![
                    exchanged(3, 0, News::Some),
                    planned(2),
                    Outcome::Fetched(wanted(0), Err(failed(ErrorCode::ConnectionLost))),
                    Outcome::Fetched(wanted(1), Ok(())),
                ],
                ("ok", "failed"),
                vec![],
            ),
            (
                "damaged once",
                vec![exchanged(3, 0, News::Some), planned(1), Outcome::Fetched(wanted(0), Err(failed(ErrorCode::FileDamaged)))],
                ("ok", "running"),
                vec![Work::Fetch(wanted(0))],
            ),
            (
                "damaged twice",
                vec![
                    exchanged(3, 0, News::Some),
                    planned(1),
                    Outcome::Fetched(wanted(0), Err(failed(ErrorCode::FileDamaged))),
                    Outcome::Fetched(wanted(0), Err(failed(ErrorCode::FileDamaged))),
                ],
                ("ok", "failed"),
                vec![],
            ),
            ("applied", vec![exchanged(3, 0, News::Some), planned(0), Outcome::Applied(Ok(Applied { rows: 7 }))], ("ok", "ok"), vec![]),
            (
                "does not add up",
                vec![exchanged(3, 0, News::Some), planned(0), wrong()],
                ("ok", "running"),
                vec![Work::Plan { forget: vec![bucket.clone()] }],
            ),
            (
                "does not add up twice",
                vec![exchanged(3, 0, News::Some), planned(0), wrong(), planned(0), wrong()],
                ("ok", "failed"),
                vec![],
            ),
            ("nobody answers", vec![exchange_failed(ErrorCode::ServerSilent)], ("failed", "failed"), vec![]),
            ("not let in", vec![exchange_failed(ErrorCode::LoginNeeded)], ("failed", "failed"), vec![]),
            ("too old", vec![exchange_failed(ErrorCode::UpdateNeeded)], ("failed", "failed"), vec![]),
            ("cut", vec![exchange_failed(ErrorCode::ConnectionLost)], ("running", "queued"), vec![documents_alone.clone()]),
            (
                "cut twice",
                vec![exchange_failed(ErrorCode::ConnectionLost), exchange_failed(ErrorCode::ConnectionLost)],
                ("failed", "running"),
                vec![NEWS_ALONE],
            ),
            (
                "the documents came through alone",
                vec![exchange_failed(ErrorCode::ServerError), exchanged(3, 0, News::NotAsked)],
                ("ok", "running"),
                vec![NEWS_ALONE],
            ),
        ] {
            let mut engine = engine();
            let mut work = work_of(engine.step(Event::Asked(None), &facts(3)));
            if !outcomes.is_empty() {
                work = after(&mut engine, outcomes);
            }
            assert_eq!((words(&engine), work), (rows, next), "{name}");
            let ended = !matches!(rows.0, "running" | "queued") && !matches!(rows.1, "running" | "queued");
            assert_eq!(engine.session().is_none(), ended, "{name}");
        }
    }

    #[test]
    fn every_trigger_joins_the_session_that_runs() {
        let mut engine = engine();
        engine.step(Event::Asked(Some(UP)), &facts(3));
        for event in [Event::Asked(Some(UP)), Event::Asked(None), Event::Woken, Event::Due] {
            assert_eq!(work_of(engine.step(event.clone(), &facts(3))), [], "{event:?}");
        }
        assert_eq!(words(&engine), ("running", "queued"), "the row that was added waits for its turn");
        assert_eq!(after(&mut engine, vec![exchanged(3, 0, News::NotAsked)]), [NEWS_ALONE]);
    }

    #[test]
    fn a_document_written_while_the_first_is_on_its_way_goes_in_the_same_session() {
        let mut engine = engine();
        engine.step(Event::Asked(Some(UP)), &facts(3));
        engine.step(Event::Asked(Some(UP)), &facts(4));
        let next = after(&mut engine, vec![exchanged(3, 0, News::NotAsked)]);
        assert_eq!(next, [Work::Exchange { documents_up_to: Some(4), want_download: false }]);
        assert_eq!(words(&engine).0, "running");
        after(&mut engine, vec![exchanged(1, 0, News::NotAsked)]);
        assert_eq!(words(&engine).0, "ok");
    }

    #[test]
    fn what_is_late_from_a_stopped_session_changes_nothing() {
        let mut engine = engine();
        engine.step(Event::Asked(None), &facts(3));
        let effects = engine.step(Event::StopAsked, &facts(3));
        assert!(effects.contains(&Effect::Abandon));
        assert_eq!(
            (words(&engine), engine.last().map(|ended| ended.result.clone())),
            (("stopped", "stopped"), Some(SessionResult::Stopped))
        );
        let before = engine.clone();
        assert_eq!(engine.step(Event::Came(SessionNo(1), exchanged(3, 0, News::Some)), &facts(3)), []);
        assert_eq!(engine, before);
        engine.step(Event::Asked(None), &facts(3));
        assert_eq!(engine.step(Event::Came(SessionNo(1), exchanged(3, 0, News::Some)), &facts(3)), [], "nor in the next session");
    }

    #[test]
    fn rows_are_kept_before_anything_is_sent() {
        let effects = engine().step(Event::Asked(None), &facts(3));
        let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
        assert!(place(|effect| *effect == Effect::Save) < place(|effect| matches!(effect, Effect::Do(_))));
    }

    #[test]
    fn a_failed_row_comes_back_by_itself_and_only_it() {
        let mut engine = engine();
        engine.step(Event::Asked(None), &facts(3));
        // The documents are answered; the news fail.
        let number = SessionNo(1);
        engine.step(Event::Came(number, exchanged(3, 0, News::Some)), &facts(3));
        let effects = engine.step(Event::Came(number, Outcome::Planned(Err(failed(ErrorCode::IncompleteReply)))), &facts(3));
        assert_eq!(effects.last(), Some(&Effect::WakeAt(Some(NOW.plus_secs(5)))));
        assert_eq!(work_of(engine.step(Event::Due, &facts(3))), [], "too early");
        let later = Facts { now: NOW.plus_secs(5), ..facts(3) };
        assert_eq!(work_of(engine.step(Event::Due, &later)), [NEWS_ALONE]);
    }

    #[test]
    fn what_a_person_must_do_is_not_tried_again_by_itself() {
        let mut engine = engine();
        engine.step(Event::Asked(None), &facts(3));
        let effects = engine.step(Event::Came(SessionNo(1), Outcome::Exchanged(Err(failed(ErrorCode::LoginNeeded)))), &facts(3));
        assert_eq!(effects.last(), Some(&Effect::WakeAt(None)));
        assert_eq!(work_of(engine.step(Event::Woken, &facts(3))), []);
        assert_eq!(work_of(engine.step(Event::SignedIn, &facts(3))), [both(3)]);
    }

    #[test]
    fn without_a_sign_in_nothing_is_sent_and_the_rows_say_why() {
        let mut engine = engine();
        let effects = engine.step(Event::Asked(None), &Facts { signed_in: false, ..facts(3) });
        assert_eq!(work_of(effects), []);
        assert_eq!(words(&engine), ("failed", "failed"));
    }

    #[test]
    fn a_failure_of_before_does_not_come_back_while_nobody_is_signed_in() {
        let mut engine = engine();
        engine.step(Event::Asked(None), &facts(3));
        engine.step(Event::Came(SessionNo(1), Outcome::Exchanged(Err(failed(ErrorCode::ServerSilent)))), &facts(3));
        assert_eq!(engine.step(Event::SignedOut, &facts(3)), [Effect::WakeAt(None)]);
        let before = engine.clone();
        let later = Facts { now: NOW.plus_secs(60), signed_in: false, ..facts(3) };
        for event in [Event::Woken, Event::Due] {
            assert_eq!(engine.step(event, &later), []);
        }
        assert_eq!(engine, before);
    }
}
