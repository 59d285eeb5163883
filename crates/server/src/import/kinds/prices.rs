//! Prices: what a product costs by a price list from a day on.

use std::collections::HashMap;

use polevik_domain::ids::PriceTypeId;
use polevik_domain::time::CalendarDay;
use polevik_protocol::rows::{PRICE_TYPE, PriceRow};
use polevik_server_store::part::Part;
use polevik_server_store::reference::natural_key;
use polevik_server_store::reference::prices::{self, PresentEntry};
use polevik_server_store::{StoreError, Transaction};

use super::products::MAX_PRICE;
use super::references::{Codes, MAX_CODE_BYTES, ProductCodes};
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};
use crate::import::run::Options;

pub(super) struct Prices {
    products: ProductCodes,
    price_types: Codes,
    usual_price_type: Option<String>,
    today: CalendarDay,
    present: HashMap<(i64, i64), PresentEntry>,
}

impl Prices {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part, options: &Options) -> Result<Self, StoreError> {
        Ok(Self {
            products: ProductCodes::load(tx, &part.id)?,
            price_types: Codes::load(tx, &part.id, PRICE_TYPE)?,
            usual_price_type: options.price_type.clone(),
            today: options.today,
            present: prices::present(tx, &part.id, options.today)?,
        })
    }
}

impl Prices {
    /// Today; but a price that holds already goes on, or the same list would be news for every device every morning.
    fn usual_first_day(&self, price_type_id: i64, product_id: i64, value: i64) -> i64 {
        match self.present.get(&(price_type_id, product_id)) {
            Some(entry) if entry.value == value => entry.valid_from,
            _ => i64::from(self.today.0),
        }
    }
}

impl Judge for Prices {
    fn columns(&self) -> &'static [&'static str] {
        &["price_type", "product", "sku", "product_code", "value", "price", "valid_from"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let price_type = fields.text(&["price_type"], MAX_CODE_BYTES)?.or_else(|| self.usual_price_type.clone());
        let price_type = price_type.ok_or_else(|| Refusal::new("price_type", "is missing; name it in the row or with --price-type"))?;
        let price_type_id = self.price_types.find("price_type", &price_type)?;
        let product_id = self.products.find(fields)?;
        let value = fields.required_int(&["value", "price"], 1..=MAX_PRICE)?;
        let valid_from = match fields.day(&["valid_from"])? {
            Some(day) => i64::from(day.0),
            None => self.usual_first_day(price_type_id, product_id, value),
        };
        Ok(Judged::Row(GoodRow {
            natural_key: natural_key::price(price_type_id, product_id, valid_from),
            bucket: placement::of_price_type(PriceTypeId(price_type_id)),
            values: PriceRow { id: 0, price_type_id, product_id, valid_from, value }.into_row().values,
        }))
    }
}
