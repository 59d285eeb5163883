//! How numbers, sums, days and times are written.
//!
//! A number and its unit stay on one line: between them stands a space that does not break. Local time comes in; whoever calls knows
//! the zone.

use crate::Language;

/// A space at which no line is broken.
pub const NO_BREAK: char = '\u{a0}';

/// A moment as local clocks and calendars show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The day.
    pub date: LocalDate,
    /// Hour, 0–23.
    pub hour: u32,
    /// Minute, 0–59.
    pub minute: u32,
    /// Second, 0–59.
    pub second: u32,
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDate {
    /// Year.
    pub year: i32,
    /// Month, 1–12.
    pub month: u32,
    /// Day of the month, 1–31.
    pub day: u32,
    /// Day of the week, Monday = 0 … Sunday = 6.
    pub weekday: u32,
}

/// A whole number with its thousands apart: `1 240`, `1,240`.
#[must_use]
pub fn whole(language: Language, n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 3);
    if n < 0 {
        text.push('\u{2212}');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(match language {
                Language::Russian => NO_BREAK,
                Language::English => ',',
            });
        }
        text.push(digit);
    }
    text
}

/// A sum of kopecks: `184 320,50 ₽`, `₽184,320.50`. Kopecks always stand, so that columns agree.
#[must_use]
pub fn money(language: Language, kopecks: i64) -> String {
    let roubles = i64::try_from(kopecks.unsigned_abs() / 100).unwrap_or(i64::MAX);
    let rest = kopecks.unsigned_abs() % 100;
    let sign = if kopecks < 0 { "\u{2212}" } else { "" };
    let whole = whole(language, roubles);
    match language {
        Language::Russian => format!("{sign}{whole},{rest:02}{NO_BREAK}₽"),
        Language::English => format!("{sign}₽{whole}.{rest:02}"),
    }
}

/// A number with one digit after the point, from tenths: `6,4`, `6.4`; a whole one without it.
#[must_use]
pub fn tenths(language: Language, tenths: i64) -> String {
    let text = whole(language, tenths / 10);
    match (tenths.unsigned_abs() % 10, language) {
        (0, _) => text,
        (rest, Language::Russian) => format!("{text},{rest}"),
        (rest, Language::English) => format!("{text}.{rest}"),
    }
}

/// A rate in hundredths of a percent without its sign: `22`, `10`, `7,5`.
#[must_use]
pub fn rate(language: Language, hundredths: i64) -> String {
    tenths(language, hundredths / 10)
}

/// A size with its unit: `740 Б`, `12 КБ`, `6,4 МБ`, `1,5 ГБ`. A thousand bytes are a kilobyte, as shops and carriers count.
#[must_use]
pub fn size(language: Language, bytes: i64) -> String {
    let units = match language {
        Language::Russian => ["Б", "КБ", "МБ", "ГБ"],
        Language::English => ["B", "KB", "MB", "GB"],
    };
    let (number, unit) = match bytes {
        ..1_000 => (whole(language, bytes), units[0]),
        1_000..10_000 => (tenths(language, bytes / 100), units[1]),
        10_000..1_000_000 => (whole(language, bytes / 1_000), units[1]),
        1_000_000..10_000_000 => (tenths(language, bytes / 100_000), units[2]),
        10_000_000..1_000_000_000 => (whole(language, bytes / 1_000_000), units[2]),
        _ => (tenths(language, bytes / 100_000_000), units[3]),
    };
    format!("{number}{NO_BREAK}{unit}")
}

/// Minutes and seconds left: `0:48`, `12:05`, `1:02:05`.
#[must_use]
pub fn countdown(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Full date and time: `22.11.2025, 08:14:07`, `22 Nov 2025, 08:14:07`.
#[must_use]
pub fn date_time(language: Language, time: LocalTime) -> String {
    format!("{},{NO_BREAK}{:02}:{:02}:{:02}", date(language, time.date), time.hour, time.minute, time.second)
}

/// Hours and minutes: `08:14`.
#[must_use]
pub fn clock(time: LocalTime) -> String {
    format!("{:02}:{:02}", time.hour, time.minute)
}

/// Day without year and time: `22.11, 08:14`, `22 Nov, 08:14`.
#[must_use]
pub fn day_and_clock(language: Language, time: LocalTime) -> String {
    format!("{},{NO_BREAK}{}", day_and_month(language, time.date), clock(time))
}

/// Day and month in figures: `22.11`, `22 Nov`.
#[must_use]
pub fn day_and_month(language: Language, date: LocalDate) -> String {
    match language {
        Language::Russian => format!("{:02}.{:02}", date.day, date.month),
        Language::English => format!("{}{NO_BREAK}{}", date.day, month_short(date.month)),
    }
}

/// A date: `22.11.2025`, `22 Nov 2025`.
#[must_use]
pub fn date(language: Language, date: LocalDate) -> String {
    match language {
        Language::Russian => format!("{:02}.{:02}.{:04}", date.day, date.month, date.year),
        Language::English => format!("{}{NO_BREAK}{}{NO_BREAK}{:04}", date.day, month_short(date.month), date.year),
    }
}

/// A day in words: `Суббота, 22 ноября`, `Saturday, 22 November`.
#[must_use]
pub fn day_in_words(language: Language, date: LocalDate) -> String {
    let (weekdays, months) = match language {
        Language::Russian => (&WEEKDAYS_RU, &MONTHS_RU),
        Language::English => (&WEEKDAYS_EN, &MONTHS_EN),
    };
    format!("{}, {}{NO_BREAK}{}", pick(weekdays, date.weekday), date.day, pick(months, date.month.saturating_sub(1)))
}

/// Day of the week in two or three letters: `Сб`, `Sat`.
#[must_use]
pub fn weekday_short(language: Language, date: LocalDate) -> &'static str {
    pick(
        match language {
            Language::Russian => &["Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"],
            Language::English => &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        },
        date.weekday,
    )
}

