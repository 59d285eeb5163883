//! The rep takes a visit, an order or a photo back.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::work::parking::{self, Withdrawal};
use polevik_device_store::work::{orders, outgoing_files, photos, visits};
use polevik_domain::ids::DocumentId;
use polevik_protocol::document::WithdrawalBody;
use polevik_protocol::hash::Blake3Hex;

use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Most characters of a reason: as many as the server takes.
const MOST_CHARACTERS: usize = 200;

/// Promises the next revision, which says that the document counts as not made. Gives the file of a photo that nothing needs any more: it was
/// not sent yet, and no other photo has the same bytes.
pub(super) fn withdraw(both: &Both<'_>, id: DocumentId, reason: &str, moment: &Moment) -> Result<Option<Blake3Hex>, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let of_order = orders::find(&both.work, id)?.map(|head| head.position);
    let visit = visits::find(&both.work, id)?;
    let photo = photos::find(&both.work, id)?;
    let made_by = of_order.or(visit.as_ref().map(|visit| visit.position)).or(photo.as_ref().map(|photo| photo.position));
    if made_by != Some(position) {
        return Err(Refusal::NotFound.into());
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Refusal::ReasonMissing.into());
    }
    if reason.chars().count() > MOST_CHARACTERS {
        return Err(Refusal::TooLarge.into());
    }
    let body = WithdrawalBody { reason: reason.to_owned(), withdrawn_at_ms: moment.now };
    let body = serde_json::to_string(&body).expect("words and a time always make JSON");
    match parking::withdraw(&both.work, id, moment.now, &body)? {
        Withdrawal::Promised { .. } => {
            // A call that was taken back goes on no longer.
            if visit.is_some_and(|visit| visit.finished_at.is_none()) {
                visits::finish(&both.work, id, moment.now)?;
            }
            match photo {
                Some(photo) if outgoing_files::drop_if_unnamed(&both.work, &photo.file)? => Ok(Some(photo.file)),
                _ => Ok(None),
            }
        }
        Withdrawal::Already => Err(Refusal::Withdrawn.into()),
        Withdrawal::Unknown => Err(Refusal::NotFound.into()),
    }
}
