//! The rep sends again what was set aside.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::work::parking;
use polevik_domain::ids::DocumentId;

use crate::error::DeviceError;

/// Lets one document go on, or all of them; the next session sends them. If the server breaks three times more, they are set aside again.
pub(super) fn unpark(both: &Both<'_>, document: Option<DocumentId>) -> Result<(), DeviceError> {
    match document {
        None => {
            parking::unpark_all(&both.work)?;
            Ok(())
        }
        Some(id) if parking::unpark(&both.work, id)? > 0 => Ok(()),
        Some(_) => Err(Refusal::NotFound.into()),
    }
}
