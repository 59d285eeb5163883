//! Numbers that depend only on a seed, a word and a number, so that every row can be made by itself and twice alike on any machine.

/// A stream of numbers of one row.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The stream of the `n`-th `kind` under `seed`.
    #[must_use]
    pub fn new(seed: u64, kind: &str, n: u64) -> Self {
        let hash = blake3::hash(format!("polevik demo:{seed}:{kind}:{n}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// The stream of the `n`-th `kind` of one part.
    #[must_use]
    pub fn of_row(seed: u64, part_no: usize, kind: &str, n: usize) -> Self {
        Self::new(seed, kind, (part_no as u64) << 40 | n as u64)
    }

    /// The next 64 bits (splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A whole number from 0 up to, but not including, `n`; 0 for an empty range.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }

    /// A place in a list of `len` entries.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A whole number from `lo` to `hi`, both inclusive.
    pub fn between(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1).unsigned_abs()).cast_signed()
    }

    /// One entry of a list that is not empty.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }

    /// Whether something with this chance in a thousand happens.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// A place in a list of `len` entries, the n-th 1/n as likely as the first (Zipf).
    pub fn zipf(&mut self, len: usize) -> usize {
        let weight = |n: usize| 1_000_000 / (n as u64 + 1);
        let mut left = self.below((0..len).map(weight).sum());
        for n in 0..len {
            if left < weight(n) {
                return n;
            }
            left -= weight(n);
        }
        0
    }

    /// A number around 0, spread like the normal distribution with deviation 1, in thousandths, within ±6000: the sum of twelve even ones.
    pub fn normal_thousandths(&mut self) -> i64 {
        (0..12).map(|_| self.between(0, 1_000)).sum::<i64>() - 6_000
    }

    /// A log-normal number with this median; `spread` is the deviation of its logarithm, in thousandths.
    ///
    /// From a table, because the exponential function differs between machines in its last digits.
    pub fn log_normal(&mut self, median: i64, spread: i64) -> i64 {
        let exponent = self.normal_thousandths() * spread / 1_000;
        let scaled = |step: usize| median * EXP_THOUSANDTHS[step.min(EXP_THOUSANDTHS.len() - 1)] / 1_000;
        let at = (exponent.clamp(-3_000, 2_999) + 3_000).unsigned_abs();
        let (step, rest) = (usize::try_from(at / 500).unwrap_or(0), (at % 500).cast_signed());
        scaled(step) + (scaled(step + 1) - scaled(step)) * rest / 500
    }
}

/// e to the power of −3, −2.5 … 3, in thousandths.
const EXP_THOUSANDTHS: [i64; 13] = [50, 82, 135, 223, 368, 607, 1_000, 1_649, 2_718, 4_482, 7_389, 12_182, 20_086];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_give_equal_numbers_and_others_others() {
        let draw = |seed, kind, n| Draws::new(seed, kind, n).next();
        assert_eq!(draw(1, "product", 7), draw(1, "product", 7));
        assert_ne!(draw(1, "product", 7), draw(2, "product", 7));
        assert_ne!(draw(1, "product", 7), draw(1, "outlet", 7));
        assert_ne!(draw(1, "product", 7), draw(1, "product", 8));
    }

    #[test]
    fn the_shapes_are_as_they_should_be() {
        let mut draws = Draws::new(1, "shape", 0);
        let mut numbers: Vec<i64> = (0..2_000).map(|_| draws.log_normal(1_000, 800)).collect();
        numbers.sort_unstable();
        assert!((900..1_100).contains(&numbers[1_000]), "median {}", numbers[1_000]);
        assert!(numbers[1_900] > 3 * numbers[1_000] && numbers[0] > 0);
        let first = (0..2_000).filter(|_| draws.zipf(10) == 0).count();
        assert!((550..820).contains(&first), "the first of ten has about a third: {first}");
        assert!((0..2_000).all(|_| (-2..=3).contains(&draws.between(-2, 3))));
    }
}
