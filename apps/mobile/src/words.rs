//! Words of the chosen language for every screen, and numbers and times as that language writes them.

use std::sync::Arc;

use leptos::prelude::*;
use polevik_device_api::frame::Refusal;
use polevik_device_api::network::{NetworkClass, TrafficClass};
use polevik_device_api::sync::{Failure, RowId, RowView};
use polevik_device_api::view::DocumentPlace;
use polevik_device_api::{ErrorCode, Reply};
use polevik_domain::money::Money;
use polevik_domain::photo::Scene;
use polevik_domain::position::Role;
use polevik_domain::quantity::Unit;
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_texts::{Language, Texts, Value, format};

use crate::browser;

/// The texts on the screen. Screens are drawn anew when the language changes, so they read the words without watching.
#[derive(Clone, Copy)]
pub struct Words(RwSignal<Arc<Texts>>);

impl Words {
    /// The words of `language`.
    pub fn new(language: Language) -> Self {
        let words = Self(RwSignal::new(Arc::new(Texts::new(language))));
        words.tell_page();
        words
    }

    /// The words of the screen that is being drawn.
    pub fn here() -> Self {
        expect_context()
    }

    /// The language, watched: who reads it is drawn anew when it changes.
    pub fn watch_language(self) -> Language {
        self.0.read().language()
    }

    /// The language now.
    pub fn language(self) -> Language {
        self.0.read_untracked().language()
    }

    /// Speaks `language` from now on.
    pub fn speak(self, language: Language) {
        if self.language() != language {
            self.0.set(Arc::new(Texts::new(language)));
            self.tell_page();
        }
    }

    fn tell_page(self) {
        let document = browser::document();
        document.set_title(&self.t("app-name"));
        if let Some(root) = document.document_element() {
            // Only for hyphenation and screen readers; the words themselves are right either way.
            let _ = root.set_attribute("lang", self.language().tag());
        }
    }

    /// A text without values.
    pub fn t(self, key: &str) -> String {
        self.0.read_untracked().text(key, &[])
    }

