//! How much one device may ask for: enough for any day's work, too little for a loop that forgot to stop.
//!
//! Kept in memory: a restart begins again, which harms nobody.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use polevik_domain::ids::DeviceId;
use polevik_domain::time::UtcMillis;

/// The limits; 0 = none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests of a device in a minute that bring no new document. As many may come at once.
    pub requests_per_minute: u32,
    /// New documents of a device in a day (UTC).
    pub documents_per_day: u32,
    /// Bytes of new documents of a device in a day (UTC).
    pub bytes_per_day: u64,
    /// Bytes of files of a device's chain in a day (UTC).
    pub file_bytes_per_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 120,
            documents_per_day: 20_000,
            bytes_per_day: 256 * 1024 * 1024,
            file_bytes_per_day: 2 * 1024 * 1024 * 1024,
        }
    }
}

/// Most devices that are counted; more make it forget those that were quiet.
const MAX_COUNTED: usize = 100_000;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// What devices have asked for. See the module.
#[derive(Debug, Default)]
pub struct Asked {
    limits: Limits,
    devices: Mutex<HashMap<DeviceId, Usage>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    /// Thousandths of a request that are used up; they come back with time.
    used_milli: i64,
    at: UtcMillis,
    day: i64,
    documents: u32,
    bytes: u64,
    file_bytes: u64,
}

impl Asked {
    /// Nothing yet, under these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, devices: Mutex::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// The seconds after which one more is fine.
    pub fn request(&self, device: DeviceId, now: UtcMillis) -> Result<(), u32> {
        let most = i64::from(self.limits.requests_per_minute) * 1_000;
        if most == 0 {
            return Ok(());
        }
        self.with(device, now, |usage| {
            // A clock that was set back gives nothing back, and takes nothing.
            let back = now.since(usage.at).clamp(0, MINUTE_MS) * most / MINUTE_MS;
            usage.used_milli = (usage.used_milli - back).max(0);
            usage.at = now;
            let over = usage.used_milli + 1_000 - most;
            if over > 0 {
                metrics::counter!("polevik_device_limited_total", "limit" => "requests").increment(1);
                return Err(u32::try_from((over * MINUTE_MS / most).div_euclid(1_000) + 1).unwrap_or(60));
            }
            usage.used_milli += 1_000;
            Ok(())
        })
    }

    /// Takes back one request: it brought something new.
    pub fn was_useful(&self, device: DeviceId, now: UtcMillis) {
        if self.limits.requests_per_minute > 0 {
            self.with(device, now, |usage| usage.used_milli = (usage.used_milli - 1_000).max(0));
        }
    }

    /// Whether a device may send more documents today.
    ///
    /// # Errors
    ///
    /// The seconds until the day is over.
    pub fn may_send(&self, device: DeviceId, now: UtcMillis) -> Result<(), u32> {
        let Limits { documents_per_day, bytes_per_day, .. } = self.limits;
        self.with(device, now, |usage| {
            let too_many = documents_per_day > 0 && usage.documents >= documents_per_day;
            let too_much = bytes_per_day > 0 && usage.bytes >= bytes_per_day;
            if too_many || too_much {
                metrics::counter!("polevik_device_limited_total", "limit" => "documents").increment(1);
                return Err(rest_of_day_s(now));
            }
            Ok(())
        })
    }

    /// Counts new documents.
    pub fn sent(&self, device: DeviceId, documents: u32, bytes: u64, now: UtcMillis) {
        self.with(device, now, |usage| {
            usage.documents = usage.documents.saturating_add(documents);
            usage.bytes = usage.bytes.saturating_add(bytes);
        });
    }

