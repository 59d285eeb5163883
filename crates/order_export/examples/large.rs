//! Makes the four files of 5 000 orders with 45 000 lines, and says how long each took: `cargo run --release --example large -- FOLDER`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::ops::ControlFlow;

use polevik_order_export::format::{Format, Options, file_name};
use polevik_order_export::making::make;
use polevik_order_export::read::read;

#[expect(clippy::disallowed_methods, reason = "a program that measures asks the system for the time")]
fn main() {
    let folder = std::env::args().nth(1).expect("a folder to write to");
    let snapshot = common::snapshot(5_000, 9);
    for format in Format::ALL {
        let began = std::time::Instant::now();
        let made = make(&snapshot, format, Options::default(), |_| ControlFlow::Continue(())).expect("it can be made");
        let took = began.elapsed();
        let name = file_name(&snapshot.header, format);
        println!("{name}: {} bytes in {} ms", made.bytes.len(), took.as_millis());
        std::fs::write(std::path::Path::new(&folder).join(name), &made.bytes).expect("the folder can be written to");
        if matches!(format, Format::Xlsx | Format::Json) {
            let began = std::time::Instant::now();
            assert_eq!(read(&made.bytes).map(|back| back.snapshot).as_ref(), Ok(&snapshot), "it is read back");
            println!("  read back in {} ms", began.elapsed().as_millis());
        }
    }
}
