//! A row of the synchronisation screen: its states, and the time that moves only on success.

use polevik_device_api::{Failure, RowState, Stage, WaitReason};
use polevik_device_store::work::rows::StoredRow;
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;

use crate::error::Failed;
use crate::sync::schedule;

/// How the last attempt of a row ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LastAttempt {
    /// There was none.
    #[default]
    None,
    /// It succeeded.
    Ok,
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
        /// When it is tried again by itself, by the device's clock.
        next_try: Option<UtcMillis>,
    },
    /// Some files cannot be moved, and the time alone will not change that; the others are done.
    Partial {
        /// Files that are done.
        done: u64,
        /// Files in all.
        total: u64,
        /// Why the first of the others is not.
        failure: Failure,
    },
    /// The rest goes on by itself when the reason is gone.
    Waiting {
        /// For what.
        reason: WaitReason,
        /// Files that wait.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The rep stopped it.
    Stopped,
}

/// What a row is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Doing {
    /// Nothing.
    #[default]
    Idle,
    /// It waits for another row.
    Queued,
    /// Bytes or rows move.
    Running(Progress),
}

/// How far a running row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub stage: Stage,
    /// Documents or rows done.
    pub done: u64,
    /// In all; 0 while not known.
    pub total: u64,
    /// Bytes moved.
    pub bytes: u64,
    /// In all; 0 while not known.
    pub bytes_total: u64,
}

impl Progress {
    /// The beginning of a step.
    #[must_use]
    pub fn begin(stage: Stage) -> Self {
        Self { stage, done: 0, total: 0, bytes: 0, bytes_total: 0 }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusRow {
    /// What it is doing.
    pub doing: Doing,
    /// How the last attempt ended.
    pub last: LastAttempt,
    /// Last complete success, by the server's clock. Only [`StatusRow::succeed`] moves it.
    pub last_success: Option<UtcMillis>,
    /// Last attempt, by the corrected clock.
    pub last_attempt: Option<UtcMillis>,
    /// Whether the last success changed something.
    pub changed: bool,
    /// Failures in a row.
    pub attempts: u32,
}

impl StatusRow {
    /// It is wanted: it waits for its turn.
    pub fn queue(&mut self) {
        self.doing = Doing::Queued;
    }

    /// Its turn has come.
    pub fn begin(&mut self, stage: Stage, at: UtcMillis) {
        self.doing = Doing::Running(Progress::begin(stage));
        self.last_attempt = Some(at);
    }

    /// Everything that waited at its start is answered, or everything the office had is applied.
    pub fn succeed(&mut self, at: UtcMillis, changed: bool) {
        self.doing = Doing::Idle;
        self.last = LastAttempt::Ok;
        self.last_success = Some(at);
        self.last_attempt = Some(at);
        self.changed = changed;
        self.attempts = 0;
    }

    /// It did not work; the time of the last success stays. `now` is the device's clock, `at` the corrected one.
    pub fn fail(&mut self, failed: Failed, tag: Option<String>, at: UtcMillis, now: UtcMillis, random: u32) {
        self.doing = Doing::Idle;
        self.attempts = self.attempts.saturating_add(1);
        let next_try = schedule::next_try(failed.code, self.attempts, failed.retry_after_s, now, random);
        self.last_attempt = Some(at);
        self.last = LastAttempt::Failed { failure: failed.shown(tag), next_try };
    }

    /// Some of its files cannot be moved; the time of the last success stays.
    pub fn end_in_part(&mut self, (done, total): (u64, u64), failed: Failed, tag: Option<String>, at: UtcMillis) {
        self.doing = Doing::Idle;
        self.attempts = 0;
        self.last_attempt = Some(at);
        self.last = LastAttempt::Partial { done, total, failure: failed.shown(tag) };
    }

    /// What is left of it waits, and goes on by itself; the time of the last success stays.
    pub fn wait(&mut self, reason: WaitReason, files: u64, bytes: u64) {
        self.doing = Doing::Idle;
        self.attempts = 0;
        self.last = LastAttempt::Waiting { reason, files, bytes };
    }

    /// The rep stopped it; a failure from before is still one.
    pub fn stop(&mut self) {
        self.doing = Doing::Idle;
        if !matches!(self.last, LastAttempt::Failed { .. } | LastAttempt::Partial { .. }) {
            self.last = LastAttempt::Stopped;
        }
    }

    /// Whether the time of its next try has come.
    #[must_use]
    pub fn is_due(&self, now: UtcMillis) -> bool {
        match &self.last {
            LastAttempt::Failed { failure, next_try: Some(at) } => schedule::is_due(failure.code, *at, now),
            LastAttempt::Failed { next_try: None, .. }
            | LastAttempt::None
            | LastAttempt::Ok
            | LastAttempt::Partial { .. }
            | LastAttempt::Waiting { .. }
            | LastAttempt::Stopped => false,
        }
    }

    /// The watchdog's last word: a failure that goes on by itself, but for which no next try is planned, gets one. Says whether it did.
    pub fn plan_if_forgotten(&mut self, now: UtcMillis, random: u32) -> bool {
        match &mut self.last {
            LastAttempt::Failed { failure, next_try: next_try @ None } if schedule::goes_on_by_itself(failure.code) => {
                *next_try = schedule::next_try(failure.code, self.attempts.max(1), None, now, random);
                true
            }
            LastAttempt::Failed { .. }
            | LastAttempt::None
            | LastAttempt::Ok
            | LastAttempt::Partial { .. }
            | LastAttempt::Waiting { .. }
            | LastAttempt::Stopped => false,
        }
    }

    /// Why the last attempt failed, if it did; a new attempt does not change that before its end.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.last {
            LastAttempt::Failed { failure, .. } | LastAttempt::Partial { failure, .. } => Some(failure),
            LastAttempt::None | LastAttempt::Ok | LastAttempt::Waiting { .. } | LastAttempt::Stopped => None,
        }
    }

