//! What a file is, by its content: the type, and the size of a picture, read from its structure without decoding a pixel.
//!
//! A file must be one thing from its first byte to its last. What stands behind the end of a picture, or makes an archive or a program of a
//! document, is not taken: such files are one thing for us and another for whoever opens them.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use polevik_protocol::file::{FileClass, MAX_PHOTO_PIXELS, MAX_PHOTO_SIDE};

/// Most bytes of a picture's notes (EXIF, colour profile and the like) in one piece.
const MAX_NOTES_BYTES: u64 = 1024 * 1024;

/// Most scans of a JPEG: each is a pass over the whole picture for whoever decodes it.
const MAX_JPEG_SCANS: u32 = 64;

/// Most boxes of a HEIC or MP4 file on one level.
const MAX_BOXES: u32 = 10_000;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JPEG.
    Jpeg,
    /// PNG, not animated.
    Png,
    /// WebP, not animated.
    Webp,
    /// HEIC: a still picture.
    Heic,
    /// PDF without programs in it.
    Pdf,
    /// MP4.
    Mp4,
}

impl Kind {
    /// The type in headers and rows.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Heic => "image/heic",
            Self::Pdf => "application/pdf",
            Self::Mp4 => "video/mp4",
        }
    }

    /// The usual ending of a name first, then others.
    #[must_use]
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::Webp => &["webp"],
            Self::Heic => &["heic", "heif"],
            Self::Pdf => &["pdf"],
            Self::Mp4 => &["mp4", "m4v"],
        }
    }

    /// Whether files of a class may be this.
    #[must_use]
    pub fn is_allowed(self, class: FileClass) -> bool {
        match self {
            Self::Jpeg | Self::Png | Self::Webp => true,
            Self::Heic => class != FileClass::Material,
            Self::Pdf => class != FileClass::Photo,
            Self::Mp4 => class == FileClass::Material,
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// Width and height of a picture, in pixels.
    pub size: Option<(u32, u32)>,
}

/// A file that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SniffError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// It is not what may come, and why.
    #[error("{0}")]
    Refused(&'static str),
}

impl SniffError {
    /// The file ended where something had to be.
    fn of_structure(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Refused("it ends too early") } else { Self::Read(error) }
    }
}

type Result<T> = std::result::Result<T, SniffError>;

fn refuse<T>(reason: &'static str) -> Result<T> {
    Err(SniffError::Refused(reason))
}

/// What the file of `length` bytes is, and whether files of `class` may be that. Blocks; holds no more than a megabyte of it in memory.
///
/// # Errors
///
/// [`SniffError::Refused`] with the reason for people who look into logs, or [`SniffError::Read`].
pub fn sniff(file: impl Read + Seek, length: u64, class: FileClass) -> Result<Seen> {
    let mut file = Source { reader: BufReader::with_capacity(64 * 1024, file), length, at: 0 };
    let kind = kind_of(&mut file)?;
    if !kind.is_allowed(class) {
        return refuse("files of this class are of other types");
    }
    file.seek_to(0)?;
    let size = match kind {
        Kind::Jpeg => Some(jpeg(&mut file)?),
        Kind::Png => Some(png(&mut file)?),
        Kind::Webp => Some(webp(&mut file)?),
        Kind::Heic => Some(heic(&mut file)?),
        Kind::Pdf => {
            pdf(&mut file)?;
            None
        }
        Kind::Mp4 => {
            mp4(&mut file)?;
            None
        }
    };
    if let Some((width, height)) = size {
        if width == 0 || height == 0 {
            return refuse("a picture without pixels");
        }
        if width > MAX_PHOTO_SIDE || height > MAX_PHOTO_SIDE || u64::from(width) * u64::from(height) > MAX_PHOTO_PIXELS {
            return refuse("too many pixels");
        }
    }
    if ends_as_archive(&mut file)? {
        return refuse("it is an archive, too");
    }
    Ok(Seen { kind, size })
}

/// A file and how far it was read.
struct Source<F: Read + Seek> {
    reader: BufReader<F>,
    length: u64,
    at: u64,
}

impl<F: Read + Seek> Source<F> {
    fn seek_to(&mut self, at: u64) -> Result<()> {
        self.reader.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(SniffError::of_structure)?;
        self.at += u64::try_from(N).unwrap_or(0);
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    fn skip(&mut self, count: u64) -> Result<()> {
        if count > self.left() {
            return refuse("it ends too early");
        }
        self.reader.seek_relative(i64::try_from(count).unwrap_or(i64::MAX))?;
        self.at += count;
        Ok(())
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        if count > MAX_NOTES_BYTES || count > self.left() {
            return refuse("a part of it is too large");
        }
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
        self.reader.read_exact(&mut bytes).map_err(SniffError::of_structure)?;
        self.at += count;
        Ok(bytes)
    }

    fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }
}

