//! First synchronisation: a device process that has nothing, and the server, which has everything sealed.

use anyhow::{Context, Result};
use polevik_device::api::RowId;

use super::{Bench, number, remove};
use crate::dataset::Shape;
use crate::device::{self, Person};
use crate::limits::{self, Rows};
use crate::report::{Figure, median};
use crate::server::Server;

/// Four secondary indexes, as a catalogue of this shape has.
const FOUR_INDEXES: [&str; 4] = [
    "CREATE INDEX bench_sku ON product (sku)",
    "CREATE INDEX bench_barcode ON product (barcode)",
    "CREATE INDEX bench_category ON product (category, name)",
    "CREATE INDEX bench_changed ON product (changed_at_ms)",
];

/// 100 000 published products.
pub fn of_100k(bench: &mut Bench) -> Result<Vec<Figure>> {
    let (rows, runs) = (bench.scaled(100_000), bench.runs(7));
    let taken = take(bench, rows, Shape::Published, runs, false)?;
    Ok(taken.figures(Targets { rate: 250_000.0, wall_s: Some(0.5), wire: 40.0, server_ms: Some(2.0), of_limit: None }))
}

/// 1 000 000 published products.
pub fn of_1m(bench: &mut Bench) -> Result<Vec<Figure>> {
    let (rows, runs) = (bench.scaled(1_000_000), bench.runs(3));
    let taken = take(bench, rows, Shape::Published, runs, false)?;
    Ok(taken.figures(Targets { rate: 250_000.0, wall_s: Some(5.0), wire: 40.0, server_ms: None, of_limit: None }))
}

/// 100 000 products with every column, and four indexes made at the end of the load.
pub fn of_full_shape(bench: &mut Bench) -> Result<Vec<Figure>> {
    let (rows, runs) = (bench.scaled(100_000), bench.runs(5));
    let taken = take(bench, rows, Shape::Full, runs, true)?;
    Ok(taken.figures(Targets { rate: 150_000.0, wall_s: None, wire: 46.0, server_ms: None, of_limit: Some(1.6) }))
}

struct Targets {
    rate: f64,
    wall_s: Option<f64>,
    wire: f64,
    server_ms: Option<f64>,
    of_limit: Option<f64>,
}

/// What the runs gave, one entry each.
#[derive(Default)]
struct Taken {
    rows: f64,
    wall_s: Vec<f64>,
    device_cpu_s: Vec<f64>,
    server_cpu_s: Vec<f64>,
    index_cpu_s: Vec<f64>,
    wire_bytes: f64,
    device_bytes: f64,
    product_share: f64,
    insert_cpu_s: Vec<f64>,
    snapshot: Option<(f64, f64)>,
}

fn take(bench: &mut Bench, products: u64, shape: Shape, runs: usize, four_indexes: bool) -> Result<Taken> {
    let office = bench.office("S", products, shape)?;
    let server = Server::start(&bench.programs, &office.data)?;
    let mut taken = Taken::default();
    let mut last_home = None;
    for _ in 0..runs {
        let home = bench.fresh("home");
        device::log_in(&bench.programs, &home, &server, &Person::rep(1))?;
        let before = server.cpu()?;
        let sync = device::synchronise_row(&bench.programs, &home, RowId::DownloadMandatory)?;
        taken.server_cpu_s.push(server.cpu_since(before)?);
        taken.device_cpu_s.push(sync.spent.cpu_s);
        taken.wall_s.push(sync.spent.wall_s);
        (taken.rows, taken.wire_bytes) = (number(sync.rows), number(sync.wire_bytes));
        if four_indexes {
            taken.index_cpu_s.push(limits::create_indexes(&device::reference_file(&home)?, &FOUR_INDEXES)?.own_cpu_s);
        }
        if let Some(earlier) = last_home.replace(home) {
            remove(&earlier);
        }
    }
    drop(server);

    let file = device::reference_file(&last_home.context("no run")?)?;
    taken.device_bytes = number(std::fs::metadata(&file)?.len());
    let plain = bench.fresh("plain.db");
    let product_bytes = limits::table_bytes(&file, "product")?;
    taken.product_share = number(product_bytes) / number(limits::plain_file_bytes(&file, "product", &plain)?);
    remove(&plain);

    // With all indexes of the file, the four too.
    let rows = Rows::read(&file, &limits::filled_tables(&file)?)?;
    for _ in 0..runs {
        let into = bench.fresh("limit.db");
        taken.insert_cpu_s.push(rows.insert_into(&into, "normal")?.own_cpu_s / number(rows.count() as u64) * taken.rows);
        remove(&into);
    }
    let into = bench.fresh("snapshot.db");
    let snapshot = limits::snapshot(&file, &into, 3)?;
    taken.snapshot = Some((number(snapshot.bytes as u64) / taken.rows, taken.rows / snapshot.spent.own_cpu_s));
    remove(&into);
    Ok(taken)
}

impl Taken {
    fn figures(self, targets: Targets) -> Vec<Figure> {
        let index = |run: usize| self.index_cpu_s.get(run).copied().unwrap_or(0.0);
        let both: Vec<f64> = self
            .device_cpu_s
            .iter()
            .zip(&self.server_cpu_s)
            .enumerate()
            .map(|(run, (device, server))| device + server + index(run))
            .collect();
        let insert = median(&self.insert_cpu_s);
        let (snapshot_wire, snapshot_rate) = self.snapshot.unwrap_or_default();
        let rows = self.rows;
        let rates: Vec<f64> = both.iter().map(|cpu| rows / cpu).collect();
        let mut wall = Figure::new("wall time of the device process", "s", self.wall_s.clone());
        if let Some(most) = targets.wall_s {
            wall = wall.at_most(most);
        }
        let mut further = Figure::new(
            "server CPU for each device after the first",
            "ms",
            self.server_cpu_s.iter().skip(1).map(|cpu| cpu * 1_000.0).collect(),
        );
        if let Some(most) = targets.server_ms {
            further = further.at_most(most);
        }
        let mut against = Figure::new("CPU against the same inserts alone", "times", both.iter().map(|cpu| cpu / insert).collect());
        if let Some(most) = targets.of_limit {
            against = against.at_most(most);
        }
        vec![
            Figure::new("rows per CPU second, device and server", "rows/s", rates)
                .at_least(targets.rate)
                .beside("inserts of the same rows in one transaction", rows / insert),
            Figure::one("the same, zstd snapshot of the file: unpack and write", "rows/s", snapshot_rate),
            against,
            wall,
            Figure::new("device CPU", "s", self.device_cpu_s.clone()),
            Figure::new("server CPU", "s", self.server_cpu_s.clone()),
            further,
            Figure::one("bytes on the wire, bodies both ways", "B/row", self.wire_bytes / rows)
                .at_most(targets.wire)
                .beside("zstd -3 of the file", snapshot_wire),
            Figure::one("bytes on the device", "B/row", self.device_bytes / rows),
            Figure::one("table of products against a plain typed table", "times", self.product_share).at_most(1.15),
        ]
    }
}
