//! What stays in a JPEG and what goes: by the segments of the format, on files made here and on golden ones.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_device::pictures::jpeg::{finish, orientation, size, without_notes};
use polevik_device::pictures::{PictureError, Pictures, Undecoded};
use polevik_domain::photo::PicturePolicy;
use proptest::prelude::*;

#[path = "device/pictures.rs"]
mod pictures;
use pictures::jpeg;

const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;
const APP14: u8 = 0xee;
const COMMENT: u8 = 0xfe;

/// The notes of a camera with this orientation, in either order of bytes, with a second tag before it.
fn exif(orientation: u16, is_little: bool) -> Vec<u8> {
    let short = |number: u16| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
    let long = |number: u32| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
    let mut notes = b"Exif\0\0".to_vec();
    notes.extend_from_slice(if is_little { b"II" } else { b"MM" });
    notes.extend_from_slice(&short(42));
    notes.extend_from_slice(&long(8));
    notes.extend_from_slice(&short(2));
    for (tag, value) in [(0x0100_u16, 9_u16), (0x0112, orientation)] {
        notes.extend_from_slice(&short(tag));
        notes.extend_from_slice(&short(3));
        notes.extend_from_slice(&long(1));
        notes.extend_from_slice(&short(value));
        notes.extend_from_slice(&[0, 0]);
    }
    notes.extend_from_slice(&long(0));
    notes.extend_from_slice(b"GPS 55.75 37.61");
    notes
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn the_size_stands_in_the_frame() {
    assert_eq!(size(&jpeg(1_600, 1_200, 1, &[])), Some((1_600, 1_200)));
    assert_eq!(size(&jpeg(3, 65_535, 0xffff_ffff, &[(APP1, &exif(6, true))])), Some((3, 65_535)), "as it is stored, not as it is turned");
    assert_eq!(size(&jpeg(0, 10, 1, &[])), None);
    for none in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n", &jpeg(10, 10, 1, &[])[1..]] {
        assert_eq!(size(none), None);
    }
}

