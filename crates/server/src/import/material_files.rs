//! The files of materials on their way from the office's folder into the blob store.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use polevik_protocol::file::{FileClass, MAX_MATERIAL_BYTES};
use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::files::StoredFile;

use super::fields::Refusal;
use crate::blobs::Blobs;
use crate::file::notes::without_notes;
use crate::file::sniff::{self, Kind, SniffError, sniff};
use crate::file::tus::plain_name;

/// Where files lie that a list of materials names, and where they go.
#[derive(Debug, Clone)]
pub struct MaterialFiles {
    /// The folder of the list: paths in it are relative to this.
    pub folder: PathBuf,
    /// Where they go.
    pub blobs: Blobs,
    /// A folder of the same disk as the blobs, for the moment in between.
    pub beside: PathBuf,
}

/// A file that is in the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// What it is.
    pub file: StoredFile,
    kind: Kind,
    name: String,
}

impl Prepared {
    /// The name that people see: as the list says, else as the file is called.
    ///
    /// # Errors
    ///
    /// A name with control characters, or with the ending of another type.
    pub fn name_for_people(&self, said: Option<String>) -> Result<String, Refusal> {
        let name = said.unwrap_or_else(|| self.name.clone());
        let plain = plain_name(&name).filter(|name| !name.is_empty()).ok_or_else(|| Refusal::new("file_name", "is no name"))?;
        if sniff::fits(self.kind, None, Some(&plain)) {
            Ok(plain)
        } else {
            Err(Refusal::new("file_name", format!("\"{plain}\" is no name of a file of type {}", self.kind.content_type())))
        }
    }
}

impl MaterialFiles {
    /// Takes a file into the blob store: known by its content, without what a camera noted in it. Takes as long as it is large.
    ///
    /// # Errors
    ///
    /// A path that leads out of the folder, a file that cannot be read, or one that is no material.
    pub fn prepare(&self, part_id: &str, path: &str) -> Result<Prepared, Refusal> {
        let refuse = |reason: String| Refusal::new("file", reason);
        let relative = Path::new(path);
        if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(refuse(format!("\"{path}\" leads out of the folder of the list")));
        }
        let from = self.folder.join(relative);
        let unreadable = |error: io::Error| refuse(format!("\"{path}\" cannot be read: {error}"));
        let file = File::open(&from).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        if bytes > MAX_MATERIAL_BYTES {
            return Err(refuse(format!("\"{path}\" has {bytes} bytes; {MAX_MATERIAL_BYTES} is the most")));
        }
        let seen = sniff(file, bytes, FileClass::Material).map_err(|error| match error {
            SniffError::Read(error) => unreadable(error),
            SniffError::Refused(reason) => refuse(format!("\"{path}\": {reason}")),
        })?;
        let name = relative.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (hash, bytes) = self.take(part_id, &from, seen.kind).map_err(|error| refuse(format!("\"{path}\" cannot be kept: {error}")))?;
        let file = StoredFile { hash, bytes, content_type: seen.kind.content_type().to_owned(), size: seen.size };
        Ok(Prepared { file, kind: seen.kind, name })
    }

    /// Never by a link: what the office does with its own file later must not change ours.
    fn take(&self, part_id: &str, from: &Path, kind: Kind) -> io::Result<(Blake3Hex, u64)> {
        std::fs::create_dir_all(&self.beside)?;
        let beside = self.beside.join(format!("{}.new", std::process::id()));
        let mut content: Box<dyn Read> = match kind {
            Kind::Jpeg => Box::new(io::Cursor::new(without_notes(std::fs::read(from)?))),
            Kind::Png | Kind::Webp | Kind::Heic | Kind::Pdf | Kind::Mp4 => Box::new(File::open(from)?),
        };
        let mut copy = File::create(&beside)?;
        let bytes = io::copy(&mut content, &mut copy)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(&beside)?)?;
        let hash = Blake3Hex::of_digest(hasher.finalize().as_bytes());
        copy.sync_all()?;
        let taken = self.blobs.take_file(part_id, &hash, &beside).map_err(io::Error::other);
        std::fs::remove_file(&beside)?;
        taken?;
        Ok((hash, bytes))
    }
}
