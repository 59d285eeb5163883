//! Files for the server: each is queued in the transaction of the rows that name it, and leaves the device only when the server has confirmed
//! its hash.

use polevik_domain::ids::PositionId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::file::FileClass;
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// Where a file for the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutgoingState {
    /// It is to be sent.
    Waiting,
    /// The server has it whole, under its hash.
    Confirmed,
    /// It is gone from the device, and the server never had it whole (L504).
    Lost,
    /// The server will not take it.
    Refused,
    /// Nothing names it any more that the server has not heard of: it is not sent.
    Dropped,
}

impl OutgoingState {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "waiting" => Self::Waiting,
            "confirmed" => Self::Confirmed,
            "lost" => Self::Lost,
            "refused" => Self::Refused,
            "dropped" => Self::Dropped,
            _ => return Err(StoreError::BadValue("outgoing_file.state")),
        })
    }
}

/// One file for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Its name by content.
    pub file: Blake3Hex,
    /// Its length.
    pub bytes: u64,
    /// What it is for.
    pub class: FileClass,
    /// Its type.
    pub content_type: String,
    /// Where it stands.
    pub state: OutgoingState,
    /// Where the server has begun to take it, relative to the server.
    pub upload: Option<String>,
    /// Bytes the server has of it, as it said last.
    pub sent: u64,
    /// Failures in a row.
    pub attempts: u32,
    /// Not before this time, by the server's clock.
    pub next_try_at: Option<UtcMillis>,
    /// Code and words of the last failure.
    pub failure: Option<(String, String)>,
    /// When it was queued.
    pub queued_at: UtcMillis,
    /// Since when the server has it.
    pub confirmed_at: Option<UtcMillis>,
    /// Since when it is not on this device any more.
    pub removed_at: Option<UtcMillis>,
}

impl OutgoingFile {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let class = FileClass::parse(&row.get::<_, String>("class")?);
        let time = |column| Ok::<_, StoreError>(row.get::<_, Option<i64>>(column)?.map(UtcMillis));
        let code: Option<String> = row.get("code")?;
        Ok(Self {
            file: super::file_name(row, "file")?,
            bytes: super::unsigned(row, "bytes")?,
            class: class.ok_or(StoreError::BadValue("outgoing_file.class"))?,
            content_type: row.get("content_type")?,
            state: OutgoingState::parse(&row.get::<_, String>("state")?)?,
            upload: row.get("upload")?,
            sent: super::unsigned(row, "sent")?,
            attempts: row.get("attempts")?,
            next_try_at: time("next_try_at_ms")?,
            failure: code
                .map(|code| Ok::<_, StoreError>((code, row.get::<_, Option<String>>("detail")?.unwrap_or_default())))
                .transpose()?,
            queued_at: UtcMillis(row.get("queued_at_ms")?),
            confirmed_at: time("confirmed_at_ms")?,
            removed_at: time("removed_at_ms")?,
        })
    }
}

/// The columns of an [`OutgoingFile`].
macro_rules! file_columns {
    () => {
        "file, bytes, class, content_type, state, upload, sent, attempts, next_try_at_ms, code, detail, queued_at_ms, confirmed_at_ms,
         removed_at_ms"
    };
}

/// A file that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile<'a> {
    /// Its name by content. It lies on the disk already, whole and synced.
    pub file: &'a Blake3Hex,
    /// Its length.
    pub bytes: u64,
    /// What it is for.
    pub class: FileClass,
    /// Its type.
    pub content_type: &'a str,
    /// Position under which it was made.
    pub position: PositionId,
    /// Now, by the server's clock.
    pub queued_at: UtcMillis,
}

