//! Bad bytes made of good ones, the same for the same seed.

use polevik_testkit::random::Random;

/// Numbers that decoders stumble over.
const HARD_NUMBERS: [&str; 9] = [
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1e308",
    "0.5",
    "4294967296",
    "999999999999999999999",
];

/// Bytes that begin, end or stretch something.
const HARD_BYTES: [u8; 10] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'"', b'{', b'[', b'\\', b'\n'];

/// One of `seeds` after one to eight changes: bits and bytes, cuts, repetitions, pieces of other seeds, hard numbers, deep nesting.
#[must_use]
pub fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds.get(random.index(seeds.len())).cloned().unwrap_or_default();
    for _ in 0..=random.below(8) {
        change(&mut bytes, seeds, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.index(bytes.len());
    let end = at + random.index((bytes.len() - at).min(64) + 1);
    match random.below(9) {
        0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        2 if !bytes.is_empty() => bytes[at] = HARD_BYTES[random.index(HARD_BYTES.len())],
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        6 => {
            let other = &seeds[random.index(seeds.len())];
            let from = random.index(other.len());
            let to = from + random.index(other.len() - from + 1);
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        7 => hard_number(bytes, at, random),
        _ if random.chance(100) => {
            let depth = random.index(2_000);
            let opening = [b'[', b'{', b'"'][random.index(3)];
            bytes.splice(at..at, std::iter::repeat_n(opening, depth));
        }
        _ => {
            let mut piece = vec![0; random.index(16)];
            random.fill(&mut piece);
            bytes.splice(at..at, piece);
        }
    }
}

/// Puts a hard number where the next number stands.
fn hard_number(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let number = HARD_NUMBERS[random.index(HARD_NUMBERS.len())].bytes();
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let len = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.splice(start..start + len, number);
}

/// The seeds with their compressed bodies opened, changed without changing their length, and closed again: what lies behind the compression is
/// not reached by changing what is in front of it.
#[must_use]
pub fn mutated_behind_compression(seeds: &[Vec<u8>], random: &mut Random) -> Option<Vec<u8>> {
    const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    const MOST_BYTES: usize = 1024 * 1024;
    let seed = seeds.get(random.index(seeds.len()))?;
    let body = seed.windows(4).position(|window| window == ZSTD_MAGIC)?;
    let mut raw = zstd::bulk::decompress(&seed[body..], MOST_BYTES).ok()?;
    for _ in 0..=random.below(8) {
        let at = random.index(raw.len());
        let byte = raw.get_mut(at)?;
        *byte = if random.chance(500) { *byte ^ 1 << random.below(8) } else { HARD_BYTES[random.index(HARD_BYTES.len())] };
    }
    let mut bytes = seed[..body].to_vec();
    bytes.extend(zstd::bulk::compress(&raw, 1).ok()?);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bytes_and_most_differ_from_what_they_were_made_of() {
        let seeds = [br#"{"a": 12, "b": [1, 2, 3]}"#.to_vec(), b"other".to_vec()];
        let run = || {
            let mut random = Random::new(3);
            (0..200).map(|_| mutated(&seeds, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert!(run().iter().filter(|bytes| !seeds.contains(bytes)).count() > 150);
    }
}
