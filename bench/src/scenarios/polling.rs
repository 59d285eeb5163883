//! Ten thousand devices with a connection each: asking whether there is news, and waiting until there is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::sync::Semaphore;

use super::{Bench, number};
use crate::cpu::Watch;
use crate::dataset::Shape;
use crate::device::{InProcess, Person};
use crate::http::{Connection, request_bytes};
use crate::report::Figure;
use crate::server::Server;

/// Requests under way at once.
const AT_ONCE: usize = 64;

/// How often each device asks.
const ROUNDS: usize = 3;

/// Runs the scenario.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let devices = usize::try_from(bench.scaled(10_000))?;
    let office = bench.own_office("S", bench.scaled(100_000), Shape::Published)?;
    let mut products = office.read_products()?;
    let server = Server::start(&bench.programs, &office.data)?;
    let mut device = InProcess::open(&bench.fresh("home"), &server)?;
    device.settle_in(&Person::rep(1))?;
    let recorded = device.synchronise()?.exchanges.into_iter().next().context("nothing was asked")?;
    let root = serde_json::from_slice::<serde_json::Value>(&recorded.request.body)?["root"].as_str().context("no root")?.to_owned();
    let tokens = office.sign_in_devices(devices, &[Person::rep(1)])?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let empty = server.memory()?.resident;
    let mut figures = runtime.block_on(async {
        let mut connections = Vec::with_capacity(devices);
        for _ in 0..devices {
            connections.push(Connection::open(server.socket()).await?);
        }
        let before = server.cpu()?;
        let watch = Watch::start();
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = tokio::task::JoinSet::new();
        for (mut connection, token) in connections.into_iter().zip(&tokens) {
            let (gate, request) = (Arc::clone(&gate), request_bytes(&recorded.request, token));
            tasks.spawn(async move {
                for _ in 0..ROUNDS {
                    let _turn = gate.acquire().await?;
                    let answer = connection.exchange(&request).await?;
                    ensure!(answer.status == 200, "status {}", answer.status);
                }
                Ok(connection)
            });
        }
        let connections: Vec<Connection> = tasks.join_all().await.into_iter().collect::<Result<_>>()?;
        let requests = number((devices * ROUNDS) as u64);
        let figures = vec![
            Figure::one(format!("{devices} connections: requests a second"), "/s", requests / watch.stop().wall_s),
            Figure::one("requests per CPU second of the server", "/s", requests / server.cpu_since(before)?),
            Figure::one("memory of the server for each connection", "KB", per_device(server.memory()?.resident, empty, devices)),
            Figure::one("memory of the server", "MB", number(server.memory()?.resident) / 1e6),
        ];
        drop(connections);
        Ok::<_, anyhow::Error>(figures)
    })?;

    // A server without the memory of the first half.
    drop(server);
    let server = Server::start(&bench.programs, &office.data)?;
    figures.extend(runtime.block_on(async {
        let mut connections = Vec::with_capacity(devices);
        for token in &tokens {
            let mut connection = Connection::open(server.socket()).await?;
            connection
                .send(format!("GET /v1/wait?root={root} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n").as_bytes())
                .await?;
            connections.push(connection);
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let parked = server.memory()?.resident;
        let before = server.cpu()?;
        let quiet = Watch::start();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (quiet_cpu, quiet_s) = (server.cpu_since(before)?, quiet.stop().wall_s);
        office.change_products(&mut products, 1, 1)?;
        let watch = Watch::start();
        let before = server.cpu()?;
        let mut tasks = tokio::task::JoinSet::new();
        for mut connection in connections {
            tasks.spawn(async move { connection.receive().await });
        }
        let mut woken_s = Vec::with_capacity(devices);
        while let Some(answer) = tasks.join_next().await {
            let answer = answer??;
            ensure!(answer.status == 200, "waiting: status {}", answer.status);
            let said: serde_json::Value = serde_json::from_slice(&answer.body)?;
            ensure!(said["changed"] == true, "woken without news: {said}");
            woken_s.push(watch.stop().wall_s);
        }
        Ok(vec![
            Figure::one(format!("{devices} parked: memory of the server for each"), "KB", per_device(parked, empty, devices))
                .at_most(10.0 + 16.0),
            Figure::one("CPU of the server while all wait", "ms/s", quiet_cpu * 1_000.0 / quiet_s),
            Figure::new("from the commit until a parked device knows, median", "s", woken_s.clone()).at_most(1.0),
            Figure::one("the same, the last of all", "s", woken_s.iter().copied().fold(0.0, f64::max)),
            Figure::one("CPU of the server to wake all", "s", server.cpu_since(before)?),
        ])
    })?);
    Ok(figures)
}

fn per_device(with: u64, without: u64, devices: usize) -> f64 {
    number(with.saturating_sub(without)) / number(devices as u64) / 1_000.0
}
