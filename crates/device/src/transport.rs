//! The seam to a network: one request, one answer.
//!
//! What is asked of the server stands in `calls.rs`; here is only what a network must do, so that `fetch` and a native HTTP library
//! can both do it in a few lines.

use polevik_protocol::ErrorCode;

/// What is done with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PATCH`: a part of a file.
    Patch,
    /// `HEAD`: how much of a file the server has.
    Head,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Head => "HEAD",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request like this has a body.
    #[must_use]
    pub fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Patch)
    }
}

/// Largest body of an answer that is not a file, in bytes.
pub const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// One request to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is done.
    pub method: Method,
    /// The whole address. Relative (`/v1/sync`) when the device's server is the origin the page came from.
    pub url: String,
    /// Headers to send, names in lower case: `authorization`, `content-type`, `content-encoding`, `x-polevik-session`, those of tus, `range`.
    pub headers: Vec<(&'static str, String)>,
    /// The body as it goes on the wire; empty for a method without one.
    pub body: Vec<u8>,
    /// Headers of the answer that are wanted, names in lower case.
    pub wanted_headers: &'static [&'static str],
    /// Most bytes of the answer's body; an answer that goes on after that is given up.
    pub max_answer_bytes: u64,
}

/// The server's answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpResponse {
    /// Status.
    pub status: u16,
    /// Those of the wanted headers that it had, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body after the content coding was undone. Files have none, so theirs is as it came.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A header that was wanted; its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct TransportError {
    /// N101 the device says it has no network (or no address was found), N103 nobody answers or refuses, N105 cut after it was sent or in
    /// the middle of the answer, N106 no secure connection, S305 an answer longer than it may be.
    pub code: ErrorCode,
    /// For support; no secrets.
    pub detail: String,
    /// What had come when the answer was cut: its status, its headers and the beginning of its body. A part of a file is not thrown away for
    /// its missing end. `None` when nothing came, or the network does not tell.
    pub begun: Option<Box<HttpResponse>>,
}

impl TransportError {
    /// An error with its words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), begun: None }
    }

    /// The same error, with what had come before it.
    #[must_use]
    pub fn after(self, begun: HttpResponse) -> Self {
        Self { begun: Some(Box::new(begun)), ..self }
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

    /// Bytes that have come, and as far as the network tells gone, since the process began, of requests that are still under way too: by this
    /// the watchdog tells a slow network from a dead one. A network that does not count is judged by its whole answers.
    fn moved_bytes(&self) -> u64 {
        0
    }
}
