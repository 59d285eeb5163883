//! What kind of network there is, what kind of bytes there are, and which may carry which.

use serde::{Deserialize, Serialize};

/// The network as the platform tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum NetworkClass {
    /// None: no network, or flight mode.
    Offline,
    /// Unmetered Wi-Fi or Ethernet.
    WiFi,
    /// Wi-Fi that is metered: a hotspot, or data saving is on.
    MeteredWiFi,
    /// The mobile network.
    Cellular,
    /// The mobile network of a foreign operator.
    Roaming,
    /// There is one, but the platform does not say what it is; counts as mobile until the rep says otherwise.
    #[default]
    Unknown,
}

impl NetworkClass {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Offline, Self::WiFi, Self::MeteredWiFi, Self::Cellular, Self::Roaming, Self::Unknown];

    /// The word on command lines, in logs and in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::WiFi => "wifi",
            Self::MeteredWiFi => "metered_wifi",
            Self::Cellular => "cellular",
            Self::Roaming => "roaming",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// What bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TrafficClass {
    /// Mandatory information, signing in, health.
    Mandatory,
    /// Photos and materials.
    Materials,
    /// The recognition library.
    Library,
}

impl TrafficClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mandatory, Self::Materials, Self::Library];

    /// The word in logs and in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mandatory => "mandatory",
            Self::Materials => "materials",
            Self::Library => "library",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// Bytes that went over one kind of network for one purpose, since the first of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficRow {
    /// For what.
    pub class: TrafficClass,
    /// Over what.
    pub network: NetworkClass,
    /// Bodies sent, as they went on the wire.
    pub bytes_up: u64,
    /// Bodies received, as they came on the wire where that is known.
    pub bytes_down: u64,
}
