//! Ten thousand orders go up: every one durable in the central database, answered, and its state back on the device.

use anyhow::{Context, Result, ensure};
use polevik_device::api::view::{Screen, View};
use polevik_device::api::{Command, CommandDone, LineChange};
use polevik_domain::quantity::Unit;

use super::{Bench, number, remove};
use crate::dataset::Shape;
use crate::device::{self, InProcess, Person};
use crate::limits::Rows;
use crate::office::Office;
use crate::report::{Figure, median};
use crate::server::Server;

/// Lines of an order.
const LINES: usize = 10;

/// The tables of the central database that orders fill.
const TABLES: [&str; 5] = ["document", "document_receipt", "customer_order", "order_line", "document_state"];

/// Runs the scenario.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let orders = bench.scaled(10_000);
    let office = bench.own_office("S", 0, Shape::Published)?;
    let server = Server::start(&bench.programs, &office.data)?;
    // Acts of a rep are synced one by one; in memory that costs nothing, and what is measured is done on the disk.
    let home = tempfile::tempdir_in("/dev/shm").context("no memory file system")?;
    let mut device = InProcess::open(home.path(), &server)?;
    device.settle_in(&Person::rep(1))?;
    place_orders(&mut device, orders)?;
    drop(device);
    let port = server.socket().to_owned();
    drop(server);

    let runs = bench.runs(3);
    let (mut wall_s, mut device_cpu, mut server_cpu, mut both, mut wire) = (vec![], vec![], vec![], vec![], 0.0);
    let mut last: Option<Office> = None;
    for _ in 0..runs {
        let (data, run_home) = (bench.fresh("office-copy"), bench.fresh("home"));
        let copy = office.copy_to(&data)?;
        copy_folder(home.path(), &run_home)?;
        let server = Server::start_at(&bench.programs, &copy.data, &port)?;
        let before = server.cpu()?;
        let sync = device::synchronise(&bench.programs, &run_home)?;
        let server_s = server.cpu_since(before)?;
        ensure!(sync.documents == orders, "{} documents were sent of {orders}", sync.documents);
        wall_s.push(sync.spent.wall_s);
        device_cpu.push(sync.spent.cpu_s);
        server_cpu.push(server_s);
        both.push(sync.spent.cpu_s + server_s);
        wire = number(sync.wire_bytes);
        remove(&run_home);
        if let Some(earlier) = last.replace(copy) {
            remove(&earlier.data);
        }
    }
    let file = last.context("no run")?.data.join("central.db");
    let rows = Rows::read(&file, &TABLES)?;
    let (mut insert_cpu, mut insert_wall) = (vec![], vec![]);
    for _ in 0..runs {
        let into = bench.fresh("limit.db");
        let spent = rows.insert_into(&into, "full")?;
        insert_cpu.push(spent.own_cpu_s);
        insert_wall.push(spent.wall_s);
        remove(&into);
    }
    Ok(vec![
        Figure::new("wall time of the device process", "s", wall_s).at_most(1.5).beside("inserts in one transaction", median(&insert_wall)),
        Figure::new("CPU, device and server", "s", both).at_most(1.5).beside("inserts in one transaction", median(&insert_cpu)),
        Figure::new("device CPU", "s", device_cpu),
        Figure::new("server CPU", "s", server_cpu),
        Figure::one("body bytes both ways", "B/order", wire / number(orders)),
        Figure::one("rows of the central database", "rows", number(rows.count() as u64)),
    ])
}

/// Places orders as a rep does, outside visits.
fn place_orders(device: &mut InProcess, orders: u64) -> Result<()> {
    let View::Outlets(outlets) = device.load(Screen::Outlets { search: String::new(), limit: 100 })? else {
        anyhow::bail!("another screen")
    };
    let products = device.with_device(|device| device.products(u32::MAX)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut placed = 0;
    let mut outlets = outlets.rows.iter().filter(|outlet| !outlet.stopped).cycle();
    let mut product = products.iter().filter(|product| product.list_price.is_some()).cycle();
    while placed < orders {
        let outlet = outlets.next().context("no outlet")?.id;
        let new = Command::NewOrder { outlet, visit: None, outside_visit: Some("звонок".to_owned()) };
        let CommandDone::Document(order) = device.act(new)? else { anyhow::bail!("no order was made") };
        let mut lines = 0;
        for _ in 0..products.len() {
            let change = LineChange { product: product.next().context("no product")?.id, unit: Unit::Piece, quantity: 12 };
            // Not every product is sold everywhere.
            lines += usize::from(device.act(Command::ChangeLine { order, change }).is_ok());
            if lines == LINES {
                break;
            }
        }
        ensure!(lines == LINES, "only {lines} products can be ordered");
        device.act(Command::PlaceOrder { order })?;
        placed += 1;
    }
    Ok(())
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    let status = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status()?;
    ensure!(status.success(), "cp of {}", from.display());
    // The copy is on the disk before it is measured.
    for entry in std::fs::read_dir(to)? {
        std::fs::File::open(entry?.path())?.sync_all()?;
    }
    Ok(())
}
