//! Pictures and papers of the demo company, drawn for it: real files of usual sizes, and nobody's but ours.

use std::io::Cursor;

use anyhow::Result;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage};

use super::draws::Draws;

/// A rectangle of one colour; what lies outside the picture is left out.
fn fill(picture: &mut RgbImage, (left, top): (u32, u32), (width, height): (u32, u32), colour: Rgb<u8>) {
    let (right, bottom) = ((left + width).min(picture.width()), (top + height).min(picture.height()));
    for y in top.min(bottom)..bottom {
        for x in left.min(right)..right {
            picture.put_pixel(x, y, colour);
        }
    }
}

fn colour(draws: &mut Draws, darkest: i64) -> Rgb<u8> {
    Rgb([(); 3].map(|()| u8::try_from(draws.between(darkest, 235)).unwrap_or(0)))
}

/// A shelf as a camera would see it: light that falls off, grain, and packs of these colours.
fn room(width: u32, height: u32, grain: i64, draws: &mut Draws) -> RgbImage {
    let mut picture = RgbImage::new(width, height);
    // The grain is one strip, laid anew in each row from another place: enough for the eye and for a compressor.
    let strip: Vec<i64> = (0..8_191).map(|_| draws.between(-grain, grain)).collect();
    for y in 0..height {
        let shift = draws.index(strip.len());
        for x in 0..width {
            let light = 232 - i64::from(y) * 60 / i64::from(height) - (i64::from(x) - i64::from(width) / 2).abs() * 30 / i64::from(width);
            let noise = strip.get((shift + usize::try_from(x).unwrap_or(0)) % strip.len()).copied().unwrap_or(0);
            let value = u8::try_from((light + noise).clamp(0, 255)).unwrap_or(0);
            picture.put_pixel(x, y, Rgb([value, value, value.saturating_sub(8)]));
        }
    }
    picture
}

/// A pack before a light wall, as a JPEG.
///
/// # Errors
///
/// When it cannot be encoded.
pub(super) fn product(draws: &mut Draws, (width, height): (u32, u32), grain: i64, quality: u8) -> Result<Vec<u8>> {
    let mut picture = room(width, height, grain, draws);
    let (pack_width, pack_height) = (width * 2 / 5, height * 3 / 4);
    let (left, top) = ((width - pack_width) / 2, height / 6);
    let (body, band, cap) = (colour(draws, 30), colour(draws, 120), colour(draws, 10));
    fill(&mut picture, (left, top), (pack_width, pack_height), body);
    fill(&mut picture, (left + pack_width / 3, top - height / 12), (pack_width / 3, height / 12), cap);
    fill(&mut picture, (left, top + pack_height / 4), (pack_width, pack_height / 3), band);
    // What looks like a bar code.
    let (mut x, y) = (left + pack_width / 4, top + pack_height * 3 / 4);
    fill(&mut picture, (x, y), (pack_width / 2, pack_height / 6), Rgb([250; 3]));
    while x < left + pack_width * 3 / 4 {
        let bar = u32::try_from(draws.between(1, 4)).unwrap_or(1) * width / 400;
        fill(&mut picture, (x, y), (bar, pack_height / 6), Rgb([15; 3]));
        x += 2 * bar.max(1);
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&picture)?;
    Ok(jpeg)
}

/// Shelves with packs side by side, as a PNG.
///
/// # Errors
///
/// When it cannot be encoded.
pub(super) fn planogram(draws: &mut Draws, shelves: u32) -> Result<Vec<u8>> {
    let (width, row) = (1_200, 220);
    let mut picture = RgbImage::from_pixel(width, shelves * row, Rgb([246, 246, 240]));
    for shelf in 0..shelves {
        let floor = (shelf + 1) * row - 18;
        fill(&mut picture, (0, floor), (width, 10), Rgb([120, 120, 128]));
        let mut x = 16;
        while x + 60 < width {
            let (pack, facings) = (colour(draws, 40), u32::try_from(draws.between(2, 6)).unwrap_or(2));
            let pack_width = u32::try_from(draws.between(34, 70)).unwrap_or(40);
            let pack_height = u32::try_from(draws.between(90, 180)).unwrap_or(120);
            for _ in 0..facings {
                if x + pack_width + 8 > width {
                    break;
                }
                fill(&mut picture, (x, floor - pack_height), (pack_width, pack_height), pack);
                fill(&mut picture, (x + 6, floor - pack_height * 2 / 3), (pack_width - 12, pack_height / 4), Rgb([250; 3]));
                x += pack_width + 4;
            }
            x += 14;
        }
    }
    let mut png = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    Ok(png)
}

