//! The table of contents: who may call what.

use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, head, options, patch, post};
use polevik_protocol::file::TUS_VERSION;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::error::HttpError;
use crate::file::tus::{TUS_RESUMABLE, TUS_VERSIONS};
use crate::file::{self, uploads};
use crate::observe::observe;
use crate::{download, health, library, login, metrics, openapi, security_headers, static_files, sync, wait};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Everybody,
    /// A signed-in device.
    Device,
    /// Programs of this machine, and callers with the token of metrics.
    Operator,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    handler: Handler,
}

#[derive(Debug, Clone, Copy)]
enum Handler {
    Login,
    Logout,
    Sync,
    Wait,
    Segment,
    Repair,
    Backfill,
    Offer,
    UploadOptions,
    UploadCreate,
    UploadHead,
    UploadPatch,
    UploadDelete,
    UploadOverridden,
    File,
    Thumbnail,
    LibraryPapers,
    LibraryChunk,
    Health,
    Healthz,
    Readyz,
    Metrics,
    OpenApi,
}

const fn route(method: Method, path: &'static str, access: Access, handler: Handler) -> Route {
    Route { method, path, access, handler }
}

/// Everything but files of the mobile module.
pub const ROUTES: &[Route] = &[
    // Devices.
    route(Method::POST, "/v1/login", Access::Everybody, Handler::Login),
    route(Method::POST, "/v1/logout", Access::Device, Handler::Logout),
    route(Method::POST, "/v1/sync", Access::Device, Handler::Sync),
    route(Method::GET, "/v1/wait", Access::Device, Handler::Wait),
    route(Method::GET, "/v1/segments/{hash}", Access::Device, Handler::Segment),
    route(Method::POST, "/v1/repair", Access::Device, Handler::Repair),
    route(Method::POST, "/v1/backfill", Access::Device, Handler::Backfill),
    route(Method::POST, "/v1/files/offer", Access::Device, Handler::Offer),
    route(Method::OPTIONS, "/v1/uploads", Access::Everybody, Handler::UploadOptions),
    route(Method::POST, "/v1/uploads", Access::Device, Handler::UploadCreate),
    route(Method::HEAD, "/v1/uploads/{id}", Access::Device, Handler::UploadHead),
    route(Method::PATCH, "/v1/uploads/{id}", Access::Device, Handler::UploadPatch),
    route(Method::DELETE, "/v1/uploads/{id}", Access::Device, Handler::UploadDelete),
    route(Method::POST, "/v1/uploads/{id}", Access::Device, Handler::UploadOverridden),
    route(Method::GET, "/v1/files/{hash}", Access::Device, Handler::File),
    route(Method::GET, "/v1/files/{hash}/thumbnail", Access::Device, Handler::Thumbnail),
    route(Method::GET, "/v1/library/manifests/{hash}", Access::Device, Handler::LibraryPapers),
    route(Method::GET, "/v1/library/chunks/{hash}", Access::Device, Handler::LibraryChunk),
    route(Method::GET, "/v1/health", Access::Everybody, Handler::Health),
    // Operators and their tools.
    route(Method::GET, "/healthz", Access::Everybody, Handler::Healthz),
    route(Method::GET, "/readyz", Access::Everybody, Handler::Readyz),
    route(Method::GET, "/metrics", Access::Operator, Handler::Metrics),
    route(Method::GET, "/api/openapi.json", Access::Everybody, Handler::OpenApi),
];

impl Route {
    fn handler(&self) -> MethodRouter<App> {
        match self.handler {
            Handler::Login => packed(post(login::handler::login)),
            Handler::Logout => post(login::handler::logout),
            Handler::Sync => packed(post(sync::sync)),
            Handler::Wait => get(wait::wait),
            // Segments are packed already.
            Handler::Segment => get(download::segment::segment),
            Handler::Repair => packed(post(download::repair::repair)),
            Handler::Backfill => packed(post(download::backfill::backfill)),
            Handler::Offer => packed(post(file::offer::offer)),
            Handler::UploadOptions => tus(options(uploads::options)),
            Handler::UploadCreate => tus(post(uploads::create)),
            Handler::UploadHead => tus(head(uploads::head)),
            Handler::UploadPatch => tus(patch(uploads::patch)),
            Handler::UploadDelete => tus(delete(uploads::terminate)),
            Handler::UploadOverridden => tus(post(uploads::overridden)),
            Handler::File => get(file::download::file),
            Handler::Thumbnail => get(file::download::thumbnail),
            Handler::LibraryPapers => packed(get(library::serve::papers)),
            Handler::LibraryChunk => get(library::serve::chunk),
            Handler::Health => get(health::health),
            Handler::Healthz => get(health::healthz),
            Handler::Readyz => get(health::readyz),
            Handler::Metrics => packed(get(metrics::metrics)),
            Handler::OpenApi => packed(get(openapi::openapi)),
        }
    }
}

/// Answers shorter than this are not compressed: it would cost more than it saves.
const WORTH_PACKING_BYTES: u16 = 400;

/// Compresses what the handler answers, as the caller accepts it.
fn packed(handler: MethodRouter<App>) -> MethodRouter<App> {
    let worth_it = SizeAbove::new(WORTH_PACKING_BYTES);
    handler.layer(CompressionLayer::new().quality(CompressionLevel::Precise(4)).compress_when(worth_it))
}

/// Says the version of tus in every answer, also in those that fail.
fn tus(handler: MethodRouter<App>) -> MethodRouter<App> {
    let version = HeaderValue::from_static(TUS_VERSION);
    let versions =
        |response: &Response| (response.status() == StatusCode::PRECONDITION_FAILED).then_some(HeaderValue::from_static(TUS_VERSION));
    let handler: MethodRouter<App> = handler.layer(SetResponseHeaderLayer::overriding(TUS_RESUMABLE, version));
    handler.layer(SetResponseHeaderLayer::if_not_present(TUS_VERSIONS, versions))
}

/// How the caller's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// HTTP.
    Plain,
    /// HTTPS of our own.
    Tls,
}

/// All routes over the state, with everything that goes around every request.
pub fn router(app: &App, connection: Connection) -> Router {
    let routes = ROUTES
        .iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler()))
        .fallback(static_files::serve)
        .method_not_allowed_fallback(async || HttpError::method_not_allowed())
        .layer(from_fn_with_state(app.clone(), observe));
    match connection {
        Connection::Plain => routes,
        Connection::Tls => {
            routes.layer(SetResponseHeaderLayer::overriding(header::STRICT_TRANSPORT_SECURITY, security_headers::STRICT_TRANSPORT_SECURITY))
        }
    }
    .with_state(app.clone())
}
