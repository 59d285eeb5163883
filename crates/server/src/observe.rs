//! Around every request: its id, one log line, its numbers, the body of its failure, and headers that protect the caller.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use polevik_domain::ids::{DeviceId, PositionId};
use polevik_protocol::session_tag::SessionTag;
use polevik_protocol::version::SESSION_HEADER;
use tokio::time::Instant;

use crate::app::App;
use crate::error::{HttpError, Unrendered};
use crate::security_headers;

/// The request's id, in every reply: what a person names to support.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who is at the other end of the connection, as far as the network tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Its address; that of the last proxy's caller where the settings say that one stands before us.
    pub address: IpAddr,
    /// Whether it is a program of this machine that came without a proxy.
    pub is_local: bool,
}

/// What handlers learn about a request, for its log line.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    device: Option<DeviceId>,
    position: Option<PositionId>,
}

impl Notes {
    /// Notes who asked.
    pub fn asked_by(&self, device: DeviceId, position: PositionId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Noted { device: Some(device), position: Some(position) };
    }

    fn read(&self) -> Noted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The middleware.
pub async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = hex::encode(app.random_bytes::<4>());
    let notes = Notes::default();
    let mut line = LogLine {
        id: id.clone(),
        method: request.method().clone(),
        // Only paths of the table of routes; everything else are files, and their paths the caller's words.
        route: request.extensions().get::<MatchedPath>().map_or_else(|| "files".to_owned(), |path| path.as_str().to_owned()),
        session: request.headers().get(SESSION_HEADER).and_then(|value| SessionTag::parse(value.to_str().ok()?)),
        notes: notes.clone(),
        status: HUNG_UP,
        code: None,
        cause: None,
        bytes: 0,
        started,
    };
    let caller = caller(&app, &request);
    request.extensions_mut().insert(notes);
    request.extensions_mut().insert(caller);

    let in_flight = InFlight::begin();
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => HttpError::panicked().into_response(),
    };
    drop(in_flight);

    if let Some(Unrendered(error)) = response.extensions_mut().remove() {
        line.code = Some(error.code().as_str());
        line.cause = error.cause().map(str::to_owned);
        let headers = std::mem::take(response.headers_mut());
        response = error.render(app.now(), &id);
        // What was said beside the body stays: which methods are allowed, what the answer varies by.
        let beside = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        response.headers_mut().extend(beside.filter(|(name, _)| *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE));
    }
    security_headers::add(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }

    line.status = response.status().as_u16();
    metrics::counter!("polevik_http_requests_total", "route" => line.route.clone(), "status" => response.status().as_u16().to_string())
        .increment(1);
    metrics::histogram!("polevik_http_request_duration_seconds", "route" => line.route.clone()).record(started.elapsed().as_secs_f64());
    log_when_sent(response, line)
}

/// Writes the line now if the length is known, else when the last byte has gone.
fn log_when_sent(response: Response, mut line: LogLine) -> Response {
    if let Some(bytes) = response.body().size_hint().exact() {
        line.bytes = bytes;
        return response;
    }
    let (parts, body) = response.into_parts();
    let counted = body.into_data_stream().map(move |chunk| {
        // By a method, so that the closure keeps the whole line until the body ends.
        line.add_bytes(chunk.as_ref().map_or(0, Bytes::len));
        chunk
    });
    Response::from_parts(parts, Body::from_stream(counted))
}

/// In the log only: the caller was gone before there was an answer (the number that other servers use, too).
const HUNG_UP: u16 = 499;

/// One line of the log, written when it is dropped.
struct LogLine {
    id: String,
    method: Method,
    route: String,
    session: Option<SessionTag>,
    notes: Notes,
    status: u16,
    code: Option<&'static str>,
    cause: Option<String>,
    bytes: u64,
    started: Instant,
}

impl LogLine {
    fn add_bytes(&mut self, count: usize) {
        self.bytes += u64::try_from(count).unwrap_or(0);
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let noted = self.notes.read();
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let session = self.session.as_ref().map(SessionTag::as_str);
        let device = noted.device.map(|device| device.to_string());
        let position = noted.position.map(|position| position.0);
        let Self { id, method, route, status, code, bytes, .. } = self;
        let method = method.as_str();
        if let Some(cause) = &self.cause {
            tracing::error!(id, method, route, status, code, ms, bytes, session, device, position, cause, "request");
        } else if matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics") {
            tracing::debug!(id, method, route, status, ms, bytes, "request");
        } else {
            tracing::info!(id, method, route, status, code, ms, bytes, session, device, position, "request");
        }
    }
}

/// Counts a request while it is being answered, also when it is given up.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!("polevik_http_requests_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("polevik_http_requests_in_flight").decrement(1.0);
    }
}

fn caller(app: &App, request: &Request) -> Caller {
    // Without a connection (a test that calls the router itself) nobody is local.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let forwarded = last_forwarded(request.headers());
    let came_directly = !request.headers().contains_key(X_FORWARDED_FOR) && !request.headers().contains_key(header::FORWARDED);
    let address = match forwarded {
        Some(address) if app.settings.behind_proxy => address,
        _ => peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    };
    Caller { address: address.to_canonical(), is_local: came_directly && peer.is_some_and(|address| address.to_canonical().is_loopback()) }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that the nearest proxy saw: the last one; those before it are what the caller claims.
fn last_forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get_all(X_FORWARDED_FOR).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_forwarded_addresses_the_last_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_forwarded(&headers), None);
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("1.2.3.4"));
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("6.6.6.6, 10.0.0.7"));
        assert_eq!(last_forwarded(&headers), Some(IpAddr::from([10, 0, 0, 7])));
    }
}
