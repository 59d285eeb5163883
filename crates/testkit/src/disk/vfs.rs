//! The disk as SQLite sees it: the callbacks of a virtual file system.
//!
//! All state stands behind one mutex, so handles of many threads are as good as those of one. A handle belongs to one connection, which
//! SQLite uses from one thread at a time.

#![expect(unsafe_code, reason = "SQLite calls a file system by C function pointers")]
// Offsets and sizes come from SQLite, which keeps them within a file of this process's memory.
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "SQLite passes sizes as C integers that are never negative")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr::{null, null_mut};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use super::FailureKind;
use super::shared_memory::SharedMemory;
use super::state::{Act, Refusal, State};

const SECTOR_SIZE: c_int = 4096;
const LONGEST_NAME_BYTES: c_int = 512;
/// Which of the eight locks of a log's index the writer holds.
const LOG_WRITE_LOCK: c_int = 0;
/// Noon of 22 November 2026 in milliseconds of the Julian calendar: no test depends on SQLite's clock.
const JULIAN_NOW_MS: i64 = 212_665_521_600_000;

/// A disk and its registration. Open files hold on to it, so that SQLite never calls into freed memory.
pub(super) struct Shared {
    state: Mutex<State>,
    name: CString,
    /// Made by `Box::into_raw`, written by SQLite while registered.
    vfs: *mut ffi::sqlite3_vfs,
}

// SAFETY: the raw pointer is only written in `register` and by SQLite under its own mutex.
unsafe impl Send for Shared {}
// SAFETY: as above; everything else stands behind the mutex.
unsafe impl Sync for Shared {}

