//! Files: what whole files there are, who brought them, and who may read them. Their bytes lie in the blob store.

use polevik_domain::ids::{DeviceId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{OptionalExtension, Row, Transaction, named_params, params};

use crate::error::Result;

/// A whole file that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name by content.
    pub hash: Blake3Hex,
    /// Its length.
    pub bytes: u64,
    /// Its type by its content.
    pub content_type: String,
    /// Width and height of a picture, in pixels.
    pub size: Option<(u32, u32)>,
}

/// How far the small picture of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thumbnail {
    /// It is to be made.
    Wanted,
    /// It lies in the blob store.
    Made,
    /// The file is no picture, or none that can be read.
    None,
}

impl Thumbnail {
    fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Made => "made",
            Self::None => "none",
        }
    }
}

/// Who brings a file.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The part.
    pub part_id: &'a str,
    /// The chain of the device.
    pub lineage: DeviceId,
    /// The position it is signed in as.
    pub position: PositionId,
}

/// Notes a file whose bytes are in the blob store. One that is known stays, and counts as received now.
///
/// # Errors
///
/// When the database refuses.
pub fn put(tx: &Transaction<'_>, part_id: &str, file: &StoredFile, now: UtcMillis) -> Result<()> {
    let thumbnail = if file.size.is_some() { Thumbnail::Wanted } else { Thumbnail::None };
    tx.prepare_cached(PUT)?.execute(params![
        part_id,
        file.hash.digest(),
        i64::try_from(file.bytes).unwrap_or(i64::MAX),
        file.content_type,
        file.size.map(|(width, _)| width),
        file.size.map(|(_, height)| height),
        thumbnail.as_str(),
        now.0,
    ])?;
    Ok(())
}

