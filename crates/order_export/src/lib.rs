//! The files of «Ручная выгрузка заказов»: orders as a spreadsheet, as tables of text, as `CommerceML` for 1C, as JSON.
//!
//! One list of orders ([`snapshot`]) goes into whichever file is wanted, so the four agree in counts and sums. [`selection`] says which orders
//! those are, [`making`] makes the file order by order, and [`read`] takes the two lossless forms (JSON and XLSX) back.
//!
//! Everything here is pure and runs in a browser's Worker too: no clock, no files, no database.

mod columns;
mod commerceml;
mod csv;
pub mod format;
mod json;
pub mod making;
pub mod moment;
pub mod read;
pub mod selection;
pub mod snapshot;
mod text;
mod windows_1251;
mod xlsx;
mod zip;

/// The version of the layouts. Columns and fields are only added; a file with a higher number is not read.
pub const SCHEMA: u32 = 1;
