//! May this document be accepted? Reads only.

use std::cell::RefCell;
use std::collections::HashMap;

use polevik_domain::ids::ProductId;
use polevik_domain::money::VatRate;
use polevik_domain::numbering::DocumentNumber;
use polevik_domain::order::{OrderError, check_placeable};
use polevik_protocol::document::{DocumentKind, Envelope, OrderBody, PhotoBody, VisitBody, WithdrawalBody};
use polevik_protocol::error_code::ErrorCode;
use polevik_protocol::file::{MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS, MAX_PHOTO_SIDE};
use polevik_protocol::version::MAX_DOCUMENT_BYTES;
use polevik_server_store::documents::orders::CheckedOrder;
use polevik_server_store::documents::{Author, Rejection, visits};
use polevik_server_store::people::devices;
use polevik_server_store::reference::{outlets, products};
use polevik_server_store::{StoreError, Transaction};
use polevik_texts::Texts;
use serde::de::DeserializeOwned;

use super::incoming::UNREADABLE;

/// The longest reason for an order outside a visit or for a withdrawal, in characters.
const MAX_REASON_CHARS: usize = 200;

/// A document that may be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// A visit.
    Visit(VisitBody),
    /// An order, with what its lines come to.
    Order(Box<CheckedOrder>),
    /// A photo; its file comes by itself.
    Photo(PhotoBody),
    /// A visit, an order or a photo that is taken back.
    Withdrawal(WithdrawalBody),
}

impl Checked {
    /// What the document is.
    #[must_use]
    pub fn kind(&self) -> DocumentKind {
        match self {
            Self::Visit(_) => DocumentKind::Visit,
            Self::Order(_) => DocumentKind::Order,
            Self::Photo(_) => DocumentKind::Photo,
            Self::Withdrawal(_) => DocumentKind::Withdrawal,
        }
    }
}

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A kind we do not know.
    Kind,
    /// A field that cannot be read.
    Body,
    /// Larger than [`MAX_DOCUMENT_BYTES`].
    Size,
    /// Revision 0.
    Revision,
    /// Too long, or control characters.
    Text,
    /// Not in the position's territories.
    Outlet,
    /// No such product.
    Product,
    /// Not a number of this device.
    Number,
    /// Neither visit nor reason, or both.
    OutsideVisit,
    /// The visit is elsewhere.
    VisitOutlet,
    /// Ends before it begins.
    VisitTimes,
    /// A withdrawal without a reason.
    NoReason,
    /// The document was taken back before.
    Withdrawn,
    /// The device is blocked.
    Blocked,
    /// The id has other content, or is another device's.
    Conflict,
    /// What the domain says.
    Order(OrderError),
}

impl Reason {
    /// The code a device acts by.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Outlet => ErrorCode::OutletForbidden,
            Self::Conflict => ErrorCode::DocumentConflict,
            Self::Blocked => ErrorCode::DeviceBlocked,
            Self::Kind
            | Self::Body
            | Self::Size
            | Self::Revision
            | Self::Text
            | Self::Product
            | Self::Number
            | Self::OutsideVisit
            | Self::VisitOutlet
            | Self::VisitTimes
            | Self::NoReason
            | Self::Withdrawn
            | Self::Order(_) => ErrorCode::DocumentRejected,
        }
    }

    fn text_key(self) -> &'static str {
        match self {
            Self::Kind => "rejected-kind",
            Self::Body => "rejected-body",
            Self::Size => "rejected-size",
            Self::Revision => "rejected-revision",
            Self::Text => "rejected-text",
            Self::Outlet => "rejected-outlet",
            Self::Product => "rejected-product",
            Self::Number => "rejected-number",
            Self::OutsideVisit => "rejected-outside-visit",
            Self::VisitOutlet => "rejected-visit-outlet",
            Self::VisitTimes => "rejected-visit-times",
            Self::NoReason => "rejected-no-reason",
            Self::Withdrawn => "rejected-withdrawn",
            Self::Blocked => "rejected-blocked",
            Self::Conflict => "rejected-conflict",
            Self::Order(OrderError::Empty) => "rejected-order-empty",
            Self::Order(OrderError::TooManyLines) => "rejected-order-too-many-lines",
            Self::Order(OrderError::Quantity) => "rejected-order-quantity",
            Self::Order(OrderError::Unit) => "rejected-order-unit",
            Self::Order(OrderError::Price) => "rejected-order-price",
            Self::Order(OrderError::Repeated) => "rejected-order-repeated",
            Self::Order(OrderError::Sum | OrderError::TooLarge) => "rejected-order-sum",
            Self::Order(OrderError::Comment) => "rejected-order-comment",
        }
    }
}

