//! Where a phone keeps its databases: its disk, on which a new database usually stands ready-made. Making all tables again for every phone of
//! every world costs more than the rest of a short world; some worlds do it all the same (see [`Storage::new`]).

use std::sync::OnceLock;

use polevik_device_store::StoreError;
use polevik_device_store::db::{Store, WORK};
use polevik_device_store::platform::{Connection, Journal, Platform};
use polevik_testkit::disk::{Disk, DiskPlatform};

/// A phone's place for databases.
pub struct Storage {
    place: DiskPlatform,
    disk: Disk,
    ready_made: bool,
}

impl Storage {
    /// On this disk. Unless new databases may stand `ready_made`, each is made by the migrations, with every write of them counted, torn and
    /// failing like any other.
    pub fn new(disk: &Disk, ready_made: bool) -> Self {
        Self { place: DiskPlatform::new(disk), disk: disk.clone(), ready_made }
    }

    /// Puts a ready database where there is none, if nothing is wrong with the disk.
    fn put_ready(&self, name: &str) {
        let is_new = ["", "-wal", "-journal"].iter().all(|suffix| !self.disk.exists(&format!("{name}{suffix}")));
        if self.ready_made
            && is_new
            && !self.disk.has_crashed()
            && self.disk.free_bytes().is_none()
            && let Some(ready) = ready()
        {
            self.disk.put_file(name, if name == WORK { ready.work.clone() } else { ready.reference.clone() });
        }
    }
}

/// Databases as the migrations leave them.
struct Ready {
    work: Vec<u8>,
    /// Without indexes: a copy that is built beside the one in use makes them last.
    reference: Vec<u8>,
}

fn ready() -> Option<&'static Ready> {
    static READY: OnceLock<Option<Ready>> = OnceLock::new();
    READY.get_or_init(make).as_ref()
}

fn make() -> Option<Ready> {
    const REFERENCE: &str = "reference-1.db";
    let disk = Disk::new();
    drop(Store::open(Box::new(DiskPlatform::new(&disk))).ok()?);
    let connection = disk.connect(REFERENCE).ok()?;
    let mut indexes = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").ok()?;
    let names: Vec<String> = indexes.query_map([], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()?;
    drop(indexes);
    for name in names {
        connection.execute_batch(&format!("DROP INDEX \"{name}\"")).ok()?;
    }
    connection.execute_batch("PRAGMA journal_mode = delete; VACUUM").ok()?;
    drop(connection);
    Some(Ready { work: disk.file(WORK)?, reference: disk.file(REFERENCE)? })
}

impl Platform for Storage {
    fn open(&self, name: &str) -> Result<Connection, StoreError> {
        self.put_ready(name);
        self.place.open(name)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.place.remove(name)
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.place.copy(from, to)
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        self.place.list()
    }

    fn journal(&self) -> Journal {
        self.place.journal()
    }

    fn sync(&self, name: &str) -> Result<(), StoreError> {
        self.place.sync(name)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.place.free_bytes()
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.place.bytes(name)
    }
}
