//! What a library consists of: the text that is signed.

use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use serde::{Deserialize, Serialize};

use crate::chunks::MAX_CHUNK_BYTES;

/// Version of the manifest's form.
pub const FORMAT: u32 = 1;

/// What all manifests of recognition libraries are called; other signed bundles would have other names.
pub const NAME: &str = "recognition";

/// Path of the index among the files.
pub const INDEX_PATH: &str = "index.pvrl";

/// Largest library, in bytes.
pub const MAX_LIBRARY_BYTES: u64 = 512 * 1024 * 1024;

/// Most files.
pub const MAX_FILES: usize = 1_000;

/// Most chunks.
pub const MAX_CHUNKS: usize = 20_000;

/// Longest path, and longest name of a category, in bytes.
pub const MAX_TEXT_BYTES: usize = 200;

/// Highest version: what JSON carries exactly everywhere.
pub const MAX_VERSION: u64 = (1 << 53) - 1;

/// What a library consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// [`NAME`].
    pub name: String,
    /// The part of the organisation it is made for; nobody else installs it.
    pub part: String,
    /// Rises with every release.
    pub version: u64,
    /// The release before it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
    /// The oldest application that understands it, as `major.minor.patch`.
    pub min_app: String,
    /// After this time, by the server's clock, it is not installed any more.
    pub expires_at_ms: UtcMillis,
    /// Categories of products it knows, for people.
    pub categories: Vec<String>,
    /// Products it knows.
    pub sku_count: u32,
    /// Its files. Their bytes one after the other are what the chunks are cut from.
    pub files: Vec<FileInfo>,
    /// Its chunks in the order of the bytes. One that occurs twice is listed twice.
    pub chunks: Vec<ChunkInfo>,
}

/// One file of a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// What it is called inside the library. Never a path on any disk: files are kept under their hashes.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its hash.
    pub hash: Blake3Hex,
}

/// One chunk of a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkInfo {
    /// Its hash.
    pub hash: Blake3Hex,
    /// Its length, at most [`MAX_CHUNK_BYTES`].
    pub bytes: u32,
}

/// A manifest that says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest is out of its limits: {0}")]
pub struct OutOfLimits(pub &'static str);

/// Where a piece of a library comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The chunk it is a piece of, by its place in [`Manifest::chunks`].
    pub chunk: usize,
    /// Its first byte within the chunk.
    pub from: u32,
    /// Its length.
    pub bytes: u32,
}

impl Manifest {
    /// Reads a manifest and checks that its numbers agree with each other.
    ///
    /// # Errors
    ///
    /// [`OutOfLimits`]; any text gives a manifest or that.
    pub fn read(text: &str) -> Result<Self, OutOfLimits> {
        let manifest: Self = serde_json::from_str(text).map_err(|_| OutOfLimits("it is no manifest"))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Length of the whole library in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What the signature says of it besides the text.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("polevik-library part:{} name:{} version:{}", self.part, self.name, self.version)
    }

    /// The index among its files.
    #[must_use]
    pub fn index(&self) -> Option<&FileInfo> {
        self.files.iter().find(|file| file.path == INDEX_PATH)
    }

    /// The pieces of chunks that a file is put together from, in its order; empty for an empty file or none of that number.
    #[must_use]
    pub fn pieces(&self, file: usize) -> Vec<Piece> {
        let from: u64 = self.files.iter().take(file).map(|file| file.bytes).sum();
        let to = from + self.files.get(file).map_or(0, |file| file.bytes);
        let mut pieces = Vec::new();
        let mut start = 0;
        for (number, chunk) in self.chunks.iter().enumerate() {
            let end = start + u64::from(chunk.bytes);
            let (first, last) = (start.max(from), end.min(to));
            if first < last {
                let within = |at: u64| u32::try_from(at - start).unwrap_or(u32::MAX);
                pieces.push(Piece { chunk: number, from: within(first), bytes: within(last) - within(first) });
            }
            start = end;
        }
        pieces
    }

