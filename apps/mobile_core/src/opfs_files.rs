//! Files on the origin's private file system: `files/ab/<hash>` whole, `files/parts/<hash>` still growing, beside the databases' pool.
//!
//! Whoever waits for an act may be dropped in its middle, and a handle that nobody closes would lock its file for as long as the Worker lives.
//! So every act is carried to its end by itself, one after the other.

use std::future::Future;
use std::rc::Rc;

use futures::channel::oneshot;
use futures::lock::Mutex;
use polevik_device::files::{Blake3Hex, Files, FilesError, Hasher, Held, Kind, Result, Room as FileRoom, shard_of};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemHandle, FileSystemHandleKind, FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

use crate::fetch::text;
use crate::machine::whole;
use crate::opfs::Room;

/// The folder of all files, as `polevik_device::files::path_of` has it.
const FILES: &str = "files";

/// The folder of parts within it.
const PARTS: &str = "parts";

/// How much is read at a time while a part is checked.
const READ_BYTES: u64 = 1 << 20;

/// The place for files in this origin.
pub struct OpfsFiles {
    files: FileSystemDirectoryHandle,
    parts: FileSystemDirectoryHandle,
    room: Room,
    turn: Rc<Mutex<()>>,
}

impl OpfsFiles {
    /// The place, made if it does not exist.
    ///
    /// # Errors
    ///
    /// [`FilesError::Refused`] if the browser has no such storage.
    pub async fn open(room: Room) -> Result<Self> {
        let worker: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
        let root: FileSystemDirectoryHandle = done(worker.navigator().storage().get_directory()).await?.unchecked_into();
        let files = folder(&root, FILES).await?;
        let parts = folder(&files, PARTS).await?;
        Ok(Self { files, parts, room, turn: Rc::default() })
    }

    /// Carries an act to its end in its turn, whether or not somebody still waits for it.
    async fn in_turn<T: 'static>(&self, act: impl Future<Output = Result<T>> + 'static) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let turn = self.turn.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let _mine = turn.lock().await;
            // Nobody may wait for it any more.
            let _ = tell.send(act.await);
        });
        told.await.unwrap_or_else(|_| Err(FilesError::Refused("the act was given up".to_owned())))
    }
}

impl Files for OpfsFiles {
    async fn size(&self, name: &Blake3Hex) -> Result<Option<u64>> {
        let (files, name) = (self.files.clone(), name.clone());
        self.in_turn(async move {
            match find_whole(&files, &name).await? {
                Some(file) => Ok(Some(length(&content(&file).await?))),
                None => Ok(None),
            }
        })
        .await
    }

    async fn read(&self, name: &Blake3Hex, from: u64, len: u64) -> Result<Vec<u8>> {
        let (files, name) = (self.files.clone(), name.clone());
        self.in_turn(async move {
            let file = find_whole(&files, &name).await?.ok_or(FilesError::NotFound)?;
            slice(&content(&file).await?, from, len).await
        })
        .await
    }

    async fn put(&self, bytes: &[u8]) -> Result<Blake3Hex> {
        let name = Blake3Hex::of(bytes);
        let (files, parts, bytes) = (self.files.clone(), self.parts.clone(), bytes.to_vec());
        let kept = name.clone();
        self.in_turn(async move {
            let part = made(&parts, name.as_str()).await?;
            let written = write_anew(&part, &bytes).await;
            if written.is_err() {
                // It takes room and is of no use; what cannot be removed now is swept later.
                let _ = remove(&parts, name.as_str()).await;
            }
            written?;
            seal(&files, &part, &name).await
        })
        .await?;
        Ok(kept)
    }

    async fn remove(&self, name: &Blake3Hex) -> Result<()> {
        let (files, name) = (self.files.clone(), name.clone());
        self.in_turn(async move {
            match found(done(files.get_directory_handle(shard_of(&name))).await)? {
                Some(folder) => remove(folder.unchecked_ref(), name.as_str()).await,
                None => Ok(()),
            }
        })
        .await
    }

    async fn part_size(&self, name: &Blake3Hex) -> Result<u64> {
        let (parts, name) = (self.parts.clone(), name.clone());
        self.in_turn(async move {
            match find(&parts, name.as_str()).await? {
                Some(file) => Ok(length(&content(&file).await?)),
                None => Ok(0),
            }
        })
        .await
    }

