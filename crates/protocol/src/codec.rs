//! Bytes to values and back, with limits: the small words that segments are made of.

/// Bytes that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// A number or length is out of its limits.
    #[error("a number is out of its limits")]
    OutOfLimits,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// A place in bytes that are read from front to back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?[0])
    }

    /// LEB128, at most ten bytes.
    pub(crate) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(CodecError::OutOfLimits);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::OutOfLimits)
    }

    pub(crate) fn varint_signed(&mut self) -> Result<i64, CodecError> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A length of things of which each takes at least `least_bytes` bytes of what remains: a lie about it costs no memory.
    pub(crate) fn length(&mut self, least_bytes: usize) -> Result<usize, CodecError> {
        let len = usize::try_from(self.varint()?).map_err(|_| CodecError::OutOfLimits)?;
        if len.checked_mul(least_bytes).is_none_or(|need| need > self.rest.len()) {
            return Err(CodecError::Truncated);
        }
        Ok(len)
    }

    pub(crate) fn text(&mut self, max_bytes: usize) -> Result<&'a str, CodecError> {
        let len = self.length(1)?;
        if len > max_bytes {
            return Err(CodecError::OutOfLimits);
        }
        std::str::from_utf8(self.take(len)?).map_err(|_| CodecError::NotUtf8)
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn put_varint_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Integers as byte planes: `(value − least) / divisor` in as few bytes as the largest needs, all lowest bytes first, then all second bytes …
///
/// Planes of like bytes compress far better than varints, and read back without branches.
pub(crate) fn put_planes(out: &mut Vec<u8>, values: &[i64]) {
    let least = values.iter().copied().min().unwrap_or(0);
    let offset = |value: i64| value.wrapping_sub(least).cast_unsigned();
    let divisor = values.iter().fold(0, |divisor, value| gcd(divisor, offset(*value))).max(1);
    let largest = values.iter().map(|value| offset(*value) / divisor).max().unwrap_or(0);
    let width = 8 - usize::try_from(largest.leading_zeros() / 8).unwrap_or(0);
    put_varint_signed(out, least);
    put_varint(out, divisor);
    out.push(u8::try_from(width).unwrap_or(8));
    let start = out.len();
    out.resize(start + width * values.len(), 0);
    for (index, value) in values.iter().enumerate() {
        let bytes = (offset(*value) / divisor).to_le_bytes();
        for (plane, byte) in bytes.iter().take(width).enumerate() {
            out[start + plane * values.len() + index] = *byte;
        }
    }
}

/// Reads `count` integers written by [`put_planes`].
pub(crate) fn planes(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, CodecError> {
    let least = reader.varint_signed()?;
    let divisor = reader.varint()?;
    let width = usize::from(reader.byte()?);
    if width > 8 {
        return Err(CodecError::OutOfLimits);
    }
    let bytes = reader.take(width.checked_mul(count).ok_or(CodecError::OutOfLimits)?)?;
    let mut values = vec![0u64; count];
    for (plane, plane_bytes) in bytes.chunks_exact(count.max(1)).enumerate() {
        for (value, byte) in values.iter_mut().zip(plane_bytes) {
            *value |= u64::from(*byte) << (8 * plane);
        }
    }
    Ok(values.into_iter().map(|value| least.wrapping_add(value.wrapping_mul(divisor).cast_signed())).collect())
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_read_back(values in prop::collection::vec(any::<i64>(), 0..50), small in prop::collection::vec(-5..5i64, 0..50)) {
            for values in [values, small] {
                let mut out = Vec::new();
                put_planes(&mut out, &values);
                prop_assert_eq!(planes(&mut Reader::new(&out), values.len()).unwrap(), values);
            }
        }

        #[test]
        fn varints_read_back(value in any::<u64>(), signed in any::<i64>()) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_varint_signed(&mut out, signed);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint().unwrap(), value);
            prop_assert_eq!(reader.varint_signed().unwrap(), signed);
            prop_assert_eq!(reader.remaining(), 0);
        }
    }

    #[test]
    fn a_length_that_lies_is_refused_before_memory_is_taken() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(Reader::new(&out).length(1), Err(CodecError::Truncated));
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(CodecError::OutOfLimits));
    }
}
