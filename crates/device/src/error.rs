//! What can go wrong, from the reader's side: refused as asked, or failed with a code.

use polevik_device_api::frame::Refusal;
use polevik_device_api::{Failure, Reply};
use polevik_device_store::StoreError;
use polevik_domain::order::OrderError;
use polevik_domain::visit::VisitError;
use polevik_protocol::ErrorCode;

/// Why an act or a screen did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// It cannot be done as asked; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A database failed; nothing changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<VisitError> for DeviceError {
    fn from(error: VisitError) -> Self {
        Self::Refused(match error {
            VisitError::AnotherOpen => Refusal::AnotherVisitOpen,
            VisitError::Finished => Refusal::VisitFinished,
        })
    }
}

impl From<OrderError> for DeviceError {
    fn from(error: OrderError) -> Self {
        Self::Refused(match error {
            OrderError::Empty => Refusal::Empty,
            OrderError::TooManyLines | OrderError::TooLarge | OrderError::Comment => Refusal::TooLarge,
            OrderError::Quantity => Refusal::Quantity,
            OrderError::Unit => Refusal::Unit,
            // Lines are made by the domain and kept unique by the database: sums that do not add up come from a damaged price.
            OrderError::Price | OrderError::Repeated | OrderError::Sum => Refusal::NoPrice,
        })
    }
}

impl From<DeviceError> for Reply {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Refused(refusal) => Self::Refused(refusal),
            DeviceError::Store(error) => Self::Failed(Failed::from(error).shown(None)),
        }
    }
}

/// Why a step of synchronisation did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The code of the catalogue.
    pub code: ErrorCode,
    /// For support; no secrets.
    pub detail: String,
    /// Seconds the server asks us to wait.
    pub retry_after_s: Option<u32>,
    /// How many stand before us in the queue of a busy server.
    pub queue_position: Option<u32>,
}

impl Failed {
    /// A failure with its words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_s: None, queue_position: None }
    }

    /// As screens show it.
    #[must_use]
    pub fn shown(self, tag: Option<String>) -> Failure {
        Failure { code: self.code, tag, detail: self.detail, queue_position: self.queue_position }
    }
}

impl From<DeviceError> for Failed {
    /// A step of synchronisation that is refused lacks a sign-in: nothing else stops it.
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Store(error) => error.into(),
            DeviceError::Refused(refusal) => Self::new(ErrorCode::LoginNeeded, refusal.to_string()),
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
