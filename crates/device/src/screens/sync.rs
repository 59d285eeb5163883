//! «Синхронизация»: the rows, where they stand, what waits.

use polevik_device_api::sync::{Direction, RowView, SyncView};
use polevik_device_api::{NetworkClass, RowId};
use polevik_device_store::db::Both;
use polevik_device_store::work::outbox::{self, Counts};
use polevik_domain::time::UtcMillis;

use crate::acting::last_position;
use crate::error::DeviceError;
use crate::sync::engine::Engine;

pub(crate) fn load(both: &Both<'_>, engine: &Engine, device_now: UtcMillis) -> Result<SyncView, DeviceError> {
    let counts = match last_position(&both.work)? {
        Some(position) => outbox::counts(&both.work, position.id)?,
        None => Counts::default(),
    };
    let refused_later = u32::try_from(super::attention::refused_later(both)?.len()).unwrap_or(u32::MAX);
    let rows = RowId::ALL
        .into_iter()
        .map(|id| {
            let row = engine.row(id);
            let (counts, refused_later) = match id.direction() {
                Direction::Upload => (counts, refused_later),
                Direction::Download => (Counts::default(), 0),
            };
            RowView {
                id,
                state: row.shown(),
                failure: row.failure().cloned(),
                last_success: row.last_success,
                last_attempt: row.last_attempt,
                changed: row.changed,
                files_waiting: 0,
                bytes_waiting: 0,
                lost_photos: 0,
                library_version: None,
                library_bytes: None,
                orders_waiting: counts.orders,
                visits_waiting: counts.visits,
                withdrawals_waiting: counts.withdrawals,
                need_attention: counts.refused + counts.parked + refused_later,
                parked: counts.parked,
                re_offered: counts.re_offered,
            }
        })
        .collect();
    let (session, last) = (engine.session(), engine.last());
    Ok(SyncView {
        rows,
        running: session.is_some(),
        tag: session.map(|session| session.tag.to_string()).or_else(|| last.map(|ended| ended.tag.clone())),
        result: last.map(|ended| ended.result.clone()),
        last_counts: last.map(|ended| (ended.sent, ended.received, ended.bytes, ended.millis)),
        network: NetworkClass::Unknown,
        wifi_only: false,
        clock_offset_ms: engine.clock_offset_ms(),
        now: device_now,
    })
}
