//! `POST /v1/repair`: a device whose rows do not add up finds the few that are wrong.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::StateSum;
use polevik_protocol::repair::{
    HeldRange, KeyRange, MAX_REPAIR_RANGES, MAX_REPAIR_REPLY_ROWS, MAX_REPAIR_ROWS, RepairReply, RepairRequest, RepairedRange,
};
use polevik_protocol::rows::TableDef;
use polevik_protocol::segment::{SegmentKind, SegmentWriter};
use polevik_protocol::version::{OLDEST_DOWNLOAD, PROTOCOL, SCHEMA};
use polevik_server_store::feed::change_log;
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::rows;
use polevik_server_store::{StoreError, Transaction};

use super::entitlement::KnownKinds;
use crate::admission::Class;
use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::error::HttpError;
use crate::{body, database};

/// Largest body of a request, in bytes: [`MAX_REPAIR_RANGES`] ranges are far shorter.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// How much of a part's share a repair takes: it reads the rows of a whole bucket.
const COST: u32 = 4;

/// `POST /v1/repair`.
///
/// Compares what the device holds of each range with the rows as of the same change number, and sends the rows of those that differ, or asks
/// for narrower ranges. A bucket that is not the caller's is not found.
///
/// When it is the server whose rows do not add up, they are put right, which gives the bucket another head: the device fetches news.
///
/// # Errors
///
/// S304 for another protocol; malformed; not found; S303 when the server or the device has too much to do.
pub async fn repair(
    State(app): State<App>,
    device: AuthenticatedDevice,
    headers: HeaderMap,
    raw: Body,
) -> Result<Json<RepairReply>, HttpError> {
    let request: RepairRequest = body::parse(&body::read(&app, &headers, raw, MAX_BODY_BYTES).await?)?;
    check_version(request.protocol)?;
    if request.ranges.len() > MAX_REPAIR_RANGES {
        return Err(HttpError::malformed(format_args!("more than {MAX_REPAIR_RANGES} ranges")));
    }
    let now = app.now();
    app.asked.request(device.device, now).map_err(|seconds| HttpError::too_many_requests("too many requests of this device", seconds))?;
    let place = app.admission.enter(&device.scope.part_id, Class::Download, COST, app.jitter()).await?;
    let work = {
        let app = app.clone();
        move || {
            let _place = place;
            repaired(&app, &device.scope, &request, now)
        }
    };
    database::blocking(work).await.map(Json)
}

/// Whether the device may still download from us.
pub(super) fn check_version(protocol: u32) -> Result<(), HttpError> {
    if (OLDEST_DOWNLOAD..=PROTOCOL).contains(&protocol) { Ok(()) } else { Err(HttpError::update_needed(protocol, PROTOCOL)) }
}

/// What the device's bucket is now, sealed; not found if it is not one of the scope's.
///
/// # Errors
///
/// Not found; what the database says.
pub(super) fn own_bucket(app: &App, scope: &Scope, bucket: &BucketName, now: UtcMillis) -> Result<OwnBucket, HttpError> {
    let announced = app.announcements.newest(&app.store, &app.sealer, scope, KnownKinds::ALL, now)?;
    let found = announced.buckets.iter().find(|known| known.name() == bucket).ok_or_else(HttpError::not_found)?;
    Ok(OwnBucket { epoch: announced.epoch.clone(), head: found.head(), state: found.manifest.state })
}

/// A bucket of the caller's scope as it was announced last.
pub(super) struct OwnBucket {
    pub(super) epoch: String,
    pub(super) head: ChangeNo,
    pub(super) state: StateSum,
}

