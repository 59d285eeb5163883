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

use std::collections::HashMap;

use crate::bucket::{BucketName, MAX_NAME_BYTES};
use crate::change::{ChangeNo, Op};
use crate::checksum::{HashKey, RowHash, RowHasher, StateSum};
use crate::codec::{CodecError, Reader, planes, put_planes, put_text, put_varint};
use crate::rows::{ColumnKind, TableDef, TableId, ValueRef};

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

/// Writes one segment. Rows come by rising key.
pub struct SegmentWriter {
    table: &'static TableDef,
    kind: SegmentKind,
    hasher: RowHasher,
    pks: Vec<i64>,
    removed: Vec<bool>,
    columns: Vec<ColumnBuilder>,
    puts: usize,
    state: StateSum,
}

enum ColumnBuilder {
    Int(Vec<Option<i64>>),
    Bytes { ends: Vec<Option<usize>>, bytes: Vec<u8> },
}

impl SegmentWriter {
    /// A writer of rows of `table`, hashed with the part's key.
    #[must_use]
    pub fn new(kind: SegmentKind, table: &'static TableDef, key: HashKey) -> Self {
        let columns = table
            .columns
            .iter()
            .map(|column| match column.kind {
                ColumnKind::Int => ColumnBuilder::Int(Vec::new()),
                ColumnKind::Text | ColumnKind::Blob => ColumnBuilder::Bytes { ends: Vec::new(), bytes: Vec::new() },
            })
            .collect();
        Self {
            table,
            kind,
            hasher: RowHasher::new(key),
            pks: Vec::new(),
            removed: Vec::new(),
            columns,
            puts: 0,
            state: StateSum::default(),
        }
    }

    /// Adds a row with one value per column of the table, and gives its hash. A value of another kind than its column counts as absent.
    pub fn put(&mut self, pk: i64, values: &[ValueRef<'_>]) -> RowHash {
        for (index, column) in self.columns.iter_mut().enumerate() {
            let value = values.get(index).copied().unwrap_or(ValueRef::Null);
            match (column, value) {
                (ColumnBuilder::Int(numbers), ValueRef::Int(number)) => numbers.push(Some(number)),
                (ColumnBuilder::Int(numbers), _) => numbers.push(None),
                (ColumnBuilder::Bytes { ends, bytes }, ValueRef::Text(text)) => {
                    bytes.extend_from_slice(text.as_bytes());
                    ends.push(Some(bytes.len()));
                }
                (ColumnBuilder::Bytes { ends, bytes }, ValueRef::Blob(blob)) => {
                    bytes.extend_from_slice(blob);
                    ends.push(Some(bytes.len()));
                }
                (ColumnBuilder::Bytes { ends, .. }, _) => ends.push(None),
            }
        }
        self.pks.push(pk);
        self.removed.push(false);
        self.puts += 1;
        let hash = self.hasher.row(self.table.id, pk, self.table.columns.iter().zip(values).map(|(column, value)| (column.id, *value)));
        self.state.add(hash);
        hash
    }

    /// Adds a removal; only in a delta.
    pub fn remove(&mut self, pk: i64) {
        self.pks.push(pk);
        self.removed.push(true);
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pks.len()
    }

    /// Whether there are none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pks.is_empty()
    }

    /// State of the rows put so far.
    #[must_use]
    pub fn state(&self) -> StateSum {
        self.state
    }

