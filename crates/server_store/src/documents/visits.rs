//! Visits by their newest revision.

use polevik_domain::ids::{DocumentId, OutletId};
use polevik_domain::visit::VisitKind;
use polevik_protocol::document::{VisitBody, WithdrawalBody};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Author;
use crate::error::Result;

/// Stores what a revision says of a visit. The position stays that of the first revision.
///
/// # Errors
///
/// When the database refuses.
pub fn put(tx: &Transaction<'_>, author: Author<'_>, id: DocumentId, revision: u32, visit: &VisitBody) -> Result<()> {
    tx.prepare_cached(PUT)?.execute(params![
        author.scope.part_id,
        id.as_bytes(),
        revision,
        author.scope.position.0,
        visit.outlet_id.0,
        visit.route_stop_id.map(|stop| stop.0),
        match visit.kind {
            VisitKind::Planned => "planned",
            VisitKind::Unplanned => "unplanned",
        },
        visit.local_day.0,
        visit.utc_offset.0,
        visit.started_at_ms.0,
        visit.finished_at_ms.map(|moment| moment.0),
    ])?;
    Ok(())
}

const PUT: &str = "
    -- visits::put
    INSERT INTO visit (part_id, document_id, revision, position_id, outlet_id, route_stop_id, kind, local_day, utc_offset_minutes, started_at_ms,
                       finished_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (part_id, document_id) DO UPDATE
       SET revision = excluded.revision, outlet_id = excluded.outlet_id, route_stop_id = excluded.route_stop_id, kind = excluded.kind, local_day = excluded.local_day,
           utc_offset_minutes = excluded.utc_offset_minutes, started_at_ms = excluded.started_at_ms,
           finished_at_ms = excluded.finished_at_ms";

/// Notes that a visit was taken back. Does nothing while the visit has not arrived.
///
/// # Errors
///
/// When the database refuses.
pub fn withdraw(tx: &Transaction<'_>, part_id: &str, id: DocumentId, revision: u32, withdrawal: &WithdrawalBody) -> Result<()> {
    tx.prepare_cached(WITHDRAW)?.execute(params![part_id, id.as_bytes(), revision, withdrawal.withdrawn_at_ms.0, withdrawal.reason])?;
    Ok(())
}

const WITHDRAW: &str = "
    -- visits::withdraw
    UPDATE visit
       SET revision = ?3, withdrawn_at_ms = ?4, withdrawn_because = ?5
     WHERE part_id = ?1 AND document_id = ?2";

/// Where a visit takes place; `None` while it has not arrived.
///
/// # Errors
///
/// When the database refuses.
pub fn outlet_of(tx: &Transaction<'_>, part_id: &str, id: DocumentId) -> Result<Option<OutletId>> {
    let found =
        tx.prepare_cached(OUTLET_OF)?.query_row(params![part_id, id.as_bytes()], |row| row.get("outlet_id").map(OutletId)).optional()?;
    Ok(found)
}

const OUTLET_OF: &str = "
    -- visits::outlet_of
    SELECT outlet_id
      FROM visit
     WHERE part_id = ?1 AND document_id = ?2";
