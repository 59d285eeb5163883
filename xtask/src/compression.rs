//! A brotli and a gzip copy of each file, made once per content and kept between builds.
//!
//! The best brotli level takes seconds per megabyte: too slow for a request, and too slow to
//! repeat for a file that did not change.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::assets::files_below;
use crate::web_modules::Mode;

/// Files that are compressed already gain nothing.
const ALREADY_COMPRESSED: [&str; 4] = ["woff2", "png", "jpg", "webp"];

/// Below this, headers weigh more than what is saved.
const SMALLEST_BYTES: usize = 512;

/// The two copies of a file that a server may send instead of it.
pub struct Copies {
    /// For `Content-Encoding: br`.
    pub brotli: Vec<u8>,
    /// For `Content-Encoding: gzip`.
    pub gzip: Vec<u8>,
}

/// Compresses, and remembers what it compressed.
pub struct Compressor {
    cache: PathBuf,
    mode: Mode,
    used: RefCell<BTreeSet<PathBuf>>,
}

impl Compressor {
    /// `cache` is a folder of its own for each mode; anything unknown in it is removed by [`Self::forget_unused`].
    pub fn new(cache: PathBuf, mode: Mode) -> Result<Self> {
        fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
        Ok(Self { cache, mode, used: RefCell::default() })
    }

    /// The copies of the file `path` with these bytes; `None` when they would not be smaller.
    pub fn copies(&self, path: &str, bytes: &[u8]) -> Result<Option<Copies>> {
        let extension = path.rsplit('.').next().unwrap_or_default();
        if bytes.len() < SMALLEST_BYTES || ALREADY_COMPRESSED.contains(&extension) {
            return Ok(None);
        }
        let copies = Copies { brotli: self.cached(bytes, "br", Self::brotli)?, gzip: self.cached(bytes, "gz", Self::gzip)? };
        let smaller = copies.brotli.len() < bytes.len() && copies.gzip.len() < bytes.len();
        Ok(smaller.then_some(copies))
    }

    /// Removes from the cache what this build did not need.
    pub fn forget_unused(&self) -> Result<()> {
        let used = self.used.borrow();
        for file in files_below(&self.cache)? {
            if !used.contains(&file) {
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }

    fn cached(&self, bytes: &[u8], kind: &str, compress: fn(&Self, &[u8]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let file = self.cache.join(format!("{}.{kind}", blake3::hash(bytes)));
        self.used.borrow_mut().insert(file.clone());
        if let Ok(there) = fs::read(&file) {
            return Ok(there);
        }
        let compressed = compress(self, bytes)?;
        write_whole(&file, &compressed)?;
        Ok(compressed)
    }

    fn brotli(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let parameters = brotli::enc::BrotliEncoderParams {
            quality: if self.mode == Mode::Release { 11 } else { 2 },
            lgwin: 22,
            size_hint: bytes.len(),
            ..Default::default()
        };
        let mut compressed = Vec::new();
        brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters)?;
        Ok(compressed)
    }

    fn gzip(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let level = if self.mode == Mode::Release { 9 } else { 1 };
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(bytes)?;
        Ok(encoder.finish()?)
    }
}

/// Writes beside and renames, so that a build cut short leaves no half file in the cache.
fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let beside = file.with_extension("part");
    fs::write(&beside, bytes)?;
    fs::rename(&beside, file)?;
    Ok(())
}
