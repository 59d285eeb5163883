//! What a product costs for an outlet on a day.

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::time::CalendarDay;

/// One entry of a price list: what a piece costs from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceEntry {
    /// Price of one piece, tax included.
    pub value: Money,
    /// First day it holds.
    pub valid_from: CalendarDay,
}

/// What one piece costs on `day`, tax included; `None` if nothing has been set by then.
///
/// `entries` are those of the outlet's price type for one product, in any order: of those that have begun the latest wins, and one that
/// begins on `day` counts. Without any the product's own list price holds. `day` is the outlet's calendar day. `None` means the order
/// pad shows the product greyed out; it never guesses a price.
#[must_use]
pub fn unit_price(entries: &[PriceEntry], list_price: Option<Money>, day: CalendarDay) -> Option<Money> {
    entries.iter().filter(|entry| entry.valid_from <= day).max_by_key(|entry| entry.valid_from).map(|entry| entry.value).or(list_price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_entry_that_has_begun_wins() {
        let entry = |value, day| PriceEntry { value: Money(value), valid_from: CalendarDay(day) };
        let entries = [entry(100, 10), entry(130, 30), entry(120, 20)];
        for (day, list, price) in [
            (9, None, None),
            (9, Some(90), Some(90)),
            (10, Some(90), Some(100)),
            (29, None, Some(120)),
            (30, None, Some(130)),
            (99, None, Some(130)),
        ] {
            assert_eq!(unit_price(&entries, list.map(Money), CalendarDay(day)), price.map(Money), "day {day}");
        }
    }
}