    /// Where each chunk lies in the files, for who holds the library: for every chunk the file and the place of its first byte there.
    ///
    /// `None` for a chunk that lies in two files.
    #[must_use]
    pub fn places(&self) -> Vec<Option<(usize, u64)>> {
        let mut files = self.files.iter().enumerate();
        let mut file = files.next();
        let mut file_start = 0;
        let mut at = 0;
        let mut places = Vec::with_capacity(self.chunks.len());
        for chunk in &self.chunks {
            while let Some((_, info)) = file
                && at >= file_start + info.bytes
            {
                file_start += info.bytes;
                file = files.next();
            }
            let end = at + u64::from(chunk.bytes);
            places.push(file.filter(|(_, info)| end <= file_start + info.bytes).map(|(number, _)| (number, at - file_start)));
            at = end;
        }
        places
    }

    fn check(&self) -> Result<(), OutOfLimits> {
        let say = |is_good: bool, what| if is_good { Ok(()) } else { Err(OutOfLimits(what)) };
        say(self.format == FORMAT, "another format")?;
        say(self.name == NAME, "another kind of bundle")?;
        say((1..=MAX_VERSION).contains(&self.version), "version")?;
        say(self.part.len() <= MAX_TEXT_BYTES, "part")?;
        say(app_version(&self.min_app).is_some(), "min_app")?;
        say(self.categories.len() <= MAX_FILES && self.categories.iter().all(|name| name.len() <= MAX_TEXT_BYTES), "categories")?;
        say((1..=MAX_FILES).contains(&self.files.len()), "number of files")?;
        say(self.chunks.len() <= MAX_CHUNKS, "number of chunks")?;
        say(self.files.iter().all(|file| is_plain(&file.path) && file.bytes <= MAX_LIBRARY_BYTES), "files")?;
        let mut paths: Vec<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        paths.sort_unstable();
        say(paths.windows(2).all(|pair| pair[0] != pair[1]), "a path twice")?;
        say(self.index().is_some(), "no index")?;
        say(self.chunks.iter().all(|chunk| (1..=MAX_CHUNK_BYTES).contains(&usize::try_from(chunk.bytes).unwrap_or(usize::MAX))), "chunks")?;
        say(self.bytes() <= MAX_LIBRARY_BYTES, "bytes")?;
        say(self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum::<u64>() == self.bytes(), "chunks and files differ in length")
    }
}

/// A path of ours: small letters, digits, `.`, `-` and `_`, not beginning with a point.
fn is_plain(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=MAX_TEXT_BYTES).contains(&path.len()) && !path.starts_with('.') && path.bytes().all(allowed)
}

