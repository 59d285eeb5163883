//! A batch of documents: one transaction, a savepoint for each, and a receipt that stays the same for ever.

use std::collections::BTreeMap;

use polevik_domain::ids::DocumentId;
use polevik_domain::numbering::DocumentNumber;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{DocumentKind, Envelope, Outcome, Receipt};
use polevik_protocol::rows::{DOCUMENT_STATE, DocumentStateRow};
use polevik_protocol::sync::RevisionRef;
use polevik_server_store::documents::receipts::{Answered, Earlier};
use polevik_server_store::documents::revisions::Newest;
use polevik_server_store::documents::{Author, in_savepoint, is_of_the_database, orders, photos, quarantine, receipts, revisions, visits};
use polevik_server_store::people::devices::{self, Device, Progress};
use polevik_server_store::people::tokens;
use polevik_server_store::reference::{ReferenceWriter, natural_key};
use polevik_server_store::{StoreError, Transaction, organisation, part};
use polevik_texts::Texts;
use serde::Deserialize;

use super::rules::{self, Checked, Facts, Reason, Refusal, Verdict};
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
#[derive(Debug, Default)]
pub struct Accepted {
    /// In the order of the batch; a document the server failed at has none.
    pub receipts: Vec<Receipt>,
    /// The documents the server failed at.
    pub failed: Vec<RevisionRef>,
    /// How many of which kind met which fate.
    pub tally: BTreeMap<(&'static str, Fate), u64>,
    /// Revisions the device numbered before the last of this batch that have not come, and had not been missed before.
    pub newly_missing: u64,
}

/// Takes a batch, in the order it came. Numbers above `counts_up_to` are taken, and not counted as seen ([`super::lives::counts_up_to`]).
/// Everything is written in the caller's transaction, the device's feed last.
///
/// # Errors
///
/// When the database refuses as a whole: then nothing is taken, and the device sends the batch again.
pub fn accept_batch(
    tx: &Transaction<'_>,
    author: Author<'_>,
    device: &Device,
    documents: &[Envelope],
    counts_up_to: u64,
    texts: &Texts,
    now: UtcMillis,
) -> Result<Accepted, StoreError> {
    let part = part::load(tx, &author.scope.part_id)?;
    let mut batch =
        Accepted { receipts: Vec::with_capacity(documents.len()), failed: Vec::new(), tally: BTreeMap::new(), newly_missing: 0 };
    let mut progress = Progress { device_seq: 0, new_revisions: 0, number_sequence: 0 };
    let mut states: Vec<DocumentStateRow> = Vec::new();
    let facts = Facts::new(&device.number_prefix);
    for document in documents {
        let kind = DocumentKind::parse(&document.kind).map_or("other", DocumentKind::as_str);
        let fate = match in_savepoint(tx, || accept(tx, author, &facts, document, texts, now))? {
            Ok(answer) => {
                progress.device_seq = progress.device_seq.max(if document.device_seq <= counts_up_to { document.device_seq } else { 0 });
                progress.new_revisions += answer.new_revisions;
                progress.number_sequence = progress.number_sequence.max(own_sequence(device, document));
                states.extend(answer.state);
                batch.receipts.push(answer.receipt);
                answer.fate
            }
            // The disk is full, or another process holds the database: no fault of the document's.
            Err(error) if is_of_the_database(&error) || polevik_planted::is(polevik_planted::Bug::SavepointMissing) => return Err(error),
            Err(error) => {
                batch.failed.push(RevisionRef { id: document.id, revision: document.revision });
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
    /// Numbered revisions that are accounted for now and were not before.
    new_revisions: u64,
    state: Option<DocumentStateRow>,
}

/// Places one document, or finds the receipt of the time it was placed before.
fn accept(
    tx: &Transaction<'_>,
    author: Author<'_>,
    facts: &Facts<'_>,
    document: &Envelope,
    texts: &Texts,
    now: UtcMillis,
) -> Result<Answer, StoreError> {
    let hash = document.content_hash();
    let conflict = || Refusal::of(Reason::Conflict).rejection(texts);
    let highest = match receipts::find(tx, author, document.id, document.revision, hash)? {
        Earlier::SameContent(receipt) => {
            let received_at_ms = if polevik_planted::is(polevik_planted::Bug::ReceiptChanges) { now } else { receipt.received_at_ms };
            let receipt = Receipt { received_at_ms, ..receipt };
            // Answered to an earlier life, numbered anew in this one.
            let counts = document.device_seq > 0 && receipts::take_over(tx, author, document.id, document.revision, document.device_seq)?;
            return Ok(Answer { receipt, fate: Fate::Duplicate, new_revisions: u64::from(counts), state: None });
        }
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
            // Its number is accounted for, though it is not a revision that counts.
            let new_revisions = u64::from(kept.is_new && document.device_seq > 0);
            return Ok(Answer { receipt, fate: Fate::Conflict, new_revisions, state: None });
        }
        Earlier::None { highest } => highest,
    };

    let part_id = &author.scope.part_id;
    // What was never answered was never accepted.
    let newest = if highest == 0 { None } else { revisions::newest(tx, part_id, document.id)? };
    let is_latest = document.revision > highest;
    let mut former = None;
    let verdict = check_as_made(tx, author, facts, document, &mut former)?;
    let author = former.as_ref().map_or(author, |scope| Author { scope, ..author });
    let verdict = verdict.and_then(|checked| match newest {
        Some(newest) if !is_of_kind(&newest, &checked) => Err(Refusal::of(Reason::Conflict)),
        Some(newest) if newest.withdrawn.is_some_and(|withdrawn| withdrawn < document.revision) && !is_withdrawal(&checked) => {
            Err(Refusal::of(Reason::Withdrawn))
        }
        _ => Ok(checked),
    });
    let (outcome, fate, state, note, superseded) = match verdict {
        Err(refusal) => {
            let rejection = refusal.rejection(texts);
            quarantine::keep(tx, author, document, hash, &rejection, now)?;
            (rejection.outcome(), Fate::Rejected, "rejected", rejection.reason, 0)
        }
        Ok(checked) => {
            revisions::insert(tx, author, document, checked.kind(), now)?;
            // A revision that comes after a newer one is answered, and changes nothing.
            let is_newest = newest.is_none_or(|newest| newest.revision < document.revision);
            let is_newest = is_newest && (document.revision == 1 || !polevik_planted::is(polevik_planted::Bug::SecondRevisionIgnored));
            let note = if is_newest { put_effect(tx, author, document, &checked, texts, now)? } else { String::new() };
            // Earlier revisions that have not come are sent no more: they are not missing.
            let superseded = if is_withdrawal(&checked) {
                let before = u64::from(document.revision.saturating_sub(1));
                before.saturating_sub(receipts::count_before(tx, part_id, document.id, document.revision)?)
            } else {
                0
            };
            (Outcome::Accepted, Fate::Accepted, if is_withdrawal(&checked) { "withdrawn" } else { "received" }, note, superseded)
        }
    };
    let answered = Answered { id: document.id, revision: document.revision, device_seq: document.device_seq, hash };
    let receipt = receipts::insert(tx, author, answered, outcome, now)?;
    let state = is_latest.then(|| DocumentStateRow {
        // The writer finds the row's own id by its key.
        id: 0,
        document_id: document.id.as_bytes().to_vec(),
        revision: i64::from(document.revision),
        state: state.to_owned(),
        at_ms: now.0,
        note,
    });
    let new_revisions = if document.device_seq > 0 { 1 + superseded } else { 0 };
    Ok(Answer { receipt, fate, new_revisions, state })
}

/// Judges a document by the scope of the position it was made under: the author's, or one that the device was signed in as before. In the
/// latter case `former` is that scope.
fn check_as_made(
    tx: &Transaction<'_>,
    author: Author<'_>,
    facts: &Facts<'_>,
    document: &Envelope,
    former: &mut Option<Scope>,
) -> Result<Verdict, StoreError> {
    let verdict = rules::check(tx, author, facts, document)?;
    if !matches!(&verdict, Err(refusal) if refusal.reason == Reason::Outlet) {
        return Ok(verdict);
    }
    let (part_id, now_is) = (&author.scope.part_id, author.scope.position);
    for position in tokens::former_positions(tx, part_id, author.lineage, author.user, now_is, document.created_at_ms)? {
        let Some(scope) = organisation::scope(tx, part_id, position)? else { continue };
        let verdict = rules::check(tx, Author { scope: &scope, ..author }, facts, document)?;
        if verdict.is_ok() {
            *former = Some(scope);
            return Ok(verdict);
        }
    }
    Ok(verdict)
}

/// Whether a revision is of the kind that the document is; a withdrawal is of every kind.
fn is_of_kind(newest: &Newest, checked: &Checked) -> bool {
    is_withdrawal(checked) || newest.kind.is_none_or(|kind| kind == checked.kind())
}

fn is_withdrawal(checked: &Checked) -> bool {
    checked.kind() == DocumentKind::Withdrawal
}

/// Does what an accepted revision says, and gives what the rep shall know of it; mostly nothing.
fn put_effect(
    tx: &Transaction<'_>,
    author: Author<'_>,
    document: &Envelope,
    checked: &Checked,
    texts: &Texts,
    now: UtcMillis,
) -> Result<String, StoreError> {
    let (id, revision): (DocumentId, u32) = (document.id, document.revision);
    match checked {
        Checked::Visit(visit) => {
            visits::put(tx, author, id, revision, visit)?;
            Ok(String::new())
        }
        Checked::Order(order) => {
            let number = orders::put(tx, author, id, revision, order, now)?;
            let wanted = order.body.number.as_str();
            let is_other = number != wanted;
            Ok(if is_other {
                texts.text("note-number-taken", &[("wanted", wanted.into()), ("number", number.into())])
            } else {
                String::new()
            })
        }
        Checked::Photo(photo) => {
            photos::put(tx, author, id, revision, photo, now)?;
            Ok(String::new())
        }
        Checked::Withdrawal(withdrawal) => {
            let part_id = &author.scope.part_id;
            // It is one of the three, or has not come and never counts.
            orders::withdraw(tx, part_id, id, revision, withdrawal)?;
            visits::withdraw(tx, part_id, id, revision, withdrawal)?;
            photos::withdraw(tx, part_id, id, revision, withdrawal)?;
            Ok(withdrawal.reason.clone())
        }
    }
}

/// Keeps the documents of a blocked device aside, raw: if the device is lost, they are not. They get no receipt, so that the device offers
/// them again once it is let in.
///
/// # Errors
///
/// When the database refuses.
pub fn set_aside(
    tx: &Transaction<'_>,
    author: Author<'_>,
    documents: &[Envelope],
    texts: &Texts,
    now: UtcMillis,
) -> Result<u64, StoreError> {
    let rejection = Refusal::of(Reason::Blocked).rejection(texts);
    let mut new = 0;
    for document in documents {
        if !receipts::exists(tx, &author.scope.part_id, document.id, document.revision)? {
            new += u64::from(quarantine::keep(tx, author, document, document.content_hash(), &rejection, now)?.is_new);
        }
    }
    Ok(new)
}

/// What is read of an order to see how far its device has counted.
#[derive(Deserialize)]
struct Numbered {
    number: String,
}

/// The sequence of an order's number if it is one of the device's own; 0 otherwise. Rejected orders have used theirs up too.
fn own_sequence(device: &Device, document: &Envelope) -> u32 {
    if DocumentKind::parse(&document.kind) != Some(DocumentKind::Order) {
        return 0;
    }
    let Ok(order) = serde_json::from_str::<Numbered>(document.body.get()) else { return 0 };
    DocumentNumber::parse(&order.number)
        .filter(|number| number.prefix() == device.number_prefix)
        .and_then(|number| number.as_str().rsplit_once('-')?.1.parse().ok())
        .unwrap_or(0)
}
