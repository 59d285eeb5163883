//! From chunks to a library in use: put together, tried, switched to.

use std::cell::RefCell;
use std::collections::BTreeSet;

use polevik_device_store::db::commit;
use polevik_device_store::work::library::{self, LibraryFact, LibraryVersion, Role};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::hash::{Blake3Hex, Hasher};
use polevik_recognition_library::index::MAX_INDEX_BYTES;
use polevik_recognition_library::manifest::{FileInfo, Piece};
use polevik_recognition_library::{Index, Manifest};

use super::{Fetching, Refused, manifest_of, set_fact};
use crate::device::Device;
use crate::error::Failed;
use crate::files::{Files, FilesError};

/// Bytes that are read at once while a file is hashed.
const READ_AT_ONCE_BYTES: u64 = 1024 * 1024;

/// A library that can be asked.
#[derive(Debug)]
pub struct OpenLibrary {
    /// Its number.
    pub version: u64,
    /// What it knows.
    pub index: Index,
}

/// What the next step of putting together is.
enum Part {
    /// This file, from these pieces.
    File(FileInfo, Vec<(Piece, Source)>),
    /// All files are there: the whole is checked and tried.
    Whole(Manifest),
}

/// Where the bytes of a chunk are.
struct Source {
    chunk: Blake3Hex,
    bytes: u64,
    /// The file of a version that is here, and the place in it; `None` = the chunk was fetched.
    reused: Option<(Blake3Hex, u64)>,
}

/// Does one step towards a version that is ready: puts one file together, or, when all are there, reads the whole again, opens it, and has it
/// recognise some of its own reference pictures.
///
/// # Errors
///
/// L502 when bytes are not what they were: what is spoiled is fetched again, [`super::next`] says so. L507 when the version is whole and does
/// not work: it is given up. L501 and L503 of the disk.
pub async fn install(device: &RefCell<Device>, files: &impl Files) -> Result<(), Failed> {
    let part = match device.borrow_mut().fetching()? {
        Some(fetching) => fetching.next_part(),
        None => return Ok(()),
    };
    match part {
        Part::File(file, pieces) => put_together(device, files, &file, &pieces).await,
        Part::Whole(manifest) => {
            try_out(device, files, &manifest).await?;
            let mut device = device.borrow_mut();
            let tx = device.store.work()?;
            library::mark_ready(&tx)?;
            commit(tx)?;
            Ok(())
        }
    }
}

impl Fetching {
    fn next_part(&self) -> Part {
        let unfinished = self.manifest.files.iter().enumerate().find(|(_, file)| !self.files.contains(&file.hash));
        let Some((number, file)) = unfinished else { return Part::Whole(self.manifest.clone()) };
        let source = |piece: Piece| {
            let chunk = self.manifest.chunks.get(piece.chunk)?;
            let reused = if self.staged.contains(&chunk.hash) { None } else { self.reusable.get(&chunk.hash).cloned() };
            Some((piece, Source { chunk: chunk.hash.clone(), bytes: u64::from(chunk.bytes), reused }))
        };
        Part::File(file.clone(), self.manifest.pieces(number).into_iter().filter_map(source).collect())
    }

    /// Chunks that were fetched and are in no file any more that is still to be put together.
    fn used_up(&self) -> BTreeSet<Blake3Hex> {
        let mut used_up = self.staged.clone();
        for (number, _) in self.manifest.files.iter().enumerate().filter(|(_, file)| !self.files.contains(&file.hash)) {
            for piece in self.manifest.pieces(number) {
                if let Some(chunk) = self.manifest.chunks.get(piece.chunk) {
                    used_up.remove(&chunk.hash);
                }
            }
        }
        used_up
    }
}

async fn put_together(device: &RefCell<Device>, files: &impl Files, file: &FileInfo, pieces: &[(Piece, Source)]) -> Result<(), Failed> {
    // Whatever an earlier attempt has left is begun anew: it costs less than to find out how good it is.
    files.remove_part(&file.hash).await?;
    let mut at = 0;
    let mut spoiled = Vec::new();
    for (piece, source) in pieces {
        let Some(chunk) = read_chunk(files, source).await? else {
            spoiled.push(source);
            continue;
        };
        if spoiled.is_empty() {
            let from = usize::try_from(piece.from).unwrap_or(usize::MAX);
            let to = from.saturating_add(usize::try_from(piece.bytes).unwrap_or(usize::MAX));
            let bytes = chunk.get(from..to).unwrap_or_default();
            files.append_part(&file.hash, at, bytes).await?;
            at += bytes.len() as u64;
        }
    }
    if !spoiled.is_empty() {
        files.remove_part(&file.hash).await?;
        return fetch_again(device, files, &spoiled).await;
    }
    if pieces.is_empty() {
        files.put(&[]).await?;
    } else {
        files.seal_part(&file.hash).await?;
    }
    let used_up = {
        let mut device = device.borrow_mut();
        let used_up = device.library.as_mut().map(|fetching| {
            fetching.files.insert(file.hash.clone());
            let used_up = fetching.used_up();
            fetching.staged.retain(|chunk| !used_up.contains(chunk));
            used_up
        });
        let tx = device.store.work()?;
        library::note_file(&tx, &file.hash, file.bytes)?;
        for chunk in used_up.iter().flatten().filter(|chunk| **chunk != file.hash) {
            library::forget_file(&tx, chunk)?;
        }
        commit(tx)?;
        used_up.unwrap_or_default()
    };
    remove_unneeded(device, files, used_up).await
}