/// A reason, and the field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Where: `lines.3.quantity`.
    pub field: Option<String>,
}

impl Refusal {
    /// A refusal of the whole document.
    #[must_use]
    pub fn of(reason: Reason) -> Self {
        Self { reason, field: None }
    }

    fn at(reason: Reason, field: impl Into<String>) -> Self {
        Self { reason, field: Some(field.into()) }
    }

    /// As the device hears it.
    #[must_use]
    pub fn rejection(&self, texts: &Texts) -> Rejection {
        Rejection { code: self.reason.code(), reason: texts.text(self.reason.text_key(), &[]), field: self.field.clone() }
    }
}

/// What is the same for all documents of a batch.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Prefix of the device's own order numbers.
    number_prefix: &'a str,
    /// Tax rates that were looked up; `None` for a product there is none of. Orders of a day name the same few products.
    rates: RefCell<HashMap<ProductId, Option<VatRate>>>,
}

impl<'a> Facts<'a> {
    /// Nothing looked up yet.
    #[must_use]
    pub fn new(number_prefix: &'a str) -> Self {
        Self { number_prefix, rates: RefCell::default() }
    }

    fn rate(&self, tx: &Transaction<'_>, part_id: &str, product: ProductId) -> Result<Option<VatRate>, StoreError> {
        if let Some(known) = self.rates.borrow().get(&product) {
            return Ok(*known);
        }
        let rate = products::vat_rate(tx, part_id, product)?;
        self.rates.borrow_mut().insert(product, rate);
        Ok(rate)
    }
}

/// What the rules say: the document with its facts, or why not.
pub type Verdict = Result<Checked, Refusal>;

/// Judges a document of `author`. Numbers of its device's earlier lives are its own, too.
///
/// # Errors
///
/// When the database refuses; a document that may not be accepted is no error.
pub fn check(tx: &Transaction<'_>, author: Author<'_>, facts: &Facts<'_>, document: &Envelope) -> Result<Verdict, StoreError> {
    if document.body.get().len() > MAX_DOCUMENT_BYTES {
        return Ok(Err(Refusal::of(Reason::Size)));
    }
    if document.revision == 0 {
        return Ok(Err(Refusal::at(Reason::Revision, "revision")));
    }
    if document.kind == UNREADABLE {
        return Ok(Err(Refusal::of(Reason::Body)));
    }
    match DocumentKind::parse(&document.kind) {
        None => Ok(Err(Refusal::at(Reason::Kind, "kind"))),
        Some(DocumentKind::Withdrawal) => Ok(read_body(document).and_then(check_withdrawal)),
        Some(DocumentKind::Visit) => match read_body(document) {
            Ok(visit) => check_visit(tx, author, visit),
            Err(refusal) => Ok(Err(refusal)),
        },
        Some(DocumentKind::Photo) => match read_body(document) {
            Ok(photo) => check_photo(tx, author, photo),
            Err(refusal) => Ok(Err(refusal)),
        },
        Some(DocumentKind::Order) => match read_body(document) {
            Ok(order) => check_order(tx, author, facts, order),
            Err(refusal) => Ok(Err(refusal)),
        },
    }
}

fn read_body<T: DeserializeOwned>(document: &Envelope) -> Result<T, Refusal> {
    if let Ok(body) = serde_json::from_str(document.body.get()) {
        return Ok(body);
    }
    // Once more, for the field at fault: to keep its path costs as much as to read.
    let mut json = serde_json::Deserializer::from_str(document.body.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path: Vec<String> = error
            .path()
            .iter()
            .map(|segment| segment.to_string().trim_matches(['[', ']']).to_owned())
            .filter(|segment| segment != "?")
            .collect();
        Refusal { reason: Reason::Body, field: (!path.is_empty()).then(|| path.join(".")) }
    })
}

