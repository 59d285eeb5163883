//! The sum over the rows of a bucket; only the arithmetic it may do.
//!
//! It says which rows are held, not how they came there: any road to the same rows gives the same sum, so history may be compacted freely.

use serde::{Deserialize, Serialize};

use crate::rows::{TableId, ValueRef};

/// The key of a part's row hashes: 32 random bytes made when the part is made, told to its devices in the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKey(pub [u8; 32]);

/// 64 bits that stand for one row: key and every value that is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowHash(pub u64);

/// Makes row hashes. Keep one for many rows: it owns a buffer.
///
/// A row hash is the first 8 bytes, little-endian, of the keyed BLAKE3 of: table number (u16), key (i64), then for each column that is not
/// null, by rising number: number (u16), kind (1 = integer, 2 = text, 3 = bytes), and the value: i64, or length (u32) and bytes. All little-endian.
/// An absent column adds nothing, so a column that is added later does not change the hash of rows that lack it.
pub struct RowHasher {
    key: HashKey,
    buffer: Vec<u8>,
}

impl RowHasher {
    /// A hasher of one part.
    #[must_use]
    pub fn new(key: HashKey) -> Self {
        Self { key, buffer: Vec::with_capacity(512) }
    }

    /// The hash of the row of `table` with key `pk`; `values` are (column number, value) by rising number.
    pub fn row<'a>(&mut self, table: TableId, pk: i64, values: impl Iterator<Item = (u16, ValueRef<'a>)>) -> RowHash {
        self.buffer.clear();
        self.buffer.extend_from_slice(&table.0.to_le_bytes());
        self.buffer.extend_from_slice(&pk.to_le_bytes());
        for (column, value) in values {
            let [low, high] = column.to_le_bytes();
            let (kind, bytes): (u8, &[u8]) = match value {
                ValueRef::Null => continue,
                ValueRef::Int(number) => {
                    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
                    self.buffer.extend_from_slice(&[low, high, 1, a, b, c, d, e, f, g, h]);
                    continue;
                }
                ValueRef::Text(text) => (2, text.as_bytes()),
                ValueRef::Blob(bytes) => (3, bytes),
            };
            let [a, b, c, d] = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
            self.buffer.extend_from_slice(&[low, high, kind, a, b, c, d]);
            self.buffer.extend_from_slice(bytes);
        }
        let hash = blake3::keyed_hash(&self.key.0, &self.buffer);
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        RowHash(u64::from_le_bytes(first))
    }
}

/// What rows a bucket holds: how many, and two sums of their hashes.
///
/// Adding and removing are exact inverses, in any order. Two lanes, because a single sum of 64 bits can be balanced by two errors that cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateSum {
    /// Rows.
    pub rows: u64,
    /// Σ hash, wrapping.
    #[serde(with = "hex_u64")]
    pub sum: u64,
    /// Σ mix(hash), wrapping.
    #[serde(with = "hex_u64")]
    pub mix: u64,
}

impl StateSum {
    /// With one row more.
    pub fn add(&mut self, hash: RowHash) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(hash.0);
        self.mix = self.mix.wrapping_add(mix(hash.0));
    }

    /// With one row less.
    pub fn remove(&mut self, hash: RowHash) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(hash.0);
        self.mix = self.mix.wrapping_sub(mix(hash.0));
    }

    /// Both together.
    #[must_use]
    pub fn combine(self, other: Self) -> Self {
        Self { rows: self.rows.wrapping_add(other.rows), sum: self.sum.wrapping_add(other.sum), mix: self.mix.wrapping_add(other.mix) }
    }
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): every bit of the result depends on every bit of the hash.
fn mix(hash: u64) -> u64 {
    let mut x = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 64-bit numbers in JSON as sixteen hexadecimal digits: JSON readers that use doubles would round them.
mod hex_u64 {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In whatever order rows come and go, the sum says only which are there.
        #[test]
        fn the_sum_forgets_the_road(hashes in prop::collection::vec(any::<u64>(), 0..40), gone in prop::collection::vec(any::<u64>(), 0..40)) {
            let mut straight = StateSum::default();
            hashes.iter().for_each(|h| straight.add(RowHash(*h)));
            let mut round_about = StateSum::default();
            gone.iter().for_each(|h| round_about.add(RowHash(*h)));
            hashes.iter().rev().for_each(|h| round_about.add(RowHash(*h)));
            gone.iter().rev().for_each(|h| round_about.remove(RowHash(*h)));
            prop_assert_eq!(straight, round_about);
        }
    }

    #[test]
    fn every_part_of_a_row_counts() {
        let key = HashKey([7; 32]);
        let mut hasher = RowHasher::new(key);
        let base = hasher.row(TableId(1), 1, [(1, ValueRef::Text("a")), (2, ValueRef::Null)].into_iter());
        assert_eq!(base, hasher.row(TableId(1), 1, [(1, ValueRef::Text("a"))].into_iter()), "an absent value adds nothing");
        for other in [
            hasher.row(TableId(2), 1, [(1, ValueRef::Text("a"))].into_iter()),
            hasher.row(TableId(1), 2, [(1, ValueRef::Text("a"))].into_iter()),
            hasher.row(TableId(1), 1, [(2, ValueRef::Text("a"))].into_iter()),
            hasher.row(TableId(1), 1, [(1, ValueRef::Text("b"))].into_iter()),
            hasher.row(TableId(1), 1, [(1, ValueRef::Blob(b"a"))].into_iter()),
            RowHasher::new(HashKey([8; 32])).row(TableId(1), 1, [(1, ValueRef::Text("a"))].into_iter()),
        ] {
            assert_ne!(base, other);
        }
        // The value is a contract between server and devices of every target; 32-bit and 64-bit machines agree on it.
        assert_eq!(base.0, 0x26a5_3c96_91c1_9e6f);
    }
}
