//! Keys and signatures, as the office makes them, in the form of minisign: its own tool reads and writes the same files.

use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use crate::container::{Container, KeyList};
use crate::manifest::{FORMAT, Manifest};

/// A key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
#[error("the key: {0}")]
pub struct KeyError(#[from] minisign::PError);

/// Signatures name this, which nobody checks.
const UNTRUSTED_COMMENT: &str = "signature of a Polevik recognition library";

/// A key that signs. Its text form is a secret.
pub struct SigningKey {
    secret: SecretKey,
    public: String,
}

impl std::fmt::Debug for SigningKey {
    /// Only the public half.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key, from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair()?;
        Ok(Self { secret: sk, public: pk.to_base64() })
    }

    /// Reads a secret key as minisign writes it, without a password (`minisign -G -W`).
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let secret = SecretKeyBox::from_string(text)?.into_unencrypted_secret_key()?;
        let public = PublicKey::from_secret_key(&secret)?.to_base64();
        Ok(Self { secret, public })
    }

    /// The secret key as minisign writes it, without a password.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn secret_text(&self) -> Result<String, KeyError> {
        Ok(self.secret.to_box(Some("Polevik recognition library secret key"))?.into_string())
    }

    /// The public key in base64.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Signs a text with a comment that is signed too.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn sign(&self, text: &str, comment: &str) -> Result<String, KeyError> {
        let signature = minisign::sign(None, &self.secret, text.as_bytes(), Some(comment), Some(UNTRUSTED_COMMENT))?;
        Ok(signature.into_string())
    }
}

/// A list of keys with the signatures of roots.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SignedKeyList {
    /// The [`KeyList`] as text.
    pub text: String,
    /// The signatures.
    pub signatures: Vec<String>,
}

impl SignedKeyList {
    /// Signs a list with these roots.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn sign(list: &KeyList, roots: &[&SigningKey]) -> Result<Self, KeyError> {
        let text = list.text();
        let signatures = roots.iter().map(|root| root.sign(&text, &list.comment())).collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }
}

/// Signs a manifest and puts all papers together.
///
/// # Errors
///
/// [`KeyError`].
pub fn sign(manifest: &Manifest, key: &SigningKey, keys: &SignedKeyList) -> Result<Container, KeyError> {
    let text = manifest.text();
    let signature = key.sign(&text, &manifest.comment())?;
    Ok(Container { format: FORMAT, key_list: keys.text.clone(), key_list_signatures: keys.signatures.clone(), manifest: text, signature })
}
