//! The rep writes a few words to the office.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_domain::ids::DocumentId;
use polevik_domain::order::MAX_COMMENT_CHARS;

use super::{own_draft, save};
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

pub(super) fn set_comment(both: &Both<'_>, order: DocumentId, comment: String, moment: &Moment) -> Result<(), DeviceError> {
    let mut head = own_draft(both, order, signed_in_id(&both.work)?)?;
    if comment.chars().count() > MAX_COMMENT_CHARS {
        return Err(Refusal::TooLarge.into());
    }
    head.comment = comment;
    save(both, head, moment)
}