/// Queues a file. One that waits already, or that the server has from this position, stays as it is; one that was lost, refused or dropped is
/// tried again, and so is one that another position has sent. Belongs into the transaction of the rows that name it.
///
/// # Errors
///
/// [`StoreError`].
pub fn queue(tx: &Transaction<'_>, file: &NewFile<'_>) -> Result<()> {
    tx.prepare_cached(QUEUE)?.execute(named_params! {
        ":file": file.file.as_str(),
        ":bytes": super::signed(file.bytes)?,
        ":class": file.class.as_str(),
        ":content_type": file.content_type,
        ":position_id": file.position.0,
        ":queued_at_ms": file.queued_at.0,
    })?;
    tx.prepare_cached(NOTE_BACK)?.execute(named_params! { ":file": file.file.as_str() })?;
    Ok(())
}

const QUEUE: &str = "
    -- outgoing_files::queue
    INSERT INTO outgoing_file (file, bytes, class, content_type, position_id, state, queued_at_ms)
    VALUES (:file, :bytes, :class, :content_type, :position_id, 'waiting', :queued_at_ms)
    ON CONFLICT (file) DO UPDATE
       SET state = 'waiting', position_id = excluded.position_id, confirmed_at_ms = NULL, upload = NULL, sent = 0, attempts = 0,
           next_try_at_ms = NULL, code = NULL, detail = NULL
     WHERE state IN ('lost', 'refused', 'dropped') OR position_id <> excluded.position_id";

const NOTE_BACK: &str = "
    -- outgoing_files::queue
    UPDATE outgoing_file SET removed_at_ms = NULL WHERE file = :file AND removed_at_ms IS NOT NULL";

/// Files of a position that are to be sent and may be tried now, in the order they were queued.
///
/// # Errors
///
/// [`StoreError`].
pub fn next(tx: &Transaction<'_>, position: PositionId, now: UtcMillis, limit: u32) -> Result<Vec<OutgoingFile>> {
    let mut statement = tx.prepare_cached(NEXT)?;
    let rows = statement
        .query_and_then(named_params! { ":position_id": position.0, ":now_ms": now.0, ":limit": limit }, OutgoingFile::from_row)?;
    rows.collect()
}

const NEXT: &str = concat!(
    "-- outgoing_files::next\nSELECT ",
    file_columns!(),
    "
  FROM outgoing_file
 WHERE position_id = :position_id AND state = 'waiting' AND (next_try_at_ms IS NULL OR next_try_at_ms <= :now_ms)
 ORDER BY queue_no
 LIMIT :limit"
);

/// One file.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<Option<OutgoingFile>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":file": file.as_str() }, OutgoingFile::from_row)?.next();
    found.transpose()
}

const FIND: &str = concat!("-- outgoing_files::find\nSELECT ", file_columns!(), " FROM outgoing_file WHERE file = :file");

/// Notes where the server takes a file, and how much of it it has.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_progress(tx: &Transaction<'_>, file: &Blake3Hex, upload: Option<&str>, sent: u64) -> Result<()> {
    tx.prepare_cached(NOTE_PROGRESS)?.execute(named_params! {
        ":file": file.as_str(),
        ":upload": upload,
        ":sent": super::signed(sent)?,
    })?;
    Ok(())
}

const NOTE_PROGRESS: &str = "
    -- outgoing_files::note_progress
    UPDATE outgoing_file
       SET upload = :upload, sent = :sent, attempts = 0, next_try_at_ms = NULL, code = NULL, detail = NULL
     WHERE file = :file AND state = 'waiting'";

/// Notes that it did not go, and when it may be tried again.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_failure(tx: &Transaction<'_>, file: &Blake3Hex, code: &str, detail: &str, next_try_at: Option<UtcMillis>) -> Result<()> {
    tx.prepare_cached(NOTE_FAILURE)?.execute(named_params! {
        ":file": file.as_str(),
        ":code": code,
        ":detail": detail,
        ":next_try_at_ms": next_try_at.map(|at| at.0),
    })?;
    Ok(())
}

