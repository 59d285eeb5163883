//! A device's own order numbers, without gaps.

use serde::{Deserialize, Serialize};

/// The highest sequence number a device can give; after it the prefix must change.
pub const MAX_SEQUENCE: u32 = 999_999;

/// A document number such as `А017-000245`: the prefix is the server's gift to one device, the rest is the device's own count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentNumber(String);

impl DocumentNumber {
    /// The number `sequence` under `prefix`; `None` above [`MAX_SEQUENCE`] or for sequence 0 or an empty prefix.
    #[must_use]
    pub fn new(prefix: &str, sequence: u32) -> Option<Self> {
        (!prefix.is_empty() && (1..=MAX_SEQUENCE).contains(&sequence)).then(|| Self(format!("{prefix}-{sequence:06}")))
    }

    /// Reads a number back; `None` if it is not of this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, digits) = text.rsplit_once('-')?;
        let sequence: u32 = (digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())??;
        Self::new(prefix, sequence).filter(|_| prefix.chars().count() <= 8)
    }

    /// The prefix before the last dash.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(prefix, _)| prefix)
    }

    /// The whole number as shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The prefix of the `n`-th device (from 0): a Cyrillic letter and three digits, easily read out over the phone.
///
/// 28 letters × 1 000 devices; `None` beyond.
#[must_use]
pub fn device_prefix(n: u32) -> Option<String> {
    const LETTERS: [char; 28] = [
        'А', 'Б', 'В', 'Г', 'Д', 'Е', 'Ж', 'З', 'И', 'К', 'Л', 'М', 'Н', 'О', 'П', 'Р', 'С', 'Т', 'У', 'Ф', 'Х', 'Ц', 'Ч', 'Ш', 'Щ', 'Э',
        'Ю', 'Я',
    ];
    let letter = LETTERS.get(usize::try_from(n / 1_000).ok()?)?;
    Some(format!("{letter}{:03}", n % 1_000))
}

/// Which device, from 0, has a prefix; `None` for what is no prefix.
#[must_use]
pub fn device_prefix_number(prefix: &str) -> Option<u32> {
    let digits = prefix.trim_start_matches(|c: char| !c.is_ascii_digit());
    let last: u32 = (digits.len() == 3).then(|| digits.parse().ok())??;
    (0..28).map(|letter| letter * 1_000 + last).find(|n| device_prefix(*n).as_deref() == Some(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_strange_ones_do_not() {
        let number = DocumentNumber::new("А017", 245).unwrap();
        assert_eq!(number.as_str(), "А017-000245");
        assert_eq!(DocumentNumber::parse("А017-000245"), Some(number));
        for bad in ["А017-245", "А017-000000", "-000001", "А017", "А017-00024x", "ДЛИННЫЙПРЕФИКС-000001"] {
            assert_eq!(DocumentNumber::parse(bad), None, "{bad}");
        }
        assert_eq!(DocumentNumber::new("А017", MAX_SEQUENCE + 1), None);
    }

    #[test]
    fn prefixes_are_different_for_every_device() {
        assert_eq!(device_prefix(17).as_deref(), Some("А017"));
        assert_eq!(device_prefix(1_000).as_deref(), Some("Б000"));
        assert_eq!(device_prefix(28_000), None);
        for n in [0, 17, 999, 1_000, 27_999] {
            assert_eq!(device_prefix(n).as_deref().and_then(device_prefix_number), Some(n));
        }
        for no in ["", "А17", "А0170", "Ё017", "А-17", "017", "А99999999999", "А4294967295"] {
            assert_eq!(device_prefix_number(no), None, "{no}");
        }
    }
}
