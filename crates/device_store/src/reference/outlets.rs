//! The shops of the territory.

use polevik_domain::ids::{OutletId, PriceTypeId};
use polevik_domain::money::Money;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use crate::error::Result;

/// One shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// Its id.
    pub id: OutletId,
    /// The office's id.
    pub ext_code: String,
    /// Name.
    pub name: String,
    /// Address.
    pub address: String,
    /// Format.
    pub format: String,
    /// Class A–D.
    pub class: String,
    /// Latitude and longitude in micro-degrees.
    pub location: Option<(i64, i64)>,
    /// Contact person.
    pub contact: String,
    /// Phone.
    pub phone: String,
    /// Opening hours.
    pub work_hours: String,
    /// Days on which it takes goods, bit 0 = Monday; 0 = every day.
    pub delivery_days: u32,
    /// Legal entity.
    pub legal_name: String,
    /// Its taxpayer number.
    pub inn: String,
    /// Its registration reason code; may be empty.
    pub kpp: String,
    /// Number of the contract.
    pub contract_number: String,
    /// Price list it buys by.
    pub price_type: Option<PriceTypeId>,
    /// Credit limit.
    pub credit_limit: Option<Money>,
    /// Whether shipping is stopped.
    pub stopped: bool,
    /// Whether it may be visited.
    pub active: bool,
}

impl Outlet {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let (lat, lon): (Option<i64>, Option<i64>) = (row.get("lat")?, row.get("lon")?);
        Ok(Self {
            id: OutletId(row.get("id")?),
            ext_code: row.get("ext_code")?,
            name: row.get("name")?,
            address: row.get("address")?,
            format: row.get("format")?,
            class: row.get("class")?,
            location: lat.zip(lon),
            contact: row.get("contact")?,
            phone: row.get("phone")?,
            work_hours: row.get("work_hours")?,
            delivery_days: u32::try_from(row.get::<_, i64>("delivery_days")? & 0x7f).unwrap_or(0),
            legal_name: row.get("legal_name")?,
            inn: row.get("inn")?,
            kpp: row.get("kpp")?,
            contract_number: row.get("contract_number")?,
            price_type: row.get::<_, Option<i64>>("price_type_id")?.map(PriceTypeId),
            credit_limit: row.get::<_, Option<i64>>("credit_limit")?.map(Money),
            stopped: row.get::<_, i64>("stopped")? != 0,
            active: row.get::<_, i64>("active")? != 0,
        })
    }
}

/// All outlets, by id.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Outlet>> {
    let mut statement = tx.prepare_cached(ALL)?;
    let rows = statement.query_and_then([], Outlet::from_row)?;
    rows.collect()
}

const ALL: &str = "
    -- outlets::all
    SELECT id, ext_code, name, address, format, class, lat, lon, contact, phone, work_hours, delivery_days, legal_name, inn,
           kpp, contract_number, price_type_id, credit_limit, stopped, active
      FROM outlet
     ORDER BY id";

/// One outlet.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn find(tx: &Transaction<'_>, id: OutletId) -> Result<Option<Outlet>> {
    let mut statement = tx.prepare_cached(FIND)?;
    let found = statement.query_and_then(named_params! { ":id": id.0 }, Outlet::from_row)?.next();
    found.transpose()
}

const FIND: &str = "
    -- outlets::find
    SELECT id, ext_code, name, address, format, class, lat, lon, contact, phone, work_hours, delivery_days, legal_name, inn,
           kpp, contract_number, price_type_id, credit_limit, stopped, active
      FROM outlet
     WHERE id = :id";

/// The outlet of that code of the office.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn by_code(tx: &Transaction<'_>, code: &str) -> Result<Option<OutletId>> {
    let mut statement = tx.prepare_cached(BY_CODE)?;
    Ok(statement.query_row(named_params! { ":code": code }, |row| Ok(OutletId(row.get("id")?))).optional()?)
}

const BY_CODE: &str = "
    -- outlets::by_code
    SELECT id
      FROM outlet
     WHERE ext_code = :code
     ORDER BY active DESC, id
     LIMIT 1";
