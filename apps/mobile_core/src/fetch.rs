//! The network of a Worker: `fetch`, with time-outs by progress and codes that say who can act.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;

use futures::future::{Either, select};
use polevik_device::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use polevik_device_api::ErrorCode;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, DedicatedWorkerGlobalScope, Headers, ReadableStreamDefaultReader, Request, RequestCache, RequestCredentials,
    RequestInit, RequestRedirect, Response,
};

use crate::machine::sleep;

/// How long the first byte of an answer may take. `fetch` does not tell when the connection stands, so the request's own way up and the
/// server's work are in it.
const FIRST_BYTE_MS: u64 = 40_000;

/// How long any further bytes may take. There is no limit for the whole: a slow network may need minutes.
const NEXT_BYTES_MS: u64 = 30_000;

thread_local! {
    /// Bytes of answers so far.
    static MOVED: Cell<u64> = const { Cell::new(0) };
}

/// The browser's network.
#[derive(Debug, Clone, Copy)]
pub struct Fetch;

impl Transport for Fetch {
    fn send(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, TransportError>> {
        send(request)
    }

    fn moved_bytes(&self) -> u64 {
        MOVED.get()
    }
}

/// Ends the request in the browser when it is no longer waited for.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send(request: HttpRequest) -> Result<HttpResponse, TransportError> {
    let worker: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let controller = AbortOnDrop(AbortController::new().map_err(|error| unexpected(&error))?);
    let built = build(&request, &controller.0).map_err(|error| unexpected(&error))?;

    let answer = within(FIRST_BYTE_MS, JsFuture::from(worker.fetch_with_request(&built))).await;
    let response: Response = match answer {
        Some(Ok(response)) => response.unchecked_into(),
        Some(Err(error)) => return Err(no_answer(&worker, &error)),
        None => return Err(TransportError::new(ErrorCode::ServerSilent, "no answer in time")),
    };
    let value = |name: &str| response.headers().get(name).ok().flatten().map(|value| (name.to_owned(), value));
    let headers = request.wanted_headers.iter().filter_map(|name| value(name)).collect();
    let mut answer = HttpResponse { status: response.status(), headers, body: Vec::new() };
    match read(&worker, &response, request.max_answer_bytes, &mut answer.body).await {
        Ok(()) => Ok(answer),
        Err(error) if error.code == ErrorCode::IncompleteReply => Err(error),
        Err(error) => Err(error.after(answer)),
    }
}

fn build(request: &HttpRequest, controller: &AbortController) -> Result<Request, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    init.set_headers(&headers);
    init.set_signal(Some(&controller.signal()));
    // Segments are kept in the database; a second copy in the browser's cache would only take its space.
    init.set_cache(RequestCache::NoStore);
    init.set_credentials(RequestCredentials::Omit);
    // Our server does not redirect; whoever does is the login page of a network, and is told from us by what it says.
    init.set_redirect(RequestRedirect::Manual);
    if request.method.has_body() {
        init.set_body(&js_sys::Uint8Array::from(request.body.as_slice()));
    }
    Request::new_with_str_and_init(&request.url, &init)
}

/// Reads the body piece by piece, so that a slow one is told from a dead one; what came before a failure is there too.
async fn read(worker: &DedicatedWorkerGlobalScope, response: &Response, max_bytes: u64, body: &mut Vec<u8>) -> Result<(), TransportError> {
    let Some(stream) = response.body() else {
        return Ok(());
    };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    loop {
        let piece = match within(NEXT_BYTES_MS, JsFuture::from(reader.read())).await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return Err(TransportError::new(cut(worker), text(&error))),
            None => return Err(TransportError::new(ErrorCode::ConnectionLost, "no further bytes in time")),
        };
        let part = |name: &str| js_sys::Reflect::get(&piece, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if part("done").is_truthy() {
            return Ok(());
        }
        let bytes: js_sys::Uint8Array = part("value").unchecked_into();
        MOVED.set(MOVED.get() + u64::from(bytes.length()));
        let read = body.len();
        if (read as u64).saturating_add(u64::from(bytes.length())) > max_bytes {
            return Err(TransportError::new(ErrorCode::IncompleteReply, "the answer is longer than it may be"));
        }
        body.resize(read + usize::try_from(bytes.length()).unwrap_or(0), 0);
        bytes.copy_to(&mut body[read..]);
    }
}

/// What came within `millis`; `None` if nothing did.
async fn within<T>(millis: u64, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(sleep(millis))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Why there was no answer: a browser tells only whether the phone has any network.
fn no_answer(worker: &DedicatedWorkerGlobalScope, error: &JsValue) -> TransportError {
    let code = if worker.navigator().on_line() { ErrorCode::ServerSilent } else { ErrorCode::NoInternet };
    TransportError::new(code, text(error))
}

/// Why an answer ended in its middle.
fn cut(worker: &DedicatedWorkerGlobalScope) -> ErrorCode {
    if worker.navigator().on_line() { ErrorCode::ConnectionLost } else { ErrorCode::NoInternet }
}

/// A mistake of ours: the request could not even be made.
fn unexpected(error: &JsValue) -> TransportError {
    TransportError::new(ErrorCode::Unexpected, text(error))
}

/// The words of an exception.
pub fn text(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}