fn check_withdrawal(withdrawal: WithdrawalBody) -> Result<Checked, Refusal> {
    if withdrawal.reason.trim().is_empty() {
        return Err(Refusal::at(Reason::NoReason, "reason"));
    }
    if withdrawal.reason.chars().count() > MAX_REASON_CHARS || !is_plain(&withdrawal.reason) {
        return Err(Refusal::at(Reason::Text, "reason"));
    }
    Ok(Checked::Withdrawal(withdrawal))
}

fn check_visit(tx: &Transaction<'_>, author: Author<'_>, visit: VisitBody) -> Result<Verdict, StoreError> {
    if visit.finished_at_ms.is_some_and(|finished| finished < visit.started_at_ms) {
        return Ok(Err(Refusal::at(Reason::VisitTimes, "finished_at_ms")));
    }
    if !outlet_in_scope(tx, author, visit.outlet_id)? {
        return Ok(Err(Refusal::at(Reason::Outlet, "outlet_id")));
    }
    Ok(Ok(Checked::Visit(visit)))
}

/// The longest comment of a photo, in characters.
const MAX_PHOTO_COMMENT_CHARS: usize = 500;

fn check_photo(tx: &Transaction<'_>, author: Author<'_>, photo: PhotoBody) -> Result<Verdict, StoreError> {
    if let Err(refusal) = check_photo_itself(&photo) {
        return Ok(Err(refusal));
    }
    if !outlet_in_scope(tx, author, photo.outlet_id)? {
        return Ok(Err(Refusal::at(Reason::Outlet, "outlet_id")));
    }
    // The visit may come later, and so may the file: each stands for itself.
    if visits::outlet_of(tx, &author.scope.part_id, photo.visit_id)?.is_some_and(|outlet| outlet != photo.outlet_id) {
        return Ok(Err(Refusal::at(Reason::VisitOutlet, "visit_id")));
    }
    Ok(Ok(Checked::Photo(photo)))
}

/// What can be said of a photo without the database. What its file really is, is seen when that comes.
fn check_photo_itself(photo: &PhotoBody) -> Result<(), Refusal> {
    if photo.comment.chars().count() > MAX_PHOTO_COMMENT_CHARS || !is_plain(&photo.comment) {
        return Err(Refusal::at(Reason::Text, "comment"));
    }
    if !(1..=MAX_PHOTO_BYTES).contains(&photo.file.bytes) {
        return Err(Refusal::at(Reason::Body, "file.bytes"));
    }
    if !matches!(photo.file.content_type.as_str(), "image/jpeg" | "image/png" | "image/webp" | "image/heic") {
        return Err(Refusal::at(Reason::Body, "file.content_type"));
    }
    let sides = 1..=MAX_PHOTO_SIDE;
    if !sides.contains(&photo.width) || !sides.contains(&photo.height) {
        return Err(Refusal::at(Reason::Body, if sides.contains(&photo.width) { "height" } else { "width" }));
    }
    if u64::from(photo.width) * u64::from(photo.height) > MAX_PHOTO_PIXELS {
        return Err(Refusal::at(Reason::Body, "width"));
    }
    Ok(())
}

