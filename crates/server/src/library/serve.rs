//! `GET /v1/library/manifests/{hash}` and `GET /v1/library/chunks/{hash}`: what a device fetches of a library of its part.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use polevik_protocol::Blake3Hex;
use polevik_server_store::library;

use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::blobs::BlobError;
use crate::database;
use crate::download::segment::asked_range;
use crate::error::HttpError;

/// What is named by its content never changes.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// `GET /v1/library/manifests/{hash}`: the papers of a library, as they were signed.
///
/// # Errors
///
/// Not found, also for papers of another part.
pub async fn papers(State(app): State<App>, device: AuthenticatedDevice, Path(hash): Path<String>) -> Result<Response, HttpError> {
    let hash = Blake3Hex::parse(&hash).ok_or_else(HttpError::not_found)?;
    let part_id = device.scope.part_id.clone();
    let papers = database::read(&app.store, move |tx| library::papers(tx, &part_id, &hash)).await?.ok_or_else(HttpError::not_found)?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json")), (header::CACHE_CONTROL, CACHE_CONTROL)];
    Ok((headers, papers).into_response())
}

/// `GET /v1/library/chunks/{hash}`: one chunk, at most a megabyte, whole or a range of it.
///
/// # Errors
///
/// Not found, also for chunks of another part; 416 for a range outside.
pub async fn chunk(
    State(app): State<App>,
    device: AuthenticatedDevice,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let hash = Blake3Hex::parse(&hash).ok_or_else(HttpError::not_found)?;
    let etag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(HttpError::internal)?;
    let part_id = device.scope.part_id.clone();
    let bytes: Bytes = database::blocking(move || {
        if !app.store.read(|tx| library::has_chunk(tx, &part_id, &hash))? {
            return Err(HttpError::not_found());
        }
        app.blobs.chunk(&part_id, &hash).map_err(|error| match error {
            BlobError::Missing(_) => HttpError::not_found(),
            other => HttpError::internal(other),
        })
    })
    .await?;
    let byte_count = u64::try_from(bytes.len()).map_err(HttpError::internal)?;
    let range = match headers.get(header::RANGE) {
        Some(range) if headers.get(header::IF_RANGE).is_none_or(|condition| *condition == etag) => asked_range(range, byte_count)?,
        _ => None,
    };
    let sent = match &range {
        None => bytes,
        Some(range) => {
            let at = |number: u64| usize::try_from(number).map_err(HttpError::internal);
            bytes.slice(at(range.start)?..at(range.end)?)
        }
    };
    metrics::counter!("polevik_library_bytes_total").increment(u64::try_from(sent.len()).unwrap_or(0));
    let mut response = Response::new(Body::from(sent));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::ETAG, etag);
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{byte_count}", range.start, range.end - 1);
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&text).map_err(HttpError::internal)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}
