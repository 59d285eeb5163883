//! Uploads under way: a folder with what has come of each file so far, and a list of them in memory.
//!
//! `<id>.part` holds the bytes, `<id>.json` says whose they are; together they survive the end of the process at any moment. Bytes count from
//! when they are in `<id>.part`; those of a part with a checksum wait in `<id>.check` until it was found right. A whole file leaves the spool
//! for the blob store ([`super::finish`]). Each process has a spool of its own: a device that comes to another one begins anew.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use polevik_domain::ids::{DeviceId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::file::FileClass;
use polevik_protocol::hash::Blake3Hex;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedMutexGuard, watch};

/// How long an upload waits to be gone on with, in milliseconds: a week.
pub const KEPT_MS: i64 = 7 * 86_400_000;

/// Most uploads of one device's chain that are open at once; with one more, the one that was left longest ago is given up.
pub const MOST_OPEN: usize = 32;

/// The name of an upload: 16 random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub [u8; 16]);

impl UploadId {
    /// Reads 32 lower-case hexadecimal digits; `None` otherwise. A name can never be a path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        (hex::encode(bytes) == text).then_some(Self(bytes))
    }
}

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Whose upload it is, and what it shall become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The part.
    pub part_id: String,
    /// The chain of the device: whose it is.
    pub lineage: DeviceId,
    /// The position the device was signed in as.
    pub position: PositionId,
    /// What the file is for.
    pub class: FileClass,
    /// Length of the whole file.
    pub bytes: u64,
    /// Its name by content, if the sender says it.
    pub hash: Option<Blake3Hex>,
    /// The type the sender believes it to be.
    pub content_type: Option<String>,
    /// Name for people.
    pub name: Option<String>,
    /// When it began.
    pub created_at: UtcMillis,
}

impl About {
    /// When it is given up if it is not whole by then.
    #[must_use]
    pub fn expires_at(&self) -> UtcMillis {
        self.created_at.plus_millis(KEPT_MS)
    }
}

/// An upload under way.
#[derive(Debug)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// Whose it is.
    pub about: About,
    folder: PathBuf,
    offset: AtomicU64,
    last_used: AtomicU64,
    /// Raised by whoever comes next: the one before stops.
    turn: watch::Sender<u64>,
    part: Arc<tokio::sync::Mutex<Part>>,
}

/// What has come of an upload; one request at a time has it.
#[derive(Debug)]
pub struct Part {
    /// Bytes that count.
    offset: u64,
    /// Open since something was written.
    file: Option<File>,
    /// Whether what was written is on the disk, folder and all.
    is_synced: bool,
    /// Of the first `hashed` bytes. (Boxed: two kilobytes.)
    hasher: Box<blake3::Hasher>,
    hashed: u64,
}

impl Upload {
    fn new(folder: &Path, id: UploadId, about: About, offset: u64, now: UtcMillis) -> Self {
        let part = Part { offset, file: None, is_synced: false, hasher: Box::default(), hashed: 0 };
        Self {
            id,
            about,
            folder: folder.to_owned(),
            offset: AtomicU64::new(offset),
            last_used: AtomicU64::new(now.0.cast_unsigned()),
            turn: watch::Sender::new(0),
            part: Arc::new(tokio::sync::Mutex::new(part)),
        }
    }

