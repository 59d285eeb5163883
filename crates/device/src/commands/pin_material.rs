//! The rep keeps a material on the device, or not any more.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::reference::materials;
use polevik_device_store::work::held_files;

use crate::acting::signed_in_id;
use crate::error::DeviceError;

pub(super) fn pin_material(both: &Both<'_>, material: i64, pinned: bool) -> Result<(), DeviceError> {
    signed_in_id(&both.work)?;
    materials::find(&both.reference, material)?.ok_or(Refusal::NotFound)?;
    Ok(held_files::pin(&both.work, material, pinned)?)
}
