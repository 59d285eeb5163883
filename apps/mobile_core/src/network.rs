//! What kind of network the browser says there is.
//!
//! Only some say more than "there is one" (Chrome on Android does, Safari does not). What they do not say is unknown, and counts as mobile.

use polevik_device::api::NetworkClass;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{DedicatedWorkerGlobalScope, EventTarget};

use crate::network_words::class_of;

/// The network there is now.
pub fn class() -> NetworkClass {
    let worker: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let connection = connection(&worker);
    let said = |name: &str| connection.as_ref().and_then(|connection| js_sys::Reflect::get(connection, &name.into()).ok());
    let kind = said("type").and_then(|kind| kind.as_string());
    let saves_data = said("saveData").is_some_and(|saves| saves.is_truthy());
    class_of(worker.navigator().on_line(), kind.as_deref(), saves_data)
}

/// Calls `tell` whenever the network may have become another one, for as long as the Worker lives.
pub fn listen(tell: impl Fn(NetworkClass) + 'static) {
    let worker: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let heard = Closure::<dyn FnMut()>::new(move || tell(class()));
    let listener: &js_sys::Function = heard.as_ref().unchecked_ref();
    let connection = connection(&worker);
    let targets = [(Some(worker.unchecked_ref()), "online"), (Some(worker.unchecked_ref()), "offline"), (connection.as_ref(), "change")];
    for (target, event) in targets {
        if let Some(target) = target {
            let target: &EventTarget = target;
            // A browser that does not tell of changes is asked before each request all the same.
            let _ = target.add_event_listener_with_callback(event, listener);
        }
    }
    heard.forget();
}

/// The browser's description of the network; not every one has it.
fn connection(worker: &DedicatedWorkerGlobalScope) -> Option<EventTarget> {
    let connection = js_sys::Reflect::get(&worker.navigator(), &"connection".into()).ok()?;
    connection.dyn_into().ok()
}
