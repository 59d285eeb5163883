//! The network between phones and servers: every request is a task of its own, which goes on when the phone that sent it is gone.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use axum::body::Body;
use axum::http::Request;
use futures::channel::oneshot;
use polevik_device::transport::{HttpRequest, HttpResponse, Method, Transport, TransportError};
use polevik_device_api::NetworkClass;
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::login::ErrorBody;
use polevik_testkit::random::Random;

use crate::clock;
use crate::plan::NetFault;
use crate::server::{Answer, Office};
use crate::shared::{Shared, Spawn, Violation};
use crate::trace::short_hash;

/// How long a device waits for a further byte, in milliseconds: the transport's promise.
const SILENCE_MS: u64 = 30_000;

/// How long a device waits for a connection, in milliseconds.
const CONNECT_MS: u64 = 10_000;

const LOGIN_PAGE: &[u8] = b"<html><title>Welcome to Hotel Wi-Fi</title><form action=/login></form></html>";
const PROXY_PAGE: &[u8] = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

/// What every phone's line and the world share of the network.
pub struct Network {
    shared: Rc<Shared>,
    office: Rc<Office>,
    storm_until_ms: Cell<u64>,
}

/// One phone's way to the network.
pub struct Connection {
    faults: RefCell<VecDeque<(NetFault, u64)>>,
    offline_until_ms: Cell<u64>,
    portal_until_ms: Cell<u64>,
    requests: Cell<u64>,
    /// What kind of network it is.
    pub network: Cell<NetworkClass>,
    /// Whether photos and materials go over Wi-Fi alone, as last seen in the phone.
    pub wifi_only: Cell<bool>,
}

impl Connection {
    /// A good one.
    pub fn new() -> Self {
        Self {
            faults: RefCell::default(),
            offline_until_ms: Cell::new(0),
            portal_until_ms: Cell::new(0),
            requests: Cell::new(0),
            network: Cell::new(NetworkClass::WiFi),
            wifi_only: Cell::new(false),
        }
    }

    /// Whether a request may go as things stand; photos and materials have to wait for some networks.
    fn may_carry(&self, path: &str) -> bool {
        let is_of_files = ["/v1/uploads", "/v1/files"].iter().any(|files| path.starts_with(files));
        match self.network.get() {
            _ if !is_of_files => true,
            NetworkClass::WiFi => true,
            NetworkClass::Roaming => false,
            NetworkClass::MeteredWiFi | NetworkClass::Cellular | NetworkClass::Unknown | NetworkClass::Offline => !self.wifi_only.get(),
        }
    }

    /// The next request that nothing befalls yet has this fault.
    pub fn add_fault(&self, fault: NetFault, pick: u64) {
        self.faults.borrow_mut().push_back((fault, pick));
    }

    /// No network until then.
    pub fn go_offline(&self, until_ms: u64) {
        self.offline_until_ms.set(until_ms);
    }

    /// A login page answers everything until then.
    pub fn enter_portal(&self, until_ms: u64) {
        self.portal_until_ms.set(until_ms);
    }

    /// From now on everything is well.
    pub fn mend(&self) {
        self.faults.borrow_mut().clear();
        self.offline_until_ms.set(0);
        self.portal_until_ms.set(0);
    }
}

impl Network {
    /// The network to one office.
    pub fn new(shared: Rc<Shared>, office: Rc<Office>) -> Self {
        Self { shared, office, storm_until_ms: Cell::new(0) }
    }

    /// Everybody is turned away until then.
    pub fn storm(&self, until_ms: u64) {
        self.storm_until_ms.set(until_ms);
    }

