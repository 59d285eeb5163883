//! The rep leaves the outlet.

use polevik_device_api::frame::Refusal;
use polevik_device_store::db::Both;
use polevik_device_store::work::{orders, visits};
use polevik_domain::ids::DocumentId;
use polevik_domain::visit::VisitState;

use super::start_visit::promise;
use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;

/// Notes the end and promises the second revision. Drafts without a line are thrown away; others stay and may still be placed.
pub(super) fn finish_visit(both: &Both<'_>, id: DocumentId, moment: &Moment) -> Result<(), DeviceError> {
    let position = signed_in_id(&both.work)?;
    let mut visit = visits::find(&both.work, id)?.filter(|visit| visit.position == position).ok_or(Refusal::NotFound)?;
    let state = match visit.finished_at {
        None => VisitState::Open { started_at: visit.started_at },
        Some(finished_at) => VisitState::Finished { started_at: visit.started_at, finished_at },
    };
    if let VisitState::Finished { finished_at, .. } = state.finish(moment.now)? {
        visits::finish(&both.work, id, finished_at)?;
        visit.finished_at = Some(finished_at);
    }
    promise(both, &visit, 2, moment)?;
    for order in orders::of_visit(&both.work, id)? {
        if order.is_draft() && order.totals.lines == 0 {
            orders::discard(&both.work, order.id)?;
        }
    }
    Ok(())
}
