//! Files of materials on this device, and what the rep did with materials.

use polevik_domain::time::UtcMillis;
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// How much of a file is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldState {
    /// Its beginning.
    Partial {
        /// Bytes that are here.
        have: u64,
    },
    /// All of it, checked.
    Here,
    /// It could not be loaded.
    Failed {
        /// Code.
        code: String,
        /// For support.
        detail: String,
    },
    /// The rep removed it to make room; it is not fetched before the rep asks for it or it has another content.
    Left,
}

/// One file of a material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Its name by content.
    pub file: Blake3Hex,
    /// Its whole length.
    pub bytes: u64,
    /// How much of it is here.
    pub state: HeldState,
    /// When it was here whole.
    pub arrived_at: Option<UtcMillis>,
    /// When it was last opened.
    pub opened_at: Option<UtcMillis>,
    /// Failures in a row.
    pub attempts: u32,
    /// Not before this time, by the server's clock.
    pub next_try_at: Option<UtcMillis>,
}

impl HeldFile {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let state = match row.get::<_, String>("state")?.as_str() {
            "partial" => HeldState::Partial { have: super::unsigned(row, "have")? },
            "here" => HeldState::Here,
            "failed" => HeldState::Failed {
                code: row.get::<_, Option<String>>("code")?.unwrap_or_default(),
                detail: row.get::<_, Option<String>>("detail")?.unwrap_or_default(),
            },
            "left" => HeldState::Left,
            _ => return Err(StoreError::BadValue("held_file.state")),
        };
        let time = |column| Ok::<_, StoreError>(row.get::<_, Option<i64>>(column)?.map(UtcMillis));
        Ok(Self {
            file: super::file_name(row, "file")?,
            bytes: super::unsigned(row, "bytes")?,
            state,
            arrived_at: time("arrived_at_ms")?,
            opened_at: time("opened_at_ms")?,
            attempts: row.get("attempts")?,
            next_try_at: time("next_try_at_ms")?,
        })
    }
}

/// The columns of a [`HeldFile`].
macro_rules! held_columns {
    () => {
        "file, bytes, state, have, arrived_at_ms, opened_at_ms, attempts, next_try_at_ms, code, detail"
    };
}

/// All of them, by name.
///
/// # Errors
///
/// [`StoreError`].
pub fn all(tx: &Transaction<'_>) -> Result<Vec<HeldFile>> {
    let mut statement = tx.prepare_cached(ALL)?;
    let rows = statement.query_and_then([], HeldFile::from_row)?;
    rows.collect()
}

const ALL: &str = concat!("-- held_files::all\nSELECT ", held_columns!(), " FROM held_file ORDER BY file");

/// One file.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<Option<HeldFile>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":file": file.as_str() }, HeldFile::from_row)?.next();
    found.transpose()
}

const FIND: &str = concat!("-- held_files::find\nSELECT ", held_columns!(), " FROM held_file WHERE file = :file");

/// Notes how many bytes of a file are here.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_part(tx: &Transaction<'_>, file: &Blake3Hex, bytes: u64, have: u64) -> Result<()> {
    tx.prepare_cached(NOTE_PART)?.execute(named_params! {
        ":file": file.as_str(),
        ":bytes": super::signed(bytes)?,
        ":have": super::signed(have)?,
    })?;
    Ok(())
}

const NOTE_PART: &str = "
    -- held_files::note_part
    INSERT INTO held_file (file, bytes, state, have) VALUES (:file, :bytes, 'partial', :have)
    ON CONFLICT (file) DO UPDATE
       SET state = 'partial', have = excluded.have, attempts = 0, next_try_at_ms = NULL, code = NULL, detail = NULL";

/// Notes that a file is here, whole and checked.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_here(tx: &Transaction<'_>, file: &Blake3Hex, bytes: u64, at: UtcMillis) -> Result<()> {
    tx.prepare_cached(NOTE_HERE)?.execute(named_params! {
        ":file": file.as_str(),
        ":bytes": super::signed(bytes)?,
        ":at_ms": at.0,
    })?;
    Ok(())
}

const NOTE_HERE: &str = "
    -- held_files::note_here
    INSERT INTO held_file (file, bytes, state, have, arrived_at_ms) VALUES (:file, :bytes, 'here', :bytes, :at_ms)
    ON CONFLICT (file) DO UPDATE
       SET state = 'here', bytes = excluded.bytes, have = excluded.bytes, arrived_at_ms = excluded.arrived_at_ms, attempts = 0,
           next_try_at_ms = NULL, code = NULL, detail = NULL";

/// Notes that a file could not be loaded, and when it may be tried again. What is here of it stays.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_failure(
    tx: &Transaction<'_>,
    file: &Blake3Hex,
    bytes: u64,
    failure: (&str, &str),
    next_try_at: Option<UtcMillis>,
) -> Result<()> {
    let (code, detail) = failure;
    tx.prepare_cached(NOTE_FAILURE)?.execute(named_params! {
        ":file": file.as_str(),
        ":bytes": super::signed(bytes)?,
        ":code": code,
        ":detail": detail,
        ":next_try_at_ms": next_try_at.map(|at| at.0),
    })?;
    Ok(())
}

const NOTE_FAILURE: &str = "
    -- held_files::note_failure
    INSERT INTO held_file (file, bytes, state, attempts, next_try_at_ms, code, detail)
    VALUES (:file, :bytes, 'failed', 1, :next_try_at_ms, :code, :detail)
    ON CONFLICT (file) DO UPDATE
       SET state = 'failed', attempts = attempts + 1, next_try_at_ms = excluded.next_try_at_ms, code = excluded.code,
           detail = excluded.detail";

