//! Sequences without gaps: a number is taken in the transaction that uses it, so a transaction that fails gives it back.

use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::Result;

/// A sequence of this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequence<'a> {
    /// `device_seq`: places every revision this device ever sends.
    Document,
    /// The place after which this life of the device began: on the wire places are counted from here.
    DocumentBase,
    /// Document numbers under one prefix.
    Number(&'a str),
}

impl Sequence<'_> {
    fn name(&self) -> String {
        match self {
            Self::Document => "document".to_owned(),
            Self::DocumentBase => "document_base".to_owned(),
            Self::Number(prefix) => format!("number:{prefix}"),
        }
    }
}

/// Takes the next number; 1 is the first.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn take(tx: &Transaction<'_>, sequence: &Sequence<'_>) -> Result<i64> {
    Ok(tx.prepare_cached(TAKE)?.query_row(named_params! { ":name": sequence.name() }, |row| row.get("last"))?)
}

const TAKE: &str = "
    -- numbers::take
    INSERT INTO sequence (name, last) VALUES (:name, 1)
    ON CONFLICT (name) DO UPDATE SET last = last + 1
    RETURNING last";

/// The last number given; 0 if none was.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn last(tx: &Transaction<'_>, sequence: &Sequence<'_>) -> Result<i64> {
    let last = tx.prepare_cached(LAST)?.query_row(named_params! { ":name": sequence.name() }, |row| row.get("last")).optional()?;
    Ok(last.unwrap_or(0))
}

const LAST: &str = "
    -- numbers::last
    SELECT last FROM sequence WHERE name = :name";

/// Goes on after `floor`, the highest number the server has seen: what a reinstalled device needs. Never goes back. For
/// [`Sequence::Document`] the floor is a number as it travels, counted from the beginning of this life.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn raise(tx: &Transaction<'_>, sequence: &Sequence<'_>, floor: i64) -> Result<()> {
    let floor = match sequence {
        Sequence::Document => floor.saturating_add(last(tx, &Sequence::DocumentBase)?),
        Sequence::DocumentBase | Sequence::Number(_) => floor,
    };
    tx.prepare_cached(RAISE)?.execute(named_params! { ":name": sequence.name(), ":floor": floor })?;
    Ok(())
}

const RAISE: &str = "
    -- numbers::raise
    INSERT INTO sequence (name, last) VALUES (:name, :floor)
    ON CONFLICT (name) DO UPDATE SET last = MAX(last, excluded.last)";
