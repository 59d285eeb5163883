//! Every id kind of the house, one line each, so that none can be taken for another.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::UtcMillis;

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

row_ids! {
    /// A shop the rep calls on. Made by the server; the office's own code is the row's `ext_code`.
    OutletId;
    /// Something that is sold.
    ProductId;
    /// A price list by which outlets buy.
    PriceTypeId;
    /// Where goods are shipped from.
    WarehouseId;
    /// One planned call of a route.
    RouteStopId;
    /// A role with a territory; scope belongs to it, not to the person.
    PositionId;
    /// A distributor: whose goods, prices and outlets these are.
    DistributorId;
    /// A set of outlets that one position serves.
    TerritoryId;
    /// A person who signs in.
    UserId;
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new UUIDv7: it sorts by the time it was made.
            ///
            /// Clock and randomness come from the caller, so a simulated device makes the same ids on every run.
            #[must_use]
            pub fn generate(now: UtcMillis, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// Reads the hyphenated or plain hexadecimal form; `None` if it is neither.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }

            /// The sixteen bytes, as the databases keep them.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id in sixteen bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

uuid_ids! {
    /// One thing a device uploads: an order, a visit. Made on the device where the intent is made.
    DocumentId;
    /// One installation of the mobile module.
    DeviceId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let early = DocumentId::generate(UtcMillis(1_000), [0xff; 10]);
        let late = DocumentId::generate(UtcMillis(1_001), [0; 10]);
        assert!(early < late);
        assert_eq!(DocumentId::parse(&early.to_string()), Some(early));
        assert_eq!(DocumentId::from_slice(early.as_bytes()), Some(early));
        assert_eq!(DocumentId::from_slice(b"short"), None);
    }
}
