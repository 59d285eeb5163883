//! `polevik-server serve`: listens until it is told to end.

use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum_server::accept::NoDelayAcceptor;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tracing_subscriber::EnvFilter;

use crate::app::{App, AppSettings};
use crate::config::{Config, LogFormat, Settings};
use crate::feed::garbage::{self, Collected};
use crate::file::garbage::CollectedFiles;
use crate::file::{self, thumbnails};
use crate::router::{Connection, router};
use crate::{acme, database, login, metrics};

/// How long requests may go on after the order to end.
const LONGEST_GOODBYE: Duration = Duration::from_secs(10);

/// How often buckets that changed are sealed, unless a device asks sooner.
const SEAL_EVERY: Duration = Duration::from_secs(2);

/// Threads for the database and for hashing; more work than that stands in line. Each may hold a reading connection open.
const MAX_BLOCKING_THREADS: usize = 32;

/// How long the head of a request may take, also the first one of a connection, and the next one of a connection that is kept.
pub(crate) const LONGEST_HEAD: Duration = Duration::from_secs(15);

/// Serve devices and the mobile module over HTTP, and over HTTPS with an automatic certificate.
///
/// SIGTERM and SIGINT end it: no new requests, the running ones finish (10 s at most), the database is put in order. Every setting can also
/// stand in the TOML file under its long name with underscores (listen = "0.0.0.0:8080").
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  polevik-server serve --data data
  polevik-server serve --data data --listen 0.0.0.0:8080 --behind-proxy --log json
  polevik-server serve --data data --acme-domain sales.example.com --acme-email admin@example.com

A phone needs HTTPS: a domain with --acme-domain, a proxy of your own with --behind-proxy, or `adb reverse tcp:8080 tcp:8080` over USB.")]
pub struct Args {
    /// TOML file with settings.
    #[arg(long, value_name = "FILE", env = "POLEVIK_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Serves until a signal.
///
/// # Errors
///
/// When settings, database or ports are not as they must be; says what to change.
pub fn run(args: Args) -> Result<ExitCode> {
    let below = args.config.as_deref().map(Config::read_file).transpose()?.unwrap_or_default();
    let config = Config::resolve(args.settings, below)?;
    start_logging(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(serve(config))?;
    Ok(ExitCode::SUCCESS)
}

fn start_logging(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log_filter)
        .with_context(|| format!("--log-filter {:?}: give error, warn, info, debug, or info,polevik_server=debug", config.log_filter))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match config.log {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).init(),
    }
    Ok(())
}

async fn serve(config: Config) -> Result<()> {
    metrics::recorder();
    let store = database::open(&config.data)?;
    let settings = AppSettings {
        assets: config.assets.clone(),
        behind_proxy: config.behind_proxy,
        metrics_token: config.metrics_token.clone(),
        limits: config.limits,
        ..AppSettings::default()
    };
    let app = App::new(store, &config.data, config.language.into(), settings)?;
    tokio::task::spawn_blocking(login::password::warm_up);

    let listener = TcpListener::bind(config.listen)
        .with_context(|| format!("cannot listen on {}: is the port taken? Choose another with --listen 127.0.0.1:PORT", config.listen))?;
    listener.set_nonblocking(true).context("cannot set up the port")?;
    let address = listener.local_addr().context("cannot set up the port")?;
    let https = config.acme.as_ref().map(|acme| acme::listen(acme, &config.data)).transpose()?;

    let handle = Handle::new();
    let sealing = tokio::spawn(seal_again_and_again(app.clone()));
    let collecting = tokio::spawn(collect_garbage_again_and_again(app.clone(), config.segment_grace_days));
    let housekeeping = tokio::spawn(keep_house(app.clone()));
    let thumbnails = std::env::current_exe().ok().map(|program| tokio::spawn(thumbnails::make_again_and_again(app.clone(), program)));
    // Without it the end of an answer that goes in two pieces waits 40 ms for the caller's acknowledgement of the first.
    let server = axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new());
    let server = limited(server.handle(handle.clone()), LONGEST_HEAD);
    let plain = tokio::spawn(server.serve(serving_service(router(&app, Connection::Plain))));
    let secure = https.map(|(listener, state)| tokio::spawn(acme::run(listener, state, router(&app, Connection::Tls), handle.clone())));

    // Tests and scripts read this line.
    println!("Polevik listens on http://{address}");
    if let Some(acme) = &config.acme {
        println!("Polevik listens on https://{}", acme.domain);
    }
    if config.assets.is_none() {
        tracing::warn!("there is no mobile module to serve; build it with `cargo xtask build-web`, or name its folder with --assets");
    }
    tracing::info!(%address, data = %config.data.display(), version = env!("CARGO_PKG_VERSION"), "started");

    told_to_end().await?;
    tracing::info!("ending: running requests may finish");
    app.ending.send_replace(true);
    handle.graceful_shutdown(Some(LONGEST_GOODBYE));
    plain.await.context("the port failed")?.context("the port failed")?;
    if let Some(secure) = secure {
        secure.await.context("the HTTPS port failed")??;
    }
    sealing.abort();
    collecting.abort();
    housekeeping.abort();
    thumbnails.inspect(tokio::task::JoinHandle::abort);
    note_uses(&app).await;
    let store = app.store.clone();
    database::blocking(move || store.checkpoint()).await?;
    tracing::info!("ended");
    Ok(())
}

