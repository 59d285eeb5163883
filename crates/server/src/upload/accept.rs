//! A batch of documents: one transaction, a savepoint for each, and a receipt that stays the same for ever.

use std::collections::BTreeMap;

use polevik_domain::ids::DocumentId;
use polevik_domain::numbering::DocumentNumber;
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{DocumentKind, Envelope, OrderBody, Outcome, Receipt};
use polevik_protocol::rows::{DOCUMENT_STATE, DocumentStateRow};
use polevik_server_store::documents::receipts::Earlier;
use polevik_server_store::documents::{Author, Rejection, in_savepoint, orders, quarantine, receipts, revisions, visits};
use polevik_server_store::people::devices::{self, Device, Progress};
use polevik_server_store::reference::{ReferenceWriter, natural_key};
use polevik_server_store::{StoreError, Transaction, part};
use polevik_texts::Texts;

use super::rules::{self, Checked, Reason, Refusal};
use crate::feed::placement;

/// What became of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// New, and in the central database now.
    Accepted,
    /// New, and kept aside with its reason.
    Rejected,
    /// Answered before; the same receipt.
    Duplicate,
    /// The id and revision have other content, or are another device's.
    Conflict,
    /// The server failed at it. It has no receipt, stays on the device, and its neighbours went on.
    Failed,
}

impl Fate {
    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }
}

