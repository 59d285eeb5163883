//! Figures, not promises: run with `cargo test --release -p polevik-device --test device speed -- --ignored --nocapture`.

use std::time::Instant;

use polevik_device::api::Command;
use polevik_device::api::view::{PadFilter, Screen, View};
use polevik_domain::ids::OutletId;

use crate::road::many_products;
use crate::support::World;

#[expect(clippy::disallowed_methods, reason = "a stop watch")]
fn timed<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = work();
    println!("{what}: {:.1} ms", begun.elapsed().as_secs_f64() * 1_000.0);
    result
}

#[test]
#[ignore = "measures; needs a release build to mean anything"]
fn a_hundred_thousand_products() {
    let mut world = World::ready();
    timed("the office makes 100,000 products", || many_products(&mut world, 100_000, 10_000));
    timed("download and apply", || world.sync(None));
    let order = world.make(Command::NewOrder { outlet: OutletId(17), visit: None, outside_visit: Some("звонок".to_owned()) });
    for search in ["", "", "товар 77", "ТОВАР 123 4", "нет такого"] {
        let screen = Screen::OrderPad { order, search: search.to_owned(), filter: PadFilter::All };
        let view = timed(&format!("order pad «{search}»"), || world.load(screen));
        let View::OrderPad(view) = view else { panic!("{view:?}") };
        println!("  {} products, {} shown", view.total, view.rows.len());
    }
}
