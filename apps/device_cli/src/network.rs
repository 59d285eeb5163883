//! The network of the device: HTTP, natively.

use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

use polevik_device::api::ErrorCode;
use polevik_device::transport::{HttpRequest, HttpResponse, Method, Transport, TransportError};
use reqwest::redirect::Policy;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the line may be silent. Not the total: a slow network may need minutes for a large answer.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP over the system's network.
pub(crate) struct Network {
    client: reqwest::Client,
    /// Bytes of answers so far.
    moved: Cell<u64>,
}

impl Network {
    pub(crate) fn new() -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("polevik-device/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, moved: Cell::new(0) })
    }
}

impl Transport for Network {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut builder = match request.method {
            Method::Get => self.client.get(&request.url),
            Method::Post => self.client.post(&request.url).body(request.body),
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let cut = |error: reqwest::Error| TransportError::new(ErrorCode::ConnectionLost, whole_story(&error));
        while let Some(piece) = response.chunk().await.map_err(cut)? {
            self.moved.set(self.moved.get() + piece.len() as u64);
            body.extend_from_slice(&piece);
        }
        Ok(HttpResponse { status, body })
    }

    fn moved_bytes(&self) -> u64 {
        self.moved.get()
    }
}

/// What it means that no answer began.
fn no_answer(error: &reqwest::Error) -> TransportError {
    let story = whole_story(error);
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).last();
    let unreachable = matches!(io, Some(std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::NetworkDown));
    let code = if story.contains("certificate") || story.contains("tls") {
        ErrorCode::TlsFailed
    } else if unreachable || story.contains("dns error") {
        ErrorCode::NoInternet
    } else if error.is_connect() || error.is_timeout() {
        ErrorCode::ServerSilent
    } else {
        ErrorCode::ConnectionLost
    };
    TransportError::new(code, story)
}

/// The error and its causes, without the address: it may hold what does not belong into a log.
fn whole_story(error: &reqwest::Error) -> String {
    let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    if causes.is_empty() { "no further words".to_owned() } else { causes.join(": ") }
}

/// What lies behind an error, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
