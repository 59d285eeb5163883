//! How a library's papers travel: the list of keys with the signatures of the roots, and the manifest with the signature of a key.
//!
//! JSON with the signed texts inside it byte for byte. Its BLAKE3 name is what the server announces; it proves nothing but that the right
//! bytes came, and what counts are the signatures inside.

use polevik_protocol::Blake3Hex;
use serde::{Deserialize, Serialize};

/// Longest container, in bytes; longer ones are not even hashed.
pub const MAX_CONTAINER_BYTES: usize = 4 * 1024 * 1024;

/// Most signatures of roots that are looked at.
pub const MAX_ROOT_SIGNATURES: usize = 8;

/// The papers of one library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// [`crate::manifest::FORMAT`].
    pub format: u32,
    /// A [`KeyList`] as text.
    pub key_list: String,
    /// Signatures of roots over it, each in minisign's form.
    pub key_list_signatures: Vec<String>,
    /// A [`crate::Manifest`] as text.
    pub manifest: String,
    /// The signature of a listed key over it, in minisign's form.
    pub signature: String,
}

/// The keys that sign libraries now. Two of the three roots sign it; a key that is not in the newest list is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyList {
    /// [`crate::manifest::FORMAT`].
    pub format: u32,
    /// The part whose libraries they sign.
    pub part: String,
    /// Rises with every list.
    pub version: u64,
    /// After this time, by the server's clock, nothing is installed on its word.
    pub expires_at_ms: polevik_domain::time::UtcMillis,
    /// Public keys, in minisign's base64.
    pub keys: Vec<String>,
}

/// Most keys of a list.
pub const MAX_KEYS: usize = 16;

impl KeyList {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the signatures say of it besides the text.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("polevik-keys part:{} version:{}", self.part, self.version)
    }
}

impl Container {
    /// The bytes that travel.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Blake3Hex {
        Blake3Hex::of(&self.bytes())
    }

    /// Reads a container whose name was checked; `None` if it is none of this form.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_CONTAINER_BYTES {
            return None;
        }
        let container: Self = serde_json::from_slice(bytes).ok()?;
        let is_good = container.format == crate::manifest::FORMAT && container.key_list_signatures.len() <= MAX_ROOT_SIGNATURES;
        is_good.then_some(container)
    }
}