/// What became of a batch.
#[derive(Debug)]
pub struct Accepted {
    /// In the order of the batch; a document the server failed at has none.
    pub receipts: Vec<Receipt>,
    /// How many of which kind met which fate.
    pub tally: BTreeMap<(&'static str, Fate), u64>,
    /// Revisions the device numbered before the last of this batch that have not come, and had not been missed before.
    pub newly_missing: u64,
}

/// Takes a batch, in the order it came. Everything is written in the caller's transaction, the device's feed last.
///
/// # Errors
///
/// When the database refuses as a whole: then nothing is taken, and the device sends the batch again.
pub fn accept_batch(
    tx: &Transaction<'_>,
    author: Author<'_>,
    documents: &[Envelope],
    texts: &Texts,
    now: UtcMillis,
) -> Result<Accepted, StoreError> {
    let part = part::load(tx, &author.scope.part_id)?;
    let device = devices::find(tx, &part.id, author.device)?.ok_or(StoreError::Corrupt("a token without its device"))?;
    let mut batch = Accepted { receipts: Vec::with_capacity(documents.len()), tally: BTreeMap::new(), newly_missing: 0 };
    let mut progress = Progress { device_seq: 0, new_revisions: 0, number_sequence: 0 };
    let mut states: Vec<DocumentStateRow> = Vec::new();
    for document in documents {
        let kind = DocumentKind::parse(&document.kind).map_or("other", DocumentKind::as_str);
        let fate = match in_savepoint(tx, || accept(tx, author, &device, document, texts, now))? {
            Ok(answer) => {
                progress.device_seq = progress.device_seq.max(document.device_seq);
                progress.new_revisions += u64::from(answer.is_new);
                progress.number_sequence = progress.number_sequence.max(own_sequence(&device, document));
                states.extend(answer.state);
                batch.receipts.push(answer.receipt);
                answer.fate
            }
            Err(error) => {
                tracing::error!(document = %document.id, revision = document.revision, kind, %error, "a document broke the server");
                Fate::Failed
            }
        };
        *batch.tally.entry((kind, fate)).or_default() += 1;
    }
    if !batch.receipts.is_empty() {
        let after = devices::note_progress(tx, &part.id, author.device, progress, now)?;
        batch.newly_missing = after.missing().saturating_sub(device.missing());
    }
    let mut writer = ReferenceWriter::new(tx, &part, now);
    let bucket = placement::of_position(author.scope.position);
    for state in states {
        let key = natural_key::document_state(&key_bytes(&state)?);
        writer.put(DOCUMENT_STATE, &key, &bucket, &state.into_row().values)?;
    }
    // Last: it holds the bucket's counter until the commit.
    writer.finish()?;
    Ok(batch)
}

fn key_bytes(state: &DocumentStateRow) -> Result<[u8; 16], StoreError> {
    state.document_id.as_slice().try_into().map_err(|_| StoreError::Corrupt("the id of a document"))
}

/// What one document came to.
struct Answer {
    receipt: Receipt,
    fate: Fate,
    is_new: bool,
    state: Option<DocumentStateRow>,
}

/// Places one document, or finds the receipt of the time it was placed before.
fn accept(
    tx: &Transaction<'_>,
    author: Author<'_>,
    device: &Device,
    document: &Envelope,
    texts: &Texts,
    now: UtcMillis,
) -> Result<Answer, StoreError> {
    let hash = document.content_hash();
    let conflict = || Refusal::of(Reason::Conflict).rejection(texts);
    match receipts::find(tx, author, document.id, document.revision, hash)? {
        Earlier::SameContent(receipt) => return Ok(Answer { receipt, fate: Fate::Duplicate, is_new: false, state: None }),
        Earlier::Taken => {
            // The stored receipt stays as it is; what came instead is kept beside it.
            let rejection = conflict();
            let kept = quarantine::keep(tx, author, document, hash, &rejection, now)?;
            let receipt = Receipt {
                id: document.id,
                revision: document.revision,
                outcome: rejection.outcome(),
                received_at_ms: kept.first_received_at,
            };
            return Ok(Answer { receipt, fate: Fate::Conflict, is_new: false, state: None });
        }
        Earlier::None => {}
    }

    let part_id = &author.scope.part_id;
    let newest = revisions::newest(tx, part_id, document.id)?;
    let is_latest = document.revision > receipts::highest_revision(tx, part_id, document.id)?;
    let rejection: Option<Rejection> = match rules::check(tx, author, &device.number_prefix, document)? {
        Err(refusal) => Some(refusal.rejection(texts)),
        Ok(checked) if newest.is_some_and(|newest| newest.kind != checked.kind()) => Some(conflict()),
        Ok(checked) => {
            revisions::insert(tx, author, document, checked.kind(), now)?;
            // A revision that comes after a newer one is answered, and changes nothing.
            if newest.is_none_or(|newest| newest.revision < document.revision) {
                put_effect(tx, author, document, &checked, now)?;
            }
            None
        }
    };
    let fate = if rejection.is_none() { Fate::Accepted } else { Fate::Rejected };
    if let Some(rejection) = &rejection {
        quarantine::keep(tx, author, document, hash, rejection, now)?;
    }
    let note = rejection.as_ref().map(|rejection| rejection.reason.clone()).unwrap_or_default();
    let outcome = rejection.map_or(Outcome::Accepted, |rejection| rejection.outcome());
    let receipt = receipts::insert(tx, author, document.id, document.revision, hash, outcome, now)?;
    let state = is_latest.then(|| DocumentStateRow {
        // The writer finds the row's own id by its key.
        id: 0,
        document_id: document.id.as_bytes().to_vec(),
        revision: i64::from(document.revision),
        state: if fate == Fate::Accepted { "received" } else { "rejected" }.to_owned(),
        at_ms: now.0,
        note,
    });
    Ok(Answer { receipt, fate, is_new: true, state })
}

fn put_effect(tx: &Transaction<'_>, author: Author<'_>, document: &Envelope, checked: &Checked, now: UtcMillis) -> Result<(), StoreError> {
    let (id, revision): (DocumentId, u32) = (document.id, document.revision);
    match checked {
        Checked::Visit(visit) => visits::put(tx, author, id, revision, visit),
        Checked::Order(order) => orders::put(tx, author, id, revision, order, now),
    }
}

/// The sequence of an order's number if it is one of the device's own; 0 otherwise. Rejected orders have used theirs up too.
fn own_sequence(device: &Device, document: &Envelope) -> u32 {
    if DocumentKind::parse(&document.kind) != Some(DocumentKind::Order) {
        return 0;
    }
    let Ok(order) = serde_json::from_str::<OrderBody>(document.body.get()) else { return 0 };
    DocumentNumber::parse(&order.number)
        .filter(|number| number.prefix() == device.number_prefix)
        .and_then(|number| number.as_str().rsplit_once('-')?.1.parse().ok())
        .unwrap_or(0)
}
