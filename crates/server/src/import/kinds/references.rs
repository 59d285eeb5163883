//! Codes of rows that other rows speak of.

use std::collections::HashMap;

use polevik_protocol::rows::{PRODUCT, TableDef};
use polevik_server_store::reference::{products, rows};
use polevik_server_store::{StoreError, Transaction};

use crate::import::fields::{Fields, Refusal};

/// The longest code, in bytes.
pub(super) const MAX_CODE_BYTES: usize = 64;

/// Columns by which a product is named.
pub(super) const PRODUCT_COLUMNS: [&str; 3] = ["product", "sku", "product_code"];

/// Products by the office's id and by article.
pub(super) struct ProductCodes {
    by_ext_code: HashMap<String, i64>,
    by_sku: HashMap<String, i64>,
}

impl ProductCodes {
    pub(super) fn load(tx: &Transaction<'_>, part_id: &str) -> Result<Self, StoreError> {
        Ok(Self { by_ext_code: rows::ids_by_key(tx, part_id, PRODUCT)?, by_sku: products::ids_by_sku(tx, part_id)? })
    }

    /// The id of the product a record names, by the office's id or by article.
    pub(super) fn find(&self, fields: &Fields<'_>) -> Result<i64, Refusal> {
        let code = fields.required(&PRODUCT_COLUMNS, MAX_CODE_BYTES)?;
        let found = self.by_ext_code.get(&code).or_else(|| self.by_sku.get(&code));
        found.copied().ok_or_else(|| Refusal::new("product", format!("there is no product \"{code}\"")))
    }
}

/// Ids of a table by the office's codes.
pub(super) struct Codes {
    what: &'static str,
    ids: HashMap<String, i64>,
}

impl Codes {
    pub(super) fn load(tx: &Transaction<'_>, part_id: &str, table: &'static TableDef) -> Result<Self, StoreError> {
        Ok(Self { what: table.name, ids: rows::ids_by_key(tx, part_id, table)? })
    }

    /// The id under a code that stands in `column`.
    pub(super) fn find(&self, column: &str, code: &str) -> Result<i64, Refusal> {
        let what = self.what.replace('_', " ");
        self.ids.get(code).copied().ok_or_else(|| Refusal::new(column, format!("there is no {what} \"{code}\"")))
    }
}
