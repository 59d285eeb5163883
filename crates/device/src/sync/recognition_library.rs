//! The recognition library on this device: papers are judged, chunks fetched, files put together beside the library in use, tried, and
//! switched to by one change of roles.
//!
//! Every step is one request or one local act, and may be the last before the process ends: what `work` says and the files that are there are
//! enough to go on. Nothing is used before it is whole and was checked; until the switch, and after any failure, the library in use stays.

mod install;
mod papers;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use polevik_device_store::db::commit;
use polevik_device_store::work::library::{self, LibraryFact, LibraryVersion, Role};
use polevik_device_store::{StoreError, Transaction};
use polevik_protocol::ErrorCode;
use polevik_protocol::file::LibraryNews;
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::login::SignedIn;
use polevik_protocol::sync::SHORT_ROOT_DIGITS;
use polevik_recognition_library::container::{Container, MAX_CONTAINER_BYTES};
use polevik_recognition_library::{ChunkInfo, Manifest, Trust};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::device::Device;
use crate::error::Failed;
use crate::files::Files;

pub use self::install::{OpenLibrary, activate, install, open_active};
pub use self::papers::take_manifest;
pub use polevik_recognition_library::{Candidate, Picture};

/// What is to be done next for the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The library this device shall have is in use, or there is none for it.
    Nothing,
    /// The papers of another version are to be fetched: [`take_manifest`].
    Manifest {
        /// Their name.
        hash: Blake3Hex,
        /// More is not read.
        most_bytes: u64,
    },
    /// A chunk is to be fetched: [`take_chunk`].
    Chunk {
        /// Its name.
        hash: Blake3Hex,
        /// Its length; more is not read.
        bytes: u64,
    },
    /// Everything that was to be fetched is here: [`install`], and ask again.
    Install,
    /// The version is tried and ready; it is switched to when no visit and no recognition is open: [`activate`].
    Activate,
    /// What the server offers was refused before; nothing is asked of it.
    Refused(Failed),
}

/// How far the version that is fetched has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Chunks that are here.
    pub chunks_done: u64,
    /// Chunks that had to be fetched, in all.
    pub chunks: u64,
    /// Their bytes that are here.
    pub bytes_done: u64,
    /// Their bytes in all; before the papers are here, the length of the whole library.
    pub bytes: u64,
}

/// The version that is being fetched, as it was worked out from `work`.
#[derive(Debug)]
pub(crate) struct Fetching {
    /// Name of its papers.
    papers: Blake3Hex,
    manifest: Manifest,
    /// Chunks that lie in a version that is here already: in which file, and where.
    reusable: BTreeMap<Blake3Hex, (Blake3Hex, u64)>,
    /// Chunks that are not what they were in the versions that are here: they are fetched.
    spoiled: BTreeSet<Blake3Hex>,
    /// Chunks that were fetched and are not yet part of a file.
    staged: BTreeSet<Blake3Hex>,
    /// Files that are whole.
    files: BTreeSet<Blake3Hex>,
    /// Chunks that are still to be fetched; the next one is the last.
    missing: Vec<ChunkInfo>,
    /// Chunks that had to be fetched in all, and their bytes.
    wanted: (u64, u64),
}

/// Keeps the root keys of the first login. Another server is another office: what the one before is trusted with, and its library, are
/// forgotten.
pub(crate) fn sign_in(tx: &Transaction<'_>, signed_in: &SignedIn, same_server: bool) -> Result<(), StoreError> {
    if !same_server {
        for role in [Role::Staged, Role::Previous, Role::Active] {
            library::forget(tx, role)?;
        }
        for name in [LibraryFact::Trust, LibraryFact::News, LibraryFact::Refused] {
            library::clear_fact(tx, name)?;
        }
    }
    let known: Option<Trust> = fact(tx, LibraryFact::Trust)?;
    if known.is_none_or(|known| known.roots.is_empty()) && !signed_in.library_roots.is_empty() {
        let trust = Trust { part: signed_in.library_part.clone(), roots: signed_in.library_roots.clone(), ..Trust::default() };
        set_fact(tx, LibraryFact::Trust, &trust)?;
    }
    Ok(())
}

/// Whether this device has been told whom to believe, so that the server is to be asked for a library.
pub(crate) fn is_expected(tx: &Transaction<'_>) -> Result<bool, StoreError> {
    let trust: Option<Trust> = fact(tx, LibraryFact::Trust)?;
    Ok(trust.is_some_and(|trust| !trust.roots.is_empty()))
}

