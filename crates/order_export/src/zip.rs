//! A ZIP archive: what spreadsheets are. Written with deflate, read with limits.
//!
//! Only what every program writes is read: stored or deflated parts, no encryption, no archive of 4 GiB.

use std::io::{self, Read, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::making::MakeError;
use crate::moment::LocalMoment;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END_HEADER: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const MOST_COMMENT_BYTES: usize = 65_535;
const DEFLATED: u16 = 8;
const STORED: u16 = 0;
const UTF_8_NAMES: u16 = 1 << 11;
const ENCRYPTED: u16 = 1;
/// Version 2.0: deflate.
const NEEDED_VERSION: u16 = 20;

/// A fast level: on a phone somebody waits for the file.
const LEVEL: Compression = Compression::new(3);

const ALWAYS: &str = "a vector takes every byte";

/// One file of an archive while it is written; its packed bytes stay in memory.
pub(crate) struct Part {
    name: &'static str,
    packed: DeflateEncoder<Vec<u8>>,
    crc: Crc,
    plain_bytes: u64,
}

impl Part {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, packed: DeflateEncoder::new(Vec::new(), LEVEL), crc: Crc::new(), plain_bytes: 0 }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.plain_bytes += bytes.len() as u64;
        self.packed.write_all(bytes).expect(ALWAYS);
    }
}

/// The archive of those parts, in that order.
pub(crate) fn assemble<const N: usize>(parts: [Part; N], made_at: LocalMoment) -> Result<Vec<u8>, MakeError> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    let count = u16::try_from(N).map_err(|_| MakeError::TooLarge)?;
    for part in parts {
        let offset = length(archive.len() as u64)?;
        let packed = part.packed.finish().expect(ALWAYS);
        let mut common = Vec::with_capacity(26);
        push_16(&mut common, NEEDED_VERSION);
        push_16(&mut common, UTF_8_NAMES);
        push_16(&mut common, DEFLATED);
        push_32(&mut common, dos_time(made_at));
        push_32(&mut common, part.crc.sum());
        push_32(&mut common, length(packed.len() as u64)?);
        push_32(&mut common, length(part.plain_bytes)?);
        push_16(&mut common, u16::try_from(part.name.len()).map_err(|_| MakeError::TooLarge)?);
        // No extra field.
        push_16(&mut common, 0);

        push_32(&mut archive, LOCAL_HEADER);
        archive.extend_from_slice(&common);
        archive.extend_from_slice(part.name.as_bytes());
        archive.extend_from_slice(&packed);

        push_32(&mut directory, CENTRAL_HEADER);
        push_16(&mut directory, NEEDED_VERSION);
        directory.extend_from_slice(&common);
        // No comment, first disk, no attributes.
        directory.extend_from_slice(&[0; 10]);
        push_32(&mut directory, offset);
        directory.extend_from_slice(part.name.as_bytes());
    }
    let (start, bytes) = (length(archive.len() as u64)?, length(directory.len() as u64)?);
    archive.append(&mut directory);
    push_32(&mut archive, END_HEADER);
    push_32(&mut archive, 0);
    push_16(&mut archive, count);
    push_16(&mut archive, count);
    push_32(&mut archive, bytes);
    push_32(&mut archive, start);
    push_16(&mut archive, 0);
    Ok(archive)
}

fn push_16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push_32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn length(bytes: u64) -> Result<u32, MakeError> {
    u32::try_from(bytes).map_err(|_| MakeError::TooLarge)
}

/// Day in the upper half, time in the lower, as ZIP wants them: from 1980 to 2107, in steps of two seconds.
fn dos_time(moment: LocalMoment) -> u32 {
    let (year, month, day) = moment.day().year_month_day();
    let years = u32::try_from(year - 1980).unwrap_or(0).min(127);
    let seconds = u32::try_from(moment.millis_of_day() / 1_000).unwrap_or(0);
    let (hour, minute) = (seconds / 3_600, seconds / 60 % 60);
    (years << 25) | (month << 21) | (day << 16) | (hour << 11) | (minute << 5) | (seconds % 60 / 2)
}

