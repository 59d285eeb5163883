//! Photos that were taken on this device.
//!
//! A photo's data are a document of the outbox, its bytes a file of [`crate::work::outgoing_files`]; all three are written in one transaction. The
//! order of photos is the order of writing: clocks are set, and two photos may be of one moment.

use polevik_domain::ids::{DocumentId, OutletId, PositionId};
use polevik_domain::photo::Scene;
use polevik_domain::time::UtcMillis;
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{Row, Transaction, named_params};

use crate::error::{Result, StoreError};

/// One photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Its document.
    pub id: DocumentId,
    /// Position under which it was taken.
    pub position: PositionId,
    /// In which visit.
    pub visit: DocumentId,
    /// Where.
    pub outlet: OutletId,
    /// What it shows.
    pub scene: Scene,
    /// The rep's words; may be empty.
    pub comment: String,
    /// When.
    pub taken_at: UtcMillis,
    /// Its file.
    pub file: Blake3Hex,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Photo {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: document_id(row, "id")?,
            position: PositionId(row.get("position_id")?),
            visit: document_id(row, "visit_id")?,
            outlet: OutletId(row.get("outlet_id")?),
            scene: Scene::parse(&row.get::<_, String>("scene")?).unwrap_or(Scene::Other),
            comment: row.get("comment")?,
            taken_at: UtcMillis(row.get("taken_at_ms")?),
            file: super::file_name(row, "file")?,
            width: row.get("width")?,
            height: row.get("height")?,
        })
    }
}

fn document_id(row: &Row<'_>, column: &'static str) -> Result<DocumentId> {
    let bytes: Vec<u8> = row.get(column)?;
    DocumentId::from_slice(&bytes).ok_or(StoreError::BadValue("an id of a photo"))
}

/// The columns of a [`Photo`].
macro_rules! photo_columns {
    () => {
        "id, position_id, visit_id, outlet_id, scene, comment, taken_at_ms, file, width, height"
    };
}

/// Writes a photo that has just been taken.
///
/// # Errors
///
/// [`StoreError`].
pub fn insert(tx: &Transaction<'_>, photo: &Photo) -> Result<()> {
    tx.prepare_cached(INSERT)?.execute(named_params! {
        ":id": photo.id.as_bytes(),
        ":position_id": photo.position.0,
        ":visit_id": photo.visit.as_bytes(),
        ":outlet_id": photo.outlet.0,
        ":scene": photo.scene.as_str(),
        ":comment": photo.comment,
        ":taken_at_ms": photo.taken_at.0,
        ":file": photo.file.as_str(),
        ":width": photo.width,
        ":height": photo.height,
    })?;
    Ok(())
}

const INSERT: &str = "
    -- photos::insert
    INSERT INTO photo (id, position_id, visit_id, outlet_id, scene, comment, taken_at_ms, file, width, height)
    VALUES (:id, :position_id, :visit_id, :outlet_id, :scene, :comment, :taken_at_ms, :file, :width, :height)";

/// One photo.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, id: DocumentId) -> Result<Option<Photo>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id.as_bytes() }, Photo::from_row)?.next();
    found.transpose()
}

const FIND: &str = concat!("-- photos::find\nSELECT ", photo_columns!(), " FROM photo WHERE id = :id");

/// The photos of a visit, in the order they were taken.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_visit(tx: &Transaction<'_>, visit: DocumentId) -> Result<Vec<Photo>> {
    let mut statement = tx.prepare_cached(OF_VISIT)?;
    let rows = statement.query_and_then(named_params! { ":visit_id": visit.as_bytes() }, Photo::from_row)?;
    rows.collect()
}

const OF_VISIT: &str = concat!("-- photos::of_visit\nSELECT ", photo_columns!(), " FROM photo WHERE visit_id = :visit_id ORDER BY rowid");

/// The photos that share a file, in the order they were taken.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_file(tx: &Transaction<'_>, file: &Blake3Hex) -> Result<Vec<Photo>> {
    let mut statement = tx.prepare_cached(OF_FILE)?;
    let rows = statement.query_and_then(named_params! { ":file": file.as_str() }, Photo::from_row)?;
    rows.collect()
}

const OF_FILE: &str = concat!("-- photos::of_file\nSELECT ", photo_columns!(), " FROM photo WHERE file = :file ORDER BY rowid");

/// The newest photos of a position, newest first.
///
/// # Errors
///
/// [`StoreError`].
pub fn newest(tx: &Transaction<'_>, position: PositionId, limit: u32) -> Result<Vec<Photo>> {
    let mut statement = tx.prepare_cached(NEWEST)?;
    let rows = statement.query_and_then(named_params! { ":position_id": position.0, ":limit": limit }, Photo::from_row)?;
    rows.collect()
}

const NEWEST: &str = concat!(
    "-- photos::newest\nSELECT ",
    photo_columns!(),
    " FROM photo WHERE position_id = :position_id ORDER BY rowid DESC LIMIT :limit"
);

/// Photos of a position whose files are lost (L504), in the order they were taken; not those that were taken back.
///
/// # Errors
///
/// [`StoreError`].
pub fn lost(tx: &Transaction<'_>, position: PositionId, limit: u32) -> Result<Vec<Photo>> {
    let mut statement = tx.prepare_cached(LOST)?;
    let rows = statement.query_and_then(named_params! { ":position_id": position.0, ":limit": limit }, Photo::from_row)?;
    rows.collect()
}

const LOST: &str = concat!(
    "-- photos::lost\nSELECT ",
    photo_columns!(),
    "
  FROM photo
 WHERE position_id = :position_id
   AND file IN (SELECT file FROM outgoing_file WHERE state = 'lost')
   AND NOT EXISTS (SELECT 1 FROM outbox
                    WHERE outbox.document_id = photo.id AND outbox.kind = 'withdrawal' AND outbox.code IS NULL)
 ORDER BY rowid
 LIMIT :limit"
);
