//! Which orders go into the file (D-11, D-12), and what to say when there are none (E801, E802).

use polevik_domain::money::Money;
use polevik_domain::time::CalendarDay;
use serde::{Deserialize, Serialize};

use crate::moment::iso_day_or_none;

/// Calendar days from … to, both included; an absent border is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayRange {
    /// The first day.
    #[serde(with = "iso_day_or_none")]
    pub from: Option<CalendarDay>,
    /// The last day.
    #[serde(with = "iso_day_or_none")]
    pub to: Option<CalendarDay>,
}

impl DayRange {
    /// From `from` to `to`, both included.
    #[must_use]
    pub fn between(from: CalendarDay, to: CalendarDay) -> Self {
        Self { from: Some(from), to: Some(to) }
    }

    /// Whether it says nothing: every day is in it, and so is no day at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether `day` lies in it. An absent day lies only in an empty range.
    #[must_use]
    pub fn contains(self, day: Option<CalendarDay>) -> bool {
        self.is_empty() || day.is_some_and(|day| self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to))
    }

    fn is_reversed(self) -> bool {
        matches!((self.from, self.to), (Some(from), Some(to)) if from > to)
    }
}

/// Which orders are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// «Все заказы»: every completed order on the device.
    All,
    /// Completed orders of which the day of creation lies in one range and the day of delivery in the other.
    Dates {
        /// Days of creation, as fixed with the order.
        created: DayRange,
        /// Wanted days of delivery.
        delivery: DayRange,
    },
}

/// One of the two ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeName {
    /// «Даты создания».
    Created,
    /// «Дата доставки».
    Delivery,
}

/// Why nothing can be selected so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The range starts after its end: E802.
    #[error("the period starts after its end")]
    StartAfterEnd(RangeName),
    /// No date at all, and not «Все заказы».
    #[error("nothing is chosen")]
    NothingChosen,
}

impl Selection {
    /// Whether it can be carried out.
    ///
    /// # Errors
    ///
    /// [`Invalid`]; the range of creation is looked at first.
    pub fn check(self) -> Result<(), Invalid> {
        let Self::Dates { created, delivery } = self else { return Ok(()) };
        for (range, name) in [(created, RangeName::Created), (delivery, RangeName::Delivery)] {
            if range.is_reversed() {
                return Err(Invalid::StartAfterEnd(name));
            }
        }
        if created.is_empty() && delivery.is_empty() { Err(Invalid::NothingChosen) } else { Ok(()) }
    }

    /// Whether a completed order with these days belongs to it.
    #[must_use]
    pub fn takes(self, created: CalendarDay, delivery: Option<CalendarDay>) -> bool {
        match self {
            Self::All => true,
            Self::Dates { created: created_in, delivery: delivery_in } => {
                created_in.contains(Some(created)) && delivery_in.contains(delivery)
            }
        }
    }
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not placed yet; never exported.
    Draft,
    /// Withdrawn; never exported.
    Cancelled,
    /// Placed: sent or not, refused or not, it may be exported.
    Completed {
        /// Whether the server has it.
        on_server: bool,
    },
}

/// What the rules need to know of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// How far it has come.
    pub standing: Standing,
    /// The calendar day fixed with it.
    pub created: CalendarDay,
    /// Wanted day of delivery.
    pub delivery: Option<CalendarDay>,
    /// What it comes to.
    pub sum: Money,
}

/// The completed orders of the device, selected or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Existing {
    /// How many.
    pub orders: u64,
    /// First and last day of creation.
    pub created: (CalendarDay, CalendarDay),
    /// First and last wanted day of delivery, of those that have one.
    pub delivery: Option<(CalendarDay, CalendarDay)>,
}

impl Existing {
    /// The period that takes all of them: one tap below the error.
    #[must_use]
    pub fn whole_period(&self) -> Selection {
        Selection::Dates { created: DayRange::between(self.created.0, self.created.1), delivery: DayRange::default() }
    }
}

/// What a selection comes to, and what there is besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Orders that go into the file.
    pub orders: u64,
    /// Their sum.
    pub sum: Money,
    /// How many of them the server has already.
    pub on_server: u64,
    /// Drafts whose days would be selected; they stay out.
    pub drafts: u64,
    /// All completed orders of the device; `None` if there is not one.
    pub existing: Option<Existing>,
}

/// Why there is no file to make: E801.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoOrders {
    /// There is no completed order on the device at all: other dates would not help.
    #[error("there are no orders on this device")]
    AtAll {
        /// Drafts that stay out.
        drafts: u64,
    },
    /// There are some, but none of these days.
    #[error("no order is of these days")]
    OfTheseDays {
        /// What there is.
        existing: Existing,
        /// Drafts of these days, which stay out.
        drafts: u64,
    },
}

impl Counted {
    /// Counts what `selection` takes of the orders of a device.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when the selection cannot be carried out.
    pub fn of(selection: Selection, candidates: impl IntoIterator<Item = Candidate>) -> Result<Self, Invalid> {
        selection.check()?;
        let mut counted = Self::default();
        for order in candidates {
            let is_taken = selection.takes(order.created, order.delivery);
            match order.standing {
                Standing::Draft => counted.drafts += u64::from(is_taken),
                Standing::Cancelled => {}
                Standing::Completed { on_server } => {
                    counted.existing = Some(widened(counted.existing, &order));
                    if is_taken {
                        counted.orders += 1;
                        counted.sum = Money(counted.sum.0.saturating_add(order.sum.0));
                        counted.on_server += u64::from(on_server);
                    }
                }
            }
        }
        Ok(counted)
    }

