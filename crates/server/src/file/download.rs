//! `GET /v1/files/{hash}`: a material or an own photo, whole or a range of it, read from the disk piece by piece.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::files::{self, StoredFile};
use polevik_server_store::{StoreError, Transaction};

use super::sniff::Kind;
use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::blobs::BlobError;
use crate::database;
use crate::download::entitlement::{KnownKinds, audiences_of};
use crate::download::segment::asked_range;
use crate::error::HttpError;

/// Bytes read at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// A file never changes and is the device's own business.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// Whatever is in it runs nothing and loads nothing, also if somebody opens it as a page.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// A file as it is sent.
struct Served {
    file: StoredFile,
    name: String,
}

/// `GET /v1/files/{hash}`.
///
/// A single range is answered with 206, several with the whole. A file that is neither a material of the caller's audiences nor brought by
/// its own chain of devices is not found.
///
/// # Errors
///
/// Not found; 416 for a range outside; what disk and database say.
pub async fn file(
    State(app): State<App>,
    device: AuthenticatedDevice,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let hash = Blake3Hex::parse(&hash).ok_or_else(HttpError::not_found)?;
    let etag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(HttpError::internal)?;
    let working = app.clone();
    let (served, mut blob, range, first) = {
        let (headers, etag) = (headers.clone(), etag.clone());
        database::blocking(move || {
            let served = working.store.read(|tx| entitled(tx, &device, &hash))?.ok_or_else(HttpError::not_found)?;
            let range = wanted_range(&headers, &etag, served.file.bytes)?;
            let blob = working.blobs.open_file(&device.scope.part_id, &hash).map_err(not_there)?;
            let all = range.clone().unwrap_or(0..served.file.bytes);
            let first = if is_known(&headers, &etag) { Bytes::new() } else { blob.read(piece_of(&all, all.start))? };
            Ok::<_, HttpError>((served, Some(blob), range, first))
        })
        .await?
    };
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag), (header::CACHE_CONTROL, CACHE_CONTROL)]).into_response());
    }
    let all = range.clone().unwrap_or(0..served.file.bytes);
    let length = all.end - all.start;
    metrics::counter!("polevik_file_bytes_total", "road" => "down").increment(length);
    let body = if u64::try_from(first.len()).is_ok_and(|sent| sent == length) {
        Body::from(first)
    } else {
        let at = all.start + u64::try_from(first.len()).unwrap_or(0);
        let rest = stream::try_unfold((blob.take(), at), move |(blob, at)| {
            let all = all.clone();
            async move {
                let Some(blob) = blob.filter(|_| at < all.end) else { return Ok::<_, BlobError>(None) };
                let piece = piece_of(&all, at);
                let next = piece.end;
                let (blob, bytes) = database::blocking(move || {
                    let bytes = blob.read(piece);
                    (blob, bytes)
                })
                .await;
                Ok(Some((bytes?, (Some(blob), next))))
            }
        });
        Body::from_stream(stream::iter([Ok(first)]).chain(rest))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&served.file.content_type).map_err(HttpError::internal)?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_DISPOSITION, attachment(&served.name));
    headers.insert(header::ETAG, etag);
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, served.file.bytes);
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&text).map_err(HttpError::internal)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// `GET /v1/files/{hash}/thumbnail`: a small JPEG of it, once it was made.
///
/// # Errors
///
/// Not found, as for the file itself, or when there is none (yet).
pub async fn thumbnail(State(app): State<App>, device: AuthenticatedDevice, Path(hash): Path<String>) -> Result<Response, HttpError> {
    let hash = Blake3Hex::parse(&hash).ok_or_else(HttpError::not_found)?;
    let bytes = database::blocking(move || {
        app.store.read(|tx| entitled(tx, &device, &hash))?.ok_or_else(HttpError::not_found)?;
        app.blobs.thumbnail(&device.scope.part_id, &hash).map_err(not_there)
    })
    .await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, CACHE_CONTROL),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CONTENT_DISPOSITION, attachment("thumbnail.jpg")),
    ];
    Ok((headers, bytes).into_response())
}

fn not_there(error: BlobError) -> HttpError {
    match error {
        BlobError::Missing(_) => HttpError::not_found(),
        other => HttpError::internal(other),
    }
}

impl From<BlobError> for HttpError {
    fn from(error: BlobError) -> Self {
        Self::internal(error)
    }
}

/// A file with a name for people, if the device may have it.
fn entitled(tx: &Transaction<'_>, device: &AuthenticatedDevice, hash: &Blake3Hex) -> Result<Option<Served>, StoreError> {
    let part_id = &device.scope.part_id;
    let Some(file) = files::find(tx, part_id, hash)? else { return Ok(None) };
    if files::is_of_lineage(tx, part_id, device.lineage, hash)? {
        let ending = ending_of(&file.content_type);
        let name = format!("{}.{ending}", hash.as_str().get(..12).unwrap_or_default());
        return Ok(Some(Served { file, name }));
    }
    let mine = audiences_of(tx, &device.scope, KnownKinds::ALL)?;
    let material = files::material_buckets(tx, part_id, hash)?.into_iter().find(|(bucket, _)| mine.contains(bucket));
    Ok(material.map(|(_, name)| Served { file, name }))
}

/// The usual ending of names of a type.
#[must_use]
pub fn ending_of(content_type: &str) -> &'static str {
    [Kind::Jpeg, Kind::Png, Kind::Webp, Kind::Heic, Kind::Pdf, Kind::Mp4]
        .into_iter()
        .find(|kind| kind.content_type() == content_type)
        .and_then(|kind| kind.endings().first().copied())
        .unwrap_or("bin")
}

/// Whether the caller holds this file already.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get(header::IF_NONE_MATCH).is_some_and(|condition| {
        condition.to_str().is_ok_and(|text| text.trim() == "*" || text.split(',').any(|one| one.trim().as_bytes() == etag.as_bytes()))
    })
}

/// The range that is asked for; a range of something else is answered with all of this.
fn wanted_range(headers: &HeaderMap, etag: &HeaderValue, length: u64) -> Result<Option<Range<u64>>, HttpError> {
    match headers.get(header::RANGE) {
        Some(range) if headers.get(header::IF_RANGE).is_none_or(|condition| condition == etag) => asked_range(range, length),
        _ => Ok(None),
    }
}

fn piece_of(all: &Range<u64>, at: u64) -> Range<u64> {
    at..all.end.min(at + PIECE_BYTES)
}

/// Says that it is to be kept, not shown, and under which name (RFC 6266, RFC 8187).
fn attachment(name: &str) -> HeaderValue {
    let mut text = "attachment; filename*=UTF-8''".to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_travel_as_data_whatever_is_in_them() {
        assert_eq!(
            attachment("планограмма 1.pdf"),
            "attachment; filename*=UTF-8''%D0%BF%D0%BB%D0%B0%D0%BD%D0%BE%D0%B3%D1%80%D0%B0%D0%BC%D0%BC%D0%B0%201.pdf"
        );
        assert_eq!(attachment("a\"; filename=\"b\r\n.html"), "attachment; filename*=UTF-8''a%22%3B%20filename%3D%22b%0D%0A.html");
    }
}