    /// The finished bytes. `after` and `to` are ignored for a base.
    ///
    /// # Errors
    ///
    /// [`SegmentError::Order`] if keys did not rise, a base holds a removal, or it holds more than [`MAX_ROWS`];
    /// [`SegmentError::Compression`] if zstd fails.
    pub fn finish(self, part: &str, bucket: &BucketName, schema: u32, after: ChangeNo, to: ChangeNo) -> Result<Vec<u8>, SegmentError> {
        let rises = self.pks.windows(2).all(|pair| pair[0] < pair[1]);
        let base = self.kind == SegmentKind::Base;
        if !rises || self.pks.len() > MAX_ROWS || (base && self.puts != self.pks.len()) {
            return Err(SegmentError::Order);
        }
        let mut body = Vec::new();
        if !base {
            put_bitmap(&mut body, self.removed.iter().copied());
        }
        put_int_values(&mut body, &self.pks);
        for (def, column) in self.table.columns.iter().zip(&self.columns) {
            if let Some(encoded) = column.encode() {
                put_varint(&mut body, u64::from(def.id));
                put_varint(&mut body, encoded.len() as u64);
                body.extend_from_slice(&encoded);
            }
        }

        let (after, to) = if base { (ChangeNo(0), ChangeNo(0)) } else { (after, to) };
        let mut out = Vec::with_capacity(body.len() / 3);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[FORMAT, u8::from(!base), 0]);
        put_text(&mut out, part);
        put_text(&mut out, bucket.as_str());
        for number in
            [u64::from(self.table.id.0), u64::from(schema), after.0, to.0, self.pks.len() as u64, self.puts as u64, body.len() as u64, 0]
        {
            put_varint(&mut out, number);
        }
        out.extend_from_slice(&self.state.sum.to_le_bytes());
        out.extend_from_slice(&self.state.mix.to_le_bytes());
        // A base is written once for thousands of devices; a delta is wanted at once.
        let level = if base { 9 } else { 3 };
        out.extend_from_slice(&zstd::bulk::compress(&body, level).map_err(|_| SegmentError::Compression)?);
        Ok(out)
    }
}

impl ColumnBuilder {
    /// Encoding, nulls and values; `None` if no row has a value.
    fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Self::Int(numbers) => {
                let present: Vec<i64> = numbers.iter().flatten().copied().collect();
                let mut values = Vec::new();
                let encoding = put_int_values(&mut values, &present);
                with_nulls(encoding, numbers.iter().map(Option::is_none), &present, &values)
            }
            Self::Bytes { ends, bytes } => {
                let mut start = 0;
                let present: Vec<&[u8]> = ends
                    .iter()
                    .flatten()
                    .map(|end| {
                        let slice = &bytes[start..*end];
                        start = *end;
                        slice
                    })
                    .collect();
                let mut values = Vec::new();
                let encoding = put_bytes_values(&mut values, &present);
                with_nulls(encoding, ends.iter().map(Option::is_none), &present, &values)
            }
        }
    }
}

fn with_nulls<T>(encoding: u8, nulls: impl Iterator<Item = bool> + Clone, present: &[T], values: &[u8]) -> Option<Vec<u8>> {
    if present.is_empty() {
        return None;
    }
    let has_nulls = nulls.clone().any(|null| null);
    let mut out = vec![encoding, u8::from(has_nulls)];
    if has_nulls {
        put_bitmap(&mut out, nulls);
    }
    out.extend_from_slice(values);
    Some(out)
}

fn put_bitmap(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
    let mut byte = 0u8;
    let mut filled = 0;
    for bit in bits {
        byte |= u8::from(bit) << filled;
        filled += 1;
        if filled == 8 {
            out.push(byte);
            (byte, filled) = (0, 0);
        }
    }
    if filled > 0 {
        out.push(byte);
    }
}

