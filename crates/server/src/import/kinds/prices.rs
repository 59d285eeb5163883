//! Prices: what a product costs by a price list from a day on.

use polevik_domain::ids::PriceTypeId;
use polevik_domain::time::CalendarDay;
use polevik_protocol::rows::{PRICE_TYPE, PriceRow};
use polevik_server_store::part::Part;
use polevik_server_store::reference::natural_key;
use polevik_server_store::{StoreError, Transaction};

use super::products::MAX_PRICE;
use super::references::{Codes, MAX_CODE_BYTES, ProductCodes};
use super::{GoodRow, Judge, JudgeError};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};
use crate::import::run::Options;

pub(super) struct Prices {
    products: ProductCodes,
    price_types: Codes,
    usual_price_type: Option<String>,
    today: CalendarDay,
}

impl Prices {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part, options: &Options) -> Result<Self, StoreError> {
        Ok(Self {
            products: ProductCodes::load(tx, &part.id)?,
            price_types: Codes::load(tx, &part.id, PRICE_TYPE)?,
            usual_price_type: options.price_type.clone(),
            today: options.today,
        })
    }
}

impl Judge for Prices {
    fn columns(&self) -> &'static [&'static str] {
        &["price_type", "product", "sku", "product_code", "value", "price", "valid_from"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<GoodRow, JudgeError> {
        let price_type = fields.text(&["price_type"], MAX_CODE_BYTES)?.or_else(|| self.usual_price_type.clone());
        let price_type = price_type.ok_or_else(|| Refusal::new("price_type", "is missing; name it in the row or with --price-type"))?;
        let price_type_id = self.price_types.find("price_type", &price_type)?;
        let product_id = self.products.find(fields)?;
        let valid_from = i64::from(fields.day(&["valid_from"])?.unwrap_or(self.today).0);
        let value = fields.required_int(&["value", "price"], 1..=MAX_PRICE)?;
        Ok(GoodRow {
            natural_key: natural_key::price(price_type_id, product_id, valid_from),
            bucket: placement::of_price_type(PriceTypeId(price_type_id)),
            values: PriceRow { id: 0, price_type_id, product_id, valid_from, value }.into_row().values,
        })
    }
}