#[test]
fn what_the_camera_noted_goes_and_the_picture_stays() {
    let notes = exif(1, true);
    let tail = b"a film that hangs on behind the picture";
    let mut bytes = jpeg(
        1_600,
        1_200,
        7,
        &[
            (APP1, &notes),
            (APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
            (APP2, b"MPF\0small pictures"),
            (APP2, b"ICC_PROFILE\0\x01\x01colours"),
            (APP13, b"Photoshop 3.0\0who"),
            (APP14, b"Adobe\0\x64\0\0\0\0\x01"),
            (COMMENT, b"by Anna"),
        ],
    );
    bytes.extend_from_slice(tail);
    let bare = without_notes(&bytes).unwrap();
    for gone in [&b"GPS"[..], b"Exif", b"ns.adobe.com", b"MPF", b"Photoshop", b"by Anna", tail] {
        assert!(!contains(&bare, gone), "{}", String::from_utf8_lossy(gone));
    }
    let wanted = jpeg(1_600, 1_200, 7, &[(APP2, b"ICC_PROFILE\0\x01\x01colours"), (APP14, b"Adobe\0\x64\0\0\0\0\x01")]);
    assert_eq!(bare, wanted, "colours and the picture are byte for byte as they were");
    assert_eq!(without_notes(&bare).unwrap(), bare, "a second time changes nothing");
}

#[test]
fn how_it_is_to_be_turned_stays_when_the_notes_go() {
    for is_little in [true, false] {
        for turned in 1..=8 {
            let bytes = jpeg(100, 50, 1, &[(APP1, &exif(turned, is_little))]);
            assert_eq!(orientation(&bytes), turned);
            let bare = without_notes(&bytes).unwrap();
            assert_eq!(orientation(&bare), turned);
            assert!(!contains(&bare, b"GPS"));
            assert_eq!(without_notes(&bare).unwrap(), bare);
        }
        for strange in [0, 9, 0xffff] {
            assert_eq!(orientation(&jpeg(100, 50, 1, &[(APP1, &exif(strange, is_little))])), 1);
        }
    }
    assert_eq!(orientation(&jpeg(100, 50, 1, &[])), 1);
}

#[test]
fn a_picture_that_was_turned_upright_says_so_and_keeps_its_notes_if_the_policy_does() {
    let original = jpeg(4_000, 3_000, 1, &[(APP1, &exif(6, true)), (COMMENT, b"by Anna")]);
    let written = jpeg(1_200, 1_600, 2, &[(COMMENT, b"by an encoder")]);
    let kept = finish(&written, &original, true).unwrap();
    assert!(contains(&kept, b"GPS") && !contains(&kept, b"by Anna") && !contains(&kept, b"by an encoder"));
    assert_eq!((orientation(&kept), size(&kept)), (1, Some((1_200, 1_600))), "it would be turned a second time otherwise");
    let bare = finish(&written, &original, false).unwrap();
    assert_eq!(bare, jpeg(1_200, 1_600, 2, &[]));
    let from_png = finish(&written, b"\x89PNG\r\n", true).unwrap();
    assert_eq!(from_png, bare, "what has no notes leaves none");
    assert_eq!(finish(b"no picture", &original, true), None);
}

#[test]
fn every_cut_of_a_file_is_refused() {
    let bytes = jpeg(100, 50, 0xff00_ff00, &[(APP1, &exif(6, false))]);
    for cut in 0..bytes.len() {
        assert_eq!((size(&bytes[..cut]), without_notes(&bytes[..cut])), (None, None), "{cut}");
    }
}

/// Golden files are a small picture with notes as a camera makes them, and what is left of it, made by another program. They are never edited.
#[test]
fn golden_files_come_out_as_they_always_did() {
    let original = include_bytes!("golden/camera.jpg");
    assert_eq!((size(original), orientation(original)), (Some((24, 16)), 6));
    assert!(contains(original, b"PolePhone"));
    let bare = without_notes(original).unwrap();
    assert_eq!(bare, include_bytes!("golden/camera_without_notes.jpg"));
    let upright = finish(&bare, original, true).unwrap();
    assert_eq!(upright, include_bytes!("golden/camera_upright_with_notes.jpg"));
}

#[test]
fn who_cannot_decode_takes_only_what_is_small_enough_already() {
    let shrink = |picture| futures::executor::block_on(Undecoded.shrink(picture, PicturePolicy::default()));
    let shrunk = shrink(jpeg(1_600, 1_200, 1, &[(COMMENT, b"by Anna")])).unwrap();
    assert_eq!((shrunk.width, shrunk.height, shrunk.bytes), (1_600, 1_200, jpeg(1_600, 1_200, 1, &[])));
    assert!(matches!(shrink(jpeg(1_601, 1_200, 1, &[])), Err(PictureError::TooLarge(_))));
    assert!(matches!(shrink(b"GIF89a".to_vec()), Err(PictureError::Unreadable(_))));
}

proptest! {
    /// Whatever bytes come, nothing panics, and what is made of them is a JPEG of the same size without notes.
    #[test]
    fn any_bytes_are_read_or_refused(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        flips in prop::collection::vec((0..2_200_usize, any::<u8>()), 0..6),
        begins_well in any::<bool>(),
    ) {
        let mut bytes = if begins_well { jpeg(100, 50, 5, &[(APP1, &exif(6, true)), (COMMENT, &noise)]) } else { noise };
        for (at, byte) in flips {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Some(bare) = without_notes(&bytes) {
            prop_assert_eq!(size(&bare), size(&bytes));
            prop_assert_eq!(without_notes(&bare), Some(bare.clone()));
            prop_assert_eq!(orientation(&bare), orientation(&bytes));
        }
        if let Some(kept) = finish(&bytes, &bytes, true) {
            prop_assert_eq!(size(&kept), size(&bytes));
        }
    }
}