/// Lets all files be tried at once that wait for their time: the rep asked for it.
///
/// # Errors
///
/// [`StoreError`].
pub fn try_all_now(tx: &Transaction<'_>) -> Result<()> {
    tx.prepare_cached(TRY_ALL_NOW)?.execute([])?;
    Ok(())
}

const TRY_ALL_NOW: &str = "
    -- held_files::try_all_now
    UPDATE held_file SET next_try_at_ms = NULL WHERE next_try_at_ms IS NOT NULL";

/// Notes that the rep removed a file to make room; that it was asked for once does not count any more.
///
/// # Errors
///
/// [`StoreError`].
pub fn leave(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<()> {
    tx.prepare_cached(LEAVE)?.execute(named_params! { ":file": file.as_str() })?;
    tx.prepare_cached(FORGET_ASKED)?.execute(named_params! { ":file": file.as_str() })?;
    Ok(())
}

const LEAVE: &str = "
    -- held_files::leave
    UPDATE held_file SET state = 'left', have = 0, arrived_at_ms = NULL WHERE file = :file";
const FORGET_ASKED: &str = "
    -- held_files::leave
    UPDATE material_mark SET asked = NULL WHERE asked = :file";

/// Forgets a file: it is not here any more, and whether it is wanted follows from the materials.
///
/// # Errors
///
/// [`StoreError`].
pub fn forget(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<()> {
    tx.prepare_cached(FORGET)?.execute(named_params! { ":file": file.as_str() })?;
    Ok(())
}

const FORGET: &str = "
    -- held_files::forget
    DELETE FROM held_file WHERE file = :file";

/// Notes that a file was opened.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_opened(tx: &Transaction<'_>, file: &Blake3Hex, at: UtcMillis) -> Result<()> {
    tx.prepare_cached(NOTE_OPENED)?.execute(named_params! { ":file": file.as_str(), ":at_ms": at.0 })?;
    Ok(())
}

const NOTE_OPENED: &str = "
    -- held_files::note_opened
    UPDATE held_file SET opened_at_ms = :at_ms WHERE file = :file";

/// What the rep did with a material.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// Its id.
    pub material: i64,
    /// It is kept here whatever room it takes.
    pub pinned: bool,
    /// This file of it was asked for: it comes next, whatever room it takes.
    pub asked: Option<Blake3Hex>,
    /// The file of it that was opened last.
    pub opened: Option<Blake3Hex>,
}

/// The marks of all materials, by id.
///
/// # Errors
///
/// [`StoreError`].
pub fn marks(tx: &Transaction<'_>) -> Result<Vec<Mark>> {
    let mut statement = tx.prepare_cached(MARKS)?;
    let rows = statement.query_and_then([], |row| {
        let name = |column| Ok::<_, StoreError>(row.get::<_, Option<String>>(column)?.as_deref().and_then(Blake3Hex::parse));
        Ok(Mark { material: row.get("material_id")?, pinned: row.get("pinned")?, asked: name("asked")?, opened: name("opened")? })
    })?;
    rows.collect()
}

const MARKS: &str = "
    -- held_files::marks
    SELECT material_id, pinned, asked, opened FROM material_mark ORDER BY material_id";

/// Keeps a material here, or not any more.
///
/// # Errors
///
/// [`StoreError`].
pub fn pin(tx: &Transaction<'_>, material: i64, pinned: bool) -> Result<()> {
    tx.prepare_cached(PIN)?.execute(named_params! { ":material_id": material, ":pinned": pinned })?;
    Ok(())
}

const PIN: &str = "
    -- held_files::pin
    INSERT INTO material_mark (material_id, pinned) VALUES (:material_id, :pinned)
    ON CONFLICT (material_id) DO UPDATE SET pinned = excluded.pinned";

/// Has this file of a material come next.
///
/// # Errors
///
/// [`StoreError`].
pub fn ask(tx: &Transaction<'_>, material: i64, file: &Blake3Hex) -> Result<()> {
    tx.prepare_cached(ASK)?.execute(named_params! { ":material_id": material, ":file": file.as_str() })?;
    tx.prepare_cached(WANT_AGAIN)?.execute(named_params! { ":file": file.as_str() })?;
    Ok(())
}

const ASK: &str = "
    -- held_files::ask
    INSERT INTO material_mark (material_id, asked) VALUES (:material_id, :file)
    ON CONFLICT (material_id) DO UPDATE SET asked = excluded.asked";
const WANT_AGAIN: &str = "
    -- held_files::ask
    UPDATE held_file
       SET state = CASE state WHEN 'here' THEN 'here' ELSE 'partial' END, attempts = 0, next_try_at_ms = NULL, code = NULL, detail = NULL
     WHERE file = :file";

/// Notes that this file of a material was opened.
///
/// # Errors
///
/// [`StoreError`].
pub fn mark_opened(tx: &Transaction<'_>, material: i64, file: &Blake3Hex) -> Result<()> {
    tx.prepare_cached(MARK_OPENED)?.execute(named_params! { ":material_id": material, ":file": file.as_str() })?;
    Ok(())
}

const MARK_OPENED: &str = "
    -- held_files::mark_opened
    INSERT INTO material_mark (material_id, opened) VALUES (:material_id, :file)
    ON CONFLICT (material_id) DO UPDATE SET opened = excluded.opened";
