//! Rows of `work` out of the pages of its file, without asking SQLite: a row is known by the kinds of its values.
//!
//! The format is SQLite's (fileformat2: b-tree pages, records, overflow pages, the write-ahead log). Any bytes give rows or nothing.

use std::collections::BTreeMap;

use polevik_protocol::hash::Blake3Hex;
use rusqlite::types::Value;

use super::Row;

const DEFAULT_PAGE_BYTES: usize = 4_096;
const LEAF_OF_TABLE: u8 = 0x0d;
const LEAF_OF_INDEX: u8 = 0x0a;

/// More than any row of `work` takes: a length beyond it is not one.
const MOST_ROW_BYTES: usize = 4 * 1024 * 1024;

/// What one value may be.
#[derive(Clone, Copy)]
enum Kind {
    /// The row id stands for it.
    Place,
    /// An id of 16 bytes.
    Id,
    IdOrNull,
    Int,
    IntOrNull,
    Text,
    TextOrNull,
}

/// How a table's rows look. Later versions only add columns, so that a row may be shorter.
struct Shape {
    table: &'static str,
    leaf: u8,
    least: usize,
    columns: &'static [(&'static str, Kind)],
    /// What else is true of its rows.
    fits: fn(&[Value]) -> bool,
}

const SHAPES: [Shape; 8] = [
    Shape {
        table: "option",
        leaf: LEAF_OF_INDEX,
        least: 2,
        columns: &[("name", Kind::Text), ("value", Kind::Text)],
        // Who is signed in is not taken from what may be old.
        fits: |values| !matches!(text(values, 0), "token"),
    },
    Shape {
        table: "sequence",
        leaf: LEAF_OF_INDEX,
        least: 2,
        columns: &[("name", Kind::Text), ("last", Kind::Int)],
        fits: |values| matches!(text(values, 0), "document" | "document_base") || text(values, 0).starts_with("number:"),
    },
    Shape {
        table: "visit",
        leaf: LEAF_OF_TABLE,
        least: 9,
        columns: &[
            ("id", Kind::Id),
            ("position_id", Kind::Int),
            ("outlet_id", Kind::Int),
            ("outlet_name", Kind::Text),
            ("route_stop_id", Kind::IntOrNull),
            ("local_day", Kind::Int),
            ("utc_offset", Kind::Int),
            ("started_at_ms", Kind::Int),
            ("finished_at_ms", Kind::IntOrNull),
        ],
        fits: |_| true,
    },
    Shape {
        table: "customer_order",
        leaf: LEAF_OF_TABLE,
        least: 16,
        columns: &[
            ("id", Kind::Id),
            ("position_id", Kind::Int),
            ("number", Kind::TextOrNull),
            ("outlet_id", Kind::Int),
            ("outlet_name", Kind::Text),
            ("visit_id", Kind::IdOrNull),
            ("outside_visit", Kind::TextOrNull),
            ("price_type_id", Kind::IntOrNull),
            ("warehouse_id", Kind::IntOrNull),
            ("delivery_day", Kind::IntOrNull),
            ("comment", Kind::Text),
            ("at_ms", Kind::Int),
            ("local_day", Kind::Int),
            ("sum", Kind::Int),
            ("vat_sum", Kind::Int),
            ("line_count", Kind::Int),
        ],
        fits: |_| true,
    },
    Shape {
        table: "order_line",
        leaf: LEAF_OF_INDEX,
        least: 12,
        columns: &[
            ("order_id", Kind::Id),
            ("line_no", Kind::Int),
            ("product_id", Kind::Int),
            ("sku", Kind::Text),
            ("name", Kind::Text),
            ("unit", Kind::Text),
            ("quantity", Kind::Int),
            ("base_quantity", Kind::Int),
            ("price", Kind::Int),
            ("vat_rate", Kind::Int),
            ("sum", Kind::Int),
            ("vat_sum", Kind::Int),
        ],
        fits: |_| true,
    },
    Shape {
        table: "outbox",
        leaf: LEAF_OF_TABLE,
        least: 11,
        columns: &[
            ("device_seq", Kind::Place),
            ("document_id", Kind::Id),
            ("revision", Kind::Int),
            ("kind", Kind::Text),
            ("position_id", Kind::Int),
            ("created_at_ms", Kind::Int),
            ("body", Kind::Text),
            ("answered_at_ms", Kind::IntOrNull),
            ("code", Kind::TextOrNull),
            ("reason", Kind::TextOrNull),
            ("field", Kind::TextOrNull),
            ("lane", Kind::Id),
            ("attempts", Kind::Int),
            ("parked_at_ms", Kind::IntOrNull),
            ("re_offer", Kind::Int),
            ("superseded_at_ms", Kind::IntOrNull),
        ],
        fits: |values| matches!(text(values, 3), "visit" | "order" | "withdrawal" | "photo"),
    },
    Shape {
        table: "photo",
        leaf: LEAF_OF_TABLE,
        least: 10,
        columns: &[
            ("id", Kind::Id),
            ("position_id", Kind::Int),
            ("visit_id", Kind::Id),
            ("outlet_id", Kind::Int),
            ("scene", Kind::Text),
            ("comment", Kind::Text),
            ("taken_at_ms", Kind::Int),
            ("file", Kind::Text),
            ("width", Kind::Int),
            ("height", Kind::Int),
        ],
        fits: |values| Blake3Hex::parse(text(values, 7)).is_some(),
    },
    Shape {
        table: "outgoing_file",
        leaf: LEAF_OF_TABLE,
        least: 16,
        columns: &[
            ("queue_no", Kind::Place),
            ("file", Kind::Text),
            ("bytes", Kind::Int),
            ("class", Kind::Text),
            ("content_type", Kind::Text),
            ("position_id", Kind::Int),
            ("state", Kind::Text),
            ("upload", Kind::TextOrNull),
            ("sent", Kind::Int),
            ("attempts", Kind::Int),
            ("next_try_at_ms", Kind::IntOrNull),
            ("code", Kind::TextOrNull),
            ("detail", Kind::TextOrNull),
            ("queued_at_ms", Kind::Int),
            ("confirmed_at_ms", Kind::IntOrNull),
            ("removed_at_ms", Kind::IntOrNull),
        ],
        fits: |values| Blake3Hex::parse(text(values, 1)).is_some(),
    },
];

