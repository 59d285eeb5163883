//! A segment: an immutable run of rows of one table of one bucket, columnar, compressed once for everybody.
//!
//! ```text
//! magic  "PVSG"                        4 bytes
//! format 1                             1 byte
//! kind   0 base, 1 delta               1 byte
//! flags  0 (1 = encrypted, reserved)   1 byte
//! part, bucket                         text: length varint, UTF-8
//! table, schema                        varint
//! after, to                            varint; both 0 in a base, so that an unchanged range keeps its name
//! rows, puts                           varint: all, and those that are not removals
//! raw bytes                            varint: length of the body before compression
//! dictionary                           varint, 0 = none
//! sum, mix                             8 + 8 bytes: state of the rows put
//! body                                 one zstd frame to the end
//! ```
//!
//! Body: in a delta a bitmap of removals (bit i of byte i/8 = row i), then the keys as an integer column, then each column that has a value:
//! number (varint), bytes (varint), encoding (1 byte), null flag (1 byte) and, if 1, a bitmap of nulls, then the values that are present. Of
//! columns it does not know a reader keeps only what the row hashes need. Rows stand by rising key. Columns speak of the rows put only.
//!
//! Encodings: 1 integers as planes, 2 differences of integers as planes, 3 texts or bytes (lengths as planes, then all bytes), 4 dictionary
//! (count, entries as in 3, numbers as planes), 5 UUIDs in their 36-character form as 16 bytes.

mod columns;
mod writer;

pub use writer::SegmentWriter;

use self::columns::{Column, bitmap, int_values};
use crate::bucket::{BucketName, MAX_NAME_BYTES};
use crate::change::{ChangeNo, Op};
use crate::checksum::StateSum;
use crate::codec::{CodecError, Reader, put_varint};
use crate::rows::{TableDef, TableId, ValueRef};

const MAGIC: &[u8; 4] = b"PVSG";
const FORMAT: u8 = 1;

/// The first byte of a delta inside a step.
const STEP_FORM: u8 = 1;

/// The most rows of one segment.
pub const MAX_ROWS: usize = 65_536;

/// The longest body before compression, in bytes: what a reader is ready to hold.
pub const MAX_RAW_BYTES: usize = 64 * 1024 * 1024;

/// The longest segment, in bytes.
pub const MAX_SEGMENT_BYTES: usize = 32 * 1024 * 1024;

/// Most columns of a newer schema that a reader keeps: each may take half a megabyte.
const MAX_FOREIGN_COLUMNS: usize = 32;

/// Base or delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// The live rows of a range of keys; no removals.
    Base,
    /// What changed in a range of change numbers: each row once, in its newest state.
    Delta,
}

/// What stands before the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Base or delta.
    pub kind: SegmentKind,
    /// The part it belongs to.
    pub part: String,
    /// The bucket it belongs to.
    pub bucket: BucketName,
    /// The table its rows are of.
    pub table: TableId,
    /// The schema it is written in.
    pub schema: u32,
    /// The change number before its first; 0 in a base.
    pub after: ChangeNo,
    /// Its last change number; 0 in a base.
    pub to: ChangeNo,
    /// Rows, removals too.
    pub rows: usize,
    /// Rows that are put.
    pub puts: usize,
    /// Length of the body before compression.
    pub raw_bytes: usize,
    /// State of the rows put.
    pub state: StateSum,
}

/// A segment that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// It is not one.
    #[error("this is not a segment")]
    NotASegment,
    /// It is of a newer format, or encrypted, or needs a dictionary.
    #[error("the segment needs a newer version")]
    Newer,
    /// Its table is not known.
    #[error("the segment's table is not known")]
    UnknownTable,
    /// Its body cannot be decompressed to the length it names.
    #[error("the segment's body is damaged")]
    Compression,
    /// Its keys do not rise, or a count does not fit.
    #[error("the segment's rows are out of order")]
    Order,
    /// Something inside it cannot be read.
    #[error("the segment is damaged: {0}")]
    Codec(#[from] CodecError),
}

/// A segment in memory, checked throughout: reading values cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What stood before the body.
    pub header: SegmentHeader,
    /// Its table.
    pub table: &'static TableDef,
    pks: Vec<i64>,
    removed: Option<Vec<bool>>,
    columns: Vec<Column>,
    /// Columns of a newer schema, with their numbers.
    foreign: Vec<(u16, Column)>,
}

impl SegmentHeader {
    /// Reads only the header: enough to know where a segment belongs.
    ///
    /// # Errors
    ///
    /// [`SegmentError`] for bytes that are no segment of this version.
    pub fn read(bytes: &[u8]) -> Result<Self, SegmentError> {
        Ok(Self::read_with_body(bytes)?.0)
    }