const PUT: &str = "
    -- files::put
    INSERT INTO file (part_id, hash, byte_count, content_type, width, height, thumbnail, received_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (part_id, hash) DO UPDATE SET received_at_ms = excluded.received_at_ms";

/// Notes who brought a file.
///
/// # Errors
///
/// When the database refuses.
pub fn note_sender(tx: &Transaction<'_>, sender: Sender<'_>, hash: &Blake3Hex, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(NOTE_SENDER)?.execute(params![sender.part_id, hash.digest(), sender.lineage.as_bytes(), sender.position.0, now.0])?;
    Ok(())
}

const NOTE_SENDER: &str = "
    -- files::note_sender
    INSERT INTO file_sender (part_id, hash, lineage, position_id, sent_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (part_id, hash, lineage, position_id) DO NOTHING";

/// A file of a part, whoever asks; `None` if there is none.
///
/// # Errors
///
/// When the database refuses.
pub fn find(tx: &Transaction<'_>, part_id: &str, hash: &Blake3Hex) -> Result<Option<StoredFile>> {
    Ok(tx.prepare_cached(FIND)?.query_row(params![part_id, hash.digest()], from_row).optional()?)
}

const FIND: &str = "
    -- files::find
    SELECT hash, byte_count, content_type, width, height
      FROM file
     WHERE part_id = ?1 AND hash = ?2";

fn from_row(row: &Row<'_>) -> rusqlite::Result<StoredFile> {
    let size: (Option<u32>, Option<u32>) = (row.get("width")?, row.get("height")?);
    Ok(StoredFile {
        hash: Blake3Hex::of_digest(&row.get("hash")?),
        bytes: row.get::<_, i64>("byte_count")?.cast_unsigned(),
        content_type: row.get("content_type")?,
        size: size.0.zip(size.1),
    })
}

/// Whether a file was brought by the device's chain or under its position.
///
/// # Errors
///
/// When the database refuses.
pub fn was_sent_by(tx: &Transaction<'_>, sender: Sender<'_>, hash: &Blake3Hex) -> Result<bool> {
    let found = tx
        .prepare_cached(WAS_SENT_BY)?
        .query_row(params![sender.part_id, hash.digest(), sender.lineage.as_bytes(), sender.position.0], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

const WAS_SENT_BY: &str = "
    -- files::was_sent_by
    SELECT 1
      FROM file_sender
     WHERE part_id = ?1 AND hash = ?2 AND (lineage = ?3 OR position_id = ?4)
     LIMIT 1";

/// Whether a file was brought by the device's own chain.
///
/// # Errors
///
/// When the database refuses.
pub fn is_of_lineage(tx: &Transaction<'_>, part_id: &str, lineage: DeviceId, hash: &Blake3Hex) -> Result<bool> {
    let found = tx.prepare_cached(IS_OF_LINEAGE)?.query_row(params![part_id, hash.digest(), lineage.as_bytes()], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

const IS_OF_LINEAGE: &str = "
    -- files::is_of_lineage
    SELECT 1
      FROM file_sender
     WHERE part_id = ?1 AND hash = ?2 AND lineage = ?3
     LIMIT 1";

/// The buckets with a material of that file, and the name of each for people.
///
/// # Errors
///
/// When the database refuses.
pub fn material_buckets(tx: &Transaction<'_>, part_id: &str, hash: &Blake3Hex) -> Result<Vec<(BucketName, String)>> {
    let mut statement = tx.prepare_cached(MATERIAL_BUCKETS)?;
    let rows = statement
        .query_map(params![part_id, hash.digest()], |row| Ok((row.get::<_, String>("bucket")?, row.get::<_, String>("file_name")?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (bucket, name) = row?;
        found.extend(BucketName::parse(&bucket).map(|bucket| (bucket, name)));
    }
    Ok(found)
}

const MATERIAL_BUCKETS: &str = "
    -- files::material_buckets
    SELECT bucket, file_name
      FROM material
     WHERE part_id = ?1 AND file = ?2
     ORDER BY id";

/// Notes that an upload ended well, so that whoever did not hear so can ask again.
///
/// # Errors
///
/// When the database refuses.
pub fn finish_upload(
    tx: &Transaction<'_>,
    part_id: &str,
    upload: [u8; 16],
    lineage: DeviceId,
    file: &StoredFile,
    now: UtcMillis,
) -> Result<()> {
    tx.prepare_cached(FINISH_UPLOAD)?.execute(params![
        part_id,
        upload,
        lineage.as_bytes(),
        file.hash.digest(),
        i64::try_from(file.bytes).unwrap_or(i64::MAX),
        now.0
    ])?;
    Ok(())
}

const FINISH_UPLOAD: &str = "
    -- files::finish_upload
    INSERT INTO file_upload (part_id, id, lineage, hash, byte_count, finished_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (part_id, id) DO NOTHING";

/// The file that an upload of a chain became, with its length; `None` if none of its uploads with that id ended well.
///
/// # Errors
///
/// When the database refuses.
pub fn finished_upload(tx: &Transaction<'_>, part_id: &str, upload: [u8; 16], lineage: DeviceId) -> Result<Option<(Blake3Hex, u64)>> {
    let found = tx
        .prepare_cached(FINISHED_UPLOAD)?
        .query_row(params![part_id, upload, lineage.as_bytes()], |row| {
            Ok((Blake3Hex::of_digest(&row.get("hash")?), row.get::<_, i64>("byte_count")?.cast_unsigned()))
        })
        .optional()?;
    Ok(found)
}

const FINISHED_UPLOAD: &str = "
    -- files::finished_upload
    SELECT hash, byte_count
      FROM file_upload
     WHERE part_id = ?1 AND id = ?2 AND lineage = ?3";

/// Forgets at most `limit` uploads that ended before `before`. Gives how many.
///
/// # Errors
///
/// When the database refuses.
pub fn forget_uploads(tx: &Transaction<'_>, before: UtcMillis, limit: u32) -> Result<usize> {
    Ok(tx.prepare_cached(FORGET_UPLOADS)?.execute(params![before.0, limit])?)
}

const FORGET_UPLOADS: &str = "
    -- files::forget_uploads
    DELETE FROM file_upload
     WHERE (part_id, id) IN (SELECT part_id, id
                               FROM file_upload
                              WHERE finished_at_ms < ?1
                              ORDER BY finished_at_ms
                              LIMIT ?2)";

/// The file that has waited longest for its small picture, of those that came before `before`: part, name, and how many pixels it has.
///
/// # Errors
///
/// When the database refuses.
pub fn next_without_thumbnail(tx: &Transaction<'_>, before: UtcMillis) -> Result<Option<(String, StoredFile)>> {
    Ok(tx
        .prepare_cached(NEXT_WITHOUT_THUMBNAIL)?
        .query_row(params![before.0], |row| Ok((row.get("part_id")?, from_row(row)?)))
        .optional()?)
}

const NEXT_WITHOUT_THUMBNAIL: &str = "
    -- files::next_without_thumbnail
    SELECT part_id, hash, byte_count, content_type, width, height
      FROM file INDEXED BY file_thumbnail_wanted
     WHERE thumbnail = 'wanted' AND received_at_ms < ?1
     ORDER BY received_at_ms
     LIMIT 1";

/// Notes what became of a file's small picture.
///
/// # Errors
///
/// When the database refuses.
pub fn set_thumbnail(tx: &Transaction<'_>, part_id: &str, hash: &Blake3Hex, thumbnail: Thumbnail) -> Result<()> {
    tx.prepare_cached(SET_THUMBNAIL)?.execute(params![part_id, hash.digest(), thumbnail.as_str()])?;
    Ok(())
}

const SET_THUMBNAIL: &str = "
    -- files::set_thumbnail
    UPDATE file
       SET thumbnail = ?3
     WHERE part_id = ?1 AND hash = ?2";

/// Takes out files that came before `before` and that neither a photo nor a material names, the oldest first and at most `limit`.
///
/// # Errors
///
/// When the database refuses.
pub fn discard(tx: &Transaction<'_>, part_id: &str, before: UtcMillis, limit: u32) -> Result<Vec<(Blake3Hex, u64)>> {
    let gone: Vec<(Blake3Hex, u64)> = tx
        .prepare_cached(DISCARD)?
        .query_map(named_params! { ":part_id": part_id, ":before": before.0, ":limit": limit }, |row| {
            Ok((Blake3Hex::of_digest(&row.get(0)?), row.get::<_, i64>(1)?.cast_unsigned()))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut senders = tx.prepare_cached(DISCARD_SENDERS)?;
    for (hash, _) in &gone {
        senders.execute(params![part_id, hash.digest()])?;
    }
    Ok(gone)
}

const DISCARD: &str = "
    -- files::discard
    DELETE FROM file
     WHERE part_id = :part_id
       AND hash IN (SELECT hash
                      FROM file
                     WHERE part_id = :part_id
                       AND received_at_ms < :before
                       AND NOT EXISTS (SELECT 1 FROM photo WHERE photo.part_id = :part_id AND photo.hash = file.hash)
                       AND NOT EXISTS (SELECT 1 FROM material WHERE material.part_id = :part_id AND material.file = file.hash)
                     ORDER BY received_at_ms, hash
                     LIMIT :limit)
    RETURNING hash, byte_count";

const DISCARD_SENDERS: &str = "
    -- files::discard
    DELETE FROM file_sender
     WHERE part_id = ?1 AND hash = ?2";
