//! The end of an upload: whole, what it says it is, on the disk, in the blob store, in the database; then it is confirmed.
//!
//! Each step can be done again, so an upload that was interrupted between them is finished when somebody asks for it: the bytes stay in the
//! spool until the row stands, and the blob store takes the same file twice.

use std::fs::File;

use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::files::{self, Sender, StoredFile};

use super::sniff::{self, SniffError};
use super::spool::{Part, Upload};
use crate::app::App;
use crate::error::HttpError;

/// Ends an upload of which every byte has come; gives the name of the file. Blocks.
///
/// # Errors
///
/// 460 with L502 when it is not the file it was said to be, or none that may come: then the upload is gone. What disk and database say: then
/// it stays, and is ended the next time.
pub fn finish(app: &App, upload: &Upload, part: &mut Part) -> Result<Blake3Hex, HttpError> {
    match take_in(app, upload, part) {
        Ok(hash) => {
            if let Some(spool) = &app.spool {
                spool.remove(upload, Some(&hash));
            }
            metrics::counter!("polevik_files_total", "outcome" => "stored").increment(1);
            Ok(hash)
        }
        Err(TakeError::Refused(reason)) => {
            if let Some(spool) = &app.spool {
                spool.remove(upload, None);
            }
            metrics::counter!("polevik_files_total", "outcome" => "refused").increment(1);
            tracing::warn!(upload = %upload.id, lineage = %upload.about.lineage, reason, "a file is not taken");
            Err(HttpError::file_refused(reason))
        }
        Err(TakeError::Failed(error)) => Err(error),
    }
}

enum TakeError {
    /// The file is not taken, and why.
    Refused(&'static str),
    /// Something here failed.
    Failed(HttpError),
}

impl<E: Into<HttpError>> From<E> for TakeError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn take_in(app: &App, upload: &Upload, part: &mut Part) -> Result<Blake3Hex, TakeError> {
    let about = &upload.about;
    let hash = upload.hash(part)?;
    if about.hash.as_ref().is_some_and(|said| *said != hash) {
        return Err(TakeError::Refused("it is not the file it was said to be"));
    }
    let path = upload.part_path();
    let seen = sniff::sniff(File::open(&path)?, about.bytes, about.class).map_err(|error| match error {
        SniffError::Read(error) => TakeError::Failed(error.into()),
        SniffError::Refused(reason) => TakeError::Refused(reason),
    })?;
    if !sniff::fits(seen.kind, about.content_type.as_deref(), about.name.as_deref()) {
        return Err(TakeError::Refused("its type is another than was said"));
    }
    upload.sync_bytes(part)?;
    app.blobs.take_file(&about.part_id, &hash, &path).map_err(HttpError::internal)?;
    let file = StoredFile { hash, bytes: about.bytes, content_type: seen.kind.content_type().to_owned(), size: seen.size };
    let now = app.now();
    app.store.write(|tx| {
        // Who collects garbage holds the writer too: what is there now stays.
        if !app.blobs.has_file(&about.part_id, &file.hash).map_err(HttpError::internal)? {
            return Err(HttpError::internal("a file went before it had its row"));
        }
        files::put(tx, &about.part_id, &file, now)?;
        files::note_sender(tx, Sender { part_id: &about.part_id, lineage: about.lineage, position: about.position }, &file.hash, now)?;
        files::finish_upload(tx, &about.part_id, upload.id.0, about.lineage, &file, now)?;
        Ok(())
    })?;
    app.files_came.notify_one();
    Ok(file.hash)
}
