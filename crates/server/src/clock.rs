//! The server's clock: the system's, in UTC.

use polevik_domain::time::{Clock, UtcMillis, UtcOffsetMinutes};

use crate::database::system_now;

/// The system's clock. The server thinks in UTC; local days come from devices and the office.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcMillis {
        system_now()
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
}
