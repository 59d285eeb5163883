//! Materials: files for the field, with whom they are for.

use std::collections::HashMap;

use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_protocol::rows::{MATERIAL, MaterialRow, OUTLET, Value};
use polevik_server_store::documents::files;
use polevik_server_store::part::Part;
use polevik_server_store::reference::rows;
use polevik_server_store::{StoreError, Transaction, audiences};

use super::references::{Codes, MAX_CODE_BYTES, ProductCodes};
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};
use crate::import::material_files::{MaterialFiles, Prepared};
use crate::import::run::Options;

const KINDS: [&str; 6] = ["planogram", "price_list", "presentation", "picture", "video", "training"];

/// The longest path of a file, in bytes.
const MAX_PATH_BYTES: usize = 500;

pub(super) struct Materials {
    part_id: String,
    audiences: HashMap<String, i64>,
    outlets: Codes,
    products: ProductCodes,
    files: Option<MaterialFiles>,
    prepared: HashMap<String, Result<Prepared, Refusal>>,
    now: UtcMillis,
    today: CalendarDay,
}

impl Materials {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part, options: &Options) -> Result<Self, StoreError> {
        Ok(Self {
            part_id: part.id.clone(),
            audiences: audiences::list(tx, &part.id)?.into_iter().map(|(id, audience)| (audience.ext_code, id)).collect(),
            outlets: Codes::load(tx, &part.id, OUTLET)?,
            products: ProductCodes::load(tx, &part.id)?,
            files: options.files.clone(),
            prepared: HashMap::new(),
            now: options.started_at,
            today: options.today,
        })
    }

    /// The row under that code, if there is one.
    fn known(&self, tx: &Transaction<'_>, ext_code: &str) -> Result<Option<Vec<Value>>, StoreError> {
        let Some(id) = rows::id_by_key(tx, &self.part_id, MATERIAL, ext_code)? else { return Ok(None) };
        Ok(rows::read(tx, &self.part_id, MATERIAL, id)?.map(|found| found.row.values))
    }
}

impl Judge for Materials {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "ext_code",
            "title",
            "kind",
            "audience",
            "file",
            "folder",
            "file_name",
            "version",
            "mandatory",
            "valid_from",
            "valid_to",
            "outlet",
            "product",
            "sku",
            "product_code",
            "updated_at",
            "deleted",
        ]
    }

    fn prepare(&mut self, fields: &Fields<'_>) {
        let (Some(files), Ok(Some(path))) = (&self.files, fields.text(&["file"], MAX_PATH_BYTES)) else { return };
        if !self.prepared.contains_key(&path) {
            let prepared = files.prepare(&self.part_id, &path);
            self.prepared.insert(path, prepared);
        }
    }

    fn judge(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let ext_code = fields.required(&["ext_code"], MAX_CODE_BYTES)?;
        if fields.flag(&["deleted"], false)? == 1 {
            return Ok(Judged::Gone(ext_code));
        }
        let title = fields.required(&["title"], 300)?;
        let kind = fields.word(&["kind"], &KINDS)?.ok_or_else(|| Refusal::new("kind", "is missing"))?.to_owned();
        let audience = fields.required(&["audience"], MAX_CODE_BYTES)?;
        let audience =
            *self.audiences.get(&audience).ok_or_else(|| Refusal::new("audience", format!("there is no audience \"{audience}\"")))?;
        let valid_from = fields.day(&["valid_from"])?;
        let valid_to = fields.day(&["valid_to"])?.map(|day| i64::from(day.0));
        let outlet_id = fields.text(&["outlet"], MAX_CODE_BYTES)?.map(|code| self.outlets.find("outlet", &code)).transpose()?;
        let names_product = fields.text(&super::references::PRODUCT_COLUMNS, MAX_CODE_BYTES)?.is_some();
        let product_id = if names_product { Some(self.products.find(fields)?) } else { None };
        let path = fields.required(&["file"], MAX_PATH_BYTES)?;
        let no_files = || Refusal::new("file", "files cannot be taken in this run");
        let prepared = self.prepared.get(&path).ok_or_else(no_files)?.clone()?;
        let file_name = prepared.name_for_people(fields.text(&["file_name"], 300)?)?;

        let known = self.known(tx, &ext_code)?;
        let column = |name: &str| MATERIAL.columns.iter().position(|column| column.name == name);
        let known_number = |name: &str| match known.as_ref().zip(column(name)).and_then(|(values, at)| values.get(at)) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        // A file that names no first day does not give the same material another one every morning.
        let valid_from = valid_from.map(|day| i64::from(day.0)).or_else(|| known_number("valid_from")).unwrap_or(i64::from(self.today.0));
        if valid_to.is_some_and(|last| last < valid_from) {
            return Err(Refusal::new("valid_to", "is before valid_from").into());
        }
        let mut row = MaterialRow {
            id: 0,
            ext_code: ext_code.clone(),
            title,
            kind,
            folder: fields.text_or_empty(&["folder"], 200)?,
            file: prepared.file.hash.digest().to_vec(),
            bytes: i64::try_from(prepared.file.bytes).unwrap_or(i64::MAX),
            content_type: prepared.file.content_type.clone(),
            file_name,
            version: fields.int(&["version"], 1..=1_000_000)?.unwrap_or(1),
            mandatory: fields.flag(&["mandatory"], false)?,
            valid_from,
            valid_to,
            outlet_id,
            product_id,
            changed_at_ms: known_number("changed_at_ms").unwrap_or(self.now.0),
        };
        let said = fields.moment(&["updated_at"])?.map(|moment| moment.0);
        if let Some(moment) = said {
            row.changed_at_ms = moment;
        } else if known.as_ref().is_some_and(|values| *values != row.clone().into_row().values) {
            row.changed_at_ms = self.now.0;
        }
        // Only now: a row that is refused brings no file.
        files::put(tx, &self.part_id, &prepared.file, self.now)?;
        Ok(Judged::Row(GoodRow { natural_key: ext_code, bucket: placement::of_audience(audience), values: row.into_row().values }))
    }
}
