//! Rows change in the office; how long and how many bytes until a device that had the rest shows them.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Bench, number, remove};
use crate::cpu::Watch;
use crate::dataset::Shape;
use crate::device::{self, InProcess, Person};
use crate::http::{Connection, request_bytes};
use crate::limits;
use crate::office::{Office, Product};
use crate::report::{Figure, median};
use crate::server::Server;

/// How many products change at once, and how often that is measured.
const SIZES: [(u64, usize); 4] = [(1, 15), (100, 9), (1_000, 9), (10_000, 3)];

/// Among 100 000.
pub fn at_100k(bench: &mut Bench) -> Result<Vec<Figure>> {
    let products = bench.scaled(100_000);
    run(bench, products)
}

/// Among 1 000 000.
pub fn at_1m(bench: &mut Bench) -> Result<Vec<Figure>> {
    let products = bench.scaled(1_000_000);
    run(bench, products)
}

/// An office that is served, and a device that is up to date.
struct Stage {
    home: PathBuf,
    office: Office,
    products: Vec<Product>,
    server: Server,
    device: InProcess,
    revision: u64,
}

impl Stage {
    fn set(bench: &mut Bench, products: u64) -> Result<Self> {
        let office = bench.own_office("S", products, Shape::Published)?;
        let products = office.read_products()?;
        let server = Server::start(&bench.programs, &office.data)?;
        let home = bench.fresh("home");
        let mut device = InProcess::open(&home, &server)?;
        device.settle_in(&Person::rep(1))?;
        device.synchronise()?;
        Ok(Self { home, office, products, server, device, revision: 0 })
    }

    fn change(&mut self, count: u64) -> Result<()> {
        self.revision += 1;
        self.office.change_products(&mut self.products, count, self.revision)
    }
}

fn run(bench: &mut Bench, products: u64) -> Result<Vec<Figure>> {
    let mut stage = Stage::set(bench, products)?;
    let mut figures = Vec::new();
    for (count, runs) in SIZES {
        let count = count.min(products / 10);
        let (mut wall_ms, mut server_ms, mut device_ms, mut up, mut down) = (vec![], vec![], vec![], vec![], vec![]);
        for _ in 0..bench.runs(runs) {
            stage.change(count)?;
            let before = stage.server.cpu()?;
            let session = stage.device.synchronise()?;
            server_ms.push(stage.server.cpu_since(before)? * 1_000.0);
            anyhow::ensure!(session.rows == count, "{} rows came of {count}", session.rows);
            wall_ms.push(session.spent.wall_s * 1_000.0);
            device_ms.push(session.spent.own_cpu_s * 1_000.0);
            up.push(number(session.bytes_up as u64));
            down.push(number(session.bytes_down as u64));
        }
        let rows = |what: &str| format!("{count} rows: {what}");
        let (limit_wall, limit_cpu) = limit(bench, &stage, count, runs)?;
        let mut wall = Figure::new(rows("from commit to visible"), "ms", wall_ms).beside("updates by key alone", limit_wall);
        let mut bytes = Figure::new(rows("body bytes down"), "B", down);
        if count == 1 {
            bytes = bytes.at_most(150.0);
        }
        if count == 1_000 {
            (wall, bytes) = (wall.at_most(30.0), bytes.at_most(55_000.0));
        }
        figures.extend([
            wall,
            Figure::new(rows("server CPU, sealing included"), "ms", server_ms),
            Figure::new(rows("device CPU"), "ms", device_ms).beside("updates by key alone", limit_cpu),
            bytes,
            Figure::new(rows("body bytes up"), "B", up),
        ]);
    }
    Ok(figures)
}

/// Wall and CPU milliseconds to change as many rows in a copy of the device's file, without any synchronisation.
fn limit(bench: &mut Bench, stage: &Stage, count: u64, runs: usize) -> Result<(f64, f64)> {
    let (mut wall_ms, mut cpu_ms) = (vec![], vec![]);
    for _ in 0..bench.runs(runs.min(5)) {
        let copy = bench.fresh("limit.db");
        limits::copy_database(&device::reference_file(&stage.home)?, &copy)?;
        let spent = limits::change_products(&copy, count)?;
        wall_ms.push(spent.wall_s * 1_000.0);
        cpu_ms.push(spent.own_cpu_s * 1_000.0);
        remove(&copy);
    }
    Ok((median(&wall_ms), median(&cpu_ms)))
}

/// The server's work for one change of 1 000 rows when the first device asks, and what each device after it costs: with few and with many devices known.
pub fn by_devices(bench: &mut Bench) -> Result<Vec<Figure>> {
    const OTHERS: usize = 200;
    let products = bench.scaled(100_000);
    let mut stage = Stage::set(bench, products)?;
    let many = usize::try_from(bench.scaled(10_000))?;
    let runs = bench.runs(7);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut figures = Vec::new();
    let mut tokens = stage.office.sign_in_devices(OTHERS, &[Person::rep(1)])?;
    for known in [OTHERS, many] {
        if known > tokens.len() {
            tokens.extend(stage.office.sign_in_devices(known - tokens.len(), &[Person::rep(1)])?);
        }
        let (mut first, mut further) = (vec![], vec![]);
        for _ in 0..runs {
            stage.change(1_000)?;
            let before = stage.server.cpu()?;
            let session = stage.device.synchronise()?;
            first.push(stage.server.cpu_since(before)? * 1_000.0);
            // The others were where this device was: they ask what it asked.
            let asked = &session.exchanges.first().context("nothing was asked")?;
            let before = stage.server.cpu()?;
            runtime.block_on(async {
                let mut connection = Connection::open(stage.server.socket()).await?;
                for token in tokens.iter().take(OTHERS) {
                    let answer = connection.exchange(&request_bytes(&asked.request, token)).await?;
                    anyhow::ensure!(answer.status == 200, "status {}", answer.status);
                }
                Ok(())
            })?;
            further.push(stage.server.cpu_since(before)? * 1_000.0 / number(OTHERS as u64));
        }
        figures.push(Figure::new(format!("{known} devices: server CPU of the change, sealing included"), "ms", first));
        figures.push(Figure::new(format!("{known} devices: server CPU of each further device"), "ms", further));
    }
    let watch = Watch::start();
    stage.change(1_000)?;
    figures.push(Figure::one("writing 1 000 changed rows, committed", "ms", watch.stop().own_cpu_s * 1_000.0));
    Ok(figures)
}
