//! `POST /v1/files/offer`: what the server has already is not sent again.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use polevik_protocol::error_code::ErrorCode;
use polevik_protocol::file::{FileClass, MAX_OFFERED_FILES, OfferAnswer, OfferReply, OfferRequest, OfferedFile};
use polevik_server_store::documents::files::{self, Sender};
use polevik_server_store::{StoreError, Transaction};

use super::finish::finish;
use super::uploads::UPLOADS;
use crate::app::App;
use crate::authenticated::{AuthenticatedDevice, UploadingDevice};
use crate::download::entitlement::{KnownKinds, audiences_of};
use crate::error::HttpError;
use crate::{body, database};

/// Largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// `POST /v1/files/offer`.
///
/// A file is told to be here only if the device may have it: it, its chain or its position brought it, or it is one of its materials. Else
/// it is wanted, as if it were nowhere. Where an upload of it is under way, it says how far; that much is on the disk.
///
/// # Errors
///
/// Malformed, more than [`MAX_OFFERED_FILES`]; S303 when the device asks too often; what disk and database say.
pub async fn offer(State(app): State<App>, caller: UploadingDevice, headers: HeaderMap, raw: Body) -> Result<Json<OfferReply>, HttpError> {
    let device = caller.device;
    let request: OfferRequest = body::parse(&body::read(&app, &headers, raw, MAX_BODY_BYTES).await?)?;
    if request.files.len() > MAX_OFFERED_FILES {
        return Err(HttpError::too_large(format_args!("{MAX_OFFERED_FILES} files")));
    }
    let now = app.now();
    app.asked.request(device.device, now).map_err(|seconds| HttpError::too_many_requests("too many requests of this device", seconds))?;
    let (working, asking, offered) = (app.clone(), device.clone(), request.files.clone());
    let held: Vec<bool> = database::blocking(move || held(&working, &asking, &offered)).await?;
    let mut answers = Vec::with_capacity(held.len());
    for (file, is_held) in request.files.iter().zip(held) {
        answers.push(if is_held { OfferAnswer::Held } else { answer(&app, &device, file).await? });
    }
    if answers.contains(&OfferAnswer::Held) {
        // Whoever learns that nothing has to be sent spares us the rest.
        app.asked.was_useful(device.device, now);
    }
    Ok(Json(OfferReply { files: answers }))
}

/// Which of the files are here, whole, for this device.
fn held(app: &App, device: &AuthenticatedDevice, offered: &[OfferedFile]) -> Result<Vec<bool>, HttpError> {
    let known = app.store.read(|tx| offered.iter().map(|file| is_known(tx, device, file)).collect::<Result<Vec<bool>, StoreError>>())?;
    let part_id = &device.scope.part_id;
    offered
        .iter()
        .zip(known)
        // A database that was restored may know of files that the disk has no more.
        .map(|(file, known)| Ok(known && app.blobs.has_file(part_id, &file.hash).map_err(HttpError::internal)?))
        .collect()
}

fn is_known(tx: &Transaction<'_>, device: &AuthenticatedDevice, file: &OfferedFile) -> Result<bool, StoreError> {
    let part_id = &device.scope.part_id;
    if files::find(tx, part_id, &file.hash)?.is_none_or(|found| found.bytes != file.bytes) {
        return Ok(false);
    }
    let sender = Sender { part_id, lineage: device.lineage, position: device.scope.position };
    if files::was_sent_by(tx, sender, &file.hash)? {
        return Ok(true);
    }
    let mine = audiences_of(tx, &device.scope, KnownKinds::ALL)?;
    Ok(files::material_buckets(tx, part_id, &file.hash)?.iter().any(|(bucket, _)| mine.contains(bucket)))
}

/// What to do with a file that is not here.
async fn answer(app: &App, device: &AuthenticatedDevice, file: &OfferedFile) -> Result<OfferAnswer, HttpError> {
    let refused = |code, reason: &str| Ok(OfferAnswer::Refused { code, reason: reason.to_owned() });
    if file.class == FileClass::Material {
        return refused(ErrorCode::FileDamaged, "materials come from the office");
    }
    if file.bytes == 0 || file.bytes > file.class.max_bytes() {
        return refused(ErrorCode::FileDamaged, "too large, or empty");
    }
    let now = app.now();
    let under_way = app
        .spool
        .as_ref()
        .and_then(|spool| spool.of_file(&device.scope.part_id, device.lineage, &file.hash, file.bytes, now))
        .filter(|upload| upload.offset() > 0);
    if let Some(upload) = under_way {
        let (mut part, _told) = upload.take_turn().await;
        let (working, ending) = (app.clone(), Arc::clone(&upload));
        let offset = database::blocking(move || {
            ending.sync(&mut part)?;
            if ending.is_whole() { finish(&working, &ending, &mut part).map(|_| None) } else { Ok(Some(part.offset())) }
        })
        .await;
        return match offset {
            Ok(None) => Ok(OfferAnswer::Held),
            Ok(Some(offset)) => Ok(OfferAnswer::Partial { upload: format!("{UPLOADS}/{}", upload.id), offset }),
            // What came was not the file: from the beginning.
            Err(error) if error.code() == ErrorCode::FileDamaged => Ok(OfferAnswer::Wanted),
            Err(error) => Err(error),
        };
    }
    if app.asked.may_send_file(device.lineage, file.bytes, now).is_err() {
        return refused(ErrorCode::ServerBusy, "this device has sent all it may send today");
    }
    Ok(OfferAnswer::Wanted)
}
