//! Recognition libraries of a part: roots, releases, and who gets them. Chunks lie in the blob store.

use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// A release, without its papers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// As its manifest says.
    pub version: u64,
    /// Name of its papers.
    pub name: Blake3Hex,
    /// Length of the whole library in bytes.
    pub bytes: u64,
    /// Share of devices that get it, 0 to 100.
    pub percent: u8,
    /// No device begins to fetch it any more.
    pub is_stopped: bool,
    /// When it was published.
    pub published_at: UtcMillis,
}

/// The root keys of a part, in minisign's base64, by their text.
///
/// # Errors
///
/// [`StoreError`].
pub fn roots(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<String>> {
    let mut statement = tx.prepare_cached(ROOTS)?;
    let rows = statement.query_map(named_params! { ":part_id": part_id }, |row| row.get(0))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

const ROOTS: &str = "
    -- library::roots
    SELECT public_key
      FROM library_root
     WHERE part_id = :part_id
     ORDER BY public_key";

/// Notes a root key of a part; harmless if it is known.
///
/// # Errors
///
/// [`StoreError`].
pub fn add_root(tx: &Transaction<'_>, part_id: &str, public_key: &str, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(ADD_ROOT)?.execute(named_params! { ":part_id": part_id, ":public_key": public_key, ":added_at_ms": now.0 })?;
    Ok(())
}

const ADD_ROOT: &str = "
    -- library::add_root
    INSERT INTO library_root (part_id, public_key, added_at_ms)
    VALUES (:part_id, :public_key, :added_at_ms)
    ON CONFLICT (part_id, public_key) DO NOTHING";

/// The releases of a part, the newest first.
///
/// # Errors
///
/// [`StoreError`].
pub fn releases(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<Release>> {
    tx.prepare_cached(RELEASES)?.query_and_then(named_params! { ":part_id": part_id }, from_row)?.collect()
}

const RELEASES: &str = "
    -- library::releases
    SELECT version, name, byte_count, percent, is_stopped, published_at_ms
      FROM library_release
     WHERE part_id = :part_id
     ORDER BY version DESC";

fn from_row(row: &Row<'_>) -> Result<Release> {
    Ok(Release {
        version: row.get::<_, i64>("version")?.cast_unsigned(),
        name: Blake3Hex::of_digest(&row.get("name")?),
        bytes: row.get::<_, i64>("byte_count")?.cast_unsigned(),
        percent: row.get("percent")?,
        is_stopped: row.get("is_stopped")?,
        published_at: UtcMillis(row.get("published_at_ms")?),
    })
}

/// Publishes a release. The caller has checked its papers, and its chunks are in the blob store.
///
/// # Errors
///
/// [`StoreError`]; also when there is one of that version.
pub fn publish(tx: &Transaction<'_>, part_id: &str, release: &Release, papers: &[u8], chunks: &[(Blake3Hex, u32)]) -> Result<()> {
    tx.prepare_cached(PUBLISH)?.execute(named_params! {
        ":part_id": part_id,
        ":version": stored(release.version)?,
        ":name": release.name.digest(),
        ":papers": papers,
        ":byte_count": stored(release.bytes)?,
        ":percent": release.percent,
        ":is_stopped": release.is_stopped,
        ":published_at_ms": release.published_at.0,
    })?;
    let mut statement = tx.prepare_cached(PUBLISH_CHUNK)?;
    for (hash, bytes) in chunks {
        statement.execute(named_params! {
            ":part_id": part_id,
            ":hash": hash.digest(),
            ":version": stored(release.version)?,
            ":byte_count": bytes,
        })?;
    }
    Ok(())
}

const PUBLISH: &str = "
    -- library::publish
    INSERT INTO library_release (part_id, version, name, papers, byte_count, percent, is_stopped, published_at_ms)
    VALUES (:part_id, :version, :name, :papers, :byte_count, :percent, :is_stopped, :published_at_ms)";

const PUBLISH_CHUNK: &str = "
    -- library::publish
    INSERT INTO library_chunk (part_id, hash, version, byte_count)
    VALUES (:part_id, :hash, :version, :byte_count)
    ON CONFLICT (part_id, hash, version) DO NOTHING";

/// Puts a release of the same library under other papers: the office has changed its list of keys. Says whether there is that version.
///
/// # Errors
///
/// [`StoreError`].
pub fn replace_papers(tx: &Transaction<'_>, part_id: &str, version: u64, name: &Blake3Hex, papers: &[u8]) -> Result<bool> {
    let changed = tx.prepare_cached(REPLACE_PAPERS)?.execute(named_params! {
        ":part_id": part_id,
        ":version": stored(version)?,
        ":name": name.digest(),
        ":papers": papers,
    })?;
    Ok(changed == 1)
}

const REPLACE_PAPERS: &str = "
    -- library::replace_papers
    UPDATE library_release
       SET name = :name, papers = :papers
     WHERE part_id = :part_id
       AND version = :version";

/// Says who gets a release from now on. Says whether there is that version.
///
/// # Errors
///
/// [`StoreError`].
pub fn roll_out(tx: &Transaction<'_>, part_id: &str, version: u64, percent: u8, is_stopped: bool) -> Result<bool> {
    let changed = tx.prepare_cached(ROLL_OUT)?.execute(named_params! {
        ":part_id": part_id,
        ":version": stored(version)?,
        ":percent": percent,
        ":is_stopped": is_stopped,
    })?;
    Ok(changed == 1)
}

const ROLL_OUT: &str = "
    -- library::roll_out
    UPDATE library_release
       SET percent = :percent, is_stopped = :is_stopped
     WHERE part_id = :part_id
       AND version = :version";

/// The papers of that name; `None` if the part has none.
///
/// # Errors
///
/// [`StoreError`].
pub fn papers(tx: &Transaction<'_>, part_id: &str, name: &Blake3Hex) -> Result<Option<Vec<u8>>> {
    let mut statement = tx.prepare_cached(PAPERS)?;
    Ok(statement.query_row(named_params! { ":part_id": part_id, ":name": name.digest() }, |row| row.get(0)).optional()?)
}

const PAPERS: &str = "
    -- library::papers
    SELECT papers
      FROM library_release
     WHERE part_id = :part_id
       AND name = :name";

/// Whether a release of the part names that chunk.
///
/// # Errors
///
/// [`StoreError`].
pub fn has_chunk(tx: &Transaction<'_>, part_id: &str, hash: &Blake3Hex) -> Result<bool> {
    Ok(tx.prepare_cached(HAS_CHUNK)?.exists(named_params! { ":part_id": part_id, ":hash": hash.digest() })?)
}

const HAS_CHUNK: &str = "
    -- library::has_chunk
    SELECT 1
      FROM library_chunk
     WHERE part_id = :part_id
       AND hash = :hash";

fn stored(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt("a number of a recognition library is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, migrate};

    fn release(version: u64) -> Release {
        let name = Blake3Hex::of(&version.to_le_bytes());
        Release { version, name, bytes: 90, percent: 1, is_stopped: false, published_at: UtcMillis(5) }
    }

    #[test]
    fn a_release_is_published_once_and_only_for_its_part() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, UtcMillis(1)).unwrap();
        let chunk = Blake3Hex::of(b"chunk");
        let publish =
            |version| store.write(|tx| publish(tx, "D1", &release(version), b"papers", &[(chunk.clone(), 5), (chunk.clone(), 5)]));
        publish(1).unwrap();
        publish(2).unwrap();
        assert!(publish(2).is_err());
        store
            .read(|tx| {
                assert_eq!(releases(tx, "D1")?, [release(2), release(1)]);
                assert_eq!(papers(tx, "D1", &release(1).name)?.as_deref(), Some(&b"papers"[..]));
                assert!(has_chunk(tx, "D1", &chunk)?);
                assert!(releases(tx, "D2")?.is_empty() && papers(tx, "D2", &release(1).name)?.is_none() && !has_chunk(tx, "D2", &chunk)?);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert!(store.write(|tx| roll_out(tx, "D1", 2, 100, true)).unwrap());
        assert!(!store.write(|tx| roll_out(tx, "D1", 3, 100, true)).unwrap());
        let newest = store.read(|tx| releases(tx, "D1")).unwrap().remove(0);
        assert_eq!((newest.percent, newest.is_stopped), (100, true));
    }

    #[test]
    fn roots_are_kept_once_each() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, UtcMillis(1)).unwrap();
        for key in ["b", "a", "b"] {
            store.write(|tx| add_root(tx, "D1", key, UtcMillis(1))).unwrap();
        }
        assert_eq!(store.read(|tx| roots(tx, "D1")).unwrap(), ["a", "b"]);
        assert!(store.read(|tx| roots(tx, "D2")).unwrap().is_empty());
    }
}
