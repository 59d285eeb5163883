//! The rep makes room: photos that the server has, materials that nobody opened for a month.

use polevik_device_store::db::Both;
use polevik_device_store::work::{held_files, outgoing_files};
use polevik_domain::time::UtcMillis;
use polevik_protocol::hash::Blake3Hex;

use crate::acting::Moment;
use crate::error::DeviceError;
use crate::keeping::Surroundings;
use crate::materials;

/// Names the files of photos whose hash the server confirmed, whatever their retention; no other photo is touched.
pub(super) fn remove_sent_photos(both: &Both<'_>, moment: &Moment) -> Result<Vec<Blake3Hex>, DeviceError> {
    Ok(outgoing_files::release(&both.work, UtcMillis(i64::MAX), moment.now)?)
}

/// Names the files of materials that were not used for a month, neither mandatory nor kept by the rep; they stay away until they are asked for.
pub(super) fn remove_unused_materials(both: &Both<'_>, moment: &Moment) -> Result<Vec<Blake3Hex>, DeviceError> {
    let surroundings = Surroundings::read(both, moment.today())?;
    let unused: Vec<Blake3Hex> =
        materials::unused(&surroundings.given(None), moment.now).into_iter().map(|held| held.file.clone()).collect();
    for file in &unused {
        held_files::leave(&both.work, file)?;
    }
    Ok(unused)
}
