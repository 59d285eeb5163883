//! Signing in and out, and the server's clock.

use polevik_device_store::db::commit;
use polevik_device_store::work::numbers::{self, Sequence};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::{journal, parking, rows};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::time::UtcMillis;
use polevik_protocol::login::SignedIn;
use polevik_protocol::sync::ReEnrol;

use crate::acting::last_position;
use crate::error::DeviceError;
use crate::sync::recognition_library;

/// No request takes so long, in milliseconds: if it seems so, the clock was set meanwhile.
const LONGEST_ROUND_TRIP_MS: i64 = 3_600_000;

/// Server's clock minus device's clock: the server told its time somewhere between `before` and `after`; the middle is the best guess. When the
/// clock was set in between, only `after` is of the clock as it is now.
#[must_use]
pub fn clock_offset_ms(server: UtcMillis, before: UtcMillis, after: UtcMillis) -> i64 {
    let round_trip = after.since(before);
    if !(0..=LONGEST_ROUND_TRIP_MS).contains(&round_trip) {
        return server.since(after);
    }
    server.since(before.plus_millis(round_trip / 2))
}

/// Keeps a new sign-in. Says whether another position or another server begins, for which the copy of the office is fetched anew.
///
/// Documents of a position that was signed in before stay and wait for it.
pub(crate) fn sign_in(tx: Transaction<'_>, email: &str, server: &str, signed_in: &SignedIn) -> Result<bool, DeviceError> {
    let same_position = last_position(&tx)?.is_some_and(|position| position.id == signed_in.position.id);
    let same_server = options::get(&tx, OptionName::Server)?.is_some_and(|kept| kept == server);
    let position = serde_json::to_string(&signed_in.position).expect("a position is numbers and words");
    for (name, value) in [
        (OptionName::Server, server),
        (OptionName::Token, &signed_in.token),
        (OptionName::Email, email),
        (OptionName::UserName, &signed_in.user_name),
        (OptionName::Position, &position),
        (OptionName::NumberPrefix, &signed_in.number_prefix),
    ] {
        options::set(&tx, name, value)?;
    }
    numbers::raise(&tx, &Sequence::Number(&signed_in.number_prefix), i64::from(signed_in.number_floor))?;
    numbers::raise(&tx, &Sequence::Document, i64::try_from(signed_in.device_seq_floor).unwrap_or(i64::MAX))?;
    // Whatever was set aside under the old sign-in may go through under the new one.
    parking::unpark_all(&tx)?;
    recognition_library::sign_in(&tx, signed_in, same_server)?;
    let another = !(same_position && same_server);
    if another {
        rows::clear(&tx)?;
    }
    commit(tx)?;
    Ok(another)
}

/// A new life begins: the id, the token and the prefix are taken, and what is not answered is numbered anew, in one transaction of the caller.
/// Bodies stay as they are; an order keeps its number.
pub(crate) fn re_enrol(tx: &Transaction<'_>, new: &ReEnrol) -> Result<(), StoreError> {
    options::set(tx, OptionName::DeviceId, &new.device_id.to_string())?;
    options::set(tx, OptionName::Token, &new.token)?;
    options::set(tx, OptionName::NumberPrefix, &new.number_prefix)?;
    journal::renumber_unanswered(tx)?;
    Ok(())
}

/// Forgets the token; everything else stays for the next sign-in.
pub(crate) fn sign_out(tx: Transaction<'_>) -> Result<(), StoreError> {
    options::clear(&tx, OptionName::Token)?;
    commit(tx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_time_is_taken_as_of_the_middle_of_the_round_trip() {
        for (server, before, after, offset) in [(1_000, 1_000, 1_000, 0), (5_100, 1_000, 1_200, 4_000), (900, 1_000, 1_200, -200)] {
            assert_eq!(clock_offset_ms(UtcMillis(server), UtcMillis(before), UtcMillis(after)), offset);
        }
    }

    /// Half of thirty years would be off otherwise, and answered documents would count as too old to be kept.
    #[test]
    fn a_clock_that_is_set_while_a_request_is_under_way_counts_as_it_is_afterwards() {
        for (server, before, after) in [(1_100, 1_000, 946_080_001_200), (0, 9, 3), (1_100, 86_401_000, 1_200)] {
            assert_eq!(clock_offset_ms(UtcMillis(server), UtcMillis(before), UtcMillis(after)), server - after);
        }
    }
}