fn repaired(app: &App, scope: &Scope, request: &RepairRequest, now: UtcMillis) -> Result<RepairReply, HttpError> {
    let bucket = own_bucket(app, scope, &request.bucket, now)?;
    let only_head = |bucket: &OwnBucket| RepairReply {
        server_time_ms: app.now(),
        head: bucket.head.0,
        state: bucket.state,
        repaired: Vec::new(),
        narrower: Vec::new(),
    };
    if request.epoch != bucket.epoch || request.cursor != bucket.head.0 {
        return Ok(only_head(&bucket));
    }
    let compared = app.store.read(|tx| compare(tx, &scope.part_id, &request.bucket, bucket.head, &request.ranges))?;
    let (outcome, reply) = match compared {
        Compared::MovedOn(head) => ("moved", RepairReply { head: head.0, ..only_head(&bucket) }),
        Compared::OwnRowsAreWrong => {
            app.sealer.repair(&scope.part_id, &request.bucket, now)?;
            ("own_rows", only_head(&own_bucket(app, scope, &request.bucket, now)?))
        }
        Compared::Ranges { repaired, narrower } => {
            let outcome = if repaired.is_empty() && narrower.is_empty() { "equal" } else { "differs" };
            (outcome, RepairReply { repaired, narrower, ..only_head(&bucket) })
        }
    };
    metrics::counter!("polevik_repair_requests_total", "outcome" => outcome).increment(1);
    tracing::warn!(
        bucket = %request.bucket,
        outcome,
        asked = request.ranges.len(),
        repaired = reply.repaired.len(),
        narrower = reply.narrower.len(),
        "rows of a device do not add up"
    );
    Ok(reply)
}

/// What comparing came to.
enum Compared {
    /// Something was committed since the bucket was sealed.
    MovedOn(ChangeNo),
    /// The device is right, or cannot get right: our rows do not add up to our sums.
    OwnRowsAreWrong,
    /// Ranges that differ, and those to be cut narrower.
    Ranges { repaired: Vec<RepairedRange>, narrower: Vec<KeyRange> },
}

/// Compares within one snapshot.
fn compare(tx: &Transaction<'_>, part_id: &str, bucket: &BucketName, head: ChangeNo, ranges: &[HeldRange]) -> Result<Compared, HttpError> {
    // Nothing was ever in a bucket without a head.
    let (now, said) = change_log::head(tx, part_id, bucket)?.map_or_else(Default::default, |known| (known.head, known.state));
    if now != head {
        return Ok(Compared::MovedOn(now));
    }
    let part = part::load(tx, part_id)?;
    let (mut repaired, mut narrower) = (Vec::new(), Vec::new());
    let mut room = MAX_REPAIR_REPLY_ROWS;
    for held in ranges {
        let range = held.range;
        // A table we do not know is one of a newer device: there are no rows of it here.
        let Some(table) = TableDef::by_id(range.table) else { continue };
        if range.lo > range.hi {
            return Err(HttpError::malformed("a range whose first key is above its last"));
        }
        let state = rows::state_of_range(tx, part_id, table, bucket, (range.lo, range.hi))?;
        if state == held.state {
            continue;
        }
        if state.rows > MAX_REPAIR_ROWS || state.rows > room {
            narrower.push(range);
            continue;
        }
        room -= state.rows;
        let (segment, written) = segment_of(tx, &part, bucket, table, (range.lo, range.hi))?;
        if written != state {
            return Ok(Compared::OwnRowsAreWrong);
        }
        repaired.push(RepairedRange { range, segment });
    }
    // The device holds what we hold, and yet it does not add up: then it is our sum that is wrong.
    if repaired.is_empty() && narrower.is_empty() && rows::recount(tx, part_id, bucket)? != said {
        return Ok(Compared::OwnRowsAreWrong);
    }
    Ok(Compared::Ranges { repaired, narrower })
}

/// The rows of a range as a base segment, base64, and what they add up to by their values.
fn segment_of(
    tx: &Transaction<'_>,
    part: &Part,
    bucket: &BucketName,
    table: &'static TableDef,
    range: (i64, i64),
) -> Result<(String, StateSum), HttpError> {
    let mut writer = SegmentWriter::new(SegmentKind::Base, table, part.hash_key);
    rows::visit_range(tx, &part.id, table, bucket, range, |pk, values| {
        writer.put(pk, values);
        Ok::<_, StoreError>(())
    })?;
    let state = writer.state();
    Ok((finished(writer, part, bucket)?, state))
}

/// The segment's bytes, base64.
pub(super) fn finished(writer: SegmentWriter, part: &Part, bucket: &BucketName) -> Result<String, HttpError> {
    let bytes = writer.finish(&part.id, bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).map_err(HttpError::internal)?;
    metrics::counter!("polevik_segment_bytes_total", "road" => "repair").increment(u64::try_from(bytes.len()).unwrap_or(0));
    Ok(STANDARD.encode(bytes))
}
