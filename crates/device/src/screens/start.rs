//! Where the application begins.

use polevik_device_api::view::StartView;
use polevik_device_store::db::Both;
use polevik_device_store::reference::checkpoints;
use polevik_device_store::work::options::{self, OptionName};

use crate::error::DeviceError;

pub(crate) fn load(both: &Both<'_>) -> Result<StartView, DeviceError> {
    Ok(StartView {
        signed_in: options::get(&both.work, OptionName::Token)?.is_some(),
        ready: checkpoints::feed(&both.reference)?.is_some(),
        language: options::get(&both.work, OptionName::Language)?,
    })
}
