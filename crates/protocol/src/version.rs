//! Versions of what is said, and how old a speaker may still be.

/// Version of the messages. Raised when a message changes its meaning; new optional fields do not raise it.
pub const PROTOCOL: u32 = 1;

/// The oldest protocol whose downloads the server still serves.
pub const OLDEST_DOWNLOAD: u32 = 1;

/// The oldest protocol whose uploads the server still takes.
pub const OLDEST_UPLOAD: u32 = 1;

/// Version of the reference rows: tables and columns a device knows (`rows.rs`). Raised with every added column.
pub const SCHEMA: u32 = 3;

/// The token by which a device knows that it is a Polevik server that answers, and not the login page of a Wi-Fi network.
pub const HEALTH_TOKEN: &str = "polevik-server";

/// Header with the session's tag, on every request of a sync session.
pub const SESSION_HEADER: &str = "x-polevik-session";

/// Largest body of `POST /v1/sync` after decompression, in bytes.
pub const MAX_SYNC_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Most documents in one batch.
pub const MAX_BATCH_DOCUMENTS: usize = 200;

/// Most bytes of documents a device puts into one batch (one oversized document still goes alone).
pub const MAX_BATCH_BYTES: usize = 256 * 1024;

/// Largest body of one document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// Most bytes of small segments that ride inside one reply, before base64.
pub const MAX_INLINE_BYTES: usize = 32 * 1024;
