//! How large the parts of files are: as large as the line is good.

use polevik_protocol::file::{MAX_PART_BYTES, MAX_RESENT_BYTES, MIN_PART_BYTES};

/// The first part: a photo as it is kept goes in one request.
const FIRST_PART_BYTES: u64 = 512 * 1024;

/// A part that took less made room for a larger one.
const QUICK_MS: i64 = 2_000;

/// A part that took more is followed by a smaller one.
const SLOW_MS: i64 = 5_000;

/// So many parts without a break make a bad line a good one again.
const GOOD_AGAIN: u32 = 8;

/// What is known of a line in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    part_bytes: u64,
    /// Parts that still have to go well before the line counts as good; 0 = it does.
    distrust: u32,
}

impl Default for Line {
    /// A line nothing is known of: good until it breaks.
    fn default() -> Self {
        Self { part_bytes: FIRST_PART_BYTES, distrust: 0 }
    }
}

impl Line {
    /// How many bytes the next part has, of so many that are left.
    #[must_use]
    pub fn part(&self, left: u64) -> u64 {
        left.min(self.part_bytes)
    }

    /// Whether a part of so many bytes carries its own sum. Such a part counts whole or not at all, so it is a small one on a bad line, where a
    /// wrong byte would otherwise cost the file.
    #[must_use]
    pub fn sums(&self, part_bytes: u64) -> bool {
        self.distrust > 0 && part_bytes <= MAX_RESENT_BYTES
    }

    /// A part went through in so many milliseconds.
    pub fn went(&mut self, bytes: u64, millis: i64) {
        self.distrust = self.distrust.saturating_sub(1);
        // A small rest of a file says little about large parts.
        if millis > SLOW_MS {
            self.part_bytes = (self.part_bytes / 2).max(MIN_PART_BYTES);
        } else if millis < QUICK_MS && bytes * 2 >= self.part_bytes {
            self.part_bytes = (self.part_bytes * 2).min(if self.distrust > 0 { MAX_RESENT_BYTES } else { MAX_PART_BYTES });
        }
    }

    /// A part did not go through.
    pub fn broke(&mut self) {
        self.part_bytes = (self.part_bytes / 4).clamp(MIN_PART_BYTES, MAX_RESENT_BYTES);
        self.distrust = GOOD_AGAIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    #[test]
    fn parts_grow_while_the_line_is_quick_and_shrink_when_it_is_slow() {
        let mut line = Line::default();
        let sizes: Vec<u64> = [100, 100, 100, 100, 3_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000]
            .into_iter()
            .map(|millis| {
                line.went(line.part(u64::MAX), millis);
                line.part(u64::MAX) / KIB
            })
            .collect();
        assert_eq!(sizes, [1_024, 2_048, 4_096, 4_096, 4_096, 2_048, 1_024, 512, 256, 128, 64, 64]);
    }

    #[test]
    fn a_photo_goes_in_one_part_without_a_sum_until_the_line_breaks() {
        let mut line = Line::default();
        assert_eq!((line.part(300 * KIB), line.sums(300 * KIB)), (300 * KIB, false));
        line.broke();
        let part = line.part(300 * KIB);
        assert_eq!((part, line.sums(part)), (128 * KIB, true));
        line.broke();
        line.broke();
        assert_eq!(line.part(300 * KIB), 64 * KIB);
    }

    #[test]
    fn after_a_break_no_part_costs_more_than_may_be_sent_again_until_the_line_is_good_again() {
        let mut line = Line::default();
        for _ in 0..4 {
            line.went(line.part(u64::MAX), 10);
        }
        line.broke();
        for _ in 0..GOOD_AGAIN {
            let part = line.part(u64::MAX);
            assert!(part <= MAX_RESENT_BYTES && line.sums(part), "{part}");
            line.went(part, 10);
        }
        let part = line.part(u64::MAX);
        assert!(!line.sums(part));
        line.went(part, 10);
        assert!(line.part(u64::MAX) > MAX_RESENT_BYTES);
    }

    #[test]
    fn the_rest_of_a_file_says_little_about_large_parts() {
        let mut line = Line::default();
        line.went(10 * KIB, 20);
        assert_eq!(line.part(u64::MAX), FIRST_PART_BYTES);
    }
}
