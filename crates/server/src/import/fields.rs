//! The fields of one record, read strictly: a value is what it should be, or the row is refused with the field and the reason.

use polevik_domain::time::{CalendarDay, UtcMillis};
use serde_json::{Map, Value};

/// Why a row is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field at fault; empty: the whole row.
    pub field: String,
    /// For people.
    pub reason: String,
}

impl Refusal {
    /// A refusal because of one field.
    #[must_use]
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

/// The fields of one record.
///
/// Each function takes the names a field may have; the first that is present counts. Absent are: no such field, `null`, an empty text.
pub struct Fields<'a>(pub &'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn find<'n>(&self, names: &[&'n str]) -> (&'n str, Option<&'a Value>) {
        let given = names.iter().find_map(|name| match self.0.get(*name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(value) => Some((*name, Some(value))),
        });
        given.unwrap_or((names.first().copied().unwrap_or_default(), None))
    }

    /// A text of at most `most_bytes`, without spaces around and without control characters; `None` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn text(&self, names: &[&str], most_bytes: usize) -> Result<Option<String>, Refusal> {
        let (name, value) = self.find(names);
        let text = match value {
            None => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            // Codes that look like numbers come unquoted from many systems.
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
            Some(other) => return Err(Refusal::new(name, format!("must be a text, not {}", what(other)))),
        };
        if text.len() > most_bytes {
            return Err(Refusal::new(name, format!("{} bytes long; {most_bytes} is the most", text.len())));
        }
        match text.chars().find(|c| c.is_control()) {
            Some(control) => Err(Refusal::new(name, format!("holds the control character U+{:04X}", u32::from(control)))),
            None => Ok(Some(text)),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn required(&self, names: &[&str], most_bytes: usize) -> Result<String, Refusal> {
        self.text(names, most_bytes)?.ok_or_else(|| missing(names))
    }

    /// A text; empty if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn text_or_empty(&self, names: &[&str], most_bytes: usize) -> Result<String, Refusal> {
        Ok(self.text(names, most_bytes)?.unwrap_or_default())
    }

    /// A whole number within `range`; `None` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn int(&self, names: &[&str], range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let (name, value) = self.find(names);
        let number = match value {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(other) => return Err(Refusal::new(name, format!("must be a whole number, not {}", what(other)))),
        };
        let number = number.ok_or_else(|| Refusal::new(name, "must be a whole number"))?;
        if range.contains(&number) {
            return Ok(Some(number));
        }
        Err(Refusal::new(
            name,
            match (number < *range.start(), *range.start()) {
                (true, 0) => format!("{number} is negative"),
                (true, 1) => format!("{number} is not above zero"),
                _ => format!("{number} is not within {}…{}", range.start(), range.end()),
            },
        ))
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn required_int(&self, names: &[&str], range: std::ops::RangeInclusive<i64>) -> Result<i64, Refusal> {
        self.int(names, range)?.ok_or_else(|| missing(names))
    }

    /// 1 for yes, 0 for no, `default` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn flag(&self, names: &[&str], default: bool) -> Result<i64, Refusal> {
        let (name, value) = self.find(names);
        let yes = match value {
            None => Some(default),
            Some(Value::Bool(yes)) => Some(*yes),
            Some(Value::Number(number)) => number.as_i64().and_then(|number| (0..=1).contains(&number).then_some(number == 1)),
            Some(Value::String(text)) => match text.trim().to_lowercase().as_str() {
                "1" | "true" | "yes" | "да" => Some(true),
                "0" | "false" | "no" | "нет" => Some(false),
                _ => None,
            },
            Some(_) => None,
        };
        yes.map(i64::from).ok_or_else(|| Refusal::new(name, "must be true or false"))
    }

    /// A calendar day, `YYYY-MM-DD`; `None` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn day(&self, names: &[&str]) -> Result<Option<CalendarDay>, Refusal> {
        let (name, _) = self.find(names);
        let Some(text) = self.text(names, 40)? else { return Ok(None) };
        CalendarDay::parse(&text).map(Some).ok_or_else(|| Refusal::new(name, format!("\"{text}\" is not a day like 2026-11-22")))
    }

    /// A moment: UTC milliseconds, or RFC 3339 with its offset (`2026-11-22T08:00:00Z`); `None` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn moment(&self, names: &[&str]) -> Result<Option<UtcMillis>, Refusal> {
        let (name, value) = self.find(names);
        if let Some(Value::Number(number)) = value {
            return number.as_i64().map(|millis| Some(UtcMillis(millis))).ok_or_else(|| Refusal::new(name, "must be whole milliseconds"));
        }
        let Some(text) = self.text(names, 40)? else { return Ok(None) };
        text.parse::<jiff::Timestamp>()
            .map(|moment| Some(UtcMillis(moment.as_millisecond())))
            .map_err(|_| Refusal::new(name, format!("\"{text}\" is not a moment like 2026-11-22T08:00:00Z")))
    }

    /// Degrees as a decimal number up to `most` either way, in micro-degrees; `None` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    #[expect(clippy::cast_possible_truncation, reason = "at most 180 million after the check")]
    pub fn micro_degrees(&self, names: &[&str], most: f64) -> Result<Option<i64>, Refusal> {
        let (name, value) = self.find(names);
        let degrees = match value {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().replace(',', ".").parse().ok(),
            Some(_) => None,
        };
        let degrees = degrees.filter(|degrees: &f64| degrees.abs() <= most);
        degrees
            .map(|degrees| Some((degrees * 1e6).round() as i64))
            .ok_or_else(|| Refusal::new(name, format!("must be degrees within ±{most}")))
    }

    /// One of some words; `None` if absent.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn word(&self, names: &[&str], words: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let (name, _) = self.find(names);
        let Some(text) = self.text(names, 100)? else { return Ok(None) };
        let found = words.iter().find(|word| **word == text);
        found.copied().map(Some).ok_or_else(|| Refusal::new(name, format!("\"{text}\" is none of {}", words.join(", "))))
    }
}

