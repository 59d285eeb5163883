//! «Точки»: the outlets of the territory, searched.

use polevik_device_api::view::{OutletRow, OutletsView};
use polevik_device_store::db::Both;
use polevik_device_store::reference::receivables;

use super::outlet_row;
use crate::acting::{Moment, signed_in_id};
use crate::catalogue::Catalogue;
use crate::error::DeviceError;

pub(crate) fn load(
    both: &Both<'_>,
    catalogue: &mut Catalogue,
    search: &str,
    limit: u32,
    moment: &Moment,
) -> Result<OutletsView, DeviceError> {
    signed_in_id(&both.work)?;
    let overdue = receivables::overdue(&both.reference, moment.today())?;
    let mut total = 0;
    let mut rows: Vec<OutletRow> = Vec::new();
    for outlet in catalogue.outlets(&both.reference)?.matching(search) {
        if total < limit {
            rows.push(outlet_row(outlet, overdue.get(&outlet.id).copied().unwrap_or_default()));
        }
        total += 1;
    }
    Ok(OutletsView { total, rows })
}
