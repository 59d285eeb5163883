//! Segments that are here and checked, but not shown yet.
//!
//! Each is kept in a transaction of its own, so a process that is killed goes on where it was.

use std::collections::BTreeSet;

use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::segment::SegmentHeader;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::error::{Result, StoreError};

/// Keeps a segment whose bytes have been checked against their name. A second time changes nothing.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn insert(tx: &Connection, hash: &str, bytes: &[u8]) -> Result<()> {
    tx.prepare_cached(INSERT)?.execute(named_params! { ":hash": hash, ":bytes": bytes })?;
    Ok(())
}

const INSERT: &str = "
    -- staging::insert
    INSERT INTO staged_segment (hash, bytes) VALUES (:hash, :bytes)
    ON CONFLICT (hash) DO NOTHING";

/// The names of the segments that are here.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn staged(tx: &Connection) -> Result<BTreeSet<String>> {
    let mut statement = tx.prepare_cached(STAGED)?;
    let names = statement.query_map([], |row| row.get("hash"))?;
    names.collect::<rusqlite::Result<_>>().map_err(|error| StoreError::from(error).of_reference())
}

const STAGED: &str = "
    -- staging::staged
    SELECT hash FROM staged_segment";

/// Takes a segment out: gives its bytes and frees its pages for the rows that follow in the same transaction. `None` if it is not here, or
/// the disk did not keep it as it was.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn take(tx: &Connection, hash: &str) -> Result<Option<Vec<u8>>> {
    let bytes = read(tx, hash)?;
    if polevik_planted::is(polevik_planted::Bug::StagedKept) {
        return Ok(bytes);
    }
    tx.prepare_cached(REMOVE)?.execute(named_params! { ":hash": hash })?;
    Ok(bytes)
}

const REMOVE: &str = "
    -- staging::take
    DELETE FROM staged_segment WHERE hash = :hash";

/// The bytes of a segment; `None` if it is not here, or the disk did not keep them as they were.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn read(tx: &Connection, hash: &str) -> Result<Option<Vec<u8>>> {
    let mut statement = tx.prepare_cached(READ)?;
    let bytes: Option<Vec<u8>> = statement
        .query_row(named_params! { ":hash": hash }, |row| row.get("bytes"))
        .optional()
        .map_err(|error| StoreError::from(error).of_reference())?;
    Ok(bytes.filter(|bytes| Blake3Hex::of(bytes).as_str() == hash))
}

const READ: &str = "
    -- staging::read
    SELECT bytes FROM staged_segment WHERE hash = :hash";

/// Throws away what no plan asks for any more.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn keep_only(tx: &Connection, wanted: &BTreeSet<String>) -> Result<()> {
    if polevik_planted::is(polevik_planted::Bug::StagedKept) {
        return Ok(());
    }
    for hash in staged(tx)?.difference(wanted) {
        tx.prepare_cached(REMOVE)?.execute(named_params! { ":hash": hash })?;
    }
    Ok(())
}

/// What the staged segments come to when they are unpacked, in bytes: about what their rows take in tables.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn raw_bytes(tx: &Connection) -> Result<u64> {
    let mut statement = tx.prepare_cached(HEADERS)?;
    let headers = statement.query_map([], |row| row.get::<_, Vec<u8>>("header"))?;
    let mut bytes = 0;
    for header in headers {
        bytes += SegmentHeader::read(&header?).map_or(0, |header| header.raw_bytes as u64);
    }
    Ok(bytes)
}

// A header is much shorter than that.
const HEADERS: &str = "
    -- staging::raw_bytes
    SELECT substr(bytes, 1, 1024) AS header FROM staged_segment";
