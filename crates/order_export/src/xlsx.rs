//! The spreadsheet (ECMA-376): sheets «Заказы», «Строки», «Сведения».
//!
//! Days, times and amounts are typed; texts are texts and never formulas, also after somebody edits the cell. The header stays in sight, every
//! column can be filtered, and what only a program needs is folded away. It is written by hand, because it is always these three sheets: a
//! general library for spreadsheets weighs in the browser many times what this does.

use std::collections::HashMap;
use std::fmt::Write;

use crate::columns::{Cell, LINE_COLUMNS, LineRow, ORDER_COLUMNS};
use crate::making::MakeError;
use crate::moment::DAY_MILLIS;
use crate::snapshot::{Header, Order, Totals};
use crate::text::{Hundredths, looks_like_a_formula, push_spreadsheet_text};
use crate::zip::{self, Part};

mod details;
mod fixed_parts;

pub(crate) use details::caption;

/// The most rows of a sheet, the header among them.
const MOST_ROWS: u32 = 1_048_576;

/// The most UTF-16 units of a cell.
pub(crate) const MOST_CELL_UNITS: usize = 32_767;

/// Days from 1899-12-30, with which the count of spreadsheets begins (they take 1900 for a leap year), to 1970-01-01.
pub(crate) const EPOCH_DAYS: i64 = 25_569;

/// The first day that all spreadsheet programs count alike, 1900-03-01, and the last, 9999-12-31.
const COUNTED_DAYS: std::ops::RangeInclusive<i64> = 61..=2_958_465;

/// Text that is collected before it is packed.
const BUFFER_BYTES: usize = 32 * 1024;

const ALWAYS: &str = "a string takes every letter";

/// How a cell looks: its place in `cellXfs` of the part `styles.xml`.
#[derive(Clone, Copy)]
enum Style {
    Header = 1,
    Text = 2,
    /// A text that begins like a formula: it stays a text when somebody edits it.
    QuotedText = 3,
    Int = 4,
    /// Two digits of a fraction, thousands apart.
    Money = 5,
    Percent = 6,
    Day = 7,
    Time = 8,
    Moment = 9,
}

/// Writes it.
pub(crate) struct XlsxWriter {
    header: Header,
    strings: SharedStrings,
    orders: Sheet,
    lines: Sheet,
}

impl XlsxWriter {
    pub(crate) fn new(header: &Header) -> Self {
        let mut strings = SharedStrings::default();
        let of_orders: Vec<_> = ORDER_COLUMNS.iter().map(|column| (column.caption, column.width, column.is_technical)).collect();
        let of_lines: Vec<_> = LINE_COLUMNS.iter().map(|column| (column.caption, column.width, column.is_technical)).collect();
        let orders = Sheet::new("xl/worksheets/sheet1.xml", true, &of_orders, &mut strings);
        let lines = Sheet::new("xl/worksheets/sheet2.xml", false, &of_lines, &mut strings);
        Self { header: header.clone(), strings, orders, lines }
    }

    pub(crate) fn add(&mut self, order: &Order) -> Result<(), MakeError> {
        let cells = ORDER_COLUMNS.iter().map(|column| (column.cell)(order));
        self.orders.row(cells, &mut self.strings)?;
        for (number, line) in (1..).zip(&order.lines) {
            let row = LineRow { order, number, line };
            let cells = LINE_COLUMNS.iter().map(|column| (column.cell)(&row));
            self.lines.row(cells, &mut self.strings)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, totals: &Totals, content_sha256: &str) -> Result<Vec<u8>, MakeError> {
        let details = details::sheet(&self.header, totals, content_sha256, &mut self.strings)?.finish(IsFiltered::No);
        let workbook = fixed_parts::workbook(self.orders.filter(), self.lines.filter());
        let parts = [
            fixed_parts::part("[Content_Types].xml", fixed_parts::CONTENT_TYPES),
            fixed_parts::part("_rels/.rels", fixed_parts::PACKAGE_RELATIONS),
            fixed_parts::part("xl/workbook.xml", &workbook),
            fixed_parts::part("xl/_rels/workbook.xml.rels", fixed_parts::WORKBOOK_RELATIONS),
            fixed_parts::part("xl/styles.xml", fixed_parts::STYLES),
            self.orders.finish(IsFiltered::Yes),
            self.lines.finish(IsFiltered::Yes),
            details,
            self.strings.finish(),
        ];
        zip::assemble(parts, self.header.made_at)
    }
}

/// Every text of the workbook once, by its place.
struct SharedStrings {
    places: HashMap<String, u32>,
    part: Part,
    xml: String,
}

impl Default for SharedStrings {
    fn default() -> Self {
        let xml = format!("{}<sst xmlns=\"{}\">", fixed_parts::DECLARATION, fixed_parts::MAIN);
        Self { places: HashMap::new(), part: Part::new("xl/sharedStrings.xml"), xml }
    }
}

impl SharedStrings {
    fn place(&mut self, text: &str) -> Result<u32, MakeError> {
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        let place = u32::try_from(self.places.len()).map_err(|_| MakeError::TooLarge)?;
        self.xml.push_str("<si><t xml:space=\"preserve\">");
        push_spreadsheet_text(&mut self.xml, cut(text));
        self.xml.push_str("</t></si>");
        flush(&mut self.xml, &mut self.part, BUFFER_BYTES);
        self.places.insert(text.to_owned(), place);
        Ok(place)
    }

