//! Parts: shares of the data that could live on a server of their own, one per distributor; and their counters of ids.

use polevik_domain::ids::DistributorId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::checksum::HashKey;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// One part, as every writer needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// First column of every key.
    pub id: String,
    /// For people.
    pub name: String,
    /// Whose goods, prices and outlets these are.
    pub distributor: DistributorId,
    /// One life of the database.
    pub epoch: String,
    /// Key of the row hashes.
    pub hash_key: HashKey,
}

/// Adds a part with its distributor, whose name is the part's.
///
/// # Errors
///
/// [`StoreError`]; also when there already is one of that id.
pub fn create(tx: &Transaction<'_>, part: &Part, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(CREATE)?.execute(named_params! {
        ":part_id": part.id,
        ":name": part.name,
        ":distributor_id": part.distributor.0,
        ":epoch": part.epoch,
        ":hash_key": part.hash_key.0,
        ":created_at_ms": now.0,
    })?;
    tx.prepare_cached(CREATE_DISTRIBUTOR)?.execute(named_params! {
        ":part_id": part.id,
        ":id": part.distributor.0,
        ":name": part.name,
    })?;
    Ok(())
}

const CREATE: &str = "
    -- part::create
    INSERT INTO part (part_id, name, distributor_id, epoch, hash_key, created_at_ms)
    VALUES (:part_id, :name, :distributor_id, :epoch, :hash_key, :created_at_ms)";

const CREATE_DISTRIBUTOR: &str = "
    -- part::create
    INSERT INTO distributor (part_id, id, name)
    VALUES (:part_id, :id, :name)";

/// The part of that id.
///
/// # Errors
///
/// [`StoreError::UnknownPart`] if there is none.
pub fn load(tx: &Transaction<'_>, part_id: &str) -> Result<Part> {
    tx.prepare_cached(LOAD)?
        .query_row(named_params! { ":part_id": part_id }, from_row)
        .optional()?
        .ok_or_else(|| StoreError::UnknownPart(part_id.to_owned()))
}

const LOAD: &str = "
    -- part::load
    SELECT part_id, name, distributor_id, epoch, hash_key
      FROM part
     WHERE part_id = :part_id";

/// All parts, by id.
///
/// # Errors
///
/// [`StoreError`].
pub fn list(tx: &Transaction<'_>) -> Result<Vec<Part>> {
    Ok(tx.prepare_cached(LIST)?.query_map([], from_row)?.collect::<std::result::Result<_, _>>()?)
}

const LIST: &str = "
    -- part::list
    SELECT part_id, name, distributor_id, epoch, hash_key
      FROM part
     ORDER BY part_id";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Part> {
    Ok(Part {
        id: row.get("part_id")?,
        name: row.get("name")?,
        distributor: DistributorId(row.get("distributor_id")?),
        epoch: row.get("epoch")?,
        hash_key: HashKey(row.get("hash_key")?),
    })
}

/// Begins another life of a part: cursors of the one before count for nothing.
///
/// # Errors
///
/// [`StoreError::UnknownPart`] if there is none.
pub fn set_epoch(tx: &Transaction<'_>, part_id: &str, epoch: &str) -> Result<()> {
    if polevik_planted::is(polevik_planted::Bug::EpochKept) {
        return Ok(());
    }
    let changed = tx.prepare_cached(SET_EPOCH)?.execute(named_params! { ":part_id": part_id, ":epoch": epoch })?;
    if changed == 1 { Ok(()) } else { Err(StoreError::UnknownPart(part_id.to_owned())) }
}

const SET_EPOCH: &str = "
    -- part::set_epoch
    UPDATE part
       SET epoch = :epoch
     WHERE part_id = :part_id";

/// Takes `count` ids of a table, and gives the first; they follow each other. The counter's row stays locked until the commit.
///
/// # Errors
///
/// [`StoreError`].
pub fn take_ids(tx: &Transaction<'_>, part_id: &str, table_name: &str, count: i64) -> Result<i64> {
    let next: i64 = tx
        .prepare_cached(TAKE_IDS)?
        .query_row(named_params! { ":part_id": part_id, ":table_name": table_name, ":count": count }, |row| row.get("next"))?;
    Ok(next - count)
}

const TAKE_IDS: &str = "
    -- part::take_ids
    INSERT INTO id_counter (part_id, table_name, next)
    VALUES (:part_id, :table_name, 1 + :count)
    ON CONFLICT (part_id, table_name) DO UPDATE SET next = id_counter.next + :count
    RETURNING next";

/// Gives back the last `count` ids that were taken in this transaction and not used, so that ids do not depend on how rows were grouped.
///
/// # Errors
///
/// [`StoreError`].
pub fn give_back_ids(tx: &Transaction<'_>, part_id: &str, table_name: &str, count: i64) -> Result<()> {
    tx.prepare_cached(GIVE_BACK_IDS)?.execute(named_params! { ":part_id": part_id, ":table_name": table_name, ":count": count })?;
    Ok(())
}

const GIVE_BACK_IDS: &str = "
    -- part::give_back_ids
    UPDATE id_counter
       SET next = next - :count
     WHERE part_id = :part_id
       AND table_name = :table_name";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, migrate};

    #[test]
    fn ids_follow_each_other_and_a_rollback_gives_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, UtcMillis(1)).unwrap();
        let take = |count| store.write(|tx| take_ids(tx, "D1", "product", count)).unwrap();
        assert_eq!(take(1), 1);
        assert_eq!(take(5), 2);
        let undone: Result<()> = store.write(|tx| {
            assert_eq!(take_ids(tx, "D1", "product", 100)?, 7);
            Err(StoreError::Corrupt("as the test wants"))
        });
        assert!(undone.is_err());
        assert_eq!(take(1), 7);
        assert_eq!(store.write(|tx| take_ids(tx, "D2", "product", 1)).unwrap(), 1, "each part counts for itself");
    }
}