fn check_order(tx: &Transaction<'_>, author: Author<'_>, facts: &Facts<'_>, body: OrderBody) -> Result<Verdict, StoreError> {
    let part_id = &author.scope.part_id;
    let totals = match check_order_itself(&body) {
        Ok(totals) => totals,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let prefix = body.number.rsplit_once('-').map_or("", |(prefix, _)| prefix);
    if prefix != facts.number_prefix && !devices::may_number_with(tx, part_id, author.lineage, prefix)? {
        return Ok(Err(Refusal::at(Reason::Number, "number")));
    }
    if !outlet_in_scope(tx, author, body.outlet_id)? {
        return Ok(Err(Refusal::at(Reason::Outlet, "outlet_id")));
    }
    // A visit that has not come yet is fine: each document stands for itself.
    if let Some(visit) = body.visit_id
        && visits::outlet_of(tx, part_id, visit)?.is_some_and(|outlet| outlet != body.outlet_id)
    {
        return Ok(Err(Refusal::at(Reason::VisitOutlet, "visit_id")));
    }
    let mut office_vat_rates = Vec::with_capacity(body.lines.len());
    for (n, line) in body.lines.iter().enumerate() {
        let Some(rate) = facts.rate(tx, part_id, line.product_id)? else {
            return Ok(Err(Refusal::at(Reason::Product, format!("lines.{n}.product_id"))));
        };
        // The rep's rate and price stand: they are what the shop was told. The difference is for the office to see.
        office_vat_rates.push((rate != line.vat_rate).then_some(rate));
    }
    Ok(Ok(Checked::Order(Box::new(CheckedOrder { body, totals, office_vat_rates }))))
}

/// What can be said of an order without the database.
fn check_order_itself(order: &OrderBody) -> Result<polevik_domain::order::OrderTotals, Refusal> {
    if DocumentNumber::parse(&order.number).is_none() {
        return Err(Refusal::at(Reason::Number, "number"));
    }
    match (&order.visit_id, &order.outside_visit) {
        (Some(_), None) => {}
        (None, Some(reason)) if !reason.trim().is_empty() => {
            if reason.chars().count() > MAX_REASON_CHARS || !is_plain(reason) {
                return Err(Refusal::at(Reason::Text, "outside_visit"));
            }
        }
        (Some(_), Some(_)) | (None, _) => return Err(Refusal::at(Reason::OutsideVisit, "outside_visit")),
    }
    if !is_plain(&order.comment) {
        return Err(Refusal::at(Reason::Text, "comment"));
    }
    let totals = check_placeable(&order.lines, &order.comment).map_err(|error| {
        // The domain judges lines together; where one alone is at fault, say which.
        let line = order.lines.iter().position(|line| !line.adds_up()).filter(|_| error == OrderError::Sum);
        Refusal { reason: Reason::Order(error), field: line.map(|n| format!("lines.{n}.sum")) }
    })?;
    if totals.sum != order.sum {
        return Err(Refusal::at(Reason::Order(OrderError::Sum), "sum"));
    }
    if totals.vat_sum != order.vat_sum {
        return Err(Refusal::at(Reason::Order(OrderError::Sum), "vat_sum"));
    }
    Ok(totals)
}

/// Whether a text has no control characters but line ends and tabs.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t')
}

fn outlet_in_scope(tx: &Transaction<'_>, author: Author<'_>, outlet: polevik_domain::ids::OutletId) -> Result<bool, StoreError> {
    let found = outlets::find(tx, &author.scope.part_id, outlet)?;
    Ok(found.is_some_and(|outlet| outlet.is_in(&author.scope.territories)))
}

#[cfg(test)]
mod tests {
    use polevik_domain::ids::OutletId;
    use polevik_domain::money::Money;
    use polevik_domain::order::OrderLine;
    use polevik_domain::quantity::{Unit, UnitFactors};
    use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
    use polevik_texts::Language;

    use super::*;

    fn order() -> OrderBody {
        let line = |product, quantity| {
            let factors = UnitFactors { block: 6, box_: 24 };
            OrderLine::new(ProductId(product), Unit::Piece, quantity, factors, Money(12_200), VatRate(2_200)).unwrap()
        };
        OrderBody {
            number: "А017-000001".to_owned(),
            outlet_id: OutletId(1),
            visit_id: None,
            outside_visit: Some("звонок".to_owned()),
            placed_at_ms: UtcMillis(1),
            local_day: CalendarDay(20_000),
            utc_offset: UtcOffsetMinutes(180),
            delivery_day: None,
            price_type_id: None,
            warehouse_id: None,
            comment: String::new(),
            lines: vec![line(1, 2), line(2, 3)],
            sum: Money(61_000),
            vat_sum: Money(11_000),
        }
    }

