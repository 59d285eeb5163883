//! The segments of a JPEG file: how large the picture is, and what the camera noted in it. Nothing is decoded; any bytes may come.

/// The type of such files.
pub const CONTENT_TYPE: &str = "image/jpeg";

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const COMMENT: u8 = 0xfe;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;

const EXIF: &[u8] = b"Exif\0\0";
const ICC_PROFILE: &[u8] = b"ICC_PROFILE\0";

/// The tag of EXIF that says how the picture is to be turned.
const ORIENTATION: u16 = 0x0112;

/// Width and height in pixels as they are stored, before any turning; `None` for bytes that are no JPEG.
#[must_use]
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let frame = pieces(bytes)?.into_iter().find(|piece| is_frame(piece.marker))?;
    let number = |at: usize| Some(u32::from(u16::from_be_bytes([*frame.content.get(at)?, *frame.content.get(at + 1)?])));
    let (height, width) = (number(1)?, number(3)?);
    (width > 0 && height > 0).then_some((width, height))
}

/// The file without what the camera noted: time, place, model, small pictures, comments, and whatever follows the end of the picture. How
/// it is to be turned stays, as do colours. `None` for bytes that are no whole JPEG.
#[must_use]
pub fn without_notes(bytes: &[u8]) -> Option<Vec<u8>> {
    rewritten(bytes, minimal_exif(orientation(bytes)).as_deref())
}

/// What a file that was decoded, turned upright and written anew leaves the device with: what the camera noted in the original stays
/// (`keep_exif`), with the picture marked as upright, or all notes go. `None` for bytes that are no whole JPEG.
#[must_use]
pub fn finish(written: &[u8], original: &[u8], keep_exif: bool) -> Option<Vec<u8>> {
    let notes = if keep_exif { exif(original).map(upright) } else { None };
    rewritten(written, notes.as_deref())
}

/// How the picture is to be turned, 1 (as it is) to 8; 1 when nothing is said.
#[must_use]
pub fn orientation(bytes: &[u8]) -> u16 {
    exif(bytes)
        .and_then(|notes| Some(notes.get(EXIF.len()..)?.to_vec()))
        .and_then(|tiff| tiff_orientation(&tiff))
        .map_or(1, |(value, _)| value)
}

/// One stretch of the file.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    marker: u8,
    /// All of it, with its marker.
    whole: &'a [u8],
    /// What stands between its length and the next one; of a scan the header only.
    content: &'a [u8],
}

/// Cuts a file into its segments, from the start to the end mark. `None` if it does not begin as a JPEG or ends too early.
fn pieces(bytes: &[u8]) -> Option<Vec<Piece<'_>>> {
    if !bytes.starts_with(&[0xff, START]) {
        return None;
    }
    let mut pieces = vec![Piece { marker: START, whole: &bytes[..2], content: &[] }];
    let mut at = 2;
    loop {
        let begin = at;
        if *bytes.get(at)? != 0xff {
            return None;
        }
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = bytes[at];
        at += 1;
        if marker == END {
            pieces.push(Piece { marker, whole: &bytes[begin..at], content: &[] });
            return Some(pieces);
        }
        // A second start, a byte that only looks like a marker, restarts and the like do not stand here.
        if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let content = bytes.get(at + 2..at.checked_add(length)?)?;
        at += length;
        if marker == SCAN {
            // Compressed bytes follow, up to a marker that is none of theirs.
            loop {
                let next = at + bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
                match *bytes.get(next + 1)? {
                    0x00 | 0xd0..=0xd7 => at = next + 2,
                    0xff => at = next + 1,
                    _ => {
                        at = next;
                        break;
                    }
                }
            }
        }
        pieces.push(Piece { marker, whole: &bytes[begin..at], content });
    }
}

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Whether a segment belongs to the picture itself: all but applications' notes; of those the header, colours and how colours are stored.
fn is_needed(piece: &Piece<'_>) -> bool {
    match piece.marker {
        APP0 => piece.content.starts_with(b"JFIF\0"),
        APP2 => piece.content.starts_with(ICC_PROFILE),
        APP14 => piece.content.starts_with(b"Adobe"),
        APP1..=APP15 | COMMENT => false,
        // Tables, frames and scans.
        _ => true,
    }
}

/// The file with its own notes dropped and these in their place.
fn rewritten(bytes: &[u8], notes: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let pieces = pieces(bytes)?;
    // The notes stand behind the header, where every reader looks for them.
    let header = 1 + usize::from(pieces.get(1).is_some_and(|piece| piece.marker == APP0 && is_needed(piece)));
    for (number, piece) in pieces.iter().enumerate() {
        if number == header
            && let Some(notes) = notes
        {
            let length = u16::try_from(notes.len() + 2).ok()?;
            out.extend_from_slice(&[0xff, APP1]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(notes);
        }
        if is_needed(piece) {
            out.extend_from_slice(piece.whole);
        }
    }
    Some(out)
}

/// What the camera noted, with its mark `Exif`.
fn exif(bytes: &[u8]) -> Option<Vec<u8>> {
    let found = pieces(bytes)?.into_iter().find(|piece| piece.marker == APP1 && piece.content.starts_with(EXIF))?;
    Some(found.content.to_vec())
}

/// The same notes, saying that the picture stands upright.
fn upright(mut notes: Vec<u8>) -> Vec<u8> {
    let found = notes.get(EXIF.len()..).and_then(tiff_orientation);
    if let Some((_, place)) = found {
        let is_little = notes[EXIF.len()] == b'I';
        let one = if is_little { 1_u16.to_le_bytes() } else { 1_u16.to_be_bytes() };
        let place = EXIF.len() + place;
        notes[place..place + 2].copy_from_slice(&one);
    }
    notes
}

/// The orientation in the first directory of a TIFF structure, 1 to 8, and where its two bytes stand.
fn tiff_orientation(tiff: &[u8]) -> Option<(u16, usize)> {
    let is_little = match tiff.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let short = |at: usize| {
        let two: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let four: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let directory = usize::try_from(if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }).ok()?;
    let entries = usize::from(short(directory)?);
    // Tag, type 3 (a number of two bytes), count, value.
    let entry = (0..entries).map(|number| directory + 2 + number * 12).find(|entry| short(*entry) == Some(ORIENTATION))?;
    (short(entry + 2)? == 3).then_some(())?;
    let value = short(entry + 8)?;
    (1..=8).contains(&value).then_some((value, entry + 8))
}

/// Notes that say how the picture is to be turned, and nothing else; none for one that stands upright.
fn minimal_exif(orientation: u16) -> Option<Vec<u8>> {
    (orientation != 1).then(|| {
        let mut notes = EXIF.to_vec();
        notes.extend_from_slice(b"MM\0\x2a\0\0\0\x08\0\x01");
        notes.extend_from_slice(&ORIENTATION.to_be_bytes());
        notes.extend_from_slice(b"\0\x03\0\0\0\x01");
        notes.extend_from_slice(&orientation.to_be_bytes());
        notes.extend_from_slice(b"\0\0\0\0\0\0");
        notes
    })
}