/// Ties what should not be torn at the end of a line: a number and its unit (`0,5 л`), an abbreviation and its name (`ул. Лесная`,
/// `д. 14`), `№ 3`.
#[must_use]
pub fn tied(text: &str) -> String {
    let mut words = text.split(' ').peekable();
    let mut tied = String::with_capacity(text.len() + 8);
    while let Some(word) = words.next() {
        tied.push_str(word);
        if let Some(next) = words.peek() {
            tied.push(if belong_together(word, next) { NO_BREAK } else { ' ' });
        }
    }
    tied
}

/// Longest word that counts as an abbreviation or a unit, in letters.
const SHORT_WORD: usize = 4;

fn belong_together(word: &str, next: &str) -> bool {
    let short = |word: &str| word.chars().count() <= SHORT_WORD;
    let abbreviation = word.ends_with('.') && short(word.trim_end_matches('.'));
    let number_and_unit = word.ends_with(|c: char| c.is_ascii_digit())
        && short(next)
        && next.starts_with(char::is_alphabetic)
        && next.chars().all(|c| c.is_alphabetic() || c == '.');
    abbreviation || number_and_unit || word == "№"
}

fn month_short(month: u32) -> &'static str {
    const SHORT: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    pick(&SHORT, month.saturating_sub(1))
}

/// The entry at `index`; nothing for a day or month no calendar has.
fn pick(list: &[&'static str], index: u32) -> &'static str {
    usize::try_from(index).ok().and_then(|index| list.get(index)).copied().unwrap_or("")
}

const WEEKDAYS_RU: [&str; 7] = ["Понедельник", "Вторник", "Среда", "Четверг", "Пятница", "Суббота", "Воскресенье"];
const WEEKDAYS_EN: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS_RU: [&str; 12] =
    ["января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"];
const MONTHS_EN: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Russian};

    const SATURDAY: LocalDate = LocalDate { year: 2025, month: 11, day: 22, weekday: 5 };
    const MORNING: LocalTime = LocalTime { date: SATURDAY, hour: 8, minute: 14, second: 7 };

    #[test]
    fn sums_keep_their_kopecks_and_do_not_break() {
        for (kopecks, russian, english) in [
            (18_432_050, "184\u{a0}320,50\u{a0}₽", "₽184,320.50"),
            (0, "0,00\u{a0}₽", "₽0.00"),
            (5, "0,05\u{a0}₽", "₽0.05"),
            (-120_000, "\u{2212}1\u{a0}200,00\u{a0}₽", "\u{2212}₽1,200.00"),
        ] {
            assert_eq!(money(Russian, kopecks), russian);
            assert_eq!(money(English, kopecks), english);
        }
        assert!(money(Russian, i64::MIN).starts_with('\u{2212}'));
    }

    #[test]
    fn full_times_have_their_seconds() {
        assert_eq!(date_time(Russian, MORNING), "22.11.2025,\u{a0}08:14:07");
        assert_eq!(date_time(English, MORNING), "22\u{a0}Nov\u{a0}2025,\u{a0}08:14:07");
    }

    #[test]
    fn days_are_written_in_words() {
        assert_eq!(day_in_words(Russian, SATURDAY), "Суббота, 22\u{a0}ноября");
        assert_eq!(day_in_words(English, SATURDAY), "Saturday, 22\u{a0}November");
        assert_eq!(weekday_short(Russian, SATURDAY), "Сб");
        assert_eq!(weekday_short(English, LocalDate { weekday: 9, ..SATURDAY }), "");
    }

    #[test]
    fn sizes_take_the_unit_that_reads_well() {
        for (bytes, text) in [
            (740, "740\u{a0}Б"),
            (6_400, "6,4\u{a0}КБ"),
            (12_345, "12\u{a0}КБ"),
            (6_400_000, "6,4\u{a0}МБ"),
            (84_700_000, "84\u{a0}МБ"),
            (1_540_000_000, "1,5\u{a0}ГБ"),
        ] {
            assert_eq!(size(Russian, bytes), text);
        }
    }

    #[test]
    fn time_left_never_runs_below_nothing() {
        assert_eq!([countdown(48), countdown(725), countdown(3_725), countdown(-4)], ["0:48", "12:05", "1:02:05", "0:00"]);
    }

    #[test]
    fn a_number_keeps_its_unit_and_a_street_its_kind() {
        for (text, tied_text) in [
            ("Вода «Ключ» негаз. 0,5 л", "Вода «Ключ» негаз. 0,5\u{a0}л"),
            ("г. Москва, ул. Лесная, д. 14", "г.\u{a0}Москва, ул.\u{a0}Лесная, д.\u{a0}14"),
            ("минимаркет № 3 напротив", "минимаркет №\u{a0}3 напротив"),
            ("Чай 100 пакетиков", "Чай 100 пакетиков"),
            ("два  пробела", "два  пробела"),
            ("", ""),
        ] {
            assert_eq!(tied(text), tied_text);
        }
    }

    #[test]
    fn rates_lose_no_half() {
        assert_eq!([rate(Russian, 2_200), rate(Russian, 1_000), rate(Russian, 750)], ["22", "10", "7,5"]);
    }
}
