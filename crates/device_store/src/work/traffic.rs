//! Bytes on the wire, by month, purpose and network.

use rusqlite::{Transaction, named_params};

use crate::error::Result;

/// Bytes of one purpose over one kind of network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Word of `device_api::network::TrafficClass`.
    pub class: String,
    /// Word of `device_api::network::NetworkClass`.
    pub network: String,
    /// Bodies sent.
    pub up: u64,
    /// Bodies received.
    pub down: u64,
}

/// Counts bytes in a month (`202611` for November 2026).
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn add(tx: &Transaction<'_>, month: u32, traffic: &Traffic) -> Result<()> {
    tx.prepare_cached(ADD)?.execute(named_params! {
        ":month": month,
        ":class": traffic.class,
        ":network": traffic.network,
        ":up": super::signed(traffic.up)?,
        ":down": super::signed(traffic.down)?,
    })?;
    Ok(())
}

const ADD: &str = "
    -- traffic::add
    INSERT INTO traffic (month, class, network, up, down) VALUES (:month, :class, :network, :up, :down)
    ON CONFLICT (month, class, network) DO UPDATE SET up = up + excluded.up, down = down + excluded.down";

/// The bytes of a month, by purpose and network.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn of_month(tx: &Transaction<'_>, month: u32) -> Result<Vec<Traffic>> {
    let mut statement = tx.prepare_cached(OF_MONTH)?;
    let rows = statement.query_and_then(named_params! { ":month": month }, |row| {
        Ok(Traffic {
            class: row.get("class")?,
            network: row.get("network")?,
            up: super::unsigned(row, "up")?,
            down: super::unsigned(row, "down")?,
        })
    })?;
    rows.collect()
}

const OF_MONTH: &str = "
    -- traffic::of_month
    SELECT class, network, up, down FROM traffic WHERE month = :month ORDER BY class, network";

/// Forgets the months before this one and the eleven before it. A month of the future, by a clock that was wrong, goes too.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn prune(tx: &Transaction<'_>, month: u32) -> Result<()> {
    tx.prepare_cached(PRUNE)?.execute(named_params! { ":oldest": month.saturating_sub(100), ":newest": month })?;
    Ok(())
}

const PRUNE: &str = "
    -- traffic::prune
    DELETE FROM traffic WHERE month <= :oldest OR month > :newest";
