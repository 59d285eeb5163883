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