    /// Bytes that count, as of the last write.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset.load(Ordering::Acquire)
    }

    /// Whether every byte has come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.offset() == self.about.bytes
    }

    /// The part, for this caller alone. Whoever has it now is told to stop: it is most likely a connection that broke.
    pub async fn take_turn(&self) -> (OwnedMutexGuard<Part>, watch::Receiver<u64>) {
        self.turn.send_modify(|turn| *turn += 1);
        let mut told = self.turn.subscribe();
        told.borrow_and_update();
        (Arc::clone(&self.part).lock_owned().await, told)
    }

    /// Adds bytes that follow those that came. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says; what was written before the failure counts.
    pub fn append(&self, part: &mut Part, pieces: &[Bytes]) -> io::Result<()> {
        if part.file.is_none() {
            part.file = Some(self.open_part(part.offset)?);
        }
        let Part { offset, file, is_synced, hasher, hashed } = part;
        let Some(file) = file else { return Ok(()) };
        *is_synced = false;
        for piece in pieces {
            if let Err(error) = file.write_all(piece) {
                // Some of it may be there: cut back to what counts.
                let _ = file.set_len(*offset).and_then(|()| file.seek(io::SeekFrom::Start(*offset)));
                return Err(error);
            }
            if *hashed == *offset {
                hasher.update(piece);
                *hashed += length_of(piece);
            }
            *offset += length_of(piece);
            self.offset.store(*offset, Ordering::Release);
        }
        Ok(())
    }

    /// Opens `<id>.part` behind the bytes that count; at the first time writes `<id>.json` before it.
    fn open_part(&self, offset: u64) -> io::Result<File> {
        if offset == 0 {
            let json = serde_json::to_vec(&self.about)?;
            let beside = self.path("new");
            std::fs::write(&beside, json)?;
            std::fs::rename(beside, self.path("json"))?;
        }
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(self.path("part"))?;
        file.set_len(offset)?;
        file.seek(io::SeekFrom::Start(offset))?;
        Ok(file)
    }

    /// Makes the upload outlive this process, also with no byte yet. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn begin(&self, part: &mut Part) -> io::Result<()> {
        self.append(part, &[])
    }

    /// What came is on the disk when this returns. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn sync(&self, part: &mut Part) -> io::Result<()> {
        if part.is_synced {
            return Ok(());
        }
        self.sync_bytes(part)?;
        File::open(self.path("json"))?.sync_data()?;
        File::open(&self.folder)?.sync_all()?;
        part.is_synced = true;
        Ok(())
    }

    /// The bytes that came are on the disk when this returns; whose they are may be forgotten. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn sync_bytes(&self, part: &mut Part) -> io::Result<()> {
        match &part.file {
            Some(file) => file.sync_data(),
            None => File::open(self.path("part"))?.sync_data(),
        }
    }

    /// Where the bytes of a part with a checksum wait.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn checked_part(&self) -> io::Result<CheckedPart> {
        let path = self.path("check");
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
        Ok(CheckedPart { path, file })
    }

    /// Adds a part whose checksum was right. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn append_checked(&self, part: &mut Part, mut checked: CheckedPart) -> io::Result<()> {
        checked.file.rewind()?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = checked.file.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.append(part, &[Bytes::copy_from_slice(&buffer[..count])])?;
        }
    }

    /// The hash of all that came. Blocks; reads what came before this process began.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn hash(&self, part: &mut Part) -> io::Result<Blake3Hex> {
        if part.hashed != part.offset {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(self.path("part"))?.take(part.offset))?;
            *part.hasher = hasher;
            part.hashed = part.offset;
        }
        Ok(Blake3Hex::of_digest(part.hasher.finalize().as_bytes()))
    }

    /// Where the bytes lie.
    #[must_use]
    pub fn part_path(&self) -> PathBuf {
        self.path("part")
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.id))
    }

    fn remove_files(&self) {
        // What cannot be removed now is swept later.
        for ending in ["part", "json", "check"] {
            let _ = std::fs::remove_file(self.path(ending));
        }
    }
}

impl Part {
    /// Bytes that count.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

fn length_of(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(0)
}

/// Bytes that do not count before their checksum was found right; gone when dropped.
#[derive(Debug)]
pub struct CheckedPart {
    path: PathBuf,
    file: File,
}

impl CheckedPart {
    /// Adds bytes. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn append(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        pieces.iter().try_for_each(|piece| self.file.write_all(piece))
    }
}

impl Drop for CheckedPart {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The folder with its list. See the module.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    uploads: Mutex<HashMap<UploadId, Arc<Upload>>>,
}