/// The router as a service for each connection, with the caller's address.
pub(crate) fn serving_service(router: Router) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    router.into_make_service_with_connect_info::<SocketAddr>()
}

/// A server with limits on what a connection may do before a handler sees it.
///
/// HTTP/1.1 only: to tell the versions apart the library would wait for a silent caller's first bytes without any limit.
pub(crate) fn limited<Acceptor>(server: Server<SocketAddr, Acceptor>, longest_head: Duration) -> Server<SocketAddr, Acceptor> {
    let mut server = server.http1_only();
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(longest_head).max_headers(64);
    server
}

/// Seals what changed, now and then; a failure is logged and tried again.
async fn seal_again_and_again(app: App) {
    let mut ticks = tokio::time::interval(SEAL_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let work = app.clone();
        let sealed = database::blocking(move || work.sealer.seal_all(work.now())).await;
        match sealed {
            Ok(sealed) if sealed.buckets > 0 => {
                ::metrics::counter!("polevik_sealed_buckets_total").increment(u64::try_from(sealed.buckets).unwrap_or(0));
                tracing::debug!(buckets = sealed.buckets, segments = sealed.segments, rows = sealed.rows, bytes = sealed.bytes, "sealed");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "buckets could not be sealed; they are tried again"),
        }
        if let Some(recorder) = metrics::recorder() {
            recorder.run_upkeep();
        }
    }
}

/// How often the uses of tokens are noted that nobody noted before.
const NOTE_USES_EVERY: Duration = Duration::from_secs(10);

/// How often tokens that ended are looked for, in turns of [`NOTE_USES_EVERY`]: once an hour.
const PRUNE_EVERY_TURNS: u32 = 360;

/// How long a token that ended is kept, so that support can see why it did, in milliseconds.
const KEEP_ENDED_TOKENS_MS: i64 = 30 * 86_400_000;

/// Most tokens forgotten in one transaction.
const PRUNE_AT_ONCE: u32 = 500;

/// What nobody waits for: notes when devices were last here, and forgets tokens that ended long ago.
async fn keep_house(app: App) {
    let mut ticks = tokio::time::interval(NOTE_USES_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for turn in (0..PRUNE_EVERY_TURNS).cycle() {
        ticks.tick().await;
        note_uses(&app).await;
        if turn == 0 {
            let before = app.now().plus_millis(-KEEP_ENDED_TOKENS_MS);
            while let Ok(PRUNE_AT_ONCE) = database::write(&app.store, move |tx| {
                let forgotten = polevik_server_store::people::tokens::prune(tx, before, PRUNE_AT_ONCE)?;
                Ok::<_, polevik_server_store::StoreError>(u32::try_from(forgotten).unwrap_or(0))
            })
            .await
            {}
        }
    }
}

async fn note_uses(app: &App) {
    if let Err(error) = app.tokens.flush(app).await {
        tracing::error!(code = %error.code(), cause = error.cause(), "it could not be noted when devices were last here");
    }
}

/// How often segments that nobody needs any more are looked for.
const COLLECT_EVERY: Duration = Duration::from_secs(3_600);

/// Between slices of collecting, so that uploads get the writer.
const COLLECT_PAUSE: Duration = Duration::from_millis(100);

/// Removes segments and files that nobody needs any more, and uploads whose time is over, now and then; a failure is logged and tried again.
async fn collect_garbage_again_and_again(app: App, grace_days: u32) {
    let mut ticks = tokio::time::interval(COLLECT_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let work = app.clone();
        let grace_ms = i64::from(grace_days) * 86_400_000;
        let collected = database::blocking(move || {
            garbage::collect(&work.store, &work.blobs, work.now(), grace_ms, || {
                std::thread::sleep(COLLECT_PAUSE);
                if *work.ending.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        });
        match collected.await {
            Ok(collected) if collected != Collected::default() => {
                let Collected { superseded, segments, bytes, orphans } = collected;
                tracing::info!(superseded, segments, bytes, orphans, "removed segments that nobody needs any more");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "old segments could not be removed; tried again in an hour"),
        }
        let work = app.clone();
        let collected = database::blocking(move || {
            if let Some(spool) = &work.spool {
                spool.sweep(work.now());
            }
            file::garbage::collect(&work.store, &work.blobs, work.now(), grace_ms, || {
                std::thread::sleep(COLLECT_PAUSE);
                if *work.ending.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        });
        match collected.await {
            Ok(collected) if collected != CollectedFiles::default() => {
                let CollectedFiles { files, bytes, orphans } = collected;
                tracing::info!(files, bytes, orphans, "removed files that nothing names any more");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "old files could not be removed; tried again in an hour"),
        }
    }
}

async fn told_to_end() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// A connection on which nothing was ever sent once stayed open for good.
    #[tokio::test]
    async fn a_silent_connection_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let server = limited(axum_server::from_tcp(listener).unwrap(), Duration::from_millis(50));
        let serving = tokio::spawn(server.serve(serving_service(Router::new())));
        for said in ["", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(said.as_bytes()).await.unwrap();
            let mut heard = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut heard)).await;
            assert!(closed.is_ok(), "after {said:?} it stayed open");
        }
        serving.abort();
    }
}
