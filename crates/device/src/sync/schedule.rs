//! When a row that failed is tried again by itself.

use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::error_code::Retry;

/// The longest wait that a server is believed to mean, in seconds: maintenance over a night.
const LONGEST_SERVER_WAIT_S: u32 = 12 * 3_600;

/// The longest wait of our own, in seconds.
const LONGEST_WAIT_S: u32 = 1_800;

/// Seconds after the first, second, … failure in a row; after the last always the last. There is no upper count: we never stop, we slow down.
const DELAYS_S: [i64; 6] = [5, 15, 60, 300, 900, 1_800];

/// The time of the next try after failure number `attempts` (from 1) in a row; `None` if it waits for a person or another network.
///
/// ±20 % of jitter, so that a fleet that failed together does not return together. A time the server named is never undercut.
#[must_use]
pub fn next_try(code: ErrorCode, attempts: u32, retry_after_s: Option<u32>, now: UtcMillis, random: u32) -> Option<UtcMillis> {
    if polevik_planted::is(polevik_planted::Bug::GivesUp) && attempts > 2 {
        return None;
    }
    let delay_s = match (retry_of(code), retry_after_s) {
        (Retry::OnNetworkChange | Retry::AfterAction | Retry::Never, _) => return None,
        (Retry::AtServerTime | Retry::Later | Retry::Once, Some(seconds)) => {
            let millis = i64::from(seconds.min(longest_s(code))) * 1_000;
            return Some(now.plus_millis(millis + millis * i64::from(random % 201) / 1_000));
        }
        (Retry::AtServerTime | Retry::Later | Retry::Once, None) => {
            let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(DELAYS_S.len() - 1);
            DELAYS_S[place]
        }
    };
    let jitter_permille = i64::from(random % 401) - 200;
    Some(now.plus_millis(delay_s * (1_000 + jitter_permille)))
}

/// Whether a row that failed with that code goes on by itself, without a person and without another network.
#[must_use]
pub fn goes_on_by_itself(code: ErrorCode) -> bool {
    match retry_of(code) {
        Retry::Later | Retry::Once | Retry::AtServerTime => true,
        Retry::OnNetworkChange | Retry::AfterAction | Retry::Never => false,
    }
}

/// Whether the time of a next try has come: it is there, or it is so far away that the clock must have been set back since it was named.
#[must_use]
pub fn is_due(code: ErrorCode, next_try: UtcMillis, now: UtcMillis) -> bool {
    let longest_ms = i64::from(longest_s(code)) * 1_200;
    next_try <= now || next_try.since(now) > longest_ms
}

/// The longest wait without its jitter, in seconds.
fn longest_s(code: ErrorCode) -> u32 {
    if retry_of(code) == Retry::AtServerTime { LONGEST_SERVER_WAIT_S } else { LONGEST_WAIT_S }
}

/// The catalogue's advice, except for a damaged copy of the office: the store has begun a new one by itself, and only fetching is left.
fn retry_of(code: ErrorCode) -> Retry {
    if code == ErrorCode::DatabaseDamaged { Retry::Later } else { code.retry() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `random` that gives no jitter.
    const MIDDLE: u32 = 200;

    #[test]
    fn the_wait_grows_and_then_stays() {
        for (attempts, seconds) in [(1, 5), (2, 15), (3, 60), (4, 300), (5, 900), (6, 1_800), (7, 1_800), (4_000, 1_800)] {
            let at = next_try(ErrorCode::ServerError, attempts, None, UtcMillis(0), MIDDLE);
            assert_eq!(at, Some(UtcMillis(seconds * 1_000)), "attempt {attempts}");
        }
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for random in 0..1_000 {
            let at = next_try(ErrorCode::ServerError, 3, None, UtcMillis(0), random).unwrap();
            assert!((48_000..=72_000).contains(&at.0), "{random}: {at:?}");
        }
    }

    #[test]
    fn the_server_s_time_is_never_undercut() {
        for random in 0..1_000 {
            let at = next_try(ErrorCode::ServerBusy, 1, Some(30), UtcMillis(0), random).unwrap();
            assert!((30_000..=36_000).contains(&at.0), "{random}: {at:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_put_a_try_off_for_ever() {
        let now = UtcMillis(1_000_000_000_000);
        for (code, ahead_ms, due) in [
            (ErrorCode::ServerError, -1, true),
            (ErrorCode::ServerError, 0, true),
            (ErrorCode::ServerError, 1, false),
            (ErrorCode::ServerError, 2_160_000, false),
            (ErrorCode::ServerError, 2_160_001, true),
            (ErrorCode::Maintenance, 4 * 3_600_000, false),
            (ErrorCode::Maintenance, 86_400_000, true),
        ] {
            assert_eq!(is_due(code, now.plus_millis(ahead_ms), now), due, "{code} {ahead_ms}");
        }
        for code in ErrorCode::ALL {
            for (attempts, wish) in [(1, None), (99, None), (1, Some(u32::MAX))] {
                if let Some(at) = next_try(*code, attempts, wish, now, 400) {
                    assert!(!is_due(*code, at, now), "{code}: no wait that is given counts as too long");
                }
            }
        }
    }

    #[test]
    fn what_a_person_must_do_is_not_repeated() {
        for code in [ErrorCode::LoginNeeded, ErrorCode::DeviceBlocked, ErrorCode::UpdateNeeded, ErrorCode::CaptivePortal] {
            assert_eq!(next_try(code, 1, Some(5), UtcMillis(0), MIDDLE), None, "{code}");
        }
    }
}