    fn finish(mut self) -> Part {
        self.xml.push_str("</sst>");
        flush(&mut self.xml, &mut self.part, 0);
        self.part
    }
}

/// As much of `text` as a cell can hold.
fn cut(text: &str) -> &str {
    if text.len() <= MOST_CELL_UNITS {
        return text;
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, letter)| {
        units += letter.len_utf16();
        units > MOST_CELL_UNITS
    });
    end.map_or(text, |(at, _)| &text[..at])
}

fn flush(xml: &mut String, part: &mut Part, more_than_bytes: usize) {
    if xml.len() > more_than_bytes {
        part.write(xml.as_bytes());
        xml.clear();
    }
}

/// Whether the columns of a sheet can be filtered.
#[derive(PartialEq, Eq)]
enum IsFiltered {
    Yes,
    No,
}

/// One sheet while it is written.
struct Sheet {
    part: Part,
    xml: String,
    letters: Vec<String>,
    rows: u32,
}

impl Sheet {
    /// With its first row, the captions. A column is caption, width and whether it is folded away.
    fn new(part: &'static str, is_first: bool, columns: &[(&str, u32, bool)], strings: &mut SharedStrings) -> Self {
        let mut xml = format!("{}<worksheet xmlns=\"{}\">", fixed_parts::DECLARATION, fixed_parts::MAIN);
        let selected = if is_first { " tabSelected=\"1\"" } else { "" };
        write!(
            xml,
            "<sheetViews><sheetView{selected} workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" \
             state=\"frozen\"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\" outlineLevelCol=\"1\"/><cols>"
        )
        .expect(ALWAYS);
        for (number, (_, width, is_technical)) in (1..).zip(columns) {
            let folded = if *is_technical { " hidden=\"1\" outlineLevel=\"1\"" } else { "" };
            write!(xml, "<col min=\"{number}\" max=\"{number}\" width=\"{width}\" customWidth=\"1\"{folded}/>").expect(ALWAYS);
        }
        xml.push_str("</cols><sheetData>");
        let letters = (0..columns.len()).map(column_letters).collect();
        let mut sheet = Self { part: Part::new(part), xml, letters, rows: 0 };
        sheet.begin_row().expect("the first row is not beyond the last");
        for (at, (caption, ..)) in columns.iter().enumerate() {
            sheet.text(at, caption, Style::Header, strings).expect("the captions are few");
        }
        sheet.end_row();
        sheet
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>, strings: &mut SharedStrings) -> Result<(), MakeError> {
        self.begin_row()?;
        for (at, cell) in cells.enumerate() {
            self.cell(at, &cell, strings)?;
        }
        self.end_row();
        Ok(())
    }

    fn begin_row(&mut self) -> Result<(), MakeError> {
        if self.rows == MOST_ROWS {
            return Err(MakeError::TooManyRows);
        }
        self.rows += 1;
        write!(self.xml, "<row r=\"{}\">", self.rows).expect(ALWAYS);
        Ok(())
    }

    fn end_row(&mut self) {
        self.xml.push_str("</row>");
        flush(&mut self.xml, &mut self.part, BUFFER_BYTES);
    }

