//! Headers that say what a browser may do with a reply.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The page runs its own scripts and WebAssembly, talks to its own server, and is put into no frame. No inline styles or scripts. Files that
/// it keeps itself (`blob:`) are shown as images, and PDF in the browser's own viewer, which is a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; frame-src blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page may ask of the machine: where it is, and its camera; nothing else.
const PERMISSIONS_POLICY: &str = "accelerometer=(), camera=(self), display-capture=(), geolocation=(self), gyroscope=(), magnetometer=(), \
     microphone=(), midi=(), payment=(), usb=()";

const OF_PAGES: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
];

/// Adds those of the application's own files: its page, its scripts and its workers run by them.
pub fn add_to_page(headers: &mut HeaderMap) {
    for (name, value) in OF_PAGES {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Adds those that every reply has. What is no page is never run as one; what says nothing about caching is kept by nobody. Few bytes: a rep
/// on a slow network pays for them with every request.
pub fn add(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Over HTTPS: come back over HTTPS only, for a year.
pub const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");
