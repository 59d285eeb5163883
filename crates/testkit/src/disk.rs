//! A disk in memory that loses power, tears writes, fills up, fails and rots, all by plan and the same every time.
//!
//! It is a file system of SQLite (a VFS), so the real stores run on it. What it promises is what disks promise: bytes are safe once they
//! were synced, a new file's name once the file was synced, a deleted name once its folder was. Operations that change the disk (creating,
//! writing, truncating, syncing, deleting) are counted, and a plan may let it crash at any of them; then all fails until
//! [`Disk::restart`], which gives the disk as a reboot finds it. Connections from before a restart fail for ever and harm nothing.

mod contents;
mod platform;
mod shared_memory;
mod state;
mod vfs;

use std::fmt;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

pub use platform::DiskPlatform;
use state::Act;
use vfs::Shared;

/// How the machine goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed: whatever it wrote is there.
    Process,
    /// Power is lost: only what was synced is there.
    Power,
    /// Power is lost while the disk was writing: each sector of 512 bytes that was not synced holds one of the states it had since, and so
    /// do a file's length and the names of files made or deleted.
    PowerTorn {
        /// Which of these states.
        seed: u64,
    },
}

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Any operation but locking: `SQLITE_IOERR`.
    InputOutput,
    /// A read: `SQLITE_IOERR_READ`.
    Read,
    /// A write, for want of space: `SQLITE_FULL`; nothing is written.
    Full,
    /// A write, half-way: the first half is written, then `SQLITE_FULL`.
    ShortWrite,
    /// Taking the lock to write: `SQLITE_BUSY`. Waiting for it takes no time.
    Busy,
    /// Opening a file: `SQLITE_CANTOPEN`.
    CannotOpen,
}

/// Whether a failure passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It happens to one operation.
    Once,
    /// It happens to that operation and to all later ones.
    FromThenOn,
}

/// One planned failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What fails.
    pub kind: FailureKind,
    /// Which operation of those it concerns, counted from 1 and from when it was planned.
    pub nth: u64,
    /// Whether it passes.
    pub repeat: Repeat,
    /// Only operations on files whose names begin so; `None` for all.
    pub only: Option<String>,
}

impl Failure {
    /// The `nth` operation that `kind` concerns fails, once.
    #[must_use]
    pub fn once(kind: FailureKind, nth: u64) -> Self {
        Self { kind, nth, repeat: Repeat::Once, only: None }
    }

    /// The `nth` operation that `kind` concerns fails, and all later ones.
    #[must_use]
    pub fn from_then_on(kind: FailureKind, nth: u64) -> Self {
        Self { repeat: Repeat::FromThenOn, ..Self::once(kind, nth) }
    }
}

