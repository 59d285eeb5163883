//! What cameras give: JPEG that are right in their structure and noise otherwise. Whoever sees them in a world decodes nothing.

use polevik_testkit::random::Random;

/// Bytes of photos: most are small, because what they show does not matter; some go in several parts.
const LENGTHS: [usize; 4] = [600, 3_000, 30_000, 200_000];

/// A photo of 32 × 32 pixels.
pub fn jpeg(pick: u64) -> Vec<u8> {
    let mut random = Random::new(pick);
    let len = LENGTHS[if random.chance(200) { 3 } else { random.index(3) }];
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend([0xff, 0xc0, 0, 17, 8, 0, 32, 0, 32, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 0x3f, 0]);
    let mut picture = vec![0; len];
    random.fill(&mut picture);
    // No markers inside.
    bytes.extend(picture.into_iter().map(|byte| if byte == 0xff { 0xfe } else { byte }));
    bytes.extend([0xff, 0xd9]);
    bytes
}
