//! The SQL of the eleven tables, made once from their definitions; first line of each is its name.

use std::sync::LazyLock;

use polevik_protocol::rows::{ASSORTMENT, PRICE_TYPE, PRODUCT, TABLES, TableDef, WAREHOUSE};

/// The texts of one table.
pub(super) struct Statements {
    pub(super) find: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
    pub(super) read: String,
    pub(super) read_range: String,
    pub(super) keys: String,
    pub(super) hashes: String,
    pub(super) range_hashes: String,
    pub(super) read_after: String,
    pub(super) set_hash: String,
    pub(super) id_by_key: String,
    pub(super) all_keys: String,
}

static STATEMENTS: LazyLock<Vec<Statements>> = LazyLock::new(|| TABLES.iter().map(|table| Statements::of(table)).collect());

/// By which index the rows of one bucket are read. SQLite knows nothing of how many buckets share a table and would read the rows of all of them:
/// for one position's documents those of every position. Where a part has one bucket, the table itself is the shortest way.
fn by_bucket(table: &TableDef) -> String {
    let has_one_bucket = [PRODUCT, PRICE_TYPE, WAREHOUSE, ASSORTMENT].iter().any(|one| one.id == table.id);
    if has_one_bucket { "NOT INDEXED".to_owned() } else { format!("INDEXED BY {}_by_bucket", table.name) }
}

/// The texts of `table`.
pub(super) fn of(table: &TableDef) -> &'static Statements {
    // Every definition there is stands in TABLES, so the position is always found.
    &STATEMENTS[TABLES.iter().position(|known| known.id == table.id).unwrap_or(0)]
}

impl Statements {
    /// Parameters: ?1 part, ?2 id or key, ?3 … as each text says.
    fn of(table: &TableDef) -> Self {
        let name = table.name;
        let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        let columns = names.join(", ");
        let places: Vec<String> = (7..7 + names.len()).map(|n| format!("?{n}")).collect();
        let by_bucket = by_bucket(table);
        let sets: Vec<String> = names.iter().zip(&places).map(|(name, place)| format!("{name} = {place}")).collect();
        Self {
            find: format!(
                "
                -- reference::find {name}
                SELECT id, bucket, row_hash FROM {name} WHERE part_id = ?1 AND natural_key = ?2"
            ),
            // ?2 id, ?3 natural key, ?4 bucket, ?5 hash, ?6 time, then the columns.
            insert: format!(
                "
                -- reference::insert {name}
                INSERT INTO {name} (part_id, id, natural_key, bucket, row_hash, updated_at_ms, {columns})
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, {})",
                places.join(", ")
            ),
            update: format!(
                "
                -- reference::update {name}
                UPDATE {name}
                   SET natural_key = ?3, bucket = ?4, row_hash = ?5, updated_at_ms = ?6, {}
                 WHERE part_id = ?1 AND id = ?2",
                sets.join(", ")
            ),
            delete: format!(
                "
                -- reference::delete {name}
                DELETE FROM {name} WHERE part_id = ?1 AND id = ?2 RETURNING bucket, row_hash"
            ),
            read: format!(
                "
                -- reference::read {name}
                SELECT id, bucket, row_hash, {columns} FROM {name} WHERE part_id = ?1 AND id = ?2"
            ),
            // ?2 bucket, ?3 first and ?4 last key.
            read_range: format!(
                "
                -- reference::read_range {name}
                SELECT id, bucket, row_hash, {columns}
                  FROM {name} {by_bucket}
                 WHERE part_id = ?1 AND bucket = ?2 AND id BETWEEN ?3 AND ?4
                 ORDER BY id"
            ),
            // ?3 first and ?4 last key.
            keys: format!(
                "
                -- reference::keys {name}
                SELECT id FROM {name} WHERE part_id = ?1 AND bucket = ?2 AND id BETWEEN ?3 AND ?4 ORDER BY id"
            ),
            hashes: format!(
                "
                -- reference::hashes {name}
                SELECT row_hash FROM {name} {by_bucket} WHERE part_id = ?1 AND bucket = ?2"
            ),
            // ?3 first and ?4 last key.
            range_hashes: format!(
                "
                -- reference::range_hashes {name}
                SELECT row_hash FROM {name} {by_bucket} WHERE part_id = ?1 AND bucket = ?2 AND id BETWEEN ?3 AND ?4"
            ),
            // ?3 the key before, ?4 most rows.
            read_after: format!(
                "
                -- reference::read_after {name}
                SELECT id, bucket, row_hash, {columns}
                  FROM {name} {by_bucket}
                 WHERE part_id = ?1 AND bucket = ?2 AND id > ?3
                 ORDER BY id
                 LIMIT ?4"
            ),
            set_hash: format!(
                "
                -- reference::set_hash {name}
                UPDATE {name} SET row_hash = ?3 WHERE part_id = ?1 AND id = ?2"
            ),
            id_by_key: format!(
                "
                -- reference::id_by_key {name}
                SELECT id FROM {name} WHERE part_id = ?1 AND natural_key = ?2"
            ),
            all_keys: format!(
                "
                -- reference::all_keys {name}
                SELECT natural_key, id FROM {name} WHERE part_id = ?1 ORDER BY id"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use polevik_domain::time::UtcMillis;

    use super::*;
    use crate::{Store, StoreError, migrate};

    /// One position's documents once were read by reading those of all positions.
    #[test]
    fn rows_of_one_bucket_are_read_without_those_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, UtcMillis(1)).unwrap();
        for table in TABLES {
            let texts = of(table);
            for text in [&texts.hashes, &texts.range_hashes, &texts.read_range, &texts.read_after] {
                let plan: Vec<String> = store
                    .read(|tx| {
                        let mut statement = tx.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
                        let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
                        let lines = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get("detail"))?;
                        Ok::<_, StoreError>(lines.collect::<Result<_, _>>()?)
                    })
                    .unwrap();
                let wanted = if by_bucket(table) == "NOT INDEXED" { "USING PRIMARY KEY (part_id=?" } else { "(part_id=? AND bucket=?" };
                assert!(plan.iter().all(|line| line.contains(wanted)), "{text}: {plan:?}");
            }
        }
    }
}