/// The most files an archive may hold.
const MOST_ENTRIES: usize = 1_000;

/// The most bytes of an unpacked part: many times the largest sheet of an export of 20 000 orders.
const MOST_PLAIN_BYTES: u64 = 1024 * 1024 * 1024;

/// How many times smaller than its content a packed part may be. Sheets are
/// far from it; an archive made to fill a memory reaches a thousand.
const MOST_RATIO: u64 = 200;

/// Content that is always allowed, whatever the ratio.
const FREE_BYTES: u64 = 64 * 1024;

/// Why an archive cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ZipError {
    #[error("it is not a ZIP archive, or its end is missing")]
    NoArchive,
    #[error("the directory of the archive is damaged")]
    Directory,
    #[error("a part of the archive is encrypted or packed in a way that is not read")]
    Method,
    #[error("a part of the archive is too large")]
    TooLarge,
}

/// An archive in memory.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed_bytes: usize,
    plain_bytes: u64,
    offset: usize,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ZipError> {
        let from = bytes.len().saturating_sub(END_BYTES + MOST_COMMENT_BYTES);
        let end = bytes[from..].windows(4).rposition(|window| window == END_HEADER.to_le_bytes()).ok_or(ZipError::NoArchive)? + from;
        let end = bytes.get(end..end + END_BYTES).ok_or(ZipError::NoArchive)?;
        let count = usize::from(read_16(end, 10).ok_or(ZipError::NoArchive)?);
        let mut at = offset(read_32(end, 16).ok_or(ZipError::NoArchive)?)?;
        if count > MOST_ENTRIES {
            return Err(ZipError::TooLarge);
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let (entry, next) = read_entry(bytes, at).ok_or(ZipError::Directory)?;
            entries.push(entry);
            at = next;
        }
        Ok(Self { bytes, entries })
    }

    /// The unpacked content of a part, or `None` if there is none of that name. Reading it fails at its end if it is not what the directory
    /// says.
    pub(crate) fn part(&self, name: &str) -> Option<Result<Unpacked<'a>, ZipError>> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| self.unpack(entry))
    }

    fn unpack(&self, entry: &Entry) -> Result<Unpacked<'a>, ZipError> {
        let at = entry.offset;
        let names =
            read_16(self.bytes, at.saturating_add(26)).zip(read_16(self.bytes, at.saturating_add(28))).ok_or(ZipError::Directory)?;
        if read_32(self.bytes, at) != Some(LOCAL_HEADER) {
            return Err(ZipError::Directory);
        }
        let start = at + 30 + usize::from(names.0) + usize::from(names.1);
        let end = start.checked_add(entry.packed_bytes).ok_or(ZipError::Directory)?;
        let packed = self.bytes.get(start..end).ok_or(ZipError::Directory)?;
        let most = (packed.len() as u64).saturating_mul(MOST_RATIO).saturating_add(FREE_BYTES).min(MOST_PLAIN_BYTES);
        if entry.plain_bytes > most {
            return Err(ZipError::TooLarge);
        }
        let content = match entry.method {
            _ if entry.flags & ENCRYPTED != 0 => return Err(ZipError::Method),
            STORED => Content::Stored(packed),
            DEFLATED => Content::Deflated(flate2::bufread::DeflateDecoder::new(packed)),
            _ => return Err(ZipError::Method),
        };
        Ok(Unpacked { content, crc: Crc::new(), expected_crc: entry.crc, left: entry.plain_bytes })
    }
}

