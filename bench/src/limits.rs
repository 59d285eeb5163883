//! What the machine could do at best: the same rows into the same tables without any synchronisation, and a snapshot of the file.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::cpu::{Spent, spent};

/// Rows of some tables of a database file, in memory.
pub struct Rows {
    tables: Vec<TableRows>,
    indexes: Vec<String>,
}

struct TableRows {
    create: String,
    insert: String,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// Reads tables in the order of their keys.
    pub fn read(file: &Path, tables: &[&str]) -> Result<Self> {
        let connection = Connection::open(file)?;
        let mut found = Self { tables: Vec::new(), indexes: Vec::new() };
        for table in tables {
            let create: String = connection.query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [table], |row| row.get(0))?;
            // In the order of the key, as a file filled in that order is densest; without a rowid that is the order anyway.
            let order = if create.to_ascii_uppercase().contains("WITHOUT ROWID") { "" } else { " ORDER BY rowid" };
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}{order}"))?;
            let columns = statement.column_count();
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let places: Vec<String> = (1..=columns).map(|place| format!("?{place}")).collect();
            let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
            let rows = statement
                .query_map([], |row| (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>())?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let mut indexes =
                connection.prepare("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL")?;
            let indexes = indexes.query_map([table], |row| row.get::<_, String>(0))?;
            found.indexes.extend(indexes.collect::<rusqlite::Result<Vec<_>>>()?);
            found.tables.push(TableRows { create, insert, rows });
        }
        Ok(found)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }

    /// The time to insert them into a new file: one transaction, prepared statements, indexes afterwards, and the log moved into the file.
    pub fn insert_into(&self, file: &Path, synchronous: &str) -> Result<Spent> {
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "cache_size", -64 * 1024)?;
        for table in &self.tables {
            connection.execute_batch(&table.create)?;
        }
        let (done, took) = spent(|| -> Result<()> {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            for table in &self.tables {
                let mut insert = connection.prepare(&table.insert)?;
                for row in &table.rows {
                    insert.execute(params_from_iter(row))?;
                }
            }
            for index in &self.indexes {
                connection.execute_batch(index)?;
            }
            connection.execute_batch("COMMIT")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        });
        done?;
        Ok(took)
    }
}

/// The bytes of the rows of a file in a plain typed table: no bucket number, no row hash, no indexes, filled in key order.
pub fn plain_file_bytes(file: &Path, table: &str, plain: &Path) -> Result<u64> {
    let connection = Connection::open(file)?;
    let columns: Vec<(String, String, bool)> = connection
        .prepare("SELECT name, type, pk FROM pragma_table_info(?1) WHERE substr(name, 1, 1) <> '_'")?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let declared: Vec<String> =
        columns.iter().map(|(name, kind, key)| format!("{name} {kind}{}", if *key { " PRIMARY KEY" } else { "" })).collect();
    let names: Vec<&str> = columns.iter().map(|(name, _, _)| name.as_str()).collect();
    connection.execute("ATTACH ?1 AS plain", [plain.to_string_lossy()])?;
    connection.execute_batch(&format!(
        "CREATE TABLE plain.{table} ({}) STRICT; INSERT INTO plain.{table} SELECT {} FROM main.{table} ORDER BY id; DETACH plain",
        declared.join(", "),
        names.join(", ")
    ))?;
    Ok(std::fs::metadata(plain)?.len())
}

/// Bytes of all pages that hold a table, without its indexes.
pub fn table_bytes(file: &Path, table: &str) -> Result<u64> {
    let connection = Connection::open(file)?;
    let pages: i64 = connection.query_row("SELECT sum(pgsize) FROM dbstat WHERE name = ?1", [table], |row| row.get(0))?;
    Ok(u64::try_from(pages)?)
}

/// What a snapshot of the file costs a receiver.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// Compressed bytes.
    pub bytes: usize,
    /// To decompress, write and sync it.
    pub spent: Spent,
}

/// Compresses a file, and measures how it is unpacked into another.
pub fn snapshot(file: &Path, into: &Path, level: i32) -> Result<Snapshot> {
    let packed = zstd::bulk::compress(&std::fs::read(file)?, level)?;
    let capacity = usize::try_from(std::fs::metadata(file)?.len())?;
    let (done, spent) = spent(|| -> Result<()> {
        let bytes = zstd::bulk::decompress(&packed, capacity)?;
        let mut unpacked = std::fs::File::create(into)?;
        std::io::Write::write_all(&mut unpacked, &bytes)?;
        unpacked.sync_all().context("the copy was not synced")
    });
    done?;
    Ok(Snapshot { bytes: packed.len(), spent })
}

/// The tables of a copy of the office that hold rows, by name.
pub fn filled_tables(file: &Path) -> Result<Vec<&'static str>> {
    let connection = Connection::open(file)?;
    let mut filled = Vec::new();
    for table in polevik_protocol::rows::TABLES {
        if connection.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {})", table.name), [], |row| row.get(0))? {
            filled.push(table.name);
        }
    }
    Ok(filled)
}

/// Makes indexes in a file, and says what it took.
pub fn create_indexes(file: &Path, indexes: &[&str]) -> Result<Spent> {
    let connection = Connection::open(file)?;
    let (done, took) = spent(|| connection.execute_batch(&indexes.join(";")));
    done?;
    Ok(took)
}

/// The time to change `count` products evenly spread over a copy of the office: one transaction, one prepared statement by key, nothing else.
pub fn change_products(file: &Path, count: u64) -> Result<Spent> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    let ids: Vec<i64> =
        connection.prepare("SELECT id FROM product ORDER BY id")?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let every = (ids.len() / usize::try_from(count)?).max(1);
    let (done, took) = spent(|| -> Result<()> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut change = connection
            .prepare("UPDATE product SET list_price = ?2, stock_total = ?2, changed_at_ms = ?2, _hash = _hash + ?2 WHERE id = ?1")?;
        for id in ids.iter().step_by(every).take(usize::try_from(count)?) {
            change.execute([*id, i64::from(u16::MAX)])?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(())
    });
    done?;
    Ok(took)
}

/// Copies what is committed in a database, also while it is open elsewhere.
pub fn copy_database(from: &Path, to: &Path) -> Result<()> {
    Connection::open(from)?.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}
