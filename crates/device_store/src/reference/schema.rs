//! The tables of the copy of the office, and their secondary indexes.

use polevik_protocol::rows::{TABLES, TableDef};
use rusqlite::{Connection, Transaction};

use crate::error::Result;
use crate::migrate::Migration;
use crate::reference::{document_states, materials, prices, receivables, route, stock};

/// From nothing to the newest version of the copy.
pub(crate) const MIGRATIONS: &[Migration] = &[
    || include_str!("../../migrations/reference/0001_initial.sql").to_owned(),
    || include_str!("../../migrations/reference/0002_outlet_columns.sql").to_owned(),
    || include_str!("../../migrations/reference/0003_verification.sql").to_owned(),
    || include_str!("../../migrations/reference/0004_material.sql").to_owned(),
];

/// A secondary index, declared beside the reader that needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    /// The table.
    pub(crate) table: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns.
    pub(crate) columns: &'static str,
}

const INDEXES: [Index; 6] = [prices::INDEX, stock::INDEX, receivables::INDEX, route::INDEX, document_states::INDEX, materials::INDEX];

/// Makes the indexes of all tables that lack one.
pub(crate) fn create_indexes(connection: &Connection) -> Result<()> {
    for Index { table, name, columns } in INDEXES {
        connection.execute_batch(&format!("-- schema::create_indexes\nCREATE INDEX IF NOT EXISTS {name} ON {table} ({columns})"))?;
    }
    Ok(())
}

/// Makes the indexes of all tables anew from their rows.
pub(crate) fn make_indexes_anew(connection: &Connection) -> Result<()> {
    for index in INDEXES {
        connection.execute_batch(&format!("-- schema::make_indexes_anew\nREINDEX {}", index.name))?;
    }
    Ok(())
}

/// Drops the indexes of one table: building them once after a first load costs half of keeping them row by row.
pub(crate) fn drop_indexes(tx: &Connection, table: &TableDef) -> Result<()> {
    for index in INDEXES.iter().filter(|index| index.table == table.name) {
        tx.execute_batch(&format!("-- schema::drop_indexes\nDROP INDEX IF EXISTS {}", index.name))?;
    }
    Ok(())
}

/// Whether the schema is, word for word, what this version makes: nothing is missing, and no bit of it was turned round.
pub(crate) fn is_as_made(connection: &Connection) -> Result<bool> {
    let made = Connection::open_in_memory()?;
    for migration in MIGRATIONS {
        made.execute_batch(&migration())?;
    }
    create_indexes(&made)?;
    Ok(objects(connection)? == objects(&made)?)
}

/// Type, name, table and text of everything made by this version; SQLite's own objects have no text.
fn objects(connection: &Connection) -> Result<Vec<[String; 4]>> {
    let mut statement = connection.prepare(OBJECTS)?;
    let rows = statement.query_map([], |row| Ok([row.get("type")?, row.get("name")?, row.get("tbl_name")?, row.get("sql")?]))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const OBJECTS: &str = "
    -- schema::objects
    SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name";

/// How many rows each table holds, in the order of `protocol::rows::TABLES`: what a person compares with the server.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn row_counts(tx: &Transaction<'_>) -> Result<Vec<(&'static str, u64)>> {
    TABLES
        .iter()
        .map(|table| {
            let sql = format!("-- schema::row_counts\nSELECT COUNT(*) AS row_count FROM {}", table.name);
            let count: i64 = tx.prepare_cached(&sql)?.query_row([], |row| row.get("row_count"))?;
            Ok((table.name, u64::try_from(count).unwrap_or(0)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use polevik_protocol::rows::ColumnKind;

    use super::*;

    /// When this fails, `protocol::rows` has changed: write the next migration, do not touch those before it.
    #[test]
    fn the_tables_are_those_that_travel() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(&migration()).unwrap();
        }
        for table in TABLES {
            let mut expected = vec![
                ("id".to_owned(), "INTEGER".to_owned(), true),
                ("_bucket".to_owned(), "INTEGER".to_owned(), true),
                ("_hash".to_owned(), "INTEGER".to_owned(), true),
            ];
            expected.extend(table.columns.iter().map(|column| {
                let kind = match column.kind {
                    ColumnKind::Int => "INTEGER",
                    ColumnKind::Text => "TEXT",
                    ColumnKind::Blob => "BLOB",
                };
                (column.name.to_owned(), kind.to_owned(), !column.nullable)
            }));
            let mut statement =
                connection.prepare(&format!("SELECT name, type, \"notnull\" FROM pragma_table_info('{}')", table.name)).unwrap();
            let found: Vec<(String, String, bool)> = statement
                .query_map([], |row| Ok((row.get("name")?, row.get("type")?, row.get("notnull")?)))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(found, expected, "{}", table.name);
        }
    }
}
