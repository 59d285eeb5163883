//! Virtual time. One thread is one world; its clock is tokio's, which stands still while anybody works and jumps to the next timer.

use std::cell::Cell;

use polevik_domain::time::{Clock, UtcMillis, UtcOffsetMinutes};
use tokio::time::Instant;

/// When the first of all worlds begins: 2026-11-22T05:00:00Z, eight in the morning in Moscow.
pub const START: UtcMillis = UtcMillis(1_795_323_600_000);

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static BEFORE_MS: Cell<i64> = const { Cell::new(0) };
}

/// A world begins now, so many milliseconds after [`START`].
pub fn begin(before_ms: i64) {
    BEGAN.set(Some(Instant::now()));
    BEFORE_MS.set(before_ms);
}

/// Milliseconds since the world began.
pub fn elapsed_ms() -> u64 {
    let elapsed = BEGAN.get().map_or(0, |began| began.elapsed().as_millis());
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}

/// Now, by the true clock that no device has.
pub fn now() -> UtcMillis {
    START.plus_millis(BEFORE_MS.get().saturating_add(i64::try_from(elapsed_ms()).unwrap_or(i64::MAX)))
}

/// Waits until so many milliseconds have passed since the world began.
pub async fn sleep_until(at_ms: u64) {
    let now = elapsed_ms();
    tokio::time::sleep(std::time::Duration::from_millis(at_ms.saturating_sub(now))).await;
}

/// Waits.
pub async fn sleep(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

/// The clock of a server, which is some milliseconds off the true one.
pub struct ServerClock {
    /// Server's clock minus the true one.
    pub skew_ms: i64,
}

impl Clock for ServerClock {
    fn now(&self) -> UtcMillis {
        now().plus_millis(self.skew_ms)
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
}
