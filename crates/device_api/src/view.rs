//! Read models, one per screen: plain data, nothing formatted. Faces format them with `texts`.

use polevik_domain::ids::{DocumentId, OutletId, ProductId, RouteStopId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::order::OrderTotals;
use polevik_domain::position::Role;
use polevik_domain::quantity::{Unit, UnitFactors};
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_domain::visit::VisitKind;
use polevik_protocol::ErrorCode;
use serde::{Deserialize, Serialize};

/// Which screen to load.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Screen {
    /// Who is signed in, and whether a first download has been done. Loaded first of all.
    Start,
    /// «Маршрут» of a day; `None` = today.
    Route(Option<CalendarDay>),
    /// «Точки»: outlets whose name, address or code holds all words of the search, up to `limit`.
    Outlets {
        /// Words to look for; empty = all.
        search: String,
        /// The most rows to give.
        limit: u32,
    },
    /// «Торговая точка».
    Outlet(OutletId),
    /// «Визит».
    Visit(DocumentId),
    /// The head, lines and totals of one order.
    Order(DocumentId),
    /// The products of the order pad.
    OrderPad {
        /// The draft.
        order: DocumentId,
        /// Words to look for in name, article, barcode, brand; empty = all.
        search: String,
        /// Which part of the list.
        filter: PadFilter,
    },
    /// «Заказы».
    Orders {
        /// The most rows to give, newest first.
        limit: u32,
    },
    /// «Синхронизация».
    Sync,
    /// «Требуют внимания»: documents that need the rep.
    Attention,
    /// «Материалы».
    Materials,
    /// «Память устройства».
    Storage,
    /// «Профиль».
    Profile,
}

/// Which products the pad lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PadFilter {
    /// The assortment matrix of the outlet's format first, then the rest.
    All,
    /// Only the matrix.
    Matrix,
    /// Only what is in the order.
    InOrder,
}

/// A loaded screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// [`Screen::Start`].
    Start(StartView),
    /// [`Screen::Route`].
    Route(RouteView),
    /// [`Screen::Outlets`].
    Outlets(OutletsView),
    /// [`Screen::Outlet`].
    Outlet(Box<OutletView>),
    /// [`Screen::Visit`].
    Visit(Box<VisitView>),
    /// [`Screen::Order`].
    Order(Box<OrderView>),
    /// [`Screen::OrderPad`].
    OrderPad(OrderPadView),
    /// [`Screen::Orders`].
    Orders(OrdersView),
    /// [`Screen::Sync`].
    Sync(crate::sync::SyncView),
    /// [`Screen::Attention`].
    Attention(Vec<AttentionRow>),
    /// [`Screen::Materials`].
    Materials(crate::files::MaterialsView),
    /// [`Screen::Storage`].
    Storage(crate::files::StorageView),
    /// [`Screen::Profile`].
    Profile(Box<ProfileView>),
}

/// Where the application begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartView {
    /// Whether someone is signed in.
    pub signed_in: bool,
    /// Whether a first download has been applied: work is possible.
    pub ready: bool,
    /// The language chosen in the profile; `None` = the phone's.
    pub language: Option<String>,
}

/// The day's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// The day shown.
    pub day: CalendarDay,
    /// Today, by the corrected clock.
    pub today: CalendarDay,
    /// Days that have a plan, for the strip.
    pub days: Vec<CalendarDay>,
    /// The stops, in order; visits without a plan of that day after them.
    pub stops: Vec<StopView>,
    /// Finished ones.
    pub visits_done: u32,
    /// Orders placed on that day.
    pub orders: u32,
    /// What they come to.
    pub orders_sum: Money,
}

/// One call of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopView {
    /// The planned stop; `None` for a visit without a plan.
    pub route_stop: Option<RouteStopId>,
    /// Place in the order of visits, from 1.
    pub seq: u32,
    /// Where.
    pub outlet: OutletId,
    /// Its name; empty when the outlet is not on this device.
    pub outlet_name: String,
    /// Its address.
    pub address: String,
    /// Planned start, minutes after local midnight.
    pub planned_minute: Option<u32>,
    /// Amount overdue, zero if none.
    pub overdue: Money,
    /// The visit, if it was started.
    pub visit: Option<StopVisit>,
}

