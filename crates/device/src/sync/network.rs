//! The gate: what may go over which network.
//!
//! Mandatory information always may. Photos, materials and the recognition library may be told to wait: by «только по Wi-Fi», and in roaming. The
//! driver asks before every single request of theirs, so that no path leads round the gate; the engine asks to see who need not wait any more.

use std::collections::BTreeSet;

use polevik_device_api::{NetworkClass, RowId, TrafficClass, WaitReason};

/// Whether bytes may go, or for what they wait.
///
/// `allowed` = the rep said «Отправить сейчас» for them. `unknown_is_wifi` = the rep said that the network of unknown kind is Wi-Fi.
///
/// # Errors
///
/// What they wait for.
pub fn gate(class: TrafficClass, network: NetworkClass, wifi_only: bool, unknown_is_wifi: bool, allowed: bool) -> Result<(), WaitReason> {
    if class == TrafficClass::Mandatory || allowed {
        return Ok(());
    }
    match network {
        NetworkClass::WiFi => Ok(()),
        NetworkClass::Roaming if polevik_planted::is(polevik_planted::Bug::RoamingPasses) => Ok(()),
        NetworkClass::Roaming => Err(WaitReason::Roaming),
        NetworkClass::Unknown if unknown_is_wifi => Ok(()),
        _ if !wifi_only => Ok(()),
        NetworkClass::MeteredWiFi => Err(WaitReason::MeteredWiFi),
        NetworkClass::Unknown => Err(WaitReason::UnknownNetwork),
        // Without a network nothing would go anyway; and should the platform be wrong about that, nothing leaks.
        NetworkClass::Cellular | NetworkClass::Offline => Err(WaitReason::WiFi),
    }
}

/// What the rep said about the network there is; forgotten when it is another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consent {
    /// The network it was said of.
    network: NetworkClass,
    /// «Отправить сейчас»: rows that may go over it until they are done.
    allowed: BTreeSet<RowId>,
    /// It is of unknown kind, and the rep says that it is Wi-Fi.
    unknown_is_wifi: bool,
}

impl Consent {
    /// The network is this one now. Says whether it was another one before.
    pub fn see(&mut self, network: NetworkClass) -> bool {
        let is_another = self.network != network;
        if is_another {
            *self = Self { network, ..Self::default() };
        }
        is_another
    }

    /// The row may go once.
    pub fn allow(&mut self, row: RowId) {
        self.allowed.insert(row);
    }

    /// The row is done, or was stopped: what was said of it does not count any more.
    pub fn forget(&mut self, row: RowId) {
        self.allowed.remove(&row);
    }

    /// The network of unknown kind is Wi-Fi, or is not.
    pub fn treat_unknown_as_wifi(&mut self, is_wifi: bool) {
        self.unknown_is_wifi = is_wifi;
    }

    /// Whether bytes of the row may go over this network now.
    ///
    /// # Errors
    ///
    /// What they wait for.
    pub fn gate(&self, row: RowId, network: NetworkClass, wifi_only: bool) -> Result<(), WaitReason> {
        // Said of another network than the one of this very moment, it counts for nothing.
        let counts = self.network == network;
        gate(row.traffic(), network, wifi_only, counts && self.unknown_is_wifi, counts && self.allowed.contains(&row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of network: what materials wait for with the switch off, with it on, and with it on when the rep says that unknown is Wi-Fi.
    #[test]
    fn every_network_carries_what_the_switch_and_the_rep_let_it() {
        use NetworkClass::{Cellular, MeteredWiFi, Offline, Roaming, Unknown, WiFi};
        for (network, off, on, on_unknown_is_wifi) in [
            (WiFi, Ok(()), Ok(()), Ok(())),
            (MeteredWiFi, Ok(()), Err(WaitReason::MeteredWiFi), Err(WaitReason::MeteredWiFi)),
            (Cellular, Ok(()), Err(WaitReason::WiFi), Err(WaitReason::WiFi)),
            (Roaming, Err(WaitReason::Roaming), Err(WaitReason::Roaming), Err(WaitReason::Roaming)),
            (Unknown, Ok(()), Err(WaitReason::UnknownNetwork), Ok(())),
            (Offline, Ok(()), Err(WaitReason::WiFi), Err(WaitReason::WiFi)),
        ] {
            for class in [TrafficClass::Materials, TrafficClass::Library] {
                assert_eq!(gate(class, network, false, false, false), off, "{class:?} {network:?}, off");
                assert_eq!(gate(class, network, false, true, false), off, "{class:?} {network:?}, off, unknown is Wi-Fi");
                assert_eq!(gate(class, network, true, false, false), on, "{class:?} {network:?}, on");
                assert_eq!(gate(class, network, true, true, false), on_unknown_is_wifi, "{class:?} {network:?}, on, unknown is Wi-Fi");
            }
            for (class, allowed) in [(TrafficClass::Mandatory, false), (TrafficClass::Materials, true), (TrafficClass::Library, true)] {
                for (wifi_only, unknown_is_wifi) in [(false, false), (false, true), (true, false), (true, true)] {
                    assert_eq!(gate(class, network, wifi_only, unknown_is_wifi, allowed), Ok(()), "{class:?} {network:?} {wifi_only}");
                }
            }
        }
        assert_eq!(NetworkClass::ALL.len(), 6, "a new kind of network needs its line in the table");
    }

    #[test]
    fn what_the_rep_said_holds_for_that_row_on_that_network_until_it_is_another() {
        let (up, down) = (RowId::UploadMaterials, RowId::DownloadMaterials);
        let mut consent = Consent::default();
        assert!(consent.see(NetworkClass::Cellular));
        consent.allow(up);
        assert_eq!(consent.gate(up, NetworkClass::Cellular, true), Ok(()));
        assert_eq!(consent.gate(down, NetworkClass::Cellular, true), Err(WaitReason::WiFi), "another row was not allowed");
        assert_eq!(consent.gate(up, NetworkClass::Roaming, true), Err(WaitReason::Roaming), "nor was another network");
        assert!(!consent.see(NetworkClass::Cellular));
        assert_eq!(consent.gate(up, NetworkClass::Cellular, true), Ok(()));
        assert!(consent.see(NetworkClass::WiFi) && consent.see(NetworkClass::Cellular));
        assert_eq!(consent.gate(up, NetworkClass::Cellular, true), Err(WaitReason::WiFi), "it is forgotten, though the network is back");
        consent.allow(up);
        consent.forget(up);
        assert_eq!(consent.gate(up, NetworkClass::Cellular, true), Err(WaitReason::WiFi));
    }

    #[test]
    fn an_unknown_network_is_wifi_until_it_is_another_one() {
        let row = RowId::DownloadLibrary;
        let mut consent = Consent::default();
        consent.see(NetworkClass::Unknown);
        assert_eq!(consent.gate(row, NetworkClass::Unknown, true), Err(WaitReason::UnknownNetwork));
        consent.treat_unknown_as_wifi(true);
        assert_eq!(consent.gate(row, NetworkClass::Unknown, true), Ok(()));
        consent.see(NetworkClass::Offline);
        consent.see(NetworkClass::Unknown);
        assert_eq!(consent.gate(row, NetworkClass::Unknown, true), Err(WaitReason::UnknownNetwork));
    }
}
