//! Outbox to batches; answers back to the outbox.

use std::collections::BTreeSet;

use polevik_device_store::work::outbox::{self, Answer, OutboxEntry, Selection};
use polevik_device_store::work::{journal, outgoing_files, parking};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{Envelope, Outcome, Receipt};
use polevik_protocol::sync::{RevisionRef, SyncReply};
use polevik_protocol::version::{MAX_BATCH_BYTES, MAX_BATCH_DOCUMENTS};
use serde_json::value::RawValue;

/// Documents of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// In the order they are sent.
    pub(crate) documents: Vec<Envelope>,
    /// Whether nothing is left after it.
    pub(crate) is_last: bool,
    /// What was sent, and in which lanes.
    pub(crate) sent: Vec<Sent>,
}

/// One revision of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) revision: RevisionRef,
    pub(crate) lane: DocumentId,
    /// An earlier request failed at it.
    pub(crate) is_known: bool,
}

/// What the outbox leaves to be sent in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rest {
    /// Entries that can still go in this session.
    pub(crate) waiting: u32,
    /// Entries at which the server broke in this session, and those behind them.
    pub(crate) held: u32,
}

/// Whose documents, up to which, and what is left alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<'a> {
    pub(crate) position: PositionId,
    pub(crate) up_to: i64,
    /// Most documents; `None` = as many as fit.
    pub(crate) limit: Option<u32>,
    pub(crate) passed_over: &'a BTreeSet<DocumentId>,
}

impl<'a> Choice<'a> {
    fn selection(&self, max_entries: usize, max_bytes: usize) -> Selection<'a> {
        Selection { position: self.position, up_to: self.up_to, max_entries, max_bytes, passed_over: self.passed_over }
    }
}

/// The next documents of a session, within the limits of one request. A document at which a request failed before goes alone, so that it
/// holds up nobody but itself.
pub(crate) fn next_batch(tx: &Transaction<'_>, choice: &Choice<'_>) -> Result<Batch, StoreError> {
    let limit = choice.limit.map_or(MAX_BATCH_DOCUMENTS, |limit| usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_BATCH_DOCUMENTS));
    let mut selected = outbox::next(tx, &choice.selection(limit, MAX_BATCH_BYTES))?;
    if polevik_planted::is(polevik_planted::Bug::OrderByClock) {
        selected.entries.sort_by_key(|entry| entry.created_at);
    }
    let total = selected.entries.len();
    let first_known = selected.entries.iter().position(|entry| entry.attempts > 0);
    selected.entries.truncate(first_known.map_or(total, |place| place.max(1)));
    let mut batch = Batch { is_last: selected.is_last && selected.entries.len() == total, ..Batch::default() };
    for entry in selected.entries {
        let revision = RevisionRef { id: entry.document_id, revision: entry.revision };
        batch.sent.push(Sent { revision, lane: entry.lane, is_known: entry.attempts > 0 });
        batch.documents.push(envelope(entry)?);
    }
    Ok(batch)
}

/// What is left for the session.
pub(crate) fn rest(tx: &Transaction<'_>, choice: &Choice<'_>) -> Result<Rest, StoreError> {
    let is_left = !outbox::next(tx, &choice.selection(1, 0))?.entries.is_empty();
    if is_left {
        let again = outbox::re_offered(tx, choice.position)?;
        let waiting = outbox::waiting_up_to(tx, choice.position, choice.up_to)?.saturating_add(again);
        let passed_over = u32::try_from(choice.passed_over.len()).unwrap_or(u32::MAX);
        return Ok(Rest { waiting: waiting.saturating_sub(passed_over).max(1), held: passed_over });
    }
    if choice.passed_over.is_empty() {
        return Ok(Rest::default());
    }
    let all = Choice { passed_over: &BTreeSet::new(), ..*choice };
    let held = outbox::next(tx, &all.selection(usize::MAX, usize::MAX))?.entries.len();
    Ok(Rest { waiting: 0, held: u32::try_from(held).unwrap_or(u32::MAX) })
}

/// A planted bug: whatever was answered, all that was sent counts as accepted.
pub(crate) fn take_for_receipts(tx: &Transaction<'_>, sent: &[Sent], at: UtcMillis) -> Result<(), StoreError> {
    for Sent { revision, .. } in sent {
        outbox::settle(tx, revision.id, revision.revision, &Answer { at, refusal: None })?;
    }
    Ok(())
}

fn envelope(entry: OutboxEntry) -> Result<Envelope, StoreError> {
    Ok(Envelope {
        id: entry.document_id,
        kind: entry.kind,
        revision: entry.revision,
        device_seq: entry.wire_seq,
        created_at_ms: entry.created_at,
        body: RawValue::from_string(entry.body).map_err(|_| StoreError::BadValue("outbox.body"))?,
    })
}

/// What the answer did to the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Documents answered.
    pub(crate) answered: u32,
    /// Lanes at whose documents the server broke; this session leaves them alone.
    pub(crate) broken: Vec<DocumentId>,
    /// Documents marked to be offered again.
    pub(crate) offered_again: usize,
}

/// Settles receipts and counts failures of documents that were sent; others are not ours to settle. `may_offer`: what was answered may be
/// marked to be offered again, which a session does once.
pub(crate) fn settle(
    tx: &Transaction<'_>,
    sent: &[Sent],
    reply: &SyncReply,
    now: UtcMillis,
    may_offer: bool,
) -> Result<Settled, StoreError> {
    let mut settled = Settled::default();
    let was_sent = |id: DocumentId, revision: u32| sent.iter().find(|sent| sent.revision == RevisionRef { id, revision });
    for receipt in reply.receipts.iter().filter(|receipt| was_sent(receipt.id, receipt.revision).is_some()) {
        settled.answered += u32::from(outbox::settle(tx, receipt.id, receipt.revision, &answer(receipt))?);
    }
    for failed in &reply.failed {
        if let Some(sent) = was_sent(failed.id, failed.revision) {
            parking::count_failure(tx, failed.id, failed.revision, now)?;
            settled.broken.push(sent.lane);
        }
    }
    if reply.re_offer && may_offer {
        settled.offered_again = journal::mark_re_offer(tx, journal::keep_since(now))? + outgoing_files::offer_again(tx)?;
    }
    Ok(settled)
}

fn answer(receipt: &Receipt) -> Answer<'_> {
    let refusal = match &receipt.outcome {
        Outcome::Accepted => None,
        Outcome::Rejected { code, reason, field } => Some((code.as_str(), reason.as_str(), field.as_deref())),
    };
    Answer { at: receipt.received_at_ms, refusal }
}
