//! Positions and their territories: what decides who sees which rows.

use polevik_domain::ids::{DistributorId, PositionId, TerritoryId};
use polevik_domain::position::{Role, Scope};
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::part::take_ids;

/// A set of outlets that one position serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Territory {
    /// Its id.
    pub id: TerritoryId,
    /// The office's id, unique in its part.
    pub ext_code: String,
    /// For people.
    pub name: String,
}

/// A role with territories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Its id.
    pub id: PositionId,
    /// Unique in its part.
    pub code: String,
    /// For people.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Whose.
    pub distributor: DistributorId,
    /// The supervisor's position.
    pub parent: Option<PositionId>,
}

/// Adds a territory, or renames the one of that code, and gives its id.
///
/// # Errors
///
/// [`StoreError`].
pub fn put_territory(tx: &Transaction<'_>, part_id: &str, ext_code: &str, name: &str) -> Result<TerritoryId> {
    let id = match territory_by_code(tx, part_id, ext_code)? {
        Some(known) => known.id.0,
        None => take_ids(tx, part_id, "territory", 1)?,
    };
    tx.prepare_cached(PUT_TERRITORY)?.execute(named_params! { ":part_id": part_id, ":id": id, ":ext_code": ext_code, ":name": name })?;
    Ok(TerritoryId(id))
}

const PUT_TERRITORY: &str = "
    -- organisation::put_territory
    INSERT INTO territory (part_id, id, ext_code, name)
    VALUES (:part_id, :id, :ext_code, :name)
    ON CONFLICT (part_id, id) DO UPDATE SET name = excluded.name";

/// The territory of that code.
///
/// # Errors
///
/// [`StoreError`].
pub fn territory_by_code(tx: &Transaction<'_>, part_id: &str, ext_code: &str) -> Result<Option<Territory>> {
    Ok(tx
        .prepare_cached(TERRITORY_BY_CODE)?
        .query_row(named_params! { ":part_id": part_id, ":ext_code": ext_code }, territory_from_row)
        .optional()?)
}

const TERRITORY_BY_CODE: &str = "
    -- organisation::territory_by_code
    SELECT id, ext_code, name
      FROM territory
     WHERE part_id = :part_id
       AND ext_code = :ext_code";

/// All territories of a part, by code.
///
/// # Errors
///
/// [`StoreError`].
pub fn territories(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<Territory>> {
    let mut statement = tx.prepare_cached(TERRITORIES)?;
    Ok(statement.query_map(named_params! { ":part_id": part_id }, territory_from_row)?.collect::<std::result::Result<_, _>>()?)
}

const TERRITORIES: &str = "
    -- organisation::territories
    SELECT id, ext_code, name
      FROM territory
     WHERE part_id = :part_id
     ORDER BY ext_code";

/// The territories of one position, by code.
///
/// # Errors
///
/// [`StoreError`].
pub fn territories_of(tx: &Transaction<'_>, part_id: &str, position: PositionId) -> Result<Vec<Territory>> {
    let mut statement = tx.prepare_cached(TERRITORIES_OF)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id, ":position_id": position.0 }, territory_from_row)?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const TERRITORIES_OF: &str = "
    -- organisation::territories_of
    SELECT territory.id, territory.ext_code, territory.name
      FROM position_territory
      JOIN territory
        ON territory.part_id = position_territory.part_id
       AND territory.id = position_territory.territory_id
     WHERE position_territory.part_id = :part_id
       AND position_territory.position_id = :position_id
     ORDER BY territory.ext_code";

fn territory_from_row(row: &Row<'_>) -> rusqlite::Result<Territory> {
    Ok(Territory { id: TerritoryId(row.get("id")?), ext_code: row.get("ext_code")?, name: row.get("name")? })
}

/// What a position shall be, before it has an id.
#[derive(Debug, Clone)]
pub struct NewPosition<'a> {
    /// Unique in its part.
    pub code: &'a str,
    /// For people.
    pub name: &'a str,
    /// What it is for.
    pub role: Role,
    /// Whose.
    pub distributor: DistributorId,
    /// The supervisor's position.
    pub parent: Option<PositionId>,
    /// What it serves.
    pub territories: &'a [TerritoryId],
}

