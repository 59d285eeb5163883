//! The page of the mobile module: draws what the core gives it and sends what the rep does.
//!
//! It runs on the main thread and knows neither SQL nor the network: everything comes through `bridge.rs` from the core in its Worker,
//! which is built from `apps/mobile_core`. Screens are one file each in `screens/`; words come from `polevik-texts`.

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod bridge;
#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod components;
#[cfg(target_arch = "wasm32")]
mod icons;
#[cfg(target_arch = "wasm32")]
mod leader;
pub mod order_draft;
pub mod router;
#[cfg(target_arch = "wasm32")]
mod screens;
#[cfg(target_arch = "wasm32")]
mod stored;
pub mod summary;
#[cfg(target_arch = "wasm32")]
mod update;
pub mod windowing;
#[cfg(target_arch = "wasm32")]
mod words;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by `start.js` when the module is loaded.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    app::mount();
}