/// One disk. Clones are the same disk. Its files are gone with the last clone and the last connection.
#[derive(Clone)]
pub struct Disk {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.unregister();
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("name", &self.vfs_name()).field("operations", &self.operations()).finish_non_exhaustive()
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// A new empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self { owner: Arc::new(Owner { shared: Shared::register() }) }
    }

    /// Another disk with the same files, all of them synced and without a plan: the start of many trials, a clone of an installation, or
    /// a backup.
    #[must_use]
    pub fn fork(&self) -> Self {
        let fork = Self::new();
        fork.put_files_of(self);
        fork
    }

    /// Makes this disk hold what `other` holds, as a restored backup does. It must have been restarted since it was last used.
    pub fn restore(&self, other: &Self) {
        for name in self.file_names() {
            self.state().delete(&name, true);
        }
        self.put_files_of(other);
    }

    fn put_files_of(&self, other: &Self) {
        for name in other.file_names() {
            if let Some(bytes) = other.file(&name) {
                self.state().put(&name, bytes);
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, state::State> {
        self.owner.shared.state()
    }

    /// The name by which SQLite knows this disk, for `Connection::open_with_flags_and_vfs`.
    #[must_use]
    pub fn vfs_name(&self) -> &str {
        self.owner.shared.name()
    }

    /// Opens a database on this disk; makes it if it does not exist.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn connect(&self, name: &str) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags_and_vfs(name, flags, self.vfs_name())
    }

    /// How many operations have changed the disk, or tried to.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Plans a crash: the operation with this number, counted as [`Self::operations`] counts, is the first that does not come about.
    /// Forgotten at the next restart.
    pub fn crash_at(&self, operation: u64, crash: Crash) {
        self.state().crash_at = Some((operation, crash));
    }

    /// Crashes now.
    pub fn crash(&self, crash: Crash) {
        self.state().crashed.get_or_insert(crash);
    }

    /// Whether it has crashed and was not restarted.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed.is_some()
    }

    /// Starts the machine again: as after its crash, or after a killed process if there was none. Plans are forgotten, and connections
    /// from before fail from now on.
    pub fn restart(&self) {
        self.state().restart();
    }

    /// Plans a failure. Several may stand at once. Forgotten at the next restart or [`Self::heal`].
    pub fn fail(&self, failure: Failure) {
        self.state().failures.push((failure, 0));
    }

    /// Forgets all planned failures.
    pub fn heal(&self) {
        self.state().failures.clear();
    }

    /// How many operations have failed by plan, ever.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.state().failed
    }

    /// Sets the room for all files together, in bytes; `None` for no limit. What would go beyond fails with `SQLITE_FULL`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    /// Room that is left, in bytes; `None` without a limit.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let state = self.state();
        state.capacity_bytes.map(|capacity| capacity.saturating_sub(state.used_bytes()))
    }

    /// Names of all files, in order.
    #[must_use]
    pub fn file_names(&self) -> Vec<String> {
        self.state().live_names().map(|(name, _)| name.to_owned()).collect()
    }

    /// Whether there is a file of this name.
    #[must_use]
    pub fn exists(&self, name: &str) -> bool {
        self.state().find(name).is_some()
    }

    /// The bytes of a file as a process would read them; `None` if there is none.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        Some(state.file(state.find(name)?)?.contents.bytes().to_vec())
    }

    /// Puts a whole file there, synced, whatever stood under its name.
    pub fn put_file(&self, name: &str, bytes: Vec<u8>) {
        self.state().put(name, bytes);
    }

    /// Takes a file away for good, as a browser that clears its storage does.
    pub fn wipe_file(&self, name: &str) {
        self.state().delete(name, true);
    }

    /// Changes the byte at `offset` where it lies, as a disk that rots. Nothing happens past the end of the file.
    pub fn damage(&self, name: &str, offset: usize, change: impl Fn(u8) -> u8) {
        let mut state = self.state();
        if let Some(number) = state.find(name)
            && let Some(file) = state.file_mut(number)
        {
            file.contents.damage(offset, change);
        }
    }

    /// Flips one bit of a file where it lies.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        self.damage(name, bit / 8, |byte| byte ^ 1 << (bit % 8));
    }

    /// Removes a file as a program does, without syncing its folder. Nothing happens if there is none.
    ///
    /// # Errors
    ///
    /// When the plan says so.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        let mut state = self.state();
        if state.crashed.is_none() && state.find(name).is_none() {
            return Ok(());
        }
        state.admit(Act::Delete, Some(name)).map_err(|_| format!("{name}: cannot be removed"))?;
        state.delete(name, false);
        Ok(())
    }

    /// Copies a file as a program does, in pieces of 64 KiB, without syncing. What stood under `to` is gone.
    ///
    /// # Errors
    ///
    /// When the plan says so, or there is no such file.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), String> {
        let failed = |_| format!("{from}: cannot be copied");
        let mut state = self.state();
        state.admit(Act::Open, Some(from)).map_err(failed)?;
        let source = state.find(from).ok_or_else(|| format!("{from}: no such file"))?;
        state.admit(Act::Create, Some(to)).map_err(failed)?;
        let target = state.create(Some(to));
        let bytes = state.file(source).map(|file| file.contents.bytes().to_vec()).unwrap_or_default();
        for (place, piece) in bytes.chunks(64 * 1024).enumerate() {
            state.admit(Act::Read, Some(from)).map_err(failed)?;
            state.admit(Act::Write, Some(to)).map_err(failed)?;
            let offset = place * 64 * 1024;
            if !state.has_room(target, offset + piece.len()) {
                return Err(format!("{to}: no space is left"));
            }
            if let Some(file) = state.file_mut(target) {
                file.contents.write(offset, piece);
            }
        }
        Ok(())
    }

    /// The bytes of a file, as a program reads them; none if there is no such file.
    ///
    /// # Errors
    ///
    /// When the plan says so.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.state().admit(Act::Read, Some(name)).map_err(|_| format!("{name}: cannot be read"))?;
        Ok(self.file(name).unwrap_or_default())
    }

    /// Syncs a file and the folder with its name.
    ///
    /// # Errors
    ///
    /// When the plan says so, or there is no such file.
    pub fn sync(&self, name: &str) -> Result<(), String> {
        let mut state = self.state();
        state.admit(Act::Sync, Some(name)).map_err(|_| format!("{name}: cannot be synced"))?;
        let number = state.find(name).ok_or_else(|| format!("{name}: no such file"))?;
        state.sync(number);
        state.sync_folder();
        Ok(())
    }

    /// Names of all files, as a program lists them.
    ///
    /// # Errors
    ///
    /// When the plan says so.
    pub fn list(&self) -> Result<Vec<String>, String> {
        self.state().admit(Act::Look, Some("")).map_err(|_| "the folder cannot be read".to_owned())?;
        Ok(self.file_names())
    }
}

/// Makes SQLite's own randomness (salts of write-ahead logs, in this process) repeat from here on; 0 makes it random again. Only files'
/// bytes depend on it, never what a query gives.
pub fn repeat_sqlite_randomness(seed: i32) {
    vfs::seed_randomness(seed);
}
