//! From any shipped version of a database to the newest.
//!
//! A migration's number is its place in the list, kept in `user_version`. Shipped migrations never change.

use rusqlite::Connection;

use crate::error::{Result, StoreError};

/// One step: plain SQL, or SQL made from the description of the rows.
pub(crate) type Migration = fn() -> String;

/// Brings a database to the newest version, each step in a transaction of its own.
///
/// # Errors
///
/// [`StoreError::Newer`] for a database of a later application: it is not touched.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get("user_version"))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, migration) in (1..).zip(migrations).filter(|(version, _)| *version > found) {
        let tx = connection.transaction()?;
        tx.execute_batch(&migration())?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_once_and_a_newer_database_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first: Migration = || "CREATE TABLE a (x INTEGER) STRICT".to_owned();
        let second: Migration = || "CREATE TABLE b (x INTEGER) STRICT".to_owned();
        migrate(&mut connection, &[first]).unwrap();
        migrate(&mut connection, &[first, second]).unwrap();
        migrate(&mut connection, &[first, second]).unwrap();
        connection.execute_batch("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)").unwrap();
        assert!(matches!(migrate(&mut connection, &[first]), Err(StoreError::Newer { found: 2, known: 1 })));
    }
}
