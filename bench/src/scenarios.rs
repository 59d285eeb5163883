//! The scenarios, one file each, and what they share.

mod delta;
mod files;
mod first_sync;
mod idle;
mod library;
mod polling;
mod storm;
mod upload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::browser;
use crate::dataset::Shape;
use crate::office::Office;
use crate::report::Figure;
use crate::server::Programs;

/// A named piece of work with its figures.
pub struct Scenario {
    /// By which it is chosen.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Does it.
    pub run: fn(&mut Bench) -> Result<Vec<Figure>>,
}

/// All of them, in the order they run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "first_sync_100k", about: "first synchronisation of 100 000 products by a device process", run: first_sync::of_100k },
    Scenario { name: "first_sync_1m", about: "the same with 1 000 000 products", run: first_sync::of_1m },
    Scenario { name: "shape_14", about: "100 000 products with all 14 columns filled, and 4 indexes", run: first_sync::of_full_shape },
    Scenario { name: "delta_100k", about: "1 to 10 000 of 100 000 products change; until a device shows them", run: delta::at_100k },
    Scenario { name: "delta_1m", about: "the same changes among 1 000 000 products", run: delta::at_1m },
    Scenario {
        name: "seal_devices",
        about: "what one change costs the server with 1 and with 10 000 devices known",
        run: delta::by_devices,
    },
    Scenario { name: "idle", about: "nothing to do: bytes, latency, requests per CPU second", run: idle::run },
    Scenario { name: "upload", about: "10 000 orders of 10 lines go up", run: upload::run },
    Scenario { name: "storm", about: "1 000 first synchronisations at once", run: storm::run },
    Scenario { name: "polling", about: "10 000 devices connected: asking, and waiting for news", run: polling::run },
    Scenario { name: "files", about: "500 photos up by tus and down by ranges, beside nginx", run: files::run },
    Scenario {
        name: "library",
        about: "a recognition library of 90 MB: the first one, and the next with few packs changed",
        run: library::run,
    },
    Scenario { name: "browser", about: "first synchronisation in Chromium on its private file system", run: browser::run },
];

/// What scenarios share: programs, a place for files, and companies that were made once.
pub struct Bench {
    /// The programs that are measured.
    pub programs: Programs,
    /// Root of the checkout.
    pub workspace: PathBuf,
    /// A tenth of the rows, fewer runs.
    pub quick: bool,
    place: TempDir,
    numbered: u32,
    offices: BTreeMap<(String, u64, bool), Rc<Office>>,
}

impl Bench {
    /// A place below `target`, on the disk the checkout is on; it goes at the end.
    pub fn new(programs: PathBuf, workspace: PathBuf, quick: bool) -> Result<Self> {
        let programs = Programs::in_folder(programs)?;
        let below = workspace.join("target");
        std::fs::create_dir_all(&below)?;
        let place = tempfile::Builder::new().prefix("bench-").tempdir_in(below).context("no place for files")?;
        Ok(Self { programs, workspace, quick, place, numbered: 0, offices: BTreeMap::new() })
    }

    /// So many, or a tenth of it in a quick run.
    pub fn scaled(&self, count: u64) -> u64 {
        if self.quick { count / 10 } else { count }
    }

    /// So many runs, or two in a quick run.
    pub fn runs(&self, count: usize) -> usize {
        if self.quick { count.min(2) } else { count }
    }

    /// A path that nothing is at yet.
    pub fn fresh(&mut self, name: &str) -> PathBuf {
        self.numbered += 1;
        self.place.path().join(format!("{:03}-{name}", self.numbered))
    }

    /// A company, made when it is first asked for. It is not to be changed: take a copy for that.
    pub fn office(&mut self, size: &str, products: u64, shape: Shape) -> Result<Rc<Office>> {
        let key = (size.to_owned(), products, shape == Shape::Full);
        if let Some(office) = self.offices.get(&key) {
            return Ok(Rc::clone(office));
        }
        eprintln!("  making a company of size {size} with {products} products more");
        let data = self.fresh("office");
        let office = Rc::new(Office::make(&self.programs, &data, size, products, shape)?);
        self.offices.insert(key, Rc::clone(&office));
        Ok(office)
    }

    /// A company of one's own.
    pub fn own_office(&mut self, size: &str, products: u64, shape: Shape) -> Result<Office> {
        let office = self.office(size, products, shape)?;
        let data = self.fresh("office-copy");
        office.copy_to(&data)
    }
}

/// Removes what a run left: homes of a million rows add up.
pub fn remove(path: &Path) {
    // What cannot be removed now goes with the whole place at the end.
    let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "figures of people: 53 bits are plenty")]
pub fn number(count: u64) -> f64 {
    count as f64
}