impl Shared {
    /// A new empty disk that SQLite knows by a name of its own.
    pub fn register() -> Arc<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("polevik-disk-{number}")).expect("a name without zeros");
        let shared = Arc::new_cyclic(|weak: &std::sync::Weak<Self>| {
            let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
                iVersion: 2,
                szOsFile: size_of::<OpenFile>() as c_int,
                mxPathname: LONGEST_NAME_BYTES,
                pNext: null_mut(),
                zName: name.as_ptr(),
                pAppData: weak.as_ptr().cast_mut().cast(),
                xOpen: Some(open),
                xDelete: Some(delete),
                xAccess: Some(access),
                xFullPathname: Some(full_path_name),
                xDlOpen: None,
                xDlError: None,
                xDlSym: None,
                xDlClose: None,
                xRandomness: Some(randomness),
                xSleep: Some(sleep),
                xCurrentTime: Some(current_time),
                xGetLastError: None,
                xCurrentTimeInt64: Some(current_time_ms),
                xSetSystemCall: None,
                xGetSystemCall: None,
                xNextSystemCall: None,
            }));
            Self { state: Mutex::default(), name, vfs }
        });
        // SAFETY: the structure lives until `Shared` is dropped, which `unregister` comes before.
        let code = unsafe { ffi::sqlite3_vfs_register(shared.vfs, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes another file system");
        shared
    }

    /// Nothing more is opened on this disk; what is open stays usable.
    pub fn unregister(&self) {
        // SAFETY: registered in `register`; a second time would be harmless.
        unsafe { ffi::sqlite3_vfs_unregister(self.vfs) };
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn name(&self) -> &str {
        self.name.to_str().expect("made from text")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`; the last `Disk` has unregistered it, and no file is open, or `self` would be held.
        drop(unsafe { Box::from_raw(self.vfs) });
    }
}

/// What SQLite allocates for each file: its own head, then ours.
#[repr(C)]
struct OpenFile {
    head: ffi::sqlite3_file,
    handle: *mut Handle,
}

/// One open file of one connection.
struct Handle {
    disk: Arc<Shared>,
    file: u64,
    /// `None` for SQLite's scratch files.
    name: Option<String>,
    /// Which handle this is, in locks.
    number: u64,
    incarnation: u64,
    level: c_int,
    delete_on_close: bool,
    /// A journal that this handle made: its first sync syncs the folder too, as SQLite's own file system does.
    sync_folder: bool,
    memory: Option<Arc<SharedMemory>>,
    memory_shared: u8,
    memory_exclusive: u8,
}

impl Handle {
    /// The disk's state, if this operation happens; otherwise the error to give.
    fn admit(&self, act: Act) -> Result<MutexGuard<'_, State>, (MutexGuard<'_, State>, Refusal)> {
        let mut state = self.disk.state();
        if state.incarnation != self.incarnation {
            return Err((state, Refusal::Gone));
        }
        match state.admit(act, self.name.as_deref()) {
            Ok(()) => Ok(state),
            Err(refusal) => Err((state, refusal)),
        }
    }
}

/// The error of a refused operation, as SQLite's own file system would name it.
fn code(act: Act, refusal: Refusal) -> c_int {
    match refusal {
        Refusal::Failed(FailureKind::Full | FailureKind::ShortWrite) => ffi::SQLITE_FULL,
        Refusal::Failed(FailureKind::Busy) => ffi::SQLITE_BUSY,
        Refusal::Failed(FailureKind::CannotOpen) => ffi::SQLITE_CANTOPEN,
        Refusal::Failed(FailureKind::InputOutput | FailureKind::Read) | Refusal::Gone | Refusal::CrashedNow => match act {
            Act::Open | Act::Create => ffi::SQLITE_IOERR,
            Act::Read => ffi::SQLITE_IOERR_READ,
            Act::Size => ffi::SQLITE_IOERR_FSTAT,
            Act::Write => ffi::SQLITE_IOERR_WRITE,
            Act::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
            Act::Sync => ffi::SQLITE_IOERR_FSYNC,
            Act::Delete => ffi::SQLITE_IOERR_DELETE,
            Act::Look => ffi::SQLITE_IOERR_ACCESS,
            Act::Lock | Act::LockToWrite => ffi::SQLITE_IOERR_LOCK,
            Act::Map => ffi::SQLITE_IOERR_SHMMAP,
        },
    }
}

/// SAFETY: `vfs` is one that [`Shared::register`] made and whose `Shared` lives.
unsafe fn disk_of<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Shared {
    // SAFETY: as promised by the caller; set once, before registration.
    unsafe { &*(*vfs).pAppData.cast::<Shared>() }
}

/// SAFETY: `file` was opened by [`open`] and not closed yet, and nobody else uses it now.
unsafe fn handle_of<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: as promised by the caller; SQLite serialises the calls of one connection.
    unsafe { &mut *(*file.cast::<OpenFile>()).handle }
}

/// SAFETY: `name` is null or text that ends with a zero.
unsafe fn text(name: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

// SAFETY of all functions below: SQLite calls them as its documentation says, with the pointers it was given or has allocated.

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: `file` is room for an `OpenFile`; without methods SQLite does not call `close` on it.
    unsafe { (*file).pMethods = null() };
    // SAFETY: a registered file system.
    let shared = unsafe { disk_of(vfs) };
    // SAFETY: null or a name that was made by `full_path_name`.
    let name = unsafe { text(name) };
    let mut state = shared.state();
    let found = name.as_deref().and_then(|name| state.find(name));
    let act = if found.is_none() { Act::Create } else { Act::Open };
    if found.is_none() && name.is_some() && flags & ffi::SQLITE_OPEN_CREATE == 0 {
        return ffi::SQLITE_CANTOPEN;
    }
    if let Err(refusal) = state.admit(act, name.as_deref()) {
        return code(act, refusal);
    }
    let number = match found {
        Some(number) => number,
        None => state.create(name.as_deref()),
    };
    if let Some(file) = state.file_mut(number) {
        file.handles += 1;
    }
    let handle = Handle {
        // SAFETY: `pAppData` came from an `Arc` that is alive while it is registered or a file of it is open.
        disk: unsafe {
            Arc::increment_strong_count(shared);
            Arc::from_raw(shared)
        },
        file: number,
        name,
        number: state.number(),
        incarnation: state.incarnation,
        level: ffi::SQLITE_LOCK_NONE,
        delete_on_close: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
        sync_folder: found.is_none() && flags & (ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL) != 0,
        memory: None,
        memory_shared: 0,
        memory_exclusive: 0,
    };
    drop(state);
    // SAFETY: room for an `OpenFile`; the box is freed in `close`.
    unsafe {
        (*file.cast::<OpenFile>()).handle = Box::into_raw(Box::new(handle));
        (*file).pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: a registered file system, or one that an open file holds.
    let (shared, name) = unsafe { (disk_of(vfs), text(name)) };
    let mut state = shared.state();
    let name = name.unwrap_or_default();
    if state.crashed.is_none() && state.find(&name).is_none() {
        return ffi::SQLITE_IOERR_DELETE_NOENT;
    }
    if let Err(refusal) = state.admit(Act::Delete, Some(&name)) {
        // A power cut may come before or after the deletion reached the disk.
        if refusal == Refusal::CrashedNow {
            state.delete_while_crashing(&name);
        }
        return code(Act::Delete, refusal);
    }
    state.delete(&name, sync_folder != 0);
    ffi::SQLITE_OK
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: a registered file system.
    let (shared, name) = unsafe { (disk_of(vfs), text(name)) };
    let mut state = shared.state();
    let name = name.unwrap_or_default();
    if let Err(refusal) = state.admit(Act::Look, Some(&name)) {
        return code(Act::Look, refusal);
    }
    let len = state.find(&name).and_then(|number| state.file(number)).map(|file| file.contents.bytes().len());
    // As on Unix: a file without bytes does not count as one that exists.
    let found = if flags == ffi::SQLITE_ACCESS_EXISTS { len.is_some_and(|len| len > 0) } else { len.is_some() };
    // SAFETY: SQLite's own variable.
    unsafe { *out = c_int::from(found) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path_name(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: text that ends with a zero.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if bytes.len() > room as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has room for `room` bytes.
    unsafe { out.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_vfs: *mut ffi::sqlite3_vfs, len: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `out` has room for `len` bytes. SQLite asks its default file system, not this one; zeros are repeatable.
    unsafe { out.write_bytes(0, len as usize) };
    len
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    // SAFETY: a registered file system, or one that an open file holds.
    let refused_by_plan = unsafe { disk_of(vfs) }.state().refused_by_plan;
    if !refused_by_plan {
        std::thread::sleep(std::time::Duration::from_micros(microseconds as u64));
    }
    microseconds
}

unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite's own variable.
    unsafe { *out = 2_461_406.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(_vfs: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite's own variable.
    unsafe { *out = JULIAN_NOW_MS };
    ffi::SQLITE_OK
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(map_memory),
    xShmLock: Some(lock_memory),
    xShmBarrier: Some(memory_barrier),
    xShmUnmap: Some(unmap_memory),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: opened by `open`; SQLite does not use it afterwards.
    let mut handle = unsafe { Box::from_raw((*file.cast::<OpenFile>()).handle) };
    handle.unlock_to(ffi::SQLITE_LOCK_NONE);
    handle.leave_memory();
    let mut state = handle.disk.state();
    if state.incarnation == handle.incarnation {
        if handle.delete_on_close
            && let Some(name) = &handle.name
        {
            state.delete(name, false);
        }
        state.release(handle.file);
    }
    drop(state);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, out: *mut c_void, len: c_int, offset: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file, and room for `len` bytes.
    let (handle, buffer) = unsafe { (handle_of(file), slice::from_raw_parts_mut(out.cast::<u8>(), len as usize)) };
    match handle.admit(Act::Read) {
        Err((_, refusal)) => code(Act::Read, refusal),
        Ok(state) => {
            let Some(file) = state.file(handle.file) else { return ffi::SQLITE_IOERR_READ };
            let found = file.contents.read(offset as usize, buffer);
            buffer[found..].fill(0);
            if found == buffer.len() { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_SHORT_READ }
        }
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, len: c_int, offset: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file, and `len` bytes.
    let (handle, bytes) = unsafe { (handle_of(file), slice::from_raw_parts(bytes.cast::<u8>(), len as usize)) };
    let offset = offset as usize;
    match handle.admit(Act::Write) {
        Err((mut state, refusal)) => {
            let written = match refusal {
                Refusal::Failed(FailureKind::ShortWrite) => &bytes[..bytes.len() / 2],
                // The write may be on its way to the disk when the power goes.
                Refusal::CrashedNow if state.is_losing_power() => bytes,
                _ => &[],
            };
            if let Some(file) = state.file_mut(handle.file).filter(|_| !written.is_empty()) {
                file.contents.write(offset, written);
            }
            code(Act::Write, refusal)
        }
        Ok(mut state) => {
            if handle.name.is_some() && !state.has_room(handle.file, offset + bytes.len()) {
                return ffi::SQLITE_FULL;
            }
            let Some(file) = state.file_mut(handle.file) else { return ffi::SQLITE_IOERR_WRITE };
            file.contents.write(offset, bytes);
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    let (mut state, result) = match handle.admit(Act::Truncate) {
        Ok(state) => (state, ffi::SQLITE_OK),
        Err((state, Refusal::CrashedNow)) if state.is_losing_power() => (state, code(Act::Truncate, Refusal::CrashedNow)),
        Err((_, refusal)) => return code(Act::Truncate, refusal),
    };
    let Some(file) = state.file_mut(handle.file) else { return ffi::SQLITE_IOERR_TRUNCATE };
    file.contents.truncate(len as usize);
    result
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    match handle.admit(Act::Sync) {
        Err((_, refusal)) => return code(Act::Sync, refusal),
        Ok(mut state) => {
            state.sync(handle.file);
            if handle.sync_folder {
                state.sync_folder();
            }
        }
    }
    handle.sync_folder = false;
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    match handle.admit(Act::Size) {
        Err((_, refusal)) => code(Act::Size, refusal),
        Ok(state) => {
            let Some(file) = state.file(handle.file) else { return ffi::SQLITE_IOERR_FSTAT };
            let len = i64::try_from(file.contents.bytes().len()).unwrap_or(i64::MAX);
            // SAFETY: SQLite's own variable.
            unsafe { *out = len };
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    if handle.level >= level {
        return ffi::SQLITE_OK;
    }
    let me = handle.number;
    let act = if level > ffi::SQLITE_LOCK_SHARED { Act::LockToWrite } else { Act::Lock };
    let reached = match handle.admit(act) {
        Err((_, refusal)) => return code(act, refusal),
        Ok(mut state) => {
            state.refused_by_plan = false;
            let Some(file) = state.file_mut(handle.file) else { return ffi::SQLITE_IOERR_LOCK };
            file.locks.raise(me, handle.level, level)
        }
    };
    handle.level = reached;
    if reached == level { ffi::SQLITE_OK } else { ffi::SQLITE_BUSY }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { handle_of(file) }.unlock_to(level);
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    let state = handle.disk.state();
    let reserved = state.incarnation == handle.incarnation && state.file(handle.file).is_some_and(|file| file.locks.is_reserved());
    // SAFETY: SQLite's own variable.
    unsafe { *out = c_int::from(reserved) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_file: *mut ffi::sqlite3_file, _operation: c_int, _argument: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_SIZE
}

/// As SQLite assumes of every disk on Unix: writing next to bytes does not damage them.
unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn map_memory(file: *mut ffi::sqlite3_file, page: c_int, len: c_int, extend: c_int, out: *mut *mut c_void) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    // SAFETY: SQLite's own variable.
    unsafe { *out = null_mut() };
    let joined = match handle.admit(Act::Map) {
        Err((_, refusal)) => return code(Act::Map, refusal),
        Ok(mut state) => match (&handle.memory, state.file_mut(handle.file)) {
            (Some(memory), Some(_)) => Arc::clone(memory),
            (None, Some(file)) => {
                file.memory.holders += 1;
                Arc::clone(file.memory.memory.get_or_insert_default())
            }
            (_, None) => return ffi::SQLITE_IOERR_SHMMAP,
        },
    };
    if let Some(start) = joined.page(page as usize, len as usize, extend != 0) {
        // SAFETY: SQLite's own variable; the page lives as long as the handle holds its memory.
        unsafe { *out = start.as_ptr().cast() };
    }
    handle.memory = Some(joined);
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock_memory(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle_of(file) };
    let which = first as usize..(first + count) as usize;
    let mask = which.clone().fold(0_u8, |mask, at| mask | 1 << at);
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        handle.unlock_memory(mask);
        return ffi::SQLITE_OK;
    }
    let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    let act = if exclusive && first == LOG_WRITE_LOCK { Act::LockToWrite } else { Act::Lock };
    match handle.admit(act) {
        Err((_, refusal)) => return code(act, refusal),
        Ok(mut state) => {
            state.refused_by_plan = false;
            let Some(file) = state.file_mut(handle.file) else { return ffi::SQLITE_IOERR_SHMLOCK };
            let memory = &mut file.memory;
            for at in which.clone() {
                let own = u32::from(handle.memory_shared >> at & 1);
                let own_exclusive = handle.memory_exclusive >> at & 1 == 1;
                if (memory.exclusive[at] && !own_exclusive) || (exclusive && memory.shared[at] > own) {
                    return ffi::SQLITE_BUSY;
                }
            }
            for at in which {
                if exclusive {
                    memory.exclusive[at] = true;
                } else if handle.memory_shared >> at & 1 == 0 {
                    memory.shared[at] += 1;
                }
            }
        }
    }
    if exclusive {
        handle.memory_exclusive |= mask;
    } else {
        handle.memory_shared |= mask;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn memory_barrier(_file: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(Ordering::SeqCst);
}

unsafe extern "C" fn unmap_memory(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { handle_of(file) }.leave_memory();
    ffi::SQLITE_OK
}

impl Handle {
    fn unlock_to(&mut self, level: c_int) {
        if self.level <= level {
            return;
        }
        let mut state = self.disk.state();
        if state.incarnation == self.incarnation
            && let Some(file) = state.file_mut(self.file)
        {
            file.locks.lower(self.number, self.level, level);
        }
        drop(state);
        self.level = level;
    }

    fn unlock_memory(&mut self, mask: u8) {
        let mut state = self.disk.state();
        if state.incarnation == self.incarnation
            && let Some(file) = state.file_mut(self.file)
        {
            for at in 0..8 {
                if mask >> at & 1 == 1 {
                    if self.memory_exclusive >> at & 1 == 1 {
                        file.memory.exclusive[at] = false;
                    }
                    if self.memory_shared >> at & 1 == 1 {
                        file.memory.shared[at] -= 1;
                    }
                }
            }
        }
        drop(state);
        self.memory_exclusive &= !mask;
        self.memory_shared &= !mask;
    }

    /// The last to leave takes the memory away: who comes next makes the index anew from the log.
    fn leave_memory(&mut self) {
        self.unlock_memory(u8::MAX);
        if self.memory.take().is_none() {
            return;
        }
        let mut state = self.disk.state();
        if state.incarnation == self.incarnation
            && let Some(file) = state.file_mut(self.file)
        {
            file.memory.holders -= 1;
            if file.memory.holders == 0 {
                file.memory.memory = None;
            }
        }
    }
}

/// Seeds SQLite's generator, which all connections of the process share.
pub(super) fn seed_randomness(seed: c_int) {
    // SAFETY: the arguments are those of this control: a number and no connection.
    unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_PRNG_SEED, seed, null_mut::<ffi::sqlite3>()) };
}
