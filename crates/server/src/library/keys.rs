//! Keys in a folder: three roots, which belong on paper or a stick in a safe, the key that signs libraries, and the list that names it.
//!
//! The secret files have the form of minisign without a password (`minisign -G -W`): whoever reads them can sign. They are written for their
//! owner only.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use polevik_domain::time::UtcMillis;
use polevik_recognition_library::container::KeyList;
use polevik_recognition_library::manifest::FORMAT;
use polevik_recognition_library::signing::{SignedKeyList, SigningKey};

/// Roots that are made.
pub const ROOTS: usize = 3;

/// Roots that sign a list of keys.
const SIGNING_ROOTS: usize = 2;

/// A folder of keys.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// The keys in this folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Whether there is a list of keys already.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.list_path().is_file()
    }

    /// Makes three roots, a key for libraries, and the first list of keys, for a part.
    ///
    /// # Errors
    ///
    /// When there are keys already, or the folder cannot be written.
    pub fn make(&self, part_id: &str, expires_at: UtcMillis) -> Result<()> {
        ensure!(!self.is_made(), "{} holds keys already", self.0.display());
        fs::create_dir_all(&self.0).with_context(|| format!("cannot make {}", self.0.display()))?;
        for number in 1..=ROOTS {
            self.write_key(&format!("root-{number}"), &SigningKey::generate()?)?;
        }
        let key = SigningKey::generate()?;
        self.write_key("library", &key)?;
        self.write_list(&KeyList {
            format: FORMAT,
            part: part_id.to_owned(),
            version: 1,
            expires_at_ms: expires_at,
            keys: vec![key.public().to_owned()],
        })
    }

    /// Takes a new key for libraries and withdraws the old one: the next list names only the new one.
    ///
    /// # Errors
    ///
    /// When two roots cannot be read, or the folder cannot be written.
    pub fn rotate(&self, expires_at: UtcMillis) -> Result<()> {
        let old: KeyList = serde_json::from_str(&self.list()?.text).context("the list of keys cannot be read")?;
        let key = SigningKey::generate()?;
        let kept = format!("library-{}", old.version);
        fs::rename(self.0.join("library.key"), self.0.join(format!("{kept}.key")))?;
        self.write_key("library", &key)?;
        self.write_list(&KeyList { version: old.version + 1, expires_at_ms: expires_at, keys: vec![key.public().to_owned()], ..old })
    }

    /// Public keys of the roots.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn roots(&self) -> Result<Vec<String>> {
        (1..=ROOTS)
            .map(|number| {
                let text = self.read(&format!("root-{number}.pub"))?;
                Ok(text.lines().nth(1).context("a public key has two lines")?.to_owned())
            })
            .collect()
    }

    /// The key that signs libraries.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn signing_key(&self) -> Result<SigningKey> {
        Ok(SigningKey::read(&self.read("library.key")?)?)
    }

    /// The list of keys, signed.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn list(&self) -> Result<SignedKeyList> {
        serde_json::from_str(&self.read("keys.json")?).context("keys.json is no list of keys")
    }

    fn list_path(&self) -> PathBuf {
        self.0.join("keys.json")
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.0.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn write_list(&self, list: &KeyList) -> Result<()> {
        let roots = (1..=SIGNING_ROOTS)
            .map(|number| Ok(SigningKey::read(&self.read(&format!("root-{number}.key"))?)?))
            .collect::<Result<Vec<_>>>()?;
        let signed = SignedKeyList::sign(list, &roots.iter().collect::<Vec<_>>())?;
        fs::write(self.list_path(), serde_json::to_vec_pretty(&signed)?)?;
        Ok(())
    }

    fn write_key(&self, name: &str, key: &SigningKey) -> Result<()> {
        let public = format!("untrusted comment: Polevik recognition library, {name}\n{}\n", key.public());
        fs::write(self.0.join(format!("{name}.pub")), public)?;
        write_secret(&self.0.join(format!("{name}.key")), &key.secret_text()?)
    }
}

/// Writes a file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