    async fn read_part(&self, name: &Blake3Hex, from: u64, len: u64) -> Result<Vec<u8>> {
        let (parts, name) = (self.parts.clone(), name.clone());
        self.in_turn(async move {
            let file = find(&parts, name.as_str()).await?.ok_or(FilesError::NotFound)?;
            slice(&content(&file).await?, from, len).await
        })
        .await
    }

    async fn append_part(&self, name: &Blake3Hex, offset: u64, bytes: &[u8]) -> Result<()> {
        let (parts, name, bytes) = (self.parts.clone(), name.clone(), bytes.to_vec());
        self.in_turn(async move {
            let file = made(&parts, name.as_str()).await?;
            let open = Open::of(&file).await?;
            let have = open.length()?;
            if have != offset {
                return Err(FilesError::Offset { have });
            }
            let written = open.write_all(&bytes, offset);
            if written.is_err() {
                // Not half of it: the caller would have to find out how much.
                open.cut(offset);
            }
            written
        })
        .await
    }

    async fn seal_part(&self, name: &Blake3Hex) -> Result<()> {
        let (files, parts, name) = (self.files.clone(), self.parts.clone(), name.clone());
        self.in_turn(async move {
            let part = find(&parts, name.as_str()).await?.ok_or(FilesError::NotFound)?;
            let file = content(&part).await?;
            let mut hasher = Hasher::new();
            let mut at = 0;
            loop {
                let bytes = slice(&file, at, READ_BYTES).await?;
                if bytes.is_empty() {
                    break;
                }
                at += bytes.len() as u64;
                hasher.add(&bytes);
            }
            if hasher.name() != name {
                remove(&parts, name.as_str()).await?;
                return Err(FilesError::Damaged);
            }
            Open::of(&part).await?.flush()?;
            seal(&files, &part, &name).await
        })
        .await
    }

    async fn remove_part(&self, name: &Blake3Hex) -> Result<()> {
        let (parts, name) = (self.parts.clone(), name.clone());
        self.in_turn(async move { remove(&parts, name.as_str()).await }).await
    }

    async fn list(&self) -> Result<Vec<Held>> {
        let files = self.files.clone();
        self.in_turn(async move {
            let mut all = Vec::new();
            for folder in entries(&files).await? {
                if folder.kind() != FileSystemHandleKind::Directory {
                    continue;
                }
                let kind = if folder.name() == PARTS { Kind::Part } else { Kind::Whole };
                for file in entries(folder.unchecked_ref()).await? {
                    // What has another name is not ours.
                    let Some(name) = Blake3Hex::parse(&file.name()) else { continue };
                    let bytes = length(&content(file.unchecked_ref()).await?);
                    all.push(Held { name, bytes, kind });
                }
            }
            Ok(all)
        })
        .await
    }

    async fn room(&self) -> FileRoom {
        self.room.ask().await;
        FileRoom { free: self.room.free(), persistent: self.room.persistent() }
    }
}

/// A file that is open for writing; locked until it goes.
struct Open(FileSystemSyncAccessHandle);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Open {
    async fn of(file: &FileSystemFileHandle) -> Result<Self> {
        Ok(Self(done(file.create_sync_access_handle()).await?.unchecked_into()))
    }

    fn length(&self) -> Result<u64> {
        self.0.get_size().map(bytes_of).map_err(|error| failed(&error))
    }

    /// Writes all of `bytes` at `offset`.
    fn write_all(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let at = FileSystemReadWriteOptions::new();
        at.set_at_f64(number(offset));
        let written = self.0.write_with_u8_array_and_options(bytes, &at).map_err(|error| failed(&error))?;
        // Browsers write all or complain; one that wrote less had no room for the rest.
        if bytes_of(written) == bytes.len() as u64 { Ok(()) } else { Err(FilesError::NoSpace("only a part was written".to_owned())) }
    }

    fn cut(&self, length: u64) {
        // What stays too long is seen by the next to append, and swept later.
        let _ = self.0.truncate_with_f64(number(length));
    }

    fn flush(&self) -> Result<()> {
        self.0.flush().map_err(|error| failed(&error))
    }
}

/// Writes a file from its beginning, and makes it safe from a loss of power.
async fn write_anew(file: &FileSystemFileHandle, bytes: &[u8]) -> Result<()> {
    let open = Open::of(file).await?;
    open.cut(0);
    open.write_all(bytes, 0)?;
    open.flush()
}