    fn read_with_body(bytes: &[u8]) -> Result<(Self, &[u8]), SegmentError> {
        let mut reader = Reader::new(bytes);
        if bytes.len() > MAX_SEGMENT_BYTES || reader.take(4).ok() != Some(MAGIC.as_slice()) {
            return Err(SegmentError::NotASegment);
        }
        let (format, kind, flags) = (reader.byte()?, reader.byte()?, reader.byte()?);
        if format != FORMAT || kind > 1 || flags != 0 {
            return Err(SegmentError::Newer);
        }
        let kind = if kind == 0 { SegmentKind::Base } else { SegmentKind::Delta };
        let part = reader.text(MAX_NAME_BYTES)?.to_owned();
        let bucket = BucketName::parse(reader.text(MAX_NAME_BYTES)?).ok_or(SegmentError::NotASegment)?;
        let table = TableId(u16::try_from(reader.varint()?).map_err(|_| CodecError::OutOfLimits)?);
        let schema = u32::try_from(reader.varint()?).map_err(|_| CodecError::OutOfLimits)?;
        let (after, to) = (ChangeNo(reader.varint()?), ChangeNo(reader.varint()?));
        let mut count = |most: usize| -> Result<usize, SegmentError> {
            let number = usize::try_from(reader.varint()?).map_err(|_| CodecError::OutOfLimits)?;
            if number > most { Err(CodecError::OutOfLimits.into()) } else { Ok(number) }
        };
        let rows = count(MAX_ROWS)?;
        let puts = count(rows)?;
        let raw_bytes = count(MAX_RAW_BYTES)?;
        if count(usize::MAX)? != 0 {
            return Err(SegmentError::Newer);
        }
        let mut lane =
            || -> Result<u64, CodecError> { Ok(u64::from_le_bytes(reader.take(8)?.try_into().map_err(|_| CodecError::Truncated)?)) };
        let (sum, mix) = (lane()?, lane()?);
        let state = StateSum { rows: puts as u64, sum, mix };
        let body = reader.take(reader.remaining())?;
        Ok((Self { kind, part, bucket, table, schema, after, to, rows, puts, raw_bytes, state }, body))
    }
}

/// The form in which a delta rides inside a step ([`crate::sync::StepBucket`]): what the step says already is left out, and few rows are
/// not compressed. One changed price is about 50 bytes instead of 100.
///
/// ```text
/// form 1                       1 byte
/// flags  1 = compressed        1 byte
/// table, schema, rows, puts    varint
/// raw bytes                    varint: only if compressed
/// body                         as in a segment, to the end
/// ```
///
/// # Errors
///
/// [`SegmentError`] for bytes that are no delta segment.
pub fn to_step_form(segment: &[u8]) -> Result<Vec<u8>, SegmentError> {
    let (header, compressed) = SegmentHeader::read_with_body(segment)?;
    if header.kind != SegmentKind::Delta {
        return Err(SegmentError::NotASegment);
    }
    let body = decompressed(compressed, header.raw_bytes)?;
    let is_small = body.len() <= compressed.len();
    let mut out = vec![STEP_FORM, u8::from(!is_small)];
    for number in [u64::from(header.table.0), u64::from(header.schema), header.rows as u64, header.puts as u64] {
        put_varint(&mut out, number);
    }
    if is_small {
        out.extend_from_slice(&body);
    } else {
        put_varint(&mut out, header.raw_bytes as u64);
        out.extend_from_slice(compressed);
    }
    Ok(out)
}

fn decompressed(compressed: &[u8], raw_bytes: usize) -> Result<Vec<u8>, SegmentError> {
    let body = zstd::bulk::decompress(compressed, raw_bytes).map_err(|_| SegmentError::Compression)?;
    if body.len() == raw_bytes { Ok(body) } else { Err(SegmentError::Compression) }
}