/// The bytes of a chunk; `None` if they are not there or not what they were.
async fn read_chunk(files: &impl Files, source: &Source) -> Result<Option<Vec<u8>>, Failed> {
    let read = match &source.reused {
        Some((file, from)) => files.read(file, *from, source.bytes).await,
        None => files.read(&source.chunk, 0, source.bytes).await,
    };
    match read {
        Ok(bytes) => Ok((Blake3Hex::of(&bytes) == source.chunk).then_some(bytes)),
        Err(FilesError::NotFound | FilesError::Damaged) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Has chunks fetched again that are spoiled. What a version lying here has spoiled is no failure of this one.
async fn fetch_again(device: &RefCell<Device>, files: &impl Files, spoiled: &[&Source]) -> Result<(), Failed> {
    let fetched: Vec<Blake3Hex> = spoiled.iter().filter(|source| source.reused.is_none()).map(|source| source.chunk.clone()).collect();
    {
        let mut device = device.borrow_mut();
        let mut all = device.library.take().map(|fetching| fetching.spoiled).unwrap_or_default();
        all.extend(spoiled.iter().map(|source| source.chunk.clone()));
        let tx = device.store.work()?;
        for chunk in &fetched {
            library::forget_file(&tx, chunk)?;
        }
        let fetching = library::version(&tx, Role::Staged)?.map(|staged| Fetching::work_out(&tx, &staged, all)).transpose()?;
        commit(tx)?;
        device.library = fetching;
    }
    let count = fetched.len();
    remove_unneeded(device, files, fetched).await?;
    if count == 0 {
        Ok(())
    } else {
        Err(Failed::new(ErrorCode::FileDamaged, format!("{count} chunks of the library are not what they were")))
    }
}

/// Reads every byte of a version again, opens it, and has it recognise some of its own pictures.
async fn try_out(device: &RefCell<Device>, files: &impl Files, manifest: &Manifest) -> Result<(), Failed> {
    for file in &manifest.files {
        if !is_whole(files, file).await? {
            begin_file_again(device, files, &file.hash).await?;
            return Err(Failed::new(ErrorCode::FileDamaged, format!("{} of the library is not what it was", file.path)));
        }
    }
    match opened(files, manifest).await? {
        Ok(_) => Ok(()),
        Err(why) => {
            give_up(device, &why)?;
            Err(Failed::new(ErrorCode::RecognitionLibraryRefused, why))
        }
    }
}

async fn is_whole(files: &impl Files, file: &FileInfo) -> Result<bool, Failed> {
    if files.size(&file.hash).await? != Some(file.bytes) {
        return Ok(false);
    }
    let mut hasher = Hasher::default();
    let mut at = 0;
    while at < file.bytes {
        let bytes = match files.read(&file.hash, at, READ_AT_ONCE_BYTES).await {
            Ok(bytes) if !bytes.is_empty() => bytes,
            Ok(_) | Err(FilesError::NotFound | FilesError::Damaged) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        hasher.add(&bytes);
        at += bytes.len() as u64;
    }
    Ok(hasher.name() == file.hash)
}

/// Opens a library whose files are whole, and tries it; the reason if it does not work.
async fn opened(files: &impl Files, manifest: &Manifest) -> Result<Result<Index, String>, Failed> {
    let Some(info) = manifest.index().filter(|info| info.bytes <= MAX_INDEX_BYTES as u64) else {
        return Ok(Err("the index is too long".to_owned()));
    };
    let lengths: Vec<u64> = manifest.files.iter().map(|file| file.bytes).collect();
    let index = match Index::read(&files.read(&info.hash, 0, info.bytes).await?, &lengths) {
        Ok(index) => index,
        Err(error) => return Ok(Err(error.to_string())),
    };
    for reference in index.probes() {
        let file = usize::try_from(reference.file).ok().and_then(|file| manifest.files.get(file));
        let Some(file) = file else { return Ok(Err("a reference picture lies nowhere".to_owned())) };
        let jpeg = files.read(&file.hash, reference.from, u64::from(reference.bytes)).await?;
        if let Err(error) = index.probe(reference, &jpeg) {
            return Ok(Err(error.to_string()));
        }
    }
    Ok(Ok(index))
}

/// A file of the version that is fetched is spoiled: it is put together again, from chunks that are fetched again where needed.
async fn begin_file_again(device: &RefCell<Device>, files: &impl Files, file: &Blake3Hex) -> Result<(), Failed> {
    // Not by its rows: a file that is spoiled is of no use to any version.
    files.remove(file).await?;
    let mut device = device.borrow_mut();
    let tx = device.store.work()?;
    library::mark_unready(&tx)?;
    library::forget_file(&tx, file)?;
    commit(tx)?;
    device.library = None;
    Ok(())
}

/// A version that is whole and does not work is not tried again.
fn give_up(device: &RefCell<Device>, why: &str) -> Result<(), Failed> {
    let mut device = device.borrow_mut();
    let app_version = device.app_version().to_owned();
    let tx = device.store.work()?;
    if let Some(staged) = library::version(&tx, Role::Staged)? {
        set_fact(&tx, LibraryFact::Refused, &Refused { papers: staged.manifest, app_version, why: why.to_owned() })?;
        library::forget(&tx, Role::Staged)?;
    }
    commit(tx)?;
    device.library = None;
    Ok(())
}

/// Switches to the version that is ready: one change of roles. It is tried once more before, because days may have passed; the version before
/// the one in use until now is removed. Nothing happens if none is ready.
///
/// # Errors
///
/// As [`install`]; also L507 when the version has run out meanwhile, by the server's clock.
pub async fn activate(device: &RefCell<Device>, files: &impl Files, server_now: UtcMillis) -> Result<(), Failed> {
    let staged = {
        let mut device = device.borrow_mut();
        let tx = device.store.work()?;
        library::version(&tx, Role::Staged)?.filter(|staged| staged.ready)
    };
    let Some(staged) = staged else { return Ok(()) };
    if server_now >= staged.expires_at {
        let why = "it has run out before it was switched to";
        give_up(device, why)?;
        return Err(Failed::new(ErrorCode::RecognitionLibraryRefused, why));
    }
    try_out(device, files, &manifest_of(&staged)?).await?;
    let unneeded = {
        let mut device = device.borrow_mut();
        let tx = device.store.work()?;
        let before = library::all_files(&tx)?;
        library::activate(&tx)?;
        let after: BTreeSet<Blake3Hex> = library::all_files(&tx)?.into_iter().map(|(name, _)| name).collect();
        commit(tx)?;
        device.library = None;
        before.into_iter().map(|(name, _)| name).filter(|name| !after.contains(name)).collect::<Vec<_>>()
    };
    remove_unneeded(device, files, unneeded).await
}

/// Removes files that nothing on this device needs.
async fn remove_unneeded(device: &RefCell<Device>, files: &impl Files, names: impl IntoIterator<Item = Blake3Hex>) -> Result<(), Failed> {
    for name in names {
        let is_needed = {
            let mut device = device.borrow_mut();
            let tx = device.store.work()?;
            library::is_needed(&tx, &name)?
        };
        if !is_needed {
            files.remove(&name).await?;
        }
    }
    Ok(())
}

/// Opens the library in use; if it is spoiled, the one before it is gone back to. `None` if there is none that works.
///
/// # Errors
///
/// What the databases and the disk say.
pub async fn open_active(device: &RefCell<Device>, files: &impl Files) -> Result<Option<OpenLibrary>, Failed> {
    loop {
        let active = {
            let mut device = device.borrow_mut();
            let tx = device.store.work()?;
            library::version(&tx, Role::Active)?
        };
        let Some(active) = active else { return Ok(None) };
        if let Some(index) = open(files, &active).await? {
            return Ok(Some(OpenLibrary { version: active.version, index }));
        }
        let mut device = device.borrow_mut();
        let tx = device.store.work()?;
        if !library::roll_back(&tx)? {
            // The next synchronisation brings it again.
            library::forget(&tx, Role::Active)?;
        }
        commit(tx)?;
        device.library = None;
    }
}

/// The index of a version, if it is what the manifest says.
async fn open(files: &impl Files, version: &LibraryVersion) -> Result<Option<Index>, Failed> {
    let manifest = manifest_of(version)?;
    let Some(info) = manifest.index() else { return Ok(None) };
    if !is_whole(files, info).await? {
        return Ok(None);
    }
    let lengths: Vec<u64> = manifest.files.iter().map(|file| file.bytes).collect();
    Ok(Index::read(&files.read(&info.hash, 0, info.bytes).await?, &lengths).ok())
}
