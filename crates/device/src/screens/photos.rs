//! The photos of a visit, as several screens show them.

use polevik_device_api::files::{PhotoFileState, PhotoRow};
use polevik_device_api::sync::Failure;
use polevik_device_api::view::DocumentPlace;
use polevik_device_store::db::Both;
use polevik_device_store::work::outgoing_files::{self, OutgoingFile, OutgoingState};
use polevik_device_store::work::photos::{self, Photo};
use polevik_domain::ids::DocumentId;
use polevik_protocol::ErrorCode;

use super::place_of;
use crate::error::DeviceError;

/// The photos of a visit, in the order they were taken.
pub(crate) fn of_visit(both: &Both<'_>, visit: DocumentId) -> Result<Vec<PhotoRow>, DeviceError> {
    photos::of_visit(&both.work, visit)?.into_iter().map(|photo| row(both, photo)).collect()
}

/// One photo.
pub(crate) fn row(both: &Both<'_>, photo: Photo) -> Result<PhotoRow, DeviceError> {
    let file = outgoing_files::find(&both.work, &photo.file)?;
    Ok(PhotoRow {
        id: photo.id,
        scene: photo.scene,
        taken_at: photo.taken_at,
        bytes: file.as_ref().map_or(0, |file| file.bytes),
        file_state: file.map_or(PhotoFileState::Lost, state_of),
        file: photo.file,
        width: photo.width,
        height: photo.height,
        place: place_of(both, photo.id)?,
    })
}

fn state_of(file: OutgoingFile) -> PhotoFileState {
    match file.state {
        OutgoingState::Confirmed => PhotoFileState::OnServer { here: file.removed_at.is_none() },
        OutgoingState::Lost => PhotoFileState::Lost,
        OutgoingState::Waiting | OutgoingState::Refused | OutgoingState::Dropped => {
            let failure = file.failure.map(|(code, detail)| Failure::new(ErrorCode::parse(&code).unwrap_or(ErrorCode::Unexpected), detail));
            PhotoFileState::OnlyHere { sent: file.sent, failure }
        }
    }
}

/// How many photos of a visit count, and of how many of these the server does not have the file yet. Lost ones wait for nothing.
pub(crate) fn counts(rows: &[PhotoRow]) -> (u32, u32) {
    let counted: Vec<&PhotoRow> = rows.iter().filter(|row| !matches!(row.place, DocumentPlace::Withdrawn { .. })).collect();
    let waiting = counted.iter().filter(|row| matches!(row.file_state, PhotoFileState::OnlyHere { .. })).count();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    (number(counted.len()), number(waiting))
}
