//! What the machine around the core gives it: time, randomness, waiting, the kind of network, a place for log lines.

use polevik_device_api::NetworkClass;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};

/// The machine around the core.
pub trait Host {
    /// Now, by the device's clock, right or wrong.
    fn now(&self) -> UtcMillis;

    /// How far local clocks are ahead of UTC now.
    fn utc_offset(&self) -> UtcOffsetMinutes;

    /// Fills the buffer with unpredictable bytes.
    fn random_bytes(&self, buffer: &mut [u8]);

    /// Ends after about so many milliseconds; dropped, it just does not end.
    fn sleep(&self, millis: u64) -> impl Future<Output = ()>;

    /// The network there is, as far as the platform tells. What a face says of it ([`polevik_device_api::Request::Network`]) counts more.
    fn network(&self) -> NetworkClass;

    /// Takes one line about a request or a session: no secrets in it, no line ends.
    fn log(&self, line: &str);
}
