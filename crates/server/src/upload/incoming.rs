//! A batch as it comes: one document that cannot be read does not spoil those beside it.

use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::Envelope;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Kind of a document whose envelope cannot be read; no kind of ours.
pub const UNREADABLE: &str = "";

/// What every document must say before it can have a receipt.
#[derive(Deserialize)]
struct Named {
    id: DocumentId,
    revision: u32,
    /// Its number among the device's revisions, if that can be read: an answer counts under it.
    #[serde(default)]
    device_seq: serde_json::Value,
}

/// The document in `raw`. An envelope that cannot be read keeps its id and revision, is of kind [`UNREADABLE`], and has itself as its body;
/// `None` if it has no id and revision either.
#[must_use]
pub fn open(raw: &RawValue) -> Option<Envelope> {
    if let Ok(envelope) = serde_json::from_str(raw.get()) {
        return Some(envelope);
    }
    let Named { id, revision, device_seq } = serde_json::from_str(raw.get()).ok()?;
    Some(Envelope {
        id,
        kind: UNREADABLE.to_owned(),
        revision,
        device_seq: device_seq.as_u64().unwrap_or(0),
        created_at_ms: UtcMillis(0),
        body: raw.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_document_with_a_broken_envelope_keeps_its_name_and_its_bytes() {
        let text = r#"{"id":"018f0000-0000-7000-8000-000000000001","revision":3,"device_seq":5,"kind":7,"body":{}}"#;
        let opened = open(&raw(text)).unwrap();
        assert_eq!((opened.kind.as_str(), opened.revision, opened.device_seq, opened.body.get()), (UNREADABLE, 3, 5, text));
        assert_eq!(open(&raw(&text.replace(":5,", ":[],"))).unwrap().device_seq, 0);
        assert!(open(&raw(r#"{"revision":3}"#)).is_none());
        assert!(open(&raw("[1,2]")).is_none());
    }
}