fn missing(names: &[&str]) -> Refusal {
    Refusal::new(names.first().copied().unwrap_or_default(), "is missing")
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a fraction",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether the last digits of a taxpayer number follow from the others (10 digits for companies, 12 for persons).
#[must_use]
pub fn inn_is_valid(inn: &str) -> bool {
    let digits: Vec<u32> = inn.chars().filter_map(|c| c.to_digit(10)).collect();
    if digits.len() != inn.chars().count() {
        return false;
    }
    match digits.len() {
        10 => inn_check(&digits[..9]) == digits[9],
        12 => inn_check(&digits[..10]) == digits[10] && inn_check(&digits[..11]) == digits[11],
        _ => false,
    }
}

/// The digit that follows the first 9, 10 or 11 digits of a taxpayer number.
#[must_use]
pub fn inn_check(digits: &[u32]) -> u32 {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let weights = &WEIGHTS[WEIGHTS.len().saturating_sub(digits.len())..];
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11 % 10
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with<T>(value: Value, read: impl FnOnce(&Fields<'_>) -> Result<T, Refusal>) -> Result<T, String> {
        let object = json!({ "f": value });
        read(&Fields(object.as_object().unwrap())).map_err(|refusal| format!("{}: {}", refusal.field, refusal.reason))
    }

    #[test]
    fn texts_are_trimmed_and_control_characters_and_long_ones_refused() {
        let read = |value| with(value, |fields| fields.text(&["f"], 8));
        assert_eq!(read(json!("  a «b» ")), Ok(Some("a «b»".to_owned())));
        assert_eq!(read(json!(" ")), Ok(None));
        assert_eq!(read(json!(null)), Ok(None));
        assert_eq!(read(json!(17)), Ok(Some("17".to_owned())));
        for bad in [json!("a\u{0}b"), json!("a\nb"), json!("123456789"), json!([1]), json!(1.5)] {
            assert!(read(bad).is_err());
        }
    }

    #[test]
    fn numbers_days_moments_and_flags_are_what_they_should_be() {
        assert_eq!(with(json!("5"), |f| f.int(&["f"], 0..=9)), Ok(Some(5)));
        assert_eq!(with(json!(-3), |f| f.int(&["f"], 0..=9)), Err("f: -3 is negative".to_owned()));
        for bad in [json!(1.5), json!("1,5"), json!("x"), json!(true), json!(10)] {
            assert!(with(bad, |f| f.int(&["f"], 0..=9)).is_err());
        }
        assert_eq!(with(json!("2026-11-22"), |f| f.day(&["f"])), Ok(Some(CalendarDay(20_779))));
        assert!(with(json!("22.11.2026"), |f| f.day(&["f"])).is_err());
        assert_eq!(with(json!("1970-01-01T03:00:01+03:00"), |f| f.moment(&["f"])), Ok(Some(UtcMillis(1_000))));
        assert!(with(json!("вчера"), |f| f.moment(&["f"])).is_err());
        assert_eq!(with(json!("да"), |f| f.flag(&["f"], false)), Ok(1));
        assert!(with(json!("maybe"), |f| f.flag(&["f"], false)).is_err());
        assert_eq!(with(json!("55,7558"), |f| f.micro_degrees(&["f"], 90.0)), Ok(Some(55_755_800)));
        assert!(with(json!(91), |f| f.micro_degrees(&["f"], 90.0)).is_err());
    }

    #[test]
    fn taxpayer_numbers_carry_check_digits() {
        for good in ["7707083893", "500100732259"] {
            assert!(inn_is_valid(good), "{good}");
        }
        for bad in ["7707083894", "500100732258", "770708389", "", "77070838x3"] {
            assert!(!inn_is_valid(bad), "{bad}");
        }
    }
}