impl Device {
    /// What a request says of the library: the first digits of the papers this device goes by, empty if it has none. `None` before it has
    /// been told whom to believe: then it does not ask.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn library_word(&mut self) -> Result<Option<String>, StoreError> {
        let tx = self.store.read()?.work;
        if !is_expected(&tx)? {
            return Ok(None);
        }
        let held = newest(&tx)?.map(|version| version.manifest);
        Ok(Some(held.map(|name| name.as_str().chars().take(SHORT_ROOT_DIGITS).collect()).unwrap_or_default()))
    }

    /// Keeps what the server said of the library in the answer to a request that carried [`Device::library_word`].
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn note_library_news(&mut self, news: Option<&LibraryNews>) -> Result<(), StoreError> {
        let tx = self.store.work()?;
        let known: Option<LibraryNews> = fact(&tx, LibraryFact::News)?;
        if known.as_ref() == news {
            return Ok(());
        }
        match news {
            Some(news) => set_fact(&tx, LibraryFact::News, news)?,
            None => library::clear_fact(&tx, LibraryFact::News)?,
        }
        commit(tx)
    }

    /// The version in use and its length, for the screens.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn library_in_use(&mut self) -> Result<Option<(u64, u64)>, StoreError> {
        let tx = self.store.read()?.work;
        Ok(library::version(&tx, Role::Active)?.map(|active| (active.version, active.bytes)))
    }

    /// The version that is being fetched, worked out anew if it is another one than before; `None` if there is none.
    fn fetching(&mut self) -> Result<Option<&mut Fetching>, StoreError> {
        let tx = self.store.read()?.work;
        let Some(staged) = library::version(&tx, Role::Staged)? else {
            drop(tx);
            self.library = None;
            return Ok(None);
        };
        if self.library.as_ref().is_none_or(|known| known.papers != staged.manifest) {
            let fetching = Fetching::work_out(&tx, &staged, BTreeSet::new())?;
            drop(tx);
            self.library = Some(fetching);
        }
        Ok(self.library.as_mut())
    }
}

/// What is to be done next. Reads `work` only; cheap enough to be asked before every step.
///
/// # Errors
///
/// What the database says.
pub fn next(device: &RefCell<Device>) -> Result<Next, Failed> {
    let mut device = device.borrow_mut();
    let (news, refused, staged, active) = {
        let tx = device.store.work()?;
        let news: Option<LibraryNews> = fact(&tx, LibraryFact::News)?;
        let refused: Option<Refused> = fact(&tx, LibraryFact::Refused)?;
        let (staged, active) = (library::version(&tx, Role::Staged)?, library::version(&tx, Role::Active)?);
        let name = |version: &Option<LibraryVersion>| version.as_ref().map(|version| version.manifest.clone());
        if staged.is_some() && news.as_ref().is_some_and(|news| Some(&news.manifest) == name(&active).as_ref()) {
            // The office took back the version that was being fetched.
            library::forget(&tx, Role::Staged)?;
            commit(tx)?;
            device.library = None;
            return Ok(Next::Nothing);
        }
        (news, refused, staged, name(&active))
    };
    if let Some(news) = news
        && staged.as_ref().is_none_or(|staged| staged.manifest != news.manifest)
        && active.as_ref() != Some(&news.manifest)
    {
        let before = refused.filter(|refused| refused.papers == news.manifest && refused.app_version == device.app_version());
        return Ok(match before {
            Some(refused) => Next::Refused(Failed::new(ErrorCode::RecognitionLibraryRefused, refused.why)),
            None => Next::Manifest { hash: news.manifest, most_bytes: MAX_CONTAINER_BYTES as u64 },
        });
    }
    match staged {
        None => Ok(Next::Nothing),
        Some(staged) if staged.ready => Ok(Next::Activate),
        Some(_) => Ok(match device.fetching()?.and_then(|fetching| fetching.missing.last()) {
            Some(chunk) => Next::Chunk { hash: chunk.hash.clone(), bytes: u64::from(chunk.bytes) },
            None => Next::Install,
        }),
    }
}

/// How far it has come; `None` if nothing is to be fetched.
///
/// # Errors
///
/// What the database says.
pub fn progress(device: &RefCell<Device>) -> Result<Option<Progress>, Failed> {
    match next(device)? {
        Next::Nothing | Next::Refused(_) => Ok(None),
        Next::Manifest { .. } => {
            let mut device = device.borrow_mut();
            let news: Option<LibraryNews> = fact(&device.store.work()?, LibraryFact::News)?;
            Ok(news.map(|news| Progress { bytes: news.bytes, ..Progress::default() }))
        }
        Next::Chunk { .. } | Next::Install | Next::Activate => Ok(device.borrow_mut().fetching()?.map(|fetching| fetching.progress())),
    }
}

