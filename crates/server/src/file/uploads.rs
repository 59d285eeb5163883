//! `/v1/uploads`: the resumable upload protocol tus 1.0 (<https://tus.io/protocols/resumable-upload>) with creation, creation-with-upload,
//! checksum, termination and expiration.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use polevik_protocol::file::{FILE_HASH_HEADER, FileClass, TUS_CHECKSUMS, TUS_EXTENSIONS, TUS_VERSION};
use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::files;

use super::finish::finish;
use super::receive::{GATHERED_BYTES, Received, receive};
use super::spool::{About, Spool, Upload, UploadId};
use super::tus::{self, Checksum, OFFSET_OCTET_STREAM};
use crate::app::App;
use crate::authenticated::{AuthenticatedDevice, UploadingDevice};
use crate::database;
use crate::error::HttpError;

/// The name under which the whole file is kept; says that it is.
const FILE_HASH: HeaderName = HeaderName::from_static(FILE_HASH_HEADER);

/// Where uploads are.
pub const UPLOADS: &str = "/v1/uploads";

/// `OPTIONS /v1/uploads`: what the server can.
pub async fn options() -> Response {
    let longest = FileClass::Photo.max_bytes().max(FileClass::Scan.max_bytes());
    (
        StatusCode::NO_CONTENT,
        [
            (tus::TUS_VERSIONS, HeaderValue::from_static(TUS_VERSION)),
            (tus::TUS_EXTENSION, HeaderValue::from_static(TUS_EXTENSIONS)),
            (tus::TUS_MAX_SIZE, HeaderValue::from(longest)),
            (tus::TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(TUS_CHECKSUMS)),
        ],
    )
        .into_response()
}

