//! Names by content.

use serde::{Deserialize, Serialize};

/// BLAKE3-256 as 64 hexadecimal digits: the name of a segment, a manifest, a root, a file or a chunk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Blake3Hex(String);

impl Blake3Hex {
    /// The name of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }

    /// Reads 64 lower-case hexadecimal digits; `None` otherwise. A name can never be a path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))).then(|| Self(text.to_owned()))
    }

    /// The name of this digest.
    #[must_use]
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        Self(hex::encode(digest))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        // Only 64 digits are ever kept.
        let _ = hex::decode_to_slice(&self.0, &mut digest);
        digest
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes the name of bytes that come piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Nothing was added yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The name of all bytes so far; more may follow.
    #[must_use]
    pub fn name(&self) -> Blake3Hex {
        Blake3Hex::of_digest(self.0.finalize().as_bytes())
    }
}

impl std::fmt::Display for Blake3Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blake3Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a BLAKE3 name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_digest_and_back() {
        let name = Blake3Hex::of(b"shelf");
        assert_eq!(Blake3Hex::of_digest(&name.digest()), name);
        assert_eq!(Blake3Hex::of_digest(blake3::hash(b"shelf").as_bytes()), name);
    }

    #[test]
    fn bytes_that_come_in_pieces_have_the_same_name() {
        let mut hasher = Hasher::new();
        hasher.add(b"sh");
        hasher.add(b"elf");
        assert_eq!(hasher.name(), Blake3Hex::of(b"shelf"));
    }
}