/// Adds a position, or changes the one of that code, and gives its id. Its territories are replaced.
///
/// # Errors
///
/// [`StoreError`].
pub fn put_position(tx: &Transaction<'_>, part_id: &str, position: &NewPosition<'_>) -> Result<PositionId> {
    let id = match position_by_code(tx, part_id, position.code)? {
        Some(known) => known.id.0,
        None => take_ids(tx, part_id, "position", 1)?,
    };
    tx.prepare_cached(PUT_POSITION)?.execute(named_params! {
        ":part_id": part_id,
        ":id": id,
        ":code": position.code,
        ":name": position.name,
        ":role": position.role.as_str(),
        ":distributor_id": position.distributor.0,
        ":parent_id": position.parent.map(|parent| parent.0),
    })?;
    tx.prepare_cached(CLEAR_TERRITORIES)?.execute(named_params! { ":part_id": part_id, ":position_id": id })?;
    for territory in position.territories {
        tx.prepare_cached(ADD_TERRITORY)?
            .execute(named_params! { ":part_id": part_id, ":position_id": id, ":territory_id": territory.0 })?;
    }
    Ok(PositionId(id))
}

const PUT_POSITION: &str = "
    -- organisation::put_position
    INSERT INTO position (part_id, id, code, name, role, distributor_id, parent_id)
    VALUES (:part_id, :id, :code, :name, :role, :distributor_id, :parent_id)
    ON CONFLICT (part_id, id) DO UPDATE
       SET name = excluded.name,
           role = excluded.role,
           distributor_id = excluded.distributor_id,
           parent_id = excluded.parent_id";

const CLEAR_TERRITORIES: &str = "
    -- organisation::put_position
    DELETE FROM position_territory
     WHERE part_id = :part_id
       AND position_id = :position_id";

const ADD_TERRITORY: &str = "
    -- organisation::put_position
    INSERT INTO position_territory (part_id, position_id, territory_id)
    VALUES (:part_id, :position_id, :territory_id)";

/// The position of that code.
///
/// # Errors
///
/// [`StoreError`].
pub fn position_by_code(tx: &Transaction<'_>, part_id: &str, code: &str) -> Result<Option<Position>> {
    tx.prepare_cached(POSITION_BY_CODE)?
        .query_and_then(named_params! { ":part_id": part_id, ":code": code }, position_from_row)?
        .next()
        .transpose()
}

const POSITION_BY_CODE: &str = "
    -- organisation::position_by_code
    SELECT id, code, name, role, distributor_id, parent_id
      FROM position
     WHERE part_id = :part_id
       AND code = :code";

/// The position of that id.
///
/// # Errors
///
/// [`StoreError`].
pub fn position_by_id(tx: &Transaction<'_>, part_id: &str, id: PositionId) -> Result<Option<Position>> {
    tx.prepare_cached(POSITION_BY_ID)?
        .query_and_then(named_params! { ":part_id": part_id, ":id": id.0 }, position_from_row)?
        .next()
        .transpose()
}

const POSITION_BY_ID: &str = "
    -- organisation::position_by_id
    SELECT id, code, name, role, distributor_id, parent_id
      FROM position
     WHERE part_id = :part_id
       AND id = :id";

/// All positions of a part, by code.
///
/// # Errors
///
/// [`StoreError`].
pub fn positions(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<Position>> {
    tx.prepare_cached(POSITIONS)?.query_and_then(named_params! { ":part_id": part_id }, position_from_row)?.collect()
}

const POSITIONS: &str = "
    -- organisation::positions
    SELECT id, code, name, role, distributor_id, parent_id
      FROM position
     WHERE part_id = :part_id
     ORDER BY code";

fn position_from_row(row: &Row<'_>) -> Result<Position> {
    let role: String = row.get("role")?;
    Ok(Position {
        id: PositionId(row.get("id")?),
        code: row.get("code")?,
        name: row.get("name")?,
        role: Role::parse(&role).ok_or(StoreError::Corrupt("position.role"))?,
        distributor: DistributorId(row.get("distributor_id")?),
        parent: row.get::<_, Option<i64>>("parent_id")?.map(PositionId),
    })
}

/// What a position may see and write; `None` if there is no such position.
///
/// # Errors
///
/// [`StoreError`].
pub fn scope(tx: &Transaction<'_>, part_id: &str, position: PositionId) -> Result<Option<Scope>> {
    let Some(found) = position_by_id(tx, part_id, position)? else { return Ok(None) };
    let mut territories: Vec<TerritoryId> = territories_of(tx, part_id, position)?.into_iter().map(|territory| territory.id).collect();
    territories.sort_unstable();
    Ok(Some(Scope { part_id: part_id.to_owned(), distributor: found.distributor, position, territories }))
}

/// A distributor's name; `None` if there is none of that id.
///
/// # Errors
///
/// [`StoreError`].
pub fn distributor_name(tx: &Transaction<'_>, part_id: &str, id: DistributorId) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached(DISTRIBUTOR_NAME)?
        .query_row(named_params! { ":part_id": part_id, ":id": id.0 }, |row| row.get("name"))
        .optional()?)
}

const DISTRIBUTOR_NAME: &str = "
    -- organisation::distributor_name
    SELECT name
      FROM distributor
     WHERE part_id = :part_id
       AND id = :id";
