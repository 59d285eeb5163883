//! The disk as the place where a device keeps its databases.

use polevik_device_store::StoreError;
use polevik_device_store::platform::{Connection, Journal, Platform};

use super::Disk;

const JOURNALS: [&str; 2] = ["-wal", "-journal"];

/// A device's place on a [`Disk`].
#[derive(Debug, Clone)]
pub struct DiskPlatform {
    disk: Disk,
    journal: Journal,
}

impl DiskPlatform {
    /// As on a telephone's file system, with a write-ahead log.
    #[must_use]
    pub fn new(disk: &Disk) -> Self {
        Self { disk: disk.clone(), journal: Journal::Wal }
    }

    /// As in a browser: one connection per file, a journal that is truncated.
    #[must_use]
    pub fn like_a_browser(disk: &Disk) -> Self {
        Self { disk: disk.clone(), journal: Journal::ExclusiveTruncate }
    }
}

impl Platform for DiskPlatform {
    fn open(&self, name: &str) -> Result<Connection, StoreError> {
        Ok(self.disk.connect(name)?)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        for suffix in std::iter::once("").chain(JOURNALS) {
            self.disk.remove(&format!("{name}{suffix}")).map_err(StoreError::Storage)?;
        }
        Ok(())
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        for suffix in std::iter::once("").chain(JOURNALS) {
            let journal = format!("{from}{suffix}");
            if suffix.is_empty() || self.disk.exists(&journal) {
                self.disk.copy(&journal, &format!("{to}{suffix}")).map_err(StoreError::Storage)?;
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        let names = self.disk.list().map_err(StoreError::Storage)?;
        Ok(names.into_iter().filter(|name| name.ends_with(".db")).collect())
    }

    fn journal(&self) -> Journal {
        self.journal
    }

    fn sync(&self, name: &str) -> Result<(), StoreError> {
        self.disk.sync(name).map_err(StoreError::Storage)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.disk.free_bytes()
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.disk.read(name).map_err(StoreError::Storage)
    }
}
