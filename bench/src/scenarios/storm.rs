//! Eight in the morning after a restore: a thousand devices ask for everything at once.
//!
//! The first synchronisation of each rep is done once by a real device and written down; then a thousand callers, each with a token of its
//! own, say the same at once and compare what they get, byte for byte.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use polevik_device::transport::Method;

use super::{Bench, number};
use crate::cpu::Watch;
use crate::dataset::Shape;
use crate::device::{Exchange, InProcess, Person};
use crate::http::{Connection, request_bytes};
use crate::report::Figure;
use crate::server::Server;

/// Reps of the demo company of size M who are signed in.
const REPS: usize = 20;

/// How often a caller comes back who was told to come later.
const MOST_TRIES: usize = 40;

/// Runs the scenario.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let callers = usize::try_from(bench.scaled(1_000))?;
    let office = bench.own_office("M", 0, Shape::Published)?;
    let server = Server::start(&bench.programs, &office.data)?;
    let mut scripts = Vec::new();
    let people: Vec<Person> = (1..=REPS).map(Person::rep).collect();
    let mut rows = 0;
    for person in &people {
        let home = bench.fresh("home");
        let session = InProcess::open(&home, &server)?.settle_in(person)?;
        rows = session.rows;
        scripts.push(Arc::new(session.exchanges));
        super::remove(&home);
    }
    let tokens = office.sign_in_devices(callers, &people)?;
    drop(server);

    // A server that has just started, as after a restart for a restore.
    let server = Server::start(&bench.programs, &office.data)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = server.cpu()?;
    let watch = Watch::start();
    let done = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for (n, token) in tokens.into_iter().enumerate() {
            let (script, socket) = (Arc::clone(&scripts[n % scripts.len()]), server.socket().to_owned());
            tasks.spawn(async move { say(&script, &socket, &token).await });
        }
        tasks.join_all().await
    });
    let wall_s = watch.stop().wall_s;
    let cpu_s = server.cpu_since(before)?;
    let memory = server.memory()?;
    let failed: Vec<String> = done.iter().filter_map(|done| done.as_ref().err().map(|error| format!("{error:#}"))).collect();
    if let Some(first) = failed.first() {
        eprintln!("  the first that failed: {first}");
    }
    let (bytes, turned_away) = done.iter().flatten().fold((0, 0), |(bytes, away), told| (bytes + told.bytes, away + told.turned_away));
    Ok(vec![
        Figure::one(format!("failed of {callers}"), "", number(failed.len() as u64)).at_most(0.0),
        Figure::one("peak memory of the server", "MB", number(memory.peak) / 1e6).at_most(512.0),
        Figure::one("all answered after", "s", wall_s),
        Figure::one("server CPU for each device", "ms", cpu_s * 1_000.0 / number(callers as u64)),
        Figure::one("bytes served", "MB", number(bytes as u64) / 1e6),
        Figure::one("told to come back later", "answers", number(turned_away)),
        Figure::one("rows of one device", "rows", number(rows)),
    ])
}

struct Told {
    bytes: usize,
    turned_away: u64,
}

/// Says everything of a script with another token.
async fn say(script: &[Exchange], socket: &str, token: &str) -> Result<Told> {
    let mut connection = Connection::open(socket).await?;
    let mut told = Told { bytes: 0, turned_away: 0 };
    for exchange in script {
        let request = request_bytes(&exchange.request, token);
        let mut tries = 0;
        let answer = loop {
            let answer = connection.exchange(&request).await?;
            if answer.status != 503 && answer.status != 429 {
                break answer;
            }
            tries += 1;
            told.turned_away += 1;
            ensure!(tries < MOST_TRIES, "turned away {tries} times");
            tokio::time::sleep(Duration::from_secs(answer.retry_after_s.unwrap_or(5))).await;
        };
        told.bytes += answer.body.len();
        ensure!(answer.status == exchange.status, "status {} instead of {}", answer.status, exchange.status);
        match exchange.request.method {
            Method::Get => ensure!(answer.body == exchange.answer, "a segment with other bytes"),
            Method::Patch | Method::Head | Method::Delete => anyhow::bail!("a storm moves no files"),
            // All but the server's clock.
            Method::Post => ensure!(download(&answer.body)? == download(&exchange.answer)?, "another download"),
        }
    }
    Ok(told)
}

fn download(reply: &[u8]) -> Result<Option<serde_json::Value>> {
    let mut reply: HashMap<String, serde_json::Value> = serde_json::from_slice(reply).context("no reply")?;
    Ok(reply.remove("download"))
}