/// A visit as the route shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopVisit {
    /// Its id.
    pub id: DocumentId,
    /// Start.
    pub started_at: UtcMillis,
    /// End; `None` while open.
    pub finished_at: Option<UtcMillis>,
    /// Where its data are.
    pub place: DocumentPlace,
    /// Placed orders.
    pub orders: u32,
    /// What they come to.
    pub orders_sum: Money,
    /// Its photos.
    pub photos: u32,
    /// Those of them whose files the server does not have yet.
    pub photos_waiting: u32,
}

/// Where a document stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentPlace {
    /// Being written; not in the outbox.
    Draft,
    /// Saved here, not on the server yet.
    OnlyHere,
    /// On the server.
    OnServer,
    /// The office took it further: its word for it (`accepted`, `shipped`, `delivered`).
    Office {
        /// State code as the office sends it.
        state: String,
    },
    /// The server refused it.
    Rejected {
        /// Why.
        code: ErrorCode,
        /// In the office's words.
        reason: String,
    },
    /// It is set aside (D407): the server broke at it three times.
    Parked,
    /// The rep took it back.
    Withdrawn {
        /// Whether the server knows.
        on_server: bool,
    },
}

/// What is told of a document beside its place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Aftermath {
    /// The server had it, was restored from a backup, and is offered it again (S306): nothing is to be done.
    pub re_offered: bool,
    /// Why the rep took it back, in the rep's words.
    pub withdrawal_reason: Option<String>,
}

/// A document that needs the rep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttentionRow {
    /// The document.
    pub id: DocumentId,
    /// What it is.
    pub kind: polevik_protocol::document::DocumentKind,
    /// Number of an order; empty for a visit.
    pub number: String,
    /// Where.
    pub outlet_name: String,
    /// When it was made.
    pub at: UtcMillis,
    /// [`DocumentPlace::Rejected`] or [`DocumentPlace::Parked`].
    pub place: DocumentPlace,
    /// Since when it stands so.
    pub since: UtcMillis,
}

/// Outlets of the territory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletsView {
    /// How many match in all.
    pub total: u32,
    /// The first of them by name.
    pub rows: Vec<OutletRow>,
}

/// One outlet in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletRow {
    /// Its id.
    pub id: OutletId,
    /// The office's code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Amount overdue.
    pub overdue: Money,
    /// Whether shipping to it is stopped.
    pub stopped: bool,
}

/// «Торговая точка».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletView {
    /// Head data.
    pub row: OutletRow,
    /// Format: `kiosk`, `traditional`, `minimarket`, `supermarket`, `horeca`.
    pub format: String,
    /// Class A–D.
    pub class: String,
    /// Legal entity.
    pub legal_name: String,
    /// Its taxpayer number.
    pub inn: String,
    /// Number of the contract.
    pub contract_number: String,
    /// Name of the price list.
    pub price_type: String,
    /// Contact person.
    pub contact: String,
    /// Phone.
    pub phone: String,
    /// Opening hours.
    pub work_hours: String,
    /// Days of delivery, bit 0 = Monday.
    pub delivery_days: u32,
    /// Latitude and longitude in micro-degrees, when known.
    pub location: Option<(i64, i64)>,
    /// Everything owed.
    pub debt: Money,
    /// Open invoices, oldest due first.
    pub receivables: Vec<ReceivableRow>,
    /// Latest orders of this device for the outlet.
    pub orders: Vec<OrderRow>,
    /// The open visit here, if any.
    pub open_visit: Option<DocumentId>,
    /// Whether a visit is open at another outlet.
    pub other_visit_open: Option<(DocumentId, String)>,
    /// Today's planned stop that has no visit yet.
    pub planned_stop: Option<RouteStopId>,
    /// When the rows shown were loaded (last successful download).
    pub fresh_at: Option<UtcMillis>,
}

/// One open invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivableRow {
    /// Its number.
    pub document: String,
    /// Its day.
    pub day: CalendarDay,
    /// Due day.
    pub due: CalendarDay,
    /// What is still open.
    pub rest: Money,
    /// Days overdue on today's date, 0 if not.
    pub overdue_days: u32,
}

/// «Визит».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitView {
    /// Its id.
    pub id: DocumentId,
    /// Planned or not.
    pub kind: VisitKind,
    /// Where.
    pub outlet: OutletRow,
    /// Start.
    pub started_at: UtcMillis,
    /// End; `None` while open.
    pub finished_at: Option<UtcMillis>,
    /// Where its data are.
    pub place: DocumentPlace,
    /// What came of it after it was reported.
    pub aftermath: Aftermath,
    /// Its orders, drafts too.
    pub orders: Vec<OrderRow>,
    /// Its photos, in the order they were taken.
    pub photos: Vec<crate::files::PhotoRow>,
    /// Materials about this outlet.
    pub materials: Vec<crate::files::MaterialRow>,
    /// How free space stands: whether a photo can be taken.
    pub space: crate::files::Space,
    /// Now, by the corrected clock.
    pub now: UtcMillis,
}

