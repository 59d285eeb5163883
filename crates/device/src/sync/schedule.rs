//! When a row that failed is tried again by itself.

use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::error_code::Retry;

/// Seconds after the first, second, … failure in a row; after the last always the last. There is no upper count: we never stop, we slow down.
const DELAYS_S: [i64; 6] = [5, 15, 60, 300, 900, 1_800];

/// The time of the next try after failure number `attempts` (from 1) in a row; `None` if it waits for a person or another network.
///
/// ±20 % of jitter, so that a fleet that failed together does not return together. A time the server named is never undercut.
#[must_use]
pub fn next_try(code: ErrorCode, attempts: u32, retry_after_s: Option<u32>, now: UtcMillis, random: u32) -> Option<UtcMillis> {
    let delay_s = match (code.retry(), retry_after_s) {
        (Retry::OnNetworkChange | Retry::AfterAction | Retry::Never, _) => return None,
        (Retry::AtServerTime | Retry::Later | Retry::Once, Some(seconds)) => {
            let millis = i64::from(seconds) * 1_000;
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
    fn what_a_person_must_do_is_not_repeated() {
        for code in [ErrorCode::LoginNeeded, ErrorCode::DeviceBlocked, ErrorCode::UpdateNeeded, ErrorCode::CaptivePortal] {
            assert_eq!(next_try(code, 1, Some(5), UtcMillis(0), MIDDLE), None, "{code}");
        }
    }
}
