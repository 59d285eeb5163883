//! Databases on the origin's private file system.
//!
//! A pool of files is opened once, with exclusive handles, and SQLite's names are kept in the files' headers; so one Worker has all of
//! them or none. Places in the pool count journals too.

use std::cell::Cell;
use std::rc::Rc;

use polevik_device::StoreError;
use polevik_device::platform::{Connection, Journal, Platform};
use sqlite_wasm_rs::WasmOsCallback;
use sqlite_wasm_rs::vfs::VfsFilesManager;
use sqlite_wasm_rs::vfs::transfer::DbTransfer;
use sqlite_wasm_vfs::sahpool::{OpfsSAHError, OpfsSAHPoolCfgBuilder, OpfsSAHPoolUtil, install};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::DedicatedWorkerGlobalScope;

use crate::machine::whole;

/// Where the pool lies in the origin's private file system.
const FOLDER: &str = ".polevik";

/// Places in the pool: `work`, `reference`, the next `reference` beside it, a damaged one, and a `work` that is being salvaged, each with its
/// journal; the rest are copies of damaged `work` files, which are never deleted.
const PLACES: usize = 24;

/// The pool, held by this Worker.
pub struct Opfs {
    pool: OpfsSAHPoolUtil,
    room: Room,
}

/// How many bytes the browser still grants, as it said last. It tells only those who wait, and a database cannot: so it is asked beforehand.
#[derive(Clone, Default)]
pub struct Room(Rc<Said>);

#[derive(Default)]
struct Said {
    free: Cell<Option<u64>>,
    persistent: Cell<Option<bool>>,
}

impl Room {
    /// Bytes that may still be written.
    pub fn free(&self) -> Option<u64> {
        self.0.free.get()
    }

    /// Whether the browser promised not to clear what is stored.
    pub fn persistent(&self) -> Option<bool> {
        self.0.persistent.get()
    }

    /// Asks the browser. A browser that does not say leaves it unknown.
    pub async fn ask(&self) {
        let worker: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
        if let Ok(asked) = worker.navigator().storage().persisted()
            && let Ok(kept) = JsFuture::from(asked).await
        {
            self.0.persistent.set(Some(kept.is_truthy()));
        }
        let Ok(estimate) = worker.navigator().storage().estimate() else { return };
        let Ok(estimate) = JsFuture::from(estimate).await else { return };
        let number = |name: &str| js_sys::Reflect::get(&estimate, &name.into()).ok().and_then(|number| number.as_f64());
        if let (Some(quota), Some(usage)) = (number("quota"), number("usage")) {
            // Some count more than they grant; then there is no room.
            self.0.free.set(Some(u64::try_from(whole(quota - usage)).unwrap_or(0)));
        }
    }
}

/// Why the pool could not be had.
pub enum NotOpened {
    /// Another window's Worker holds it.
    OtherWindow(String),
    /// The browser has no such storage, or refuses it.
    NoStorage(String),
}

impl Opfs {
    /// Takes the pool, and makes it at the first start.
    ///
    /// # Errors
    ///
    /// [`NotOpened`]; asking again later may help when another window is about to close.
    pub async fn open(room: Room) -> Result<Self, NotOpened> {
        let options = OpfsSAHPoolCfgBuilder::new().directory(FOLDER).initial_capacity(PLACES).build();
        let pool = install::<WasmOsCallback>(&options, true).await.map_err(not_opened)?;
        pool.ensure_capacity(PLACES).await.map_err(not_opened)?;
        Ok(Self { pool, room })
    }

    fn remove_file(&self, name: &str) -> Result<(), StoreError> {
        self.pool.remove(name).map(|_| ()).map_err(storage)
    }
}

fn not_opened(error: OpfsSAHError) -> NotOpened {
    let text = error.to_string();
    let taken = matches!(&error, OpfsSAHError::Opfs { message, .. } if message.contains("NoModificationAllowedError"));
    if taken { NotOpened::OtherWindow(text) } else { NotOpened::NoStorage(text) }
}

fn storage(error: OpfsSAHError) -> StoreError {
    StoreError::Storage(error.to_string())
}

impl Platform for Opfs {
    fn open(&self, name: &str) -> Result<Connection, StoreError> {
        Ok(Connection::open(name)?)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.remove_file(name)?;
        self.remove_file(&format!("{name}-journal"))
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let bytes = self.pool.export_db(from).map_err(storage)?;
        // Damaged or not: what is in it is not looked at.
        self.pool.import_db_unchecked(to, &bytes).map_err(storage)
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        let names = self.pool.names().map_err(storage)?;
        Ok(names.into_iter().map(|name| name.trim_start_matches('/').to_owned()).filter(|name| name.ends_with(".db")).collect())
    }

    fn journal(&self) -> Journal {
        Journal::ExclusiveTruncate
    }

    // `sync` is SQLite's own: the pool's files are flushed by its `xSync`, and their names stand in the files themselves.

    fn free_bytes(&self) -> Option<u64> {
        self.room.free()
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let names = self.pool.names().map_err(storage)?;
        if !names.iter().any(|known| known.trim_start_matches('/') == name) {
            return Ok(Vec::new());
        }
        self.pool.export_db(name).map_err(storage)
    }
}
