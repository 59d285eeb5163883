//! Names, files, locks, and the plan of what goes wrong when.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::ffi;

use super::contents::Contents;
use super::shared_memory::SharedMemory;
use super::{Crash, Failure, FailureKind, Repeat};
use crate::random::Random;

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Open,
    /// An open that makes the file.
    Create,
    Read,
    Size,
    Write,
    Truncate,
    Sync,
    Delete,
    Look,
    Lock,
    /// A lock that lets its holder change the database.
    LockToWrite,
    Map,
}

impl Act {
    /// Whether the disk is another one afterwards: what crash points are counted in.
    fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::Truncate | Self::Sync | Self::Delete)
    }
}

/// Why the disk did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has crashed, or the file was opened before it did.
    Gone,
    /// The planned crash happens at this very operation.
    CrashedNow,
    /// As the plan says.
    Failed(FailureKind),
}

#[derive(Debug, Default)]
pub(super) struct File {
    pub contents: Contents,
    pub locks: Locks,
    pub memory: MemoryLocks,
    /// How many handles are open.
    pub handles: u32,
}

/// SQLite's five levels on one file, over all of its handles. Handles are told apart by numbers.
#[derive(Debug, Default)]
pub(super) struct Locks {
    pub shared: u32,
    pub reserved: Option<u64>,
    pub pending: Option<u64>,
    pub exclusive: Option<u64>,
}

/// The index of a write-ahead log and its eight locks.
#[derive(Debug, Default)]
pub(super) struct MemoryLocks {
    pub memory: Option<Arc<SharedMemory>>,
    pub holders: u32,
    pub shared: [u32; 8],
    pub exclusive: [bool; 8],
}

/// What a name stands for: now, and after a power cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Name {
    live: Option<u64>,
    durable: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    names: BTreeMap<String, Name>,
    files: BTreeMap<u64, File>,
    next_number: u64,
    /// How often the machine was started; handles of an earlier start are refused everything.
    pub incarnation: u64,
    pub operations: u64,
    pub crash_at: Option<(u64, Crash)>,
    pub crashed: Option<Crash>,
    pub failures: Vec<(Failure, u64)>,
    pub failed: u64,
    /// The last lock was refused by the plan, so waiting for it is for nothing.
    pub refused_by_plan: bool,
    pub capacity_bytes: Option<u64>,
}

