//! Publishing: papers are judged as a device would judge them, then the chunks go into the blob store, and the release into the database.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use polevik_recognition_library::trust::Conditions;
use polevik_recognition_library::{Container, Manifest, Trust};
use polevik_server_store::library::{self, Release};
use polevik_server_store::{Store, StoreError, Transaction};

use super::bundle::Bundle;
use crate::blobs::Blobs;

/// What came of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The release as devices are told of it.
    pub release: Release,
    /// Its chunks, and how many of them the newest release before it lacks.
    pub chunks: usize,
    /// Of those, how many are new.
    pub new_chunks: usize,
    /// Their bytes: what a device fetches that has the release before it.
    pub new_bytes: u64,
    /// It had been published before.
    pub again: bool,
}

/// Publishes a signed library for so many percent of the devices. Published twice, it is there once; the same library under a newer list of
/// keys takes the place of its old papers.
///
/// # Errors
///
/// When no device of the part would accept it: wrong keys, an older version, another part, run out; or chunks are missing.
pub fn publish(store: &Store, blobs: &Blobs, part_id: &str, bundle: &Bundle, percent: u8, now: UtcMillis) -> Result<Published> {
    let papers = bundle.papers()?;
    let name = Blake3Hex::of(&papers);
    let (trust, releases) = store.read(|tx| Ok::<_, StoreError>((trust_of(tx, part_id)?, library::releases(tx, part_id)?)))?;
    ensure!(!trust.roots.is_empty(), "part {part_id} has no roots: `ir-library trust` notes them");
    // Any application will do here; devices look for themselves.
    let conditions = Conditions { announced: &name, app_version: "999.0.0", server_now: now };
    let manifest = match trust.judge(&papers, conditions).manifest {
        Ok(accepted) => accepted.manifest,
        Err(refusal) => bail!("no device would install this library: {refusal}"),
    };
    if let Some(newest) = releases.first() {
        ensure!(manifest.version >= newest.version, "version {} was published: {} is older", newest.version, manifest.version);
    }
    let known = releases.iter().find(|release| release.version == manifest.version);
    if let Some(known) = known {
        ensure!(manifest_of(store, part_id, &known.name)? == manifest, "version {} was published with another content", known.version);
    }
    let before = releases.iter().find(|release| release.version < manifest.version);
    let held = match before {
        Some(before) => manifest_of(store, part_id, &before.name)?.chunks.into_iter().map(|chunk| chunk.hash).collect(),
        None => BTreeSet::new(),
    };
    let mut chunks = BTreeMap::new();
    for chunk in &manifest.chunks {
        if chunks.insert(chunk.hash.clone(), chunk.bytes).is_none() && !blobs.has_chunk(part_id, &chunk.hash)? {
            blobs.put_chunk(part_id, &chunk.hash, bundle.chunk(chunk)?)?;
        }
    }
    let release = match known {
        Some(known) => Release { name: name.clone(), ..known.clone() },
        None => Release {
            version: manifest.version,
            name: name.clone(),
            bytes: manifest.bytes(),
            percent,
            is_stopped: false,
            published_at: now,
        },
    };
    let listed: Vec<(Blake3Hex, u32)> = chunks.iter().map(|(hash, bytes)| (hash.clone(), *bytes)).collect();
    store.write(|tx| match known {
        Some(_) => library::replace_papers(tx, part_id, manifest.version, &name, &papers).map(|_| ()),
        None => library::publish(tx, part_id, &release, &papers, &listed),
    })?;
    let new = listed.iter().filter(|(hash, _)| !held.contains(hash));
    let (new_chunks, new_bytes) = new.fold((0, 0), |(count, sum), (_, bytes)| (count + 1, sum + u64::from(*bytes)));
    Ok(Published { release, chunks: listed.len(), new_chunks, new_bytes, again: known.is_some() })
}

/// What a device of the part would believe that has seen every release.
fn trust_of(tx: &Transaction<'_>, part_id: &str) -> Result<Trust, StoreError> {
    let mut trust = Trust { part: Some(part_id.to_owned()), roots: library::roots(tx, part_id)?, ..Trust::default() };
    let Some(newest) = library::releases(tx, part_id)?.into_iter().next() else { return Ok(trust) };
    let papers = library::papers(tx, part_id, &newest.name)?.ok_or(StoreError::Corrupt("papers that are gone"))?;
    // As they were accepted then, whatever the time is now.
    let conditions = Conditions { announced: &newest.name, app_version: "999.0.0", server_now: UtcMillis(0) };
    let verdict = trust.judge(&papers, conditions);
    trust = verdict.trust;
    if verdict.manifest.is_err() {
        return Err(StoreError::Corrupt("papers that no device would accept"));
    }
    Ok(trust)
}

fn manifest_of(store: &Store, part_id: &str, name: &Blake3Hex) -> Result<Manifest> {
    let papers = store.read(|tx| library::papers(tx, part_id, name))?.context("papers that are gone")?;
    let container = Container::read(&papers).context("papers that cannot be read")?;
    Ok(Manifest::read(&container.manifest)?)
}

/// The version after the newest of a part, and that newest.
///
/// # Errors
///
/// When the database refuses.
pub fn next_version(store: &Store, part_id: &str) -> Result<(u64, Option<u64>), StoreError> {
    let newest = store.read(|tx| library::releases(tx, part_id))?.first().map(|release| release.version);
    Ok((newest.map_or(1, |newest| newest + 1), newest))
}
