//! Every failure we can name, and what to do about it (catalogue: product specification 2.6).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the device does about a failure by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request, later, with back-off.
    Later,
    /// Once, then it waits for a person.
    Once,
    /// When the network is another one.
    OnNetworkChange,
    /// At the time the server named.
    AtServerTime,
    /// After the person did something: logged in, updated, freed space.
    AfterAction,
    /// Not before the office changed something.
    Never,
}

/// How loudly it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Blue: nothing to do.
    Info,
    /// Amber: it will pass or be worked round.
    Warning,
    /// Red.
    Error,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $retry:ident, $severity:ident;)*) => {
        /// Every failure we can name, as screen, log, server and console see it.
        ///
        /// The four characters are the contract: a rep reads them out to support, screens translate them, dashboards count them. A
        /// code is never renamed and never used for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// All codes, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The four characters.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// What the device does about it by itself.
            #[must_use]
            pub fn retry(self) -> Retry { match self { $(Self::$name => Retry::$retry,)* } }

            /// How loudly it is shown.
            #[must_use]
            pub fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity,)* } }

            /// Reads the four characters; `None` for a code of another version.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

error_codes! {
    /// No internet.
    NoInternet = "N101", Later, Warning;
    /// Flight mode is on.
    FlightMode = "N102", Later, Warning;
    /// Server does not respond.
    ServerSilent = "N103", Later, Error;
    /// Network needs sign-in.
    CaptivePortal = "N104", OnNetworkChange, Error;
    /// Connection lost.
    ConnectionLost = "N105", Later, Warning;
    /// Secure connection failed.
    TlsFailed = "N106", AfterAction, Error;
    /// Sign in again.
    LoginNeeded = "A201", AfterAction, Error;
    /// Device disabled.
    DeviceBlocked = "A202", Never, Error;
    /// Position changed.
    PositionChanged = "A203", AfterAction, Warning;
    /// Too many devices.
    TooManyDevices = "A204", Never, Error;
    /// Maintenance.
    Maintenance = "S301", AtServerTime, Warning;
    /// Server error.
    ServerError = "S302", Later, Error;
    /// Server busy.
    ServerBusy = "S303", AtServerTime, Warning;
    /// Update the app.
    UpdateNeeded = "S304", AfterAction, Error;
    /// Incomplete reply.
    IncompleteReply = "S305", Later, Error;
    /// Server restored, re-checking.
    ServerRestored = "S306", Later, Info;
    /// Document rejected.
    DocumentRejected = "D401", AfterAction, Error;
    /// No access to outlet.
    OutletForbidden = "D402", Never, Error;
    /// Changed in office.
    ChangedInOffice = "D404", AfterAction, Warning;
    /// Parent missing.
    ParentMissing = "D405", Later, Info;
    /// Bad reference data.
    BadReferenceData = "D406", Later, Error;
    /// Set aside.
    DocumentParked = "D407", Once, Error;
    /// Same document number, other content.
    DocumentConflict = "D408", Never, Error;
    /// Not enough space.
    NoSpace = "L501", AfterAction, Error;
    /// File damaged in transit.
    FileDamaged = "L502", Later, Warning;
    /// No storage permission.
    NoStorage = "L503", AfterAction, Error;
    /// Photo is missing.
    PhotoMissing = "L504", Never, Error;
    /// Database damaged.
    DatabaseDamaged = "L505", AfterAction, Error;
    /// App was closed.
    AppWasClosed = "L506", Later, Info;
    /// IR library check failed.
    RecognitionLibraryRefused = "L507", Later, Error;
    /// Wrong device time.
    WrongClock = "T601", Later, Warning;
    /// Open visit.
    VisitOpen = "P701", AfterAction, Warning;
    /// Unsent data.
    UnsentData = "P702", AfterAction, Warning;
    /// Locked by admin.
    LockedByAdmin = "P703", Never, Info;
    /// No orders in range.
    NoOrders = "E801", AfterAction, Error;
    /// Start after end.
    StartAfterEnd = "E802", AfterAction, Error;
    /// File not saved.
    FileNotSaved = "E803", AfterAction, Error;
    /// No app to open.
    NoAppToOpen = "E804", AfterAction, Warning;
    /// Logs not sent.
    LogsNotSent = "G901", Later, Warning;
    /// Logs too large.
    LogsTooLarge = "G902", AfterAction, Warning;
    /// Unexpected error.
    Unexpected = "X999", AfterAction, Error;
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    /// A code this version does not know reads as [`ErrorCode::Unexpected`]: a newer server must not break an older device.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self::parse(&text).unwrap_or(Self::Unexpected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_is_a_letter_and_three_digits() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
            let bytes = code.as_str().as_bytes();
            assert!(bytes.len() == 4 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit));
        }
    }

    #[test]
    fn no_code_stands_twice() {
        let mut texts: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn a_code_of_a_newer_server_reads_as_unexpected() {
        assert_eq!(serde_json::from_str::<ErrorCode>("\"Q777\"").unwrap(), ErrorCode::Unexpected);
        assert_eq!(serde_json::to_string(&ErrorCode::NoInternet).unwrap(), "\"N101\"");
    }
}