/// Keeps a chunk that was fetched: its length, then its hash, then the disk.
///
/// # Errors
///
/// L502 for other bytes than were asked for, of which nothing is kept; L501 and L503 of the disk.
pub async fn take_chunk(device: &RefCell<Device>, files: &impl Files, hash: &Blake3Hex, bytes: &[u8]) -> Result<(), Failed> {
    let expected = device.borrow_mut().fetching()?.and_then(|fetching| fetching.missing.iter().find(|chunk| chunk.hash == *hash).cloned());
    // Asked for twice, or for a version that was given up meanwhile.
    let Some(expected) = expected else { return Ok(()) };
    if u64::from(expected.bytes) != bytes.len() as u64 || Blake3Hex::of(bytes) != expected.hash {
        return Err(Failed::new(
            ErrorCode::FileDamaged,
            format!("chunk {hash}: {} bytes came, which are not those of the manifest", bytes.len()),
        ));
    }
    files.put(bytes).await?;
    let mut device = device.borrow_mut();
    let tx = device.store.work()?;
    library::note_file(&tx, hash, bytes.len() as u64)?;
    commit(tx)?;
    if let Some(fetching) = &mut device.library {
        fetching.staged.insert(hash.clone());
        fetching.missing.retain(|chunk| chunk.hash != *hash);
    }
    Ok(())
}

impl Fetching {
    /// What a version still needs. Chunks in `spoiled` are not taken from the versions that are here.
    fn work_out(tx: &Transaction<'_>, staged: &LibraryVersion, spoiled: BTreeSet<Blake3Hex>) -> Result<Self, StoreError> {
        let manifest = manifest_of(staged)?;
        let here: BTreeSet<Blake3Hex> = library::files(tx, Role::Staged)?.into_iter().map(|(name, _)| name).collect();
        let names: BTreeSet<&Blake3Hex> = manifest.files.iter().map(|file| &file.hash).collect();
        let (files, staged_chunks): (BTreeSet<_>, BTreeSet<_>) = here.into_iter().partition(|name| names.contains(name));
        let mut reusable = BTreeMap::new();
        for role in [Role::Previous, Role::Active] {
            let Some(version) = library::version(tx, role)? else { continue };
            let held = manifest_of(&version)?;
            for (chunk, place) in held.chunks.iter().zip(held.places()) {
                if let Some((file, from)) = place.and_then(|(file, from)| Some((held.files.get(file)?, from)))
                    && !spoiled.contains(&chunk.hash)
                {
                    reusable.insert(chunk.hash.clone(), (file.hash.clone(), from));
                }
            }
        }
        let (mut wanted, mut missing, mut listed) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        for (number, file) in manifest.files.iter().enumerate() {
            for chunk in manifest.pieces(number).iter().filter_map(|piece| manifest.chunks.get(piece.chunk)) {
                if reusable.contains_key(&chunk.hash) {
                    continue;
                }
                wanted.insert(chunk.hash.clone(), u64::from(chunk.bytes));
                if !files.contains(&file.hash) && !staged_chunks.contains(&chunk.hash) && listed.insert(chunk.hash.clone()) {
                    missing.push(chunk.clone());
                }
            }
        }
        missing.reverse();
        let wanted = (wanted.len() as u64, wanted.values().sum());
        Ok(Self { papers: staged.manifest.clone(), manifest, reusable, spoiled, staged: staged_chunks, files, missing, wanted })
    }

    fn progress(&self) -> Progress {
        let (chunks, bytes) = self.wanted;
        let missing_bytes: u64 = self.missing.iter().map(|chunk| u64::from(chunk.bytes)).sum();
        Progress {
            chunks_done: chunks.saturating_sub(self.missing.len() as u64),
            chunks,
            bytes_done: bytes.saturating_sub(missing_bytes),
            bytes,
        }
    }
}

/// Papers that were refused.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Refused {
    papers: Blake3Hex,
    /// Another version of the application may take them.
    app_version: String,
    /// For support.
    why: String,
}

/// The version this device goes by: the one it fetches, or the one in use.
fn newest(tx: &Transaction<'_>) -> Result<Option<LibraryVersion>, StoreError> {
    match library::version(tx, Role::Staged)? {
        Some(staged) => Ok(Some(staged)),
        None => library::version(tx, Role::Active),
    }
}

/// The manifest of a version that was accepted once.
fn manifest_of(version: &LibraryVersion) -> Result<Manifest, StoreError> {
    let container = Container::read(&version.signed).ok_or(StoreError::BadValue("library_version.signed"))?;
    Manifest::read(&container.manifest).map_err(|_| StoreError::BadValue("library_version.signed"))
}

fn fact<T: DeserializeOwned>(tx: &Transaction<'_>, name: LibraryFact) -> Result<Option<T>, StoreError> {
    let text = library::fact(tx, name)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| StoreError::BadValue("library_fact.value"))).transpose()
}

fn set_fact(tx: &Transaction<'_>, name: LibraryFact, value: &impl Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_string(value).map_err(|_| StoreError::BadValue("library_fact.value"))?;
    library::set_fact(tx, name, &text)
}
