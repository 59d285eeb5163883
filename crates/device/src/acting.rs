//! Who acts, and when: what every command and screen is told about the moment.

use polevik_device_api::frame::Refusal;
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::login::PositionInfo;

use crate::error::DeviceError;
use crate::host::Host;

/// Time and chance at one moment, by the clock corrected with the server's.
pub struct Moment {
    /// Now, by the server's clock as far as it is known.
    pub now: UtcMillis,
    /// How far local clocks are ahead of UTC.
    pub utc_offset: UtcOffsetMinutes,
    /// Unpredictable bytes for one id.
    random: [u8; 10],
}

impl Moment {
    /// The moment, corrected by `clock_offset_ms`.
    pub fn of(host: &impl Host, clock_offset_ms: i64) -> Self {
        let mut random = [0; 10];
        host.random_bytes(&mut random);
        Self { now: host.now().plus_millis(clock_offset_ms), utc_offset: host.utc_offset(), random }
    }

    /// Today, as local clocks show it.
    #[must_use]
    pub fn today(&self) -> CalendarDay {
        CalendarDay::at(self.now, self.utc_offset)
    }

    /// The id of the one document that a command makes.
    #[must_use]
    pub fn new_document_id(&self) -> DocumentId {
        DocumentId::generate(self.now, self.random)
    }
}

/// The position that is signed in.
///
/// # Errors
///
/// [`Refusal::NotSignedIn`].
pub fn signed_in_position(work: &Transaction<'_>) -> Result<PositionInfo, DeviceError> {
    if options::get(work, OptionName::Token)?.is_none() {
        return Err(Refusal::NotSignedIn.into());
    }
    last_position(work)?.ok_or(DeviceError::Refused(Refusal::NotSignedIn))
}

/// The position that signed in last, whether or not it has signed out since.
///
/// # Errors
///
/// [`StoreError`].
pub fn last_position(work: &Transaction<'_>) -> Result<Option<PositionInfo>, StoreError> {
    let text = options::get(work, OptionName::Position)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Its id.
///
/// # Errors
///
/// [`Refusal::NotSignedIn`].
pub fn signed_in_id(work: &Transaction<'_>) -> Result<PositionId, DeviceError> {
    Ok(signed_in_position(work)?.id)
}
