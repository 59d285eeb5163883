//! Price lists.

use polevik_domain::ids::DistributorId;
use polevik_protocol::rows::PriceTypeRow;
use polevik_server_store::Transaction;
use polevik_server_store::part::Part;

use super::references::MAX_CODE_BYTES;
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::Fields;

pub(super) struct PriceTypes {
    distributor: DistributorId,
}

impl PriceTypes {
    pub(super) fn of(part: &Part) -> Self {
        Self { distributor: part.distributor }
    }
}

impl Judge for PriceTypes {
    fn columns(&self) -> &'static [&'static str] {
        &["ext_code", "id", "name"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let ext_code = fields.required(&["ext_code", "id"], MAX_CODE_BYTES)?;
        let row = PriceTypeRow { id: 0, ext_code: ext_code.clone(), name: fields.required(&["name"], 200)? };
        Ok(Judged::Row(GoodRow {
            natural_key: ext_code,
            bucket: placement::of_distributor(self.distributor),
            values: row.into_row().values,
        }))
    }
}
