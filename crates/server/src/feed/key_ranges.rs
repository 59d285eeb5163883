//! Where a base is cut: ranges of keys that stay where they are while rows come and go.
//!
//! The keys from 0 are halved until no range holds more than so many rows. A range that grows too full is halved; its neighbours keep their
//! borders, their bytes and so their names, and a device that has them need not fetch them again.

/// First and last key, both inclusive.
pub type KeyRange = (i64, i64);

/// Ranges, each with at most `most_rows` of the rising `keys`, that tile all keys from `i64::MIN` to `i64::MAX`; none without keys.
///
/// An empty stretch belongs to the range before it, one at the front to the first.
#[must_use]
pub fn ranges(keys: &[i64], most_rows: usize) -> Vec<KeyRange> {
    let mut starts = Vec::new();
    halve(keys, i128::from(i64::MIN), 1 << 64, most_rows.max(1), &mut starts);
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([i64::MAX]);
    let mut ranges: Vec<KeyRange> = starts.iter().copied().zip(ends).collect();
    if let Some(first) = ranges.first_mut() {
        first.0 = i64::MIN;
    }
    ranges
}

/// [`ranges`] that tile the keys from `within.0` to `within.1`, where all of `keys` lie.
#[must_use]
pub fn ranges_within(within: KeyRange, keys: &[i64], most_rows: usize) -> Vec<KeyRange> {
    let mut ranges = ranges(keys, most_rows);
    if let Some(first) = ranges.first_mut() {
        first.0 = within.0;
    }
    if let Some(last) = ranges.last_mut() {
        last.1 = within.1;
    }
    ranges
}

/// Adds the first keys of the ranges with rows within `[start, start + span)`.
fn halve(keys: &[i64], start: i128, span: i128, most_rows: usize, starts: &mut Vec<i64>) {
    if keys.is_empty() {
        return;
    }
    if keys.len() <= most_rows || span == 1 {
        // `start` lies between the ends of i64, since a key does.
        starts.push(i64::try_from(start).unwrap_or(i64::MIN));
        return;
    }
    let middle = start + span / 2;
    let (low, high) = keys.split_at(keys.partition_point(|key| i128::from(*key) < middle));
    halve(low, start, span / 2, most_rows, starts);
    halve(high, middle, span / 2, most_rows, starts);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every key lies in exactly one range, and no range holds too many.
        #[test]
        fn ranges_tile_all_keys(keys in prop::collection::btree_set(any::<i64>(), 1..200), most_rows in 1..20usize) {
            let keys: Vec<i64> = keys.into_iter().collect();
            let ranges = ranges(&keys, most_rows);
            prop_assert_eq!(ranges[0].0, i64::MIN);
            prop_assert_eq!(ranges[ranges.len() - 1].1, i64::MAX);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
            for (lo, hi) in ranges {
                let held = keys.iter().filter(|key| (lo..=hi).contains(*key)).count();
                prop_assert!((1..=most_rows).contains(&held));
            }
        }
    }

    #[test]
    fn keys_counted_from_one_fill_ranges_of_one_size() {
        let keys: Vec<i64> = (1..=100_000).collect();
        let starts: Vec<i64> = ranges(&keys, 16_384).iter().map(|range| range.0).collect();
        assert_eq!(starts, [i64::MIN, 16_384, 32_768, 49_152, 65_536, 81_920, 98_304]);
    }

    #[test]
    fn a_range_that_grows_too_full_leaves_the_others_where_they_are() {
        let mut keys: Vec<i64> = (0..64).map(|n| n * 16).collect();
        let before = ranges(&keys, 16);
        keys.extend((0..8).map(|n| n * 2 + 1));
        keys.sort_unstable();
        let after = ranges(&keys, 16);
        assert_eq!(before.len(), 4);
        assert_eq!(after[after.len() - 3..], before[1..]);
    }
}
