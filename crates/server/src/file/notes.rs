//! What a camera or a program noted in a JPEG besides the picture: where it was taken, by whom, a small picture of it before it was cut.
//! Pictures that the office gives to everybody go without it.

/// The JPEG without its notes; its pixels, colours and the way it is turned stay. What is no JPEG stays as it is.
#[must_use]
pub fn without_notes(jpeg: Vec<u8>) -> Vec<u8> {
    let Some(kept) = strip(&jpeg) else { return jpeg };
    kept
}

const APP1: u8 = 0xe1;
const COMMENT: u8 = 0xfe;
const START_OF_SCAN: u8 = 0xda;

fn strip(jpeg: &[u8]) -> Option<Vec<u8>> {
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
    let mut kept = vec![0xff, 0xd8];
    let mut turned = None;
    let mut segments = Vec::new();
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        if marker == START_OF_SCAN {
            break;
        }
        let length = usize::from(u16::from_be_bytes([high, low])) + 2;
        let segment = rest.get(..length)?;
        rest = rest.get(length..)?;
        match marker {
            APP1 => turned = turned.or_else(|| orientation(segment.get(4..)?)),
            // Beside the header of JFIF (0), the colour profile (2) and Adobe's word on colours (14), all of these are notes.
            0xe3..=0xed | 0xef | COMMENT => {}
            _ => segments.push(segment),
        }
    }
    if let Some(turned) = turned.filter(|turned| *turned != 1) {
        // Behind the header of JFIF, where there is one.
        let at = usize::from(segments.first().is_some_and(|first| first.get(1) == Some(&0xe0)));
        let note = note_of(turned);
        for (n, segment) in segments.iter().enumerate() {
            if n == at {
                kept.extend_from_slice(&note);
            }
            kept.extend_from_slice(segment);
        }
        if at >= segments.len() {
            kept.extend_from_slice(&note);
        }
    } else {
        segments.iter().for_each(|segment| kept.extend_from_slice(segment));
    }
    kept.extend_from_slice(rest);
    Some(kept)
}

/// How the picture is turned, 1 to 8, as EXIF says in its first directory.
fn orientation(note: &[u8]) -> Option<u8> {
    let tiff = note.strip_prefix(b"Exif\0\0")?;
    let is_little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let two = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let four = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }).ok()
    };
    let directory = four(4)?;
    (0..usize::from(two(directory)?)).find_map(|n| {
        let entry = directory.checked_add(2 + n * 12)?;
        let turned = if two(entry)? == 0x0112 { two(entry.checked_add(8)?)? } else { return None };
        u8::try_from(turned).ok().filter(|turned| (1..=8).contains(turned))
    })
}

/// A note that says nothing but how the picture is turned.
fn note_of(turned: u8) -> Vec<u8> {
    let mut note = vec![0xff, APP1, 0, 34];
    note.extend_from_slice(b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01");
    note.extend_from_slice(&[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turned, 0, 0, 0, 0, 0, 0]);
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker][..], &length, content].concat()
    }

    /// What a phone notes: which way up, and where.
    fn exif(turned: u8) -> Vec<u8> {
        let mut content = b"Exif\0\0II\x2a\0\x08\0\0\0\x02\0".to_vec();
        content.extend_from_slice(&[0x12, 0x01, 3, 0, 1, 0, 0, 0, turned, 0, 0, 0]);
        content.extend_from_slice(&[0x25, 0x88, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0]);
        content.extend_from_slice(b"\0\0\0\0 55.7558 N 37.6173 E");
        segment(APP1, &content)
    }

    #[test]
    fn where_a_picture_was_taken_goes_and_which_way_up_it_is_stays() {
        let jfif = segment(0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
        let colours = segment(0xe2, b"ICC_PROFILE\0\x01\x01profile");
        let frame = segment(0xc0, &[8, 0, 9, 0, 9, 1, 1, 0x11, 0]);
        let scan = [segment(START_OF_SCAN, &[1, 1, 0, 0, 63, 0]), vec![1, 2, 3, 0xff, 0xd9]].concat();
        let notes =
            [segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), segment(0xed, b"Photoshop"), segment(COMMENT, b"by Ivan")].concat();
        for turned in [1, 6] {
            let jpeg = [&[0xff, 0xd8][..], &jfif, &exif(turned), &notes, &colours, &frame, &scan].concat();
            let stripped = without_notes(jpeg);
            let kept_note = if turned == 1 { Vec::new() } else { note_of(turned) };
            assert_eq!(stripped, [&[0xff, 0xd8][..], &jfif, &kept_note, &colours, &frame, &scan].concat());
            assert_eq!(without_notes(stripped.clone()), stripped, "twice is as once");
        }
        assert_eq!(orientation(note_of(6).get(4..).unwrap()), Some(6));
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xe1\xff", b"\x89PNG\r\n\x1a\n"] {
            assert_eq!(without_notes(bytes.to_vec()), bytes);
        }
        // A directory that leads out of the note.
        let wild = segment(APP1, b"Exif\0\0II\x2a\0\xff\xff\xff\xff\xff\xff");
        assert_eq!(orientation(&wild[4..]), None);
    }
}