/// One order in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// Its id.
    pub id: DocumentId,
    /// `А017-000245`; empty for a draft.
    pub number: String,
    /// For whom.
    pub outlet: OutletId,
    /// Its name.
    pub outlet_name: String,
    /// When it was placed, or last changed if a draft.
    pub at: UtcMillis,
    /// Day it belongs to.
    pub local_day: CalendarDay,
    /// Wanted delivery.
    pub delivery_day: Option<CalendarDay>,
    /// What it comes to.
    pub totals: OrderTotals,
    /// Where it stands.
    pub place: DocumentPlace,
    /// Whether it was placed in a visit.
    pub in_visit: bool,
}

/// «Заказ».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Head data.
    pub row: OrderRow,
    /// Its visit.
    pub visit: Option<DocumentId>,
    /// Why outside a visit.
    pub outside_visit: Option<String>,
    /// Name of the price list by which it is priced.
    pub price_type: String,
    /// Name of the warehouse.
    pub warehouse: String,
    /// The rep's words.
    pub comment: String,
    /// The lines, in the order they were entered.
    pub lines: Vec<OrderLineRow>,
    /// Proposed delivery days: the next ones on which the outlet takes goods.
    pub delivery_choices: Vec<CalendarDay>,
    /// What came of it after it was placed.
    pub aftermath: Aftermath,
}

/// One line shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLineRow {
    /// Which product.
    pub product: ProductId,
    /// Its article.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Unit.
    pub unit: Unit,
    /// Quantity in units.
    pub quantity: i64,
    /// Quantity in pieces.
    pub base_quantity: i64,
    /// Price of a piece.
    pub price: Money,
    /// Tax rate.
    pub vat_rate: VatRate,
    /// Sum.
    pub sum: Money,
}

/// The list of the order pad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPadView {
    /// The order's totals.
    pub totals: OrderTotals,
    /// How many match in all; `rows` holds at most [`PAD_LIMIT`] of them.
    pub total: u32,
    /// The products.
    pub rows: Vec<PadRow>,
}

/// The most rows of the pad in one view.
pub const PAD_LIMIT: u32 = 2_000;

/// One product of the pad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PadRow {
    /// Which.
    pub product: ProductId,
    /// Its article.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Its brand.
    pub brand: String,
    /// Its category.
    pub category: String,
    /// What the assortment matrix says of it here: `must`, `focus`, `new`; empty if nothing.
    pub matrix: String,
    /// Units.
    pub factors: UnitFactors,
    /// Price of a piece today; `None` = not for sale here.
    pub price: Option<Money>,
    /// Pieces in stock; `None` if not known.
    pub stock: Option<i64>,
    /// In the order: unit and quantity.
    pub in_order: Option<(Unit, i64)>,
}

/// «Заказы».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersView {
    /// How many there are.
    pub total: u32,
    /// Newest first.
    pub rows: Vec<OrderRow>,
    /// Today, by the corrected clock.
    pub today: CalendarDay,
}

/// «Профиль».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileView {
    /// The person.
    pub user_name: String,
    /// E-mail they signed in with.
    pub email: String,
    /// Position's name.
    pub position: String,
    /// Position's code.
    pub position_code: String,
    /// What it is for.
    pub role: Role,
    /// Territory's name.
    pub territory: String,
    /// Distributor's name.
    pub distributor: String,
    /// Address of the server.
    pub server: String,
    /// This installation.
    pub device_id: String,
    /// Prefix of its document numbers.
    pub number_prefix: String,
    /// Last number given.
    pub last_number: u32,
    /// Version of the application.
    pub app_version: String,
    /// Server's clock minus device's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// Version of the recognition library in use.
    pub library_version: Option<u64>,
    /// Bytes of this month by purpose and network.
    pub traffic: Vec<crate::network::TrafficRow>,
    /// Rows on this device per table, to compare with the server's.
    pub row_counts: Vec<(String, u64)>,
    /// Documents not on the server yet.
    pub unsent: u32,
    /// The language chosen; `None` = the phone's.
    pub language: Option<String>,
}
