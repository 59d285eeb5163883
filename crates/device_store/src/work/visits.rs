//! Calls that were started on this device.

use polevik_domain::ids::{DocumentId, OutletId, PositionId, RouteStopId};
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Made on this device.
    pub id: DocumentId,
    /// Position under which it was made.
    pub position: PositionId,
    /// Where.
    pub outlet: OutletId,
    /// The outlet's name as it was then.
    pub outlet_name: String,
    /// The planned stop it fulfils.
    pub route_stop: Option<RouteStopId>,
    /// Calendar day, fixed at the start.
    pub local_day: CalendarDay,
    /// Offset of local clocks, fixed at the start.
    pub utc_offset: UtcOffsetMinutes,
    /// Start.
    pub started_at: UtcMillis,
    /// End; `None` while open.
    pub finished_at: Option<UtcMillis>,
}

impl Visit {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let id: Vec<u8> = row.get("id")?;
        Ok(Self {
            id: DocumentId::from_slice(&id).ok_or(StoreError::BadValue("visit.id"))?,
            position: PositionId(row.get("position_id")?),
            outlet: OutletId(row.get("outlet_id")?),
            outlet_name: row.get("outlet_name")?,
            route_stop: row.get::<_, Option<i64>>("route_stop_id")?.map(RouteStopId),
            local_day: CalendarDay(row.get("local_day")?),
            utc_offset: UtcOffsetMinutes(row.get("utc_offset")?),
            started_at: UtcMillis(row.get("started_at_ms")?),
            finished_at: row.get::<_, Option<i64>>("finished_at_ms")?.map(UtcMillis),
        })
    }
}

/// Writes a visit that has just been started.
///
/// # Errors
///
/// [`StoreError`].
pub fn insert(tx: &Transaction<'_>, visit: &Visit) -> Result<()> {
    tx.prepare_cached(INSERT)?.execute(named_params! {
        ":id": visit.id.as_bytes(),
        ":position_id": visit.position.0,
        ":outlet_id": visit.outlet.0,
        ":outlet_name": visit.outlet_name,
        ":route_stop_id": visit.route_stop.map(|stop| stop.0),
        ":local_day": visit.local_day.0,
        ":utc_offset": visit.utc_offset.0,
        ":started_at_ms": visit.started_at.0,
    })?;
    Ok(())
}

const INSERT: &str = "
    -- visits::insert
    INSERT INTO visit (id, position_id, outlet_id, outlet_name, route_stop_id, local_day, utc_offset, started_at_ms)
    VALUES (:id, :position_id, :outlet_id, :outlet_name, :route_stop_id, :local_day, :utc_offset, :started_at_ms)";

/// Notes the end of a visit.
///
/// # Errors
///
/// [`StoreError`].
pub fn finish(tx: &Transaction<'_>, id: DocumentId, finished_at: UtcMillis) -> Result<()> {
    tx.prepare_cached(FINISH)?.execute(named_params! { ":id": id.as_bytes(), ":finished_at_ms": finished_at.0 })?;
    Ok(())
}

const FINISH: &str = "
    -- visits::finish
    UPDATE visit SET finished_at_ms = :finished_at_ms WHERE id = :id";

/// One visit.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, id: DocumentId) -> Result<Option<Visit>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id.as_bytes() }, Visit::from_row)?.next();
    found.transpose()
}

const FIND: &str = "
    -- visits::find
    SELECT id, position_id, outlet_id, outlet_name, route_stop_id, local_day, utc_offset, started_at_ms, finished_at_ms
      FROM visit
     WHERE id = :id";

/// The open visit of a position; there is at most one.
///
/// # Errors
///
/// [`StoreError`].
pub fn open(tx: &Transaction<'_>, position: PositionId) -> Result<Option<Visit>> {
    let mut statement = tx.prepare_cached(OPEN)?;
    let found = statement.query_and_then(named_params! { ":position_id": position.0 }, Visit::from_row)?.next();
    found.transpose()
}

const OPEN: &str = "
    -- visits::open
    SELECT id, position_id, outlet_id, outlet_name, route_stop_id, local_day, utc_offset, started_at_ms, finished_at_ms
      FROM visit
     WHERE position_id = :position_id AND finished_at_ms IS NULL
     ORDER BY started_at_ms
     LIMIT 1";

/// The visits of a day, by start.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_day(tx: &Transaction<'_>, position: PositionId, day: CalendarDay) -> Result<Vec<Visit>> {
    let mut statement = tx.prepare_cached(OF_DAY)?;
    let rows = statement.query_and_then(named_params! { ":position_id": position.0, ":day": day.0 }, Visit::from_row)?;
    rows.collect()
}

const OF_DAY: &str = "
    -- visits::of_day
    SELECT id, position_id, outlet_id, outlet_name, route_stop_id, local_day, utc_offset, started_at_ms, finished_at_ms
      FROM visit
     WHERE position_id = :position_id AND local_day = :day
     ORDER BY started_at_ms, id";

/// The visit that fulfils a planned stop, if it was started.
///
/// # Errors
///
/// [`StoreError`].
pub fn is_started(tx: &Transaction<'_>, position: PositionId, stop: RouteStopId, day: CalendarDay) -> Result<bool> {
    let mut statement = tx.prepare_cached(IS_STARTED)?;
    let found: Option<i64> = statement
        .query_row(named_params! { ":position_id": position.0, ":route_stop_id": stop.0, ":day": day.0 }, |row| row.get("found"))
        .optional()?;
    Ok(found.is_some())
}

const IS_STARTED: &str = "
    -- visits::is_started
    SELECT 1 AS found
      FROM visit
     WHERE position_id = :position_id AND local_day = :day AND route_stop_id = :route_stop_id
     ORDER BY id
     LIMIT 1";
