//! Clock, randomness, timers and the log of a Worker.

use std::future::Future;

use polevik_device::api::NetworkClass;
use polevik_device::host::Host;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// The browser's machine.
#[derive(Debug, Clone, Copy)]
pub struct Machine;

impl Host for Machine {
    fn now(&self) -> UtcMillis {
        UtcMillis(whole(js_sys::Date::now()))
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        // The browser counts the other way: minutes from local time to UTC.
        let behind = whole(js_sys::Date::new_0().get_timezone_offset());
        UtcOffsetMinutes(i32::try_from(-behind).unwrap_or(0))
    }

    fn random_bytes(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("a Worker in a secure context has crypto.getRandomValues");
    }

    fn sleep(&self, millis: u64) -> impl Future<Output = ()> {
        sleep(millis)
    }

    fn network(&self) -> NetworkClass {
        crate::network::class()
    }

    fn log(&self, line: &str) {
        web_sys::console::debug_1(&line.into());
    }
}

/// Ends after about so many milliseconds; a timer of a browser counts up to 24 days.
pub async fn sleep(millis: u64) {
    let millis = i32::try_from(millis).unwrap_or(i32::MAX);
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let worker: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
        // Without a timer the future just does not end, as the trait allows.
        let _ = worker.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
    });
    // It is never rejected.
    let _ = JsFuture::from(promise).await;
}

/// A number of the browser as a whole one.
pub fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what a double holds exactly")]
    let whole = number.clamp(-9e15, 9e15) as i64;
    whole
}
