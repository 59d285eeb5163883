//! The tag of one sync session, readable over the phone: `7F3K-22`.

use serde::{Deserialize, Serialize};

/// Crockford's base32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Four characters of Crockford base32, a dash, two digits: about 10⁸ tags, unique enough for one device and one week.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionTag(String);

impl SessionTag {
    /// A tag from four random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 4]) -> Self {
        let number = u32::from_le_bytes(random);
        let mut text = String::with_capacity(7);
        for shift in [0, 5, 10, 15] {
            text.push(char::from(ALPHABET[usize::from(u8::try_from(number >> shift & 31).unwrap_or(0))]));
        }
        text.push('-');
        text.push_str(&format!("{:02}", (number >> 20) % 100));
        Self(text)
    }

    /// Reads a tag; `None` if it is not of this form. What comes in a header is checked before it goes into a log.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let good = bytes.len() == 7
            && bytes[..4].iter().all(|b| ALPHABET.contains(b))
            && bytes[4] == b'-'
            && bytes[5..].iter().all(u8::is_ascii_digit);
        good.then(|| Self(text.to_owned()))
    }

    /// The tag as shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SessionTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_made_reads_back() {
        for random in [[0; 4], [255; 4], [1, 2, 3, 4], [7, 70, 17, 200]] {
            let tag = SessionTag::from_random(random);
            assert_eq!(SessionTag::parse(tag.as_str()), Some(tag));
        }
        for bad in ["", "7F3K22", "7f3k-22", "IIII-22", "7F3K-2x", "7F3K-22\n"] {
            assert_eq!(SessionTag::parse(bad), None, "{bad:?}");
        }
    }
}
