//! «Память устройства»: what takes room, and what may go.

use polevik_device_api::files::{Amount, Space, StorageView};
use polevik_device_store::db::Both;
use polevik_device_store::space;
use polevik_device_store::work::held_files::{HeldFile, HeldState};
use polevik_device_store::work::{library, outgoing_files};

use crate::acting::Moment;
use crate::error::DeviceError;
use crate::files::Room;
use crate::keeping::Surroundings;
use crate::materials;

/// Also shown to somebody who is not signed in: what is here is here.
pub(crate) fn load(both: &Both<'_>, room: Room, moment: &Moment) -> Result<StorageView, DeviceError> {
    let (queued, sent) = outgoing_files::amounts(&both.work)?;
    let surroundings = Surroundings::read(both, moment.today())?;
    Ok(StorageView {
        databases: space::of_databases(both)?,
        queued_photos: amount([queued]),
        sent_photos: amount([sent]),
        materials: amount(surroundings.held.iter().filter_map(on_disk)),
        unused_materials: amount(materials::unused(&surroundings.given(room.free), moment.now).into_iter().filter_map(on_disk)),
        library: amount(library::all_files(&both.work)?.into_iter().map(|(_, bytes)| (1, bytes))),
        // No log is kept in files yet: lines go to the machine's own log.
        logs: 0,
        free: room.free,
        persistent: room.persistent,
        space: Space::of(room.free),
    })
}

fn on_disk(held: &HeldFile) -> Option<(u32, u64)> {
    match held.state {
        HeldState::Here => Some((1, held.bytes)),
        HeldState::Partial { have } => Some((1, have)),
        HeldState::Failed { .. } | HeldState::Left => None,
    }
}

fn amount(parts: impl IntoIterator<Item = (u32, u64)>) -> Amount {
    parts.into_iter().fold(Amount::default(), |sum, (files, bytes)| Amount { files: sum.files + files, bytes: sum.bytes + bytes })
}
