//! What a pack looks like, in 320 bytes: on a grid of 4 × 4 cells, which way its edges run and which colours it has.
//!
//! Integers throughout, so that a browser, a phone and the office compute the same vector from the same pixels. It tells drawn packs and
//! their photographs apart well enough to be useful and is small enough to be honest: no model, no training.

use crate::picture::Picture;

/// Number of this way of describing. Vectors of another number cannot be compared.
pub const DESCRIPTOR_VERSION: u8 = 1;

/// Cells along a side.
const GRID: usize = 4;

/// Pixels of a cell along a side, after the picture was scaled.
const CELL: usize = 16;

/// The picture is scaled to a square of so many pixels along a side.
const SIDE: usize = GRID * CELL;

/// Directions that edges are sorted into.
const DIRECTIONS: usize = 8;

/// Hues that colourful pixels are sorted into.
const HUES: usize = 8;

/// Shades that grey pixels are sorted into.
const SHADES: usize = 4;

/// Bytes of a cell.
const CELL_BYTES: usize = DIRECTIONS + HUES + SHADES;

/// Bytes of a vector.
pub const DESCRIPTOR_BYTES: usize = GRID * GRID * CELL_BYTES;

/// Edges of a cell weaker than this in all are left as they are, so that noise on a plain surface does not look like a pattern.
const LEAST_EDGES: u32 = 4_000;

/// The look of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor([u8; DESCRIPTOR_BYTES]);

impl Descriptor {
    /// What this picture looks like.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        let small = scaled(picture);
        let mut vector = [0; DESCRIPTOR_BYTES];
        for (cell, bytes) in vector.chunks_exact_mut(CELL_BYTES).enumerate() {
            let (left, top) = (cell % GRID * CELL, cell / GRID * CELL);
            let (edges, colours) = bytes.split_at_mut(DIRECTIONS);
            write_shares(&edges_of(&small, left, top), LEAST_EDGES, edges);
            write_shares(&colours_of(&small, left, top), 1, colours);
        }
        Self(vector)
    }

    /// The vector.
    #[must_use]
    pub fn bytes(&self) -> &[u8; DESCRIPTOR_BYTES] {
        &self.0
    }

    /// How unlike another vector this is: the sum of squared differences, 0 for the same.
    #[must_use]
    pub fn distance(&self, other: &[u8]) -> u32 {
        self.0
            .iter()
            .zip(other)
            .map(|(a, b)| {
                let difference = u32::from(a.abs_diff(*b));
                difference * difference
            })
            .sum()
    }
}

/// The picture as a square of [`SIDE`] pixels: each the mean of the pixels that fall into it.
fn scaled(picture: &Picture) -> Vec<[u8; 3]> {
    let (width, height) = (picture.width(), picture.height());
    let span = |index: usize, length: usize| {
        let from = index * length / SIDE;
        from..((index + 1) * length / SIDE).max(from + 1)
    };
    let mut small = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let mut sums = [0u64; 3];
            let mut count = 0;
            for y in span(row, height) {
                for x in span(column, width) {
                    for (sum, value) in sums.iter_mut().zip(picture.pixel(x, y)) {
                        *sum += u64::from(value);
                    }
                    count += 1;
                }
            }
            small.push(sums.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX)));
        }
    }
    small
}

fn brightness(small: &[[u8; 3]], x: usize, y: usize) -> i32 {
    let [red, green, blue] = small[y.min(SIDE - 1) * SIDE + x.min(SIDE - 1)].map(i32::from);
    (2 * red + 5 * green + blue) / 8
}

/// How strong the edges of a cell are in each direction.
fn edges_of(small: &[[u8; 3]], left: usize, top: usize) -> [u32; DIRECTIONS] {
    let mut edges = [0; DIRECTIONS];
    for y in top..top + CELL {
        for x in left..left + CELL {
            let across = brightness(small, x + 1, y) - brightness(small, x.saturating_sub(1), y);
            let down = brightness(small, x, y + 1) - brightness(small, x, y.saturating_sub(1));
            let direction =
                usize::from(across < 0) | (usize::from(down < 0) << 1) | (usize::from(across.unsigned_abs() < down.unsigned_abs()) << 2);
            edges[direction] += across.unsigned_abs() + down.unsigned_abs();
        }
    }
    edges
}

