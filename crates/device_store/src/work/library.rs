//! What this device trusts and holds of the recognition library. It survives the deletion of everything that came from the office, so that an
//! older version can never be passed off as a new one.

use polevik_domain::time::UtcMillis;
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// What is known whatever version is in use. The values are JSON of the device's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryFact {
    /// Whom the device believes: roots of the first login, the newest list of keys, the highest version that was ever accepted.
    Trust,
    /// What the server said last of the version this device shall have.
    News,
    /// The papers that were refused last, and why: they are not fetched again.
    Refused,
}

impl LibraryFact {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::News => "news",
            Self::Refused => "refused",
        }
    }
}

/// A fact, if it is known.
///
/// # Errors
///
/// [`StoreError`].
pub fn fact(tx: &Transaction<'_>, fact: LibraryFact) -> Result<Option<String>> {
    let mut statement = tx.prepare_cached(FACT)?;
    Ok(statement.query_row(named_params! { ":name": fact.as_str() }, |row| row.get("value")).optional()?)
}

const FACT: &str = "
    -- library::fact
    SELECT value FROM library_fact WHERE name = :name";

/// Notes a fact.
///
/// # Errors
///
/// [`StoreError`].
pub fn set_fact(tx: &Transaction<'_>, fact: LibraryFact, value: &str) -> Result<()> {
    tx.prepare_cached(SET_FACT)?.execute(named_params! { ":name": fact.as_str(), ":value": value })?;
    Ok(())
}

const SET_FACT: &str = "
    -- library::set_fact
    INSERT INTO library_fact (name, value) VALUES (:name, :value)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Forgets a fact.
///
/// # Errors
///
/// [`StoreError`].
pub fn clear_fact(tx: &Transaction<'_>, fact: LibraryFact) -> Result<()> {
    tx.prepare_cached(CLEAR_FACT)?.execute(named_params! { ":name": fact.as_str() })?;
    Ok(())
}

const CLEAR_FACT: &str = "
    -- library::clear_fact
    DELETE FROM library_fact WHERE name = :name";

/// What a version is to this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// In use.
    Active,
    /// Was in use before; kept to go back to.
    Previous,
    /// Is being fetched, or waits to be switched to.
    Staged,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Previous => "previous",
            Self::Staged => "staged",
        }
    }
}

/// One version on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryVersion {
    /// Name of its signed manifest.
    pub manifest: Blake3Hex,
    /// Its number.
    pub version: u64,
    /// Length of the whole library in bytes.
    pub bytes: u64,
    /// When it expires, by the server's clock.
    pub expires_at: UtcMillis,
    /// Whether it is whole, checked and tried.
    pub ready: bool,
    /// The signed manifest.
    pub signed: Vec<u8>,
}

impl LibraryVersion {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            manifest: super::file_name(row, "manifest")?,
            version: super::unsigned(row, "version")?,
            bytes: super::unsigned(row, "bytes")?,
            expires_at: UtcMillis(row.get("expires_at_ms")?),
            ready: row.get("ready")?,
            signed: row.get("signed")?,
        })
    }
}

/// The version in this role.
///
/// # Errors
///
/// [`StoreError`].
pub fn version(tx: &Transaction<'_>, role: Role) -> Result<Option<LibraryVersion>> {
    let mut statement = tx.prepare_cached(VERSION)?;
    let found = statement.query_and_then(named_params! { ":role": role.as_str() }, LibraryVersion::from_row)?.next();
    found.transpose()
}

const VERSION: &str = "
    -- library::version
    SELECT manifest, version, bytes, expires_at_ms, ready, signed FROM library_version WHERE role = :role";

/// Begins to fetch a version; the one that was being fetched is forgotten with its files.
///
/// # Errors
///
/// [`StoreError`].
pub fn stage(tx: &Transaction<'_>, version: &LibraryVersion) -> Result<()> {
    forget(tx, Role::Staged)?;
    tx.prepare_cached(STAGE)?.execute(named_params! {
        ":manifest": version.manifest.as_str(),
        ":version": super::signed(version.version)?,
        ":bytes": super::signed(version.bytes)?,
        ":expires_at_ms": version.expires_at.0,
        ":ready": version.ready,
        ":signed": version.signed,
    })?;
    Ok(())
}

const STAGE: &str = "
    -- library::stage
    INSERT INTO library_version (role, manifest, version, bytes, expires_at_ms, ready, signed)
    VALUES ('staged', :manifest, :version, :bytes, :expires_at_ms, :ready, :signed)";

/// The same version under other papers: the office has changed its list of keys.
///
/// # Errors
///
/// [`StoreError`].
pub fn replace_papers(tx: &Transaction<'_>, role: Role, manifest: &Blake3Hex, signed: &[u8]) -> Result<()> {
    tx.prepare_cached(REPLACE_PAPERS)?.execute(named_params! {
        ":role": role.as_str(),
        ":manifest": manifest.as_str(),
        ":signed": signed,
    })?;
    Ok(())
}

const REPLACE_PAPERS: &str = "
    -- library::replace_papers
    UPDATE library_version SET manifest = :manifest, signed = :signed WHERE role = :role";

/// Forgets the version in this role; its files are removed by the next sweep.
///
/// # Errors
///
/// [`StoreError`].
pub fn forget(tx: &Transaction<'_>, role: Role) -> Result<()> {
    tx.prepare_cached(FORGET_FILES)?.execute(named_params! { ":role": role.as_str() })?;
    tx.prepare_cached(FORGET)?.execute(named_params! { ":role": role.as_str() })?;
    Ok(())
}

