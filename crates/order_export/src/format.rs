//! The four kinds of file, their names and what may be chosen about them.

use crate::moment::Clock;
use crate::selection::{DayRange, Selection};
use crate::snapshot::Header;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// A spreadsheet with the sheets «Заказы», «Строки», «Сведения».
    #[default]
    Xlsx,
    /// A ZIP with `orders.csv` and `lines.csv`.
    Csv,
    /// `CommerceML` 2.08 for 1C: one document «Заказ товара» per order.
    CommerceMl,
    /// Everything, to be read back by us.
    Json,
}

impl Format {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 4] = [Self::Xlsx, Self::Csv, Self::CommerceMl, Self::Json];

    /// The word on command lines and in options.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::CommerceMl => "commerceml",
            Self::Json => "json",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// How the names of its files end.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv.zip",
            Self::CommerceMl => "xml",
            Self::Json => "json",
        }
    }

    /// Its media type, by which a system offers programs to open it.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "application/zip",
            Self::CommerceMl => "application/xml",
            Self::Json => "application/json",
        }
    }
}

/// What a number's fraction begins with in CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decimal {
    /// `184320,50`: what a Russian spreadsheet program takes for a number.
    #[default]
    Comma,
    /// `184320.50`.
    Point,
}

/// In which letters `CommerceML` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum XmlEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// windows-1251, for old configurations of 1C; what it does not have is written as a character reference.
    Windows1251,
}

/// What may be chosen about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Of CSV.
    pub decimal: Decimal,
    /// Of `CommerceML`.
    pub encoding: XmlEncoding,
}

/// The name of the file: `orders_А017_20261101-20261122_20261122-1443.xlsx`.
///
/// The middle says the days of creation; `all` for «Все заказы», `delivery-…` when only days of delivery were chosen. What may not stand in a
/// file name is left out of the prefix.
#[must_use]
pub fn file_name(header: &Header, format: Format) -> String {
    let prefix: String = header.number_prefix.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let period = match header.selection {
        Selection::All => "all".to_owned(),
        Selection::Dates { created, delivery } if created.is_empty() => format!("delivery-{}", period(delivery)),
        Selection::Dates { created, .. } => period(created),
    };
    let made_at = header.made_at;
    let clock = Clock(made_at.millis_of_day(), false).to_string().replace(':', "");
    format!("orders_{prefix}_{period}_{}-{}.{}", compact(made_at.day()), &clock[..4], format.extension())
}

fn period(range: DayRange) -> String {
    format!("{}-{}", range.from.map(compact).unwrap_or_default(), range.to.map(compact).unwrap_or_default())
}

fn compact(day: polevik_domain::time::CalendarDay) -> String {
    day.to_string().replace('-', "")
}

#[cfg(test)]
mod tests {
    use polevik_domain::ids::DeviceId;
    use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};

    use super::*;
    use crate::moment::LocalMoment;
    use crate::snapshot::Named;

    fn name(selection: Selection, format: Format) -> String {
        let nobody = Named { id: 1, code: String::new(), name: String::new() };
        let header = Header {
            made_at: LocalMoment { at: UtcMillis(1_795_347_787_123), offset: UtcOffsetMinutes(180) },
            device_id: DeviceId::generate(UtcMillis(0), [0; 10]),
            number_prefix: "А/0\"17".to_owned(),
            rep: String::new(),
            position: nobody.clone(),
            distributor: nobody,
            currency: "RUB".to_owned(),
            selection,
        };
        file_name(&header, format)
    }

    #[test]
    fn a_file_is_named_by_device_days_and_moment() {
        let days = DayRange { from: CalendarDay::parse("2026-11-01"), to: CalendarDay::parse("2026-11-22") };
        let none = DayRange::default();
        assert_eq!(name(Selection::All, Format::Json), "orders_А017_all_20261122-1443.json");
        let created = Selection::Dates { created: days, delivery: none };
        assert_eq!(name(created, Format::Xlsx), "orders_А017_20261101-20261122_20261122-1443.xlsx");
        let delivery = Selection::Dates { created: none, delivery: days };
        assert_eq!(name(delivery, Format::Csv), "orders_А017_delivery-20261101-20261122_20261122-1443.csv.zip");
    }

    #[test]
    fn the_words_of_formats_read_back() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.as_str()), Some(format));
        }
        assert_eq!(Format::parse("xls"), None);
    }
}
