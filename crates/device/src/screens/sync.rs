//! «Синхронизация»: the rows, where they stand, what waits.

use polevik_device_api::sync::{RowView, SyncView};
use polevik_device_api::{NetworkClass, RowId};
use polevik_device_store::db::Both;
use polevik_device_store::work::library::{self, Role};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::outbox::{self, Counts};
use polevik_device_store::work::outgoing_files;
use polevik_domain::time::UtcMillis;

use crate::acting::{Moment, last_position};
use crate::error::DeviceError;
use crate::keeping::Surroundings;
use crate::materials;
use crate::sync::engine::Engine;

/// What the screen shows besides rows and documents.
pub(crate) struct Outside {
    /// The network there was last.
    pub(crate) network: NetworkClass,
    /// What may still be written, as far as that is known.
    pub(crate) free: Option<u64>,
    /// Now, by the device's clock.
    pub(crate) device_now: UtcMillis,
}

/// What waits in a row, and what the row has.
#[derive(Default)]
struct InRow {
    counts: Counts,
    refused_later: u32,
    files: u32,
    bytes: u64,
    lost_photos: u32,
    library: Option<(u64, u64)>,
}

pub(crate) fn load(both: &Both<'_>, engine: &Engine, outside: &Outside, moment: &Moment) -> Result<SyncView, DeviceError> {
    let position = last_position(&both.work)?;
    let in_row = |id: RowId| -> Result<InRow, DeviceError> {
        Ok(match (id, &position) {
            (RowId::UploadMandatory, Some(position)) => {
                let refused_later = u32::try_from(super::attention::refused_later(both)?.len()).unwrap_or(u32::MAX);
                InRow { counts: outbox::counts(&both.work, position.id)?, refused_later, ..InRow::default() }
            }
            (RowId::UploadMaterials, Some(position)) => {
                let counts = outgoing_files::counts(&both.work, position.id)?;
                InRow { files: counts.waiting, bytes: counts.bytes, lost_photos: counts.lost, ..InRow::default() }
            }
            (RowId::DownloadMaterials, Some(_)) => {
                let plan = materials::plan(&Surroundings::read(both, moment.today())?.given(outside.free));
                let bytes = plan.fetch.iter().map(|wanted| wanted.bytes - wanted.have).sum();
                InRow { files: u32::try_from(plan.fetch.len()).unwrap_or(u32::MAX), bytes, ..InRow::default() }
            }
            (RowId::DownloadLibrary, Some(_)) => {
                let active = library::version(&both.work, Role::Active)?;
                InRow { library: active.map(|active| (active.version, active.bytes)), ..InRow::default() }
            }
            (RowId::DownloadMandatory, _) | (_, None) => InRow::default(),
        })
    };
    let rows = RowId::ALL
        .into_iter()
        .map(|id| {
            let row = engine.row(id);
            let InRow { counts, refused_later, files, bytes, lost_photos, library } = in_row(id)?;
            Ok(RowView {
                id,
                state: row.shown(),
                failure: row.failure().cloned(),
                last_success: row.last_success,
                last_attempt: row.last_attempt,
                changed: row.changed,
                files_waiting: files,
                bytes_waiting: bytes,
                lost_photos,
                library_version: library.map(|(version, _)| version),
                library_bytes: library.map(|(_, bytes)| bytes),
                orders_waiting: counts.orders,
                visits_waiting: counts.visits,
                withdrawals_waiting: counts.withdrawals,
                need_attention: counts.refused + counts.parked + refused_later,
                parked: counts.parked,
                re_offered: counts.re_offered,
            })
        })
        .collect::<Result<_, DeviceError>>()?;
    let (session, last) = (engine.session(), engine.last());
    Ok(SyncView {
        rows,
        running: session.is_some(),
        tag: session.map(|session| session.tag.to_string()).or_else(|| last.map(|ended| ended.tag.clone())),
        result: last.map(|ended| ended.result.clone()),
        last_counts: last.map(|ended| (ended.sent, ended.received, ended.bytes, ended.millis)),
        network: outside.network,
        wifi_only: options::get(&both.work, OptionName::WiFiOnly)?.is_some(),
        clock_offset_ms: engine.clock_offset_ms(),
        now: outside.device_now,
    })
}