const FORGET_FILES: &str = "
    -- library::forget
    DELETE FROM library_file WHERE role = :role";
const FORGET: &str = "
    -- library::forget
    DELETE FROM library_version WHERE role = :role";

/// A file of the version that is being fetched is here: a chunk, or a part that was put together.
///
/// # Errors
///
/// [`StoreError`]; one is that nothing is being fetched.
pub fn note_file(tx: &Transaction<'_>, file: &Blake3Hex, bytes: u64) -> Result<()> {
    tx.prepare_cached(NOTE_FILE)?.execute(named_params! { ":file": file.as_str(), ":bytes": super::signed(bytes)? })?;
    Ok(())
}

const NOTE_FILE: &str = "
    -- library::note_file
    INSERT OR IGNORE INTO library_file (role, file, bytes) VALUES ('staged', :file, :bytes)";

/// A file of the version that is being fetched is not needed any more: the chunks of a part that was put together.
///
/// # Errors
///
/// [`StoreError`].
pub fn forget_file(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<()> {
    tx.prepare_cached(FORGET_FILE)?.execute(named_params! { ":file": file.as_str() })?;
    Ok(())
}

const FORGET_FILE: &str = "
    -- library::forget_file
    DELETE FROM library_file WHERE role = 'staged' AND file = :file";

/// The version that is being fetched was found to be other than it was when it was tried: it is put together again.
///
/// # Errors
///
/// [`StoreError`].
pub fn mark_unready(tx: &Transaction<'_>) -> Result<()> {
    tx.prepare_cached(MARK_UNREADY)?.execute([])?;
    Ok(())
}

const MARK_UNREADY: &str = "
    -- library::mark_unready
    UPDATE library_version SET ready = 0 WHERE role = 'staged'";

/// The version that is being fetched is whole, checked and tried.
///
/// # Errors
///
/// [`StoreError`].
pub fn mark_ready(tx: &Transaction<'_>) -> Result<()> {
    tx.prepare_cached(MARK_READY)?.execute([])?;
    Ok(())
}

const MARK_READY: &str = "
    -- library::mark_ready
    UPDATE library_version SET ready = 1 WHERE role = 'staged'";

/// Switches to the version that was fetched, if it is ready: it is in use, the one in use is the one before it. One flip of roles; says whether
/// it happened.
///
/// # Errors
///
/// [`StoreError`].
pub fn activate(tx: &Transaction<'_>) -> Result<bool> {
    if !version(tx, Role::Staged)?.is_some_and(|staged| staged.ready) {
        return Ok(false);
    }
    forget(tx, Role::Previous)?;
    change_role(tx, Role::Active, Role::Previous)?;
    change_role(tx, Role::Staged, Role::Active)?;
    Ok(true)
}

/// Goes back to the version before the one in use, which is forgotten; says whether there was one.
///
/// # Errors
///
/// [`StoreError`].
pub fn roll_back(tx: &Transaction<'_>) -> Result<bool> {
    if version(tx, Role::Previous)?.is_none() {
        return Ok(false);
    }
    forget(tx, Role::Active)?;
    change_role(tx, Role::Previous, Role::Active)?;
    Ok(true)
}

fn change_role(tx: &Transaction<'_>, from: Role, to: Role) -> Result<()> {
    tx.prepare_cached(CHANGE_ROLE)?.execute(named_params! { ":from": from.as_str(), ":to": to.as_str() })?;
    Ok(())
}

// The files follow by their foreign key.
const CHANGE_ROLE: &str = "
    -- library::change_role
    UPDATE library_version SET role = :to WHERE role = :from";

/// The files of the version in this role, with their lengths, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn files(tx: &Transaction<'_>, role: Role) -> Result<Vec<(Blake3Hex, u64)>> {
    let mut statement = tx.prepare_cached(FILES)?;
    let rows = statement.query_and_then(named_params! { ":role": role.as_str() }, |row| {
        Ok((super::file_name(row, "file")?, super::unsigned(row, "bytes")?))
    })?;
    rows.collect()
}

const FILES: &str = "
    -- library::files
    SELECT file, bytes FROM library_file WHERE role = :role ORDER BY file";

/// All files of all versions, each once, with their lengths, by name: what must not be swept away.
///
/// # Errors
///
/// [`StoreError`].
pub fn all_files(tx: &Transaction<'_>) -> Result<Vec<(Blake3Hex, u64)>> {
    let mut statement = tx.prepare_cached(ALL_FILES)?;
    let rows = statement.query_and_then([], |row| Ok((super::file_name(row, "file")?, super::unsigned(row, "bytes")?)))?;
    rows.collect::<Result<_, StoreError>>()
}

const ALL_FILES: &str = "
    -- library::all_files
    SELECT file, MAX(bytes) AS bytes FROM library_file GROUP BY file ORDER BY file";

/// Whether anything on this device needs the file of that name: a version of the library, a photo that is kept, or a material. All files lie
/// in one place by their content, so a picture can be a chunk and a material at once.
///
/// # Errors
///
/// [`StoreError`].
pub fn is_needed(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<bool> {
    Ok(tx.prepare_cached(IS_NEEDED)?.exists(named_params! { ":file": file.as_str() })?)
}

const IS_NEEDED: &str = "
    -- library::is_needed
    SELECT 1 FROM library_file WHERE file = :file
    UNION ALL
    SELECT 1 FROM outgoing_file WHERE file = :file AND removed_at_ms IS NULL
    UNION ALL
    SELECT 1 FROM held_file WHERE file = :file AND state <> 'left'";
