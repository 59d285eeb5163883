//! What rules and imports ask of products.

use std::collections::HashMap;

use polevik_domain::ids::ProductId;
use polevik_domain::money::VatRate;
use polevik_domain::quantity::UnitFactors;
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::Result;

/// A product as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductFacts {
    /// Its id.
    pub id: ProductId,
    /// Its article.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Tax rate.
    pub vat_rate: VatRate,
    /// Pieces in a block and a box.
    pub factors: UnitFactors,
    /// It may be ordered.
    pub active: bool,
}

/// The product of that id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn find(tx: &Transaction<'_>, part_id: &str, id: ProductId) -> Result<Option<ProductFacts>> {
    Ok(tx
        .prepare_cached(FIND)?
        .query_row(named_params! { ":part_id": part_id, ":id": id.0 }, |row| {
            Ok(ProductFacts {
                id: ProductId(row.get("id")?),
                sku: row.get("sku")?,
                name: row.get("name")?,
                vat_rate: VatRate(row.get("vat_rate")?),
                factors: UnitFactors { block: row.get("block_factor")?, box_: row.get("box_factor")? },
                active: row.get::<_, i64>("active")? != 0,
            })
        })
        .optional()?)
}

const FIND: &str = "
    -- products::find
    SELECT id, sku, name, vat_rate, block_factor, box_factor, active
      FROM product
     WHERE part_id = :part_id
       AND id = :id";

/// A product as a recognition library knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedProduct {
    /// Its id.
    pub id: ProductId,
    /// Its article.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Its category; may be empty.
    pub category: String,
}

/// The products of a part that may be ordered, by id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn named(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<NamedProduct>> {
    let mut statement = tx.prepare_cached(NAMED)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id }, |row| {
        let (sku, name, category) = (row.get("sku")?, row.get("name")?, row.get("category")?);
        Ok(NamedProduct { id: ProductId(row.get("id")?), sku, name, category })
    })?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const NAMED: &str = "
    -- products::named
    SELECT id, sku, name, category
      FROM product
     WHERE part_id = :part_id
       AND active = 1
     ORDER BY id";

/// A product's tax rate; `None` if there is no such product.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn vat_rate(tx: &Transaction<'_>, part_id: &str, id: ProductId) -> Result<Option<VatRate>> {
    Ok(tx.prepare_cached(VAT_RATE)?.query_row((part_id, id.0), |row| row.get(0).map(VatRate)).optional()?)
}

const VAT_RATE: &str = "
    -- products::vat_rate
    SELECT vat_rate
      FROM product
     WHERE part_id = ?1 AND id = ?2";

/// Every article of a part with its product's id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn ids_by_sku(tx: &Transaction<'_>, part_id: &str) -> Result<HashMap<String, i64>> {
    let mut statement = tx.prepare_cached(IDS_BY_SKU)?;
    Ok(statement
        .query_map(named_params! { ":part_id": part_id }, |row| Ok((row.get("sku")?, row.get("id")?)))?
        .collect::<std::result::Result<_, _>>()?)
}

const IDS_BY_SKU: &str = "
    -- products::ids_by_sku
    SELECT sku, id
      FROM product
     WHERE part_id = :part_id
     ORDER BY id";

/// Every product's two codes: what keeps articles unique while a file is read.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn skus_by_ext_code(tx: &Transaction<'_>, part_id: &str) -> Result<HashMap<String, String>> {
    let mut statement = tx.prepare_cached(SKUS_BY_EXT_CODE)?;
    Ok(statement
        .query_map(named_params! { ":part_id": part_id }, |row| Ok((row.get("ext_code")?, row.get("sku")?)))?
        .collect::<std::result::Result<_, _>>()?)
}

const SKUS_BY_EXT_CODE: &str = "
    -- products::skus_by_ext_code
    SELECT ext_code, sku
      FROM product
     WHERE part_id = :part_id
     ORDER BY id";
