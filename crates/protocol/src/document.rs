//! What a device uploads: visits, orders and photos, and the receipts that answer them.
//!
//! A document travels in an envelope. Its body is kept byte for byte as the device wrote it: the content hash is over these bytes, so the
//! same id and revision with other content is seen, whatever a proxy or a newer version thinks of the JSON.

use polevik_domain::ids::{DocumentId, OutletId, PriceTypeId, RouteStopId, WarehouseId};
use polevik_domain::money::Money;
use polevik_domain::order::OrderLine;
use polevik_domain::photo::Scene;
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use polevik_domain::visit::VisitKind;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error_code::ErrorCode;
use crate::hash::Blake3Hex;

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A call at an outlet; the body is a [`VisitBody`].
    Visit,
    /// An order; the body is an [`OrderBody`].
    Order,
    /// The next revision of a visit, an order or a photo that the rep takes back; the body is a [`WithdrawalBody`].
    Withdrawal,
    /// A photo taken in a visit; the body is a [`PhotoBody`]. The file itself goes its own way ([`crate::file`]), before or after.
    Photo,
}

impl DocumentKind {
    /// The word on the wire and in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Order => "order",
            Self::Withdrawal => "withdrawal",
            Self::Photo => "photo",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Visit, Self::Order, Self::Withdrawal, Self::Photo].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One revision of one document on its way to the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Made on the device; the server's key too.
    pub id: DocumentId,
    /// What it is. A kind this version does not know is answered with a rejection, not an error of the whole batch.
    pub kind: String,
    /// 1 for the first; each correction is the next.
    pub revision: u32,
    /// Dense number of this revision among all that the device ever sent: a gap shows a loss.
    pub device_seq: u64,
    /// When it was made, by the device's clock corrected with the server's.
    pub created_at_ms: UtcMillis,
    /// The body as JSON, kept byte for byte.
    pub body: Box<RawValue>,
}

/// BLAKE3-256 over kind, revision and body: what "the same content" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl Envelope {
    /// The hash by which the server knows that a repeated revision is the same.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new_derive_key("polevik document content v1");
        hasher.update(self.kind.as_bytes());
        hasher.update(&[0]);
        hasher.update(&self.revision.to_le_bytes());
        hasher.update(self.body.get().as_bytes());
        ContentHash(*hasher.finalize().as_bytes())
    }
}

/// The body of a visit. Revision 1 is sent when it starts, 2 when it is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitBody {
    /// Where.
    pub outlet_id: OutletId,
    /// The stop of the route it fulfils.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_stop_id: Option<RouteStopId>,
    /// Planned or not.
    pub kind: VisitKind,
    /// The outlet's calendar day on which it was started, fixed then.
    pub local_day: CalendarDay,
    /// How far local clocks were ahead of UTC.
    pub utc_offset: UtcOffsetMinutes,
    /// Start.
    pub started_at_ms: UtcMillis,
    /// End; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at_ms: Option<UtcMillis>,
}

/// The body of a placed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBody {
    /// The device's own number, `А017-000245`.
    pub number: String,
    /// Who buys.
    pub outlet_id: OutletId,
    /// The visit it was placed in; the visit may arrive later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit_id: Option<DocumentId>,
    /// Why it was placed outside a visit; present exactly when there is no visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_visit: Option<String>,
    /// When it was placed.
    pub placed_at_ms: UtcMillis,
    /// The calendar day it was placed, fixed then.
    pub local_day: CalendarDay,
    /// How far local clocks were ahead of UTC.
    pub utc_offset: UtcOffsetMinutes,
    /// Wanted day of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_day: Option<CalendarDay>,
    /// Price list by which the lines are priced; absent when only list prices were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_type_id: Option<PriceTypeId>,
    /// From where it is shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<WarehouseId>,
    /// The rep's words to the office.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What is ordered.
    pub lines: Vec<OrderLine>,
    /// Sum of the lines, tax included; the server recomputes it.
    pub sum: Money,
    /// Tax contained.
    pub vat_sum: Money,
}

/// The body of a withdrawal: the document counts as not made from this revision on. It stays readable, with the reason, on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalBody {
    /// Why, in the rep's words; not empty.
    pub reason: String,
    /// When, by the device's clock corrected with the server's.
    pub withdrawn_at_ms: UtcMillis,
}

/// The body of a photo. The visit may arrive later; so may the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoBody {
    /// The visit it was taken in.
    pub visit_id: DocumentId,
    /// Where.
    pub outlet_id: OutletId,
    /// What it shows.
    pub scene: Scene,
    /// When it was taken, by the device's clock corrected with the server's.
    pub taken_at_ms: UtcMillis,
    /// How far local clocks were ahead of UTC.
    pub utc_offset: UtcOffsetMinutes,
    /// The file.
    pub file: FileRef,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The rep's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A file, named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// BLAKE3-256 of its bytes.
    pub hash: Blake3Hex,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its type: `image/jpeg`.
    pub content_type: String,
}

/// The server's final answer to one revision, for ever the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which document.
    pub id: DocumentId,
    /// Which revision of it.
    pub revision: u32,
    /// Taken or refused.
    pub outcome: Outcome,
    /// When the server decided.
    pub received_at_ms: UtcMillis,
}

/// Taken or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// It stands in the central database.
    Accepted,
    /// It is kept aside with its reason; the rep corrects it with a new revision.
    Rejected {
        /// D401, D402, D408 …
        code: ErrorCode,
        /// For people, in the language of the office.
        reason: String,
        /// The field at fault, when one is: `lines.3.quantity`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
}