/// `POST /v1/uploads`: begins an upload, with the first bytes or all of them if the request has a body.
///
/// # Errors
///
/// 412, malformed, 413 for a file that is longer than its class allows, 415, 429 when the device has sent all it may send today, and what
/// [`receive`] says: what came until then stays, and `POST /v1/files/offer` tells where.
pub async fn create(State(app): State<App>, caller: UploadingDevice, headers: HeaderMap, body: Body) -> Result<Response, HttpError> {
    // Photos of a blocked device are taken: its documents are judged elsewhere.
    let device = caller.device;
    tus::check_version(&headers)?;
    let length = tus::upload_length(&headers)?;
    let said = tus::metadata(&headers)?;
    if said.class == FileClass::Material {
        return Err(HttpError::file_refused("materials come from the office"));
    }
    if length == 0 {
        return Err(HttpError::file_refused("it is empty"));
    }
    if length > said.class.max_bytes() {
        return Err(HttpError::too_large(format_args!("{} bytes", said.class.max_bytes())));
    }
    let has_body = has_body(&headers, &body);
    if has_body {
        check_body_type(&headers)?;
    }
    let checksum = Checksum::of(&headers)?;
    let spool = spool(&app)?;
    let now = app.now();
    let over = |seconds| HttpError::too_many_requests("this device has sent all it may send today", seconds);
    app.asked.may_send_file(device.lineage, length, now).map_err(over)?;
    asked(&app, &device)?;

    let about = About {
        part_id: device.scope.part_id.clone(),
        lineage: device.lineage,
        position: device.scope.position,
        class: said.class,
        bytes: length,
        hash: said.hash,
        content_type: said.content_type,
        name: said.name,
        created_at: now,
    };
    let upload = spool.add(UploadId(app.random_bytes()), about, now);
    let (mut part, told) = upload.take_turn().await;
    let location = HeaderValue::from_str(&format!("{UPLOADS}/{}", upload.id)).map_err(HttpError::internal)?;
    let received = if has_body {
        let _room = app.admission.file(GATHERED_BYTES, app.jitter()).await?;
        receive(&app, &upload, part, told, body, checksum).await?
    } else {
        let begun = Arc::clone(&upload);
        database::blocking(move || begun.begin(&mut part)).await?;
        Received { offset: 0, file: None }
    };
    if received.offset > 0 {
        app.asked.was_useful(device.device, now);
    }
    let mut response = progress(StatusCode::CREATED, &upload, &received);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// `HEAD /v1/uploads/{id}`: how far it is. What is told is on the disk.
///
/// # Errors
///
/// 412; not found, also when it is another's or its time is over; what the disk says.
pub async fn head(
    State(app): State<App>,
    caller: UploadingDevice,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    tus::check_version(&headers)?;
    asked(&app, &caller.device)?;
    tell(&app, &caller.device, &id).await
}

async fn tell(app: &App, device: &AuthenticatedDevice, id: &str) -> Result<Response, HttpError> {
    let id = UploadId::parse(id).ok_or_else(HttpError::not_found)?;
    let Some(upload) = spool(app)?.find(&device.scope.part_id, device.lineage, id, app.now()) else {
        let (hash, bytes) = finished(app, device, id).await?.ok_or_else(HttpError::not_found)?;
        return Ok(finished_response(StatusCode::OK, &hash, bytes));
    };
    let (mut part, _told) = upload.take_turn().await;
    let (working, ended) = (app.clone(), Arc::clone(&upload));
    let received = database::blocking(move || {
        ended.sync(&mut part)?;
        let file = if ended.is_whole() { Some(finish(&working, &ended, &mut part)?) } else { None };
        Ok::<_, HttpError>(Received { offset: part.offset(), file })
    })
    .await?;
    Ok(progress(StatusCode::OK, &upload, &received))
}

/// `PATCH /v1/uploads/{id}`: the next bytes.
///
/// # Errors
///
/// 412, 415; not found; 409 when the bytes belong elsewhere; and what [`receive`] says.
pub async fn patch(
    State(app): State<App>,
    caller: UploadingDevice,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    bring(&app, &caller.device, &id, &headers, body).await
}

async fn bring(app: &App, device: &AuthenticatedDevice, id: &str, headers: &HeaderMap, body: Body) -> Result<Response, HttpError> {
    tus::check_version(headers)?;
    check_body_type(headers)?;
    let offset = tus::number(headers, &tus::UPLOAD_OFFSET)?.ok_or_else(|| HttpError::malformed("upload-offset is missing"))?;
    let checksum = Checksum::of(headers)?;
    let id = UploadId::parse(id).ok_or_else(HttpError::not_found)?;
    asked(app, device)?;
    let now = app.now();
    let Some(upload) = spool(app)?.find(&device.scope.part_id, device.lineage, id, now) else {
        // The last byte came, and the answer was lost.
        return match finished(app, device, id).await? {
            Some((hash, bytes)) if bytes == offset => Ok(finished_response(StatusCode::NO_CONTENT, &hash, bytes)),
            Some(_) => Err(HttpError::wrong_offset()),
            None => Err(HttpError::not_found()),
        };
    };
    let over = |seconds| HttpError::too_many_requests("this device has sent all it may send today", seconds);
    app.asked.may_send_file(device.lineage, upload.about.bytes.saturating_sub(offset), now).map_err(over)?;
    let _room = app.admission.file(GATHERED_BYTES, app.jitter()).await?;
    let (part, told) = upload.take_turn().await;
    if part.offset() != offset {
        return Err(HttpError::wrong_offset());
    }
    let too_long = content_length(headers).is_some_and(|bytes| bytes > upload.about.bytes - offset);
    if too_long {
        return Err(HttpError::too_large("the length that was said"));
    }
    let received = receive(app, &upload, part, told, body, checksum).await?;
    if received.offset > offset {
        app.asked.was_useful(device.device, now);
    }
    Ok(progress(StatusCode::NO_CONTENT, &upload, &received))
}

/// `DELETE /v1/uploads/{id}`: the upload is given up. A file that is whole stays.
///
/// # Errors
///
/// 412; not found.
pub async fn terminate(
    State(app): State<App>,
    caller: UploadingDevice,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    tus::check_version(&headers)?;
    give_up(&app, &caller.device, &id).await
}

async fn give_up(app: &App, device: &AuthenticatedDevice, id: &str) -> Result<Response, HttpError> {
    let id = UploadId::parse(id).ok_or_else(HttpError::not_found)?;
    let upload = spool(app)?.find(&device.scope.part_id, device.lineage, id, app.now()).ok_or_else(HttpError::not_found)?;
    let (_part, _told) = upload.take_turn().await;
    let working = app.clone();
    database::blocking(move || {
        if let Some(spool) = &working.spool {
            spool.remove(&upload, None);
        }
    })
    .await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /v1/uploads/{id}` of a caller who cannot use the method he means, which `X-HTTP-Method-Override` says.
///
/// # Errors
///
/// 405 without a method that an upload takes; else those of the method.
pub async fn overridden(
    State(app): State<App>,
    caller: UploadingDevice,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    match tus::meant_method(&headers) {
        Some(Method::PATCH) => bring(&app, &caller.device, &id, &headers, body).await,
        Some(Method::HEAD) => {
            tus::check_version(&headers)?;
            tell(&app, &caller.device, &id).await
        }
        Some(Method::DELETE) => {
            tus::check_version(&headers)?;
            give_up(&app, &caller.device, &id).await
        }
        Some(_) | None => Err(HttpError::method_not_allowed()),
    }
}

fn spool(app: &App) -> Result<&Spool, HttpError> {
    app.spool.as_deref().ok_or_else(|| HttpError::internal("this server has no folder for uploads"))
}

fn asked(app: &App, device: &AuthenticatedDevice) -> Result<(), HttpError> {
    app.asked.request(device.device, app.now()).map_err(|seconds| HttpError::too_many_requests("too many requests of this device", seconds))
}

async fn finished(app: &App, device: &AuthenticatedDevice, id: UploadId) -> Result<Option<(Blake3Hex, u64)>, HttpError> {
    let (part_id, lineage) = (device.scope.part_id.clone(), device.lineage);
    database::read(&app.store, move |tx| Ok(files::finished_upload(tx, &part_id, id.0, lineage)?)).await
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn has_body(headers: &HeaderMap, body: &Body) -> bool {
    content_length(headers).unwrap_or(0) > 0 || (headers.contains_key(header::TRANSFER_ENCODING) && !body.is_end_stream())
}

fn check_body_type(headers: &HeaderMap) -> Result<(), HttpError> {
    match headers.get(header::CONTENT_TYPE) {
        Some(said) if said.as_bytes().eq_ignore_ascii_case(OFFSET_OCTET_STREAM.as_bytes()) => Ok(()),
        Some(_) | None => Err(HttpError::unsupported_media("bytes of an upload come as application/offset+octet-stream")),
    }
}

/// How far an upload is.
fn progress(status: StatusCode, upload: &Upload, received: &Received) -> Response {
    if let Some(hash) = &received.file {
        return finished_response(status, hash, upload.about.bytes);
    }
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(tus::UPLOAD_OFFSET, HeaderValue::from(received.offset));
    if status == StatusCode::OK {
        headers.insert(tus::UPLOAD_LENGTH, HeaderValue::from(upload.about.bytes));
    }
    headers.insert(tus::UPLOAD_EXPIRES, tus::http_date(upload.about.expires_at()));
    response
}

fn finished_response(status: StatusCode, hash: &Blake3Hex, bytes: u64) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(tus::UPLOAD_OFFSET, HeaderValue::from(bytes));
    if status == StatusCode::OK {
        headers.insert(tus::UPLOAD_LENGTH, HeaderValue::from(bytes));
    }
    if let Ok(value) = HeaderValue::from_str(hash.as_str()) {
        headers.insert(FILE_HASH, value);
    }
    response
}