fn kind_of<F: Read + Seek>(file: &mut Source<F>) -> Result<Kind> {
    if file.length < 16 {
        return refuse("too short to be anything");
    }
    let head: [u8; 16] = file.take()?;
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        return Ok(Kind::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(Kind::Png);
    }
    if head.starts_with(b"RIFF") && &head[8..12] == b"WEBP" {
        return Ok(Kind::Webp);
    }
    if head.starts_with(b"%PDF-") {
        return Ok(Kind::Pdf);
    }
    if &head[4..8] == b"ftyp" {
        file.seek_to(0)?;
        let [a, b, c, d] = file.take::<4>()?;
        let size = u64::from(u32::from_be_bytes([a, b, c, d]));
        file.skip(4)?;
        let brands = file.bytes(size.saturating_sub(8).min(1_024))?;
        let has = |names: &[&[u8; 4]]| brands.chunks(4).enumerate().any(|(n, brand)| n != 1 && names.iter().any(|name| brand == *name));
        if has(&[b"heic", b"heix", b"heim", b"heis"]) {
            return Ok(Kind::Heic);
        }
        if has(&[b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "]) {
            return Ok(Kind::Mp4);
        }
    }
    refuse("neither JPEG, PNG, WebP, HEIC nor PDF")
}

/// Width and height of a JPEG that ends with its last marker.
fn jpeg<F: Read + Seek>(file: &mut Source<F>) -> Result<(u32, u32)> {
    file.skip(2)?;
    let (mut size, mut notes, mut scans) = (None, 0, 0);
    let mut marker = jpeg_marker(file)?;
    loop {
        match marker {
            0xd9 => break,
            // Markers without content have no place between segments.
            0x00 | 0x01 | 0xd0..=0xd8 => return refuse("a JPEG with a marker out of place"),
            _ => {}
        }
        let length = u64::from(u16::from_be_bytes(file.take()?));
        let Some(content) = length.checked_sub(2) else { return refuse("a JPEG with a broken segment") };
        match marker {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                if size.is_some() || content < 6 {
                    return refuse("a JPEG with more than one frame");
                }
                let [_, h1, h0, w1, w0] = file.take()?;
                size = Some((u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0]))));
                file.skip(content - 5)?;
                marker = jpeg_marker(file)?;
            }
            0xda => {
                scans += 1;
                if size.is_none() || scans > MAX_JPEG_SCANS {
                    return refuse("a JPEG whose scans are out of place");
                }
                file.skip(content)?;
                marker = jpeg_scan(file)?;
            }
            _ => {
                if (0xe0..=0xef).contains(&marker) || marker == 0xfe {
                    notes += length;
                    if notes > MAX_NOTES_BYTES {
                        return refuse("a JPEG with too many notes");
                    }
                }
                file.skip(content)?;
                marker = jpeg_marker(file)?;
            }
        }
    }
    match size {
        Some(size) if scans > 0 && file.left() == 0 => Ok(size),
        Some(_) if scans > 0 => refuse("something stands behind the end of the JPEG"),
        _ => refuse("a JPEG without a picture"),
    }
}

fn jpeg_marker<F: Read + Seek>(file: &mut Source<F>) -> Result<u8> {
    if file.byte()? != 0xff {
        return refuse("a JPEG with something between its segments");
    }
    loop {
        // A marker may be led by any number of these.
        let byte = file.byte()?;
        if byte != 0xff {
            return Ok(byte);
        }
    }
}

/// Goes through the data of a scan, and gives the marker that ends it.
fn jpeg_scan<F: Read + Seek>(file: &mut Source<F>) -> Result<u8> {
    loop {
        let buffer = file.reader.fill_buf()?;
        if buffer.is_empty() {
            return refuse("it ends too early");
        }
        let Some(place) = buffer.iter().position(|byte| *byte == 0xff) else {
            let count = buffer.len();
            file.reader.consume(count);
            file.at += u64::try_from(count).unwrap_or(0);
            continue;
        };
        file.reader.consume(place + 1);
        file.at += u64::try_from(place + 1).unwrap_or(0);
        let mut byte = file.byte()?;
        while byte == 0xff {
            byte = file.byte()?;
        }
        // A zero says that the byte before was data; the others restart the decoder.
        if byte != 0x00 && !(0xd0..=0xd7).contains(&byte) {
            return Ok(byte);
        }
    }
}