impl State {
    /// Counts an operation, and says whether it happens.
    pub fn admit(&mut self, act: Act, name: Option<&str>) -> Result<(), Refusal> {
        if self.crashed.is_some() {
            return Err(Refusal::Gone);
        }
        // Files without a name are SQLite's own scratch paper.
        let Some(name) = name else { return Ok(()) };
        if act.changes() {
            self.operations += 1;
            if let Some((at, crash)) = self.crash_at
                && at == self.operations
            {
                self.crashed = Some(crash);
                return Err(Refusal::CrashedNow);
            }
        }
        let mut refusal = None;
        for (failure, seen) in &mut self.failures {
            if failure.kind.concerns(act) && failure.only.as_ref().is_none_or(|only| name.starts_with(only.as_str())) {
                *seen += 1;
                if *seen == failure.nth || (*seen > failure.nth && failure.repeat == Repeat::FromThenOn) {
                    refusal.get_or_insert(failure.kind);
                }
            }
        }
        match refusal {
            None => Ok(()),
            Some(kind) => {
                self.failed += 1;
                self.refused_by_plan = kind == FailureKind::Busy;
                Err(Refusal::Failed(kind))
            }
        }
    }

    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The file that `name` stands for now.
    pub fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name)?.live
    }

    pub fn file(&self, number: u64) -> Option<&File> {
        self.files.get(&number)
    }

    pub fn file_mut(&mut self, number: u64) -> Option<&mut File> {
        self.files.get_mut(&number)
    }

    /// A new empty file; without a name it lives as long as its handles.
    pub fn create(&mut self, name: Option<&str>) -> u64 {
        let number = self.number();
        self.files.insert(number, File::default());
        if let Some(name) = name {
            self.names.entry(name.to_owned()).or_default().live = Some(number);
        }
        number
    }

    /// Puts a file there as if it had been there for ever.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let number = self.create(Some(name));
        self.names.insert(name.to_owned(), Name { live: Some(number), durable: Some(number) });
        if let Some(file) = self.files.get_mut(&number) {
            file.contents = Contents::synced(bytes);
        }
        self.forget_unused();
    }

    /// Makes the bytes of a file and its name durable, as journaling file systems do for a new file.
    pub fn sync(&mut self, number: u64) {
        if let Some(file) = self.files.get_mut(&number) {
            file.contents.sync();
        }
        for name in self.names.values_mut().filter(|name| name.live == Some(number)) {
            name.durable = Some(number);
        }
    }

    /// Makes all names durable as they are now.
    pub fn sync_folder(&mut self) {
        self.names.values_mut().for_each(|name| name.durable = name.live);
        self.forget_unused();
    }

    /// Takes a name away; `durably` if the folder is synced as well. Gives whether there was one.
    pub fn delete(&mut self, name: &str, durably: bool) -> bool {
        let Some(entry) = self.names.get_mut(name) else { return false };
        let was_there = entry.live.take().is_some();
        if durably {
            self.sync_folder();
        }
        self.forget_unused();
        was_there
    }

    /// The deletion that the crash falls into: it may have happened, if power is lost; a killed process did not get that far.
    pub fn delete_while_crashing(&mut self, name: &str) {
        if self.is_losing_power() {
            self.delete(name, false);
        }
    }

    /// Whether the crash leaves writes half done.
    pub fn is_losing_power(&self) -> bool {
        matches!(self.crashed, Some(Crash::Power | Crash::PowerTorn { .. }))
    }

    pub fn release(&mut self, number: u64) {
        if let Some(file) = self.files.get_mut(&number) {
            file.handles = file.handles.saturating_sub(1);
        }
        self.forget_unused();
    }

    /// Live names, in order.
    pub fn live_names(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().filter_map(|(name, entry)| Some((name.as_str(), entry.live?)))
    }

    /// Bytes of all live files.
    pub fn used_bytes(&self) -> u64 {
        self.live_names().filter_map(|(_, number)| self.file(number)).map(|file| file.contents.bytes().len() as u64).sum()
    }

    /// Whether a file may grow to `len` bytes.
    pub fn has_room(&self, number: u64, len: usize) -> bool {
        let Some(capacity) = self.capacity_bytes else { return true };
        let now = self.file(number).map_or(0, |file| file.contents.bytes().len());
        len <= now || self.used_bytes() + (len - now) as u64 <= capacity
    }

    /// What the machine finds when it starts again.
    pub fn restart(&mut self) {
        let crash = self.crashed.take().unwrap_or(Crash::Process);
        self.incarnation += 1;
        self.crash_at = None;
        self.failures.clear();
        match crash {
            Crash::Process => (),
            Crash::Power => {
                for name in self.names.values_mut() {
                    name.live = name.durable;
                }
                self.files.values_mut().for_each(|file| file.contents.lose_unsynced());
            }
            Crash::PowerTorn { seed } => {
                let mut random = Random::new(seed);
                for name in self.names.values_mut() {
                    if name.live != name.durable && random.chance(500) {
                        name.live = name.durable;
                    }
                }
                self.files.values_mut().for_each(|file| file.contents.tear_unsynced(&mut random));
            }
        }
        if crash != Crash::Process {
            self.names.values_mut().for_each(|name| name.durable = name.live);
            self.files.values_mut().for_each(|file| file.contents.sync());
        }
        for file in self.files.values_mut() {
            (file.handles, file.locks, file.memory) = (0, Locks::default(), MemoryLocks::default());
        }
        self.forget_unused();
    }

    fn forget_unused(&mut self) {
        self.names.retain(|_, name| *name != Name::default());
        let names = &self.names;
        self.files.retain(|number, file| {
            file.handles > 0 || names.values().any(|name| name.live == Some(*number) || name.durable == Some(*number))
        });
    }
}

impl Locks {
    /// Takes `handle` from level `from` as near to `to` as others allow; gives the level reached.
    pub fn raise(&mut self, handle: u64, from: c_int, to: c_int) -> c_int {
        let others = |held: Option<u64>| held.is_some_and(|holder| holder != handle);
        if to == ffi::SQLITE_LOCK_SHARED {
            if others(self.pending) || others(self.exclusive) {
                return from;
            }
            self.shared += 1;
            return to;
        }
        if others(self.reserved) || others(self.pending) || others(self.exclusive) {
            return from;
        }
        if to == ffi::SQLITE_LOCK_RESERVED {
            self.reserved = Some(handle);
            return to;
        }
        self.pending = Some(handle);
        if self.shared > 1 {
            return ffi::SQLITE_LOCK_PENDING;
        }
        self.exclusive = Some(handle);
        to
    }

    /// Takes `handle` back from level `from` to shared or none.
    pub fn lower(&mut self, handle: u64, from: c_int, to: c_int) {
        for held in [&mut self.reserved, &mut self.pending, &mut self.exclusive] {
            if *held == Some(handle) {
                *held = None;
            }
        }
        if from >= ffi::SQLITE_LOCK_SHARED && to == ffi::SQLITE_LOCK_NONE {
            self.shared -= 1;
        }
    }

    pub fn is_reserved(&self) -> bool {
        self.reserved.is_some() || self.pending.is_some() || self.exclusive.is_some()
    }
}

impl FailureKind {
    fn concerns(self, act: Act) -> bool {
        match self {
            Self::InputOutput => !matches!(act, Act::Lock | Act::LockToWrite | Act::Map),
            Self::Read => act == Act::Read,
            Self::Full | Self::ShortWrite => act == Act::Write,
            Self::Busy => act == Act::LockToWrite,
            Self::CannotOpen => matches!(act, Act::Open | Act::Create),
        }
    }
}
