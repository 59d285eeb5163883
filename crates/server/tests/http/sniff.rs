//! What files are by their content, and what is not taken for one.

use std::io::Cursor;

use polevik_protocol::file::FileClass;
use polevik_server::file::sniff::{Kind, Seen, fits, sniff};

use crate::pictures::{boxed, heic, jpeg, mp4, pdf, png, webp, zip};

fn seen(bytes: &[u8], class: FileClass) -> Result<Seen, String> {
    sniff(Cursor::new(bytes), bytes.len() as u64, class).map_err(|error| error.to_string())
}

fn photo(bytes: &[u8]) -> Result<Seen, String> {
    seen(bytes, FileClass::Photo)
}

#[test]
fn pictures_tell_their_type_and_size() {
    for (bytes, kind) in [
        (jpeg(1600, 1200, 20_000, 1), Kind::Jpeg),
        (png(1600, 1200), Kind::Png),
        (webp(1600, 1200), Kind::Webp),
        (heic(1600, 1200), Kind::Heic),
    ] {
        assert_eq!(photo(&bytes), Ok(Seen { kind, size: Some((1600, 1200)) }));
    }
    let document = Seen { kind: Kind::Pdf, size: None };
    assert_eq!(seen(&pdf(""), FileClass::Scan), Ok(document));
    assert_eq!(seen(&pdf(""), FileClass::Material), Ok(document));
    assert_eq!(seen(&mp4(), FileClass::Material), Ok(Seen { kind: Kind::Mp4, size: None }));
}

#[test]
fn each_class_has_its_types() {
    for (bytes, refused) in
        [(pdf(""), FileClass::Photo), (mp4(), FileClass::Photo), (mp4(), FileClass::Scan), (heic(9, 9), FileClass::Material)]
    {
        assert_eq!(seen(&bytes, refused), Err("files of this class are of other types".to_owned()));
    }
}

#[test]
fn what_is_no_picture_is_refused_whatever_it_is_called() {
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#.to_vec();
    let html = b"<!doctype html><script>alert(1)</script>".to_vec();
    let gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff;".to_vec();
    let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    for bytes in [svg, html, gif, program, zip(0), vec![0; 100], b"short".to_vec(), Vec::new()] {
        assert!(photo(&bytes).is_err(), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_file_is_one_thing_from_its_first_byte_to_its_last() {
    let behind = |mut bytes: Vec<u8>, more: &[u8]| {
        bytes.extend_from_slice(more);
        bytes
    };
    for more in [zip(0), zip(300), b"<script>".to_vec(), vec![0], jpeg(8, 8, 100, 1)] {
        for bytes in [jpeg(8, 8, 400, 1), png(8, 8), webp(8, 8), heic(8, 8)] {
            assert!(photo(&behind(bytes, &more)).is_err());
        }
        assert!(seen(&behind(pdf(""), &more), FileClass::Scan).is_err());
    }
    // An archive inside a comment that ends where the file does.
    let mut bytes = jpeg(8, 8, 400, 1);
    let archive = zip(bytes.len() - 2);
    let comment = [vec![0xff, 0xfe], u16::try_from(archive.len() - bytes.len() + 2 + 2).unwrap().to_be_bytes().to_vec()].concat();
    let tail = bytes.split_off(2);
    let hidden = [bytes, comment, archive[..22].to_vec(), tail].concat();
    assert_eq!(photo(&hidden), Err("it is an archive, too".to_owned()));
}

#[test]
fn a_cut_off_file_is_refused_wherever_it_was_cut() {
    for bytes in [jpeg(8, 8, 300, 1), png(8, 8), webp(8, 8), heic(8, 8)] {
        for end in 0..bytes.len() {
            assert!(photo(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
        }
    }
    let bytes = pdf("");
    for end in 0..bytes.len() - 1 {
        assert!(seen(&bytes[..end], FileClass::Scan).is_err(), "{end}");
    }
}

#[test]
fn too_many_pixels_are_seen_without_decoding_any() {
    for (width, height, taken) in
        [(6_000, 4_000, true), (6_001, 4_000, false), (12_000, 2_000, true), (12_001, 1, false), (50_000, 50_000, false), (0, 5, false)]
    {
        assert_eq!(photo(&png(width, height)).is_ok(), taken, "{width}×{height}");
        assert_eq!(photo(&heic(width, height)).is_ok(), taken || width == 0, "{width}×{height}");
        if let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) {
            assert_eq!(photo(&jpeg(width, height, 200, 1)).is_ok(), taken, "{width}×{height}");
        }
    }
}

#[test]
fn animations_and_huge_notes_are_refused() {
    let chunk = |name: &[u8; 4], content: &[u8]| {
        [u32::try_from(content.len()).unwrap().to_be_bytes().to_vec(), name.to_vec(), content.to_vec(), vec![0; 4]].concat()
    };
    let with = |chunk: &[u8]| {
        let plain = png(8, 8);
        [&plain[..33], chunk, &plain[33..]].concat()
    };
    assert!(photo(&with(&chunk(b"tEXt", &[b'x'; 1_000]))).is_ok());
    assert_eq!(photo(&with(&chunk(b"acTL", &[0; 8]))), Err("an animated PNG".to_owned()));
    assert_eq!(photo(&with(&chunk(b"iCCP", &vec![0; 1024 * 1024 + 1]))), Err("a PNG with too many notes".to_owned()));
    let mut notes = vec![0xff, 0xd8];
    for _ in 0..20 {
        notes.extend([0xff, 0xe1, 0xff, 0xff]);
        notes.extend(vec![0; 0xfffd]);
    }
    notes.extend(&jpeg(8, 8, 200, 1)[2..]);
    assert_eq!(photo(&notes), Err("a JPEG with too many notes".to_owned()));
    let film = [heic(8, 8), boxed(b"moov", &[0; 8])].concat();
    assert_eq!(photo(&film), Err("a HEIC with a film in it".to_owned()));
}

#[test]
fn a_pdf_with_a_program_is_refused_however_its_name_is_written() {
    for content in
        ["/OpenAction << /S /JavaScript /JS (app.alert(1)) >>", "/S /J#61vaScript", "/S /Launch", "/EmbeddedFiles 4 0 R", "/RichMedia"]
    {
        assert_eq!(seen(&pdf(content), FileClass::Scan), Err("a PDF with a program in it".to_owned()), "{content}");
    }
    // Across the edge of what is looked at together.
    for before in 65_400..65_560 {
        let content = format!("{}/JavaScript", " ".repeat(before));
        assert!(seen(&pdf(&content), FileClass::Scan).is_err(), "{before}");
    }
    assert!(seen(&pdf("/Title (Java) /JSless 1"), FileClass::Scan).is_ok());
}

#[test]
fn what_was_said_must_agree_with_what_was_seen() {
    for (said, name, agrees) in [
        (None, None, true),
        (Some("image/jpeg"), Some("shelf.JPG"), true),
        (Some("image/jpg; q=1"), Some("полка"), true),
        (Some("application/octet-stream"), Some("a.b.jpeg"), true),
        (Some("image/png"), None, false),
        (Some("text/html"), None, false),
        (None, Some("shelf.jpg.exe"), false),
        (None, Some("shelf.png"), false),
        (None, Some("shelf.html"), false),
    ] {
        assert_eq!(fits(Kind::Jpeg, said, name), agrees, "{said:?} {name:?}");
    }
}
