//! Columns of a newer schema: remembered, so that an older application adds up like the office, and filled in once the application is newer.

use polevik_protocol::checksum::{HashKey, RowHash, RowHasher};
use polevik_protocol::rows::{TABLES, TableDef, TableId};
use polevik_protocol::segment::Segment;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::error::{Result, StoreError};
use crate::reference::apply;
use crate::reference::checkpoints::BucketNo;
use crate::reference::verify::RowSource;

/// Remembers the columns of a segment that this version does not know. Says whether there are any.
pub(crate) fn note_columns(connection: &Connection, segment: &Segment) -> Result<bool> {
    let mut any = false;
    for column in segment.foreign_columns() {
        any = true;
        let parameters = named_params! { ":table_id": segment.table.id.0, ":column_id": column };
        connection.prepare_cached(NOTE_COLUMN)?.execute(parameters)?;
    }
    Ok(any)
}

const NOTE_COLUMN: &str = "
    -- foreign::note_columns
    INSERT INTO foreign_column (table_id, column_id) VALUES (:table_id, :column_id) ON CONFLICT DO NOTHING";

/// Whether rows of a table have values that are not kept.
pub(crate) fn has_rows(connection: &Connection, table: &TableDef) -> Result<bool> {
    Ok(connection.prepare_cached(HAS_ROWS)?.query_row(named_params! { ":table_id": table.id.0 }, |row| row.get("found"))?)
}

const HAS_ROWS: &str = "
    -- foreign::has_rows
    SELECT EXISTS (SELECT 1 FROM foreign_row WHERE table_id = :table_id) AS found";

/// Notes the hash of what is kept of a row, or that all of it is kept.
pub(crate) fn set_row(connection: &Connection, table: TableId, pk: i64, own: Option<RowHash>) -> Result<()> {
    match own {
        Some(own) => connection
            .prepare_cached(SET_ROW)?
            .execute(named_params! { ":table_id": table.0, ":row_id": pk, ":own_hash": own.0.cast_signed() })?,
        None => connection.prepare_cached(FORGET_ROW)?.execute(named_params! { ":table_id": table.0, ":row_id": pk })?,
    };
    Ok(())
}

const SET_ROW: &str = "
    -- foreign::set_row
    INSERT INTO foreign_row (table_id, row_id, own_hash) VALUES (:table_id, :row_id, :own_hash)
    ON CONFLICT (table_id, row_id) DO UPDATE SET own_hash = excluded.own_hash";
const FORGET_ROW: &str = "
    -- foreign::set_row
    DELETE FROM foreign_row WHERE table_id = :table_id AND row_id = :row_id";

/// The hash of what is kept of a row, if that is not all of it.
pub(crate) fn own_hash(connection: &Connection, table: TableId, pk: i64) -> Result<Option<RowHash>> {
    let mut statement = connection.prepare_cached(OWN_HASH)?;
    let found: Option<i64> =
        statement.query_row(named_params! { ":table_id": table.0, ":row_id": pk }, |row| row.get("own_hash")).optional()?;
    Ok(found.map(|hash| RowHash(hash.cast_unsigned())))
}

const OWN_HASH: &str = "
    -- foreign::own_hash
    SELECT own_hash FROM foreign_row WHERE table_id = :table_id AND row_id = :row_id";

/// Forgets the rows of a bucket in a range of keys, just before they are removed from their table.
pub(crate) fn forget_rows(connection: &Connection, table: &TableDef, bucket: BucketNo, lo: i64, hi: i64) -> Result<()> {
    if has_rows(connection, table)? {
        let sql = format!(
            "-- foreign::forget_rows
            DELETE FROM foreign_row
             WHERE table_id = :table_id AND row_id BETWEEN :lo AND :hi
               AND row_id IN (SELECT id FROM {} WHERE _bucket = :bucket_no AND id BETWEEN :lo AND :hi)",
            table.name
        );
        let parameters = named_params! { ":table_id": table.id.0, ":lo": lo, ":hi": hi, ":bucket_no": bucket.0 };
        connection.prepare_cached(&sql)?.execute(parameters)?;
    }
    Ok(())
}

