//! Files as records: NDJSON and CSV, one record at a time, however long the file is.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

/// The longest line of a file, in bytes. A longer one is refused, and the next is read.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    Ndjson,
    /// A table with a line of names; separated by comma, semicolon or tab; UTF-8.
    Csv,
}

impl Format {
    /// The form that the end of a file's name tells; `None` for a strange end.
    #[must_use]
    pub fn of_name(name: &std::path::Path) -> Option<Self> {
        match name.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "csv" | "tsv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// One row of a file, not judged yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Line of the file, from 1.
    pub line: u64,
    /// Values by name; from CSV they are texts, and empty cells are absent.
    pub fields: Map<String, Value>,
}

/// A record, or a line that is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A row.
    Record(Record),
    /// Something that cannot be read as a row.
    Unreadable {
        /// Line of the file, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
}

/// The records of a file of that form.
///
/// # Errors
///
/// When the beginning of the file cannot be read, or a CSV has no line of names.
pub fn read(format: Format, file: impl Read + 'static) -> io::Result<Box<dyn Iterator<Item = io::Result<Line>>>> {
    let mut file = io::BufReader::with_capacity(256 * 1024, file);
    if file.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    Ok(match format {
        Format::Ndjson => Box::new(Ndjson { file, line: 0, buffer: Vec::new() }),
        Format::Csv => Box::new(Csv::open(file)?),
    })
}

struct Ndjson<R> {
    file: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Iterator for Ndjson<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.buffer.clear();
            let most = MAX_LINE_BYTES as u64 + 1;
            match self.file.by_ref().take(most).read_until(b'\n', &mut self.buffer) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => return Some(Err(error)),
            }
            let line = self.line;
            if self.buffer.len() > MAX_LINE_BYTES && !self.buffer.ends_with(b"\n") {
                if let Err(error) = self.file.skip_until(b'\n') {
                    return Some(Err(error));
                }
                return Some(Ok(Line::Unreadable { line, reason: format!("the line is longer than {MAX_LINE_BYTES} bytes") }));
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            return Some(Ok(match serde_json::from_slice(&self.buffer) {
                Ok(Value::Object(fields)) => Line::Record(Record { line, fields }),
                Ok(_) => Line::Unreadable { line, reason: "the line is not a JSON object".to_owned() },
                Err(error) => Line::Unreadable { line, reason: format!("the line is not JSON: {error}") },
            }));
        }
    }
}

struct Csv<R> {
    reader: csv::Reader<R>,
    names: Vec<String>,
    record: csv::ByteRecord,
    /// Whether lines end with CR LF: the reader counts a line at its LF, which it takes only with the next record.
    crlf: bool,
}

impl<R: BufRead> Csv<R> {
    fn open(mut file: R) -> io::Result<Self> {
        let beginning = file.fill_buf()?;
        let delimiter = delimiter(beginning);
        let crlf = beginning.split(|byte| *byte == b'\n').next().is_some_and(|first_line| first_line.ends_with(b"\r"));
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file);
        let names: Vec<String> = reader.headers().map_err(io::Error::other)?.iter().map(|name| name.trim().to_lowercase()).collect();
        if names.iter().all(String::is_empty) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the first line must hold the names of the columns"));
        }
        Ok(Self { reader, names, record: csv::ByteRecord::new(), crlf })
    }

    fn line(&self) -> Line {
        let line = self.record.position().map_or(0, csv::Position::line) + u64::from(self.crlf);
        let unreadable = |reason: String| Line::Unreadable { line, reason };
        if self.record.len() != self.names.len() {
            return unreadable(format!("{} cells, but {} columns", self.record.len(), self.names.len()));
        }
        if self.record.as_slice().len() > MAX_LINE_BYTES {
            return unreadable(format!("the line is longer than {MAX_LINE_BYTES} bytes"));
        }
        let mut fields = Map::new();
        for (name, cell) in self.names.iter().zip(&self.record) {
            match std::str::from_utf8(cell) {
                Ok(text) if text.trim().is_empty() => (),
                Ok(text) => drop(fields.insert(name.clone(), Value::String(text.to_owned()))),
                Err(_) => return unreadable(format!("column {name} is not UTF-8; save the file as \"CSV UTF-8\"")),
            }
        }
        Line::Record(Record { line, fields })
    }
}

impl<R: BufRead> Iterator for Csv<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Some(Ok(self.line())),
            Ok(false) => None,
            Err(error) => Some(Err(io::Error::other(error))),
        }
    }
}

/// The separator that stands most often in the first line.
fn delimiter(beginning: &[u8]) -> u8 {
    let first_line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| first_line.iter().filter(|byte| **byte == separator).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(format: Format, text: &'static [u8]) -> Vec<Line> {
        read(format, text).unwrap().map(Result::unwrap).collect()
    }

    fn record(line: u64, fields: &Value) -> Line {
        Line::Record(Record { line, fields: fields.as_object().unwrap().clone() })
    }

    #[test]
    fn ndjson_lines_are_records_and_a_bad_one_holds_nobody() {
        let found = lines(Format::Ndjson, b"\xef\xbb\xbf{\"a\":1}\n\n[1]\n{broken\r\n{\"a\":\"x\"}");
        assert_eq!(found[0], record(1, &serde_json::json!({"a": 1})));
        assert!(matches!(found[1], Line::Unreadable { line: 3, .. }));
        assert!(matches!(found[2], Line::Unreadable { line: 4, .. }));
        assert_eq!(found[3], record(5, &serde_json::json!({"a": "x"})));
    }

    #[test]
    fn csv_is_read_with_any_usual_separator_quotes_and_line_breaks_in_cells() {
        for text in ["name,price\n\"a, b\",5\n", "\u{feff}Name;Price\r\n\"a, b\";5\r\n", "name\tprice\n\"a, b\"\t5\n"] {
            let found: Vec<_> = read(Format::Csv, io::Cursor::new(text.to_owned())).unwrap().map(Result::unwrap).collect();
            assert_eq!(found, [record(2, &serde_json::json!({"name": "a, b", "price": "5"}))], "{text}");
        }
        let found = lines(Format::Csv, b"name,price\n\"two\nlines\",1\nshort\n\xff,2\n,3\n");
        assert_eq!(found[0], record(2, &serde_json::json!({"name": "two\nlines", "price": "1"})));
        assert!(matches!(found[1], Line::Unreadable { line: 4, .. }));
        assert!(matches!(&found[2], Line::Unreadable { line: 5, reason } if reason.contains("UTF-8")));
        assert_eq!(found[3], record(6, &serde_json::json!({"price": "3"})));
    }

    #[test]
    fn a_line_without_end_is_refused_without_being_held_in_memory() {
        let long = io::repeat(b'x').take(5 * MAX_LINE_BYTES as u64).chain(&b"\n{\"a\":1}\n"[..]);
        let found: Vec<_> = read(Format::Ndjson, long).unwrap().map(Result::unwrap).collect();
        assert!(matches!(&found[0], Line::Unreadable { line: 1, reason } if reason.contains("longer")));
        assert_eq!(found[1], record(2, &serde_json::json!({"a": 1})));
    }
}
