//! CSV: a ZIP with `orders.csv` and `lines.csv`, UTF-8 with a byte order mark (a spreadsheet program takes it for another code page otherwise),
//! semicolons, CRLF.
//!
//! The columns are those of the spreadsheet. A text that begins like a formula gets an apostrophe in front: a program that opens the file on a
//! double click would run it. CSV is for other programs; it is not read back, so nothing depends on taking the apostrophe off again.

use std::fmt::Write;

use crate::columns::{Cell, LINE_COLUMNS, LineRow, ORDER_COLUMNS};
use crate::format::Decimal;
use crate::making::MakeError;
use crate::moment::{Clock, DottedDay, LocalMoment};
use crate::snapshot::{Header, Order};
use crate::text::{Hundredths, looks_like_a_formula};
use crate::zip::{self, Part};

const ALWAYS: &str = "a string takes every letter";

/// Writes it.
pub(crate) struct CsvWriter {
    made_at: LocalMoment,
    separator: char,
    orders: Part,
    lines: Part,
    text: String,
}

impl CsvWriter {
    pub(crate) fn new(header: &Header, decimal: Decimal) -> Self {
        let separator = match decimal {
            Decimal::Comma => ',',
            Decimal::Point => '.',
        };
        let mut orders = Part::new("orders.csv");
        let mut lines = Part::new("lines.csv");
        orders.write(captions(ORDER_COLUMNS.iter().map(|column| column.caption)).as_bytes());
        lines.write(captions(LINE_COLUMNS.iter().map(|column| column.caption)).as_bytes());
        Self { made_at: header.made_at, separator, orders, lines, text: String::new() }
    }

    pub(crate) fn add(&mut self, order: &Order) {
        self.text.clear();
        let cells = ORDER_COLUMNS.iter().map(|column| (column.cell)(order));
        push_row(&mut self.text, cells, self.separator);
        self.orders.write(self.text.as_bytes());
        self.text.clear();
        for (number, line) in (1..).zip(&order.lines) {
            let row = LineRow { order, number, line };
            push_row(&mut self.text, LINE_COLUMNS.iter().map(|column| (column.cell)(&row)), self.separator);
        }
        self.lines.write(self.text.as_bytes());
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, MakeError> {
        zip::assemble([self.orders, self.lines], self.made_at)
    }
}

fn captions<'a>(captions: impl Iterator<Item = &'a str>) -> String {
    format!("\u{feff}{}\r\n", captions.collect::<Vec<_>>().join(";"))
}

fn push_row<'a>(out: &mut String, cells: impl Iterator<Item = Cell<'a>>, separator: char) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(';');
        }
        push_cell(out, &cell, separator);
    }
    out.push_str("\r\n");
}

fn push_cell(out: &mut String, cell: &Cell<'_>, separator: char) {
    match cell {
        Cell::Empty => Ok(()),
        Cell::Text(text) => {
            push_text(out, text);
            Ok(())
        }
        Cell::Int(number) => write!(out, "{number}"),
        Cell::Money(money) => write!(out, "{}", Hundredths { value: money.0, separator }),
        Cell::Percent(value) => write!(out, "{}", Hundredths { value: *value, separator }),
        Cell::Day(day) => write!(out, "{}", DottedDay(*day)),
        Cell::Time(millis) => write!(out, "{}", Clock(*millis, false)),
        Cell::Moment(moment) => write!(out, "{} {}", DottedDay(moment.day()), Clock(moment.millis_of_day(), false)),
    }
    .expect(ALWAYS);
}

fn push_text(out: &mut String, text: &str) {
    let is_formula = looks_like_a_formula(text);
    let is_quoted = text.contains([';', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ');
    if is_quoted {
        out.push('"');
    }
    if is_formula {
        out.push('\'');
    }
    for letter in text.chars() {
        if letter == '"' {
            out.push('"');
        }
        out.push(letter);
    }
    if is_quoted {
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    #[test]
    fn exp_10_a_text_that_begins_like_a_formula_is_defused() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+7 900", "'+7 900"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("ООО «Ромашка»; склад", "\"ООО «Ромашка»; склад\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(written(text), cell);
        }
    }

    #[test]
    fn a_negative_amount_is_a_number_and_not_a_formula() {
        let mut out = String::new();
        push_row(&mut out, [Cell::Money(polevik_domain::money::Money(-150)), Cell::Empty, Cell::Int(-2)].into_iter(), ',');
        assert_eq!(out, "-1,50;;-2\r\n");
    }
}
