//! The bytes of one request on their way to the spool: a few at a time, however large the file is.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use polevik_protocol::hash::Blake3Hex;
use tokio::sync::{OwnedMutexGuard, watch};

use super::finish::finish;
use super::spool::{CheckedPart, Part, Upload};
use super::tus::Checksum;
use crate::app::App;
use crate::database;
use crate::error::HttpError;

/// Bytes that are gathered in memory before they are written: what the end of the process can cost.
pub const GATHERED_BYTES: usize = 128 * 1024;

/// How long the next bytes of a body may take. Slow networks are fine, silent ones not.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// How receiving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The body is over.
    Whole,
    /// The connection broke.
    Cut,
    /// Nothing came for too long.
    Silent,
    /// Another request goes on with the upload.
    Overtaken,
    /// There is more than the upload has room for.
    TooLong,
}

/// What a request brought.
#[derive(Debug)]
pub struct Received {
    /// How far the upload is now.
    pub offset: u64,
    /// The file, if that was its last byte.
    pub file: Option<Blake3Hex>,
}

/// Takes the bytes of a body that follow those the upload has. With a checksum they count all or none; without one, what came of a body that
/// was cut off counts.
///
/// # Errors
///
/// Cut off, silent for too long, overtaken; 413 for more than the length said; 460 for a wrong checksum or a file that is not taken; what
/// the disk says.
pub async fn receive(
    app: &App,
    upload: &Arc<Upload>,
    part: OwnedMutexGuard<Part>,
    told: watch::Receiver<u64>,
    body: Body,
    checksum: Option<Checksum>,
) -> Result<Received, HttpError> {
    let room = upload.about.bytes.saturating_sub(part.offset());
    let goes_to = match checksum {
        None => GoesTo::Part,
        Some(checksum) => {
            let opening = Arc::clone(upload);
            let file = database::blocking(move || opening.checked_part()).await?;
            GoesTo::Check(Box::new(Checked { file, checksum }))
        }
    };
    let mut bringing = Bringing { upload: Arc::clone(upload), held: Some(Held { part, goes_to }), gathered: Vec::new(), gathered_bytes: 0 };
    let end = bringing.bring(app, told, body, room).await?;
    bringing.put_away(app, end).await
}

/// Bytes with a sum, which is not known to be right yet.
struct Checked {
    file: CheckedPart,
    checksum: Checksum,
}

enum GoesTo {
    Part,
    Check(Box<Checked>),
}

struct Held {
    part: OwnedMutexGuard<Part>,
    goes_to: GoesTo,
}

impl Held {
    /// Blocks.
    fn write(&mut self, upload: &Upload, pieces: &[Bytes]) -> std::io::Result<()> {
        match &mut self.goes_to {
            GoesTo::Part => upload.append(&mut self.part, pieces),
            GoesTo::Check(checked) => {
                pieces.iter().for_each(|piece| checked.checksum.update(piece));
                checked.file.append(pieces)
            }
        }
    }
}

/// One request's bytes. When the request is given up, what was gathered is written all the same.
struct Bringing {
    upload: Arc<Upload>,
    held: Option<Held>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
}

impl Bringing {
    async fn bring(&mut self, app: &App, mut told: watch::Receiver<u64>, body: Body, room: u64) -> Result<End, HttpError> {
        let mut left = room;
        let mut pieces = body.into_data_stream();
        loop {
            let piece = tokio::select! {
                biased;
                _ = told.changed() => return Ok(End::Overtaken),
                piece = tokio::time::timeout(LONGEST_SILENCE, pieces.next()) => piece,
            };
            let mut piece = match piece {
                Err(_) => return Ok(End::Silent),
                Ok(None) => return Ok(End::Whole),
                Ok(Some(Err(_))) => return Ok(End::Cut),
                Ok(Some(Ok(piece))) => piece,
            };
            let fits = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let is_too_long = fits < piece.len();
            piece.truncate(fits);
            left -= u64::try_from(fits).unwrap_or(0);
            self.gathered_bytes += fits;
            self.gathered.push(piece);
            if is_too_long {
                return Ok(End::TooLong);
            }
            if self.gathered_bytes >= GATHERED_BYTES && left > 0 {
                self.write(app).await?;
            }
        }
    }

    async fn write(&mut self, app: &App) -> Result<(), HttpError> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let (upload, pieces) = (Arc::clone(&self.upload), mem::take(&mut self.gathered));
        let bytes = mem::take(&mut self.gathered_bytes);
        let (held, written) = database::blocking(move || {
            let written = held.write(&upload, &pieces);
            (held, written)
        })
        .await;
        self.held = Some(held);
        count(app, &self.upload, bytes);
        Ok(written?)
    }

    /// Writes the rest, and ends the upload if it is whole.
    async fn put_away(mut self, app: &App, end: End) -> Result<Received, HttpError> {
        let Some(mut held) = self.held.take() else { return Err(HttpError::internal("an upload without its part")) };
        let (upload, pieces) = (Arc::clone(&self.upload), mem::take(&mut self.gathered));
        count(app, &upload, mem::take(&mut self.gathered_bytes));
        let app = app.clone();
        database::blocking(move || {
            held.write(&upload, &pieces)?;
            let Held { mut part, goes_to } = held;
            let is_too_long = end == End::TooLong;
            if let GoesTo::Check(checked) = goes_to {
                let Checked { file, checksum } = *checked;
                if end == End::Whole {
                    if !checksum.is_right() {
                        return Err(HttpError::wrong_checksum());
                    }
                    upload.append_checked(&mut part, file)?;
                }
            }
            match end {
                _ if is_too_long => Err(HttpError::too_large("the length that was said")),
                End::Cut => Err(HttpError::malformed("the body was cut off")),
                End::Silent => Err(HttpError::too_slow()),
                End::Overtaken => Err(HttpError::overtaken()),
                End::Whole | End::TooLong => {
                    let offset = part.offset();
                    let file = if upload.is_whole() { Some(finish(&app, &upload, &mut part)?) } else { None };
                    Ok(Received { offset, file })
                }
            }
        })
        .await
    }
}

impl Drop for Bringing {
    fn drop(&mut self) {
        if let Some(held) = &mut self.held
            && !self.gathered.is_empty()
        {
            // The caller hung up and the request was dropped half-way. A few bytes, so the disk is not waited for long.
            let _ = held.write(&self.upload, &self.gathered);
        }
    }
}

fn count(app: &App, upload: &Upload, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(0);
    metrics::counter!("polevik_file_bytes_total", "road" => "up").increment(bytes);
    app.asked.file_bytes(upload.about.lineage, bytes, app.now());
}