const NOTE_FAILURE: &str = "
    -- outgoing_files::note_failure
    UPDATE outgoing_file
       SET attempts = attempts + 1, code = :code, detail = :detail, next_try_at_ms = :next_try_at_ms
     WHERE file = :file AND state = 'waiting'";

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
    -- outgoing_files::try_all_now
    UPDATE outgoing_file SET next_try_at_ms = NULL WHERE state = 'waiting' AND next_try_at_ms IS NOT NULL";

/// The server has the file whole, under this hash.
///
/// # Errors
///
/// [`StoreError`].
pub fn confirm(tx: &Transaction<'_>, file: &Blake3Hex, at: UtcMillis) -> Result<()> {
    tx.prepare_cached(CONFIRM)?.execute(named_params! { ":file": file.as_str(), ":at_ms": at.0 })?;
    Ok(())
}

const CONFIRM: &str = "
    -- outgoing_files::confirm
    UPDATE outgoing_file
       SET state = 'confirmed', confirmed_at_ms = COALESCE(confirmed_at_ms, :at_ms), upload = NULL, sent = bytes, attempts = 0,
           next_try_at_ms = NULL, code = NULL, detail = NULL
     WHERE file = :file";

/// The server was restored from a backup and may have lost files that it had confirmed: those that are still here are offered again. What it
/// has after all costs no byte.
///
/// # Errors
///
/// [`StoreError`].
pub fn offer_again(tx: &Transaction<'_>) -> Result<usize> {
    Ok(tx.prepare_cached(OFFER_AGAIN)?.execute([])?)
}

const OFFER_AGAIN: &str = "
    -- outgoing_files::offer_again
    UPDATE outgoing_file
       SET state = 'waiting', confirmed_at_ms = NULL, upload = NULL, sent = 0, attempts = 0, next_try_at_ms = NULL, code = NULL, detail = NULL
     WHERE state = 'confirmed' AND removed_at_ms IS NULL";

/// The server will never take the file, for this reason.
///
/// # Errors
///
/// [`StoreError`].
pub fn refuse(tx: &Transaction<'_>, file: &Blake3Hex, code: &str, detail: &str) -> Result<()> {
    tx.prepare_cached(REFUSE)?.execute(named_params! { ":file": file.as_str(), ":code": code, ":detail": detail })?;
    Ok(())
}

const REFUSE: &str = "
    -- outgoing_files::refuse
    UPDATE outgoing_file
       SET state = 'refused', upload = NULL, next_try_at_ms = NULL, code = :code, detail = :detail
     WHERE file = :file AND state = 'waiting'";

/// The file is gone from the device. One that was to be sent is lost (L504); of one that the server has it is only noted. Says whether it is
/// lost by that.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_missing(tx: &Transaction<'_>, file: &Blake3Hex, at: UtcMillis) -> Result<bool> {
    let lost = tx.prepare_cached(LOSE)?.execute(named_params! { ":file": file.as_str(), ":at_ms": at.0 })?;
    tx.prepare_cached(NOTE_REMOVED)?.execute(named_params! { ":file": file.as_str(), ":at_ms": at.0 })?;
    Ok(lost > 0)
}

const LOSE: &str = "
    -- outgoing_files::note_missing
    UPDATE outgoing_file
       SET state = 'lost', removed_at_ms = :at_ms, upload = NULL, next_try_at_ms = NULL, code = 'L504', detail = NULL
     WHERE file = :file AND state = 'waiting'";

const NOTE_REMOVED: &str = "
    -- outgoing_files::note_missing
    UPDATE outgoing_file SET removed_at_ms = :at_ms WHERE file = :file AND removed_at_ms IS NULL";