    /// Whether a chain of devices may send a file of so many bytes today.
    ///
    /// # Errors
    ///
    /// The seconds until the day is over.
    pub fn may_send_file(&self, lineage: DeviceId, bytes: u64, now: UtcMillis) -> Result<(), u32> {
        let most = self.limits.file_bytes_per_day;
        self.with(lineage, now, |usage| {
            if most > 0 && usage.file_bytes.saturating_add(bytes) > most {
                metrics::counter!("polevik_device_limited_total", "limit" => "files").increment(1);
                return Err(rest_of_day_s(now));
            }
            Ok(())
        })
    }

    /// Counts bytes of files that came.
    pub fn file_bytes(&self, lineage: DeviceId, bytes: u64, now: UtcMillis) {
        self.with(lineage, now, |usage| usage.file_bytes = usage.file_bytes.saturating_add(bytes));
    }

    fn with<T>(&self, device: DeviceId, now: UtcMillis, act: impl FnOnce(&mut Usage) -> T) -> T {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if devices.len() >= MAX_COUNTED && !devices.contains_key(&device) {
            let day = now.0.div_euclid(DAY_MS);
            devices
                .retain(|_, usage| now.since(usage.at) < MINUTE_MS || (usage.day == day && (usage.documents > 0 || usage.file_bytes > 0)));
            if devices.len() >= MAX_COUNTED {
                devices.clear();
            }
        }
        let usage = devices.entry(device).or_insert(Usage { at: now, ..Usage::default() });
        let day = now.0.div_euclid(DAY_MS);
        if usage.day != day {
            (usage.day, usage.documents, usage.bytes, usage.file_bytes) = (day, 0, 0, 0);
        }
        act(usage)
    }
}

/// Seconds until the day (UTC) is over.
fn rest_of_day_s(now: UtcMillis) -> u32 {
    let rest_ms = DAY_MS - now.0.rem_euclid(DAY_MS);
    u32::try_from(rest_ms / 1_000 + 1).unwrap_or(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8) -> DeviceId {
        DeviceId::generate(UtcMillis(1), [n; 10])
    }

    #[test]
    fn a_loop_is_slowed_to_its_rate_and_others_are_not() {
        let asked = Asked::new(Limits { requests_per_minute: 60, ..Limits::default() });
        let now = UtcMillis(1_000_000);
        for _ in 0..60 {
            assert_eq!(asked.request(device(1), now), Ok(()));
        }
        assert_eq!(asked.request(device(1), now), Err(2));
        assert_eq!(asked.request(device(2), now), Ok(()));
        let later = now.plus_millis(2_000);
        assert_eq!([(); 3].map(|()| asked.request(device(1), later).is_ok()), [true, true, false]);
        asked.was_useful(device(1), later);
        assert_eq!(asked.request(device(1), later), Ok(()), "what brings documents is free");
        assert!(asked.request(device(1), now).is_err(), "a clock that is set back gives nothing");
    }

    #[test]
    fn a_days_documents_have_a_limit_and_the_next_day_begins_anew() {
        let asked = Asked::new(Limits { documents_per_day: 10, bytes_per_day: 1_000, ..Limits::default() });
        let noon = UtcMillis(DAY_MS * 20_000 + DAY_MS / 2);
        asked.sent(device(1), 9, 10, noon);
        assert_eq!(asked.may_send(device(1), noon), Ok(()));
        asked.sent(device(1), 1, 10, noon);
        assert_eq!(asked.may_send(device(1), noon), Err(43_201));
        asked.sent(device(2), 1, 1_000, noon);
        assert!(asked.may_send(device(2), noon).is_err());
        assert_eq!(asked.may_send(device(1), noon.plus_millis(DAY_MS / 2)), Ok(()));
    }

    #[test]
    fn no_limit_is_no_limit() {
        let asked = Asked::new(Limits { requests_per_minute: 0, documents_per_day: 0, bytes_per_day: 0, file_bytes_per_day: 0 });
        let now = UtcMillis(5);
        asked.sent(device(1), u32::MAX, u64::MAX, now);
        assert!((0..1_000).all(|_| asked.request(device(1), now).is_ok() && asked.may_send(device(1), now).is_ok()));
    }
}
