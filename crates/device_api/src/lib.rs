//! What a face and the core of the device say to each other.
//!
//! The core lives in a Worker (or natively in the same process); the page never touches databases or the network. It sends a
//! [`Request`], gets a [`Reply`] with the same number, and hears [`Push`]es. Frames are postcard, led by [`FRAME_VERSION`]: page and worker
//! are always of one build, the version only guards against a page kept open over an update.

pub mod command;
pub mod files;
pub mod frame;
pub mod network;
pub mod sync;
pub mod view;

pub use command::{Command, CommandDone, LineChange};
pub use frame::{FRAME_VERSION, FrameError, FromCore, Push, Reply, Request, ToCore, decode, encode};
pub use network::{NetworkClass, TrafficClass, TrafficRow};
pub use polevik_protocol::document::DocumentKind;
pub use polevik_protocol::error_code::{ErrorCode, Severity};
pub use polevik_protocol::hash::Blake3Hex;
pub use sync::{Direction, Failure, RowId, RowState, RowView, SessionResult, Stage, SyncView, WaitReason};
