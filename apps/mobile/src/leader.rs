//! One window works on the data: the one that holds the lock `polevik-data`.
//!
//! The databases allow one user, and one window knows nothing of what another shows. The lock is held for the window's life and freed by
//! the browser when it closes, however it closes. Another window may take it: the browser then tells the holder, which ends its Worker.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::bridge::{Core, CoreState};
use crate::browser;

const LOCK: &str = "polevik-data";

/// How the lock is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Take it if nobody has it.
    IfFree,
    /// Take it from whoever has it: the person said "continue here".
    Take,
}

/// Asks for the lock, and opens the core once it is held; says so in the core's state when another window has it.
pub fn lead(core: Core, ask: Ask) {
    leptos::task::spawn_local(async move {
        if lock_manager().is_none() {
            // A browser without locks, or an address that is not secure: the databases would not open either.
            core.stop(CoreState::Unsupported);
            return;
        }
        match hold(core, ask).await {
            Held::ByUs => core.stop(CoreState::TakenOver),
            Held::ByAnother => core.stop(CoreState::OtherWindow),
        }
    });
}

enum Held {
    /// We had it, and another window took it.
    ByUs,
    /// Another window has it.
    ByAnother,
}

/// Holds the lock until it is taken away; returns at once if another window has it.
async fn hold(core: Core, ask: Ask) -> Held {
    let Some(locks) = lock_manager() else {
        return Held::ByAnother;
    };
    let wish = match ask {
        Ask::IfFree => "ifAvailable",
        Ask::Take => "steal",
    };
    let options = js_sys::Object::new();
    // Setting a property of a plain object cannot fail.
    let _ = js_sys::Reflect::set(&options, &wish.into(), &JsValue::TRUE);
    let refused = std::rc::Rc::new(std::cell::Cell::new(false));
    let refused_inside = refused.clone();
    // The lock is held until the promise given back here is settled: never, by us.
    let granted = Closure::<dyn FnMut(JsValue) -> js_sys::Promise>::new(move |lock: JsValue| {
        if lock.is_null() {
            refused_inside.set(true);
            return js_sys::Promise::resolve(&JsValue::NULL);
        }
        core.open();
        js_sys::Promise::new(&mut |_, _| ())
    });
    let held = locks.request.call3(&locks.manager, &LOCK.into(), &options, granted.as_ref());
    let Some(held) = held.ok().and_then(|held| held.dyn_into::<js_sys::Promise>().ok()) else {
        return Held::ByAnother;
    };
    // Ends in an error when another window takes the lock; ends well only if it was refused.
    let _ = JsFuture::from(held).await;
    if refused.get() { Held::ByAnother } else { Held::ByUs }
}

/// The browser's lock manager with its one method that we use; web-sys has it only as an unstable interface.
struct Locks {
    manager: JsValue,
    request: js_sys::Function,
}

/// The browser's locks; `None` where it has none.
fn lock_manager() -> Option<Locks> {
    let manager = js_sys::Reflect::get(&browser::window().navigator(), &"locks".into()).ok()?;
    let request = js_sys::Reflect::get(&manager, &"request".into()).ok()?.dyn_into().ok()?;
    Some(Locks { manager, request })
}
