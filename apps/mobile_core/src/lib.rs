//! The core of the mobile module in its dedicated Worker.
//!
//! It puts `polevik-device` together with what a browser has: databases on the origin's private file system (`opfs.rs`)
//! and files beside them (`opfs_files.rs`), the network (`fetch.rs`) and its kind (`network.rs`), pictures (`canvas_pictures.rs`), clock, randomness and timers (`machine.rs`). Requests come from the page as postcard frames and are answered with the same
//! number; pushes go out as they happen.
//!
//! The page says `open` once its window holds the lock (`apps/mobile/src/leader.rs`); before that nothing is touched.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod canvas_pictures;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod fetch;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod machine;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod network;
pub mod network_words;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod opfs;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod opfs_files;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod worker;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by `core_worker.js` when the module is loaded.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[wasm_bindgen]
pub fn start() {
    worker::tell_of_panics();
    worker::listen();
}
