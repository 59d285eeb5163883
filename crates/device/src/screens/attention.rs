//! «Требуют внимания»: documents that the office refused or that were set aside.

use std::collections::BTreeSet;

use polevik_device_api::view::{AttentionRow, DocumentPlace};
use polevik_device_store::db::Both;
use polevik_device_store::work::{journal, orders, outbox, visits};

use super::place_of;
use crate::acting::signed_in_id;
use crate::error::DeviceError;

/// Most entries of the outbox that are looked at.
const MOST: u32 = 1_000;

pub(crate) fn load(both: &Both<'_>) -> Result<Vec<AttentionRow>, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for queued in outbox::queue(&both.work, MOST)? {
        let id = queued.entry.document_id;
        let needs_somebody = queued.refusal.is_some() || queued.entry.parked_at.is_some();
        if !needs_somebody || !seen.insert(id) {
            continue;
        }
        let place = place_of(both, id)?;
        if !matches!(place, DocumentPlace::Rejected { .. } | DocumentPlace::Parked) {
            continue;
        }
        let Some(since) = journal::story(&both.work, id)?.map(|story| story.since) else { continue };
        if let Some(head) = orders::find(&both.work, id)?.filter(|head| head.position == position) {
            let number = head.number.unwrap_or_default();
            rows.push(AttentionRow { id, is_order: true, number, outlet_name: head.outlet_name, at: head.at, place, since });
        } else if let Some(visit) = visits::find(&both.work, id)?.filter(|visit| visit.position == position) {
            let outlet_name = visit.outlet_name;
            rows.push(AttentionRow { id, is_order: false, number: String::new(), outlet_name, at: visit.started_at, place, since });
        }
    }
    Ok(rows)
}
