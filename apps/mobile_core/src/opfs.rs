//! Databases on the origin's private file system.
//!
//! A pool of files is opened once, with exclusive handles, and SQLite's names are kept in the files' headers; so one Worker has all of
//! them or none. Places in the pool count journals too.

use polevik_device::StoreError;
use polevik_device::platform::{Connection, Journal, Platform};
use sqlite_wasm_rs::WasmOsCallback;
use sqlite_wasm_rs::vfs::VfsFilesManager;
use sqlite_wasm_rs::vfs::transfer::DbTransfer;
use sqlite_wasm_vfs::sahpool::{OpfsSAHError, OpfsSAHPoolCfgBuilder, OpfsSAHPoolUtil, install};

/// Where the pool lies in the origin's private file system.
const FOLDER: &str = ".polevik";

/// Places in the pool: `work`, `reference`, the next `reference` beside it and a damaged one, each with its journal, and a copy of `work`.
const PLACES: usize = 12;

/// The pool, held by this Worker.
pub struct Opfs {
    pool: OpfsSAHPoolUtil,
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
    pub async fn open() -> Result<Self, NotOpened> {
        let options = OpfsSAHPoolCfgBuilder::new().directory(FOLDER).initial_capacity(PLACES).build();
        let pool = install::<WasmOsCallback>(&options, true).await.map_err(not_opened)?;
        pool.ensure_capacity(PLACES).await.map_err(not_opened)?;
        Ok(Self { pool })
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

    fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let names = self.pool.names().map_err(storage)?;
        if !names.iter().any(|known| known.trim_start_matches('/') == name) {
            return Ok(Vec::new());
        }
        self.pool.export_db(name).map_err(storage)
    }
}