    /// That there is something to export.
    ///
    /// # Errors
    ///
    /// [`NoOrders`].
    pub fn some(&self) -> Result<(), NoOrders> {
        match self.existing {
            _ if self.orders > 0 => Ok(()),
            Some(existing) => Err(NoOrders::OfTheseDays { existing, drafts: self.drafts }),
            None => Err(NoOrders::AtAll { drafts: self.drafts }),
        }
    }
}

fn widened(existing: Option<Existing>, order: &Candidate) -> Existing {
    let wider = |(first, last): (CalendarDay, CalendarDay), day: CalendarDay| (first.min(day), last.max(day));
    let before = existing.unwrap_or(Existing { orders: 0, created: (order.created, order.created), delivery: None });
    Existing {
        orders: before.orders + 1,
        created: wider(before.created, order.created),
        delivery: match (before.delivery, order.delivery) {
            (Some(span), Some(day)) => Some(wider(span, day)),
            (None, Some(day)) => Some((day, day)),
            (span, None) => span,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> CalendarDay {
        CalendarDay::parse(text).unwrap()
    }

    fn days(from: &str, to: &str) -> DayRange {
        DayRange { from: CalendarDay::parse(from), to: CalendarDay::parse(to) }
    }

    fn completed(created: &str, delivery: &str) -> Candidate {
        Candidate {
            standing: Standing::Completed { on_server: false },
            created: day(created),
            delivery: CalendarDay::parse(delivery),
            sum: Money(100),
        }
    }

    #[test]
    fn exp_02_both_ranges_must_take_an_order_and_both_borders_belong_to_them() {
        let takes = |created, delivery, order: Candidate| Selection::Dates { created, delivery }.takes(order.created, order.delivery);
        let order = completed("2026-11-20", "2026-11-22");
        let none = DayRange::default();
        assert!(takes(days("2026-11-20", "2026-11-20"), none, order));
        assert!(takes(none, days("2026-11-22", "2026-11-22"), order));
        assert!(takes(days("2026-11-01", "2026-11-20"), days("2026-11-22", ""), order));
        assert!(!takes(days("2026-11-21", ""), none, order));
        assert!(!takes(days("", "2026-11-19"), none, order));
        assert!(!takes(days("2026-11-20", "2026-11-20"), days("2026-11-23", ""), order), "both, not either");
    }

    #[test]
    fn an_order_without_a_delivery_day_is_taken_only_when_none_is_asked_for() {
        let order = completed("2026-11-20", "");
        let created = days("2026-11-20", "2026-11-20");
        assert!(Selection::Dates { created, delivery: DayRange::default() }.takes(order.created, order.delivery));
        assert!(!Selection::Dates { created, delivery: days("2000-01-01", "2100-01-01") }.takes(order.created, order.delivery));
        assert!(Selection::All.takes(order.created, order.delivery));
    }

    #[test]
    fn exp_09_a_reversed_range_and_an_empty_choice_are_refused() {
        let good = days("2026-11-20", "2026-11-20");
        let reversed = days("2026-11-21", "2026-11-20");
        let none = DayRange::default();
        let check = |created, delivery| Selection::Dates { created, delivery }.check();
        assert_eq!(check(reversed, good), Err(Invalid::StartAfterEnd(RangeName::Created)));
        assert_eq!(check(good, reversed), Err(Invalid::StartAfterEnd(RangeName::Delivery)));
        assert_eq!(check(none, none), Err(Invalid::NothingChosen));
        assert_eq!(check(none, good), Ok(()));
        assert_eq!(Selection::All.check(), Ok(()));
    }

    #[test]
    fn exp_06_all_orders_are_the_completed_ones_sent_or_not() {
        let mut orders = vec![completed("2026-11-20", ""), completed("2020-01-01", "2026-11-30")];
        orders[1].standing = Standing::Completed { on_server: true };
        orders.push(Candidate { standing: Standing::Draft, ..orders[0] });
        orders.push(Candidate { standing: Standing::Cancelled, ..orders[0] });
        let counted = Counted::of(Selection::All, orders).unwrap();
        assert_eq!((counted.orders, counted.sum, counted.on_server, counted.drafts), (2, Money(200), 1, 1));
        assert_eq!(counted.some(), Ok(()));
    }

    #[test]
    fn exp_05_when_no_order_is_of_these_days_the_error_says_what_there_is() {
        let orders = [completed("2026-11-03", ""), completed("2026-11-01", "2026-11-05"), completed("2026-11-02", "2026-11-04")];
        let draft = Candidate { standing: Standing::Draft, ..completed("2026-12-01", "") };
        let december = Selection::Dates { created: days("2026-12-01", "2026-12-31"), delivery: DayRange::default() };
        let counted = Counted::of(december, orders.into_iter().chain([draft])).unwrap();
        let existing =
            Existing { orders: 3, created: (day("2026-11-01"), day("2026-11-03")), delivery: Some((day("2026-11-04"), day("2026-11-05"))) };
        assert_eq!(counted.some(), Err(NoOrders::OfTheseDays { existing, drafts: 1 }));
        assert_eq!(Counted::of(existing.whole_period(), orders).unwrap().orders, 3, "one tap takes them all");
    }

    #[test]
    fn exp_07_a_device_without_orders_says_so_and_not_that_the_dates_are_wrong() {
        let draft = Candidate { standing: Standing::Draft, ..completed("2026-12-01", "") };
        let counted = Counted::of(Selection::All, [draft]).unwrap();
        assert_eq!(counted.some(), Err(NoOrders::AtAll { drafts: 1 }));
    }
}
