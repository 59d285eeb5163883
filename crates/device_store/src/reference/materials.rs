//! Files the office gives to its people: planograms, price lists, pictures of products.

use polevik_domain::ids::{OutletId, ProductId};
use polevik_domain::time::CalendarDay;
use polevik_protocol::hash::Blake3Hex;
use rusqlite::{Row, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::reference::schema::Index;

pub(crate) const INDEX: Index = Index { table: "material", name: "material_by_outlet", columns: "outlet_id" };

/// One material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Its id.
    pub id: i64,
    /// Title.
    pub title: String,
    /// `planogram`, `price_list`, `presentation`, `picture`, `video`, `training`.
    pub kind: String,
    /// Folder; may be empty.
    pub folder: String,
    /// Its file.
    pub file: Blake3Hex,
    /// Length of the file.
    pub bytes: u64,
    /// Type of the file.
    pub content_type: String,
    /// Name for people; data, never a path.
    pub file_name: String,
    /// The office's version.
    pub version: u32,
    /// Whether it is loaded before others and never removed to make room.
    pub mandatory: bool,
    /// Last day it is shown.
    pub valid_to: Option<CalendarDay>,
    /// The outlet it is about.
    pub outlet: Option<OutletId>,
    /// The product it shows.
    pub product: Option<ProductId>,
}

impl Material {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let digest: Vec<u8> = row.get("file")?;
        let digest: [u8; 32] = digest.try_into().map_err(|_| StoreError::BadValue("material.file"))?;
        let bytes: i64 = row.get("bytes")?;
        Ok(Self {
            id: row.get("id")?,
            title: row.get("title")?,
            kind: row.get("kind")?,
            folder: row.get("folder")?,
            file: Blake3Hex::of_digest(&digest),
            bytes: u64::try_from(bytes).map_err(|_| StoreError::BadValue("material.bytes"))?,
            content_type: row.get("content_type")?,
            file_name: row.get("file_name")?,
            version: u32::try_from(row.get::<_, i64>("version")?).unwrap_or(0),
            mandatory: row.get::<_, i64>("mandatory")? != 0,
            valid_to: row.get::<_, Option<i64>>("valid_to")?.and_then(|day| i32::try_from(day).ok()).map(CalendarDay),
            outlet: row.get::<_, Option<i64>>("outlet_id")?.map(OutletId),
            product: row.get::<_, Option<i64>>("product_id")?.map(ProductId),
        })
    }
}

/// The columns of a [`Material`].
macro_rules! material_columns {
    () => {
        "id, title, kind, folder, file, bytes, content_type, file_name, version, mandatory, valid_to, outlet_id, product_id"
    };
}

/// The materials that are shown on a day: mandatory ones first, then by folder and title.
///
/// # Errors
///
/// [`StoreError`].
pub fn shown_on(tx: &Transaction<'_>, day: CalendarDay) -> Result<Vec<Material>> {
    let mut statement = tx.prepare_cached(SHOWN_ON)?;
    let rows = statement.query_and_then(named_params! { ":day": day.0 }, Material::from_row)?;
    rows.collect()
}

const SHOWN_ON: &str = concat!(
    "-- materials::shown_on\nSELECT ",
    material_columns!(),
    "
  FROM material
 WHERE valid_from <= :day AND (valid_to IS NULL OR valid_to >= :day)
 ORDER BY mandatory DESC, folder, title, id"
);

/// The materials about an outlet that are shown on a day: mandatory ones first, then by title.
///
/// # Errors
///
/// [`StoreError`].
pub fn of_outlet(tx: &Transaction<'_>, outlet: OutletId, day: CalendarDay) -> Result<Vec<Material>> {
    let mut statement = tx.prepare_cached(OF_OUTLET)?;
    let rows = statement.query_and_then(named_params! { ":outlet_id": outlet.0, ":day": day.0 }, Material::from_row)?;
    rows.collect()
}

const OF_OUTLET: &str = concat!(
    "-- materials::of_outlet\nSELECT ",
    material_columns!(),
    "
  FROM material
 WHERE outlet_id = :outlet_id AND valid_from <= :day AND (valid_to IS NULL OR valid_to >= :day)
 ORDER BY mandatory DESC, title, id"
);

/// One material, shown or not.
///
/// # Errors
///
/// [`StoreError`].
pub fn find(tx: &Transaction<'_>, id: i64) -> Result<Option<Material>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id }, Material::from_row)?.next();
    found.transpose()
}

const FIND: &str = concat!("-- materials::find\nSELECT ", material_columns!(), " FROM material WHERE id = :id");
