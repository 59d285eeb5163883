//! Products: what is sold.

use std::collections::HashMap;

use polevik_domain::ids::DistributorId;
use polevik_protocol::rows::{ProductRow, Value};
use polevik_server_store::part::Part;
use polevik_server_store::reference::{Put, ReferenceWriter, products};
use polevik_server_store::{StoreError, Transaction};

use super::references::MAX_CODE_BYTES;
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};

/// The tax rate of a product that names none, hundredths of a percent.
const USUAL_VAT_RATE: i64 = 2_200;

/// The longest name, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 500;

/// The highest price of a piece, kopecks: ten million rubles, against slips.
pub(super) const MAX_PRICE: i64 = 1_000_000_000;

/// The largest count of pieces.
pub(super) const MAX_PIECES: i64 = 1_000_000_000;

pub(super) struct Products {
    distributor: DistributorId,
    /// Both ways, so that no two products get one article.
    sku_of: HashMap<String, String>,
    owner_of: HashMap<String, String>,
}

impl Products {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part) -> Result<Self, StoreError> {
        let sku_of = products::skus_by_ext_code(tx, &part.id)?;
        let owner_of = sku_of.iter().map(|(ext_code, sku)| (sku.clone(), ext_code.clone())).collect();
        Ok(Self { distributor: part.distributor, sku_of, owner_of })
    }
}

impl Judge for Products {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "ext_code",
            "id",
            "sku",
            "name",
            "brand",
            "category",
            "unit",
            "block_factor",
            "box_factor",
            "barcode",
            "vat_rate",
            "active",
            "list_price",
            "price",
            "stock_total",
            "stock",
            "changed_at_ms",
            "updated_at",
        ]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let ext_code = fields.required(&["ext_code", "id"], MAX_CODE_BYTES)?;
        let sku = fields.required(&["sku"], MAX_CODE_BYTES)?;
        let row = ProductRow {
            id: 0,
            ext_code: ext_code.clone(),
            name: fields.required(&["name"], MAX_NAME_BYTES)?,
            brand: fields.text_or_empty(&["brand"], 200)?,
            category: fields.text_or_empty(&["category"], 200)?,
            unit: fields.text(&["unit"], 20)?.unwrap_or_else(|| "шт".to_owned()),
            block_factor: fields.int(&["block_factor"], 0..=100_000)?.unwrap_or(0),
            box_factor: fields.int(&["box_factor"], 0..=100_000)?.unwrap_or(0),
            barcode: fields.text_or_empty(&["barcode"], 64)?,
            vat_rate: fields.int(&["vat_rate"], 0..=10_000)?.unwrap_or(USUAL_VAT_RATE),
            active: fields.flag(&["active"], true)?,
            list_price: fields.int(&["list_price", "price"], 1..=MAX_PRICE)?,
            stock_total: fields.int(&["stock_total", "stock"], 0..=MAX_PIECES)?,
            changed_at_ms: fields.moment(&["changed_at_ms", "updated_at"])?.map(|moment| moment.0),
            sku,
        };
        if let Some(owner) = self.owner_of.get(&row.sku).filter(|owner| **owner != ext_code) {
            return Err(Refusal::new("sku", format!("article \"{}\" belongs to product \"{owner}\"", row.sku)).into());
        }
        Ok(Judged::Row(GoodRow {
            natural_key: ext_code,
            bucket: placement::of_distributor(self.distributor),
            values: row.into_row().values,
        }))
    }

    fn taken(&mut self, _writer: &mut ReferenceWriter<'_>, row: &GoodRow, put: Put) -> Result<(), StoreError> {
        if let (false, Some(Value::Text(sku))) = (matches!(put, Put::Unchanged(_)), row.values.get(1)) {
            if let Some(former) = self.sku_of.insert(row.natural_key.clone(), sku.clone()) {
                self.owner_of.remove(&former);
            }
            self.owner_of.insert(sku.clone(), row.natural_key.clone());
        }
        Ok(())
    }
}