fn png<F: Read + Seek>(file: &mut Source<F>) -> Result<(u32, u32)> {
    file.skip(8)?;
    let (mut size, mut has_data) = (None, false);
    loop {
        let length = u64::from(u32::from_be_bytes(file.take()?));
        let name: [u8; 4] = file.take()?;
        match (&name, size) {
            (b"IHDR", None) if length == 13 => {
                let [w3, w2, w1, w0, h3, h2, h1, h0] = file.take()?;
                size = Some((u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0])));
                file.skip(5)?;
            }
            (_, None) | (b"IHDR", Some(_)) => return refuse("a PNG with a broken header"),
            (b"acTL" | b"fcTL" | b"fdAT", _) => return refuse("an animated PNG"),
            (b"IEND", _) => {
                file.skip(length + 4)?;
                break;
            }
            (b"IDAT", _) => {
                has_data = true;
                file.skip(length)?;
            }
            _ if length > MAX_NOTES_BYTES => return refuse("a PNG with too many notes"),
            _ => file.skip(length)?,
        }
        // The sum of the chunk.
        file.skip(4)?;
    }
    match size {
        Some(size) if has_data && file.left() == 0 => Ok(size),
        Some(_) if has_data => refuse("something stands behind the end of the PNG"),
        _ => refuse("a PNG without a picture"),
    }
}

fn webp<F: Read + Seek>(file: &mut Source<F>) -> Result<(u32, u32)> {
    file.skip(4)?;
    let said = u64::from(u32::from_le_bytes(file.take()?)) + 8;
    if said != file.length {
        return refuse("a WebP that is longer or shorter than it says");
    }
    file.skip(4)?;
    let (mut canvas, mut picture) = (None, None);
    while file.left() > 0 {
        let name: [u8; 4] = file.take()?;
        let length = u64::from(u32::from_le_bytes(file.take()?));
        let start = file.at;
        let le24 = |a: u8, b: u8, c: u8| u32::from(a) | u32::from(b) << 8 | u32::from(c) << 16;
        match &name {
            b"VP8X" => {
                let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = file.take()?;
                if flags & 0x02 != 0 {
                    return refuse("an animated WebP");
                }
                canvas = Some((le24(w0, w1, w2) + 1, le24(h0, h1, h2) + 1));
            }
            b"VP8 " if picture.is_none() => {
                let [_, _, _, a, b, c, w0, w1, h0, h1] = file.take()?;
                if [a, b, c] != [0x9d, 0x01, 0x2a] {
                    return refuse("a broken WebP");
                }
                picture = Some((u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff), u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff)));
            }
            b"VP8L" if picture.is_none() => {
                let [signature, a, b, c, d] = file.take()?;
                if signature != 0x2f {
                    return refuse("a broken WebP");
                }
                let bits = u32::from_le_bytes([a, b, c, d]);
                picture = Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
            }
            b"VP8 " | b"VP8L" | b"ANIM" | b"ANMF" => return refuse("a WebP with more than one picture"),
            b"ALPH" => {}
            _ if length > MAX_NOTES_BYTES => return refuse("a WebP with too many notes"),
            _ => {}
        }
        let padded = length + length % 2;
        file.seek_to(start)?;
        file.skip(padded)?;
    }
    match (picture, canvas) {
        (Some((width, height)), Some((canvas_width, canvas_height))) => Ok((width.max(canvas_width), height.max(canvas_height))),
        (Some(size), None) => Ok(size),
        (None, _) => refuse("a WebP without a picture"),
    }
}

/// What looks at a box: given the file behind its head, its name, and where it ends.
type Visit<'a, F> = dyn FnMut(&mut Source<F>, [u8; 4], u64) -> Result<()> + 'a;

/// Has `visit` look at each box up to `end`, which the last one must reach exactly.
fn boxes<F: Read + Seek>(file: &mut Source<F>, end: u64, visit: &mut Visit<'_, F>) -> Result<()> {
    for _ in 0..MAX_BOXES {
        if file.at == end {
            return Ok(());
        }
        let start = file.at;
        let short = u64::from(u32::from_be_bytes(file.take()?));
        let name: [u8; 4] = file.take()?;
        let length = match short {
            0 => end.saturating_sub(start),
            1 => u64::from_be_bytes(file.take()?),
            other => other,
        };
        let Some(next) = start.checked_add(length).filter(|next| *next <= end && *next >= file.at) else {
            return refuse("a box reaches beyond its end");
        };
        visit(file, name, next)?;
        file.seek_to(next)?;
    }
    refuse("too many boxes")
}

