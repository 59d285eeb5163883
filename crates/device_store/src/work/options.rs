//! Settings and facts of this installation, by name.

use rusqlite::{Connection, OptionalExtension, Transaction, named_params};

use crate::error::{Result, StoreError};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionName {
    /// Id of this installation, made at the first start.
    DeviceId,
    /// Address of the server.
    Server,
    /// Bearer token; absent when nobody is signed in.
    Token,
    /// E-mail the person signed in with.
    Email,
    /// Name of the person.
    UserName,
    /// The position taken, as JSON.
    Position,
    /// Prefix of this device's document numbers.
    NumberPrefix,
    /// Language of the screens; absent = the phone's.
    Language,
    /// Server's clock minus device's clock, in milliseconds.
    ClockOffset,
    /// Number of the copy of the office in use.
    ReferenceGeneration,
    /// Number of the last copy that was damaged, kept for support.
    DamagedGeneration,
    /// Version of the application that ran last: another one lets go on what was set aside.
    AppVersion,
    /// When the copy of the office was last read through and checked, by the server's clock.
    VerifiedAt,
    /// Rows that the running session still has to do, by name: still there at a start, the process ended in its middle.
    SessionOpen,
    /// Requests with documents that failed since the last one that did not.
    BatchFailures,
    /// Most documents of a request, while the device narrows down on one that breaks it.
    BatchLimit,
    /// Name of the last copy of a damaged `work`; absent once the person has been told.
    WorkDamaged,
    /// Name of the copy that this `work` was salvaged from; stays.
    SalvagedFrom,
    /// «Загрузка и выгрузка материалов только по Wi-Fi»: `1` = on; absent = off.
    WiFiOnly,
    /// Most bytes that materials may take here; absent = the default.
    MaterialsBudget,
}

impl OptionName {
    fn as_str(self) -> &'static str {
        match self {
            Self::DeviceId => "device_id",
            Self::Server => "server",
            Self::Token => "token",
            Self::Email => "email",
            Self::UserName => "user_name",
            Self::Position => "position",
            Self::NumberPrefix => "number_prefix",
            Self::Language => "language",
            Self::ClockOffset => "clock_offset_ms",
            Self::ReferenceGeneration => "reference_generation",
            Self::DamagedGeneration => "damaged_generation",
            Self::AppVersion => "app_version",
            Self::VerifiedAt => "verified_at_ms",
            Self::SessionOpen => "session_open",
            Self::BatchFailures => "batch_failures",
            Self::BatchLimit => "batch_limit",
            Self::WorkDamaged => "work_damaged",
            Self::SalvagedFrom => "salvaged_from",
            Self::WiFiOnly => "wifi_only",
            Self::MaterialsBudget => "materials_budget",
        }
    }
}

/// The value of an option, if it was ever set.
///
/// # Errors
///
/// [`StoreError`].
pub fn get(tx: &Transaction<'_>, name: OptionName) -> Result<Option<String>> {
    read(tx, name)
}

/// The value of an option that holds a number.
///
/// # Errors
///
/// [`StoreError`].
pub fn get_number(tx: &Transaction<'_>, name: OptionName) -> Result<Option<i64>> {
    read_number(tx, name)
}

const GET: &str = "
    -- options::get
    SELECT value FROM option WHERE name = :name";

fn read(connection: &Connection, name: OptionName) -> Result<Option<String>> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row(named_params! { ":name": name.as_str() }, |row| row.get("value")).optional()?)
}

fn read_number(connection: &Connection, name: OptionName) -> Result<Option<i64>> {
    read(connection, name)?.map(|value| value.parse().map_err(|_| StoreError::BadValue("an option is not a number"))).transpose()
}

/// Sets an option.
///
/// # Errors
///
/// [`StoreError`].
pub fn set(tx: &Transaction<'_>, name: OptionName, value: &str) -> Result<()> {
    tx.prepare_cached(SET)?.execute(named_params! { ":name": name.as_str(), ":value": value })?;
    Ok(())
}

const SET: &str = "
    -- options::set
    INSERT INTO option (name, value) VALUES (:name, :value)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Forgets an option.
///
/// # Errors
///
/// [`StoreError`].
pub fn clear(tx: &Transaction<'_>, name: OptionName) -> Result<()> {
    if polevik_planted::is(polevik_planted::Bug::SignOutDropsOutbox) {
        tx.execute("-- options::clear\nDELETE FROM outbox WHERE answered_at_ms IS NULL", [])?;
    }
    tx.prepare_cached(CLEAR)?.execute(named_params! { ":name": name.as_str() })?;
    Ok(())
}

const CLEAR: &str = "
    -- options::clear
    DELETE FROM option WHERE name = :name";

/// Number of the copy of the office in use; 1 on a new device.
pub(crate) fn reference_generation(work: &Connection) -> Result<i64> {
    Ok(read_number(work, OptionName::ReferenceGeneration)?.unwrap_or(1))
}

/// Number of the last damaged copy.
pub(crate) fn damaged_generation(work: &Connection) -> Result<Option<i64>> {
    read_number(work, OptionName::DamagedGeneration)
}

/// Makes `next` the copy in use and, if there is one, `damaged` the copy kept for support; in one transaction of its own.
pub(crate) fn begin_generation(work: &Connection, next: i64, damaged: Option<i64>) -> Result<()> {
    let tx = work.unchecked_transaction()?;
    set(&tx, OptionName::ReferenceGeneration, &next.to_string())?;
    if let Some(damaged) = damaged {
        set(&tx, OptionName::DamagedGeneration, &damaged.to_string())?;
    }
    Ok(tx.commit()?)
}
