//! Whom to call on, which day.

use polevik_domain::ids::{OutletId, RouteStopId};
use polevik_domain::time::CalendarDay;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::reference::schema::Index;

pub(crate) const INDEX: Index = Index { table: "route_stop", name: "route_stop_by_day", columns: "day, seq" };

/// One planned call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteStop {
    /// Its id.
    pub id: RouteStopId,
    /// Which day.
    pub day: CalendarDay,
    /// Place in the order of visits, from 1.
    pub seq: u32,
    /// Where.
    pub outlet: OutletId,
    /// Planned start, minutes after local midnight.
    pub planned_minute: Option<u32>,
}

impl RouteStop {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let day: i64 = row.get("day")?;
        Ok(Self {
            id: RouteStopId(row.get("id")?),
            day: CalendarDay(i32::try_from(day).map_err(|_| StoreError::BadValue("route_stop.day"))?),
            seq: u32::try_from(row.get::<_, i64>("seq")?).unwrap_or(0),
            outlet: OutletId(row.get("outlet_id")?),
            planned_minute: row.get::<_, Option<i64>>("planned_minute")?.and_then(|minute| u32::try_from(minute).ok()),
        })
    }
}

/// The stops of a day, in order.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_day(tx: &Transaction<'_>, day: CalendarDay) -> Result<Vec<RouteStop>> {
    let mut statement = tx.prepare_cached(OF_DAY)?;
    let rows = statement.query_and_then(named_params! { ":day": day.0 }, RouteStop::from_row)?;
    rows.collect()
}

const OF_DAY: &str = "
    -- route::of_day
    SELECT id, day, seq, outlet_id, planned_minute
      FROM route_stop
     WHERE day = :day
     ORDER BY seq, id";

/// One stop.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, id: RouteStopId) -> Result<Option<RouteStop>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id.0 }, RouteStop::from_row)?.next();
    found.transpose()
}

const FIND: &str = "
    -- route::find
    SELECT id, day, seq, outlet_id, planned_minute FROM route_stop WHERE id = :id";

/// The days that have a plan, in order.
///
/// # Errors
///
/// [`StoreError`].
pub fn days(tx: &Transaction<'_>) -> Result<Vec<CalendarDay>> {
    let mut statement = tx.prepare_cached(DAYS)?;
    let days = statement.query_map([], |row| row.get("day").map(CalendarDay))?;
    Ok(days.collect::<rusqlite::Result<_>>()?)
}

const DAYS: &str = "
    -- route::days
    SELECT DISTINCT day FROM route_stop ORDER BY day";

/// The first stop of a day at an outlet, if the day's plan has one.
///
/// # Errors
///
/// [`StoreError`].
pub fn at_outlet(tx: &Transaction<'_>, day: CalendarDay, outlet: OutletId) -> Result<Option<RouteStopId>> {
    let mut statement = tx.prepare_cached(AT_OUTLET)?;
    let found =
        statement.query_row(named_params! { ":day": day.0, ":outlet_id": outlet.0 }, |row| Ok(RouteStopId(row.get("id")?))).optional()?;
    Ok(found)
}

const AT_OUTLET: &str = "
    -- route::at_outlet
    SELECT id
      FROM route_stop
     WHERE day = :day AND outlet_id = :outlet_id
     ORDER BY seq, id
     LIMIT 1";
