//! Buckets: rows that a group of positions shares, each row in exactly one.

use serde::{Deserialize, Deserializer, Serialize};

/// The longest name of a bucket, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// The name of a bucket: `all`, `distributor:9`, `price_type:3`, `warehouse:2`, `territory:5`, `position:17`, `audience:4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BucketName(String);

/// The kinds of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BucketKind {
    /// What everybody has.
    All,
    /// Products, price types, warehouses, assortment of a distributor.
    Distributor,
    /// Prices of one price type.
    PriceType,
    /// Stock of one warehouse.
    Warehouse,
    /// Outlets and receivables of one territory.
    Territory,
    /// Route and document states of one position.
    Position,
    /// Materials of one audience; since schema 3.
    Audience,
}

impl BucketKind {
    const NAMED: [(Self, &'static str); 7] = [
        (Self::All, "all"),
        (Self::Distributor, "distributor"),
        (Self::PriceType, "price_type"),
        (Self::Warehouse, "warehouse"),
        (Self::Territory, "territory"),
        (Self::Position, "position"),
        (Self::Audience, "audience"),
    ];

    /// The first schema ([`crate::version::SCHEMA`]) that knows the tables of these buckets: older devices are not told of them.
    #[must_use]
    pub fn since_schema(self) -> u32 {
        match self {
            Self::Audience => 3,
            _ => 1,
        }
    }

    /// Which arrive first: 0 verdicts and the day's plan, 1 outlets and what they owe, 2 the full reference and the list
    /// of materials (the files themselves travel on their own). All three are mandatory information.
    #[must_use]
    pub fn priority(self) -> u8 {
        match self {
            Self::All | Self::Position => 0,
            Self::Territory => 1,
            Self::Distributor | Self::PriceType | Self::Warehouse | Self::Audience => 2,
        }
    }
}

impl BucketName {
    /// The bucket of `kind` with the id of what it belongs to; [`BucketKind::All`] ignores the id.
    #[must_use]
    pub fn new(kind: BucketKind, id: i64) -> Self {
        let word = BucketKind::NAMED.iter().find(|(k, _)| *k == kind).map_or("all", |(_, word)| word);
        if kind == BucketKind::All { Self(word.to_owned()) } else { Self(format!("{word}:{id}")) }
    }

    /// Reads a name; `None` if no bucket can have it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = Self(text.to_owned());
        (text.len() <= MAX_NAME_BYTES && name.try_kind().is_some()).then_some(name)
    }

    fn try_kind(&self) -> Option<BucketKind> {
        let (word, id) = match self.0.split_once(':') {
            Some((word, id)) => (word, Some(id)),
            None => (self.0.as_str(), None),
        };
        let kind = BucketKind::NAMED.iter().find(|(_, w)| *w == word).map(|(kind, _)| *kind)?;
        let well_formed = match id {
            None => kind == BucketKind::All,
            Some(id) => kind != BucketKind::All && id.parse::<i64>().is_ok_and(|number| number.to_string() == id),
        };
        well_formed.then_some(kind)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> BucketKind {
        self.try_kind().unwrap_or(BucketKind::All)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BucketName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BucketName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not the name of a bucket"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused() {
        for (kind, _) in BucketKind::NAMED {
            let name = BucketName::new(kind, 17);
            assert_eq!(BucketName::parse(name.as_str()), Some(name.clone()));
            assert_eq!(name.kind(), kind);
        }
        for bad in ["", "all:1", "territory", "territory:", "territory:x", "territory:01", "territory:1:2", "shop:1", "../etc"] {
            assert_eq!(BucketName::parse(bad), None, "{bad}");
        }
    }
}
