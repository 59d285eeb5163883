//! Whether a library may be installed: what a device trusts, and in which order it looks.
//!
//! Length before hash, hash before parsing, signature before anything that is said: the roots of the first login speak for a list of keys,
//! a key of the list speaks for a manifest, and the manifest speaks for every byte. What a device has once accepted it remembers outside the
//! copy of the office, so that nobody takes it back to something older. Times are the server's.

use minisign_verify::{PublicKey, Signature};
use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use serde::{Deserialize, Serialize};

use crate::container::{Container, KeyList, MAX_CONTAINER_BYTES, MAX_KEYS};
use crate::manifest::{Manifest, OutOfLimits, app_version};

/// How many different roots must sign a list of keys.
pub const ROOTS_NEEDED: usize = 2;

/// What a device trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trust {
    /// Whose libraries it installs; `None` before the first login that said so.
    pub part: Option<String>,
    /// Root keys of its first login, in minisign's base64.
    pub roots: Vec<String>,
    /// The newest list of keys it has accepted.
    pub key_list: Option<Mark>,
    /// The newest manifest it has accepted, and the key that signed it.
    pub highest: Option<(Mark, String)>,
}

/// Something that must never be older again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its version.
    pub version: u64,
    /// BLAKE3 of its text.
    pub hash: Blake3Hex,
}

/// What is so now.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    /// The container's name, as the server announced it.
    pub announced: &'a Blake3Hex,
    /// The application that would use it, as `major.minor.patch`.
    pub app_version: &'a str,
    /// The server's clock.
    pub server_now: UtcMillis,
}

/// What came of looking at a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the device trusts from now on. A newer list of keys counts also when the manifest beside it is refused: a withdrawn key stays
    /// withdrawn.
    pub trust: Trust,
    /// The manifest, if it may be installed.
    pub manifest: Result<Accepted, Refusal>,
}

/// A manifest that may be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it says.
    pub manifest: Manifest,
    /// Its text, as it was signed.
    pub text: String,
}

/// Why a library is not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The container is too long; nothing of it was read.
    #[error("the papers are longer than they may be")]
    TooLong,
    /// It is not the one that was announced.
    #[error("the papers are not those that were announced")]
    NotAsAnnounced,
    /// It cannot be read.
    #[error("the papers cannot be read")]
    Malformed,
    /// The device knows no roots.
    #[error("this device trusts no roots yet")]
    NoRoots,
    /// Too few roots have signed the list of keys.
    #[error("{0} roots have signed the list of keys, not two")]
    KeyListNotSigned(usize),
    /// The list of keys cannot be read, or its signatures are for another one.
    #[error("the list of keys is not what its signatures say")]
    KeyListMalformed,
    /// The list of keys is older than one that was accepted, or another one of its version.
    #[error("the list of keys is older than the one known, or another of its version")]
    KeyListOlder,
    /// The list of keys has run out.
    #[error("the list of keys has run out")]
    KeyListExpired,
    /// It belongs to another part.
    #[error("it belongs to another part of the organisation")]
    OtherPart,
    /// No key that counts now has signed the manifest.
    #[error("no key that counts has signed it")]
    NotSigned,
    /// The signature is good, but for something else.
    #[error("the signature is for something else")]
    SignedAsOther,
    /// It says what cannot be.
    #[error(transparent)]
    OutOfLimits(#[from] OutOfLimits),
    /// A newer one was accepted before, or another one of this version.
    #[error("version {found} is not newer than version {accepted}, which was accepted")]
    Older {
        /// Its version.
        found: u64,
        /// The version accepted before.
        accepted: u64,
    },
    /// It has run out.
    #[error("it has run out")]
    Expired,
    /// It is for a newer application.
    #[error("it needs version {0} of the application")]
    NeedsNewerApp(String),
}

impl Trust {
    /// Looks at a container.
    #[must_use]
    pub fn judge(&self, container: &[u8], conditions: Conditions<'_>) -> Verdict {
        let unchanged = |refusal| Verdict { trust: self.clone(), manifest: Err(refusal) };
        let container = match open(container, conditions.announced) {
            Ok(container) => container,
            Err(refusal) => return unchanged(refusal),
        };
        let (mut trust, list) = match self.with_key_list(&container, conditions.server_now) {
            Ok(newer) => newer,
            Err(refusal) => return unchanged(refusal),
        };
        let manifest = trust.accept(&container, &list, conditions);
        Verdict { trust, manifest }
    }

