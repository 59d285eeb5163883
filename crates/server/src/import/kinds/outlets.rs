//! Outlets: the shops reps call on. A territory that is named for the first time is made.

use std::collections::HashMap;

use polevik_domain::ids::TerritoryId;
use polevik_protocol::rows::{OutletRow, PRICE_TYPE, RECEIVABLE};
use polevik_server_store::part::Part;
use polevik_server_store::reference::{Put, ReferenceWriter, receivables};
use polevik_server_store::{StoreError, Transaction, organisation};

use super::products::{MAX_NAME_BYTES, MAX_PRICE};
use super::references::{Codes, MAX_CODE_BYTES};
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal, inn_is_valid};

/// The formats of outlets.
pub const FORMATS: [&str; 5] = ["kiosk", "traditional", "minimarket", "supermarket", "horeca"];

pub(super) struct Outlets {
    part_id: String,
    price_types: Codes,
    territories: HashMap<String, TerritoryId>,
}

impl Outlets {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part) -> Result<Self, StoreError> {
        let territories = organisation::territories(tx, &part.id)?;
        Ok(Self {
            part_id: part.id.clone(),
            price_types: Codes::load(tx, &part.id, PRICE_TYPE)?,
            territories: territories.into_iter().map(|territory| (territory.ext_code, territory.id)).collect(),
        })
    }

    fn territory(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<TerritoryId, JudgeError> {
        let code = fields.required(&["territory"], MAX_CODE_BYTES)?;
        if let Some(id) = self.territories.get(&code) {
            return Ok(*id);
        }
        let name = fields.text(&["territory_name"], 200)?.unwrap_or_else(|| code.clone());
        let id = organisation::put_territory(tx, &self.part_id, &code, &name)?;
        self.territories.insert(code, id);
        Ok(id)
    }
}

impl Judge for Outlets {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "ext_code",
            "id",
            "name",
            "address",
            "format",
            "class",
            "lat",
            "lon",
            "contact",
            "phone",
            "work_hours",
            "delivery_days",
            "legal_name",
            "inn",
            "kpp",
            "contract_number",
            "price_type",
            "credit_limit",
            "stopped",
            "active",
            "channel",
            "payment_days",
            "territory",
            "territory_name",
        ]
    }

    fn judge(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let ext_code = fields.required(&["ext_code", "id"], MAX_CODE_BYTES)?;
        let (lat, lon) = coordinates(fields)?;
        let price_type = fields.text(&["price_type"], MAX_CODE_BYTES)?;
        let row = OutletRow {
            id: 0,
            ext_code: ext_code.clone(),
            name: fields.required(&["name"], MAX_NAME_BYTES)?,
            address: fields.text_or_empty(&["address"], 500)?,
            format: fields.word(&["format"], &FORMATS)?.unwrap_or("traditional").to_owned(),
            class: fields.word(&["class"], &["A", "B", "C", "D"])?.unwrap_or("C").to_owned(),
            lat,
            lon,
            contact: fields.text_or_empty(&["contact"], 200)?,
            phone: fields.text_or_empty(&["phone"], 50)?,
            work_hours: fields.text_or_empty(&["work_hours"], 100)?,
            delivery_days: fields.int(&["delivery_days"], 0..=127)?.unwrap_or(0),
            legal_name: fields.text_or_empty(&["legal_name"], 300)?,
            inn: taxpayer_number(fields)?,
            kpp: reason_code(fields)?,
            contract_number: fields.text_or_empty(&["contract_number"], 50)?,
            price_type_id: price_type.map(|code| self.price_types.find("price_type", &code)).transpose()?,
            credit_limit: fields.int(&["credit_limit"], 0..=MAX_PRICE * 1_000)?,
            stopped: fields.flag(&["stopped"], false)?,
            active: fields.flag(&["active"], true)?,
            channel: fields.text(&["channel"], 100)?,
            payment_days: fields.int(&["payment_days"], 0..=365)?,
        };
        // Last: a row that is refused makes no territory.
        let territory = self.territory(tx, fields)?;
        Ok(Judged::Row(GoodRow { natural_key: ext_code, bucket: placement::of_territory(territory), values: row.into_row().values }))
    }

    /// What it owes follows it into another territory.
    fn taken(&mut self, writer: &mut ReferenceWriter<'_>, row: &GoodRow, put: Put) -> Result<(), StoreError> {
        if let Put::Updated(id) = put {
            for key in receivables::keys_of_outlet(writer.tx(), &self.part_id, id)? {
                writer.move_to(RECEIVABLE, &key, &row.bucket)?;
            }
        }
        Ok(())
    }
}

/// Both or none; 0/0 is what many systems write for "not known".
fn coordinates(fields: &Fields<'_>) -> Result<(Option<i64>, Option<i64>), Refusal> {
    match (fields.micro_degrees(&["lat"], 90.0)?, fields.micro_degrees(&["lon"], 180.0)?) {
        (Some(_), None) => Err(Refusal::new("lon", "is missing, though lat is given")),
        (None, Some(_)) => Err(Refusal::new("lat", "is missing, though lon is given")),
        (Some(0), Some(0)) => Ok((None, None)),
        both => Ok(both),
    }
}

fn taxpayer_number(fields: &Fields<'_>) -> Result<String, Refusal> {
    let inn = fields.text_or_empty(&["inn"], 12)?;
    if inn.is_empty() || inn_is_valid(&inn) { Ok(inn) } else { Err(Refusal::new("inn", format!("the check digits of {inn} are wrong"))) }
}

fn reason_code(fields: &Fields<'_>) -> Result<String, Refusal> {
    let kpp = fields.text_or_empty(&["kpp"], 9)?;
    if kpp.is_empty() || kpp.len() == 9 { Ok(kpp) } else { Err(Refusal::new("kpp", "must have nine characters")) }
}
