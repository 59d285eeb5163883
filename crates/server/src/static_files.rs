//! The mobile module as files: hashed names for ever, the rest asked for again each time; packed forms where they lie beside.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::app::App;
use crate::database;
use crate::error::HttpError;
use crate::security_headers;

/// Paths under these are answered by handlers or not at all, never by the page.
const NOT_PAGES: [&str; 7] = ["/v1", "/api", "/assets", "/healthz", "/readyz", "/metrics", "/console"];

/// Packed forms, best first: what a browser calls them, and how their files end.
const PACKED: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Everything that no route takes: a file of the mobile module; for paths of the application itself, its page.
///
/// # Errors
///
/// Not found; another method than GET and HEAD.
pub async fn serve(State(app): State<App>, request: Request) -> Result<Response, HttpError> {
    let path = request.uri().path();
    let is_page = !NOT_PAGES.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(if is_page { HttpError::method_not_allowed() } else { HttpError::not_found() });
    }
    let wanted = plain_path(path).ok_or_else(HttpError::not_found)?;
    let Some(folder) = app.settings.assets.clone() else {
        return if is_page && !has_extension(&wanted) { Ok(no_assets()) } else { Err(HttpError::not_found()) };
    };
    let headers = request.headers().clone();
    let file = database::blocking(move || {
        // The page is its own fallback: the router of the application knows its paths. A missing file of a kind is missing.
        let is_file = !wanted.is_empty() && folder.join(&wanted).is_file();
        let name = match (is_file, is_page && !has_extension(&wanted)) {
            (true, _) => wanted,
            (false, true) => "index.html".to_owned(),
            (false, false) => return Ok(None),
        };
        match read(&folder, name, &headers) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    })
    .await
    .map_err(HttpError::internal)?;
    Ok(file.ok_or_else(HttpError::not_found)?.respond(request.headers()))
}

/// A path inside the folder: plain segments only, so that it cannot lead out of it, nor to hidden files. Empty for the root.
fn plain_path(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?.trim_end_matches('/');
    let plain = |segment: &str| {
        !segment.starts_with('.')
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'%' | b'~' | b'+'))
    };
    (rest.is_empty() || rest.split('/').all(|segment| !segment.is_empty() && plain(segment))).then(|| rest.to_owned())
}

fn has_extension(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

/// A file as it goes out.
struct Found {
    name: String,
    bytes: Vec<u8>,
    packed: Option<&'static str>,
}

fn read(folder: &Path, name: String, headers: &HeaderMap) -> std::io::Result<Found> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (encoding, ending) in PACKED.into_iter().filter(|(encoding, _)| accepts(accepted, encoding)) {
        match std::fs::read(folder.join(format!("{name}{ending}"))) {
            Ok(bytes) => return Ok(Found { name, bytes, packed: Some(encoding) }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let bytes = std::fs::read(PathBuf::from(folder).join(&name))?;
    Ok(Found { name, bytes, packed: None })
}

/// Whether `Accept-Encoding` names an encoding and does not refuse it with `q=0`.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

impl Found {
    fn respond(self, asked: &HeaderMap) -> Response {
        let etag = format!("\"{}\"", &blake3::hash(&self.bytes).to_hex()[..32]);
        let fresh = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| known.contains(&etag));
        let mut response = if fresh { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(self.bytes).into_response() };
        let is_immutable = self.name.starts_with("assets/");
        let cache = if is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers = response.headers_mut();
        security_headers::add_to_page(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&self.name)));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        if let Some(encoding) = self.packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if self.name == "service_worker.js" {
            headers.insert(HeaderName::from_static("service-worker-allowed"), HeaderValue::from_static("/"));
        }
        response
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What a browser sees when the server runs without the mobile module.
fn no_assets() -> Response {
    const PAGE: &str = "<!doctype html><html lang=\"ru\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">
<title>Полевик</title>
<h1>Сервер работает, мобильный модуль не собран</h1>
<p>Соберите его командой <code>cargo xtask build-web</code> и запустите сервер с <code>--assets target/dist</code>.
<h2 lang=\"en\">The server runs; the mobile module is not built</h2>
<p lang=\"en\">Build it with <code>cargo xtask build-web</code>, and start the server with <code>--assets target/dist</code>.
</html>
";
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, [(header::CACHE_CONTROL, "no-cache")], Html(PAGE)).into_response();
    security_headers::add_to_page(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for bad in ["", "x", "/../etc/passwd", "/a/../b", "/.git/config", "/a//b", "/a\\b", "/a/./b", "/\u{0}", "/assets/..", "/a:b"] {
            assert_eq!(plain_path(bad), None, "{bad:?}");
        }
        assert_eq!(plain_path("/").as_deref(), Some(""));
        assert_eq!(plain_path("/assets/app.3fa9c1d2e0.css").as_deref(), Some("assets/app.3fa9c1d2e0.css"));
        // Percent signs are never decoded, so they name nothing but themselves.
        assert_eq!(plain_path("/%2e%2e/etc").as_deref(), Some("%2e%2e/etc"));
    }

    #[test]
    fn an_encoding_counts_only_if_named_and_not_refused() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }
}