/// Columns that this version knows and an earlier one could not keep: what is asked of `POST /v1/backfill`, per table, rising.
///
/// # Errors
///
/// [`StoreError`].
pub fn missing_columns(connection: &Connection) -> Result<Vec<(&'static TableDef, Vec<u16>)>> {
    let mut statement = connection.prepare_cached(COLUMNS)?;
    let seen: Vec<(u16, u16)> =
        statement.query_map([], |row| Ok((row.get("table_id")?, row.get("column_id")?)))?.collect::<rusqlite::Result<_>>()?;
    let of_table = |table: &'static TableDef| {
        let columns: Vec<u16> = seen
            .iter()
            .filter(|(id, column)| *id == table.id.0 && table.columns.iter().any(|known| known.id == *column))
            .map(|(_, column)| *column)
            .collect();
        (!columns.is_empty()).then_some((table, columns))
    };
    Ok(TABLES.iter().copied().filter_map(of_table).collect())
}

const COLUMNS: &str = "
    -- foreign::missing_columns
    SELECT table_id, column_id FROM foreign_column ORDER BY table_id, column_id";

/// Puts what a backfill segment says into the rows of `bucket`: only `columns`, and only of rows that are here. A row with these values adds
/// up to its kept hash, or waits for further columns. Gives the keys of rows that do not: the caller has the bucket repaired.
///
/// # Errors
///
/// [`StoreError`].
pub fn apply_backfill(connection: &Connection, key: HashKey, bucket: BucketNo, columns: &[u16], segment: &Segment) -> Result<Vec<i64>> {
    let table = segment.table;
    let places: Vec<usize> =
        table.columns.iter().enumerate().filter(|(_, column)| columns.contains(&column.id)).map(|(index, _)| index).collect();
    if places.is_empty() {
        return Err(StoreError::BadValue("a backfill without columns"));
    }
    let waits = waits_for_more(connection, table)?;
    let mut hasher = RowHasher::new(key);
    let mut source = RowSource::new(connection, table)?;
    let mut wrong = Vec::new();
    for (pk, _, put) in segment.rows() {
        if !apply::fill_columns(connection, bucket, segment, &places, pk, put)? {
            continue;
        }
        let Some(row) = source.row(&mut hasher, pk)? else { continue };
        if row.made == row.kept {
            set_row(connection, table.id, pk, None)?;
        } else if waits {
            set_row(connection, table.id, pk, Some(row.made))?;
        } else {
            wrong.push(pk);
        }
    }
    Ok(wrong)
}

/// Whether columns of a table are remembered that even this version does not know.
fn waits_for_more(connection: &Connection, table: &TableDef) -> Result<bool> {
    let mut statement = connection.prepare_cached(COLUMNS_OF)?;
    let columns: Vec<u16> =
        statement.query_map(named_params! { ":table_id": table.id.0 }, |row| row.get("column_id"))?.collect::<rusqlite::Result<_>>()?;
    Ok(columns.iter().any(|column| table.columns.iter().all(|known| known.id != *column)))
}

const COLUMNS_OF: &str = "
    -- foreign::waits_for_more
    SELECT column_id FROM foreign_column WHERE table_id = :table_id";

/// Forgets that columns of a table are missing: every bucket has been asked for them.
///
/// # Errors
///
/// [`StoreError`].
pub fn backfilled(connection: &Connection, table: &TableDef, columns: &[u16]) -> Result<()> {
    for column in columns {
        let parameters = named_params! { ":table_id": table.id.0, ":column_id": column };
        connection.prepare_cached(FORGET_COLUMN)?.execute(parameters)?;
    }
    Ok(())
}

const FORGET_COLUMN: &str = "
    -- foreign::backfilled
    DELETE FROM foreign_column WHERE table_id = :table_id AND column_id = :column_id";
