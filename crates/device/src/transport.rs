//! The seam to a network: one request, one answer.
//!
//! What is asked of the server stands in `calls.rs`; here is only what a network must do, so that `fetch` and a native HTTP library
//! can both do it in a few lines.

use polevik_protocol::ErrorCode;

/// Get or post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// One request to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Get or post.
    pub method: Method,
    /// The whole address. Relative (`/v1/sync`) when the device's server is the origin the page came from.
    pub url: String,
    /// Headers to send, names in lower case: `authorization`, `content-type`, `content-encoding`, `x-polevik-session`.
    pub headers: Vec<(&'static str, String)>,
    /// The body as it goes on the wire; empty for a get.
    pub body: Vec<u8>,
}

/// The server's answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status.
    pub status: u16,
    /// The body after the content coding was undone.
    pub body: Vec<u8>,
}

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct TransportError {
    /// N101 the device says it has no network (or no address was found), N103 nobody answers or refuses, N105 cut after it was sent or in
    /// the middle of the answer, N106 no secure connection.
    pub code: ErrorCode,
    /// For support; no secrets.
    pub detail: String,
}

impl TransportError {
    /// An error with its words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// A network.
///
/// Futures need not be `Send`: a device lives on one thread. A dropped future abandons its request.
pub trait Transport {
    /// Sends one request and reads the whole answer.
    ///
    /// Waits at most about 10 s for a connection and 30 s for any further byte; not for the total, as a slow network may need minutes. Does
    /// not follow redirects to another origin and keeps no cookies.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when there is no whole answer. A status other than 200 is an answer.
    fn send(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, TransportError>>;

    /// Bytes of answers that have come since the process began, of requests that are still under way too: by this the watchdog tells a slow
    /// network from a dead one. A network that does not count is judged by its whole answers.
    fn moved_bytes(&self) -> u64 {
        0
    }
}
