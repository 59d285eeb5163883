//! The rep takes a photo in a visit.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::work::outbox::{self, NewEntry};
use polevik_device_store::work::outgoing_files::{self, NewFile};
use polevik_device_store::work::photos::{self, Photo};
use polevik_device_store::work::visits::{self, Visit};
use polevik_domain::ids::DocumentId;
use polevik_domain::order::MAX_COMMENT_CHARS;
use polevik_domain::photo::Scene;
use polevik_protocol::document::{DocumentKind, FileRef, PhotoBody};
use polevik_protocol::file::FileClass;
use polevik_protocol::hash::Blake3Hex;

use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// What the rep says of a photo.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    /// In which visit.
    pub(crate) visit: DocumentId,
    /// What it shows.
    pub(crate) scene: Scene,
    /// Free words; may be empty.
    pub(crate) comment: String,
}

/// The file of a photo. It lies on the disk already, whole and synced.
#[derive(Debug, Clone)]
pub(crate) struct PhotoFile {
    /// Its name by content.
    pub(crate) name: Blake3Hex,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its type.
    pub(crate) content_type: String,
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
}

/// The visit in which a photo may be taken: an open one of the position that is signed in.
pub(crate) fn check(both: &Both<'_>, words: &Words) -> Result<Visit, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let visit = visits::find(&both.work, words.visit)?.filter(|visit| visit.position == position).ok_or(Refusal::NotFound)?;
    if visit.finished_at.is_some() {
        return Err(Refusal::VisitFinished.into());
    }
    if words.comment.chars().count() > MAX_COMMENT_CHARS {
        return Err(Refusal::TooLarge.into());
    }
    Ok(visit)
}

/// Writes the photo, promises its document to the server, and queues its file: all or nothing.
pub(crate) fn take_photo(both: &Both<'_>, words: Words, file: &PhotoFile, moment: &Moment) -> Result<DocumentId, DeviceError> {
    let visit = check(both, &words)?;
    let photo = Photo {
        id: moment.new_document_id(),
        position: visit.position,
        visit: visit.id,
        outlet: visit.outlet,
        scene: words.scene,
        comment: words.comment,
        taken_at: moment.now,
        file: file.name.clone(),
        width: file.width,
        height: file.height,
    };
    photos::insert(&both.work, &photo)?;
    let queued = NewFile {
        file: &file.name,
        bytes: file.bytes,
        class: FileClass::Photo,
        content_type: &file.content_type,
        position: visit.position,
        queued_at: moment.now,
    };
    outgoing_files::queue(&both.work, &queued)?;
    let body = PhotoBody {
        visit_id: visit.id,
        outlet_id: visit.outlet,
        scene: photo.scene,
        taken_at_ms: photo.taken_at,
        utc_offset: moment.utc_offset,
        file: FileRef { hash: file.name.clone(), bytes: file.bytes, content_type: file.content_type.clone() },
        width: file.width,
        height: file.height,
        comment: photo.comment,
    };
    let body = serde_json::to_string(&body).expect("numbers, words and options always make JSON");
    let entry = NewEntry {
        document_id: photo.id,
        revision: 1,
        kind: DocumentKind::Photo.as_str(),
        position: visit.position,
        lane: visit.id,
        created_at: moment.now,
        body: &body,
    };
    outbox::append(&both.work, &entry)?;
    Ok(photo.id)
}
