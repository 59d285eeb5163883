//! What the keeping of routes asks: how far they are planned, and which are past.

use std::collections::BTreeSet;

use polevik_domain::time::CalendarDay;
use polevik_protocol::bucket::BucketName;
use rusqlite::{Transaction, named_params};

use crate::error::{Result, StoreError};

/// The last day any route of the part is planned for; `None` without routes.
///
/// # Errors
///
/// [`StoreError`].
pub fn last_day(tx: &Transaction<'_>, part_id: &str) -> Result<Option<CalendarDay>> {
    let day: Option<i64> = tx.prepare_cached(LAST_DAY)?.query_row(named_params! { ":part_id": part_id }, |row| row.get("day"))?;
    day.map(|day| i32::try_from(day).map(CalendarDay).map_err(|_| StoreError::Corrupt("route_stop.day"))).transpose()
}

const LAST_DAY: &str = "
    -- route_stops::last_day
    SELECT max(day) AS day
      FROM route_stop
     WHERE part_id = :part_id";

/// The ids of stops before `day`, by day.
///
/// # Errors
///
/// [`StoreError`].
pub fn before(tx: &Transaction<'_>, part_id: &str, day: CalendarDay) -> Result<Vec<i64>> {
    let mut statement = tx.prepare_cached(BEFORE)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id, ":day": day.0 }, |row| row.get("id"))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const BEFORE: &str = "
    -- route_stops::before
    SELECT id
      FROM route_stop
     WHERE part_id = :part_id
       AND day < :day
     ORDER BY day, id";

/// The buckets, that is the positions, with a stop on `day`.
///
/// # Errors
///
/// [`StoreError`].
pub fn buckets_on(tx: &Transaction<'_>, part_id: &str, day: CalendarDay) -> Result<BTreeSet<BucketName>> {
    tx.prepare_cached(BUCKETS_ON)?
        .query_and_then(named_params! { ":part_id": part_id, ":day": day.0 }, |row| {
            let bucket: String = row.get("bucket")?;
            BucketName::parse(&bucket).ok_or(StoreError::Corrupt("route_stop.bucket"))
        })?
        .collect()
}

const BUCKETS_ON: &str = "
    -- route_stops::buckets_on
    SELECT DISTINCT bucket
      FROM route_stop
     WHERE part_id = :part_id
       AND day = :day";
