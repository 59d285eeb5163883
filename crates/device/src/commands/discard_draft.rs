//! The rep throws away a draft that was never placed.

use polevik_device_store::db::Both;
use polevik_device_store::work::orders;
use polevik_domain::ids::DocumentId;

use super::own_draft;
use crate::acting::signed_in_id;
use crate::error::DeviceError;

pub(super) fn discard_draft(both: &Both<'_>, order: DocumentId) -> Result<(), DeviceError> {
    let head = own_draft(both, order, signed_in_id(&both.work)?)?;
    Ok(orders::discard(&both.work, head.id)?)
}