/// Lines of a page.
const PAGE_LINES: usize = 56;

/// A PDF with these lines, in Latin letters and digits: the fonts that every reader has know no others.
#[must_use]
pub(super) fn paper(title: &str, lines: &[String]) -> Vec<u8> {
    let pages: Vec<&[String]> = if lines.is_empty() { vec![&[]] } else { lines.chunks(PAGE_LINES).collect() };
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Count {} /Kids [{}] >>",
            pages.len(),
            (0..pages.len()).map(|n| format!("{} 0 R", 4 + 2 * n)).collect::<Vec<_>>().join(" ")
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>".to_owned(),
    ];
    for (n, page) in pages.iter().enumerate() {
        let mut content = format!("BT /F1 13 Tf 50 800 Td ({}) Tj ET\nBT /F1 9 Tf 50 778 Td 13 TL\n", escaped(title));
        for line in *page {
            content.push_str(&format!("({}) Tj T*\n", escaped(line)));
        }
        content.push_str(&format!("ET\nBT /F1 8 Tf 500 30 Td ({} / {}) Tj ET", n + 1, pages.len()));
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + 2 * n
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::with_capacity(objects.len());
    for (n, object) in (1..).zip(&objects) {
        places.push(pdf.len());
        pdf.extend_from_slice(format!("{n} 0 obj\n{object}\nendobj\n").as_bytes());
    }
    let table_at = pdf.len();
    pdf.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        pdf.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    pdf.extend_from_slice(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table_at}\n%%EOF\n", objects.len() + 1).as_bytes());
    pdf
}

/// A line as a PDF writes it; what it has no letter for becomes a question mark.
fn escaped(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            '(' | ')' | '\\' => format!("\\{c}"),
            ' '..='~' => c.to_string(),
            _ => "?".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use polevik_protocol::file::FileClass;

    use super::*;
    use crate::file::sniff::{Kind, sniff};

    #[test]
    fn what_is_drawn_passes_for_what_it_is_and_the_same_seed_draws_the_same() {
        let draws = || Draws::new(1, "picture", 7);
        let lines: Vec<String> = (0..200).map(|n| format!("A-{n} (box)  119.00")).collect();
        for (made, again, kind, size) in [
            (
                product(&mut draws(), (640, 480), 6, 80).unwrap(),
                product(&mut draws(), (640, 480), 6, 80).unwrap(),
                Kind::Jpeg,
                Some((640, 480)),
            ),
            (planogram(&mut draws(), 5).unwrap(), planogram(&mut draws(), 5).unwrap(), Kind::Png, Some((1_200, 1_100))),
            (paper("Price list", &lines), paper("Price list", &lines), Kind::Pdf, None),
        ] {
            assert_eq!(made, again);
            let seen = sniff(Cursor::new(&made), made.len() as u64, FileClass::Material).unwrap();
            assert_eq!((seen.kind, seen.size), (kind, size));
        }
    }

    #[test]
    fn the_table_of_a_paper_says_where_its_objects_are() {
        let pdf = String::from_utf8(paper("T", &[])).unwrap();
        let table_at: usize = pdf.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert!(pdf[table_at..].starts_with("xref\n0 6\n"));
        for (n, line) in (1..).zip(pdf[table_at..].lines().skip(3).take(5)) {
            let place: usize = line[..10].parse().unwrap();
            assert!(pdf[place..].starts_with(&format!("{n} 0 obj")));
        }
    }
}
