//! Where a library is cut, so that the next version has most chunks in common with it.
//!
//! A picture of [`MIN_CHUNK_BYTES`] or more is a chunk of its own (several, if it is very large): changing it costs exactly its bytes. What
//! lies between such pictures, small pictures and the index, is cut by its content with FastCDC. Only the office cuts; a phone reads the cuts
//! from the manifest. So the parameters below may change, at the price of one whole download, but never by accident: a test holds the cuts.

use std::ops::Range;

use fastcdc::v2020::{FastCDC, Normalization};

/// Smallest chunk that a cut by content makes, in bytes; the last of a run may be smaller.
pub const MIN_CHUNK_BYTES: usize = 64 * 1024;

/// About how large chunks of small pictures are, in bytes.
pub const AVERAGE_CHUNK_BYTES: usize = 256 * 1024;

/// Largest chunk, in bytes.
pub const MAX_CHUNK_BYTES: usize = 1024 * 1024;

/// Cuts a file whose pictures lie at `pictures`, in their order and without overlaps. Gives the chunks in the order of the bytes; together they are the file.
#[must_use]
pub fn cut(content: &[u8], pictures: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let mut from = 0;
    for picture in pictures.iter().filter(|picture| picture.len() >= MIN_CHUNK_BYTES) {
        cut_run(content, from..picture.start, &mut chunks);
        cut_run(content, picture.clone(), &mut chunks);
        from = picture.end;
    }
    cut_run(content, from..content.len(), &mut chunks);
    chunks
}

fn cut_run(content: &[u8], run: Range<usize>, chunks: &mut Vec<Range<usize>>) {
    let Some(bytes) = content.get(run.clone()).filter(|bytes| !bytes.is_empty()) else { return };
    if (MIN_CHUNK_BYTES..=AVERAGE_CHUNK_BYTES).contains(&bytes.len()) {
        chunks.push(run);
        return;
    }
    let cuts = FastCDC::with_level(bytes, MIN_CHUNK_BYTES, AVERAGE_CHUNK_BYTES, MAX_CHUNK_BYTES, Normalization::Level1);
    chunks.extend(cuts.map(|chunk| run.start + chunk.offset..run.start + chunk.offset + chunk.length));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use polevik_protocol::Blake3Hex;
    use proptest::prelude::*;

    use super::*;

    /// Bytes without any pattern, the same every time.
    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        (0..len.div_ceil(8)).flat_map(|_| next()).take(len).collect()
    }

    fn names(content: &[u8], pictures: &[Range<usize>]) -> BTreeSet<Blake3Hex> {
        cut(content, pictures).into_iter().map(|chunk| Blake3Hex::of(&content[chunk])).collect()
    }

    #[test]
    fn the_cuts_are_the_ones_of_the_first_release() {
        let content = noise(1, 5_000_000);
        let lengths: Vec<usize> = cut(&content, &[1_000_000..1_080_000, 1_080_000..1_090_000]).iter().map(Range::len).collect();
        let golden = include_str!("../tests/golden/cuts_v1.txt");
        let expected: Vec<usize> = golden.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(lengths, expected);
    }

    #[test]
    fn a_few_bytes_put_into_a_run_of_small_pictures_cost_a_few_chunks() {
        let old = noise(7, 20_000_000);
        let mut new = old.clone();
        new.splice(9_000_000..9_000_000, noise(8, 1_000));
        let (old, new) = (names(&old, &[]), names(&new, &[]));
        assert!(old.len() > 40);
        assert!(new.difference(&old).count() <= 3, "{} of {}", new.difference(&old).count(), new.len());
    }

    #[test]
    fn a_large_picture_that_changes_costs_itself() {
        let pictures: Vec<Range<usize>> = (0..50).map(|index| index * 80_000..(index + 1) * 80_000).collect();
        let old = noise(3, 4_000_000);
        let mut new = old.clone();
        new[800_000..880_000].copy_from_slice(&noise(4, 80_000));
        let (old, new) = (names(&old, &pictures), names(&new, &pictures));
        assert_eq!(old.len(), 50);
        assert_eq!(new.difference(&old).count(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn chunks_are_the_whole_file_in_order_and_none_is_too_large(
            seed in any::<u64>(),
            len in 0..3_000_000usize,
            lengths in prop::collection::vec(1..400_000usize, 0..20),
        ) {
            let content = noise(seed, len);
            let mut pictures = Vec::new();
            let mut at = 0;
            for length in lengths {
                if at + length > len { break; }
                pictures.push(at..at + length);
                at += length;
            }
            let mut end = 0;
            for chunk in cut(&content, &pictures) {
                prop_assert_eq!(chunk.start, end);
                prop_assert!(!chunk.is_empty() && chunk.len() <= MAX_CHUNK_BYTES);
                end = chunk.end;
            }
            prop_assert_eq!(end, len);
        }
    }
}