/// How much of each colour a cell has: hues by their strength, then shades of grey by what strength is left.
///
/// A colour between two bins counts for both, by its nearness, so that a little more light moves little.
fn colours_of(small: &[[u8; 3]], left: usize, top: usize) -> [u32; HUES + SHADES] {
    let mut colours = [0; HUES + SHADES];
    for y in top..top + CELL {
        for x in left..left + CELL {
            let [red, green, blue] = small[y * SIDE + x].map(u32::from);
            let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
            let strength = most - least;
            if strength > 0 {
                let (hue, beyond) = hue(red, green, blue, most, least);
                colours[hue] += HUE_WEIGHT * strength * (HUE_STEPS - beyond) / HUE_STEPS;
                colours[(hue + 1) % HUES] += HUE_WEIGHT * strength * beyond / HUE_STEPS;
            }
            let (shade, beyond) = (most / SHADE_STEPS, most % SHADE_STEPS);
            let shade = usize::try_from(shade).unwrap_or(0).min(SHADES - 2);
            colours[HUES + shade] += (255 - strength) * (SHADE_STEPS - beyond) / SHADE_STEPS;
            colours[HUES + shade + 1] += (255 - strength) * beyond / SHADE_STEPS;
        }
    }
    colours
}

/// How much more a colour says than a shade of grey.
const HUE_WEIGHT: u32 = 4;

/// Steps of the colour circle from one hue to the next; six times 256 are the whole circle.
const HUE_STEPS: u32 = 192;

/// Steps of brightness from one shade to the next.
const SHADE_STEPS: u32 = 86;

/// The hue at or before a colour on the colour circle, which begins at red, and how many steps beyond it the colour is.
fn hue(red: u32, green: u32, blue: u32, most: u32, least: u32) -> (usize, u32) {
    // From each corner of the circle to the next there are 256 steps.
    let step = |value: u32| 256 * (value - least) / (most - least);
    let angle = if most == red {
        if green >= blue { step(green) } else { 1_536 - step(blue) }
    } else if most == green {
        if blue >= red { 512 + step(blue) } else { 512 - step(red) }
    } else if red >= green {
        1_024 + step(red)
    } else {
        1_024 - step(green)
    };
    let angle = angle % 1_536;
    (usize::try_from(angle / HUE_STEPS).unwrap_or(0), angle % HUE_STEPS)
}

/// Each amount as its share of all, 255 for everything.
fn write_shares(amounts: &[u32], least: u32, out: &mut [u8]) {
    let all = amounts.iter().sum::<u32>().max(least);
    for (share, amount) in out.iter_mut().zip(amounts) {
        *share = u8::try_from(amount * 255 / all).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(colour: [u8; 3]) -> Picture {
        Picture::new(100, 80, colour.repeat(8_000)).unwrap()
    }

    #[test]
    fn a_picture_is_like_itself_and_its_smaller_copy_and_unlike_another_colour() {
        let (red, blue) = (Descriptor::of(&plain([200, 20, 20])), Descriptor::of(&plain([20, 20, 200])));
        let small = Descriptor::of(&Picture::new(10, 10, [200, 20, 20].repeat(100)).unwrap());
        assert_eq!(red.distance(red.bytes()), 0);
        assert_eq!(red.distance(small.bytes()), 0);
        assert!(red.distance(blue.bytes()) > 100_000);
    }

    #[test]
    fn every_hue_has_its_place_and_the_circle_closes() {
        let hue_of = |red: u32, green: u32, blue: u32| hue(red, green, blue, red.max(green).max(blue), red.min(green).min(blue));
        let corners = [(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255)];
        let expected = [(0, 0), (1, 64), (2, 128), (4, 0), (5, 64), (6, 128)];
        assert_eq!(corners.map(|(red, green, blue)| hue_of(red, green, blue)), expected);
        assert_eq!(hue_of(255, 0, 1), (7, 191));
    }

    #[test]
    fn the_look_of_a_picture_is_that_of_the_first_release() {
        let pixels: Vec<u8> = (0..96u32 * 64 * 3).map(|at| u8::try_from(at * at / 7 % 251).unwrap()).collect();
        let look = Descriptor::of(&Picture::new(96, 64, pixels).unwrap());
        let name = polevik_protocol::Blake3Hex::of(look.bytes());
        assert_eq!(name.as_str(), include_str!("../tests/golden/descriptor_v1.txt").trim_end());
    }

    #[test]
    fn a_picture_of_one_pixel_has_a_look_too() {
        let one = Descriptor::of(&Picture::new(1, 1, vec![9, 99, 199]).unwrap());
        assert!(one.bytes().iter().any(|byte| *byte > 0));
    }
}