    /// Carries one request there and its answer back.
    async fn carry(&self, name: &str, connection: &Connection, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let number = connection.requests.get() + 1;
        connection.requests.set(number);
        let mut random = Random::new(self.shared.seed ^ (number << 20) ^ u64::from_le_bytes(first_eight(name)));
        let path = request.url.trim_start_matches("http://office").to_owned();
        let now = clock::elapsed_ms();
        if connection.offline_until_ms.get() > now {
            clock::sleep(random.below(300)).await;
            return Err(TransportError::new(ErrorCode::NoInternet, "no network"));
        }
        if connection.portal_until_ms.get() > now {
            clock::sleep(random.below(300)).await;
            return Ok(HttpResponse { status: 200, body: LOGIN_PAGE.to_vec(), ..HttpResponse::default() });
        }
        let fault = connection.faults.borrow_mut().pop_front();
        if let Some((fault, _)) = fault {
            self.shared.trace.line(format_args!("{name} {path} meets {fault:?}"));
        }
        let (fault, pick) = fault.map_or((None, 0), |(fault, pick)| (Some(fault), pick));
        let mut up_ms = 20 + random.below(200);
        let mut down_ms = 20 + random.below(200);
        match fault {
            Some(NetFault::DropRequest) => {
                clock::sleep(if pick % 2 == 0 { SILENCE_MS } else { CONNECT_MS }).await;
                let code = if pick % 2 == 0 { ErrorCode::ConnectionLost } else { ErrorCode::ServerSilent };
                return Err(TransportError::new(code, "nothing came"));
            }
            Some(NetFault::Dns) => return Err(TransportError::new(ErrorCode::NoInternet, "no address")),
            Some(NetFault::Tls) => return Err(TransportError::new(ErrorCode::TlsFailed, "a certificate of somebody else")),
            Some(NetFault::CaptivePage) => {
                // The whole network is behind the page: what asks for health meets it too.
                connection.enter_portal(now + 1_000);
                return Ok(HttpResponse { status: 200, body: LOGIN_PAGE.to_vec(), ..HttpResponse::default() });
            }
            Some(NetFault::BadGateway) => return Ok(HttpResponse { status: 502, body: PROXY_PAGE.to_vec(), ..HttpResponse::default() }),
            Some(NetFault::TooManyRequests) => {
                return Ok(HttpResponse { status: 429, body: PROXY_PAGE.to_vec(), ..HttpResponse::default() });
            }
            Some(NetFault::Busy) => return Ok(busy(u32::try_from(5 + pick % 120).unwrap_or(5))),
            Some(NetFault::Delay) => up_ms = 1_000 + pick % 600_000,
            Some(NetFault::DelayAnswer) => down_ms = 1_000 + pick % 600_000,
            _ => (),
        }
        clock::sleep(up_ms).await;
        if self.storm_until_ms.get() > clock::elapsed_ms() {
            return Ok(match pick % 3 {
                0 => HttpResponse { status: 429, body: PROXY_PAGE.to_vec(), ..HttpResponse::default() },
                1 => HttpResponse { status: 503, body: PROXY_PAGE.to_vec(), ..HttpResponse::default() },
                _ => busy(u32::try_from(5 + random.below(60)).unwrap_or(5)),
            });
        }
        if fault == Some(NetFault::ServerDiesBefore) {
            self.office.kill(3_000 + pick % 60_000);
        }
        if fault == Some(NetFault::Duplicate) {
            self.send_again(name, &request, pick % 90_000);
        }
        let mut http = to_http(&request, &path)?;
        if fault == Some(NetFault::CutRequest) && path.starts_with("/v1/uploads") && !http.body.is_empty() {
            http.cut_at = Some(usize::try_from(pick).unwrap_or(0) % http.body.len());
            self.office.serve(name, &http).await;
            clock::sleep(down_ms).await;
            return Err(TransportError::new(ErrorCode::ConnectionLost, "cut in the request"));
        }
        let Some(answer) = self.office.serve(name, &http).await else {
            clock::sleep(down_ms).await;
            return Err(TransportError::new(ErrorCode::ConnectionLost, "reset by peer"));
        };
        if fault == Some(NetFault::ServerDiesAfter) {
            self.office.kill(3_000 + pick % 60_000);
            return Err(TransportError::new(ErrorCode::ConnectionLost, "reset by peer"));
        }
        clock::sleep(down_ms).await;
        let Answer { status, headers, mut body } = answer;
        match fault {
            Some(NetFault::DropAnswer) => {
                clock::sleep(SILENCE_MS).await;
                return Err(TransportError::new(ErrorCode::ConnectionLost, "half open"));
            }
            Some(NetFault::CutAnswer) => return Err(TransportError::new(ErrorCode::ConnectionLost, "cut in the answer")),
            Some(NetFault::GatewayTimeout) => {
                return Ok(HttpResponse { status: 504, body: PROXY_PAGE.to_vec(), ..HttpResponse::default() });
            }
            Some(NetFault::Truncate) if !body.is_empty() => {
                body.truncate(usize::try_from(pick).unwrap_or(0) % body.len());
            }
            Some(NetFault::Garble) if path.starts_with("/v1/segments/") && !body.is_empty() => {
                let place = usize::try_from(pick).unwrap_or(0) % body.len();
                body[place] ^= 1 << (pick % 8);
            }
            _ => (),
        }
        self.shared.trace.line(format_args!("{name} {path} {status} {} {}", body.len(), short_hash(&body)));
        Ok(HttpResponse { status, headers, body })
    }