/// Reads `major.minor.patch`; what follows a `-` or `+` does not count.
#[must_use]
pub fn app_version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split(['-', '+']).next()?.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A manifest over files and chunks of these lengths.
    pub(crate) fn manifest(files: &[u64], chunks: &[u32]) -> Manifest {
        let path = |number: usize| if number == 0 { INDEX_PATH.to_owned() } else { format!("pictures-{number}.pvrp") };
        Manifest {
            format: FORMAT,
            name: NAME.to_owned(),
            part: "D1".to_owned(),
            version: 7,
            previous: Some(6),
            min_app: "0.1.0".to_owned(),
            expires_at_ms: UtcMillis(1_800_000_000_000),
            categories: vec!["Juice".to_owned()],
            sku_count: 1,
            files: files
                .iter()
                .enumerate()
                .map(|(number, bytes)| FileInfo { path: path(number), bytes: *bytes, hash: Blake3Hex::of(&number.to_le_bytes()) })
                .collect(),
            chunks: chunks
                .iter()
                .enumerate()
                .map(|(number, bytes)| ChunkInfo { hash: Blake3Hex::of(&number.to_be_bytes()), bytes: *bytes })
                .collect(),
        }
    }

    #[test]
    fn a_manifest_is_the_text_of_the_first_release_and_reads_back() {
        let written = manifest(&[100, 50], &[60, 90]);
        assert_eq!(written.text(), include_str!("../tests/golden/manifest_v1.json").trim_end());
        assert_eq!(Manifest::read(&written.text()).unwrap(), written);
    }

    #[test]
    fn numbers_that_do_not_agree_are_refused() {
        type Spoil = fn(&mut Manifest);
        let spoils: [(&str, Spoil); 14] = [
            ("another format", |m| m.format = 2),
            ("another kind of bundle", |m| m.name = "forms".to_owned()),
            ("version", |m| m.version = 0),
            ("version", |m| m.version = MAX_VERSION + 1),
            ("min_app", |m| m.min_app = "latest".to_owned()),
            ("number of files", |m| m.files.clear()),
            ("files", |m| m.files[1].path = "../../etc/passwd".to_owned()),
            ("files", |m| m.files[1].path = ".hidden".to_owned()),
            ("files", |m| m.files[1].bytes = u64::MAX),
            ("a path twice", |m| m.files[1].path = INDEX_PATH.to_owned()),
            ("no index", |m| m.files[0].path = "other".to_owned()),
            ("chunks", |m| m.chunks[0].bytes = 0),
            ("chunks", |m| m.chunks[0].bytes = u32::MAX),
            ("chunks and files differ in length", |m| m.chunks[0].bytes += 1),
        ];
        for (what, spoil) in spoils {
            let mut spoiled = manifest(&[100, 50], &[60, 90]);
            spoil(&mut spoiled);
            assert_eq!(Manifest::read(&spoiled.text()), Err(OutOfLimits(what)));
        }
        assert_eq!(Manifest::read("{}"), Err(OutOfLimits("it is no manifest")));
    }

    #[test]
    fn versions_of_applications_are_compared_by_number() {
        assert_eq!(app_version("0.1.0"), Some([0, 1, 0]));
        assert_eq!(app_version("1.10.2-beta.1"), Some([1, 10, 2]));
        assert!(app_version("1.10.0") > app_version("1.9.9"));
        for text in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.-2.3"] {
            assert_eq!(app_version(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn pieces_of_all_files_are_all_chunks_in_their_order(files in prop::collection::vec(0..500u64, 1..8), cuts in prop::collection::vec(1..200u32, 1..40)) {
            let total: u64 = files.iter().sum();
            let mut chunks = Vec::new();
            let mut left = total;
            for cut in cuts.into_iter().cycle() {
                let next = u64::from(cut).min(left);
                if next == 0 { break; }
                chunks.push(u32::try_from(next).unwrap());
                left -= next;
            }
            let manifest = manifest(&files, &chunks);
            let mut at = 0u64;
            for (number, file) in files.iter().enumerate() {
                let pieces = manifest.pieces(number);
                prop_assert_eq!(pieces.iter().map(|piece| u64::from(piece.bytes)).sum::<u64>(), *file);
                for piece in pieces {
                    let start: u64 = chunks.iter().take(piece.chunk).map(|bytes| u64::from(*bytes)).sum();
                    prop_assert_eq!(start + u64::from(piece.from), at);
                    at += u64::from(piece.bytes);
                }
            }
            prop_assert_eq!(at, total);
            for (number, place) in manifest.places().into_iter().enumerate() {
                let start: u64 = chunks.iter().take(number).map(|bytes| u64::from(*bytes)).sum();
                if let Some((file, offset)) = place {
                    prop_assert_eq!(files.iter().take(file).sum::<u64>() + offset, start);
                    prop_assert!(offset + u64::from(chunks[number]) <= files[file]);
                }
            }
        }

        #[test]
        fn any_text_is_a_manifest_or_an_error(text in "\\PC{0,300}") {
            let _ = Manifest::read(&text);
        }
    }
}
