//! Document states: what the office says of an order or a visit that a device has sent.

use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::rows::{DOCUMENT_STATE, DocumentStateRow, Value};
use polevik_server_store::Transaction;
use polevik_server_store::part::Part;
use polevik_server_store::reference::{natural_key, rows};

use super::{GoodRow, Judge, JudgeError, Judged};
use crate::import::fields::{Fields, Refusal};
use crate::import::run::Options;

pub(super) struct DocumentStates {
    part_id: String,
    now: UtcMillis,
}

impl DocumentStates {
    pub(super) fn load(part: &Part, options: &Options) -> Self {
        Self { part_id: part.id.clone(), now: options.started_at }
    }
}

impl Judge for DocumentStates {
    fn columns(&self) -> &'static [&'static str] {
        &["document_id", "id", "revision", "state", "at", "note"]
    }

    fn judge(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let text = fields.required(&["document_id", "id"], 36)?;
        let id = DocumentId::parse(&text).ok_or_else(|| Refusal::new("document_id", format!("\"{text}\" is not the id of a document")))?;
        let natural_key = natural_key::document_state(id.as_bytes());
        // The server noted the first state when the document came; it stands in the bucket of the position that sent it.
        let known = match rows::id_by_key(tx, &self.part_id, DOCUMENT_STATE, &natural_key)? {
            Some(row_id) => rows::read(tx, &self.part_id, DOCUMENT_STATE, row_id)?,
            None => None,
        };
        let known = known.ok_or_else(|| Refusal::new("document_id", format!("no device has sent a document {text}")))?;
        let newest = match known.row.values.get(1) {
            Some(Value::Int(revision)) => *revision,
            _ => 1,
        };
        let states = ["received", "rejected", "accepted", "shipped", "delivered", "changed"];
        let row = DocumentStateRow {
            id: 0,
            document_id: id.as_bytes().to_vec(),
            revision: fields.int(&["revision"], 1..=newest)?.unwrap_or(newest),
            state: fields.word(&["state"], &states)?.ok_or_else(|| Refusal::new("state", "is missing"))?.to_owned(),
            at_ms: fields.moment(&["at"])?.unwrap_or(self.now).0,
            note: fields.text_or_empty(&["note"], 1_000)?,
        };
        Ok(Judged::Row(GoodRow { natural_key, bucket: known.bucket, values: row.into_row().values }))
    }
}
