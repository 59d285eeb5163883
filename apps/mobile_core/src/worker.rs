//! The Worker's door: frames in, frames out.

use std::cell::RefCell;
use std::rc::Rc;

use polevik_device::{Device, Driver, Outside, Setup};
use polevik_device_api::sync::Failure;
use polevik_device_api::{ErrorCode, FromCore, Push, Reply, Request, ToCore, decode, encode};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::canvas_pictures::CanvasPictures;
use crate::fetch::Fetch;
use crate::machine::{Machine, sleep};
use crate::network;
use crate::opfs::{NotOpened, Opfs, Room};
use crate::opfs_files::OpfsFiles;

/// How often, and for how long, storage is asked for that another window has not given back yet: its Worker was told to end.
const TRIES: u32 = 20;
const TRY_AGAIN_MS: u64 = 250;

type Core = Driver<Fetch, Machine, OpfsFiles, CanvasPictures, fn(Push)>;

thread_local! {
    static CORE: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
    static ROOM: RefCell<Option<Room>> = const { RefCell::new(None) };
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// A panic ends the module: the page is told, so that it does not wait for answers that cannot come. What was committed stays.
pub fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        say(&"failed".into());
    }));
}

/// Listens to the page, and tells it that the module is loaded.
pub fn listen() {
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
        let data = event.data();
        match data.as_string() {
            Some(word) if word == "open" => wasm_bindgen_futures::spawn_local(open()),
            Some(_) => (),
            None => take(&js_sys::Uint8Array::new(&data).to_vec()),
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    say(&"loaded".into());
}

/// Opens the databases and starts the driver.
async fn open() {
    match assemble().await {
        Ok(core) => {
            CORE.set(Some(core.clone()));
            let told = core.clone();
            network::listen(move |class| {
                let core = told.clone();
                wasm_bindgen_futures::spawn_local(async move {
                    core.request(Request::Network(class)).await;
                });
            });
            wasm_bindgen_futures::spawn_local(async move { core.run().await });
            push(Push::Ready);
        }
        Err((failure, other_window)) => push(Push::CannotStart { failure, other_window }),
    }
}

async fn assemble() -> Result<Rc<Core>, (Failure, bool)> {
    let room = Room::default();
    room.ask().await;
    ROOM.set(Some(room.clone()));
    let storage = storage(&room).await?;
    let files = OpfsFiles::open(room).await.map_err(|error| (no_storage(error.to_string()), false))?;
    let setup = Setup { server: Some(scope().location().origin()), model: model(), app_version: env!("CARGO_PKG_VERSION").to_owned() };
    let device = Device::open(Box::new(storage), setup, &Machine).map_err(|failure| (failure, false))?;
    let outside = Outside { transport: Fetch, host: Machine, files, pictures: CanvasPictures };
    Ok(Rc::new(Driver::new(device, outside, push as fn(Push))))
}

async fn storage(room: &Room) -> Result<Opfs, (Failure, bool)> {
    let mut tries = 0;
    loop {
        match Opfs::open(room.clone()).await {
            Ok(storage) => return Ok(storage),
            Err(NotOpened::OtherWindow(_)) if tries < TRIES => {
                tries += 1;
                sleep(TRY_AGAIN_MS).await;
            }
            Err(NotOpened::OtherWindow(detail)) => return Err((no_storage(detail), true)),
            Err(NotOpened::NoStorage(detail)) => return Err((no_storage(detail), false)),
        }
    }
}

fn no_storage(detail: String) -> Failure {
    Failure::new(ErrorCode::NoStorage, detail)
}

/// What the server is told of this phone: the browser's own words, for support.
fn model() -> String {
    scope().navigator().user_agent().unwrap_or_default()
}

/// One frame of the page.
fn take(bytes: &[u8]) {
    let message: ToCore = match decode(bytes) {
        Ok(message) => message,
        // Page and core are of one build; there is nobody to answer, as the number is not known either.
        Err(error) => {
            web_sys::console::error_1(&error.to_string().into());
            return;
        }
    };
    let Some(core) = CORE.with_borrow(Clone::clone) else {
        let detail = "the databases are not open".to_owned();
        answer(message.number, Reply::Failed(Failure::new(ErrorCode::Unexpected, detail)));
        return;
    };
    wasm_bindgen_futures::spawn_local(async move {
        // A session may have to know whether there is room, and cannot wait for the browser to say so.
        if matches!(message.request, Request::Sync(_) | Request::Check | Request::Foreground(true))
            && let Some(room) = ROOM.with_borrow(Clone::clone)
        {
            room.ask().await;
        }
        let reply = core.request(message.request).await;
        answer(message.number, reply);
    });
}

fn answer(number: u32, reply: Reply) {
    send(&FromCore::Reply { number, reply });
}

fn push(push: Push) {
    send(&FromCore::Push(push));
}

/// Hands a frame over to the page, without a copy.
fn send(message: &FromCore) {
    let bytes = js_sys::Uint8Array::from(encode(message).as_slice()).buffer();
    if let Err(error) = scope().post_message_with_transfer(&bytes, &js_sys::Array::of1(&bytes)) {
        web_sys::console::error_1(&error);
    }
}

fn say(word: &wasm_bindgen::JsValue) {
    if let Err(error) = scope().post_message(word) {
        web_sys::console::error_1(&error);
    }
}
