//! Is the device the only one of its id, and do both sides remember the same of it?
//!
//! A phone restored from a backup, or two of one backup, give numbers twice. A server restored from a backup has forgotten what it answered.
//! Both are seen by comparing two numbers, before any document is taken.

use polevik_domain::ids::DeviceId;
use polevik_protocol::document::Envelope;
use polevik_protocol::sync::ReEnrol;
use polevik_server_store::documents::{Author, receipts};
use polevik_server_store::people::devices::{self, Device};
use polevik_server_store::people::tokens;
use polevik_server_store::{StoreError, Transaction};

use crate::app::App;
use crate::authenticated::token_hash;

/// What a device says of its numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claim {
    /// The last number it gave; `None` = it is too old to say, and cannot go on under another id.
    pub given_seq: Option<u64>,
    /// The highest number that was answered.
    pub answered_seq: Option<u64>,
}

impl Claim {
    /// Whether the server has to look closer at a device of which it has seen numbers up to `floor`.
    #[must_use]
    pub fn differs_from(self, floor: u64) -> bool {
        self.given_seq.is_some_and(|given| floor > given) || self.answered_seq.is_some_and(|answered| floor < answered)
    }
}

/// Whether another installation has gone on under the device's id, or this one was restored from a backup: the server has seen more than it
/// gave, or a number of a new document is another document's.
///
/// # Errors
///
/// When the database refuses.
pub fn is_forked(tx: &Transaction<'_>, part_id: &str, device: &Device, claim: Claim, documents: &[Envelope]) -> Result<bool, StoreError> {
    let Some(given) = claim.given_seq.filter(|_| !polevik_planted::is(polevik_planted::Bug::TwinUnnoticed)) else { return Ok(false) };
    if device.device_seq_floor > given {
        return Ok(true);
    }
    for document in documents.iter().filter(|document| document.device_seq > 0) {
        // No number above the highest seen is used, so most documents cost nothing here.
        if document.device_seq <= device.device_seq_floor
            && receipts::number_is_used(tx, part_id, device.id, document.device_seq)?
            && !receipts::exists(tx, part_id, document.id, document.revision)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a device needs to go on under another id; nothing of it is known before it is written.
#[derive(Clone)]
pub struct NewLife {
    id: DeviceId,
    token: String,
}

impl NewLife {
    /// Fresh names.
    #[must_use]
    pub fn draw(app: &App) -> Self {
        Self { id: DeviceId::generate(app.now(), app.random_bytes()), token: hex::encode(app.random_bytes::<32>()) }
    }
}

/// Lets a device go on under another id; `None` if its chain had too many lives today.
///
/// # Errors
///
/// When the database refuses.
pub fn enrol_again(
    tx: &Transaction<'_>,
    author: Author<'_>,
    old: &Device,
    given_seq: u64,
    new: NewLife,
    now: polevik_domain::time::UtcMillis,
) -> Result<Option<ReEnrol>, StoreError> {
    let part_id = &author.scope.part_id;
    let Some(device) = devices::enrol_again(tx, part_id, old, new.id, given_seq, now)? else { return Ok(None) };
    tokens::issue_unused(tx, token_hash(&new.token), part_id, device.id, author.user, author.scope.position, now)?;
    Ok(Some(ReEnrol { device_id: device.id, token: new.token, number_prefix: device.number_prefix }))
}

/// Up to which number the documents of a request count as seen. While the device was answered more than the server knows, no new document may
/// hide that: it would raise the count above what was lost, and nobody would ask for it.
#[must_use]
pub fn counts_up_to(device: &Device, claim: Claim) -> u64 {
    claim.answered_seq.filter(|answered| *answered > device.device_seq_floor).unwrap_or(u64::MAX)
}

/// Whether a device shall offer its answered documents again. A request that already brings such documents is not told so once more.
///
/// # Errors
///
/// When the database refuses.
pub fn shall_re_offer(
    tx: &Transaction<'_>,
    part_id: &str,
    device: DeviceId,
    claim: Claim,
    documents: &[Envelope],
) -> Result<bool, StoreError> {
    let Some(answered) = claim.answered_seq else { return Ok(false) };
    if documents.iter().any(|document| document.device_seq <= answered) {
        return Ok(false);
    }
    devices::shall_re_offer(tx, part_id, device, answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_do_not_fit_are_looked_at() {
        let differs = |given: Option<u64>, answered: Option<u64>| Claim { given_seq: given, answered_seq: answered }.differs_from(5);
        assert!(!differs(None, None), "an older device");
        assert!(!differs(Some(5), Some(5)));
        assert!(!differs(Some(9), Some(3)), "it has more to send");
        assert!(differs(Some(4), Some(4)), "it was restored");
        assert!(differs(Some(9), Some(6)), "the server was restored");
    }
}
