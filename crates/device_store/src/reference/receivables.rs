//! What outlets owe.

use std::collections::HashMap;

use polevik_domain::ids::OutletId;
use polevik_domain::money::Money;
use polevik_domain::time::CalendarDay;
use rusqlite::{Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::reference::schema::Index;

pub(crate) const INDEX: Index = Index { table: "receivable", name: "receivable_by_outlet", columns: "outlet_id" };

/// One open invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receivable {
    /// Its number.
    pub document: String,
    /// Its day.
    pub day: CalendarDay,
    /// Due day.
    pub due_day: CalendarDay,
    /// What is still open.
    pub rest: Money,
}

/// The open invoices of an outlet, oldest due first.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_outlet(tx: &Transaction<'_>, outlet: OutletId) -> Result<Vec<Receivable>> {
    let mut statement = tx.prepare_cached(OF_OUTLET)?;
    let rows = statement.query_and_then(named_params! { ":outlet_id": outlet.0 }, |row| {
        let day = |name| -> Result<CalendarDay> {
            let day: i64 = row.get(name)?;
            Ok(CalendarDay(i32::try_from(day).map_err(|_| StoreError::BadValue("receivable.day"))?))
        };
        Ok(Receivable { document: row.get("document")?, day: day("day")?, due_day: day("due_day")?, rest: Money(row.get("rest")?) })
    })?;
    rows.collect()
}

const OF_OUTLET: &str = "
    -- receivables::of_outlet
    SELECT document, day, due_day, rest
      FROM receivable
     WHERE outlet_id = :outlet_id
     ORDER BY due_day, id";

/// What each outlet owes that was due before `today`; outlets that owe nothing are absent.
///
/// # Errors
///
/// [`StoreError`].
pub fn overdue(tx: &Transaction<'_>, today: CalendarDay) -> Result<HashMap<OutletId, Money>> {
    let mut statement = tx.prepare_cached(OVERDUE)?;
    let rows = statement
        .query_and_then(named_params! { ":today": today.0 }, |row| Ok((OutletId(row.get("outlet_id")?), Money(row.get("overdue")?))))?;
    rows.collect()
}

const OVERDUE: &str = "
    -- receivables::overdue
    SELECT outlet_id, SUM(rest) AS overdue
      FROM receivable
     WHERE due_day < :today AND rest > 0
     GROUP BY outlet_id";