    /// When it is tried again by itself.
    #[must_use]
    pub fn next_try(&self) -> Option<UtcMillis> {
        match &self.last {
            LastAttempt::Failed { next_try, .. } => *next_try,
            LastAttempt::None | LastAttempt::Ok | LastAttempt::Partial { .. } | LastAttempt::Waiting { .. } | LastAttempt::Stopped => None,
        }
    }

    /// As screens show it.
    #[must_use]
    pub fn shown(&self) -> RowState {
        match (&self.doing, &self.last) {
            (Doing::Queued, _) => RowState::Queued,
            (Doing::Running(Progress { stage, done, total, bytes, bytes_total }), _) => {
                RowState::Running { stage: *stage, done: *done, total: *total, bytes: *bytes, bytes_total: *bytes_total }
            }
            (Doing::Idle, LastAttempt::None) => RowState::Never,
            (Doing::Idle, LastAttempt::Ok) => RowState::Ok,
            (Doing::Idle, LastAttempt::Stopped) => RowState::Stopped,
            (Doing::Idle, LastAttempt::Partial { done, total, failure }) => {
                RowState::Partial { done: *done, total: *total, failure: failure.clone() }
            }
            (Doing::Idle, LastAttempt::Waiting { reason, files, bytes }) => {
                RowState::Waiting { reason: *reason, files: *files, bytes: *bytes }
            }
            (Doing::Idle, LastAttempt::Failed { failure, next_try }) => {
                RowState::Failed { failure: failure.clone(), next_try_at: *next_try }
            }
        }
    }

    /// As it is kept.
    #[must_use]
    pub fn stored(&self) -> StoredRow {
        let (outcome, failure) = match &self.last {
            LastAttempt::None => (None, None),
            LastAttempt::Ok => (Some("ok"), None),
            LastAttempt::Stopped => (Some("stopped"), None),
            LastAttempt::Failed { failure, .. } => (Some("failed"), Some(failure)),
            LastAttempt::Partial { failure, .. } => (Some("partial"), Some(failure)),
            LastAttempt::Waiting { .. } => (Some("waiting"), None),
        };
        let (wait_reason, files, amount) = match &self.last {
            LastAttempt::Partial { done, total, .. } => (None, *done, *total),
            LastAttempt::Waiting { reason, files, bytes } => (Some(word_of(*reason).to_owned()), *files, *bytes),
            LastAttempt::None | LastAttempt::Ok | LastAttempt::Stopped | LastAttempt::Failed { .. } => (None, 0, 0),
        };
        StoredRow {
            outcome: outcome.map(str::to_owned),
            last_success: self.last_success,
            last_attempt: self.last_attempt,
            changed: self.changed,
            code: failure.map(|failure| failure.code.as_str().to_owned()),
            tag: failure.and_then(|failure| failure.tag.clone()),
            detail: failure.map(|failure| failure.detail.clone()),
            attempts: self.attempts,
            next_try: self.next_try(),
            wait_reason,
            files,
            amount,
        }
    }

    /// From what was kept: a row that was running when the process ended is as it was before.
    #[must_use]
    pub fn restore(stored: StoredRow) -> Self {
        let failure = Failure {
            code: stored.code.as_deref().and_then(ErrorCode::parse).unwrap_or(ErrorCode::Unexpected),
            tag: stored.tag,
            detail: stored.detail.unwrap_or_default(),
            // The queue has moved on since.
            queue_position: None,
        };
        let last = match stored.outcome.as_deref() {
            Some("ok") => LastAttempt::Ok,
            Some("stopped") => LastAttempt::Stopped,
            Some("failed") => LastAttempt::Failed { failure, next_try: stored.next_try },
            Some("partial") => LastAttempt::Partial { done: stored.files, total: stored.amount, failure },
            // A reason of a later version is taken for the plainest one: what it is now is looked at with the next event.
            Some("waiting") => {
                let reason = stored.wait_reason.as_deref().and_then(reason_of).unwrap_or(WaitReason::WiFi);
                LastAttempt::Waiting { reason, files: stored.files, bytes: stored.amount }
            }
            // Nothing kept, or a word of a later version.
            _ => LastAttempt::None,
        };
        Self {
            doing: Doing::Idle,
            last,
            last_success: stored.last_success,
            last_attempt: stored.last_attempt,
            changed: stored.changed,
            attempts: stored.attempts,
        }
    }
}

