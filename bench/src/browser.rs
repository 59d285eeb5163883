//! The first synchronisation in a real browser, by the harness of the browser tests.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::dataset::{self, Shape};
use crate::report::Figure;
use crate::scenarios::Bench;

/// Runs `e2e/bench_browser.mjs` with products of the data set. `cargo xtask build-web` must have built the application.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let script = bench.workspace.join("e2e/bench_browser.mjs");
    ensure!(bench.workspace.join("target/dist/index.html").is_file(), "the application is not built: cargo xtask build-web");
    let products = bench.fresh("products.ndjson");
    dataset::write_products(&products, bench.scaled(100_000), Shape::Published)?;
    let output = Command::new("node")
        .arg(script)
        .arg("S")
        .arg(&products)
        .env("POLEVIK_SERVER", bench.programs.server())
        .env("POLEVIK_DEVICE", bench.programs.device())
        .output()
        .context("node does not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let read = |path: &str| said.pointer(path).and_then(serde_json::Value::as_f64).with_context(|| format!("no {path} in {said}"));
    let native = read("/native/rows_per_cpu_second")?;
    Ok(vec![
        Figure::one("rows per CPU second of the core's Worker", "rows/s", read("/browser/rows_per_cpu_second_of_the_worker")?)
            .beside("native device, same login", native),
        Figure::one("rows per CPU second of the whole browser", "rows/s", read("/browser/rows_per_cpu_second_of_the_browser")?),
        Figure::one("rows a second, from «Войти» to the route", "rows/s", read("/browser/rows")? / read("/browser/wall_seconds")?)
            .at_least(80_000.0),
        Figure::one("from «Войти» to the route", "s", read("/browser/wall_seconds")?),
        Figure::one("1 000 rows: from the press to the time of success", "ms", read("/delta/median_ms")?),
        Figure::one("cold start without network, median of 5", "ms", read("/cold_start_offline/median_ms")?),
    ])
}
