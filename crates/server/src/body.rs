//! Request bodies: read with a limit on bytes, on their flow, and on what they become when unpacked.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use crate::admission::Room;
use crate::app::App;
use crate::error::HttpError;

/// How long the next bytes of a body may take. Slow networks are fine, silent ones not.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

/// The largest window a zstd frame may ask for, as a power of two: 8 MiB. (The library's own limit would be 128 MiB.)
const MAX_WINDOW_LOG: u32 = 23;

/// A body of at most `limit_bytes`, unpacked if it came as zstd.
///
/// # Errors
///
/// Too large before or after unpacking, packed otherwise, silent for too long, or busy.
pub async fn read(app: &App, headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Vec<u8>, HttpError> {
    Ok(read_of(app, None, headers, body, limit_bytes).await?.0)
}

/// The same for a device of a part, with the room the body takes: hold it as long as the body or what was made of it.
///
/// # Errors
///
/// As [`read`].
pub async fn read_of(
    app: &App,
    part_id: Option<&str>,
    headers: &HeaderMap,
    body: Body,
    limit_bytes: usize,
) -> Result<(Vec<u8>, Room), HttpError> {
    let packed = match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => false,
        Some(b"zstd") => true,
        Some(_) => return Err(HttpError::unsupported_media("bodies come plain or as zstd")),
    };
    let too_large = || HttpError::too_large(format_args!("{limit_bytes} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limit_bytes) {
        return Err(too_large());
    }
    // What arrives and what it is unpacked to are in memory together.
    let most = announced.unwrap_or(limit_bytes).saturating_mul(if packed { 4 } else { 1 });
    let room = app.admission.body(part_id, most, app.jitter()).await?;
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = tokio::time::timeout(LONGEST_SILENCE, chunks.next()).await.map_err(|_| HttpError::too_slow())? {
        let chunk = chunk.map_err(|_| HttpError::malformed("the body was cut off"))?;
        if bytes.len() + chunk.len() > limit_bytes {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    let bytes = if packed { unpack(&bytes, limit_bytes)?.ok_or_else(too_large)? } else { bytes };
    Ok((bytes, room))
}

/// The content of zstd frames; `None` if it is more than `limit_bytes`: then no more than one byte beyond was unpacked.
fn unpack(packed: &[u8], limit_bytes: usize) -> Result<Option<Vec<u8>>, HttpError> {
    let malformed = |_| HttpError::malformed("the body is not zstd");
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(malformed)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(malformed)?;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit_bytes).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(most).read_to_end(&mut bytes).map_err(malformed)?;
    Ok((bytes.len() <= limit_bytes).then_some(bytes))
}

/// What a JSON body says.
///
/// # Errors
///
/// Malformed, with the place.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, HttpError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // Without the values: what is malformed may be a password.
        HttpError::malformed(format_args!("line {}, column {}", error.line(), error.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_unpacked_up_to_its_limit_and_not_beyond() {
        let limit = 100_000;
        let pack = |bytes: usize| zstd::bulk::compress(&vec![b'x'; bytes], 3).unwrap();
        assert_eq!(unpack(&pack(limit), limit).unwrap().map(|bytes| bytes.len()), Some(limit));
        assert_eq!(unpack(&pack(limit + 1), limit).unwrap(), None);
        assert_eq!(unpack(&pack(300_000_000), limit).unwrap(), None, "a bomb stops at the limit");
        let many_frames: Vec<u8> = pack(limit / 2).repeat(3);
        assert_eq!(unpack(&many_frames, limit).unwrap(), None, "frames add up");
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(10_000);
        assert_eq!(unpack(&skippable, limit).unwrap().map(|bytes| bytes.len()), Some(0));
        assert!(unpack(b"{\"protocol\":1}", limit).is_err());
        assert!(unpack(&pack(1_000)[..10], limit).is_err(), "cut off");
    }

    #[test]
    fn a_window_larger_than_ours_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(24).unwrap();
        std::io::Write::write_all(&mut encoder, &vec![b'x'; 20_000_000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(unpack(&packed, 100_000_000).is_err());
    }
}
