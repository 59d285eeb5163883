//! The machine around the core: the system's clock, randomness, waiting.

use std::time::Duration;

use polevik_device::api::NetworkClass;
use polevik_device::host::Host;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};

/// This machine.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    /// Whether requests are told on standard error.
    pub(crate) verbose: bool,
    /// What its network counts as.
    pub(crate) network: NetworkClass,
}

impl Host for Machine {
    fn now(&self) -> UtcMillis {
        UtcMillis(jiff::Timestamp::now().as_millisecond())
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        let offset = jiff::tz::TimeZone::system().to_offset(jiff::Timestamp::now());
        UtcOffsetMinutes(offset.seconds() / 60)
    }

    fn random_bytes(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system has randomness");
    }

    async fn sleep(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn network(&self) -> NetworkClass {
        self.network
    }

    fn log(&self, line: &str) {
        if self.verbose {
            eprintln!("{line}");
        }
    }
}
