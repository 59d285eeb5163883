//! Messages between the page and the core in its Worker.
//!
//! A request carries a number, its reply brings it back; pushes come unasked and land in signals. Frames are postcard
//! (`polevik_device_api::frame`) in an `ArrayBuffer` that is handed over, not copied. Three plain words manage the Worker itself:
//! it says `loaded`, the page answers `open` once this window may touch the database, and it says `failed` when it is about to end.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use futures::channel::oneshot;
use leptos::prelude::*;
use polevik_device_api::sync::{Failure, SyncView};
use polevik_device_api::view::{Screen, View};
use polevik_device_api::{Command, CommandDone, ErrorCode, FromCore, Push, Reply, Request, ToCore, decode, encode};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker};

use crate::browser;

/// How the core of this window stands.
#[derive(Debug, Clone, PartialEq)]
pub enum CoreState {
    /// It is being loaded, or opens its databases.
    Starting,
    /// Requests are answered.
    Ready,
    /// Another window works on the data.
    OtherWindow,
    /// This window worked on the data until another one took over.
    TakenOver,
    /// The databases did not open.
    CannotStart(Failure),
    /// The browser lacks what the core needs.
    Unsupported,
}

/// What the core tells without being asked.
#[derive(Clone, Copy)]
pub struct Core {
    /// How it stands.
    pub state: RwSignal<CoreState>,
    /// The state of synchronisation; `None` until first heard of.
    pub sync: RwSignal<Option<Arc<SyncView>>>,
    /// Counts the changes, and names the tables of the last one.
    pub changed: RwSignal<(u64, Arc<Vec<String>>)>,
}

/// The open line to one Worker.
struct Line {
    worker: Worker,
    waiting: HashMap<u32, oneshot::Sender<Reply>>,
    next_number: u32,
    loaded: bool,
    may_open: bool,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

thread_local! {
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
}

impl Core {
    /// Signals of a core that has not started.
    pub fn new() -> Self {
        Self { state: RwSignal::new(CoreState::Starting), sync: RwSignal::new(None), changed: RwSignal::new((0, Arc::default())) }
    }

    /// Starts a Worker and listens to it. It loads at once, and opens the databases after [`Core::open`].
    pub fn start(self) {
        let Some(worker) = new_worker() else {
            self.state.set(CoreState::Unsupported);
            return;
        };
        let on_message = Closure::new(move |event: MessageEvent| self.hear(&event.data()));
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let on_error = Closure::new(move |event: web_sys::Event| {
            let text = js_sys::Reflect::get(&event, &"message".into()).ok().and_then(|text| text.as_string());
            self.fail(text.unwrap_or_default());
        });
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let line = Line {
            worker,
            waiting: HashMap::new(),
            next_number: 0,
            loaded: false,
            may_open: false,
            _on_message: on_message,
            _on_error: on_error,
        };
        LINE.with_borrow_mut(|slot| *slot = Some(line));
    }

    /// Lets the Worker open the databases: this window holds the lock.
    pub fn open(self) {
        LINE.with_borrow_mut(|line| {
            if let Some(line) = line {
                line.may_open = true;
                line.open_if_loaded();
            }
        });
    }

    /// Ends the Worker at once: another window took the work over. An unfinished transaction is rolled back by the next to open.
    pub fn stop(self, state: CoreState) {
        // Unanswered requests end as failures: their senders are dropped here.
        let line = LINE.with_borrow_mut(Option::take);
        if let Some(line) = line {
            line.worker.terminate();
        }
        self.state.set(state);
    }

    fn hear(self, data: &JsValue) {
        match data.as_string().as_deref() {
            Some("loaded") => {
                LINE.with_borrow_mut(|line| {
                    if let Some(line) = line {
                        line.loaded = true;
                        line.open_if_loaded();
                    }
                });
                return;
            }
            Some(word) => {
                self.fail(format!("the core says {word}"));
                return;
            }
            None => (),
        }
        let bytes = js_sys::Uint8Array::new(data).to_vec();
        match decode::<FromCore>(&bytes) {
            Ok(FromCore::Reply { number, reply }) => {
                let sender = LINE.with_borrow_mut(|line| line.as_mut().and_then(|line| line.waiting.remove(&number)));
                if let Some(sender) = sender {
                    // Nobody waits any more if the screen was left: then the answer is not needed.
                    let _ = sender.send(reply);
                }
            }
            Ok(FromCore::Push(push)) => self.take(push),
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn take(self, push: Push) {
        match push {
            Push::Ready => self.state.set(CoreState::Ready),
            Push::CannotStart { other_window: true, .. } => self.state.set(CoreState::OtherWindow),
            Push::CannotStart { failure, .. } => self.state.set(CoreState::CannotStart(failure)),
            Push::Sync(view) => self.sync.set(Some(Arc::new(*view))),
            Push::Changed(tables) => self.changed.update(|(count, names)| {
                *count += 1;
                *names = Arc::new(tables);
            }),
        }
    }

    /// The core can no longer be used; what was committed is safe, and a fresh one may open it.
    fn fail(self, detail: String) {
        leptos::logging::error!("core: {detail}");
        let failure = Failure::new(ErrorCode::Unexpected, detail);
        // Later, because the listener that is running now goes away with the line.
        browser::after(0, move || self.stop(CoreState::CannotStart(failure)));
    }
}

impl Line {
    fn open_if_loaded(&mut self) {
        if self.loaded && self.may_open {
            self.may_open = false;
            if let Err(error) = self.worker.post_message(&"open".into()) {
                leptos::logging::error!("core: {error:?}");
            }
        }
    }

    fn send(&mut self, request: Request) -> Option<oneshot::Receiver<Reply>> {
        self.next_number = self.next_number.wrapping_add(1);
        let bytes = js_sys::Uint8Array::from(encode(&ToCore { number: self.next_number, request }).as_slice()).buffer();
        self.worker.post_message_with_transfer(&bytes, &js_sys::Array::of1(&bytes)).ok()?;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(self.next_number, sender);
        Some(receiver)
    }
}

/// A fresh Worker from `start.js`, which knows the script's hashed name.
fn new_worker() -> Option<Worker> {
    let make = js_sys::Reflect::get(&js_sys::global(), &"polevikNewWorker".into()).ok()?;
    make.dyn_into::<js_sys::Function>().ok()?.call0(&JsValue::UNDEFINED).ok()?.dyn_into().ok()
}

/// Asks the core; a core that is gone answers with X999.
pub async fn ask(request: Request) -> Reply {
    let receiver = LINE.with_borrow_mut(|line| line.as_mut().and_then(|line| line.send(request)));
    let gone = || Reply::Failed(Failure::new(ErrorCode::Unexpected, "the core does not answer"));
    match receiver {
        Some(receiver) => receiver.await.unwrap_or_else(|_| gone()),
        None => gone(),
    }
}

/// Asks for a screen.
///
/// # Errors
///
/// The core's failure or refusal, as it came.
pub async fn load(screen: Screen) -> Result<View, Reply> {
    match ask(Request::Load(screen)).await {
        Reply::View(view) => Ok(*view),
        other => Err(other),
    }
}

/// Does an act of the rep.
///
/// # Errors
///
/// The core's failure or refusal, as it came.
pub async fn execute(command: Command) -> Result<CommandDone, Reply> {
    match ask(Request::Execute(command)).await {
        Reply::Done(done) => Ok(done),
        other => Err(other),
    }
}
