//! `cargo xtask build-web`: sources of the mobile application → a folder (`target/dist`) ready to be served.
//!
//! Steps: cargo and wasm-bindgen for both modules, hashed names, the service worker's list, a
//! brotli and a gzip copy beside each file. A step whose input did not change is not done again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::assets::{self, Site};
use crate::compression::Compressor;
use crate::web_modules::{self, Mode};

/// What is kept from build to build, so that the next one is quick: a folder for each mode.
const WORK: &str = "target/web";

/// Builds the application into the folder `dist` and prints what each file weighs.
pub fn run(workspace: &Path, dist: &Path, mode: Mode) -> Result<()> {
    let work = workspace.join(WORK).join(mode.as_str());
    let mut generated = BTreeMap::new();
    for module in &web_modules::MODULES {
        generated.extend(module.build(workspace, &work, mode)?);
    }
    let site = assets::lay_out(&workspace.join("apps/mobile/assets"), generated)?;

    let compressor = Compressor::new(work.join("compressed"), mode)?;
    let mut published = Dist::open(workspace.join(dist))?;
    let weights = published.publish(&site, &compressor)?;
    published.remove_the_rest()?;
    compressor.forget_unused()?;
    print_weights(dist, &site, &weights);
    Ok(())
}

/// Bytes of one published file: as it is, and as a browser usually receives it.
struct Weight {
    path: String,
    raw_bytes: usize,
    brotli_bytes: Option<usize>,
}

/// The published folder; remembers what belongs in it.
struct Dist {
    folder: PathBuf,
    published: Vec<PathBuf>,
}

impl Dist {
    fn open(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { folder, published: Vec::new() })
    }

    /// Writes every file that is not there yet, the entry page last: a server that runs meanwhile
    /// never hands out a page that names files still to come.
    fn publish(&mut self, site: &Site, compressor: &Compressor) -> Result<Vec<Weight>> {
        let mut weights = Vec::new();
        let (entry, others): (Vec<_>, Vec<_>) = site.files.iter().partition(|(path, _)| assets::is_entry(path));
        for (path, bytes) in others.into_iter().chain(entry) {
            let copies = compressor.copies(path, bytes)?;
            if let Some(copies) = &copies {
                self.write(&format!("{path}.br"), &copies.brotli)?;
                self.write(&format!("{path}.gz"), &copies.gzip)?;
            }
            self.write(path, bytes)?;
            weights.push(Weight { path: path.clone(), raw_bytes: bytes.len(), brotli_bytes: copies.map(|copies| copies.brotli.len()) });
        }
        Ok(weights)
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let target = self.folder.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let unchanged = fs::read(&target).is_ok_and(|there| there == bytes);
        if !unchanged {
            fs::write(&target, bytes).with_context(|| format!("cannot write {}", target.display()))?;
        }
        self.published.push(target);
        Ok(())
    }

    fn remove_the_rest(&self) -> Result<()> {
        for file in assets::files_below(&self.folder)? {
            if !self.published.contains(&file) {
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }
}

fn print_weights(dist: &Path, site: &Site, weights: &[Weight]) {
    let as_received = |weight: &Weight| weight.brotli_bytes.unwrap_or(weight.raw_bytes);
    println!("{:<56} {:>10} {:>10}", dist.display().to_string(), "bytes", "brotli");
    for weight in weights {
        println!("{:<56} {:>10} {:>10}", weight.path, weight.raw_bytes, as_received(weight));
    }
    let raw: usize = weights.iter().map(|weight| weight.raw_bytes).sum();
    let received: usize = weights.iter().map(as_received).sum();
    println!("{:<56} {:>10} {:>10}", format!("build {}", site.build), raw, received);
}