/// The largest picture of a HEIC: the one that its tiles make up.
fn heic<F: Read + Seek>(file: &mut Source<F>) -> Result<(u32, u32)> {
    let mut size: Option<(u32, u32)> = None;
    let mut has_data = false;
    let end = file.length;
    boxes(file, end, &mut |file, name, end| match &name {
        b"meta" => {
            if end - file.at > MAX_NOTES_BYTES {
                return refuse("a HEIC with too many notes");
            }
            file.skip(4)?;
            boxes(file, end, &mut |file, name, end| match &name {
                b"iprp" => boxes(file, end, &mut |file, name, end| match &name {
                    b"ipco" => boxes(file, end, &mut |file, name, _| {
                        if &name == b"ispe" {
                            file.skip(4)?;
                            let (width, height) = (u32::from_be_bytes(file.take()?), u32::from_be_bytes(file.take()?));
                            let largest = size.unwrap_or_default();
                            size = Some((largest.0.max(width), largest.1.max(height)));
                        }
                        Ok(())
                    }),
                    _ => Ok(()),
                }),
                _ => Ok(()),
            })
        }
        b"moov" => refuse("a HEIC with a film in it"),
        b"mdat" => {
            has_data = true;
            Ok(())
        }
        _ => Ok(()),
    })?;
    size.filter(|_| has_data).map_or_else(|| refuse("a HEIC without a picture"), Ok)
}

fn mp4<F: Read + Seek>(file: &mut Source<F>) -> Result<()> {
    let (mut has_index, mut has_data) = (false, false);
    let end = file.length;
    boxes(file, end, &mut |_, name, _| {
        has_index |= &name == b"moov";
        has_data |= &name == b"mdat";
        Ok(())
    })?;
    if has_index && has_data { Ok(()) } else { refuse("an MP4 without a film") }
}

/// What makes a PDF more than something to read. Long enough that compressed content hardly ever spells it.
const PROGRAMS_IN_PDF: [&[u8]; 5] = [b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/RichMedia", b"/SubmitForm"];

/// How far back from its end a PDF must say that it ends.
const PDF_END_BYTES: u64 = 1_024;

fn pdf<F: Read + Seek>(file: &mut Source<F>) -> Result<()> {
    const OVERLAP: usize = 64;
    let mut window: Vec<u8> = Vec::with_capacity(2 * 64 * 1024);
    loop {
        let buffer = file.reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let count = buffer.len();
        window.extend_from_slice(buffer);
        file.reader.consume(count);
        file.at += u64::try_from(count).unwrap_or(0);
        if has_program(&window) {
            return refuse("a PDF with a program in it");
        }
        let keep = window.len().saturating_sub(OVERLAP);
        window.drain(..keep);
    }
    let tail_at = file.length.saturating_sub(PDF_END_BYTES);
    file.seek_to(tail_at)?;
    let tail = file.bytes(file.length - tail_at)?;
    let Some(end) = tail.windows(5).rposition(|five| five == b"%%EOF") else { return refuse("a PDF without its end") };
    if tail[end + 5..].iter().all(u8::is_ascii_whitespace) { Ok(()) } else { refuse("something stands behind the end of the PDF") }
}

/// Whether one of the names stands in the bytes, also with some of its letters written as numbers.
fn has_program(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').any(|(at, _)| {
        let mut name = Vec::with_capacity(16);
        let mut rest = &bytes[at..];
        while name.len() < 14 {
            match rest {
                [b'#', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16).unwrap_or(0)).unwrap_or(0);
                    name.push(digit(high) << 4 | digit(low));
                    rest = after;
                }
                [byte, after @ ..] => {
                    name.push(*byte);
                    rest = after;
                }
                [] => break,
            }
        }
        PROGRAMS_IN_PDF.iter().any(|program| name.starts_with(program))
    })
}

/// Whether somebody who reads archives from their end would find one that ends here.
fn ends_as_archive<F: Read + Seek>(file: &mut Source<F>) -> Result<bool> {
    const RECORD_BYTES: u64 = 22;
    let tail_at = file.length.saturating_sub(RECORD_BYTES + u64::from(u16::MAX));
    file.seek_to(tail_at)?;
    let tail = file.bytes(file.length - tail_at)?;
    let record = usize::try_from(RECORD_BYTES).unwrap_or(22);
    Ok(tail.windows(record).enumerate().any(|(at, window)| {
        let comment = usize::from(u16::from_le_bytes([window[20], window[21]]));
        window.starts_with(b"PK\x05\x06") && at + record + comment == tail.len()
    }))
}

/// Whether what a sender said fits what was seen: a type, and the ending of a name. What was not said fits.
#[must_use]
pub fn fits(kind: Kind, said_type: Option<&str>, name: Option<&str>) -> bool {
    let type_fits = said_type.is_none_or(|said| {
        let said = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match said.as_str() {
            "image/jpg" | "image/pjpeg" => kind == Kind::Jpeg,
            "image/heif" => kind == Kind::Heic,
            "" | "application/octet-stream" => true,
            other => other == kind.content_type(),
        }
    });
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_lowercase());
    type_fits && ending.is_none_or(|ending| kind.endings().contains(&ending.as_str()))
}
