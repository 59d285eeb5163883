//! The recognition library: the first one of 90 MB, and the next one in which little has changed.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use polevik_device::api::RowId;

use super::{Bench, number, remove};
use crate::cpu::{self, Spent};
use crate::dataset::Shape;
use crate::device::{self, Person, ProcessSync};
use crate::report::Figure;
use crate::server::Server;

/// What changes from one version to the next.
struct Change {
    name: &'static str,
    /// Words of `ir-library demo`.
    words: [&'static str; 2],
    /// Most of the first library's bytes that may travel, in percent.
    at_most: Option<f64>,
}

const CHANGES: [Change; 3] = [
    Change { name: "5 % of the products in a new pack", words: ["--new-packs", "5"], at_most: Some(12.0) },
    Change { name: "back to the old packs", words: ["--new-packs", "0"], at_most: None },
    Change { name: "5 % of all pictures anew, wherever they stand", words: ["--new-pictures", "5"], at_most: None },
];

/// Runs the scenario.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let size = if bench.quick { "S" } else { "M" };
    let office = bench.own_office("M", 0, Shape::Published)?;
    let publish = |words: &[&str]| bench.programs.office(&office.data, &[&["ir-library", "demo", "--size", size], words].concat());
    publish(&[])?;
    let (programs, data) = (bench.programs.clone(), office.data.clone());
    let server = Server::start(&programs, &data)?;
    let home = bench.fresh("home");
    device::log_in(&programs, &home, &server, &Person::rep(1))?;
    // Everything else first: only the library is measured.
    for row in [RowId::DownloadMandatory, RowId::DownloadMaterials] {
        device::synchronise_row(&programs, &home, row)?;
    }
    let fetch = || -> Result<(ProcessSync, f64)> {
        let before = server.cpu()?;
        let sync = device::synchronise_row(&programs, &home, RowId::DownloadLibrary)?;
        Ok((sync, server.cpu_since(before)?))
    };
    let (first, server_cpu_s) = fetch()?;
    let whole = first.wire_bytes;
    ensure!(whole > 1_000_000, "only {whole} bytes came: there is no library");
    let (limit, limit_file) = (keep_bytes(whole, &bench.fresh("limit"))?, "the same bytes made, hashed and synced");
    let mut figures = vec![
        Figure::one("the first: bytes down", "MB", number(whole) / 1e6),
        Figure::one("the first: wall time of the device process", "s", first.spent.wall_s).beside(limit_file, limit.wall_s),
        Figure::one("the first: CPU of the device", "s", first.spent.cpu_s).beside(limit_file, limit.own_cpu_s),
        Figure::one("the first: CPU of the server", "s", server_cpu_s),
    ];
    for Change { name, words, at_most } in CHANGES {
        bench.programs.office(&data, &[&["ir-library", "demo", "--size", size], &words[..]].concat())?;
        let (next, server_cpu_s) = fetch()?;
        ensure!(next.wire_bytes > 0, "{name}: nothing came");
        let share = Figure::one(format!("{name}: bytes down"), "% of the first", number(next.wire_bytes) * 100.0 / number(whole));
        figures.push(match at_most {
            Some(most) => share.at_most(most),
            None => share,
        });
        figures.push(Figure::one(format!("{name}: wall time of the device process"), "s", next.spent.wall_s));
        figures.push(Figure::one(format!("{name}: CPU of the device"), "s", next.spent.cpu_s));
        figures.push(Figure::one(format!("{name}: CPU of the server"), "s", server_cpu_s));
    }
    drop(server);
    remove(&home);
    Ok(figures)
}

/// What it takes to make, hash and keep so many bytes, and nothing else.
fn keep_bytes(bytes: u64, path: &Path) -> Result<Spent> {
    const PIECE_BYTES: usize = 256 * 1024;
    let (kept, spent) = cpu::spent(|| -> Result<()> {
        let mut random = blake3::Hasher::new().finalize_xof();
        let (mut hash, mut file) = (blake3::Hasher::new(), std::fs::File::create(path)?);
        let mut piece = vec![0; PIECE_BYTES];
        for _ in 0..bytes / PIECE_BYTES as u64 {
            random.fill(&mut piece);
            hash.update(&piece);
            file.write_all(&piece)?;
        }
        hash.finalize();
        file.sync_all()?;
        Ok(())
    });
    kept.context("the limit cannot be measured")?;
    remove(path);
    Ok(spent)
}
