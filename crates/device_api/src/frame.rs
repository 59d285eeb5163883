//! Frames between page and core.

use polevik_domain::ids::DocumentId;
use polevik_domain::photo::Scene;
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::login::PositionInfo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::{Command, CommandDone};
use crate::files::FileAt;
use crate::network::NetworkClass;
use crate::sync::{Failure, RowId, SyncView};
use crate::view::{Screen, View};

/// First byte of every frame.
pub const FRAME_VERSION: u8 = 1;

/// From the page to the core.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToCore {
    /// The page's number; the reply carries it back.
    pub number: u32,
    /// What is wanted.
    pub request: Request,
}

/// What a face may ask of the core.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Do an act of the rep.
    Execute(Command),
    /// Load a screen.
    Load(Screen),
    /// Sign in; waits for the server. Also used when the session expired: nothing local is lost.
    Login {
        /// E-mail.
        email: String,
        /// As typed.
        password: String,
        /// Code of the position, once chosen.
        position: Option<String>,
    },
    /// Sign out. Refused with P702 while something is unsent, unless `keep_unsent` says that the rep was told: unsent documents stay on
    /// the device for the same person's next login.
    Logout {
        /// The rep was told and agreed.
        keep_unsent: bool,
    },
    /// Synchronise: all rows, or one. Joins a running session; answered at once, progress comes as pushes.
    Sync(Option<RowId>),
    /// Stop the running session.
    StopSync,
    /// The page saw something that may matter: the network came, the app is in front again.
    Wake,
    /// The application came to the front, or left it. In front it hears of the office's changes within a second or so.
    Foreground(bool),
    /// Count all rows of the office's copy again, and repair what is wrong. Answered at once, like [`Request::Sync`].
    Check,
    /// Keep a photo of an open visit: it is made smaller, written under its hash, and goes into the outbox and the queue of files. Answered
    /// with its document when it is safe on the disk. Refused with L501 when there is no room for photos.
    TakePhoto {
        /// In which visit.
        visit: DocumentId,
        /// What it shows.
        scene: Scene,
        /// The rep's words; may be empty.
        comment: String,
        /// The picture as the camera gave it: JPEG, PNG, WebP or what the platform can decode.
        picture: Vec<u8>,
    },
    /// Where the file of a photo or a material is, to show it; remembers that it was opened.
    OpenFile(Blake3Hex),
    /// Load this material next, whether or not the budget has room for it.
    FetchMaterial(i64),
    /// «Отправить сейчас»: what waits in these rows goes over the network there is now, once. Forgotten when it is done, or when the network is
    /// another one.
    AllowOnce(RowId),
    /// The rep says that the network of unknown kind is Wi-Fi, until the application is closed or the network is another one.
    TreatUnknownAsWiFi(bool),
    /// The platform says that the network is of another kind.
    Network(NetworkClass),
}

/// From the core to the page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum FromCore {
    /// The answer to a request.
    Reply {
        /// The page's number.
        number: u32,
        /// The answer.
        reply: Reply,
    },
    /// Something happened.
    Push(Push),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Execute`].
    Done(CommandDone),
    /// To [`Request::Load`].
    View(Box<View>),
    /// To [`Request::Login`]: the person has several positions.
    ChoosePosition(Vec<PositionInfo>),
    /// To [`Request::Login`]: signed in.
    SignedIn,
    /// To [`Request::OpenFile`].
    File(FileAt),
    /// To the others.
    Taken,
    /// It did not work.
    Failed(Failure),
    /// It cannot be done as asked; a reason for people who write faces: no such order, a quantity out of range …
    Refused(Refusal),
}

/// Why an act was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The thing is not on this device.
    #[error("it is not on this device")]
    NotFound,
    /// Another visit is open.
    #[error("another visit is open")]
    AnotherVisitOpen,
    /// The visit is finished.
    #[error("the visit is finished")]
    VisitFinished,
    /// Only a draft can be changed.
    #[error("the order is placed already")]
    NotADraft,
    /// An order outside a visit needs its reason.
    #[error("an order outside a visit needs its reason")]
    ReasonMissing,
    /// The product has no price for this outlet.
    #[error("the product has no price for this outlet")]
    NoPrice,
    /// The product is not sold in this unit.
    #[error("the product is not sold in this unit")]
    Unit,
    /// The quantity is out of range.
    #[error("the quantity is out of range")]
    Quantity,
    /// The order has no lines.
    #[error("the order has no lines")]
    Empty,
    /// Too many lines, too long a comment or too large a sum.
    #[error("too many lines, too long a comment or too large a sum")]
    TooLarge,
    /// The wanted day of delivery is before today.
    #[error("the wanted day of delivery is before today")]
    DeliveryInPast,
    /// The document is withdrawn already.
    #[error("it is withdrawn already")]
    Withdrawn,
    /// The picture cannot be read, or is too large.
    #[error("the picture cannot be read, or is too large")]
    Picture,
    /// The device has used up its numbers.
    #[error("the device has used up its document numbers")]
    NumbersUsedUp,
}

/// Something happened in the core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Push {
    /// The databases are open; requests are answered from now on.
    Ready,
    /// The core could not start: L503 no storage, L505 damaged, or another window has it open.
    CannotStart {
        /// Why.
        failure: Failure,
        /// Another window holds the databases.
        other_window: bool,
    },
    /// The state of synchronisation changed (at most four times a second while bytes move).
    Sync(Box<SyncView>),
    /// Tables changed: screens that show them should be loaded again. Names as in the databases.
    Changed(Vec<String>),
}

/// A frame that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Of another build.
    #[error("the frame is of another version")]
    Version,
    /// Damaged.
    #[error("the frame cannot be read")]
    Damaged,
}

/// A message as bytes.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_extend(message, vec![FRAME_VERSION]).unwrap_or_default()
}

/// Reads a message.
///
/// # Errors
///
/// [`FrameError`] for bytes of another build or damaged ones; never a panic.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    match bytes.split_first() {
        Some((&FRAME_VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| FrameError::Damaged),
        Some(_) => Err(FrameError::Version),
        None => Err(FrameError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_and_strange_bytes_are_refused() {
        let bytes = encode(&ToCore { number: 7, request: Request::Sync(Some(RowId::UploadMandatory)) });
        let back: ToCore = decode(&bytes).unwrap();
        assert_eq!(back.number, 7);
        assert!(matches!(back.request, Request::Sync(Some(RowId::UploadMandatory))));
        assert_eq!(decode::<ToCore>(&[9, 1, 2]).unwrap_err(), FrameError::Version);
        for cut in 0..bytes.len() {
            assert!(decode::<ToCore>(&bytes[..cut]).is_err());
        }
    }
}
