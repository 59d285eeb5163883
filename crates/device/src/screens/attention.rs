//! «Требуют внимания»: documents that the office refused or that were set aside, and photos that are gone (L504).

use std::collections::BTreeSet;

use polevik_device_api::view::{AttentionRow, DocumentPlace};
use polevik_device_store::db::Both;
use polevik_device_store::reference::document_states;
use polevik_device_store::work::outbox::Standing;
use polevik_device_store::work::photos::Photo;
use polevik_device_store::work::{journal, orders, outbox, photos, visits};
use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;
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
        } else if let Some(photo) = photos::find(&both.work, id)?.filter(|photo| photo.position == position) {
            rows.push(photo_row(both, &photo, place, since)?);
        }
    }
    for photo in photos::lost(&both.work, position, MOST)? {
        if seen.insert(photo.id) {
            let place = place_of(both, photo.id)?;
            let since = journal::story(&both.work, photo.id)?.map_or(photo.taken_at, |story| story.since);
            rows.push(photo_row(both, &photo, place, since)?);
        }
    }
    Ok(rows)
}

fn photo_row(both: &Both<'_>, photo: &Photo, place: DocumentPlace, since: UtcMillis) -> Result<AttentionRow, DeviceError> {
    let outlet_name = visits::find(&both.work, photo.visit)?.map(|visit| visit.outlet_name).unwrap_or_default();
    Ok(AttentionRow { id: photo.id, kind: DocumentKind::Photo, number: String::new(), outlet_name, at: photo.taken_at, place, since })
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
