//! The demo company: realistic, imperfect, and the same for the same seed, size and day.
//!
//! Everything goes in through the import, as an office's files would; so its defects are refused there, with a report. Nothing of it is real:
//! names are made up, taxpayer numbers and bar codes only have valid check digits, and the phone code 000 does not exist.

pub mod draws;
pub mod logins;
mod make;
mod materials;
mod names;
mod outlets;
pub mod packs;
mod people;
mod pictures;
mod products;
mod receivables;
mod routes;
mod size;

pub use logins::Login;
pub use make::{Made, Plan, make};
pub use materials::Materials;
pub use size::Size;

/// The password of every demo login.
pub const PASSWORD: &str = "polevik-demo";