fn text(values: &[Value], place: usize) -> &str {
    match values.get(place) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// All rows that can be read out of the pages of a database and its write-ahead log, by table. The newest page comes first, so of several
/// states of a row the first is the one to take.
pub(super) fn read(database: &[u8], log: &[u8]) -> BTreeMap<&'static str, Vec<Row>> {
    let pages = Pages::new(database, log);
    let mut found: BTreeMap<&'static str, Vec<Row>> = BTreeMap::new();
    for (is_first, page) in pages.all() {
        let header = if is_first { 100 } else { 0 };
        let Some(leaf) = page.get(header).copied().filter(|leaf| [LEAF_OF_TABLE, LEAF_OF_INDEX].contains(leaf)) else { continue };
        for cell in cells(page, header) {
            let Some((place, record)) = pages.record(page, cell, leaf) else { continue };
            let Some(values) = values(&record) else { continue };
            if let Some((table, row)) = SHAPES.iter().filter(|shape| shape.leaf == leaf).find_map(|shape| shape.row(place, &values)) {
                found.entry(table).or_default().push(row);
            }
        }
    }
    found
}

impl Shape {
    fn row(&self, place: i64, values: &[Value]) -> Option<(&'static str, Row)> {
        if !(self.least..=self.columns.len()).contains(&values.len()) {
            return None;
        }
        let mut row = Row::new();
        for ((name, kind), value) in self.columns.iter().zip(values) {
            let value = match (kind, value) {
                (Kind::Place, Value::Null) => Value::Integer(place),
                (Kind::Id | Kind::IdOrNull, Value::Blob(id)) if id.len() == 16 => value.clone(),
                (Kind::Int | Kind::IntOrNull, Value::Integer(_)) | (Kind::Text | Kind::TextOrNull, Value::Text(_)) => value.clone(),
                (Kind::IdOrNull | Kind::IntOrNull | Kind::TextOrNull, Value::Null) => Value::Null,
                _ => return None,
            };
            row.insert((*name).to_owned(), value);
        }
        (self.fits)(values).then_some((self.table, row))
    }
}

