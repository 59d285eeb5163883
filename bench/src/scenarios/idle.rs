//! Nothing to do: one small question, one small answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Bench, number};
use crate::cpu::Watch;
use crate::dataset::Shape;
use crate::device::{InProcess, Person};
use crate::http::{Connection, request_bytes};
use crate::report::Figure;
use crate::server::Server;

/// Connections that ask at once.
const CONNECTIONS: usize = 8;

/// Devices whose tokens take turns.
const DEVICES: usize = 100;

/// Runs the scenario.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let office = bench.own_office("S", bench.scaled(100_000), Shape::Published)?;
    let server = Server::start(&bench.programs, &office.data)?;
    let mut device = InProcess::open(&bench.fresh("home"), &server)?;
    device.settle_in(&Person::rep(1))?;
    device.synchronise()?;

    let (mut wall_ms, mut round_ms, mut asked, mut up, mut down) = (vec![], vec![], 0.0_f64, 0, 0);
    let mut recorded = None;
    for _ in 0..bench.runs(200) {
        let session = device.synchronise()?;
        wall_ms.push(session.spent.wall_s * 1_000.0);
        (up, down) = (session.bytes_up, session.bytes_down);
        asked = asked.max(number(session.exchanges.len() as u64));
        recorded = session.exchanges.into_iter().next();
    }
    let recorded = recorded.context("nothing was asked")?;

    let tokens = office.sign_in_devices(DEVICES, &[Person::rep(1)])?;
    let requests: Vec<Vec<u8>> = tokens.iter().map(|token| request_bytes(&recorded.request, token)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // One alone, for the round trip without the device's own work.
    let head = runtime.block_on(async {
        let mut connection = Connection::open(server.socket()).await?;
        let mut head = 0;
        for request in requests.iter().cycle().take(500) {
            let watch = Watch::start();
            let answer = connection.exchange(request).await?;
            anyhow::ensure!(answer.status == 200, "status {}", answer.status);
            round_ms.push(watch.stop().wall_s * 1_000.0);
            head = answer.head_bytes;
        }
        Ok(head)
    })?;
    let rounds = if bench.quick { 1 } else { 3 };
    let (mut rates, mut floor, mut walls) = (vec![], vec![], vec![]);
    let health = vec![b"GET /v1/health HTTP/1.1\r\nhost: bench\r\n\r\n".to_vec()];
    for _ in 0..rounds {
        let asked = load(&runtime, &server, &requests)?;
        rates.push(asked.per_cpu_second);
        walls.push(asked.per_second);
        floor.push(load(&runtime, &server, &health)?.per_cpu_second);
    }
    Ok(vec![
        Figure::one("requests of a session", "", asked).at_most(1.0),
        Figure::one("body bytes up", "B", number(up as u64)).at_most(300.0),
        Figure::one("body bytes down", "B", number(down as u64)).at_most(300.0),
        Figure::one("status line and headers down", "B", number(head as u64)),
        Figure::new("whole session on the device", "ms", wall_ms).at_most(3.0),
        Figure::new("round trip alone", "ms", round_ms),
        Figure::new("requests per CPU second of the server", "/s", rates)
            .at_least(10_000.0)
            .beside("GET /v1/health", crate::report::median(&floor)),
        Figure::new("requests a second, load and server on this machine", "/s", walls),
    ])
}

/// What a server bears.
pub struct Load {
    /// Requests for each CPU second it spent.
    pub per_cpu_second: f64,
    /// Requests a second, with the load taking its share of the machine.
    pub per_second: f64,
}

/// Asks on a few connections for two seconds, with the requests in turn.
pub fn load(runtime: &tokio::runtime::Runtime, server: &Server, requests: &[Vec<u8>]) -> Result<Load> {
    let next = Arc::new(AtomicUsize::new(0));
    let before = server.cpu()?;
    let watch = Watch::start();
    runtime.block_on(async {
        let ask = async |begin: usize| -> Result<()> {
            let mut connection = Connection::open(server.socket()).await?;
            let mut place = begin;
            while watch.stop().wall_s < Duration::from_secs(2).as_secs_f64() {
                let answer = connection.exchange(&requests[place % requests.len()]).await?;
                anyhow::ensure!(answer.status == 200, "status {}", answer.status);
                next.fetch_add(1, Ordering::Relaxed);
                place += CONNECTIONS;
            }
            Ok(())
        };
        let asking = (0..CONNECTIONS).map(ask);
        futures::future::try_join_all(asking).await
    })?;
    let wall_s = watch.stop().wall_s;
    let count = number(next.load(Ordering::Relaxed) as u64);
    Ok(Load { per_cpu_second: count / server.cpu_since(before)?, per_second: count / wall_s })
}
