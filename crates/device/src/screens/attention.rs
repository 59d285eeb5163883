//! «Требуют внимания»: documents that the office refused or that were set aside.

use std::collections::BTreeSet;

use polevik_device_api::view::{AttentionRow, DocumentPlace};
use polevik_device_store::db::Both;
use polevik_device_store::reference::document_states;
use polevik_device_store::work::outbox::Standing;
use polevik_device_store::work::{journal, orders, outbox, visits};
use polevik_domain::ids::DocumentId;
use polevik_protocol::document::DocumentKind;

use super::place_of;
use crate::acting::signed_in_id;
use crate::error::DeviceError;

/// Most entries of the outbox, and most words of the office, that are looked at.
const MOST: u32 = 1_000;

pub(crate) fn load(both: &Both<'_>) -> Result<Vec<AttentionRow>, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let queued = outbox::queue(&both.work, MOST)?;
    let needs_somebody = queued.into_iter().filter(|queued| queued.refusal.is_some() || queued.entry.parked_at.is_some());
    let ids = needs_somebody.map(|queued| queued.entry.document_id).chain(refused_later(both)?);
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for id in ids {
        if !seen.insert(id) {
            continue;
        }
        let place = place_of(both, id)?;
        if !matches!(place, DocumentPlace::Rejected { .. } | DocumentPlace::Parked) {
            continue;
        }
        let Some(since) = journal::story(&both.work, id)?.map(|story| story.since) else { continue };
        if let Some(head) = orders::find(&both.work, id)?.filter(|head| head.position == position) {
            let number = head.number.unwrap_or_default();
            rows.push(AttentionRow { id, kind: DocumentKind::Order, number, outlet_name: head.outlet_name, at: head.at, place, since });
        } else if let Some(visit) = visits::find(&both.work, id)?.filter(|visit| visit.position == position) {
            let outlet_name = visit.outlet_name;
            rows.push(AttentionRow {
                id,
                kind: DocumentKind::Visit,
                number: String::new(),
                outlet_name,
                at: visit.started_at,
                place,
                since,
            });
        }
    }
    Ok(rows)
}

/// Documents that the server took and the office refused afterwards; not those that the rep has taken back since.
pub(crate) fn refused_later(both: &Both<'_>) -> Result<Vec<DocumentId>, DeviceError> {
    let mut refused = Vec::new();
    for id in document_states::rejected(&both.reference, MOST)? {
        if outbox::standing(&both.work, id)? == Some(Standing::Accepted) {
            refused.push(id);
        }
    }
    Ok(refused)
}
