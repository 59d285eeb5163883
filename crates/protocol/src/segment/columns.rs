//! Columns of a segment: how values become bytes, and bytes values.

use std::collections::HashMap;

use super::SegmentError;
use crate::codec::{CodecError, Reader, planes, put_planes, put_varint};
use crate::rows::{ColumnKind, ValueRef};

pub(super) enum ColumnBuilder {
    Int(Vec<Option<i64>>),
    Bytes { ends: Vec<Option<usize>>, bytes: Vec<u8> },
}

impl ColumnBuilder {
    /// Encoding, nulls and values; `None` if no row has a value.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
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

pub(super) fn put_bitmap(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
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
pub(super) fn put_int_values(out: &mut Vec<u8>, values: &[i64]) -> u8 {
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

pub(super) fn int_values(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, SegmentError> {
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
pub(super) enum Column {
    Absent,
    Int { values: Vec<i64>, nulls: Option<Vec<bool>> },
    Text { text: String, spans: Vec<(usize, usize)>, nulls: Option<Vec<bool>> },
    Bytes { bytes: Vec<u8>, spans: Vec<(usize, usize)>, nulls: Option<Vec<bool>> },
}

fn is_null(nulls: &Option<Vec<bool>>, put: usize) -> bool {
    nulls.as_ref().is_some_and(|nulls| nulls.get(put).copied().unwrap_or(true))
}

pub(super) fn bitmap(reader: &mut Reader<'_>, count: usize) -> Result<Vec<bool>, SegmentError> {
    let bytes = reader.take(count.div_ceil(8))?;
    Ok((0..count).map(|index| bytes[index / 8] >> (index % 8) & 1 == 1).collect())
}

impl Column {
    pub(super) fn value(&self, put: usize) -> ValueRef<'_> {
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
    pub(super) fn read_foreign(bytes: &[u8], puts: usize) -> Result<Self, SegmentError> {
        let kind = if bytes.first().is_some_and(|encoding| *encoding <= 2) { ColumnKind::Int } else { ColumnKind::Text };
        Self::read(bytes, puts, kind)
    }

    pub(super) fn read(bytes: &[u8], puts: usize, kind: ColumnKind) -> Result<Self, SegmentError> {
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
