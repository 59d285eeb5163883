//! The rep says whether photos, materials and the recognition library wait for Wi-Fi.

use polevik_device_store::db::Both;
use polevik_device_store::work::options::{self, OptionName};

use crate::error::DeviceError;

pub(super) fn set_wifi_only(both: &Both<'_>, on: bool) -> Result<(), DeviceError> {
    if on {
        options::set(&both.work, OptionName::WiFiOnly, "1")?;
    } else {
        options::clear(&both.work, OptionName::WiFiOnly)?;
    }
    Ok(())
}
