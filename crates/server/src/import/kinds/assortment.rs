//! Assortment: what outlets of a format should have.

use polevik_domain::ids::DistributorId;
use polevik_protocol::rows::AssortmentRow;
use polevik_server_store::part::Part;
use polevik_server_store::reference::natural_key;
use polevik_server_store::{StoreError, Transaction};

use super::outlets::FORMATS;
use super::references::ProductCodes;
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};

pub(super) struct Assortment {
    distributor: DistributorId,
    products: ProductCodes,
}

impl Assortment {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part) -> Result<Self, StoreError> {
        Ok(Self { distributor: part.distributor, products: ProductCodes::load(tx, &part.id)? })
    }
}

impl Judge for Assortment {
    fn columns(&self) -> &'static [&'static str] {
        &["format", "product", "sku", "product_code", "kind"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let format = fields.word(&["format"], &FORMATS)?.ok_or_else(|| Refusal::new("format", "is missing"))?;
        let product_id = self.products.find(fields)?;
        let kind = fields.word(&["kind"], &["must", "focus", "new", "stop"])?.unwrap_or("must").to_owned();
        Ok(Judged::Row(GoodRow {
            natural_key: natural_key::assortment(format, product_id),
            bucket: placement::of_distributor(self.distributor),
            values: AssortmentRow { id: 0, format: format.to_owned(), product_id, kind }.into_row().values,
        }))
    }
}
