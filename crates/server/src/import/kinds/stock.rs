//! Stock: how much of a product a warehouse has free to sell.

use polevik_domain::ids::WarehouseId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::rows::{STOCK, StockRow, Value, WAREHOUSE};
use polevik_server_store::part::Part;
use polevik_server_store::reference::{natural_key, rows};
use polevik_server_store::{StoreError, Transaction};

use super::products::MAX_PIECES;
use super::references::{Codes, MAX_CODE_BYTES, ProductCodes};
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};
use crate::import::run::Options;

pub(super) struct Stock {
    part_id: String,
    products: ProductCodes,
    warehouses: Codes,
    usual_warehouse: Option<String>,
    now: UtcMillis,
}

impl Stock {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part, options: &Options) -> Result<Self, StoreError> {
        Ok(Self {
            part_id: part.id.clone(),
            products: ProductCodes::load(tx, &part.id)?,
            warehouses: Codes::load(tx, &part.id, WAREHOUSE)?,
            usual_warehouse: options.warehouse.clone(),
            now: options.started_at,
        })
    }
}

impl Stock {
    /// Now; but a count that has not changed keeps its moment, or the same list would be news for every device every ten minutes.
    fn usual_moment(&self, tx: &Transaction<'_>, natural_key: &str, available: i64) -> Result<i64, StoreError> {
        let known = match rows::id_by_key(tx, &self.part_id, STOCK, natural_key)? {
            Some(id) => rows::read(tx, &self.part_id, STOCK, id)?,
            None => None,
        };
        Ok(match known.as_ref().map(|found| found.row.values.as_slice()) {
            Some([_, _, Value::Int(before), Value::Int(as_of_ms)]) if *before == available => *as_of_ms,
            _ => self.now.0,
        })
    }
}

impl Judge for Stock {
    fn columns(&self) -> &'static [&'static str] {
        &["warehouse", "product", "sku", "product_code", "available", "stock", "as_of"]
    }

    fn judge(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let warehouse = fields.text(&["warehouse"], MAX_CODE_BYTES)?.or_else(|| self.usual_warehouse.clone());
        let warehouse = warehouse.ok_or_else(|| Refusal::new("warehouse", "is missing; name it in the row or with --warehouse"))?;
        let warehouse_id = self.warehouses.find("warehouse", &warehouse)?;
        let product_id = self.products.find(fields)?;
        let available = fields.required_int(&["available", "stock"], 0..=MAX_PIECES)?;
        let natural_key = natural_key::stock(warehouse_id, product_id);
        let as_of_ms = match fields.moment(&["as_of"])? {
            Some(moment) => moment.0,
            None => self.usual_moment(tx, &natural_key, available)?,
        };
        Ok(Judged::Row(GoodRow {
            natural_key,
            bucket: placement::of_warehouse(WarehouseId(warehouse_id)),
            values: StockRow { id: 0, warehouse_id, product_id, available, as_of_ms }.into_row().values,
        }))
    }
}
