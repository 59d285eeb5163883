//! What a browser's words about its network mean.

use polevik_device::api::NetworkClass;

/// The network, from whether there is one, `navigator.connection.type` and `navigator.connection.saveData`.
#[must_use]
pub fn class_of(is_online: bool, kind: Option<&str>, saves_data: bool) -> NetworkClass {
    match kind {
        _ if !is_online => NetworkClass::Offline,
        Some("none") => NetworkClass::Offline,
        Some("wifi" | "ethernet") if saves_data => NetworkClass::MeteredWiFi,
        Some("wifi" | "ethernet") => NetworkClass::WiFi,
        // Another phone's network, lent over a short way.
        Some("bluetooth") => NetworkClass::MeteredWiFi,
        Some("cellular" | "wimax") => NetworkClass::Cellular,
        // `unknown`, `other`, `mixed`, words of newer browsers, or no word at all.
        Some(_) | None => NetworkClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_free_counts_as_wifi() {
        for (is_online, kind, saves_data, class) in [
            (true, Some("wifi"), false, NetworkClass::WiFi),
            (true, Some("ethernet"), false, NetworkClass::WiFi),
            (true, Some("wifi"), true, NetworkClass::MeteredWiFi),
            (true, Some("bluetooth"), false, NetworkClass::MeteredWiFi),
            (true, Some("cellular"), false, NetworkClass::Cellular),
            (true, Some("cellular"), true, NetworkClass::Cellular),
            (true, Some("none"), false, NetworkClass::Offline),
            (true, Some("unknown"), false, NetworkClass::Unknown),
            (true, Some("a word of next year"), false, NetworkClass::Unknown),
            (true, None, false, NetworkClass::Unknown),
            (false, Some("wifi"), false, NetworkClass::Offline),
            (false, None, false, NetworkClass::Offline),
        ] {
            assert_eq!(class_of(is_online, kind, saves_data), class, "{is_online} {kind:?} {saves_data}");
        }
    }
}
