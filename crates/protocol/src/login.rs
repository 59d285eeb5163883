//! Signing in: who, on which device, in which position.

use polevik_domain::ids::{DeviceId, DistributorId, PositionId};
use polevik_domain::position::Role;
use polevik_domain::time::UtcMillis;
use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

/// `POST /v1/login`.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginRequest {
    /// E-mail, compared without regard to case.
    pub email: String,
    /// As typed.
    pub password: String,
    /// Code of the wanted position; absent on the first attempt of a person who may have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The installation that asks.
    pub device: DeviceInfo,
}

impl std::fmt::Debug for LoginRequest {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginRequest").field("email", &self.email).field("position", &self.position).finish_non_exhaustive()
    }
}

/// What the server is told of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Made at the first start.
    pub id: DeviceId,
    /// Model or browser, for support; at most 200 bytes are kept.
    #[serde(default)]
    pub model: String,
    /// Version of the application.
    #[serde(default)]
    pub app_version: String,
}

/// A position a person may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionInfo {
    /// Its id.
    pub id: PositionId,
    /// Its code, unique in its part.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Names of its territories.
    pub territory: String,
    /// Whose.
    pub distributor_id: DistributorId,
    /// Whose, by name.
    pub distributor: String,
}

/// The answer to a good password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "next")]
pub enum LoginReply {
    /// The person has several positions and named none: choose, and log in again.
    ChoosePosition {
        /// Which there are, by name.
        positions: Vec<PositionInfo>,
    },
    /// Signed in.
    SignedIn(Box<SignedIn>),
}

/// A new session of a person on a device in a position.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// Opaque bearer token, 256 random bits as hexadecimal; the server keeps only its hash.
    pub token: String,
    /// The person's name.
    pub user_name: String,
    /// The position taken.
    pub position: PositionInfo,
    /// Prefix of this device's document numbers, for ever its own.
    pub number_prefix: String,
    /// The highest sequence the server has seen under this prefix: a reinstalled device goes on after it.
    pub number_floor: u32,
    /// The highest `device_seq` the server has seen of this device.
    pub device_seq_floor: u64,
    /// The server's clock.
    pub server_time_ms: UtcMillis,
    /// The root keys by which this organisation's recognition libraries are trusted, as minisign public keys in base64. A device keeps those of
    /// its first login; later ones count only if the kept ones signed them. Empty = there is no library.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library_roots: Vec<String>,
    /// The part of the organisation whose libraries these are; a library made for another part is not installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_part: Option<String>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The code of the catalogue.
    pub code: ErrorCode,
    /// For support, without secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Seconds after which to try again (S301, S303).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// How many stand before the caller in the queue of a busy server (S303); `retry_after_s` says how long that takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u32>,
    /// The server's clock.
    pub server_time_ms: UtcMillis,
}

/// `GET /v1/health`: how a device tells a server from a login page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Always [`crate::version::HEALTH_TOKEN`].
    pub server: String,
    /// The server's version.
    pub version: String,
    /// The server's clock.
    pub server_time_ms: UtcMillis,
}
