//! Drawn packs of the demo company's products: what its recognition library knows them by.
//!
//! A pack follows from its product and its design: colours, a band with marks like letters, stripes or rounds. A view adds what a camera adds:
//! light, a shift, a slight turn, and grain.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError, Rgb, RgbImage};

use super::draws::Draws;

/// Width of a picture in pixels.
const WIDTH: u32 = 560;

/// Height of a picture in pixels.
const HEIGHT: u32 = 700;

/// Quality of the JPEGs.
const QUALITY: u8 = 80;

/// Marks of a band that look like letters.
const MARKS: usize = 9;

/// How one pack looks.
#[derive(Debug, Clone)]
pub struct Pack {
    body: [i32; 3],
    accent: [i32; 3],
    band: [i32; 3],
    /// Share of the height at which the band begins and ends, in hundredths.
    band_from: i32,
    band_to: i32,
    /// Stripes of this width, or rounds of this size.
    figure: i32,
    is_round: bool,
    slope: i32,
    marks: [i32; MARKS],
}

impl Pack {
    /// The pack of a product; another `design` is another pack of the same product.
    #[must_use]
    pub fn of(product: i64, design: u64) -> Self {
        let mut draws = Draws::new(design, "pack", product.unsigned_abs());
        let mut number = |from: i32, to: i32| i32::try_from(draws.between(i64::from(from), i64::from(to))).unwrap_or(from);
        let band_from = number(15, 55);
        Self {
            body: [number(20, 235), number(20, 235), number(20, 235)],
            accent: [number(0, 255), number(0, 255), number(0, 255)],
            band: [number(150, 255), number(150, 255), number(150, 255)],
            band_from,
            band_to: band_from + number(12, 30),
            figure: number(18, 60),
            is_round: number(0, 1) == 1,
            slope: number(-3, 3),
            marks: std::array::from_fn(|_| number(0, 255)),
        }
    }

    /// A photograph of the pack: `view` 0 is straight on, others in other lights and from a little aside.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JPEG.
    pub fn photograph(&self, view: u32) -> Result<Vec<u8>, ImageError> {
        let turn = i32::try_from(view % 5).unwrap_or(0);
        let (light, shift) = (100 - 7 * turn, 6 * turn);
        let mut grain = 0x9e37_79b9_u32.wrapping_mul(view.wrapping_add(1));
        let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
            grain ^= grain << 13;
            grain ^= grain >> 17;
            grain ^= grain << 5;
            let at = |place: u32| i32::try_from(place).unwrap_or(0);
            let colour = self.colour(at(x) + shift + at(y) * turn / 90, at(y) + shift / 2);
            let noise = i32::from(grain.to_le_bytes()[1] % 13) - 6;
            // Light falls off to one side.
            let light = light - at(x) * turn / 60;
            Rgb(colour.map(|value| u8::try_from((value * light / 100 + noise).clamp(0, 255)).unwrap_or(u8::MAX)))
        });
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode(picture.as_raw(), WIDTH, HEIGHT, ExtendedColorType::Rgb8)?;
        Ok(jpeg)
    }

    fn colour(&self, x: i32, y: i32) -> [i32; 3] {
        const SHELF: [i32; 3] = [205, 200, 190];
        if !(60..500).contains(&x) || !(40..670).contains(&y) {
            return SHELF;
        }
        let height = (y - 40) * 100 / 630;
        if (self.band_from..self.band_to).contains(&height) {
            return if self.is_mark(x - 60, height - self.band_from) { self.accent } else { self.band };
        }
        let is_figure = if self.is_round {
            let (across, down) = (x % (3 * self.figure) - 3 * self.figure / 2, y % (3 * self.figure) - 3 * self.figure / 2);
            across * across + down * down < self.figure * self.figure
        } else {
            (x + y * self.slope / 2).rem_euclid(2 * self.figure) < self.figure
        };
        if is_figure { self.accent } else { self.body }
    }

    /// Whether a place of the band is part of something like a letter: eight bits say which of its strokes there are.
    fn is_mark(&self, x: i32, height: i32) -> bool {
        let (place, within) = (x / 48, x % 48);
        let Some(strokes) = usize::try_from(place).ok().and_then(|place| self.marks.get(place)) else { return false };
        let middle = (self.band_to - self.band_from) / 2;
        let stroke = match (within, (height - middle).signum()) {
            (4..=10, below) => 1 << (below + 1),
            (34..=40, below) => 8 << (below + 1),
            (11..=33, 0) => 64,
            (11..=33, _) if (height - middle).abs() >= middle - 2 => 128,
            _ => 0,
        };
        strokes & stroke != 0
    }
}

#[cfg(test)]
mod tests {
    use polevik_recognition_library::builder::{SkuSource, Source, build};
    use polevik_recognition_library::{Index, Picture};

    use super::*;

    #[test]
    fn a_pack_seen_from_aside_is_told_from_all_others() {
        let sku = |product: i64| SkuSource {
            product,
            code: product.to_string(),
            name: String::new(),
            category: 0,
            pictures: vec![Pack::of(product, 1).photograph(0).unwrap(), Pack::of(product, 1).photograph(2).unwrap()],
        };
        let built = build(&Source { categories: vec!["all".to_owned()], skus: (1..=12).map(sku).collect() }).unwrap();
        let lengths: Vec<u64> = built.files.iter().map(|file| file.content.len() as u64).collect();
        let index = Index::read(&built.files[0].content, &lengths).unwrap();
        for product in 1..=12 {
            let photo = Picture::from_jpeg(&Pack::of(product, 1).photograph(1).unwrap()).unwrap();
            assert_eq!(index.recognise(&photo, 1)[0].sku.product, product);
        }
    }

    #[test]
    fn the_same_pack_is_the_same_picture_and_another_design_is_another() {
        let pack = Pack::of(7, 1).photograph(1).unwrap();
        assert_eq!(pack, Pack::of(7, 1).photograph(1).unwrap());
        assert_ne!(pack, Pack::of(7, 2).photograph(1).unwrap());
        let lengths: Vec<usize> = (1..20).map(|product| Pack::of(product, 1).photograph(0).unwrap().len()).collect();
        let mean = lengths.iter().sum::<usize>() / lengths.len();
        assert!((70_000..85_000).contains(&mean), "libraries have the size they are said to have: {lengths:?}");
    }
}
