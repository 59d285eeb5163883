//! Files in a folder of the system: `files/ab/<hash>` whole, `files/parts/<hash>` still growing.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use polevik_device_store::platform::{Folder, Platform};
use polevik_protocol::hash::{Blake3Hex, Hasher};

use super::{Files, FilesError, Held, Kind, Result, Room, part_path_of, path_of, shard_of};

/// How much is read at a time while a part is checked.
const READ_BYTES: usize = 64 * 1024;

/// Files in a folder; the databases may lie in it too.
#[derive(Debug, Clone)]
pub struct FileFolder {
    home: PathBuf,
}

impl FileFolder {
    /// The place within `home`, made if it does not exist.
    ///
    /// # Errors
    ///
    /// [`FilesError::Refused`] if it cannot be made.
    pub fn new(home: impl Into<PathBuf>) -> Result<Self> {
        let home = home.into();
        std::fs::create_dir_all(home.join("files/parts")).map_err(|error| failed(&error))?;
        Ok(Self { home })
    }

    fn whole(&self, name: &Blake3Hex) -> PathBuf {
        self.home.join(path_of(name))
    }

    fn part(&self, name: &Blake3Hex) -> PathBuf {
        self.home.join(part_path_of(name))
    }

    /// Makes a part that is synced the whole file. The names stand in folders, and folders are files of their own: they are synced too.
    fn rename(&self, name: &Blake3Hex) -> Result<()> {
        let folder = self.home.join("files").join(shard_of(name));
        match std::fs::create_dir(&folder) {
            Ok(()) => sync_folder(&self.home.join("files"))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
            Err(error) => return Err(failed(&error)),
        }
        std::fs::rename(self.part(name), folder.join(name.as_str())).map_err(|error| failed(&error))?;
        sync_folder(&folder)
    }
}

impl Files for FileFolder {
    async fn size(&self, name: &Blake3Hex) -> Result<Option<u64>> {
        size(&self.whole(name))
    }

    async fn read(&self, name: &Blake3Hex, from: u64, len: u64) -> Result<Vec<u8>> {
        read(&self.whole(name), from, len)
    }

    async fn put(&self, bytes: &[u8]) -> Result<Blake3Hex> {
        let name = Blake3Hex::of(bytes);
        let part = self.part(&name);
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written {
            // It takes room and is of no use; what cannot be removed now is swept later.
            let _ = std::fs::remove_file(&part);
            return Err(failed(&error));
        }
        self.rename(&name)?;
        Ok(name)
    }

    async fn remove(&self, name: &Blake3Hex) -> Result<()> {
        remove(&self.whole(name))
    }

    async fn part_size(&self, name: &Blake3Hex) -> Result<u64> {
        Ok(size(&self.part(name))?.unwrap_or(0))
    }

    async fn read_part(&self, name: &Blake3Hex, from: u64, len: u64) -> Result<Vec<u8>> {
        read(&self.part(name), from, len)
    }

    async fn append_part(&self, name: &Blake3Hex, offset: u64, bytes: &[u8]) -> Result<()> {
        let path = self.part(name);
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| failed(&error))?;
        let have = file.metadata().map_err(|error| failed(&error))?.len();
        if have != offset {
            return Err(FilesError::Offset { have });
        }
        if let Err(error) = file.write_all(bytes) {
            // Not half of it: the caller would have to find out how much.
            let _ = file.set_len(offset);
            return Err(failed(&error));
        }
        Ok(())
    }

    async fn seal_part(&self, name: &Blake3Hex) -> Result<()> {
        let path = self.part(name);
        let mut file = OpenOptions::new().read(true).append(true).open(&path).map_err(|error| failed(&error))?;
        file.sync_all().map_err(|error| failed(&error))?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer).map_err(|error| failed(&error))? {
                0 => break,
                read => hasher.add(&buffer[..read]),
            }
        }
        if hasher.name() != *name {
            remove(&path)?;
            return Err(FilesError::Damaged);
        }
        self.rename(name)
    }

    async fn remove_part(&self, name: &Blake3Hex) -> Result<()> {
        remove(&self.part(name))
    }

    async fn list(&self) -> Result<Vec<Held>> {
        let mut all = Vec::new();
        for folder in entries(&self.home.join("files"))? {
            let kind = if folder.ends_with("parts") { Kind::Part } else { Kind::Whole };
            if !folder.is_dir() {
                continue;
            }
            for path in entries(&folder)? {
                // What has another name is not ours.
                let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(Blake3Hex::parse) else { continue };
                if let Some(bytes) = size(&path)? {
                    all.push(Held { name, bytes, kind });
                }
            }
        }
        Ok(all)
    }

    async fn room(&self) -> Room {
        // A folder of the system is not cleared by the system.
        Room { free: Folder::new(&self.home).ok().and_then(|folder| folder.free_bytes()), persistent: Some(true) }
    }
}

fn failed(error: &std::io::Error) -> FilesError {
    match error.kind() {
        ErrorKind::NotFound => FilesError::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => FilesError::NoSpace(error.to_string()),
        // Whatever else a system says: it does not let us.
        _ => FilesError::Refused(error.to_string()),
    }
}

fn size(path: &Path) -> Result<Option<u64>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn read(path: &Path, from: u64, len: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    file.seek(SeekFrom::Start(from)).and_then(|_| file.take(len).read_to_end(&mut bytes)).map_err(|error| failed(&error))?;
    Ok(bytes)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&error)),
        _ => Ok(()),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| failed(&error))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| failed(&error))).collect()
}

/// Brings the names in a folder safely to the disk; not every system lets a folder be opened.
fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(&error))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
