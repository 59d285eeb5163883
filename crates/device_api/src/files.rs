//! Photos, materials and the room they take, as screens show them.

use polevik_domain::ids::{DocumentId, OutletId, ProductId};
use polevik_domain::photo::Scene;
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_protocol::hash::Blake3Hex;
use serde::{Deserialize, Serialize};

use crate::sync::{Failure, WaitReason};
use crate::view::DocumentPlace;

/// Where a face finds a file that is here, whole and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAt {
    /// Path within the application's storage, made of digits of the hash only: `files/ab/ab12…`. In a browser within the origin's private
    /// storage, natively within the data folder.
    pub path: String,
    /// Its name by content.
    pub hash: Blake3Hex,
    /// Its length.
    pub bytes: u64,
    /// Its type.
    pub content_type: String,
    /// Name for people; never a path.
    pub file_name: String,
}

/// One photo of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRow {
    /// Its document.
    pub id: DocumentId,
    /// What it shows.
    pub scene: Scene,
    /// When it was taken.
    pub taken_at: UtcMillis,
    /// Its file.
    pub file: Blake3Hex,
    /// Length of the file.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Where its data (not the file) are.
    pub place: DocumentPlace,
    /// Where its file is.
    pub file_state: PhotoFileState,
}

/// Where the file of a photo is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PhotoFileState {
    /// Only on this device.
    OnlyHere {
        /// Bytes the server has of it already.
        sent: u64,
        /// Why it failed last, if it did.
        failure: Option<Failure>,
    },
    /// The server has it and confirmed its hash; it may still be here too.
    OnServer {
        /// Whether it is still on this device.
        here: bool,
    },
    /// It is gone from the device, and the server never had it whole (L504).
    Lost,
}

/// «Материалы».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialsView {
    /// Those shown today: mandatory ones first, then by folder and title.
    pub rows: Vec<MaterialRow>,
    /// Bytes of materials that are here.
    pub bytes_here: u64,
    /// Bytes of all that are shown.
    pub bytes_total: u64,
    /// Most bytes that materials may take here.
    pub budget: u64,
    /// Why those that are missing wait, if they do.
    pub waiting: Option<WaitReason>,
}

/// One material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialRow {
    /// Its id.
    pub id: i64,
    /// Title.
    pub title: String,
    /// `planogram`, `price_list`, `presentation`, `picture`, `video`, `training`.
    pub kind: String,
    /// Folder; may be empty.
    pub folder: String,
    /// Its file.
    pub file: Blake3Hex,
    /// Length of the file.
    pub bytes: u64,
    /// Type of the file.
    pub content_type: String,
    /// Name for people.
    pub file_name: String,
    /// The office's version.
    pub version: u32,
    /// Whether it is loaded before others and never removed to make room.
    pub mandatory: bool,
    /// Whether it was never opened here in this version.
    pub is_new: bool,
    /// Whether the rep keeps it here.
    pub pinned: bool,
    /// Last day it is shown.
    pub valid_to: Option<CalendarDay>,
    /// The outlet it is about.
    pub outlet: Option<OutletId>,
    /// The product it shows.
    pub product: Option<ProductId>,
    /// Where its file is.
    pub state: MaterialState,
}

/// Where the file of a material is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MaterialState {
    /// Here, whole and checked.
    Here,
    /// Not here; it comes with the next synchronisation of materials.
    Wanted {
        /// Bytes that are here already.
        have: u64,
    },
    /// Not here and not wanted: it does not fit into what materials may take, or was removed by the rep.
    Left,
    /// It could not be loaded.
    Failed(Failure),
}

/// «Память устройства».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageView {
    /// Bytes of the databases.
    pub databases: u64,
    /// Photos that wait to be sent; never removed.
    pub queued_photos: Amount,
    /// Photos the server has, still kept here.
    pub sent_photos: Amount,
    /// Materials.
    pub materials: Amount,
    /// Materials that were not opened for [`UNUSED_DAYS`] days and may go.
    pub unused_materials: Amount,
    /// The recognition library: the one in use, the one before it, and what is staged.
    pub library: Amount,
    /// Log files.
    pub logs: u64,
    /// What may still be written, as far as the platform tells.
    pub free: Option<u64>,
    /// Whether the platform promised not to clear our storage by itself; `None` where that cannot be asked.
    pub persistent: Option<bool>,
    /// How space stands.
    pub space: Space,
}

/// Days without opening after which a material may be removed to make room.
pub const UNUSED_DAYS: u32 = 30;

/// Free space below which the rep is warned, in bytes: 500 MB.
pub const WARN_FREE_BYTES: u64 = 500 * 1000 * 1000;

/// Free space below which no photo is taken any more, in bytes: 100 MB.
pub const STOP_FREE_BYTES: u64 = 100 * 1000 * 1000;

/// Files and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    /// How many.
    pub files: u32,
    /// Their bytes on this device.
    pub bytes: u64,
}

/// How free space stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Space {
    /// Enough, or not known.
    Enough,
    /// Below [`WARN_FREE_BYTES`].
    Low,
    /// Below [`STOP_FREE_BYTES`]: no photo can be taken.
    Full,
}

impl Space {
    /// How space stands with so many bytes free.
    #[must_use]
    pub fn of(free: Option<u64>) -> Self {
        match free {
            Some(free) if free < STOP_FREE_BYTES => Self::Full,
            Some(free) if free < WARN_FREE_BYTES => Self::Low,
            _ => Self::Enough,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rep_is_warned_at_500_mb_and_the_camera_stops_at_100_mb() {
        for (free, space) in [
            (None, Space::Enough),
            (Some(500_000_000), Space::Enough),
            (Some(499_999_999), Space::Low),
            (Some(100_000_000), Space::Low),
            (Some(99_999_999), Space::Full),
            (Some(0), Space::Full),
        ] {
            assert_eq!(Space::of(free), space, "{free:?}");
        }
    }
}