impl Spool {
    /// The spool in `folder`, made when missing; with the uploads that an earlier process left there. What belongs to none is removed.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, now: UtcMillis) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut uploads = HashMap::new();
        let mut others = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let found = upload_of(&path).and_then(|(id, ending)| {
                let about: About = if ending == "json" { serde_json::from_slice(&std::fs::read(&path).ok()?).ok()? } else { return None };
                let offset = std::fs::metadata(path.with_extension("part")).ok()?.len();
                (offset <= about.bytes).then(|| Upload::new(folder, id, about, offset, now))
            });
            match found {
                Some(upload) => {
                    uploads.insert(upload.id, Arc::new(upload));
                }
                None => others.push(path),
            }
        }
        for path in others {
            let belongs = upload_of(&path).is_some_and(|(id, ending)| ending == "part" && uploads.contains_key(&id));
            if !belongs && path.is_file() {
                let _ = std::fs::remove_file(path);
            }
        }
        let spool = Self { folder: folder.to_owned(), uploads: Mutex::new(uploads) };
        spool.sweep(now);
        Ok(spool)
    }

    /// Begins an upload. Nothing of it is on the disk yet; the first bytes, or [`Upload::begin`], put it there.
    pub fn add(&self, id: UploadId, about: About, now: UtcMillis) -> Arc<Upload> {
        let lineage = (about.part_id.clone(), about.lineage);
        let upload = Arc::new(Upload::new(&self.folder, id, about, 0, now));
        let mut uploads = self.uploads();
        let mut own: Vec<&Arc<Upload>> =
            uploads.values().filter(|other| (&other.about.part_id, other.about.lineage) == (&lineage.0, lineage.1)).collect();
        own.sort_by_key(|other| (other.last_used.load(Ordering::Relaxed), other.id));
        let given_up: Vec<UploadId> = own.iter().take((own.len() + 1).saturating_sub(MOST_OPEN)).map(|other| other.id).collect();
        for id in given_up {
            if let Some(gone) = uploads.remove(&id) {
                gone.remove_files();
            }
        }
        uploads.insert(id, Arc::clone(&upload));
        metrics::gauge!("polevik_open_uploads").set(gauge(uploads.len()));
        upload
    }

    /// An upload of a device's chain; `None` if it has none of that name.
    #[must_use]
    pub fn find(&self, part_id: &str, lineage: DeviceId, id: UploadId, now: UtcMillis) -> Option<Arc<Upload>> {
        let found = self.uploads().get(&id).filter(|upload| is_of(upload, part_id, lineage)).cloned()?;
        found.last_used.store(now.0.cast_unsigned(), Ordering::Relaxed);
        (found.about.expires_at() > now).then_some(found)
    }

    /// The upload of a device's chain of the file of that name and length that has come furthest.
    #[must_use]
    pub fn of_file(&self, part_id: &str, lineage: DeviceId, hash: &Blake3Hex, bytes: u64, now: UtcMillis) -> Option<Arc<Upload>> {
        let uploads = self.uploads();
        let own = uploads.values().filter(|upload| is_of(upload, part_id, lineage) && upload.about.expires_at() > now);
        own.filter(|upload| upload.about.hash.as_ref() == Some(hash) && upload.about.bytes == bytes)
            .max_by_key(|upload| (upload.offset(), upload.id))
            .cloned()
    }

    /// Ends an upload: its bytes are gone from here. Others of the same chain and file end with it if `hash` names the file.
    pub fn remove(&self, upload: &Upload, hash: Option<&Blake3Hex>) {
        let mut uploads = self.uploads();
        let ended = |other: &Upload| {
            other.id == upload.id
                || (hash.is_some() && other.about.hash.as_ref() == hash && is_of(other, &upload.about.part_id, upload.about.lineage))
        };
        uploads.retain(|_, other| {
            let ends = ended(other);
            if ends {
                other.remove_files();
            }
            !ends
        });
        metrics::gauge!("polevik_open_uploads").set(gauge(uploads.len()));
    }

    /// Gives up uploads whose time is over. Gives how many.
    pub fn sweep(&self, now: UtcMillis) -> usize {
        let mut uploads = self.uploads();
        let before = uploads.len();
        uploads.retain(|_, upload| {
            let stays = upload.about.expires_at() > now || upload.part.try_lock().is_err();
            if !stays {
                upload.remove_files();
            }
            stays
        });
        metrics::gauge!("polevik_open_uploads").set(gauge(uploads.len()));
        before - uploads.len()
    }

    /// How many uploads are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.uploads().len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the lock guards is sound at every moment, also after a panic.
    fn uploads(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Upload>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(upload: &Upload, part_id: &str, lineage: DeviceId) -> bool {
    upload.about.part_id == part_id && upload.about.lineage == lineage
}

/// The upload and the ending that the name of a file of the spool says.
fn upload_of(path: &Path) -> Option<(UploadId, &str)> {
    let (stem, ending) = path.file_name()?.to_str()?.split_once('.')?;
    Some((UploadId::parse(stem)?, ending))
}

fn gauge(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
