//! The network of the device: HTTP, natively.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polevik_device::api::ErrorCode;
use polevik_device::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;
use reqwest::redirect::Policy;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the line may be silent. Not the total: a slow network may need minutes for a large answer.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bodies go to the system in pieces of so many bytes: what went of a slow one is known.
const PIECE_BYTES: usize = 16 * 1024;

/// HTTP over the system's network.
pub(crate) struct Network {
    client: reqwest::Client,
    /// Bytes of bodies so far, both ways.
    moved: Arc<AtomicU64>,
}

impl Network {
    pub(crate) fn new() -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("polevik-device/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, moved: Arc::default() })
    }

    async fn exchange(&self, request: HttpRequest, moved: &Moved) -> Result<HttpResponse, TransportError> {
        let method = Method::from_bytes(request.method.as_str().as_bytes());
        let method = method.map_err(|error| TransportError::new(ErrorCode::Unexpected, error.to_string()))?;
        let mut builder = self.client.request(method, &request.url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if request.method.has_body() {
            builder = builder.header(CONTENT_LENGTH, request.body.len()).body(counted(request.body, moved.clone()));
        }
        let mut response = builder.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let value = |name: &str| response.headers().get(name)?.to_str().ok().map(|value| (name.to_owned(), value.to_owned()));
        let headers = request.wanted_headers.iter().filter_map(|name| value(name)).collect();
        let mut answer = HttpResponse { status, headers, body: Vec::new() };
        loop {
            match tokio::time::timeout(SILENCE_TIMEOUT, response.chunk()).await {
                Ok(Ok(Some(piece))) => {
                    moved.add(piece.len());
                    if (answer.body.len() + piece.len()) as u64 > request.max_answer_bytes {
                        return Err(TransportError::new(ErrorCode::IncompleteReply, "the answer is longer than it may be"));
                    }
                    answer.body.extend_from_slice(&piece);
                }
                Ok(Ok(None)) => return Ok(answer),
                Ok(Err(error)) => return Err(TransportError::new(ErrorCode::ConnectionLost, whole_story(&error)).after(answer)),
                Err(_) => return Err(TransportError::new(ErrorCode::ConnectionLost, "no further bytes in time").after(answer)),
            }
        }
    }
}

impl Transport for Network {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let length = request.body.len() as u64;
        let moved = Moved { here: Arc::default(), all: Arc::clone(&self.moved) };
        let mut exchange = pin!(self.exchange(request, &moved));
        let mut seen = 0;
        loop {
            if let Ok(answer) = tokio::time::timeout(SILENCE_TIMEOUT, &mut exchange).await {
                return answer;
            }
            let now = moved.here.load(Ordering::Relaxed);
            if now == seen {
                // A line that fell silent with the request half gone broke; one that never said anything has nobody at its end.
                let code = if now > 0 && now != length { ErrorCode::ConnectionLost } else { ErrorCode::ServerSilent };
                return Err(TransportError::new(code, "not a byte moved any more"));
            }
            seen = now;
        }
    }

    fn moved_bytes(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }
}

/// Bytes of bodies that moved: of one request, and of all.
#[derive(Clone)]
struct Moved {
    here: Arc<AtomicU64>,
    all: Arc<AtomicU64>,
}

impl Moved {
    fn add(&self, bytes: usize) {
        self.here.fetch_add(bytes as u64, Ordering::Relaxed);
        self.all.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A body that counts its bytes as they are taken.
fn counted(body: Vec<u8>, moved: Moved) -> reqwest::Body {
    let pieces: Vec<Vec<u8>> = body.chunks(PIECE_BYTES).map(<[u8]>::to_vec).collect();
    reqwest::Body::wrap_stream(futures::stream::iter(pieces.into_iter().map(move |piece| {
        moved.add(piece.len());
        Ok::<_, std::io::Error>(piece)
    })))
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
