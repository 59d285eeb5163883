//! The rep sets the wanted day of delivery.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_domain::ids::DocumentId;
use polevik_domain::time::CalendarDay;

use super::{own_draft, save};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

pub(super) fn set_delivery(both: &Both<'_>, order: DocumentId, day: Option<CalendarDay>, moment: &Moment) -> Result<(), DeviceError> {
    let mut head = own_draft(both, order, signed_in_id(&both.work)?)?;
    if day.is_some_and(|day| day < moment.today()) {
        return Err(Refusal::DeliveryInPast.into());
    }
    head.delivery_day = day;
    save(both, head, moment)
}
