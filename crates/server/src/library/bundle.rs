//! A library in a folder, between being built and being published: `manifest.json`, `chunks/<hash>`, and once it is signed `papers.json`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use polevik_protocol::Blake3Hex;
use polevik_recognition_library::builder::{Built, Release};
use polevik_recognition_library::signing::sign;
use polevik_recognition_library::{ChunkInfo, Container, Manifest};

use super::keys::KeyFolder;

/// A library in a folder.
#[derive(Debug, Clone)]
pub struct Bundle(PathBuf);

impl Bundle {
    /// The library in this folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Writes a library that was built, not signed yet. Gives its manifest.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn write(&self, built: &Built, release: &Release) -> Result<Manifest> {
        let chunks = self.0.join("chunks");
        fs::create_dir_all(&chunks).with_context(|| format!("cannot make {}", chunks.display()))?;
        for (chunk, bytes) in built.chunks() {
            fs::write(chunks.join(chunk.hash.as_str()), bytes)?;
        }
        let manifest = built.manifest(release);
        // What it could not read back, no device could.
        Manifest::read(&manifest.text())?;
        fs::write(self.0.join("manifest.json"), manifest.text())?;
        Ok(manifest)
    }

    /// Signs it.
    ///
    /// # Errors
    ///
    /// When there is no manifest, or a key cannot be read.
    pub fn sign(&self, keys: &KeyFolder) -> Result<Container> {
        let text = fs::read_to_string(self.0.join("manifest.json"))
            .with_context(|| format!("{} holds no library: `ir-library build` makes one", self.0.display()))?;
        let container = sign(&Manifest::read(&text)?, &keys.signing_key()?, &keys.list()?)?;
        fs::write(self.0.join("papers.json"), container.bytes())?;
        Ok(container)
    }

    /// Its papers.
    ///
    /// # Errors
    ///
    /// When it is not signed.
    pub fn papers(&self) -> Result<Vec<u8>> {
        fs::read(self.0.join("papers.json"))
            .with_context(|| format!("the library in {} is not signed: `ir-library sign` signs it", self.0.display()))
    }

    /// One of its chunks, checked.
    ///
    /// # Errors
    ///
    /// When it is not there, or not what the manifest says.
    pub fn chunk(&self, info: &ChunkInfo) -> Result<Vec<u8>> {
        let path = self.0.join("chunks").join(info.hash.as_str());
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(Blake3Hex::of(&bytes) == info.hash, "{} is not what the manifest says", path.display());
        Ok(bytes)
    }
}