    /// What is trusted once the container's list of keys was accepted.
    fn with_key_list(&self, container: &Container, server_now: UtcMillis) -> Result<(Self, KeyList), Refusal> {
        if self.roots.is_empty() {
            return Err(Refusal::NoRoots);
        }
        let text = container.key_list.as_bytes();
        let signatures: Vec<Signature> = container.key_list_signatures.iter().filter_map(|text| Signature::decode(text).ok()).collect();
        let mut roots: Vec<&String> = self.roots.iter().collect();
        roots.sort_unstable();
        roots.dedup();
        let mut comments = Vec::new();
        for root in roots.into_iter().filter_map(|root| PublicKey::from_base64(root).ok()) {
            // One signature of each root at most: the same root twice is one root.
            if let Some(good) = signatures.iter().find(|signature| root.verify(text, signature, false).is_ok()) {
                comments.push(good.trusted_comment().to_owned());
            }
        }
        if comments.len() < ROOTS_NEEDED {
            return Err(Refusal::KeyListNotSigned(comments.len()));
        }
        let list: KeyList = serde_json::from_str(&container.key_list).map_err(|_| Refusal::KeyListMalformed)?;
        if list.format != crate::manifest::FORMAT || list.keys.len() > MAX_KEYS || comments.iter().any(|comment| *comment != list.comment())
        {
            return Err(Refusal::KeyListMalformed);
        }
        if self.part.as_ref().is_some_and(|part| *part != list.part) {
            return Err(Refusal::OtherPart);
        }
        let mark = Mark { version: list.version, hash: Blake3Hex::of(text) };
        if self
            .key_list
            .as_ref()
            .is_some_and(|known| mark.version < known.version || (mark.version == known.version && mark.hash != known.hash))
        {
            return Err(Refusal::KeyListOlder);
        }
        if server_now >= list.expires_at_ms {
            return Err(Refusal::KeyListExpired);
        }
        // A key that was withdrawn takes its mark with it: whoever stole it cannot have raised the version for ever.
        let highest = self.highest.clone().filter(|(_, key)| list.keys.contains(key));
        Ok((Self { part: Some(list.part.clone()), roots: self.roots.clone(), key_list: Some(mark), highest }, list))
    }

    /// Accepts the container's manifest, and remembers that.
    fn accept(&mut self, container: &Container, list: &KeyList, conditions: Conditions<'_>) -> Result<Accepted, Refusal> {
        let text = container.manifest.as_bytes();
        let signature = Signature::decode(&container.signature).map_err(|_| Refusal::NotSigned)?;
        let is_by = |key: &&String| PublicKey::from_base64(key).is_ok_and(|key| key.verify(text, &signature, false).is_ok());
        let key = list.keys.iter().find(is_by).ok_or(Refusal::NotSigned)?;
        let manifest = Manifest::read(&container.manifest)?;
        if signature.trusted_comment() != manifest.comment() {
            return Err(Refusal::SignedAsOther);
        }
        if manifest.part != list.part {
            return Err(Refusal::OtherPart);
        }
        let mark = Mark { version: manifest.version, hash: Blake3Hex::of(text) };
        if let Some((accepted, _)) = &self.highest
            && (mark.version < accepted.version || (mark.version == accepted.version && mark.hash != accepted.hash))
        {
            return Err(Refusal::Older { found: mark.version, accepted: accepted.version });
        }
        if conditions.server_now >= manifest.expires_at_ms {
            return Err(Refusal::Expired);
        }
        if app_version(&manifest.min_app) > app_version(conditions.app_version) {
            return Err(Refusal::NeedsNewerApp(manifest.min_app));
        }
        self.highest = Some((mark, key.clone()));
        Ok(Accepted { manifest, text: container.manifest.clone() })
    }
}

/// Length, then name, then form.
fn open(bytes: &[u8], announced: &Blake3Hex) -> Result<Container, Refusal> {
    if bytes.len() > MAX_CONTAINER_BYTES {
        return Err(Refusal::TooLong);
    }
    if Blake3Hex::of(bytes) != *announced {
        return Err(Refusal::NotAsAnnounced);
    }
    Container::read(bytes).ok_or(Refusal::Malformed)
}
