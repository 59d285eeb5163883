//! What the office asks of its materials.

use polevik_protocol::hash::Blake3Hex;
use rusqlite::{Transaction, params};

use crate::error::Result;

/// A material as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMaterial {
    /// The office's id.
    pub ext_code: String,
    /// Title.
    pub title: String,
    /// Kind.
    pub kind: String,
    /// Code of the audience it is for.
    pub audience: String,
    /// Its file.
    pub file: Blake3Hex,
    /// Length of the file.
    pub bytes: u64,
    /// Type of the file.
    pub content_type: String,
    /// Name for people.
    pub file_name: String,
    /// The office's version.
    pub version: i64,
    /// Whether it is loaded before others.
    pub mandatory: bool,
    /// First day it is shown.
    pub valid_from: i64,
    /// Last day it is shown.
    pub valid_to: Option<i64>,
}

/// The materials of a part, by code.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn list(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<StoredMaterial>> {
    let mut statement = tx.prepare_cached(LIST)?;
    let rows = statement.query_map(params![part_id], |row| {
        Ok(StoredMaterial {
            ext_code: row.get("ext_code")?,
            title: row.get("title")?,
            kind: row.get("kind")?,
            audience: row.get("audience")?,
            file: Blake3Hex::of_digest(&row.get("file")?),
            bytes: row.get::<_, i64>("bytes")?.cast_unsigned(),
            content_type: row.get("content_type")?,
            file_name: row.get("file_name")?,
            version: row.get("version")?,
            mandatory: row.get::<_, i64>("mandatory")? != 0,
            valid_from: row.get("valid_from")?,
            valid_to: row.get("valid_to")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const LIST: &str = "
    -- materials::list
    SELECT material.ext_code, material.title, material.kind, COALESCE(audience.ext_code, material.bucket) AS audience, material.file,
           material.bytes, material.content_type, material.file_name, material.version, material.mandatory, material.valid_from,
           material.valid_to
      FROM material
      LEFT JOIN audience ON audience.part_id = material.part_id AND material.bucket = 'audience:' || audience.id
     WHERE material.part_id = ?1
     ORDER BY material.ext_code";
