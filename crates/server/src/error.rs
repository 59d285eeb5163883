//! Failures as HTTP says them: the one place that knows status codes.
//!
//! A handler gives an [`HttpError`]; [`crate::observe`] writes its body and logs its cause, once. Texts here are for support and name no
//! secret, no SQL and no path of the disk.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use polevik_domain::time::UtcMillis;
use polevik_protocol::error_code::ErrorCode;
use polevik_protocol::login::ErrorBody;
use polevik_server_store::StoreError;

/// A request that gets no answer but this.
#[derive(Debug, Clone)]
pub struct HttpError {
    status: StatusCode,
    code: ErrorCode,
    detail: Cow<'static, str>,
    retry_after_s: Option<u32>,
    queue_position: Option<u32>,
    cause: Option<String>,
}

impl HttpError {
    fn new(status: StatusCode, code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), retry_after_s: None, queue_position: None, cause: None }
    }

    /// Who asks is not known: no token, a spent one, or a wrong password. Says the same for all, so that nothing can be guessed from it.
    #[must_use]
    pub fn login_needed() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::LoginNeeded, "sign in")
    }

    /// The office blocked the device.
    #[must_use]
    pub fn device_blocked() -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::DeviceBlocked, "this device is blocked by the office")
    }

    /// The person may not take the position, or has none.
    #[must_use]
    pub fn position_changed(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::PositionChanged, detail)
    }

    /// Too many guesses; try again after `retry_after_s`.
    #[must_use]
    pub fn too_many_attempts(retry_after_s: u32) -> Self {
        let detail = "too many attempts to sign in";
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::ServerBusy, detail) }
    }

    /// More requests than the server takes at once; try again after `retry_after_s`.
    #[must_use]
    pub fn busy(retry_after_s: u32) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServerBusy, "busy") }
    }

    /// More requests than the server takes at once: `ahead` stand before the caller in the line.
    #[must_use]
    pub fn busy_with_line(retry_after_s: u32, ahead: u32) -> Self {
        Self { queue_position: Some(ahead), ..Self::busy(retry_after_s) }
    }

    /// One device asks for more than a device may; try again after `retry_after_s`.
    #[must_use]
    pub fn too_many_requests(detail: &'static str, retry_after_s: u32) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::ServerBusy, detail) }
    }

    /// The server rests, as planned; try again after `retry_after_s`.
    #[must_use]
    pub fn maintenance(until: UtcMillis, retry_after_s: u32) -> Self {
        let detail = format!("maintenance until {} ms", until.0);
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Maintenance, detail) }
    }

    /// The request is not one.
    #[must_use]
    pub fn malformed(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::Unexpected, format!("malformed request: {what}"))
    }

    /// The body is larger than `limit_bytes`, or holds more documents than a batch may.
    #[must_use]
    pub fn too_large(limit: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::Unexpected, format!("too large: at most {limit}"))
    }

    /// The body is in a form the server does not read.
    #[must_use]
    pub fn unsupported_media(what: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::Unexpected, what)
    }

    /// The body came too slowly.
    #[must_use]
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::ConnectionLost, "the body stopped coming")
    }

    /// The two speak different versions.
    #[must_use]
    pub fn update_needed(theirs: u32, ours: u32) -> Self {
        let detail = format!("the device speaks protocol {theirs}, the server {ours}");
        Self::new(StatusCode::UPGRADE_REQUIRED, ErrorCode::UpdateNeeded, detail)
    }

    /// There is no such thing, or it is not the caller's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::Unexpected, "there is no such thing here")
    }

    /// The caller speaks another version of tus, or none.
    #[must_use]
    pub fn tus_version() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, ErrorCode::UpdateNeeded, "uploads speak tus 1.0.0")
    }

    /// The bytes belong elsewhere in the file: ask how far the upload is.
    #[must_use]
    pub fn wrong_offset() -> Self {
        Self::new(StatusCode::CONFLICT, ErrorCode::Unexpected, "the upload is at another offset")
    }

    /// Another request goes on with the upload; what came until then counts.
    #[must_use]
    pub fn overtaken() -> Self {
        Self::new(StatusCode::CONFLICT, ErrorCode::ConnectionLost, "another request goes on with this upload")
    }

    /// The bytes do not come to their checksum; none of them count. The status is that of tus.
    #[must_use]
    pub fn wrong_checksum() -> Self {
        Self::new(checksum_mismatch(), ErrorCode::FileDamaged, "the bytes do not come to their checksum")
    }

    /// A file that is not what was said, or none that may come; its upload is gone.
    #[must_use]
    pub fn file_refused(reason: &'static str) -> Self {
        Self::new(checksum_mismatch(), ErrorCode::FileDamaged, reason)
    }

    /// The path takes other methods.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unexpected, "the path does not take this method")
    }

    /// The asked range lies outside.
    #[must_use]
    pub fn range_not_satisfiable() -> Self {
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::Unexpected, "the range lies outside")
    }

    /// The server failed. `cause` goes to the log only; the caller gets the request's id to name to support.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ServerError, "the server failed");
        error.cause = Some(cause.to_string());
        error
    }

    /// A handler panicked.
    #[must_use]
    pub fn panicked() -> Self {
        Self::internal("a handler panicked; see the line on standard error")
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// How many stand before the caller.
    #[must_use]
    pub fn queue_position(&self) -> Option<u32> {
        self.queue_position
    }

    /// What the log shall know and the caller not.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The whole response.
    #[must_use]
    pub fn render(&self, now: UtcMillis, request_id: &str) -> Response {
        let detail = match self.cause {
            Some(_) => format!("{}; request {request_id}", self.detail),
            None => self.detail.clone().into_owned(),
        };
        let body = ErrorBody {
            code: self.code,
            detail,
            retry_after_s: self.retry_after_s,
            queue_position: self.queue_position,
            server_time_ms: now,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        if error.is_busy() { Self::busy(BUSY_DATABASE_RETRY_S) } else { Self::internal(error) }
    }
}

impl From<std::io::Error> for HttpError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            tracing::error!(%error, "the disk is full");
            return Self::busy(FULL_DISK_RETRY_S);
        }
        Self::internal(error)
    }
}

/// When to come back if the disk is full, in seconds.
const FULL_DISK_RETRY_S: u32 = 300;

/// 460, which tus made up.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}

/// When to come back if another process holds the database, in seconds.
const BUSY_DATABASE_RETRY_S: u32 = 10;

/// Marks a response whose body [`crate::observe`] has to write.
#[derive(Clone)]
pub struct Unrendered(pub Arc<HttpError>);

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Unrendered(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_learns_the_request_of_an_internal_failure_and_not_its_cause() {
        let error = HttpError::internal("no such table: secret");
        assert_eq!(error.cause(), Some("no such table: secret"));
        let response = error.render(UtcMillis(5), "0a1b2c3d");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = futures::executor::block_on(axum::body::to_bytes(response.into_body(), 10_000)).unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(text, r#"{"code":"S302","detail":"the server failed; request 0a1b2c3d","server_time_ms":5}"#);
    }

    #[test]
    fn a_busy_database_says_when_to_come_back() {
        let response = HttpError::from(StoreError::Busy(20)).render(UtcMillis(5), "x");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "10");
    }
}
