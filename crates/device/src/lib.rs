//! What a rep does, sees, and how the device stays in step with the office.
//!
//! The core does no I/O of its own: databases come through [`platform::Platform`], the network through [`transport::Transport`], files
//! through [`files::Files`], pictures through [`pictures::Pictures`], time, randomness and waiting through [`host::Host`]. A program on one thread puts it together like this:
//!
//! ```text
//! let setup  = Setup { server: Some(origin_or_url), model, app_version };
//! let device = Device::open(Box::new(platform), setup, &host)?;              // Err(Failure): L503, L505, S304
//! let driver = Rc::new(Driver::new(device, Outside { transport, host, files, pictures }, |push: Push| …)); // pushes come synchronously, from inside `run` and `request`
//! spawn(driver.run());                                                       // never ends; sessions, timers
//! let reply: Reply = driver.request(request).await;                          // many at once are fine
//! ```

mod acting;
mod calls;
mod catalogue;
mod commands;
pub mod device;
pub mod driver;
pub mod error;
pub mod files;
pub mod host;
mod keeping;
pub mod materials;
pub mod order_file;
pub mod pictures;
mod screens;
pub mod sync;
pub mod transport;

pub use device::{Device, Setup};
pub use driver::{Driver, Outside};
pub use polevik_device_api as api;
pub use polevik_device_store::error::StoreError;
pub use polevik_device_store::platform;
pub use polevik_order_export as order_export;