    fn cell(&mut self, at: usize, cell: &Cell<'_>, strings: &mut SharedStrings) -> Result<(), MakeError> {
        match cell {
            Cell::Empty => {}
            Cell::Text(text) => {
                let style = if looks_like_a_formula(text) { Style::QuotedText } else { Style::Text };
                self.text(at, text, style, strings)?;
            }
            Cell::Int(number) => self.number(at, Style::Int, number),
            Cell::Money(money) => self.number(at, Style::Money, Hundredths::of(*money)),
            Cell::Percent(value) => self.number(at, Style::Percent, Hundredths { value: *value, separator: '.' }),
            Cell::Day(day) => match counted_day(*day) {
                Some(days) => self.number(at, Style::Day, days),
                None => self.text(at, &day.to_string(), Style::Text, strings)?,
            },
            Cell::Time(millis) => self.number(at, Style::Time, fraction_of_a_day(*millis)),
            Cell::Moment(moment) => match counted_day(moment.day()) {
                // A whole number and a fraction below one: so many digits that the second is exact.
                Some(days) => {
                    let fraction = fraction_of_a_day(moment.millis_of_day());
                    self.number(at, Style::Moment, format_args!("{days}{}", fraction.trim_start_matches('0')));
                }
                None => self.text(at, &moment.to_string(), Style::Text, strings)?,
            },
        }
        Ok(())
    }

    fn text(&mut self, at: usize, text: &str, style: Style, strings: &mut SharedStrings) -> Result<(), MakeError> {
        let place = strings.place(text)?;
        write!(self.xml, "<c r=\"{}{}\" s=\"{}\" t=\"s\"><v>{place}</v></c>", self.letters[at], self.rows, style as u8).expect(ALWAYS);
        Ok(())
    }

    fn number(&mut self, at: usize, style: Style, number: impl std::fmt::Display) {
        write!(self.xml, "<c r=\"{}{}\" s=\"{}\"><v>{number}</v></c>", self.letters[at], self.rows, style as u8).expect(ALWAYS);
    }

    /// The cells that can be filtered, with and without dollar signs.
    fn filter(&self) -> (String, String) {
        let last = self.letters.last().map_or("A", String::as_str);
        (format!("A1:{last}{}", self.rows), format!("$A$1:${last}${}", self.rows))
    }

    fn finish(mut self, is_filtered: IsFiltered) -> Part {
        self.xml.push_str("</sheetData>");
        if is_filtered == IsFiltered::Yes {
            let (filter, _) = self.filter();
            write!(self.xml, "<autoFilter ref=\"{filter}\"/>").expect(ALWAYS);
        }
        self.xml.push_str("</worksheet>");
        flush(&mut self.xml, &mut self.part, 0);
        self.part
    }
}

fn counted_day(day: polevik_domain::time::CalendarDay) -> Option<i64> {
    let days = i64::from(day.0) + EPOCH_DAYS;
    COUNTED_DAYS.contains(&days).then_some(days)
}

/// `0.6132757292`: the begun second with ten digits, rounded up, so that a program that cuts shows the same second as one that rounds.
fn fraction_of_a_day(millis: i64) -> String {
    let seconds = millis.clamp(0, DAY_MILLIS - 1).unsigned_abs() / 1_000;
    let ten_digits = (seconds * 10_000_000_000).div_ceil(DAY_MILLIS.unsigned_abs() / 1_000);
    format!("0.{ten_digits:010}")
}

/// `A` for 0, `Z` for 25, `AA` for 26.
fn column_letters(mut at: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A' + u8::try_from(at % 26).unwrap_or(0)));
        if at < 26 {
            break;
        }
        at = at / 26 - 1;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use polevik_domain::time::CalendarDay;

    use super::*;

    #[test]
    fn columns_have_the_letters_that_people_know() {
        for (at, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(column_letters(at), letters);
        }
    }

    #[test]
    fn days_are_counted_as_spreadsheets_count() {
        for (day, counted) in [("2026-11-22", Some(46_348)), ("1970-01-01", Some(25_569)), ("1900-03-01", Some(61)), ("1900-02-28", None)] {
            assert_eq!(counted_day(CalendarDay::parse(day).unwrap()), counted, "{day}");
        }
        assert_eq!(counted_day(CalendarDay(i32::MAX)), None);
        assert_eq!(fraction_of_a_day(DAY_MILLIS / 2), "0.5000000000");
    }

    #[test]
    fn a_text_too_long_for_a_cell_is_cut_between_letters() {
        let long = "😀".repeat(MOST_CELL_UNITS);
        assert_eq!(cut(&long).encode_utf16().count(), MOST_CELL_UNITS - 1);
        assert_eq!(cut("kurz"), "kurz");
    }
}