/// All reasons to wait.
const REASONS: [WaitReason; 5] =
    [WaitReason::WiFi, WaitReason::MeteredWiFi, WaitReason::Roaming, WaitReason::UnknownNetwork, WaitReason::OpenVisit];

fn word_of(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::WiFi => "wifi",
        WaitReason::MeteredWiFi => "metered_wifi",
        WaitReason::Roaming => "roaming",
        WaitReason::UnknownNetwork => "unknown_network",
        WaitReason::OpenVisit => "open_visit",
    }
}

fn reason_of(word: &str) -> Option<WaitReason> {
    REASONS.into_iter().find(|reason| word_of(*reason) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Queue,
        Begin,
        Succeed,
        Fail,
        Stop,
    }

    fn after(steps: &[Step]) -> StatusRow {
        let mut row = StatusRow::default();
        for (place, step) in (1..).zip(steps) {
            let at = UtcMillis(place * 100);
            match step {
                Step::Queue => row.queue(),
                Step::Begin => row.begin(Stage::Uploading, at),
                Step::Succeed => row.succeed(at, true),
                Step::Fail => row.fail(Failed::new(ErrorCode::ServerError, ""), Some("7F3K-22".to_owned()), at, at, 200),
                Step::Stop => row.stop(),
            }
        }
        row
    }

    #[test]
    fn why_it_failed_stays_while_it_is_tried_again_until_it_succeeds() {
        use Step::{Begin, Fail, Queue, Stop, Succeed};
        let code_after = |steps: &[Step]| after(steps).failure().map(|failure| failure.code);
        for steps in [&[Begin, Fail][..], &[Begin, Fail, Queue], &[Begin, Fail, Queue, Begin], &[Begin, Fail, Begin, Stop]] {
            assert_eq!(code_after(steps), Some(ErrorCode::ServerError), "{steps:?}");
        }
        assert_eq!(code_after(&[Begin, Fail, Begin, Succeed]), None);
        assert_eq!(code_after(&[Begin]), None);
    }

    /// State after the steps, whether a red line shows, and the time of the last success.
    #[test]
    fn the_time_moves_only_on_success_and_the_red_line_stays_until_then() {
        use Step::{Begin, Fail, Queue, Stop, Succeed};
        for (steps, state, time) in [
            (&[][..], "never", None),
            (&[Queue], "queued", None),
            (&[Queue, Begin], "running", None),
            (&[Queue, Begin, Succeed], "ok", Some(300)),
            (&[Queue, Begin, Fail], "failed", None),
            (&[Begin, Succeed, Begin, Fail], "failed", Some(200)),
            (&[Begin, Succeed, Begin], "running", Some(200)),
            (&[Begin, Succeed, Begin, Stop], "stopped", Some(200)),
            (&[Begin, Fail, Begin, Stop], "failed", None),
            (&[Begin, Fail, Begin, Succeed], "ok", Some(400)),
            (&[Begin, Succeed, Begin, Fail, Begin, Succeed], "ok", Some(600)),
        ] {
            let row = after(steps);
            let shown = match row.shown() {
                RowState::Never => "never",
                RowState::Queued => "queued",
                RowState::Running { .. } => "running",
                RowState::Ok => "ok",
                RowState::Failed { .. } => "failed",
                RowState::Stopped => "stopped",
                RowState::Waiting { .. } => "waiting",
                RowState::Partial { .. } => "partial",
            };
            assert_eq!((shown, row.last_success), (state, time.map(UtcMillis)), "{steps:?}");
        }
    }

    #[test]
    fn a_row_survives_a_restart_and_one_that_ran_is_as_before() {
        use Step::{Begin, Fail, Succeed};
        for steps in [&[][..], &[Succeed], &[Succeed, Fail], &[Fail, Fail]] {
            let row = after(steps);
            assert_eq!(StatusRow::restore(row.stored()), row, "{steps:?}");
        }
        let failed = Failed::new(ErrorCode::NoSpace, "40 MB are free");
        let mut partial = after(&[Succeed]);
        partial.end_in_part((2, 5), failed, Some("7F3K-22".to_owned()), UtcMillis(400));
        assert_eq!(StatusRow::restore(partial.stored()), partial);
        for reason in REASONS {
            let mut waiting = after(&[Succeed]);
            waiting.wait(reason, 18, 5_400_000);
            assert_eq!(StatusRow::restore(waiting.stored()), waiting, "{reason:?}");
        }
        let interrupted = after(&[Succeed, Begin]);
        assert_eq!(StatusRow::restore(interrupted.stored()).shown(), RowState::Ok);
    }

    #[test]
    fn success_ends_the_back_off() {
        let row = after(&[Step::Fail, Step::Fail, Step::Succeed, Step::Fail]);
        assert_eq!((row.attempts, row.next_try()), (1, Some(UtcMillis(400 + 5_000))));
    }
}