    #[test]
    fn an_order_is_refused_at_the_field_that_is_wrong() {
        let judge = |change: fn(&mut OrderBody)| {
            let mut order = order();
            change(&mut order);
            check_order_itself(&order).err().map(|refusal| (refusal.reason, refusal.field.unwrap_or_default()))
        };
        let sum = Reason::Order(OrderError::Sum);
        assert_eq!(judge(|_| {}), None);
        assert_eq!(judge(|order| order.number = "1".to_owned()), Some((Reason::Number, "number".to_owned())));
        assert_eq!(judge(|order| order.outside_visit = None), Some((Reason::OutsideVisit, "outside_visit".to_owned())));
        assert_eq!(judge(|order| order.outside_visit = Some(" ".to_owned())), Some((Reason::OutsideVisit, "outside_visit".to_owned())));
        assert_eq!(judge(|order| order.outside_visit = Some("я".repeat(201))), Some((Reason::Text, "outside_visit".to_owned())));
        assert_eq!(judge(|order| order.comment = "a\u{0}b".to_owned()), Some((Reason::Text, "comment".to_owned())));
        assert_eq!(judge(|order| order.comment = "две\nстроки".to_owned()), None);
        assert_eq!(judge(|order| order.sum = Money(61_001)), Some((sum, "sum".to_owned())));
        assert_eq!(judge(|order| order.vat_sum = Money(0)), Some((sum, "vat_sum".to_owned())));
        assert_eq!(judge(|order| order.lines[1].sum = Money(0)), Some((sum, "lines.1.sum".to_owned())));
        assert_eq!(judge(|order| order.lines.clear()), Some((Reason::Order(OrderError::Empty), String::new())));
    }

    #[test]
    fn a_body_that_cannot_be_read_names_the_field() {
        let field = |body: &str| {
            let document = Envelope {
                id: polevik_domain::ids::DocumentId::generate(UtcMillis(1), [1; 10]),
                kind: "order".to_owned(),
                revision: 1,
                device_seq: 1,
                created_at_ms: UtcMillis(1),
                body: serde_json::value::RawValue::from_string(body.to_owned()).unwrap(),
            };
            read_body::<OrderBody>(&document).unwrap_err().field.unwrap_or_default()
        };
        let good = serde_json::to_string(&order()).unwrap();
        assert_eq!(field(&good.replace("\"quantity\":3", "\"quantity\":\"3\"")), "lines.1.quantity");
        assert_eq!(field(&good.replace("\"outlet_id\":1", "\"outlet_id\":null")), "outlet_id");
        assert_eq!(field("7"), "");
    }

    #[test]
    fn a_withdrawal_has_a_reason_that_can_be_read() {
        let judge = |reason: &str| {
            let withdrawal = WithdrawalBody { reason: reason.to_owned(), withdrawn_at_ms: UtcMillis(1) };
            check_withdrawal(withdrawal).err().map(|refusal| refusal.reason)
        };
        assert_eq!(judge("передумали"), None);
        assert_eq!(judge(" "), Some(Reason::NoReason));
        assert_eq!(judge(&"я".repeat(201)), Some(Reason::Text));
        assert_eq!(judge("a\u{0}"), Some(Reason::Text));
    }

    #[test]
    fn every_reason_has_words_in_both_languages() {
        use OrderError::{Comment, Empty, Price, Quantity, Repeated, Sum, TooLarge, TooManyLines, Unit};
        let of_orders = [Comment, Empty, Price, Quantity, Repeated, Sum, TooLarge, TooManyLines, Unit].map(Reason::Order);
        let reasons = [
            Reason::Kind,
            Reason::Body,
            Reason::Size,
            Reason::Revision,
            Reason::Text,
            Reason::Outlet,
            Reason::Product,
            Reason::Number,
            Reason::OutsideVisit,
            Reason::VisitOutlet,
            Reason::VisitTimes,
            Reason::NoReason,
            Reason::Withdrawn,
            Reason::Blocked,
            Reason::Conflict,
        ];
        for language in Language::ALL {
            let texts = Texts::new(language);
            for reason in reasons.into_iter().chain(of_orders) {
                assert!(texts.has(reason.text_key()), "{language:?} {reason:?}");
            }
        }
    }
}
