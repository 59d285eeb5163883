//! How often a password may be guessed.
//!
//! Every attempt counts when it begins, so guessing in parallel gains nothing. Nobody is locked out for good, and a stranger's guesses do
//! not slow a device that has signed in with the account before. In memory only: after a restart the counts begin again.

use std::collections::HashMap;
use std::net::IpAddr;

use polevik_domain::ids::DeviceId;
use polevik_domain::time::UtcMillis;

/// Whose attempts are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Those of a network address, on all accounts.
    Address(IpAddr),
    /// Those of all strangers on one account.
    Account(String),
    /// Those of a device on an account it has signed in with before.
    KnownDevice(String, DeviceId),
}

/// The most names counted at once; beyond, those with the oldest attempts are forgotten.
const MAX_COUNTED: usize = 20_000;

/// After this long without an attempt a count begins again, in milliseconds.
const FORGET_AFTER_MS: i64 = 3_600_000;

/// How slow it becomes.
struct Slope {
    /// Attempts without any delay.
    free: u32,
    /// The longest delay, in seconds.
    max_delay_s: i64,
}

impl Counted {
    fn slope(&self) -> Slope {
        match self {
            // Many people of one office share an address.
            Self::Address(_) => Slope { free: 30, max_delay_s: 900 },
            Self::Account(_) | Self::KnownDevice(..) => Slope { free: 5, max_delay_s: 300 },
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Attempts {
    count: u32,
    last: UtcMillis,
}

impl Attempts {
    /// When the next one may begin.
    fn next_at(self, slope: &Slope) -> UtcMillis {
        match self.count.checked_sub(slope.free) {
            None => self.last,
            Some(beyond) => self.last.plus_secs((1_i64 << beyond.min(20)).min(slope.max_delay_s)),
        }
    }
}

/// Counts of attempts that did not succeed.
#[derive(Debug, Default)]
pub struct Throttle {
    counted: HashMap<Counted, Attempts>,
}

impl Throttle {
    /// Begins an attempt that counts under all of `names`.
    ///
    /// # Errors
    ///
    /// The seconds to wait, at least 1; then nothing is counted.
    pub fn begin(&mut self, names: &[Counted], now: UtcMillis) -> Result<(), u32> {
        let wait_ms = names
            .iter()
            .filter_map(|name| {
                let attempts = self.counted.get(name).filter(|attempts| now.since(attempts.last) < FORGET_AFTER_MS)?;
                Some(attempts.next_at(&name.slope()).since(now))
            })
            .max()
            .unwrap_or(0);
        if wait_ms > 0 {
            return Err(u32::try_from((wait_ms + 999) / 1_000).unwrap_or(u32::MAX));
        }
        for name in names {
            let fresh = Attempts { count: 0, last: now };
            let attempts = self.counted.entry(name.clone()).or_insert(fresh);
            if now.since(attempts.last) >= FORGET_AFTER_MS {
                *attempts = fresh;
            }
            *attempts = Attempts { count: attempts.count.saturating_add(1), last: now };
        }
        self.stay_small();
        Ok(())
    }

    /// Takes back an attempt that succeeded: the account's count begins again, the address's is one less.
    pub fn succeeded(&mut self, names: &[Counted]) {
        for name in names {
            match name {
                Counted::Address(_) => {
                    if let Some(attempts) = self.counted.get_mut(name) {
                        attempts.count = attempts.count.saturating_sub(1);
                    }
                }
                Counted::Account(_) | Counted::KnownDevice(..) => {
                    self.counted.remove(name);
                }
            }
        }
    }

    /// Forgets the older half of the counts when there are too many, so that the cost of forgetting is spread over many attempts.
    fn stay_small(&mut self) {
        if self.counted.len() > MAX_COUNTED {
            let mut times: Vec<UtcMillis> = self.counted.values().map(|attempts| attempts.last).collect();
            let (_, median, _) = times.select_nth_unstable(MAX_COUNTED / 2);
            let median = *median;
            self.counted.retain(|_, attempts| attempts.last > median);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Counted {
        Counted::Account("rep01@demo.example".to_owned())
    }

    fn address(last: u8) -> Counted {
        Counted::Address(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn the_delay_doubles_after_the_free_attempts_and_ends_at_its_greatest() {
        let mut throttle = Throttle::default();
        let mut now = UtcMillis(1_000_000);
        for _ in 0..5 {
            assert_eq!(throttle.begin(&[account()], now), Ok(()));
        }
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(throttle.begin(&[account()], now), Err(expected));
            now = now.plus_secs(i64::from(expected));
            assert_eq!(throttle.begin(&[account()], now), Ok(()));
        }
    }

    #[test]
    fn an_hour_of_quiet_or_a_success_begins_again() {
        let mut throttle = Throttle::default();
        let now = UtcMillis(0);
        for _ in 0..5 {
            throttle.begin(&[account()], now).unwrap();
        }
        assert!(throttle.begin(&[account()], now).is_err());
        assert_eq!(throttle.begin(&[account()], now.plus_secs(3_600)), Ok(()));
        for _ in 0..4 {
            throttle.begin(&[account()], now.plus_secs(3_600)).unwrap();
        }
        throttle.succeeded(&[account()]);
        assert_eq!(throttle.begin(&[account()], now.plus_secs(3_600)), Ok(()));
    }

    #[test]
    fn a_strangers_guesses_do_not_slow_a_known_device() {
        let mut throttle = Throttle::default();
        let now = UtcMillis(0);
        for n in 0..5 {
            throttle.begin(&[account(), address(n)], now).unwrap();
        }
        assert!(throttle.begin(&[account(), address(9)], now).is_err());
        let known = Counted::KnownDevice("rep01@demo.example".to_owned(), DeviceId::generate(now, [1; 10]));
        assert_eq!(throttle.begin(&[known, address(9)], now), Ok(()));
    }

    #[test]
    fn good_logins_of_an_office_do_not_slow_its_address() {
        let mut throttle = Throttle::default();
        for _ in 0..500 {
            throttle.begin(&[address(1)], UtcMillis(0)).unwrap();
            throttle.succeeded(&[address(1)]);
        }
    }

    #[test]
    fn a_wait_counts_nothing() {
        let mut throttle = Throttle::default();
        let now = UtcMillis(0);
        for _ in 0..5 {
            throttle.begin(&[account()], now).unwrap();
        }
        for _ in 0..100 {
            assert_eq!(throttle.begin(&[account()], now), Err(1));
        }
    }
}
