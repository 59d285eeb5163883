//! Routes of the demo company: who calls where, from three days ago to two weeks ahead; kept going while days pass.

use polevik_domain::position::Role;
use polevik_domain::time::CalendarDay;
use polevik_server_store::organisation::{self, Position};
use polevik_server_store::reference::outlets::OutletOfTerritory;
use polevik_server_store::reference::{outlets, route_stops};
use polevik_server_store::{StoreError, Transaction};
use serde_json::{Map, Value, json};

use super::draws::Draws;
use super::products::object;
use crate::feed::placement;

/// Days before the demo day.
pub(super) const DAYS_BACK: i32 = 3;

/// Days after it.
pub(super) const DAYS_AHEAD: i32 = 14;

/// Rows of `routes` that are missing for `day`: the days up to two weeks ahead that nobody has planned, and a first plan for whoever has
/// nothing to do on `day` itself, even on a Sunday. None when routes are up to date.
pub(super) fn missing(tx: &Transaction<'_>, part_id: &str, seed: u64, day: CalendarDay) -> Result<Vec<Map<String, Value>>, StoreError> {
    let earliest = day.plus_days(-DAYS_BACK);
    let planned_up_to = route_stops::last_day(tx, part_id)?.map_or(earliest, |last| last.plus_days(1).max(earliest));
    let busy_today = route_stops::buckets_on(tx, part_id, day)?;
    let mut rows = Vec::new();
    for position in organisation::positions(tx, part_id)? {
        let mut shops = Vec::new();
        for territory in organisation::territories_of(tx, part_id, position.id)? {
            shops.extend(outlets::active_in(tx, part_id, territory.id)?);
        }
        // From south to north: what is called on in one day lies near.
        shops.sort_by_key(|shop| (shop.lat.unwrap_or(i64::MAX), shop.id));
        for number in planned_up_to.0.min(day.0)..=day.plus_days(DAYS_AHEAD).0 {
            let on = CalendarDay(number);
            let idle_today = on == day && !busy_today.contains(&placement::of_position(position.id));
            if idle_today || (on >= planned_up_to && works_on(seed, &position, on)) {
                rows.extend(stops(seed, &position, &shops, on));
            }
        }
    }
    Ok(rows)
}

/// Weekdays; one in three also on a Saturday.
fn works_on(seed: u64, position: &Position, day: CalendarDay) -> bool {
    match day.weekday() {
        0..=4 => true,
        5 => Draws::new(seed, &format!("saturdays of {}", position.code), 0).happens(300),
        _ => false,
    }
}

/// The stops of a position on one day.
fn stops(seed: u64, position: &Position, shops: &[OutletOfTerritory], day: CalendarDay) -> Vec<Map<String, Value>> {
    let mut draws = Draws::new(seed, &format!("route of {}", position.code), i64::from(day.0).unsigned_abs());
    let (mean, spread) = match position.role {
        Role::Rep => (18, 4),
        Role::Van => (15, 3),
        Role::Merchandiser => (13, 3),
        Role::Supervisor => (6, 2),
    };
    let count = usize::try_from(draws.between(mean - spread, mean + spread)).unwrap_or(1).min(shops.len());
    // Every working day goes on where the one before ended, so all shops get their turn.
    let working_days = i64::from(day.0.div_euclid(7)) * 5 + i64::from(day.weekday().min(4));
    let first = usize::try_from((working_days * mean).rem_euclid(i64::try_from(shops.len().max(1)).unwrap_or(1))).unwrap_or(0);
    let mut today: Vec<&OutletOfTerritory> = shops.iter().cycle().skip(first).take(count).collect();
    today.sort_by_key(|shop| (shop.lon.unwrap_or(i64::MAX), shop.id));

    let mut minute = draws.between(8 * 60 + 30, 10 * 60) / 5 * 5;
    let mut rows = Vec::with_capacity(today.len());
    for (seq, shop) in (1..).zip(today) {
        rows.push(object(json!({
            "position": position.code,
            "day": day.to_string(),
            "seq": seq,
            "outlet": shop.ext_code,
            "planned_time": format!("{:02}:{:02}", minute / 60, minute % 60),
        })));
        minute = (minute + draws.between(4, 7) * 5).min(23 * 60);
    }
    rows
}