/// Gives a part that is checked and flushed its final name. One that is there already has the same bytes.
async fn seal(files: &FileSystemDirectoryHandle, part: &FileSystemFileHandle, name: &Blake3Hex) -> Result<()> {
    let home = folder(files, shard_of(name)).await?;
    // Not in the standard yet, but in every browser that can write files in a Worker and is not years old.
    let rename = js_sys::Reflect::get(part, &"move".into()).ok().and_then(|rename| rename.dyn_into::<js_sys::Function>().ok());
    let rename = rename.ok_or_else(|| FilesError::Refused("this browser cannot rename files".to_owned()))?;
    let moved = rename.call2(part, &home, &name.as_str().into()).map_err(|error| failed(&error))?;
    done(moved.unchecked_into()).await.map(|_| ())
}

/// A folder within another one, made if it does not exist.
async fn folder(within: &FileSystemDirectoryHandle, name: &str) -> Result<FileSystemDirectoryHandle> {
    let make = FileSystemGetDirectoryOptions::new();
    make.set_create(true);
    Ok(done(within.get_directory_handle_with_options(name, &make)).await?.unchecked_into())
}

/// A file, made empty if it does not exist.
async fn made(folder: &FileSystemDirectoryHandle, name: &str) -> Result<FileSystemFileHandle> {
    let make = FileSystemGetFileOptions::new();
    make.set_create(true);
    Ok(done(folder.get_file_handle_with_options(name, &make)).await?.unchecked_into())
}

/// A file that may not exist.
async fn find(folder: &FileSystemDirectoryHandle, name: &str) -> Result<Option<FileSystemFileHandle>> {
    Ok(found(done(folder.get_file_handle(name)).await)?.map(JsCast::unchecked_into))
}

async fn find_whole(files: &FileSystemDirectoryHandle, name: &Blake3Hex) -> Result<Option<FileSystemFileHandle>> {
    match found(done(files.get_directory_handle(shard_of(name))).await)? {
        Some(folder) => find(folder.unchecked_ref(), name.as_str()).await,
        None => Ok(None),
    }
}

async fn remove(folder: &FileSystemDirectoryHandle, name: &str) -> Result<()> {
    found(done(folder.remove_entry(name)).await).map(|_| ())
}

async fn entries(folder: &FileSystemDirectoryHandle) -> Result<Vec<FileSystemHandle>> {
    let mut all = Vec::new();
    let handles = folder.values();
    loop {
        let next = done(handles.next().map_err(|error| failed(&error))?).await?;
        let next: js_sys::IteratorNext = next.unchecked_into();
        if next.done() {
            return Ok(all);
        }
        all.push(next.value().unchecked_into());
    }
}

/// What is in a file now.
async fn content(file: &FileSystemFileHandle) -> Result<Blob> {
    Ok(done(file.get_file()).await?.unchecked_into())
}

async fn slice(content: &Blob, from: u64, len: u64) -> Result<Vec<u8>> {
    let end = from.saturating_add(len).min(length(content));
    if from >= end {
        return Ok(Vec::new());
    }
    let part = content.slice_with_f64_and_f64(number(from), number(end)).map_err(|error| failed(&error))?;
    Ok(js_sys::Uint8Array::new(&done(part.array_buffer()).await?).to_vec())
}

fn length(content: &Blob) -> u64 {
    bytes_of(content.size())
}

fn bytes_of(number: f64) -> u64 {
    u64::try_from(whole(number)).unwrap_or(0)
}

fn number(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "files are far below the 2^53 bytes that a double counts exactly")]
    let number = bytes as f64;
    number
}

async fn done(promise: js_sys::Promise) -> Result<JsValue> {
    JsFuture::from(promise).await.map_err(|error| failed(&error))
}

/// What is not there is no failure.
fn found(result: Result<JsValue>) -> Result<Option<JsValue>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(FilesError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an exception of the storage means.
fn failed(error: &JsValue) -> FilesError {
    let name = js_sys::Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default();
    match name.as_str() {
        "QuotaExceededError" => FilesError::NoSpace(text(error)),
        "NotFoundError" => FilesError::NotFound,
        _ => FilesError::Refused(format!("{name}: {}", text(error))),
    }
}
