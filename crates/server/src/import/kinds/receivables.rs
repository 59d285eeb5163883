//! Receivables: open invoices of outlets.

use std::collections::HashMap;

use polevik_domain::ids::OutletId;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::rows::ReceivableRow;
use polevik_server_store::part::Part;
use polevik_server_store::reference::{natural_key, outlets};
use polevik_server_store::{StoreError, Transaction};

use super::products::MAX_PRICE;
use super::references::MAX_CODE_BYTES;
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::import::fields::{Fields, Refusal};

pub(super) struct Receivables {
    outlets: HashMap<String, (OutletId, BucketName)>,
}

impl Receivables {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part) -> Result<Self, StoreError> {
        Ok(Self { outlets: outlets::places(tx, &part.id)? })
    }
}

impl Judge for Receivables {
    fn columns(&self) -> &'static [&'static str] {
        &["outlet", "document", "day", "due_day", "amount", "rest"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let code = fields.required(&["outlet"], MAX_CODE_BYTES)?;
        let (outlet_id, bucket) =
            self.outlets.get(&code).ok_or_else(|| Refusal::new("outlet", format!("there is no outlet \"{code}\"")))?;
        let document = fields.required(&["document"], MAX_CODE_BYTES)?;
        let day = fields.day(&["day"])?.ok_or_else(|| Refusal::new("day", "is missing"))?;
        let due_day = fields.day(&["due_day"])?.unwrap_or(day);
        let amount = fields.required_int(&["amount"], 0..=MAX_PRICE * 1_000)?;
        let rest = fields.int(&["rest"], 0..=amount)?.unwrap_or(amount);
        let row = ReceivableRow {
            id: 0,
            outlet_id: outlet_id.0,
            document: document.clone(),
            day: i64::from(day.0),
            due_day: i64::from(due_day.0),
            amount,
            rest,
        };
        Ok(Judged::Row(GoodRow {
            natural_key: natural_key::receivable(outlet_id.0, &document),
            bucket: bucket.clone(),
            values: row.into_row().values,
        }))
    }
}
