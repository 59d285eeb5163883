//! Audiences: the office's words for whom its materials are for. A material belongs to one, and so its row lies in the audience's bucket.

use polevik_domain::ids::{DistributorId, PositionId, TerritoryId};
use polevik_domain::position::Role;
use rusqlite::{OptionalExtension, Row, Transaction, named_params, params};

use crate::error::{Result, StoreError};
use crate::part::take_ids;

/// Every position that has all of what is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// The office's id, unique in its part.
    pub ext_code: String,
    /// For people.
    pub name: String,
    /// Only this role.
    pub role: Option<Role>,
    /// Only this distributor's.
    pub distributor: Option<DistributorId>,
    /// Only those that serve this territory.
    pub territory: Option<TerritoryId>,
    /// Only this one.
    pub position: Option<PositionId>,
}

/// What became of an audience that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutAudience {
    /// It is new.
    Inserted,
    /// It differs from before.
    Updated,
    /// It is as it was.
    Unchanged,
}

/// Adds an audience, or changes the one of that code. Whoever comes to belong to it gets its bucket, and whoever does no more loses it.
///
/// # Errors
///
/// [`StoreError`].
pub fn put(tx: &Transaction<'_>, part_id: &str, audience: &Audience) -> Result<PutAudience> {
    let known = by_code(tx, part_id, &audience.ext_code)?;
    let (id, done) = match known {
        Some((_, same)) if same == *audience => return Ok(PutAudience::Unchanged),
        Some((id, _)) => (id, PutAudience::Updated),
        None => (take_ids(tx, part_id, "audience", 1)?, PutAudience::Inserted),
    };
    tx.prepare_cached(PUT)?.execute(named_params! {
        ":part_id": part_id,
        ":id": id,
        ":ext_code": audience.ext_code,
        ":name": audience.name,
        ":role": audience.role.map(Role::as_str),
        ":distributor_id": audience.distributor.map(|id| id.0),
        ":territory_id": audience.territory.map(|id| id.0),
        ":position_id": audience.position.map(|id| id.0),
    })?;
    Ok(done)
}

const PUT: &str = "
    -- audiences::put
    INSERT INTO audience (part_id, id, ext_code, name, role, distributor_id, territory_id, position_id)
    VALUES (:part_id, :id, :ext_code, :name, :role, :distributor_id, :territory_id, :position_id)
    ON CONFLICT (part_id, id) DO UPDATE
       SET name = excluded.name, role = excluded.role, distributor_id = excluded.distributor_id, territory_id = excluded.territory_id,
           position_id = excluded.position_id";

/// The audience of that code with its id.
///
/// # Errors
///
/// [`StoreError`].
pub fn by_code(tx: &Transaction<'_>, part_id: &str, ext_code: &str) -> Result<Option<(i64, Audience)>> {
    tx.prepare_cached(BY_CODE)?.query_and_then(params![part_id, ext_code], from_row)?.next().transpose()
}

const BY_CODE: &str = "
    -- audiences::by_code
    SELECT id, ext_code, name, role, distributor_id, territory_id, position_id
      FROM audience
     WHERE part_id = ?1 AND ext_code = ?2";

/// All audiences of a part with their ids, by code.
///
/// # Errors
///
/// [`StoreError`].
pub fn list(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<(i64, Audience)>> {
    tx.prepare_cached(LIST)?.query_and_then(params![part_id], from_row)?.collect()
}

const LIST: &str = "
    -- audiences::list
    SELECT id, ext_code, name, role, distributor_id, territory_id, position_id
      FROM audience
     WHERE part_id = ?1
     ORDER BY ext_code";

fn from_row(row: &Row<'_>) -> Result<(i64, Audience)> {
    let role: Option<String> = row.get("role")?;
    let audience = Audience {
        ext_code: row.get("ext_code")?,
        name: row.get("name")?,
        role: role.map(|role| Role::parse(&role).ok_or(StoreError::Corrupt("audience.role"))).transpose()?,
        distributor: row.get::<_, Option<i64>>("distributor_id")?.map(DistributorId),
        territory: row.get::<_, Option<i64>>("territory_id")?.map(TerritoryId),
        position: row.get::<_, Option<i64>>("position_id")?.map(PositionId),
    };
    Ok((row.get("id")?, audience))
}

/// Removes an audience. Gives `false` if there is none. Its materials must have been removed or moved before.
///
/// # Errors
///
/// [`StoreError`].
pub fn remove(tx: &Transaction<'_>, part_id: &str, id: i64) -> Result<bool> {
    Ok(tx.prepare_cached(REMOVE)?.execute(params![part_id, id])? == 1)
}

const REMOVE: &str = "
    -- audiences::remove
    DELETE FROM audience
     WHERE part_id = ?1 AND id = ?2";

/// The ids of the audiences that a position belongs to, rising.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_position(tx: &Transaction<'_>, part_id: &str, position: PositionId) -> Result<Vec<i64>> {
    let mut statement = tx.prepare_cached(OF_POSITION)?;
    let ids = statement.query_map(params![part_id, position.0], |row| row.get("id"))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

const OF_POSITION: &str = "
    -- audiences::of_position
    SELECT audience.id
      FROM audience
      JOIN position ON position.part_id = audience.part_id AND position.id = ?2
     WHERE audience.part_id = ?1
       AND (audience.role IS NULL OR audience.role = position.role)
       AND (audience.distributor_id IS NULL OR audience.distributor_id = position.distributor_id)
       AND (audience.position_id IS NULL OR audience.position_id = position.id)
       AND (audience.territory_id IS NULL
            OR EXISTS (SELECT 1
                         FROM position_territory
                        WHERE position_territory.part_id = audience.part_id
                          AND position_territory.position_id = position.id
                          AND position_territory.territory_id = audience.territory_id))
     ORDER BY audience.id";

/// Whether any material is for an audience.
///
/// # Errors
///
/// [`StoreError`].
pub fn has_materials(tx: &Transaction<'_>, part_id: &str, bucket: &polevik_protocol::bucket::BucketName) -> Result<bool> {
    let found = tx.prepare_cached(HAS_MATERIALS)?.query_row(params![part_id, bucket.as_str()], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

const HAS_MATERIALS: &str = "
    -- audiences::has_materials
    SELECT 1
      FROM material
     WHERE part_id = ?1 AND bucket = ?2
     LIMIT 1";
