//! What nobody pressed: the watchdog, the wait for the office's news, and the time to come back at.

use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;

use super::{DOWN, Engine, KEEP, LOOK_EVERY_MS, QUIET_LOOKS, SHORTEST_WAIT_MS};
use crate::error::Failed;
use crate::sync::event::{Effect, Facts};
use crate::sync::schedule;
use crate::sync::session::Cause;
use crate::sync::status_row::{LastAttempt, StatusRow};

/// The wait for news while the application is in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Watch {
    /// The application is in front.
    pub(super) foreground: bool,
    /// A wait is under way.
    pub(super) waiting: bool,
    /// When it began, by the device's clock.
    pub(super) since: UtcMillis,
    /// Waits in a row that were none: failed, or brought nothing.
    pub(super) failures: u32,
    /// Not before this time, by the device's clock.
    pub(super) not_before: Option<UtcMillis>,
}

impl Engine {
    /// The watchdog: a session in which nothing moved for two looks is given up, and its rows are tried again.
    pub(super) fn look(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
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

    pub(super) fn watched(&mut self, result: Result<bool, Failed>, facts: &Facts, effects: &mut Vec<Effect>) {
        self.watch.waiting = false;
        match result {
            // A session that runs asks for the news itself.
            Ok(true) => self.want(if self.session.is_none() { &[DOWN] } else { &[] }, Cause::Call, facts, effects),
            Ok(false) if (0..SHORTEST_WAIT_MS).contains(&facts.now.since(self.watch.since)) => self.watch_failed(None, facts),
            Ok(false) => (self.watch.failures, self.watch.not_before) = (0, None),
            Err(failed) => self.watch_failed(failed.retry_after_s, facts),
        }
    }

    pub(super) fn watch_failed(&mut self, retry_after_s: Option<u32>, facts: &Facts) {
        self.watch.failures = self.watch.failures.saturating_add(1);
        // Whatever it was: a wait is no promise to anybody, and always comes back more slowly.
        self.watch.not_before = schedule::next_try(ErrorCode::ServerError, self.watch.failures, retry_after_s, facts.now, facts.random);
    }

    /// After every event: begins or drops the wait for news, plans what was forgotten, and names the time to come back.
    pub(super) fn look_ahead(&mut self, facts: &Facts, effects: &mut Vec<Effect>) {
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
}
