//! The acts of a rep. Each is one local transaction; none waits for a network.

use polevik_domain::ids::{DocumentId, OutletId, ProductId, RouteStopId};
use polevik_domain::quantity::Unit;
use polevik_domain::time::CalendarDay;
use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Start a visit at an outlet, of the day's route or without a plan. Done gives the visit's id.
    StartVisit {
        /// Where.
        outlet: OutletId,
        /// The stop of the route it fulfils, if it is planned.
        route_stop: Option<RouteStopId>,
    },
    /// Finish the open visit.
    FinishVisit {
        /// Which.
        visit: DocumentId,
    },
    /// Open a draft of an order: in a visit, or outside one with its reason. If the visit has a draft already, that one. Done gives the order's id.
    NewOrder {
        /// For whom.
        outlet: OutletId,
        /// In which visit.
        visit: Option<DocumentId>,
        /// Why outside a visit; required when `visit` is `None`.
        outside_visit: Option<String>,
    },
    /// Set or remove a line of a draft; saved at once.
    ChangeLine {
        /// The draft.
        order: DocumentId,
        /// What changes.
        change: LineChange,
    },
    /// Set the wanted day of delivery of a draft.
    SetDelivery {
        /// The draft.
        order: DocumentId,
        /// The day; `None` for no wish.
        day: Option<CalendarDay>,
    },
    /// Set the comment of a draft.
    SetComment {
        /// The draft.
        order: DocumentId,
        /// The words; up to 1 000 characters.
        comment: String,
    },
    /// Place a draft: it gets its number and goes into the outbox.
    PlaceOrder {
        /// The draft.
        order: DocumentId,
    },
    /// Throw away a draft that was never placed.
    DiscardDraft {
        /// The draft.
        order: DocumentId,
    },
    /// Send a document again that was set aside.
    Unpark {
        /// The document; `None` = all that are.
        document: Option<DocumentId>,
    },
    /// Take a visit or an order back: for the office it counts as not made. It stays readable with the reason.
    Withdraw {
        /// The document; drafts are discarded instead.
        document: DocumentId,
        /// Why; 1 to 200 characters.
        reason: String,
    },
    /// «Загрузка и выгрузка материалов только по Wi-Fi»: on or off. Acts at once.
    SetWiFiOnly {
        /// On.
        on: bool,
    },
    /// Keep a material on this device whatever the room it takes, or not any more.
    PinMaterial {
        /// Which.
        material: i64,
        /// Keep.
        pinned: bool,
    },
    /// «Удалить отправленные фото»: those whose hash the server confirmed.
    RemoveSentPhotos,
    /// «Удалить материалы, не открытые 30 дней»: neither mandatory nor pinned ones.
    RemoveUnusedMaterials,
    /// Remember the language of the screens.
    SetLanguage {
        /// `ru` or `en`.
        language: String,
    },
}

/// A new state of one line of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineChange {
    /// Which product.
    pub product: ProductId,
    /// In what it is counted.
    pub unit: Unit,
    /// How many; 0 removes the line.
    pub quantity: i64,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandDone {
    /// It is done.
    Done,
    /// A document was made, or found.
    Document(DocumentId),
}