    /// A text with values.
    pub fn with(self, key: &str, args: &[(&str, Value<'_>)]) -> String {
        self.0.read_untracked().text(key, args)
    }

    /// A text with one string.
    pub fn with_text(self, key: &str, name: &str, value: &str) -> String {
        self.with(key, &[(name, value.into())])
    }

    /// A count in words: `3 заказа`.
    pub fn count(self, key: &str, n: u64) -> String {
        self.0.read_untracked().count(key, i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// A whole number with its thousands apart.
    pub fn number(self, n: i64) -> String {
        format::whole(self.language(), n)
    }

    /// A sum of money.
    pub fn money(self, money: Money) -> String {
        format::money(self.language(), money.0)
    }

    /// A size in bytes.
    pub fn size(self, bytes: u64) -> String {
        format::size(self.language(), i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    /// Full date and time in the device's zone.
    pub fn date_time(self, at: UtcMillis) -> String {
        format::date_time(self.language(), browser::local(at))
    }

    /// Hours and minutes in the device's zone.
    pub fn clock(self, at: UtcMillis) -> String {
        format::clock(browser::local(at))
    }

    /// Day, month, hours and minutes.
    pub fn day_and_clock(self, at: UtcMillis) -> String {
        format::day_and_clock(self.language(), browser::local(at))
    }

    /// A date.
    pub fn date(self, day: CalendarDay) -> String {
        format::date(self.language(), browser::date(day))
    }

    /// A day in words.
    pub fn day_in_words(self, day: CalendarDay) -> String {
        format::day_in_words(self.language(), browser::date(day))
    }

    /// A day in two or three letters.
    pub fn weekday(self, day: CalendarDay) -> String {
        format::weekday_short(self.language(), browser::date(day)).to_owned()
    }

    /// Short name of a unit.
    pub fn unit(self, unit: Unit) -> String {
        self.t(match unit {
            Unit::Piece => "unit-piece",
            Unit::Block => "unit-block",
            Unit::Box => "unit-box",
        })
    }

    /// What a position is for.
    pub fn role(self, role: Role) -> String {
        self.t(match role {
            Role::Rep => "role-rep",
            Role::Merchandiser => "role-merchandiser",
            Role::Van => "role-van",
            Role::Supervisor => "role-supervisor",
        })
    }

    /// Name of a row of the synchronisation screen.
    pub fn row_name(self, row: RowId) -> String {
        self.t(match row {
            RowId::DownloadMandatory | RowId::UploadMandatory => "sync-mandatory",
            RowId::DownloadMaterials | RowId::UploadMaterials => "sync-materials",
            RowId::DownloadLibrary => "sync-library",
        })
    }

    /// What bytes are for, as the rows of the synchronisation screen are named.
    pub fn traffic_name(self, class: TrafficClass) -> String {
        self.t(match class {
            TrafficClass::Mandatory => "sync-mandatory",
            TrafficClass::Materials => "sync-materials",
            TrafficClass::Library => "sync-library",
        })
    }

    /// What kind of network there is.
    pub fn network(self, network: NetworkClass) -> String {
        self.t(&format!("network-{}", network.as_str()))
    }

    /// What a photo shows.
    pub fn scene(self, scene: Scene) -> String {
        self.t(&format!("scene-{}", scene.as_str()))
    }

    /// Files of a row with their bytes: `18 фото, 6,4 МБ`, `4 файла, 38 МБ`, `84 МБ`.
    pub fn files_and_bytes(self, row: RowId, files: u64, bytes: u64) -> String {
        let key = match row {
            RowId::UploadMaterials => Some("photos-count"),
            RowId::DownloadMaterials => Some("files-count"),
            RowId::DownloadLibrary | RowId::DownloadMandatory | RowId::UploadMandatory => None,
        };
        let files = key.filter(|_| files > 0).map(|key| self.count(key, files));
        let bytes = (bytes > 0).then(|| self.size(bytes));
        [files, bytes].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Title of a code of the catalogue.
    pub fn code_title(self, code: ErrorCode) -> String {
        self.0.read_untracked().code_title(code)
    }

    /// What to do about a code.
    pub fn code_action(self, code: ErrorCode) -> String {
        self.0.read_untracked().code_action(code)
    }

    /// Code and session tag, as a rep reads them to support: `N103 · 7F3K-22`.
    pub fn code_and_tag(self, failure: &Failure) -> String {
        match &failure.tag {
            Some(tag) => format!("{} · {tag}", failure.code),
            None => failure.code.to_string(),
        }
    }

    /// Where a document stands: a short word, and the colour it is said in.
    pub fn place(self, place: &DocumentPlace) -> (String, Tone) {
        match place {
            DocumentPlace::Draft => (self.t("order-state-draft"), Tone::Idle),
            DocumentPlace::OnlyHere => (self.t("order-state-waiting"), Tone::Warn),
            DocumentPlace::OnServer => (self.t("order-state-server"), Tone::Ok),
            DocumentPlace::Office { state } => match state.as_str() {
                "accepted" => (self.t("order-state-accepted"), Tone::Ok),
                "shipped" => (self.t("order-state-shipped"), Tone::Ok),
                "delivered" => (self.t("order-state-delivered"), Tone::Ok),
                "changed" => (self.t("order-state-changed"), Tone::Warn),
                "rejected" => (self.t("order-state-rejected"), Tone::Error),
                // A word of a newer office: the document is on the server in any case.
                _ => (self.t("order-state-server"), Tone::Ok),
            },
            DocumentPlace::Rejected { .. } => (self.t("order-state-rejected"), Tone::Error),
            DocumentPlace::Parked => (self.t("order-state-parked"), Tone::Warn),
            DocumentPlace::Withdrawn { .. } => (self.t("order-state-withdrawn"), Tone::Idle),
        }
    }

    /// What waits to be sent, as a list: `3 заказа, 2 визита`; photos with their bytes.
    pub fn waiting(self, row: &RowView) -> String {
        if row.id == RowId::UploadMaterials {
            return self.files_and_bytes(row.id, u64::from(row.files_waiting), row.bytes_waiting);
        }
        let parts =
            [("orders-count", row.orders_waiting), ("visits-count", row.visits_waiting), ("withdrawals-count", row.withdrawals_waiting)];
        let words: Vec<String> = parts.into_iter().filter(|(_, n)| *n > 0).map(|(key, n)| self.count(key, u64::from(n))).collect();
        words.join(", ")
    }

    /// Why an act did not happen, in one sentence.
    pub fn why_not(self, reply: &Reply) -> String {
        match reply {
            Reply::Refused(refusal) => self.refusal(*refusal),
            Reply::Failed(failure) => format!("{}. {}", self.code_title(failure.code), self.code_action(failure.code)),
            // Any other answer does not fit the question: that is a mistake of ours, and support wants the code.
            _ => self.with_text("act-failed", "code", ErrorCode::Unexpected.as_str()),
        }
    }

    fn refusal(self, refusal: Refusal) -> String {
        self.t(match refusal {
            Refusal::NotSignedIn => "act-signed-out",
            Refusal::NotFound => "act-not-found",
            Refusal::AnotherVisitOpen => "act-other-visit",
            Refusal::VisitFinished => "act-visit-finished",
            Refusal::NotADraft => "act-placed",
            Refusal::ReasonMissing => "order-outside-ask",
            Refusal::NoPrice => "act-no-price",
            Refusal::Unit => "act-no-unit",
            Refusal::Quantity => "act-quantity",
            Refusal::Empty => "act-empty-order",
            Refusal::TooLarge => "act-too-large",
            Refusal::DeliveryInPast => "act-delivery-past",
            Refusal::Withdrawn => "act-withdrawn",
            Refusal::Picture => "act-picture",
            Refusal::NumbersUsedUp => "act-numbers",
        })
    }
}

/// In which colour a state is said; always beside an icon or a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Done, safe.
    Ok,
    /// To know, or under way.
    Info,
    /// Will pass, or wants a look.
    Warn,
    /// Failed, or destroys.
    Error,
    /// Nothing of note.
    Idle,
}

impl Tone {
    /// Its name in `app.css`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Idle => "idle",
        }
    }
}
