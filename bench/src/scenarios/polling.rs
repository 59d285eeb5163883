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
    let tokens = office.sign_in_devices(devices, &[Person::rep(1)])?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let empty = server.memory()?.resident;
    let mut figures = runtime.block_on(async {
        let before = server.cpu()?;
        let watch = Watch::start();
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = tokio::task::JoinSet::new();
        for token in &tokens {
            let (gate, request, socket) = (Arc::clone(&gate), request_bytes(&recorded.request, token), server.socket().to_owned());
            tasks.spawn(async move {
                let mut kept = None;
                for _ in 0..ROUNDS {
                    let _turn = gate.acquire().await?;
                    kept = Some(ask(kept, &socket, &request).await?);
                }
                kept.context("no round")
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
    let socket = server.socket().to_owned();
    drop(server);
    let server = Server::start_at(&bench.programs, &office.data, &socket)?;
    let mut alone_s = Vec::new();
    for change in 1..=5 {
        // It holds what is newest before each change.
        let root = newest_root(&mut device)?;
        alone_s.push(runtime.block_on(async {
            let mut connection = Connection::open(server.socket()).await?;
            connection.send(&wait_request(&root, &tokens[0])).await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            office.change_products(&mut products, 1, change)?;
            let watch = Watch::start();
            let answer = connection.receive().await?;
            ensure!(serde_json::from_slice::<serde_json::Value>(&answer.body)?["changed"] == true, "woken without news");
            Ok(watch.stop().wall_s)
        })?);
    }
    figures.push(Figure::new("one parked: from the commit until it knows", "s", alone_s).at_most(1.0));
    let root = newest_root(&mut device)?;
    let empty = server.memory()?.resident;
    figures.extend(runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for token in &tokens {
            // One after the other: the system's queue of new connections is short.
            let (mut connection, request) = (Connection::open(server.socket()).await?, wait_request(&root, token));
            tasks.spawn(async move { wait_for_news(&mut connection, &request).await });
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let parked = server.memory()?.resident;
        let before = server.cpu()?;
        let quiet = Watch::start();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (quiet_cpu, quiet_s) = (server.cpu_since(before)?, quiet.stop().wall_s);
        office.change_products(&mut products, 1, 6)?;
        let watch = Watch::start();
        let before = server.cpu()?;
        let mut woken_s = Vec::with_capacity(devices);
        while let Some(woken) = tasks.join_next().await {
            woken??;
            woken_s.push(watch.stop().wall_s);
        }
        Ok::<_, anyhow::Error>(vec![
            Figure::one(format!("{devices} parked: memory of the server for each"), "KB", per_device(parked, empty, devices))
                .at_most(10.0 + 16.0),
            Figure::one("CPU of the server while all wait", "ms/s", quiet_cpu * 1_000.0 / quiet_s),
            Figure::new("from the commit until a parked device knows, median", "s", woken_s.clone()),
            Figure::one("the same, the last of all", "s", woken_s.iter().copied().fold(0.0, f64::max)),
            Figure::one("CPU of the server to wake all", "s", server.cpu_since(before)?),
        ])
    })?);
    Ok(figures)
}

/// Brings the device up to date, and gives the name of the root it then holds.
fn newest_root(device: &mut InProcess) -> Result<String> {
    device.synchronise()?;
    let asked = device.synchronise()?.exchanges.into_iter().next().context("nothing was asked")?;
    let said: serde_json::Value = serde_json::from_slice(&asked.request.body)?;
    Ok(said["root"].as_str().context("no root")?.to_owned())
}

fn wait_request(root: &str, token: &str) -> Vec<u8> {
    format!("GET /v1/wait?root={root} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// Waits as an open application does, again after each answer that nothing is new.
async fn wait_for_news(connection: &mut Connection, request: &[u8]) -> Result<()> {
    loop {
        let answer = connection.exchange(request).await?;
        ensure!(answer.status == 200, "waiting: status {}", answer.status);
        if serde_json::from_slice::<serde_json::Value>(&answer.body)?["changed"] == true {
            return Ok(());
        }
    }
}

/// Asks on a connection that may be kept from before; on a new one if there is none, or the server had closed it in the meantime.
async fn ask(kept: Option<Connection>, socket: &str, request: &[u8]) -> Result<Connection> {
    if let Some(mut connection) = kept
        && let Ok(answer) = connection.exchange(request).await
    {
        ensure!(answer.status == 200, "status {}", answer.status);
        return Ok(connection);
    }
    let mut connection = Connection::open(socket).await?;
    let answer = connection.exchange(request).await?;
    ensure!(answer.status == 200, "status {}", answer.status);
    Ok(connection)
}

fn per_device(with: u64, without: u64, devices: usize) -> f64 {
    number(with.saturating_sub(without)) / number(devices as u64) / 1_000.0
}
