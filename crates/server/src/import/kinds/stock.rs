//! Stock: how much of a product a warehouse has free to sell.

use polevik_domain::ids::WarehouseId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::rows::{StockRow, WAREHOUSE};
use polevik_server_store::part::Part;
use polevik_server_store::reference::natural_key;
use polevik_server_store::{StoreError, Transaction};

use super::products::MAX_PIECES;
use super::references::{Codes, MAX_CODE_BYTES, ProductCodes};
use super::{GoodRow, Judge, JudgeError};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};
use crate::import::run::Options;

pub(super) struct Stock {
    products: ProductCodes,
    warehouses: Codes,
    usual_warehouse: Option<String>,
    now: UtcMillis,
}

impl Stock {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part, options: &Options) -> Result<Self, StoreError> {
        Ok(Self {
            products: ProductCodes::load(tx, &part.id)?,
            warehouses: Codes::load(tx, &part.id, WAREHOUSE)?,
            usual_warehouse: options.warehouse.clone(),
            now: options.started_at,
        })
    }
}

impl Judge for Stock {
    fn columns(&self) -> &'static [&'static str] {
        &["warehouse", "product", "sku", "product_code", "available", "stock", "as_of"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<GoodRow, JudgeError> {
        let warehouse = fields.text(&["warehouse"], MAX_CODE_BYTES)?.or_else(|| self.usual_warehouse.clone());
        let warehouse = warehouse.ok_or_else(|| Refusal::new("warehouse", "is missing; name it in the row or with --warehouse"))?;
        let warehouse_id = self.warehouses.find("warehouse", &warehouse)?;
        let product_id = self.products.find(fields)?;
        let available = fields.required_int(&["available", "stock"], 0..=MAX_PIECES)?;
        let as_of_ms = fields.moment(&["as_of"])?.unwrap_or(self.now).0;
        Ok(GoodRow {
            natural_key: natural_key::stock(warehouse_id, product_id),
            bucket: placement::of_warehouse(WarehouseId(warehouse_id)),
            values: StockRow { id: 0, warehouse_id, product_id, available, as_of_ms }.into_row().values,
        })
    }
}