impl Segment {
    /// Reads a delta of `bucket` in the form of [`to_step_form`]. Its header names no part, no change numbers and no state: the step does.
    ///
    /// # Errors
    ///
    /// [`SegmentError`]; any bytes give a segment or an error, within the limits of [`Segment::read`].
    pub fn read_step_form(bytes: &[u8], bucket: &BucketName) -> Result<Self, SegmentError> {
        if bytes.len() > MAX_SEGMENT_BYTES {
            return Err(SegmentError::NotASegment);
        }
        let mut reader = Reader::new(bytes);
        let (form, flags) = (reader.byte()?, reader.byte()?);
        if form != STEP_FORM || flags > 1 {
            return Err(SegmentError::Newer);
        }
        let mut number = |most: usize| -> Result<usize, SegmentError> {
            let number = usize::try_from(reader.varint()?).map_err(|_| CodecError::OutOfLimits)?;
            if number > most { Err(CodecError::OutOfLimits.into()) } else { Ok(number) }
        };
        let table = TableId(u16::try_from(number(usize::from(u16::MAX))?).map_err(|_| CodecError::OutOfLimits)?);
        let schema = u32::try_from(number(usize::MAX)?).map_err(|_| CodecError::OutOfLimits)?;
        let rows = number(MAX_ROWS)?;
        let puts = number(rows)?;
        let raw_bytes = if flags == 1 { Some(number(MAX_RAW_BYTES)?) } else { None };
        let rest = reader.take(reader.remaining())?;
        let body = match raw_bytes {
            Some(raw_bytes) => decompressed(rest, raw_bytes)?,
            None => rest.to_vec(),
        };
        let header = SegmentHeader {
            kind: SegmentKind::Delta,
            part: String::new(),
            bucket: bucket.clone(),
            table,
            schema,
            after: ChangeNo(0),
            to: ChangeNo(0),
            rows,
            puts,
            raw_bytes: body.len(),
            state: StateSum::default(),
        };
        Self::read_body(header, &body)
    }

    /// Reads a segment of a table this version knows.
    ///
    /// The caller has checked the BLAKE3 name, but nothing here relies on it: any bytes give a segment or an error, and memory stays within
    /// [`MAX_RAW_BYTES`] for the body and about as much for the values.
    ///
    /// # Errors
    ///
    /// [`SegmentError`].
    pub fn read(bytes: &[u8]) -> Result<Self, SegmentError> {
        let (header, compressed) = SegmentHeader::read_with_body(bytes)?;
        let body = decompressed(compressed, header.raw_bytes)?;
        Self::read_body(header, &body)
    }

    fn read_body(header: SegmentHeader, body: &[u8]) -> Result<Self, SegmentError> {
        let table = TableDef::by_id(header.table).ok_or(SegmentError::UnknownTable)?;
        let mut reader = Reader::new(body);
        let removed = match header.kind {
            SegmentKind::Base => None,
            SegmentKind::Delta => Some(bitmap(&mut reader, header.rows)?),
        };
        let removals = removed.as_ref().map_or(0, |removed| removed.iter().filter(|removed| **removed).count());
        let pks = int_values(&mut reader, header.rows)?;
        if header.rows - removals != header.puts || !pks.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(SegmentError::Order);
        }
        let mut columns = vec![Column::Absent; table.columns.len()];
        let mut foreign = Vec::new();
        while reader.remaining() > 0 {
            let number = reader.varint()?;
            let len = reader.length(1)?;
            let bytes = reader.take(len)?;
            let number = u16::try_from(number).map_err(|_| CodecError::OutOfLimits)?;
            if let Some(index) = table.columns.iter().position(|column| column.id == number) {
                columns[index] = Column::read(bytes, header.puts, table.columns[index].kind)?;
            } else if foreign.len() < MAX_FOREIGN_COLUMNS {
                foreign.push((number, Column::read_foreign(bytes, header.puts)?));
            } else {
                return Err(SegmentError::Newer);
            }
        }
        Ok(Self { header, table, pks, removed, columns, foreign })
    }

    /// Numbers of the columns that this version does not know. Their values count in the row hashes; a later version asks for them with
    /// [`crate::repair::BackfillRequest`].
    pub fn foreign_columns(&self) -> impl Iterator<Item = u16> + '_ {
        self.foreign.iter().map(|(number, _)| *number)
    }

    /// The values of the `put`-th row put with the numbers of their columns, as [`crate::checksum::RowHasher::row`] takes them: also those
    /// that this version does not know, so that an older device adds up to the same sums as the office.
    pub fn hashed_values(&self, put: usize) -> impl Iterator<Item = (u16, ValueRef<'_>)> {
        let known = self.table.columns.iter().enumerate().map(move |(index, column)| (column.id, self.value(index, put)));
        known.chain(self.foreign.iter().map(move |(number, column)| (*number, column.value(put))))
    }

    /// The rows by rising key: key, what happens to it, and for a put the number to ask [`Segment::value`] with.
    pub fn rows(&self) -> impl Iterator<Item = (i64, Op, usize)> + '_ {
        let mut puts = 0;
        self.pks.iter().enumerate().map(move |(index, pk)| {
            if self.removed.as_ref().is_some_and(|removed| removed[index]) {
                return (*pk, Op::Remove, usize::MAX);
            }
            puts += 1;
            (*pk, Op::Put, puts - 1)
        })
    }

    /// The value of a column (by its place in the table) of the `put`-th row put; absent beyond the ends.
    #[must_use]
    pub fn value(&self, column: usize, put: usize) -> ValueRef<'_> {
        self.columns.get(column).map_or(ValueRef::Null, |column| column.value(put))
    }
}
