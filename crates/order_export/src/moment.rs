//! A moment together with what local clocks showed: time stamps in the files carry their offset.

use std::fmt;

use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds of a day.
pub(crate) const DAY_MILLIS: i64 = 86_400_000;

/// Local clocks differ from UTC by less than a day.
const MOST_OFFSET_MINUTES: i32 = 24 * 60 - 1;

/// A moment and how far local clocks were ahead of UTC then.
///
/// As text it is `2026-11-22T14:43:07.123+03:00`, with exactly three digits of a second, for years 0 to 9999 and offsets of less than a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalMoment {
    /// The moment.
    pub at: UtcMillis,
    /// How far local clocks were ahead.
    pub offset: UtcOffsetMinutes,
}

impl LocalMoment {
    /// The day that local clocks showed.
    #[must_use]
    pub fn day(self) -> CalendarDay {
        CalendarDay::at(self.at, self.offset)
    }

    /// Milliseconds since local midnight.
    #[must_use]
    pub fn millis_of_day(self) -> i64 {
        self.at.0.saturating_add(i64::from(self.offset.0) * 60_000).rem_euclid(DAY_MILLIS)
    }

    /// Reads the form of [`Display`](fmt::Display), also without the fraction of a second and with `Z`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, rest) = (text.get(..10)?, text.get(10..)?);
        let day = CalendarDay::parse(day)?;
        let clock = rest.strip_prefix('T')?;
        let sign_at = clock.find(['Z', '+', '-'])?;
        let (clock, offset) = clock.split_at(sign_at);
        let (seconds, millis) = clock.split_once('.').unwrap_or((clock, "000"));
        let mut parts = seconds.split(':').map(two_digits);
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || millis.len() != 3 {
            return None;
        }
        let millis: i64 = millis.bytes().all(|byte| byte.is_ascii_digit()).then(|| millis.parse().ok())??;
        let offset = parse_offset(offset)?;
        let local = i64::from(day.0) * DAY_MILLIS + i64::from((hour * 60 + minute) * 60 + second) * 1_000 + millis;
        Some(Self { at: UtcMillis(local - i64::from(offset) * 60_000), offset: UtcOffsetMinutes(offset) })
    }
}

fn two_digits(text: &str) -> Option<i32> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn parse_offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, digits) = text.split_at_checked(1)?;
    let (hours, minutes) = digits.split_once(':')?;
    let minutes = two_digits(hours)? * 60 + two_digits(minutes).filter(|minutes| *minutes < 60)?;
    (minutes <= MOST_OFFSET_MINUTES).then_some(if sign == "-" { -minutes } else { minutes })
}

impl fmt::Display for LocalMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset.0.clamp(-MOST_OFFSET_MINUTES, MOST_OFFSET_MINUTES);
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
        write!(f, "{}T{}{sign}{hours:02}:{minutes:02}", self.day(), Clock(self.millis_of_day(), true))
    }
}

impl Serialize for LocalMoment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalMoment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a moment of the form 2026-11-22T14:43:07.123+03:00"))
    }
}

/// Milliseconds of a day as `14:43:07`, with `.123` if asked.
pub(crate) struct Clock(pub i64, pub bool);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
        if self.1 { write!(f, ".{:03}", self.0 % 1_000) } else { Ok(()) }
    }
}

/// A day as people here write it: `22.11.2026`.
pub(crate) struct DottedDay(pub CalendarDay);

impl fmt::Display for DottedDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.year_month_day();
        write!(f, "{day:02}.{month:02}.{year:04}")
    }
}

/// Days in JSON are texts: `2026-11-22`.
pub(crate) mod iso_day {
    use super::{CalendarDay, Deserialize, Deserializer, Serializer};
    use serde::de::Error as _;

    pub(crate) fn serialize<S: Serializer>(day: &CalendarDay, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(day)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CalendarDay, D::Error> {
        let text = String::deserialize(deserializer)?;
        CalendarDay::parse(&text).ok_or_else(|| D::Error::custom("not a day of the form 2026-11-22"))
    }
}

/// The same for a day that may be absent.
pub(crate) mod iso_day_or_none {
    use super::{CalendarDay, Deserialize, Deserializer, Serializer};
    use serde::de::Error as _;

    pub(crate) fn serialize<S: Serializer>(day: &Option<CalendarDay>, serializer: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => serializer.collect_str(day),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CalendarDay>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        CalendarDay::parse(&text).map(Some).ok_or_else(|| D::Error::custom("not a day of the form 2026-11-22"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_its_offset_and_reads_back() {
        for (at, offset, text) in [
            (1_795_347_787_123, 180, "2026-11-22T14:43:07.123+03:00"),
            (0, 0, "1970-01-01T00:00:00.000+00:00"),
            (0, -570, "1969-12-31T14:30:00.000-09:30"),
            (-1, 720, "1970-01-01T11:59:59.999+12:00"),
        ] {
            let moment = LocalMoment { at: UtcMillis(at), offset: UtcOffsetMinutes(offset) };
            assert_eq!(moment.to_string(), text);
            assert_eq!(LocalMoment::parse(text), Some(moment));
        }
        assert_eq!(LocalMoment::parse("1970-01-01T00:00:01Z").map(|moment| moment.at), Some(UtcMillis(1_000)));
    }

    #[test]
    fn what_is_no_moment_is_not_read_as_one() {
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T",
            "2026-11-22T14:43",
            "2026-11-22T24:00:00Z",
            "2026-11-22T14:60:00Z",
            "2026-11-22T14:43:07.1Z",
            "2026-11-22T14:43:07",
            "2026-11-22T14:43:07+0300",
            "2026-11-22T14:43:07+24:00",
            "2026-11-22T14:43:07+03:60",
            "2026-02-30T14:43:07Z",
            "ДДДДДДДДДДT14:43:07Z",
            "2026-11-22T14:43:07я",
        ] {
            assert_eq!(LocalMoment::parse(bad), None, "{bad}");
        }
    }
}