fn read_entry(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    if read_32(bytes, at)? != CENTRAL_HEADER {
        return None;
    }
    let length = |at: usize| Some(usize::from(read_16(bytes, at)?));
    let (name, extra, comment) = (length(at + 28)?, length(at + 30)?, length(at + 32)?);
    let entry = Entry {
        name: String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name)?).into_owned(),
        flags: read_16(bytes, at + 8)?,
        method: read_16(bytes, at + 10)?,
        crc: read_32(bytes, at + 16)?,
        packed_bytes: offset(read_32(bytes, at + 20)?).ok()?,
        plain_bytes: u64::from(read_32(bytes, at + 24)?),
        offset: offset(read_32(bytes, at + 42)?).ok()?,
    };
    Some((entry, at + 46 + name + extra + comment))
}

fn read_16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn read_32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn offset(value: u32) -> Result<usize, ZipError> {
    usize::try_from(value).map_err(|_| ZipError::TooLarge)
}

/// The content of a part, unpacked as it is read.
pub(crate) struct Unpacked<'a> {
    content: Content<'a>,
    crc: Crc,
    expected_crc: u32,
    left: u64,
}

enum Content<'a> {
    Stored(&'a [u8]),
    Deflated(flate2::bufread::DeflateDecoder<&'a [u8]>),
}

impl Read for Unpacked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.content {
            Content::Stored(bytes) => bytes.read(out)?,
            Content::Deflated(decoder) => decoder.read(out)?,
        };
        self.crc.update(&out[..count]);
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other("a part is longer than it says"))?;
        if count == 0 && !out.is_empty() && (self.left > 0 || self.crc.sum() != self.expected_crc) {
            return Err(io::Error::other("a part is damaged"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};

    use super::*;

    const NOON: LocalMoment = LocalMoment { at: UtcMillis(1_795_347_787_123), offset: UtcOffsetMinutes(180) };

    fn archive() -> Vec<u8> {
        let mut first = Part::new("first.txt");
        first.write("первый".as_bytes());
        let mut second = Part::new("deep/second.txt");
        second.write(&[7; 5_000]);
        assemble([first, second], NOON).unwrap()
    }

    fn content(bytes: &[u8], name: &str) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let archive = Archive::open(bytes).map_err(io::Error::other)?;
        archive.part(name).expect("it is in the archive").map_err(io::Error::other)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        assert_eq!(content(&archive(), "first.txt").unwrap(), "первый".as_bytes());
        assert_eq!(content(&archive(), "deep/second.txt").unwrap(), [7; 5_000]);
        assert!(Archive::open(&archive()).unwrap().part("third.txt").is_none());
    }

    #[test]
    fn a_changed_bit_of_a_part_is_noticed() {
        let good = archive();
        // Behind the local header and the name.
        for at in 39..50 {
            let mut bad = good.clone();
            bad[at] ^= 4;
            assert_ne!(content(&bad, "first.txt").ok(), Some("другой".as_bytes().to_vec()));
            assert!(content(&bad, "first.txt").is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_archive_made_to_fill_the_memory_is_refused() {
        let mut bomb = Part::new("bomb.txt");
        for _ in 0..64 {
            bomb.write(&[0; 1024 * 1024]);
        }
        let bytes = assemble([bomb], NOON).unwrap();
        assert!(bytes.len() < 512 * 1024, "it packs well: {}", bytes.len());
        assert_eq!(Archive::open(&bytes).unwrap().part("bomb.txt").unwrap().err(), Some(ZipError::TooLarge));

        // And one that says it is small.
        let mut lying = bytes.clone();
        let directory = lying.windows(4).rposition(|window| window == CENTRAL_HEADER.to_le_bytes()).unwrap();
        lying[directory + 24..directory + 28].copy_from_slice(&1_000_u32.to_le_bytes());
        assert!(content(&lying, "bomb.txt").is_err());
    }

    #[test]
    fn bytes_that_are_no_archive_are_refused() {
        assert_eq!(Archive::open(b"").err(), Some(ZipError::NoArchive));
        assert_eq!(Archive::open(b"PK\x05\x06").err(), Some(ZipError::NoArchive));
        let whole = archive();
        for length in 0..whole.len() {
            assert!(content(&whole[..length], "first.txt").is_err(), "cut to {length}");
        }
    }
}
