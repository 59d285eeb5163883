//! Photos by their newest revision. The file of a photo goes its own way: see [`super::files`].

use polevik_domain::ids::{DocumentId, OutletId, PositionId};
use polevik_domain::photo::Scene;
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{PhotoBody, WithdrawalBody};
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{Row, Transaction, named_params, params};

use super::Author;
use crate::error::{Result, StoreError};

/// Stores what a revision says of a photo. The position stays that of the first revision.
///
/// # Errors
///
/// When the database refuses.
pub fn put(tx: &Transaction<'_>, author: Author<'_>, id: DocumentId, revision: u32, photo: &PhotoBody, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(PUT)?.execute(named_params! {
        ":part_id": author.scope.part_id,
        ":document_id": id.as_bytes(),
        ":revision": revision,
        ":position_id": author.scope.position.0,
        ":visit_id": photo.visit_id.as_bytes(),
        ":outlet_id": photo.outlet_id.0,
        ":scene": photo.scene.as_str(),
        ":taken_at_ms": photo.taken_at_ms.0,
        ":utc_offset_minutes": photo.utc_offset.0,
        ":hash": photo.file.hash.digest(),
        ":byte_count": i64::try_from(photo.file.bytes).unwrap_or(i64::MAX),
        ":content_type": photo.file.content_type,
        ":width": photo.width,
        ":height": photo.height,
        ":comment": photo.comment,
        ":received_at_ms": now.0,
    })?;
    Ok(())
}

const PUT: &str = "
    -- photos::put
    INSERT INTO photo (part_id, document_id, revision, position_id, visit_id, outlet_id, scene, taken_at_ms, utc_offset_minutes, hash,
                       byte_count, content_type, width, height, comment, received_at_ms)
    VALUES (:part_id, :document_id, :revision, :position_id, :visit_id, :outlet_id, :scene, :taken_at_ms, :utc_offset_minutes, :hash,
            :byte_count, :content_type, :width, :height, :comment, :received_at_ms)
    ON CONFLICT (part_id, document_id) DO UPDATE
       SET revision = excluded.revision, visit_id = excluded.visit_id, outlet_id = excluded.outlet_id, scene = excluded.scene,
           taken_at_ms = excluded.taken_at_ms, utc_offset_minutes = excluded.utc_offset_minutes, hash = excluded.hash,
           byte_count = excluded.byte_count, content_type = excluded.content_type, width = excluded.width, height = excluded.height,
           comment = excluded.comment";

/// Notes that a photo was taken back. Does nothing while the photo has not arrived. Its file stays.
///
/// # Errors
///
/// When the database refuses.
pub fn withdraw(tx: &Transaction<'_>, part_id: &str, id: DocumentId, revision: u32, withdrawal: &WithdrawalBody) -> Result<()> {
    tx.prepare_cached(WITHDRAW)?.execute(params![part_id, id.as_bytes(), revision, withdrawal.withdrawn_at_ms.0, withdrawal.reason])?;
    Ok(())
}

const WITHDRAW: &str = "
    -- photos::withdraw
    UPDATE photo
       SET revision = ?3, withdrawn_at_ms = ?4, withdrawn_because = ?5
     WHERE part_id = ?1 AND document_id = ?2";

/// A photo as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPhoto {
    /// The document.
    pub id: DocumentId,
    /// The visit it was taken in.
    pub visit: DocumentId,
    /// Whether the visit has arrived.
    pub visit_is_here: bool,
    /// Whose.
    pub position: PositionId,
    /// Its code; empty if the position is gone.
    pub position_code: String,
    /// Where.
    pub outlet: OutletId,
    /// The outlet's code; empty if it is gone.
    pub outlet_ext_code: String,
    /// The outlet's name; empty if it is gone.
    pub outlet_name: String,
    /// What it shows.
    pub scene: Scene,
    /// When it was taken.
    pub taken_at: UtcMillis,
    /// Its file.
    pub hash: Blake3Hex,
    /// Length of the file, as the device says.
    pub bytes: u64,
    /// Type of the file by its content; `None` while it has not arrived.
    pub content_type: Option<String>,
    /// The rep's words.
    pub comment: String,
    /// When the document came.
    pub received_at: UtcMillis,
    /// Since when it is taken back.
    pub withdrawn_at: Option<UtcMillis>,
}

