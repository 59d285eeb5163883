//! Moments and calendar days, and who may tell them.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// The moment `millis` later (earlier when negative); stays at the ends of the range.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The moment `secs` seconds later.
    #[must_use]
    pub fn plus_secs(self, secs: i64) -> Self {
        self.plus_millis(secs.saturating_mul(1_000))
    }

    /// Milliseconds from `earlier` to this moment; negative if this one is the earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Minutes that local clocks are ahead of UTC (Moscow: 180).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UtcOffsetMinutes(pub i32);

/// A day of the calendar, without a time zone: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CalendarDay(pub i32);

/// Days in 400 years of the Gregorian calendar.
const ERA_DAYS: i64 = 146_097;

impl CalendarDay {
    /// The day that clocks `offset` ahead of UTC show at `moment`.
    #[must_use]
    pub fn at(moment: UtcMillis, offset: UtcOffsetMinutes) -> Self {
        let local = moment.0.saturating_add(i64::from(offset.0) * 60_000);
        Self(i32::try_from(local.div_euclid(86_400_000)).unwrap_or(i32::MAX))
    }

    /// Year, month 1–12 and day 1–31 (civil-from-days, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    #[must_use]
    pub fn year_month_day(self) -> (i32, u32, u32) {
        let days = i64::from(self.0) + 719_468;
        let era = days.div_euclid(ERA_DAYS);
        let day_of_era = days.rem_euclid(ERA_DAYS);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (i32::try_from(year).unwrap_or(i32::MAX), u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
    }

    /// The day of that date; `None` if the calendar has no such date.
    #[must_use]
    pub fn from_year_month_day(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(-9_999..=9_999).contains(&year) {
            return None;
        }
        let shifted_year = i64::from(year) - i64::from(month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted_month = (i64::from(month) + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let made = Self(i32::try_from(era * ERA_DAYS + day_of_era - 719_468).ok()?);
        (made.year_month_day() == (year, month, day)).then_some(made)
    }

    /// Reads `YYYY-MM-DD`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        Self::from_year_month_day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// The day `days` later.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Day of the week, Monday = 0 … Sunday = 6.
    #[must_use]
    pub fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        u32::try_from((i64::from(self.0) + 3).rem_euclid(7)).unwrap_or(0)
    }
}

impl std::fmt::Display for CalendarDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.year_month_day();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Who tells the time. The system's clock lives at the edges; tests bring their own.
pub trait Clock {
    /// Now, by this clock.
    fn now(&self) -> UtcMillis;
    /// How far local clocks are ahead of UTC now.
    fn utc_offset(&self) -> UtcOffsetMinutes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for (days, text) in [(0, "1970-01-01"), (-1, "1969-12-31"), (11_016, "2000-02-29"), (20_779, "2026-11-22")] {
            assert_eq!(CalendarDay(days).to_string(), text);
            assert_eq!(CalendarDay::parse(text), Some(CalendarDay(days)));
        }
        for bad in ["2026-02-29", "2026-13-01", "2026-1-1", "22.11.2026", "", "2026-11-22T"] {
            assert_eq!(CalendarDay::parse(bad), None, "{bad}");
        }
        assert_eq!(CalendarDay(20_779).weekday(), 6);
    }

    #[test]
    fn the_day_is_the_one_local_clocks_show() {
        let late_evening = UtcMillis(CalendarDay(20_779).0 as i64 * 86_400_000 + 22 * 3_600_000);
        assert_eq!(CalendarDay::at(late_evening, UtcOffsetMinutes(0)), CalendarDay(20_779));
        assert_eq!(CalendarDay::at(late_evening, UtcOffsetMinutes(180)), CalendarDay(20_780));
    }
}
