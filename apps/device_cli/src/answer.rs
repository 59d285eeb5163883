//! What a command says in the end: words for people, one JSON document for programs, and an exit status.

use polevik_device::api::frame::Refusal;
use polevik_device::api::{ErrorCode, Failure};
use polevik_device::error::DeviceError;
use polevik_device::order_export::selection::{Invalid, NoOrders, RangeName};
use polevik_device::order_file::OrderFileError;
use polevik_texts::{Language, Texts};
use serde_json::{Value, json};

/// Exit status of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Other = 1,
    Usage = 2,
    NotComplete = 3,
    NotLoggedIn = 4,
}

/// What a command has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
    /// `None` = success.
    pub(crate) failure: Option<Status>,
    /// Everything was said while it ran.
    pub(crate) quiet: bool,
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, failure: None, quiet: false }
    }
}

/// A command that could not be carried out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: Status,
    code: Option<ErrorCode>,
    words: String,
}

impl Problem {
    pub(crate) fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, code: None, words: words.into() }
    }

    /// A failure that has a code of the catalogue.
    pub(crate) fn coded(code: ErrorCode, words: impl Into<String>) -> Self {
        Self { status: Status::Other, code: Some(code), words: words.into() }
    }

    /// The same failure in words that fit the command better.
    pub(crate) fn saying(self, words: &str) -> Self {
        Self { words: words.to_owned(), ..self }
    }

    /// Says which part of the command line it is about.
    pub(crate) fn about(mut self, part: &str) -> Self {
        self.words = format!("{part}: {}", self.words);
        self
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let code = problem.code.map(|code| code.as_str());
        let text = match code {
            Some(code) => format!("{code}: {}", problem.words),
            None => problem.words.clone(),
        };
        let json = json!({ "error": { "code": code, "message": problem.words } });
        Self { text, json, failure: Some(problem.status), quiet: false }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let texts = Texts::new(Language::English);
        let status = match failure.code {
            ErrorCode::LoginNeeded | ErrorCode::DeviceBlocked | ErrorCode::PositionChanged | ErrorCode::TooManyDevices => {
                Status::NotLoggedIn
            }
            // Every other code is a plain failure of this command.
            _ => Status::Other,
        };
        let mut words = format!("{}. {}", texts.code_title(failure.code), texts.code_action(failure.code));
        if !failure.detail.is_empty() {
            words.push_str(&format!(" ({})", failure.detail));
        }
        Self { status, code: Some(failure.code), words }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::NotSignedIn => Status::NotLoggedIn,
            Refusal::NotFound
            | Refusal::ReasonMissing
            | Refusal::Unit
            | Refusal::Quantity
            | Refusal::Picture
            | Refusal::Empty
            | Refusal::TooLarge
            | Refusal::DeliveryInPast => Status::Usage,
            Refusal::AnotherVisitOpen
            | Refusal::Withdrawn
            | Refusal::VisitFinished
            | Refusal::NotADraft
            | Refusal::NoPrice
            | Refusal::NumbersUsedUp => Status::Other,
        };
        Self { status, code: None, words: refusal.to_string() }
    }
}

impl From<OrderFileError> for Problem {
    fn from(error: OrderFileError) -> Self {
        let (status, words) = match &error {
            OrderFileError::Invalid(Invalid::StartAfterEnd(RangeName::Created)) => {
                (Status::Usage, "--created-from is later than --created-to".to_owned())
            }
            OrderFileError::Invalid(Invalid::StartAfterEnd(RangeName::Delivery)) => {
                (Status::Usage, "--delivery-from is later than --delivery-to".to_owned())
            }
            OrderFileError::Invalid(Invalid::NothingChosen) => (Status::Usage, "say which days, or --all".to_owned()),
            OrderFileError::NoOrders(NoOrders::AtAll { drafts }) => {
                (Status::Other, format!("there are no orders on this device, and {drafts} drafts"))
            }
            OrderFileError::NoOrders(NoOrders::OfTheseDays { existing, drafts }) => {
                let (first, last) = existing.created;
                (
                    Status::Other,
                    format!(
                        "no order is of these days: there are {} from {first} to {last}; drafts of these days: {drafts}",
                        existing.orders
                    ),
                )
            }
            OrderFileError::Make(error) => (Status::Other, error.to_string()),
            OrderFileError::Device(DeviceError::Refused(refusal)) => return (*refusal).into(),
            OrderFileError::Device(DeviceError::Store(error)) => (Status::Other, error.to_string()),
        };
        Self { status, code: error.code(), words }
    }
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Refused(refusal) => refusal.into(),
            DeviceError::Store(error) => Self { status: Status::Other, code: Some(error.code()), words: error.to_string() },
        }
    }
}