/// Which photos are asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only of this outlet.
    pub outlet: Option<OutletId>,
    /// Only taken at or after.
    pub from: Option<UtcMillis>,
    /// Only taken before.
    pub before: Option<UtcMillis>,
    /// Only those whose file has not arrived.
    pub missing: bool,
    /// At most so many.
    pub limit: u32,
}

/// Photos, the newest first.
///
/// # Errors
///
/// When the database refuses.
pub fn list(tx: &Transaction<'_>, part_id: &str, wanted: &Wanted) -> Result<Vec<StoredPhoto>> {
    tx.prepare_cached(LIST)?
        .query_and_then(
            named_params! {
                ":part_id": part_id,
                ":outlet_id": wanted.outlet.map(|outlet| outlet.0),
                ":from": wanted.from.map_or(i64::MIN, |moment| moment.0),
                ":before": wanted.before.map_or(i64::MAX, |moment| moment.0),
                ":missing": wanted.missing,
                ":limit": wanted.limit,
            },
            from_row,
        )?
        .collect()
}

const LIST: &str = "
    -- photos::list
    SELECT photo.document_id, photo.visit_id, visit.document_id IS NOT NULL AS visit_is_here, photo.position_id,
           COALESCE(position.code, '') AS position_code, photo.outlet_id, COALESCE(outlet.ext_code, '') AS outlet_ext_code,
           COALESCE(outlet.name, '') AS outlet_name, photo.scene, photo.taken_at_ms, photo.hash, photo.byte_count, file.content_type,
           photo.comment, photo.received_at_ms, photo.withdrawn_at_ms
      FROM photo
      LEFT JOIN visit ON visit.part_id = photo.part_id AND visit.document_id = photo.visit_id
      LEFT JOIN position ON position.part_id = photo.part_id AND position.id = photo.position_id
      LEFT JOIN outlet ON outlet.part_id = photo.part_id AND outlet.id = photo.outlet_id
      LEFT JOIN file ON file.part_id = photo.part_id AND file.hash = photo.hash
     WHERE photo.part_id = :part_id
       AND photo.taken_at_ms >= :from
       AND photo.taken_at_ms < :before
       AND (:outlet_id IS NULL OR photo.outlet_id = :outlet_id)
       AND (NOT :missing OR file.hash IS NULL)
     ORDER BY photo.taken_at_ms DESC, photo.document_id
     LIMIT :limit";

fn from_row(row: &Row<'_>) -> Result<StoredPhoto> {
    let document = |column: &str| {
        let id: Vec<u8> = row.get(column)?;
        DocumentId::from_slice(&id).ok_or(StoreError::Corrupt("the id of a document"))
    };
    let scene: String = row.get("scene")?;
    Ok(StoredPhoto {
        id: document("document_id")?,
        visit: document("visit_id")?,
        visit_is_here: row.get("visit_is_here")?,
        position: PositionId(row.get("position_id")?),
        position_code: row.get("position_code")?,
        outlet: OutletId(row.get("outlet_id")?),
        outlet_ext_code: row.get("outlet_ext_code")?,
        outlet_name: row.get("outlet_name")?,
        scene: Scene::parse(&scene).ok_or(StoreError::Corrupt("photo.scene"))?,
        taken_at: UtcMillis(row.get("taken_at_ms")?),
        hash: Blake3Hex::of_digest(&row.get("hash")?),
        bytes: row.get::<_, i64>("byte_count")?.cast_unsigned(),
        content_type: row.get("content_type")?,
        comment: row.get("comment")?,
        received_at: UtcMillis(row.get("received_at_ms")?),
        withdrawn_at: row.get::<_, Option<i64>>("withdrawn_at_ms")?.map(UtcMillis),
    })
}
