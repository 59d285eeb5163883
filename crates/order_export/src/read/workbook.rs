//! Spreadsheets in general: sheets by name, rows of texts and numbers.
//!
//! Read as it comes, part by part: what is held at once are the shared strings and the row at hand.

use std::io::{BufRead, BufReader};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::ReadError;
use crate::text::read_spreadsheet_text;
use crate::zip::{Archive, Unpacked, ZipError};

/// The most text that shared strings may hold together.
const MOST_STRING_BYTES: usize = 256 * 1024 * 1024;

/// The most columns that programs write.
const MOST_COLUMNS: usize = 16_384;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// As written, so that an amount stays exact.
    Number(String),
}

/// One row: its number, and what is in it by column from 0.
pub(super) struct Row {
    pub number: u32,
    pub cells: Vec<(usize, Value)>,
}

/// An opened workbook.
pub(super) struct Workbook<'a> {
    archive: Archive<'a>,
    sheets: Vec<(String, String)>,
    strings: Vec<String>,
    /// Days are counted from 1904, as old programs of one maker do.
    pub counts_from_1904: bool,
}

type Xml<'a> = Reader<BufReader<Unpacked<'a>>>;

impl<'a> Workbook<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let archive = Archive::open(bytes)?;
        let (mut sheets, counts_from_1904) = sheets_by_relation(&archive)?;
        let mut relations = Vec::new();
        each_start(xml(&archive, "xl/_rels/workbook.xml.rels")?, |element| {
            if element.local_name().as_ref() == "Relationship" {
                relations.push((attribute(element, "Id")?, path(&attribute(element, "Target")?), attribute(element, "Type")?));
            }
            Ok(())
        })?;
        for (_, relation) in &mut sheets {
            let found = relations.iter().find(|(id, ..)| id == relation);
            *relation = found.map(|(_, target, _)| target.clone()).ok_or_else(|| ReadError::Damaged("a sheet is missing".to_owned()))?;
        }
        let strings = relations.iter().find(|(_, _, kind)| kind.ends_with("/sharedStrings"));
        let strings = match strings {
            Some((_, target, _)) => shared_strings(xml(&archive, target)?)?,
            None => Vec::new(),
        };
        Ok(Self { archive, sheets, strings, counts_from_1904 })
    }

    /// Gives every row of a sheet to `take`.
    pub(super) fn rows(&self, sheet: &str, mut take: impl FnMut(Row) -> Result<(), ReadError>) -> Result<(), ReadError> {
        let target = self.sheets.iter().find(|(name, _)| name == sheet).map(|(_, target)| target);
        let target = target.ok_or_else(|| ReadError::NotOurs(format!("there is no sheet «{sheet}»")))?;
        let mut xml = xml(&self.archive, target)?;
        let mut buffer = Vec::new();
        let mut last_row = 0;
        loop {
            buffer.clear();
            match xml.read_event_into(&mut buffer).map_err(damaged)? {
                Event::Start(element) if element.local_name().as_ref() == "row" => {
                    let number = row_number(&element, last_row)?;
                    last_row = number;
                    take(self.row(&mut xml, number)?)?;
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn row(&self, xml: &mut Xml<'_>, number: u32) -> Result<Row, ReadError> {
        let mut cells = Vec::new();
        let mut next_column = 0;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let (element, is_empty) = match xml.read_event_into(&mut buffer).map_err(damaged)? {
                Event::Start(element) => (element, false),
                Event::Empty(element) => (element, true),
                Event::End(element) if element.local_name().as_ref() == "row" => return Ok(Row { number, cells }),
                Event::Eof => return Err(ReadError::Damaged("a sheet breaks off".to_owned())),
                _ => continue,
            };
            if element.local_name().as_ref() != "c" {
                continue;
            }
            let column = optional_attribute(&element, "r")?.and_then(|place| column_of(&place)).unwrap_or(next_column);
            if column >= MOST_COLUMNS {
                return Err(ReadError::Damaged("a row has too many columns".to_owned()));
            }
            next_column = column + 1;
            if !is_empty {
                let kind = optional_attribute(&element, "t")?.unwrap_or_default();
                if let Some(value) = self.cell(xml, &kind)? {
                    cells.push((column, value));
                }
            }
        }
    }

    /// The value of the cell whose start was just read, up to its end.
    fn cell(&self, xml: &mut Xml<'_>, kind: &str) -> Result<Option<Value>, ReadError> {
        let text = text_inside(xml, "c", &["v", "t"])?;
        Ok(match kind {
            "s" => {
                let place: usize = text.trim().parse().map_err(|_| ReadError::Damaged("a shared string is missing".to_owned()))?;
                let shared = self.strings.get(place).ok_or_else(|| ReadError::Damaged("a shared string is missing".to_owned()))?;
                (!shared.is_empty()).then(|| Value::Text(shared.clone()))
            }
            "str" | "inlineStr" => (!text.is_empty()).then(|| Value::Text(read_spreadsheet_text(&text))),
            "" | "n" => (!text.trim().is_empty()).then(|| Value::Number(text.trim().to_owned())),
            // A day as a text, a truth value, a formula's error.
            _ => (!text.is_empty()).then_some(Value::Text(text)),
        })
    }
}

/// Names and relations of the sheets, and where days are counted from.
fn sheets_by_relation(archive: &Archive<'_>) -> Result<(Vec<(String, String)>, bool), ReadError> {
    let (mut sheets, mut counts_from_1904) = (Vec::new(), false);
    each_start(xml(archive, "xl/workbook.xml")?, |element| {
        match element.local_name().as_ref() {
            "sheet" => sheets.push((attribute(element, "name")?, attribute(element, "id")?)),
            "workbookPr" => {
                counts_from_1904 = optional_attribute(element, "date1904")?.is_some_and(|value| value == "1" || value == "true");
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((sheets, counts_from_1904))
}

fn shared_strings(mut xml: Xml<'_>) -> Result<Vec<String>, ReadError> {
    let (mut strings, mut bytes) = (Vec::new(), 0_usize);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(damaged)? {
            Event::Start(element) if element.local_name().as_ref() == "si" => {
                strings.push(read_spreadsheet_text(&text_inside(&mut xml, "si", &["t"])?));
            }
            Event::Empty(element) if element.local_name().as_ref() == "si" => strings.push(String::new()),
            Event::Eof => return Ok(strings),
            _ => continue,
        }
        // A string takes memory even if it is empty.
        bytes = bytes.saturating_add(strings.last().map_or(0, String::len)).saturating_add(size_of::<String>());
        if bytes > MOST_STRING_BYTES {
            return Err(ReadError::TooLarge);
        }
    }
}

/// The text in the elements `wanted` up to the end of the element `outer`, whose start was just read. How a text is pronounced is left out.
fn text_inside(xml: &mut Xml<'_>, outer: &str, wanted: &[&str]) -> Result<String, ReadError> {
    let mut text = String::new();
    let (mut is_wanted, mut is_pronounced) = (false, false);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(damaged)? {
            Event::Start(element) if element.local_name().as_ref() == "rPh" => is_pronounced = true,
            Event::End(element) if element.local_name().as_ref() == "rPh" => is_pronounced = false,
            Event::Start(element) if wanted.contains(&element.local_name().as_ref()) => is_wanted = !is_pronounced,
            Event::End(element) if element.local_name().as_ref() == outer => return Ok(text),
            Event::End(element) if wanted.contains(&element.local_name().as_ref()) => is_wanted = false,
            Event::Text(piece) if is_wanted => text.push_str(&piece.xml10_content()),
            Event::CData(piece) if is_wanted => text.push_str(&piece.xml10_content()),
            Event::GeneralRef(reference) if is_wanted => {
                let letter = reference.resolve_char_ref().map_err(damaged)?;
                match letter {
                    Some(letter) => text.push(letter),
                    None => text.push_str(
                        quick_xml::escape::resolve_predefined_entity(&reference)
                            .ok_or_else(|| ReadError::Damaged("an unknown character reference".to_owned()))?,
                    ),
                }
            }
            Event::Eof => return Err(ReadError::Damaged("a part breaks off".to_owned())),
            _ => {}
        }
    }
}

fn xml<'a>(archive: &Archive<'a>, name: &str) -> Result<Xml<'a>, ReadError> {
    let part = archive.part(name).ok_or_else(|| ReadError::NotOurs(format!("there is no part {name}")))??;
    Ok(Reader::from_reader(BufReader::new(part)))
}

fn each_start<R: BufRead>(mut xml: Reader<R>, mut take: impl FnMut(&BytesStart<'_>) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(damaged)? {
            Event::Start(element) | Event::Empty(element) => take(&element)?,
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn optional_attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReadError> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(damaged)?;
        if attribute.key.local_name().as_ref() == name {
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(damaged)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, ReadError> {
    optional_attribute(element, name)?.ok_or_else(|| ReadError::Damaged("an attribute is missing".to_owned()))
}

/// Where a relation of the workbook points to.
fn path(target: &str) -> String {
    target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned)
}

fn row_number(element: &BytesStart<'_>, last: u32) -> Result<u32, ReadError> {
    match optional_attribute(element, "r")? {
        Some(number) => number.parse().map_err(|_| ReadError::Damaged("a row has no number".to_owned())),
        None => Ok(last.saturating_add(1)),
    }
}

/// 0 for `A1`, 27 for `AB12`.
fn column_of(place: &str) -> Option<usize> {
    let mut column = 0_usize;
    for letter in place.bytes().take_while(u8::is_ascii_uppercase) {
        column = column.checked_mul(26)?.checked_add(usize::from(letter - b'A') + 1)?;
    }
    column.checked_sub(1)
}

fn damaged(error: impl std::fmt::Display) -> ReadError {
    ReadError::Damaged(error.to_string())
}

impl From<ZipError> for ReadError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::NoArchive => Self::NotOurs(error.to_string()),
            ZipError::TooLarge => Self::TooLarge,
            ZipError::Directory | ZipError::Method => Self::Damaged(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_columns_are_counted() {
        for (place, column) in [("A1", Some(0)), ("Z9", Some(25)), ("AA10", Some(26)), ("AB12", Some(27)), ("12", None), ("", None)] {
            assert_eq!(column_of(place), column, "{place}");
        }
        assert_eq!(column_of(&"Z".repeat(100)), None);
    }
}
