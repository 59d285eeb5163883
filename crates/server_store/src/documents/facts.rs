//! What the rules of acceptance must know of the reference rows.

use polevik_domain::ids::{OutletId, ProductId};
use polevik_domain::money::VatRate;
use polevik_domain::position::Scope;
use polevik_protocol::bucket::{BucketKind, BucketName};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::Result;

/// Whether an outlet lies in a territory of the scope now.
///
/// # Errors
///
/// When the database refuses.
pub fn outlet_in_scope(tx: &Transaction<'_>, scope: &Scope, outlet: OutletId) -> Result<bool> {
    let bucket: Option<String> =
        tx.prepare_cached(OUTLET_BUCKET)?.query_row(params![scope.part_id, outlet.0], |row| row.get("bucket")).optional()?;
    Ok(bucket.is_some_and(|bucket| {
        scope.territories.iter().any(|territory| BucketName::new(BucketKind::Territory, territory.0).as_str() == bucket)
    }))
}

const OUTLET_BUCKET: &str = "
    -- facts::outlet_in_scope
    SELECT bucket
      FROM outlet
     WHERE part_id = ?1 AND id = ?2";

/// The tax rate of a product of the scope's distributor now; `None` if there is no such product.
///
/// # Errors
///
/// When the database refuses.
pub fn product_vat_rate(tx: &Transaction<'_>, scope: &Scope, product: ProductId) -> Result<Option<VatRate>> {
    let bucket = BucketName::new(BucketKind::Distributor, scope.distributor.0);
    let found = tx
        .prepare_cached(PRODUCT_VAT_RATE)?
        .query_row(params![scope.part_id, product.0, bucket.as_str()], |row| row.get("vat_rate").map(VatRate))
        .optional()?;
    Ok(found)
}

const PRODUCT_VAT_RATE: &str = "
    -- facts::product_vat_rate
    SELECT vat_rate
      FROM product
     WHERE part_id = ?1 AND id = ?2 AND bucket = ?3";
