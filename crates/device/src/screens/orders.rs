//! «Заказы»: what this position ordered on this device.

use polevik_device_api::view::OrdersView;
use polevik_device_store::db::Both;
use polevik_device_store::work::orders;

use super::order_rows;
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

pub(crate) fn load(both: &Both<'_>, limit: u32, moment: &Moment) -> Result<OrdersView, DeviceError> {
    let position = signed_in_id(&both.work)?;
    Ok(OrdersView {
        total: orders::count(&both.work, position)?,
        rows: order_rows(both, &orders::newest(&both.work, position, limit)?)?,
        today: moment.today(),
    })
}