/// The pages of a file, and the newer ones of its log.
struct Pages<'a> {
    database: Vec<&'a [u8]>,
    /// Page number and page, oldest first.
    log: Vec<(u32, &'a [u8])>,
    usable: usize,
}

impl<'a> Pages<'a> {
    fn new(database: &'a [u8], log: &'a [u8]) -> Self {
        let named = match be_u16(database, 16) {
            Some(1) => Some(65_536),
            size => size.map(usize::from),
        };
        let size = named.filter(|size| size.is_power_of_two() && *size >= 512).unwrap_or(DEFAULT_PAGE_BYTES);
        let frames = log.get(32..).unwrap_or_default().chunks_exact(24 + size);
        Self {
            database: database.chunks(size).collect(),
            log: frames.filter_map(|frame| Some((be_u32(frame, 0)?, frame.get(24..)?))).collect(),
            // No database of ours reserves bytes at the end of its pages.
            usable: size,
        }
    }

    /// Newest first; with whether it is the first of the file, which begins with the file's header.
    fn all(&self) -> impl Iterator<Item = (bool, &'a [u8])> {
        let log = self.log.iter().rev().map(|(number, page)| (*number == 1, *page));
        log.chain(self.database.iter().enumerate().map(|(index, page)| (index == 0, *page)))
    }

    fn newest(&self, number: u32) -> Option<&'a [u8]> {
        let in_log = self.log.iter().rev().find(|(logged, _)| *logged == number).map(|(_, page)| *page);
        in_log.or_else(|| self.database.get(usize::try_from(number.checked_sub(1)?).ok()?).copied())
    }

    /// Row id (0 in an index) and record of the cell at `at`.
    fn record(&self, page: &[u8], at: usize, leaf: u8) -> Option<(i64, Vec<u8>)> {
        let (length, at) = varint(page, at)?;
        let (place, at) = if leaf == LEAF_OF_TABLE { varint(page, at)? } else { (0, at) };
        let length = usize::try_from(length).ok().filter(|length| *length <= MOST_ROW_BYTES)?;
        let most = if leaf == LEAF_OF_TABLE { self.usable - 35 } else { (self.usable - 12) * 64 / 255 - 23 };
        if length <= most {
            return Some((place, page.get(at..at + length)?.to_vec()));
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        let local = if fitting <= most { fitting } else { least };
        let mut record = page.get(at..at + local)?.to_vec();
        let mut next = be_u32(page, at + local)?;
        while record.len() < length {
            let overflow = self.newest(next)?;
            let take = (length - record.len()).min(self.usable - 4);
            record.extend_from_slice(overflow.get(4..4 + take)?);
            next = be_u32(overflow, 0)?;
        }
        Some((place, record))
    }
}

/// Where the cells of a page begin.
fn cells(page: &[u8], header: usize) -> impl Iterator<Item = usize> {
    let count = be_u16(page, header + 3).map_or(0, usize::from);
    (0..count).map_while(move |index| be_u16(page, header + 8 + 2 * index).map(usize::from))
}

/// The values of a record.
fn values(record: &[u8]) -> Option<Vec<Value>> {
    let (header, mut at) = varint(record, 0)?;
    let header = usize::try_from(header).ok().filter(|header| *header <= record.len())?;
    let mut body = header;
    let mut values = Vec::new();
    while at < header {
        let (kind, after) = varint(record, at)?;
        at = after;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 => 8,
            // Numbers with a point, and what SQLite reserves: no row of ours has them.
            7 | 10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let bytes = record.get(body..body.checked_add(length)?)?;
        body += length;
        values.push(match kind {
            0 => Value::Null,
            1..=6 => Value::Integer(integer(bytes)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            _ => Value::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
        });
    }
    Some(values)
}

/// Big-endian, with the sign of its first bit.
fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

/// SQLite's: big-endian groups of seven bits, the ninth byte whole. Gives what follows it too.
fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0_u64;
    for index in 0..9 {
        let byte = *bytes.get(at.checked_add(index)?)?;
        if index == 8 {
            return Some(((value << 8 | u64::from(byte)).cast_signed(), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value.cast_signed(), at + index + 1));
        }
    }
    None
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
