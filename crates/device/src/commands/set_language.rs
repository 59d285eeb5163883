//! The rep chooses the language of the screens; also possible before anybody signs in.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::work::options::{self, OptionName};

use crate::error::DeviceError;

pub(super) fn set_language(both: &Both<'_>, language: &str) -> Result<(), DeviceError> {
    if !matches!(language, "ru" | "en") {
        return Err(Refusal::NotFound.into());
    }
    Ok(options::set(&both.work, OptionName::Language, language)?)
}
