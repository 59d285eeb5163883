//! From any schema the server ever had to the newest: numbered files, each applied once, in its own transaction.

use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::db::Store;
use crate::error::{Result, StoreError};

/// One step of the schema. A file that was shipped never changes.
struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "reference_and_feed", sql: include_str!("../migrations/sqlite/0001_reference_and_feed.sql") },
    Migration { version: 2, name: "people_and_documents", sql: include_str!("../migrations/sqlite/0002_people_and_documents.sql") },
    Migration { version: 3, name: "outlet_columns", sql: include_str!("../migrations/sqlite/0003_outlet_columns.sql") },
    Migration { version: 4, name: "feed", sql: include_str!("../migrations/sqlite/0004_feed.sql") },
    Migration { version: 5, name: "devices_and_documents", sql: include_str!("../migrations/sqlite/0005_devices_and_documents.sql") },
    Migration { version: 6, name: "files", sql: include_str!("../migrations/sqlite/0006_files.sql") },
    Migration { version: 7, name: "library", sql: include_str!("../migrations/sqlite/0007_library.sql") },
];

/// The schema this program needs.
#[must_use]
pub fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Applies what is missing, and gives the numbers and names applied now; nothing when the database is current.
///
/// # Errors
///
/// [`StoreError::MigrationChanged`] or [`StoreError::TooNew`] before anything is touched; a failing step leaves the steps before it.
pub fn run(store: &Store, now: UtcMillis) -> Result<Vec<(i64, &'static str)>> {
    store.write(|tx| tx.execute_batch(CREATE_MIGRATION_TABLE).map_err(StoreError::from))?;
    let mut applied = Vec::new();
    for migration in MIGRATIONS {
        let new = store.write(|tx| {
            let found = check(tx)?;
            if found >= migration.version {
                return Ok::<_, StoreError>(false);
            }
            tx.execute_batch(migration.sql)?;
            tx.execute(RECORD, params![migration.version, migration.name, checksum(migration), now.0])?;
            Ok(true)
        })?;
        if new {
            applied.push((migration.version, migration.name));
        }
    }
    Ok(applied)
}

const CREATE_MIGRATION_TABLE: &str = "
    -- migrate::run
    CREATE TABLE IF NOT EXISTS schema_migration (
        -- Which steps this database has taken, and the content each had then.
        version        INTEGER NOT NULL PRIMARY KEY,
        name           TEXT    NOT NULL,
        checksum       TEXT    NOT NULL,   -- BLAKE3 of the file, hexadecimal
        applied_at_ms  INTEGER NOT NULL
    ) STRICT";

const RECORD: &str = "
    -- migrate::run
    INSERT INTO schema_migration (version, name, checksum, applied_at_ms)
    VALUES (?1, ?2, ?3, ?4)";

/// Makes sure that the database is of exactly this program's schema: what every command but `migrate` asks first.
///
/// # Errors
///
/// [`StoreError::TooOld`], [`StoreError::TooNew`] or [`StoreError::MigrationChanged`].
pub fn require_current(store: &Store) -> Result<()> {
    store.read(|tx| match check(tx)? {
        found if found < newest() => Err(StoreError::TooOld { found, known: newest() }),
        _ => Ok(()),
    })
}

/// The database's schema, 0 for an empty one, after its steps were found to be ours.
fn check(tx: &Transaction<'_>) -> Result<i64> {
    let exists: Option<i64> = tx.query_row(TABLE_EXISTS, [], |row| row.get(0)).optional()?;
    if exists.is_none() {
        return Ok(0);
    }
    let mut statement = tx.prepare_cached(APPLIED)?;
    let mut rows = statement.query([])?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        found = row.get("version")?;
        let recorded: String = row.get("checksum")?;
        let Some(known) = MIGRATIONS.iter().find(|migration| migration.version == found) else {
            return Err(StoreError::TooNew { found, known: newest() });
        };
        if checksum(known) != recorded {
            return Err(StoreError::MigrationChanged { version: found });
        }
    }
    Ok(found)
}

const TABLE_EXISTS: &str = "
    -- migrate::check
    SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'";

const APPLIED: &str = "
    -- migrate::check
    SELECT version, checksum FROM schema_migration ORDER BY version";

fn checksum(migration: &Migration) -> String {
    blake3::hash(migration.sql.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_without_gaps_and_a_second_run_changes_nothing() {
        assert!(MIGRATIONS.iter().zip(1..).all(|(migration, n)| migration.version == n));
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        assert!(matches!(require_current(&store), Err(StoreError::TooOld { found: 0, .. })));
        assert_eq!(run(&store, UtcMillis(5)).unwrap().len(), MIGRATIONS.len());
        assert_eq!(run(&store, UtcMillis(6)).unwrap(), []);
        require_current(&store).unwrap();
    }

    #[test]
    fn a_foreign_or_newer_schema_is_refused_before_anything_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        run(&store, UtcMillis(5)).unwrap();
        let set = |sql: &str| store.write(|tx| tx.execute_batch(sql).map_err(StoreError::from)).unwrap();
        set("INSERT INTO schema_migration VALUES (9999, 'future', 'x', 1)");
        assert!(matches!(run(&store, UtcMillis(6)), Err(StoreError::TooNew { found: 9999, .. })));
        set("DELETE FROM schema_migration WHERE version = 9999; UPDATE schema_migration SET checksum = 'x' WHERE version = 1");
        assert!(matches!(require_current(&store), Err(StoreError::MigrationChanged { version: 1 })));
    }
}
