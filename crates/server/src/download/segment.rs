//! `GET /v1/segments/{hash}`: one segment, whole or a range of it.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use polevik_protocol::manifest::Blake3Hex;

use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::error::HttpError;

/// A segment never changes and is the device's own business.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// `GET /v1/segments/{hash}`.
///
/// A single range is answered with 206; several are answered with the whole. A segment of a bucket that is not the caller's is not found.
///
/// # Errors
///
/// Not found; 416 for a range outside.
pub async fn segment(
    State(app): State<App>,
    device: AuthenticatedDevice,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let hash = Blake3Hex::parse(&hash).ok_or_else(HttpError::not_found)?;
    let found = app.recent_segments.fetch(&app, &device.scope, &hash).await?;
    let byte_count = u64::try_from(found.bytes.len()).map_err(HttpError::internal)?;
    let etag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(HttpError::internal)?;
    if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag), (header::CACHE_CONTROL, CACHE_CONTROL)]).into_response());
    }
    // A range of something else is answered with all of this.
    let range = match headers.get(header::RANGE) {
        Some(range) if headers.get(header::IF_RANGE).is_none_or(|condition| *condition == etag) => asked_range(range, byte_count)?,
        _ => None,
    };
    let bytes = match &range {
        None => found.bytes.clone(),
        Some(range) => slice(&found.bytes, range)?,
    };
    metrics::counter!("polevik_segments_served_total").increment(1);
    metrics::counter!("polevik_segment_bytes_total", "road" => "fetched").increment(u64::try_from(bytes.len()).unwrap_or(0));

    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::ETAG, etag);
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, byte_count);
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&text).map_err(HttpError::internal)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Result<Bytes, HttpError> {
    let at = |number: u64| usize::try_from(number).map_err(HttpError::internal);
    Ok(bytes.slice(at(range.start)?..at(range.end)?))
}

/// The one range that is asked for, within `length`; `None` for several or what is no range of bytes: then everything is sent.
///
/// # Errors
///
/// 416 for a range that lies outside.
pub fn asked_range(value: &HeaderValue, length: u64) -> Result<Option<Range<u64>>, HttpError> {
    let Some((first, last)) = value.to_str().ok().and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else { return Ok(None) };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..length,
        (Err(_), Ok(tail)) if first.trim().is_empty() => length.saturating_sub(tail)..length,
        _ => return Ok(None),
    };
    if range.start < range.end { Ok(Some(range)) } else { Err(HttpError::range_not_satisfiable()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_strange_ones_give_the_whole() {
        let asked = |text: &'static str| asked_range(&HeaderValue::from_static(text), 100);
        for (text, expected) in [
            ("bytes=0-9", Some(0..10)),
            ("bytes=90-", Some(90..100)),
            ("bytes=-10", Some(90..100)),
            ("bytes=-1000", Some(0..100)),
            ("bytes=50-1000", Some(50..100)),
            ("bytes=0-0,5-6", None),
            ("bytes=9-0", None),
            ("items=0-9", None),
            ("bytes=x-y", None),
        ] {
            assert_eq!(asked(text).unwrap(), expected, "{text}");
        }
        assert!(asked("bytes=100-").is_err());
        assert!(asked("bytes=-0").is_err());
    }
}
