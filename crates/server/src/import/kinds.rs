//! One file per kind: which columns it has, and how a record becomes a row of its table.

mod assortment;
mod audiences;
mod document_states;
mod materials;
mod outlets;
mod price_types;
mod prices;
mod products;
mod receivables;
mod references;
mod routes;
mod stock;
mod warehouses;

pub use outlets::FORMATS as OUTLET_FORMATS;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::rows::Value;
use polevik_server_store::audiences::Audience;
use polevik_server_store::part::Part;
use polevik_server_store::reference::{Put, ReferenceWriter};
use polevik_server_store::{StoreError, Transaction};

use super::fields::{Fields, Refusal};
use super::kind::Kind;
use super::run::Options;

/// A record that is good: where it goes, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodRow {
    /// By what the row is known outside.
    pub natural_key: String,
    /// The bucket that carries it.
    pub bucket: BucketName,
    /// One value per column of the kind's table.
    pub values: Vec<Value>,
}

/// What a good record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A row, to be there from now on.
    Row(GoodRow),
    /// The row that is known by this is not there any more.
    Gone(String),
    /// An audience, which is no row that travels.
    Audience(Audience),
    /// The audience of this code is not there any more.
    AudienceGone(String),
}

impl Judged {
    /// By what it is known outside.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Row(row) => &row.natural_key,
            Self::Gone(key) | Self::AudienceGone(key) => key,
            Self::Audience(audience) => &audience.ext_code,
        }
    }
}

/// A record was not turned into a row.
#[derive(Debug)]
pub enum JudgeError {
    /// The row is refused; the next one is looked at.
    Refused(Refusal),
    /// The database failed; the run ends.
    Store(StoreError),
}

impl From<Refusal> for JudgeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for JudgeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Judges the records of one kind. It looks references up in memory: codes that were known when the run began.
pub trait Judge {
    /// The columns it understands, by all their names.
    fn columns(&self) -> &'static [&'static str];

    /// Does what takes long and needs no transaction, before the record is judged.
    fn prepare(&mut self, _fields: &Fields<'_>) {}

    /// What a record says.
    ///
    /// # Errors
    ///
    /// [`JudgeError`].
    fn judge(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError>;

    /// What else follows from a row that was taken, in the same transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn taken(&mut self, _writer: &mut ReferenceWriter<'_>, _row: &GoodRow, _put: Put) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The judge of a kind, with the codes it needs.
///
/// # Errors
///
/// [`StoreError`].
pub fn judge_of(kind: Kind, tx: &Transaction<'_>, part: &Part, options: &Options) -> Result<Box<dyn Judge>, StoreError> {
    Ok(match kind {
        Kind::Products => Box::new(products::Products::load(tx, part)?),
        Kind::Outlets => Box::new(outlets::Outlets::load(tx, part)?),
        Kind::PriceTypes => Box::new(price_types::PriceTypes::of(part)),
        Kind::Prices => Box::new(prices::Prices::load(tx, part, options)?),
        Kind::Warehouses => Box::new(warehouses::Warehouses::of(part)),
        Kind::Stock => Box::new(stock::Stock::load(tx, part, options)?),
        Kind::Routes => Box::new(routes::Routes::load(tx, part)?),
        Kind::Receivables => Box::new(receivables::Receivables::load(tx, part)?),
        Kind::Assortment => Box::new(assortment::Assortment::load(tx, part)?),
        Kind::Audiences => Box::new(audiences::Audiences::load(tx, part)?),
        Kind::Materials => Box::new(materials::Materials::load(tx, part, options)?),
        Kind::DocumentStates => Box::new(document_states::DocumentStates::load(part, options)),
    })
}