/// The files that were lost are there again, somebody brought them back: they are sent after all.
///
/// # Errors
///
/// [`StoreError`].
pub fn note_found(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<()> {
    tx.prepare_cached(NOTE_FOUND)?.execute(named_params! { ":file": file.as_str() })?;
    Ok(())
}

const NOTE_FOUND: &str = "
    -- outgoing_files::note_found
    UPDATE outgoing_file
       SET state = 'waiting', removed_at_ms = NULL, sent = 0, attempts = 0, code = NULL, detail = NULL
     WHERE file = :file AND state = 'lost'";

/// Takes a file out of the queue if no photo names it that still counts. Says whether it did.
///
/// # Errors
///
/// [`StoreError`].
pub fn drop_if_unnamed(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<bool> {
    Ok(tx.prepare_cached(DROP_IF_UNNAMED)?.execute(named_params! { ":file": file.as_str() })? > 0)
}

// A withdrawal that was refused leaves its photo as it was.
const DROP_IF_UNNAMED: &str = "
    -- outgoing_files::drop_if_unnamed
    UPDATE outgoing_file
       SET state = 'dropped', upload = NULL, next_try_at_ms = NULL, code = NULL, detail = NULL
     WHERE file = :file
       AND state IN ('waiting', 'lost', 'refused')
       AND NOT EXISTS (SELECT 1 FROM photo
                        WHERE photo.file = outgoing_file.file
                          AND NOT EXISTS (SELECT 1 FROM outbox
                                           WHERE outbox.document_id = photo.id AND outbox.kind = 'withdrawal' AND outbox.code IS NULL))";

/// What waits and what went wrong, of one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Files that are to be sent.
    pub waiting: u32,
    /// Their bytes that the server does not have yet.
    pub bytes: u64,
    /// Files that are lost and were never on the server whole.
    pub lost: u32,
    /// Files that the server will not take.
    pub refused: u32,
    /// Place of the newest file that waits; 0 if none does. What is queued at a moment lies at or below it.
    pub newest: i64,
    /// The earliest time at which one may be tried that may not be tried now; `None` if all may.
    pub next_try_at: Option<UtcMillis>,
}

/// Counts of one position.
///
/// # Errors
///
/// [`StoreError`].
pub fn counts(tx: &Transaction<'_>, position: PositionId) -> Result<Counts> {
    let mut statement = tx.prepare_cached(COUNTS)?;
    statement
        .query_row(named_params! { ":position_id": position.0 }, |row| {
            Ok(Counts {
                waiting: row.get("waiting")?,
                bytes: row.get::<_, i64>("bytes")?.max(0).cast_unsigned(),
                lost: row.get("lost")?,
                refused: row.get("refused")?,
                newest: row.get("newest")?,
                next_try_at: row.get::<_, Option<i64>>("next_try_at_ms")?.map(UtcMillis),
            })
        })
        .map_err(StoreError::from)
}

const COUNTS: &str = "
    -- outgoing_files::counts
    SELECT COUNT(*) FILTER (WHERE state = 'waiting') AS waiting,
           COALESCE(SUM(MAX(bytes - sent, 0)) FILTER (WHERE state = 'waiting'), 0) AS bytes,
           COUNT(*) FILTER (WHERE state = 'lost') AS lost,
           COUNT(*) FILTER (WHERE state = 'refused') AS refused,
           COALESCE(MAX(queue_no) FILTER (WHERE state = 'waiting'), 0) AS newest,
           MIN(next_try_at_ms) FILTER (WHERE state = 'waiting') AS next_try_at_ms
      FROM outgoing_file
     WHERE position_id = :position_id AND state IN ('waiting', 'lost', 'refused')";

/// Files of a position that wait and were queued at places up to `up_to`: whether all that waited at the start of a session is on the server.
///
/// # Errors
///
/// [`StoreError`].
pub fn waiting_up_to(tx: &Transaction<'_>, position: PositionId, up_to: i64) -> Result<u32> {
    let mut statement = tx.prepare_cached(WAITING_UP_TO)?;
    Ok(statement.query_row(named_params! { ":position_id": position.0, ":up_to": up_to }, |row| row.get("files"))?)
}

const WAITING_UP_TO: &str = "
    -- outgoing_files::waiting_up_to
    SELECT COUNT(*) AS files FROM outgoing_file WHERE position_id = :position_id AND state = 'waiting' AND queue_no <= :up_to";

/// Files of any position that the server does not have.
///
/// # Errors
///
/// [`StoreError`].
pub fn unsent(tx: &Transaction<'_>) -> Result<u32> {
    Ok(tx.prepare_cached(UNSENT)?.query_row([], |row| row.get("files"))?)
}

const UNSENT: &str = "
    -- outgoing_files::unsent
    SELECT COUNT(*) AS files FROM outgoing_file WHERE state = 'waiting'";

/// All files that ought to be on this device: those that wait, those that were refused (a person may look), and those that the server has and
/// whose retention has not passed. With their lengths.
///
/// # Errors
///
/// [`StoreError`].
pub fn on_device(tx: &Transaction<'_>) -> Result<Vec<OutgoingFile>> {
    let mut statement = tx.prepare_cached(ON_DEVICE)?;
    let rows = statement.query_and_then([], OutgoingFile::from_row)?;
    rows.collect()
}

const ON_DEVICE: &str = concat!(
    "-- outgoing_files::on_device\nSELECT ",
    file_columns!(),
    "
  FROM outgoing_file
 WHERE state IN ('waiting', 'refused', 'lost') OR (state = 'confirmed' AND removed_at_ms IS NULL)
 ORDER BY queue_no"
);

/// Notes which files may leave the device, and names them: those that the server has since before `confirmed_before`, and those that were
/// dropped. After the commit the caller removes them from the disk; a crash in between leaves them to the next sweep.
///
/// # Errors
///
/// [`StoreError`].
pub fn release(tx: &Transaction<'_>, confirmed_before: UtcMillis, now: UtcMillis) -> Result<Vec<Blake3Hex>> {
    let mut statement = tx.prepare_cached(RELEASE)?;
    let rows = statement
        .query_and_then(named_params! { ":before_ms": confirmed_before.0, ":now_ms": now.0 }, |row| super::file_name(row, "file"))?;
    rows.collect()
}

// A clock that was wrong when the file was confirmed must not keep it for ever.
const RELEASE: &str = "
    -- outgoing_files::release
    UPDATE outgoing_file
       SET removed_at_ms = :now_ms
     WHERE removed_at_ms IS NULL
       AND ((state = 'confirmed' AND (confirmed_at_ms < :before_ms OR confirmed_at_ms > :now_ms + 86400000)) OR state = 'dropped')
    RETURNING file";

/// Files and bytes of one kind.
pub type Amount = (u32, u64);

/// What photos take on this device: those that the server does not have, and those that it has.
///
/// # Errors
///
/// [`StoreError`].
pub fn amounts(tx: &Transaction<'_>) -> Result<(Amount, Amount)> {
    let mut statement = tx.prepare_cached(AMOUNTS)?;
    statement
        .query_row([], |row| {
            let bytes = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.max(0).cast_unsigned());
            Ok(((row.get("queued")?, bytes("queued_bytes")?), (row.get("sent_files")?, bytes("sent_bytes")?)))
        })
        .map_err(StoreError::from)
}

const AMOUNTS: &str = "
    -- outgoing_files::amounts
    SELECT COUNT(*) FILTER (WHERE state <> 'confirmed') AS queued,
           COALESCE(SUM(bytes) FILTER (WHERE state <> 'confirmed'), 0) AS queued_bytes,
           COUNT(*) FILTER (WHERE state = 'confirmed') AS sent_files,
           COALESCE(SUM(bytes) FILTER (WHERE state = 'confirmed'), 0) AS sent_bytes
      FROM outgoing_file
     WHERE state IN ('waiting', 'refused', 'confirmed') AND removed_at_ms IS NULL";
