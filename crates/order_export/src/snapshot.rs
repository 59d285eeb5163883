//! One list of orders, as it stood at one moment: what every file is made of.
//!
//! Names and prices stand beside the ids: a file is read where our tables are not. Absent texts are empty, not missing.

use std::sync::Arc;

use polevik_domain::ids::{DeviceId, DocumentId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::quantity::Unit;
use polevik_domain::time::CalendarDay;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::moment::{LocalMoment, iso_day, iso_day_or_none};
use crate::selection::Selection;

/// The whole of it in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose orders, and when they were taken together.
    pub header: Header,
    /// The orders, oldest first.
    pub orders: Vec<Order>,
}

/// Whose orders, and when they were taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// When the file was made.
    pub made_at: LocalMoment,
    /// On which device.
    pub device_id: DeviceId,
    /// The prefix of that device's numbers.
    pub number_prefix: String,
    /// Who works with it.
    pub rep: String,
    /// In which position.
    pub position: Named,
    /// For which distributor.
    pub distributor: Named,
    /// Three letters: `RUB`. All amounts are in its minor unit.
    pub currency: String,
    /// Which orders were asked for.
    pub selection: Selection,
}

/// Something of the office, with its id, the office's code, and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Named {
    /// The server's id.
    pub id: i64,
    /// The office's code; may be empty.
    pub code: String,
    /// The name; may be empty.
    pub name: String,
}

/// A shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outlet {
    /// The server's id.
    pub id: i64,
    /// The office's code.
    pub code: String,
    /// Name as it stands over the door.
    pub name: String,
    /// Address.
    pub address: String,
    /// Legal entity that pays.
    pub legal_name: String,
    /// Its taxpayer number.
    pub inn: String,
    /// Its registration reason code.
    pub kpp: String,
    /// Number of the contract.
    pub contract: String,
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Product {
    /// The server's id.
    pub id: i64,
    /// The office's code.
    pub code: String,
    /// Article.
    pub sku: String,
    /// EAN-13 or other bar code.
    pub ean: String,
    /// Name as printed.
    pub name: String,
}

/// Where an order stands on its way to the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Only on the device yet.
    Waiting,
    /// The server has it.
    Accepted,
    /// The server refused it.
    Rejected,
    /// Set aside, because the server breaks at it.
    Parked,
}

impl OrderState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Accepted, Self::Rejected, Self::Parked];

    /// As people read it in the files.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "ждёт отправки",
            Self::Accepted => "на сервере",
            Self::Rejected => "отклонён",
            Self::Parked => "отложен",
        }
    }
}

/// In a visit, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The visit it was placed in.
    Visit(DocumentId),
    /// The reason of an order outside a visit.
    Outside(String),
}

/// One placed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Made on the device; by it the office sees that it has the order already.
    pub id: DocumentId,
    /// The device's own number, `А017-000245`.
    pub number: String,
    /// 1 for the first; each correction is the next.
    pub revision: u32,
    /// When it was placed.
    pub placed_at: LocalMoment,
    /// The calendar day it was placed, fixed then.
    #[serde(with = "iso_day")]
    pub local_day: CalendarDay,
    /// Wanted day of delivery.
    #[serde(with = "iso_day_or_none")]
    pub delivery_day: Option<CalendarDay>,
    /// Who buys.
    pub outlet: Arc<Outlet>,
    /// From where it is shipped.
    pub warehouse: Option<Arc<Named>>,
    /// Price list by which the lines are priced.
    pub price_type: Option<Arc<Named>>,
    /// How it is paid, in the office's words; may be empty.
    pub payment_form: String,
    /// The rep's words to the office.
    pub comment: String,
    /// Where it stands.
    pub state: OrderState,
    /// When the server took it.
    pub server_at: Option<LocalMoment>,
    /// In a visit, or why not.
    pub occasion: Occasion,
    /// What is ordered.
    pub lines: Vec<Line>,
    /// Sum of the lines, tax included, discounts taken off.
    pub sum_minor: Money,
    /// Tax contained.
    pub vat_sum_minor: Money,
    /// What the discounts took off.
    pub discount_minor: Money,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is ordered.
    pub product: Arc<Product>,
    /// In what it is counted.
    pub unit: Unit,
    /// How many of `unit`.
    pub quantity: i64,
    /// The same in pieces.
    pub base_quantity: i64,
    /// Price of one piece, tax included.
    pub price_minor: Money,
    /// Discount in hundredths of a percent.
    pub discount_rate: i64,
    /// Tax rate contained in the price, in hundredths of a percent.
    pub vat_rate: VatRate,
    /// What the line costs.
    pub sum_minor: Money,
    /// Tax contained.
    pub vat_sum_minor: Money,
    /// The promotion by which it is priced, in the office's words; may be empty.
    pub promo: String,
}

/// What the orders of a file come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// How many orders.
    pub orders: u64,
    /// How many lines.
    pub lines: u64,
    /// Sum of the orders.
    pub sum_minor: Money,
    /// Tax contained.
    pub vat_sum_minor: Money,
}

impl Totals {
    /// Counts one more order; amounts stay at the ends of their range.
    pub fn add(&mut self, order: &Order) {
        self.orders += 1;
        self.lines += order.lines.len() as u64;
        self.sum_minor = Money(self.sum_minor.0.saturating_add(order.sum_minor.0));
        self.vat_sum_minor = Money(self.vat_sum_minor.0.saturating_add(order.vat_sum_minor.0));
    }
}

impl Snapshot {
    /// What its orders come to.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.orders.iter().for_each(|order| totals.add(order));
        totals
    }
}

/// A SHA-256 as 64 hexadecimal digits.
pub type Sha256Hex = String;

/// SHA-256 over orders: each as JSON and a line feed. It is the same whatever file they stand in, so a file that was changed by hand is seen.
#[derive(Debug, Clone, Default)]
pub struct ContentHash(Sha256);

impl ContentHash {
    /// Takes one more order in.
    pub fn add(&mut self, order: &Order) {
        serde_json::to_writer(&mut self.0, order).expect("numbers, words and options always make JSON, and a hash takes every byte");
        self.0.update(b"\n");
    }

    /// The hash of all that were taken in.
    #[must_use]
    pub fn finish(self) -> Sha256Hex {
        hex(&self.0.finalize())
    }
}

/// The SHA-256 of a whole file.
#[must_use]
pub fn file_sha256(bytes: &[u8]) -> Sha256Hex {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_file_is_the_one_other_programs_show() {
        assert_eq!(file_sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