    /// The same request reaches the server once more, later; nobody waits for its answer.
    fn send_again(&self, name: &str, request: &HttpRequest, after_ms: u64) {
        let (office, name, request) = (Rc::clone(&self.office), name.to_owned(), request.clone());
        self.shared.spawn(async move {
            clock::sleep(after_ms).await;
            let path = request.url.trim_start_matches("http://office").to_owned();
            if let Ok(request) = to_http(&request, &path) {
                office.serve(&name, &request).await;
            }
        });
    }
}

fn first_eight(name: &str) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..8]);
    bytes
}

fn busy(retry_after_s: u32) -> HttpResponse {
    let body = ErrorBody {
        code: ErrorCode::ServerBusy,
        detail: String::new(),
        retry_after_s: Some(retry_after_s),
        queue_position: Some(7),
        server_time_ms: UtcMillis(clock::now().0),
    };
    HttpResponse { status: 503, body: serde_json::to_vec(&body).unwrap_or_default(), ..HttpResponse::default() }
}

/// A request as the server's router takes it.
pub struct ServerRequest {
    parts: (Method, String, Vec<(&'static str, String)>),
    body: Vec<u8>,
    wanted_headers: &'static [&'static str],
    /// The connection breaks after so many bytes of the body.
    cut_at: Option<usize>,
}

impl ServerRequest {
    /// Which route it asks for.
    pub fn path(&self) -> &str {
        &self.parts.1
    }

    /// The body, unpacked.
    pub fn json(&self) -> Option<Vec<u8>> {
        let packed = self.parts.2.iter().any(|(name, value)| *name == "content-encoding" && value == "zstd");
        if packed { zstd::bulk::decompress(&self.body, 16 << 20).ok() } else { Some(self.body.clone()) }
    }

    /// Those headers of an answer that are wanted.
    pub fn wanted(&self, headers: &axum::http::HeaderMap) -> Vec<(String, String)> {
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(|value| (name.to_owned(), value.to_owned()));
        self.wanted_headers.iter().filter_map(|name| value(name)).collect()
    }

    /// As HTTP.
    pub fn build(&self) -> Option<Request<Body>> {
        let (method, path, headers) = &self.parts;
        let mut builder = Request::builder().method(method.as_str()).uri(path);
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        let body = match self.cut_at {
            None => Body::from(self.body.clone()),
            Some(at) => {
                let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                Body::from_stream(futures::stream::iter([Ok(self.body[..at].to_vec()), Err(broken)]))
            }
        };
        builder.body(body).ok()
    }
}

fn to_http(request: &HttpRequest, path: &str) -> Result<ServerRequest, TransportError> {
    let parts = (request.method, path.to_owned(), request.headers.clone());
    let built = ServerRequest { parts, body: request.body.clone(), wanted_headers: request.wanted_headers, cut_at: None };
    if built.build().is_none() {
        return Err(TransportError::new(ErrorCode::Unexpected, "a request that is not HTTP"));
    }
    Ok(built)
}

/// The seam that a phone's driver sends through.
#[derive(Clone)]
pub struct Line {
    /// The network.
    pub network: Rc<Network>,
    /// This phone's way to it.
    pub connection: Rc<Connection>,
    /// Whose.
    pub name: String,
}

impl Transport for Line {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let path = request.url.trim_start_matches("http://office");
        if !self.connection.may_carry(path) {
            let what = format!("{} sends {path} over {:?}", self.name, self.connection.network.get());
            self.network.shared.violated(Violation::new("gate", what));
        }
        let (done, answered) = oneshot::channel();
        let line = self.clone();
        self.network.shared.spawn(async move {
            let answer = line.network.carry(&line.name, &line.connection, request).await;
            // Nobody listens any more when the phone was killed.
            let _ = done.send(answer);
        });
        answered.await.unwrap_or_else(|_| Err(TransportError::new(ErrorCode::ConnectionLost, "the world ended")))
    }
}
