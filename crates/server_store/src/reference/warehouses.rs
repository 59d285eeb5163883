//! What entitlements ask of warehouses.

use polevik_domain::ids::{DistributorId, WarehouseId};
use polevik_protocol::bucket::{BucketKind, BucketName};
use rusqlite::{Transaction, named_params};

use crate::error::Result;

/// The warehouses of a distributor, by id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn ids(tx: &Transaction<'_>, part_id: &str, distributor: DistributorId) -> Result<Vec<WarehouseId>> {
    let bucket = BucketName::new(BucketKind::Distributor, distributor.0);
    let mut statement = tx.prepare_cached(IDS)?;
    let rows =
        statement.query_map(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, |row| Ok(WarehouseId(row.get("id")?)))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const IDS: &str = "
    -- warehouses::ids
    SELECT id
      FROM warehouse
     WHERE part_id = :part_id
       AND bucket = :bucket
     ORDER BY id";
