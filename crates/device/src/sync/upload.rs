//! Outbox to batches; receipts back to the outbox.

use std::collections::BTreeSet;

use polevik_device_store::work::outbox::{self, Answer, OutboxEntry};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_protocol::document::{Envelope, Outcome, Receipt};
use polevik_protocol::version::{MAX_BATCH_BYTES, MAX_BATCH_DOCUMENTS};
use serde_json::value::RawValue;

/// Documents of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// Oldest first.
    pub(crate) documents: Vec<Envelope>,
    /// Whether nothing is left after it.
    pub(crate) is_last: bool,
}

/// The oldest unanswered documents of a position up to number `up_to`, within the limits of one request. At least one, whatever its size.
pub(crate) fn next_batch(tx: &Transaction<'_>, position: PositionId, up_to: i64) -> Result<Batch, StoreError> {
    let limit = u32::try_from(MAX_BATCH_DOCUMENTS).unwrap_or(u32::MAX);
    let entries = outbox::unanswered(tx, position, 0, up_to, limit + 1)?;
    let total = entries.len();
    let mut documents = Vec::new();
    let mut bytes = 0;
    for entry in entries.into_iter().take(MAX_BATCH_DOCUMENTS) {
        bytes += entry.body.len();
        if bytes > MAX_BATCH_BYTES && !documents.is_empty() {
            break;
        }
        documents.push(envelope(entry)?);
    }
    Ok(Batch { is_last: documents.len() == total, documents })
}

fn envelope(entry: OutboxEntry) -> Result<Envelope, StoreError> {
    Ok(Envelope {
        id: entry.document_id,
        kind: entry.kind,
        revision: entry.revision,
        device_seq: entry.device_seq.cast_unsigned(),
        created_at_ms: entry.created_at,
        body: RawValue::from_string(entry.body).map_err(|_| StoreError::BadValue("outbox.body"))?,
    })
}

/// Settles the receipts of documents that were sent; others are not ours to settle. Gives how many were settled.
pub(crate) fn settle(tx: &Transaction<'_>, sent: &[Envelope], receipts: &[Receipt]) -> Result<u32, StoreError> {
    let sent: BTreeSet<(DocumentId, u32)> = sent.iter().map(|document| (document.id, document.revision)).collect();
    let mut settled = 0;
    for receipt in receipts.iter().filter(|receipt| sent.contains(&(receipt.id, receipt.revision))) {
        let refusal = match &receipt.outcome {
            Outcome::Accepted => None,
            Outcome::Rejected { code, reason, field } => Some((code.as_str(), reason.as_str(), field.as_deref())),
        };
        let answer = Answer { at: receipt.received_at_ms, refusal };
        settled += u32::from(outbox::settle(tx, receipt.id, receipt.revision, &answer)?);
    }
    Ok(settled)
}
