//! What rules and entitlements ask of outlets.

use std::collections::HashMap;

use polevik_domain::ids::{OutletId, PriceTypeId, TerritoryId};
use polevik_protocol::bucket::{BucketKind, BucketName};
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::{Result, StoreError};

/// An outlet as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletFacts {
    /// Its id.
    pub id: OutletId,
    /// The office's id.
    pub ext_code: String,
    /// Its name.
    pub name: String,
    /// The bucket of its territory.
    pub bucket: BucketName,
    /// Price list it buys by.
    pub price_type: Option<PriceTypeId>,
    /// Shipping is stopped.
    pub stopped: bool,
    /// It may be visited.
    pub active: bool,
}

impl OutletFacts {
    /// Whether it belongs to one of these territories.
    #[must_use]
    pub fn is_in(&self, territories: &[TerritoryId]) -> bool {
        territories.iter().any(|territory| self.bucket == BucketName::new(BucketKind::Territory, territory.0))
    }
}

/// The outlet of that id.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, part_id: &str, id: OutletId) -> Result<Option<OutletFacts>> {
    let found = tx
        .prepare_cached(FIND)?
        .query_row(named_params! { ":part_id": part_id, ":id": id.0 }, |row| {
            let bucket: String = row.get("bucket")?;
            let facts = OutletFacts {
                id: OutletId(row.get("id")?),
                ext_code: row.get("ext_code")?,
                name: row.get("name")?,
                bucket: BucketName::new(BucketKind::All, 0),
                price_type: row.get::<_, Option<i64>>("price_type_id")?.map(PriceTypeId),
                stopped: row.get::<_, i64>("stopped")? != 0,
                active: row.get::<_, i64>("active")? != 0,
            };
            Ok((facts, bucket))
        })
        .optional()?;
    let Some((facts, bucket)) = found else { return Ok(None) };
    Ok(Some(OutletFacts { bucket: BucketName::parse(&bucket).ok_or(StoreError::Corrupt("outlet.bucket"))?, ..facts }))
}

const FIND: &str = "
    -- outlets::find
    SELECT id, ext_code, name, bucket, price_type_id, stopped, active
      FROM outlet
     WHERE part_id = :part_id
       AND id = :id";

/// The price lists by which outlets of these territories buy, by id.
///
/// # Errors
///
/// [`StoreError`].
pub fn price_types(tx: &Transaction<'_>, part_id: &str, territories: &[TerritoryId]) -> Result<Vec<PriceTypeId>> {
    let mut found = std::collections::BTreeSet::new();
    for territory in territories {
        let bucket = BucketName::new(BucketKind::Territory, territory.0);
        let mut statement = tx.prepare_cached(PRICE_TYPES)?;
        let rows = statement.query_map(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, |row| row.get::<_, i64>(0))?;
        for id in rows {
            found.insert(PriceTypeId(id?));
        }
    }
    Ok(found.into_iter().collect())
}

const PRICE_TYPES: &str = "
    -- outlets::price_types
    SELECT DISTINCT price_type_id
      FROM outlet
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND price_type_id IS NOT NULL";

/// An outlet as plans of routes and the demo company need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletOfTerritory {
    /// Its id.
    pub id: OutletId,
    /// The office's id.
    pub ext_code: String,
    /// Latitude in micro-degrees, if known.
    pub lat: Option<i64>,
    /// Longitude in micro-degrees, if known.
    pub lon: Option<i64>,
}

/// The outlets of a territory that may be visited, by id.
///
/// # Errors
///
/// [`StoreError`].
pub fn active_in(tx: &Transaction<'_>, part_id: &str, territory: TerritoryId) -> Result<Vec<OutletOfTerritory>> {
    let bucket = BucketName::new(BucketKind::Territory, territory.0);
    let mut statement = tx.prepare_cached(ACTIVE_IN)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id, ":bucket": bucket.as_str() }, |row| {
        Ok(OutletOfTerritory { id: OutletId(row.get("id")?), ext_code: row.get("ext_code")?, lat: row.get("lat")?, lon: row.get("lon")? })
    })?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const ACTIVE_IN: &str = "
    -- outlets::active_in
    SELECT id, ext_code, lat, lon
      FROM outlet
     WHERE part_id = :part_id
       AND bucket = :bucket
       AND active = 1
     ORDER BY id";

/// Every outlet's code with its id and bucket: what an import looks outlets up in.
///
/// # Errors
///
/// [`StoreError`].
pub fn places(tx: &Transaction<'_>, part_id: &str) -> Result<HashMap<String, (OutletId, BucketName)>> {
    tx.prepare_cached(PLACES)?
        .query_and_then(named_params! { ":part_id": part_id }, |row| {
            let bucket: String = row.get("bucket")?;
            let bucket = BucketName::parse(&bucket).ok_or(StoreError::Corrupt("outlet.bucket"))?;
            Ok((row.get("ext_code")?, (OutletId(row.get("id")?), bucket)))
        })?
        .collect()
}

const PLACES: &str = "
    -- outlets::places
    SELECT ext_code, id, bucket
      FROM outlet
     WHERE part_id = :part_id
     ORDER BY id";
