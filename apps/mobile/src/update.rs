//! A new build that waits beside the running one (`start.js` tells of it, `service_worker.js` keeps it).

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use crate::browser;

/// Turns true when a new build waits.
pub fn watch() -> RwSignal<bool> {
    let waiting = RwSignal::new(is_waiting());
    browser::on_window("polevik-update", move || waiting.set(true));
    waiting
}

fn is_waiting() -> bool {
    js_sys::Reflect::get(&js_sys::global(), &"polevikUpdateWaits".into()).is_ok_and(|waits| waits.is_truthy())
}

/// Switches to the new build: the page is loaded anew. Nothing is lost, all is committed.
pub fn update_now() {
    let update = js_sys::Reflect::get(&js_sys::global(), &"polevikUpdateNow".into());
    if let Some(update) = update.ok().and_then(|update| update.dyn_into::<js_sys::Function>().ok()) {
        // The page goes away; there is nobody left to tell of a failure.
        let _ = update.call0(&JsValue::UNDEFINED);
    }
}