/// Writes integers as planes, or as planes of their differences when these span less; gives the encoding, which stands first.
fn put_int_values(out: &mut Vec<u8>, values: &[i64]) -> u8 {
    let span = |values: &[i64]| {
        let (least, most) = values.iter().fold((i64::MAX, i64::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
        most.wrapping_sub(least).cast_unsigned()
    };
    let differences: Vec<i64> = values
        .iter()
        .scan(values.first().copied().unwrap_or(0), |previous, v| Some(v.wrapping_sub(std::mem::replace(previous, *v))))
        .collect();
    // The first difference is always zero; the first value itself leads.
    let encoding = if values.len() > 1 && span(&differences) < span(values) { 2 } else { 1 };
    out.push(encoding);
    if encoding == 2 {
        crate::codec::put_varint_signed(out, values[0]);
        put_planes(out, &differences[1..]);
    } else {
        put_planes(out, values);
    }
    encoding
}

fn int_values(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, SegmentError> {
    match reader.byte()? {
        1 => Ok(planes(reader, count)?),
        2 if count > 0 => {
            let mut value = reader.varint_signed()?;
            let mut values = Vec::with_capacity(count);
            values.push(value);
            for difference in planes(reader, count - 1)? {
                value = value.wrapping_add(difference);
                values.push(value);
            }
            Ok(values)
        }
        _ => Err(CodecError::OutOfLimits.into()),
    }
}

fn put_bytes_values(out: &mut Vec<u8>, values: &[&[u8]]) -> u8 {
    if let Some(uuids) = values.iter().map(|value| uuid_bytes(value)).collect::<Option<Vec<_>>>() {
        uuids.iter().for_each(|uuid| out.extend_from_slice(uuid));
        return 5;
    }
    let mut numbers = HashMap::new();
    let mut entries: Vec<&[u8]> = Vec::new();
    let mut indexes = Vec::with_capacity(values.len());
    for value in values {
        let index = *numbers.entry(*value).or_insert_with(|| {
            entries.push(value);
            entries.len() - 1
        });
        indexes.push(i64::try_from(index).unwrap_or(i64::MAX));
        // Hardly anything repeats: a dictionary would only add its numbers.
        if entries.len() > 64 && entries.len() > values.len() / 2 {
            put_slices(out, values);
            return 3;
        }
    }
    put_varint(out, entries.len() as u64);
    put_slices(out, &entries);
    put_planes(out, &indexes);
    4
}

fn put_slices(out: &mut Vec<u8>, values: &[&[u8]]) {
    let lengths: Vec<i64> = values.iter().map(|value| i64::try_from(value.len()).unwrap_or(i64::MAX)).collect();
    put_planes(out, &lengths);
    values.iter().for_each(|value| out.extend_from_slice(value));
}

fn uuid_bytes(value: &[u8]) -> Option<[u8; 16]> {
    let text = std::str::from_utf8(value).ok()?;
    let parsed = uuid::Uuid::try_parse(text).ok()?;
    let mut buffer = [0; 36];
    (parsed.hyphenated().encode_lower(&mut buffer).as_bytes() == value).then(|| parsed.into_bytes())
}

/// A column of a segment that was read: the values of the rows put.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Absent,
    Int { values: Vec<i64>, nulls: Option<Vec<bool>> },
    Text { text: String, spans: Vec<(usize, usize)>, nulls: Option<Vec<bool>> },
    Bytes { bytes: Vec<u8>, spans: Vec<(usize, usize)>, nulls: Option<Vec<bool>> },
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

fn is_null(nulls: &Option<Vec<bool>>, put: usize) -> bool {
    nulls.as_ref().is_some_and(|nulls| nulls.get(put).copied().unwrap_or(true))
}

fn bitmap(reader: &mut Reader<'_>, count: usize) -> Result<Vec<bool>, SegmentError> {
    let bytes = reader.take(count.div_ceil(8))?;
    Ok((0..count).map(|index| bytes[index / 8] >> (index % 8) & 1 == 1).collect())
}

impl Column {
    fn value(&self, put: usize) -> ValueRef<'_> {
        match self {
            Self::Int { values, nulls } if !is_null(nulls, put) => values.get(put).map_or(ValueRef::Null, |number| ValueRef::Int(*number)),
            Self::Text { text, spans, nulls } if !is_null(nulls, put) => {
                spans.get(put).and_then(|(start, end)| text.get(*start..*end)).map_or(ValueRef::Null, ValueRef::Text)
            }
            Self::Bytes { bytes, spans, nulls } if !is_null(nulls, put) => {
                spans.get(put).and_then(|(start, end)| bytes.get(*start..*end)).map_or(ValueRef::Null, ValueRef::Blob)
            }
            _ => ValueRef::Null,
        }
    }

    /// Reads a column of a newer schema. What is not an integer is text: columns added after the first schema are never bytes.
    fn read_foreign(bytes: &[u8], puts: usize) -> Result<Self, SegmentError> {
        let kind = if bytes.first().is_some_and(|encoding| *encoding <= 2) { ColumnKind::Int } else { ColumnKind::Text };
        Self::read(bytes, puts, kind)
    }

    fn read(bytes: &[u8], puts: usize, kind: ColumnKind) -> Result<Self, SegmentError> {
        let mut reader = Reader::new(bytes);
        let encoding = reader.byte()?;
        let nulls = if reader.byte()? == 1 { Some(bitmap(&mut reader, puts)?) } else { None };
        let present = nulls.as_ref().map_or(puts, |nulls| nulls.iter().filter(|null| !**null).count());
        match (encoding, kind) {
            (1 | 2, ColumnKind::Int) => {
                let values = spread(int_values(&mut reader, present)?, &nulls, 0);
                Ok(Self::Int { values, nulls })
            }
            (3..=5, ColumnKind::Text | ColumnKind::Blob) => {
                let (bytes, spans) = match encoding {
                    3 => slices(&mut reader, present)?,
                    4 => dictionary(&mut reader, present)?,
                    _ => uuids(&mut reader, present)?,
                };
                if kind == ColumnKind::Blob {
                    return Ok(Self::Bytes { bytes, spans: spread(spans, &nulls, (0, 0)), nulls });
                }
                // Checked once as a whole and at every border, so that values are given out without a check that could fail.
                let text = String::from_utf8(bytes).map_err(|_| CodecError::NotUtf8)?;
                if !spans.iter().all(|(start, end)| text.is_char_boundary(*start) && text.is_char_boundary(*end)) {
                    return Err(CodecError::NotUtf8.into());
                }
                Ok(Self::Text { text, spans: spread(spans, &nulls, (0, 0)), nulls })
            }
            _ => Err(CodecError::OutOfLimits.into()),
        }
    }
}

/// Puts the values that are present at their rows.
fn spread<T: Copy>(present: Vec<T>, nulls: &Option<Vec<bool>>, absent: T) -> Vec<T> {
    let Some(nulls) = nulls else { return present };
    let mut values = present.into_iter();
    nulls.iter().map(|null| if *null { absent } else { values.next().unwrap_or(absent) }).collect()
}

type Slices = (Vec<u8>, Vec<(usize, usize)>);

fn slices(reader: &mut Reader<'_>, count: usize) -> Result<Slices, SegmentError> {
    let mut spans = Vec::with_capacity(count);
    let mut end = 0usize;
    for length in planes(reader, count)? {
        let start = end;
        end = usize::try_from(length).ok().and_then(|length| end.checked_add(length)).ok_or(CodecError::OutOfLimits)?;
        spans.push((start, end));
    }
    Ok((reader.take(end)?.to_vec(), spans))
}

fn dictionary(reader: &mut Reader<'_>, count: usize) -> Result<Slices, SegmentError> {
    let entries = usize::try_from(reader.varint()?).map_err(|_| CodecError::OutOfLimits)?;
    if entries > count {
        return Err(CodecError::OutOfLimits.into());
    }
    let (bytes, spans) = slices(reader, entries)?;
    let chosen: Option<Vec<_>> =
        planes(reader, count)?.into_iter().map(|index| usize::try_from(index).ok().and_then(|index| spans.get(index).copied())).collect();
    Ok((bytes, chosen.ok_or(CodecError::OutOfLimits)?))
}

fn uuids(reader: &mut Reader<'_>, count: usize) -> Result<Slices, SegmentError> {
    let raw = reader.take(count.checked_mul(16).ok_or(CodecError::OutOfLimits)?)?;
    let mut bytes = vec![0; count * 36];
    for (uuid, text) in raw.chunks_exact(16).zip(bytes.chunks_exact_mut(36)) {
        let uuid = uuid::Uuid::from_slice(uuid).map_err(|_| CodecError::Truncated)?;
        uuid.hyphenated().encode_lower(text);
    }
    Ok((bytes, (0..count).map(|index| (index * 36, index * 36 + 36)).collect()))
}
