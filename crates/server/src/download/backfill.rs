//! `POST /v1/backfill`: columns that a device has learned to know, for rows it already holds.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::repair::{BackfillReply, BackfillRequest, MAX_BACKFILL_ROWS};
use polevik_protocol::rows::{TableDef, Value, ValueRef};
use polevik_protocol::segment::{SegmentKind, SegmentWriter};
use polevik_server_store::feed::change_log;
use polevik_server_store::part;
use polevik_server_store::reference::rows;

use super::repair::{check_version, finished, own_bucket};
use crate::admission::Class;
use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::error::HttpError;
use crate::{body, database};

/// Largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// How much of a part's share a request takes.
const COST: u32 = 2;

/// Rows read at once while rows with a value are looked for.
const LOOKED_AT_ONCE: u32 = 4_096;

/// `POST /v1/backfill`.
///
/// Rows of one table of a bucket that have a value in one of the columns, with these columns only. A bucket that is not the caller's is not
/// found, and neither is a table or column that this server does not know.
///
/// # Errors
///
/// S304 for another protocol; malformed; not found; S303 when the server or the device has too much to do.
pub async fn backfill(
    State(app): State<App>,
    device: AuthenticatedDevice,
    headers: HeaderMap,
    raw: Body,
) -> Result<Json<BackfillReply>, HttpError> {
    let request: BackfillRequest = body::parse(&body::read(&app, &headers, raw, MAX_BODY_BYTES).await?)?;
    check_version(request.protocol)?;
    let table = TableDef::by_id(request.table).ok_or_else(HttpError::not_found)?;
    if request.columns.is_empty() || !request.columns.iter().all(|id| table.columns.iter().any(|column| column.id == *id)) {
        return Err(HttpError::not_found());
    }
    let now = app.now();
    app.asked.request(device.device, now).map_err(|seconds| HttpError::too_many_requests("too many requests of this device", seconds))?;
    let place = app.admission.enter(&device.scope.part_id, Class::Download, COST, app.jitter()).await?;
    let work = {
        let app = app.clone();
        move || {
            let _place = place;
            backfilled(&app, &device.scope, table, &request, now)
        }
    };
    database::blocking(work).await.map(Json)
}

fn backfilled(
    app: &App,
    scope: &Scope,
    table: &'static TableDef,
    request: &BackfillRequest,
    now: UtcMillis,
) -> Result<BackfillReply, HttpError> {
    let bucket = own_bucket(app, scope, &request.bucket, now)?;
    let only_head = |head: u64| BackfillReply { server_time_ms: app.now(), head, segment: None, next: None };
    if request.epoch != bucket.epoch || request.cursor != bucket.head.0 {
        return Ok(only_head(bucket.head.0));
    }
    app.store.read(|tx| {
        let head = change_log::number(tx, &scope.part_id, &request.bucket)?.unwrap_or_default();
        if head != bucket.head {
            return Ok(only_head(head.0));
        }
        let part = part::load(tx, &scope.part_id)?;
        let most = usize::try_from(MAX_BACKFILL_ROWS).unwrap_or(usize::MAX);
        let mut writer = SegmentWriter::new(SegmentKind::Base, table, part.hash_key);
        let mut after = request.after.unwrap_or(i64::MIN);
        let next = loop {
            let some = rows::after(tx, &part.id, table, &request.bucket, after, LOOKED_AT_ONCE)?;
            for row in &some {
                after = row.id;
                if let Some(values) = only_columns(table, &row.values, &request.columns) {
                    writer.put(row.id, &values);
                }
                if writer.len() == most {
                    break;
                }
            }
            if writer.len() == most {
                break Some(after);
            }
            if u32::try_from(some.len()).is_ok_and(|found| found < LOOKED_AT_ONCE) {
                break None;
            }
        };
        let segment = if writer.is_empty() { None } else { Some(finished(writer, &part, &request.bucket)?) };
        Ok(BackfillReply { segment, next, ..only_head(head.0) })
    })
}

/// A row's values in the wanted columns, the others absent; `None` if none of them has one.
fn only_columns<'a>(table: &TableDef, values: &'a [Value], wanted: &[u16]) -> Option<Vec<ValueRef<'a>>> {
    let kept: Vec<ValueRef<'_>> = table
        .columns
        .iter()
        .zip(values)
        .map(|(column, value)| if wanted.contains(&column.id) { value.as_ref() } else { ValueRef::Null })
        .collect();
    kept.iter().any(|value| *value != ValueRef::Null).then_some(kept)
}

#[cfg(test)]
mod tests {
    use polevik_protocol::rows::PRICE;

    use super::*;

    #[test]
    fn only_the_wanted_columns_are_kept_and_a_row_without_them_is_none() {
        let values = [Value::Int(1), Value::Int(2), Value::Null, Value::Int(4)];
        assert_eq!(only_columns(PRICE, &values, &[2, 3]), Some(vec![ValueRef::Null, ValueRef::Int(2), ValueRef::Null, ValueRef::Null]));
        assert_eq!(only_columns(PRICE, &values, &[3]), None);
    }
}
