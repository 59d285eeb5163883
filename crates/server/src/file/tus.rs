//! What the headers of tus 1.0 say.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_domain::time::UtcMillis;
use polevik_protocol::file::{FileClass, METADATA_CLASS, METADATA_HASH, METADATA_NAME, METADATA_TYPE, TUS_VERSION};
use polevik_protocol::hash::Blake3Hex;
use sha2::Digest;

use crate::error::HttpError;

/// The version both speak.
pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// Versions the server speaks.
pub const TUS_VERSIONS: HeaderName = HeaderName::from_static("tus-version");
/// Extensions the server knows.
pub const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
/// The longest file.
pub const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
/// Checksums the server knows.
pub const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
/// Where the bytes of a request belong; how far an upload is.
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// Length of the whole file.
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// When an upload is given up.
pub const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const X_HTTP_METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The type of a body with bytes of an upload.
pub const OFFSET_OCTET_STREAM: &str = "application/offset+octet-stream";

/// Longest `Upload-Metadata`, in bytes.
const MAX_METADATA_BYTES: usize = 4_096;

/// Longest name of a file that is kept, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Whether the two speak the same version.
///
/// # Errors
///
/// 412.
pub fn check_version(headers: &HeaderMap) -> Result<(), HttpError> {
    match headers.get(TUS_RESUMABLE) {
        Some(version) if version.as_bytes() == TUS_VERSION.as_bytes() => Ok(()),
        Some(_) | None => Err(HttpError::tus_version()),
    }
}

/// The method a caller means who cannot use it.
#[must_use]
pub fn meant_method(headers: &HeaderMap) -> Option<Method> {
    let said = headers.get(X_HTTP_METHOD_OVERRIDE)?.to_str().ok()?;
    Method::from_bytes(said.to_ascii_uppercase().as_bytes()).ok()
}

/// A header that is a number of bytes; `None` if it is not there.
///
/// # Errors
///
/// Malformed.
pub fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, HttpError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| HttpError::malformed(format_args!("{name} is no number")))
}

/// The length of a new upload.
///
/// # Errors
///
/// Malformed, also when the length shall be said later.
pub fn upload_length(headers: &HeaderMap) -> Result<u64, HttpError> {
    if headers.contains_key(UPLOAD_DEFER_LENGTH) {
        return Err(HttpError::malformed("the length must be known: upload-defer-length is not an extension of this server"));
    }
    number(headers, &UPLOAD_LENGTH)?.ok_or_else(|| HttpError::malformed("upload-length is missing"))
}

/// What a sender says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// What it is for; a foreign client that does not say so sends a paper if it says PDF, and a photo otherwise.
    pub class: FileClass,
    /// Its name by content.
    pub hash: Option<Blake3Hex>,
    /// What the sender believes it to be.
    pub content_type: Option<String>,
    /// Name for people, without anything that could be taken for a path.
    pub name: Option<String>,
}

/// Reads `Upload-Metadata`.
///
/// # Errors
///
/// Malformed: not as tus describes it, a class or hash that is none, a name with control characters.
pub fn metadata(headers: &HeaderMap) -> Result<Metadata, HttpError> {
    let text = match headers.get(UPLOAD_METADATA) {
        None => "",
        Some(value) => value.to_str().ok().filter(|text| text.len() <= MAX_METADATA_BYTES).ok_or_else(|| broken("too long"))?,
    };
    let mut said: BTreeMap<&str, String> = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| broken("a value"))?;
        if said.insert(key, value).is_some() {
            return Err(broken("a key stands twice"));
        }
    }
    let mut given = |key: &str| said.remove(key).filter(|value| !value.is_empty());
    let content_type = given(METADATA_TYPE);
    let class = match given(METADATA_CLASS) {
        Some(word) => FileClass::parse(&word).ok_or_else(|| broken("there is no such class"))?,
        None if content_type.as_deref() == Some("application/pdf") => FileClass::Scan,
        None => FileClass::Photo,
    };
    let hash = given(METADATA_HASH).map(|text| Blake3Hex::parse(&text).ok_or_else(|| broken("the hash"))).transpose()?;
    let name = given(METADATA_NAME).map(|name| plain_name(&name).ok_or_else(|| broken("the name"))).transpose()?;
    Ok(Metadata { class, hash, content_type, name })
}

fn broken(what: &'static str) -> HttpError {
    HttpError::malformed(format_args!("upload-metadata: {what}"))
}

/// The last part of a name, shortened; `None` for one with control characters. It is shown to people, and nothing is ever opened by it.
#[must_use]
pub fn plain_name(name: &str) -> Option<String> {
    if name.chars().any(char::is_control) {
        return None;
    }
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // What turns the direction of writing can make `gpj.exe` of a name that ends otherwise.
    let turns = |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown: String = last.chars().filter(|c| !turns(c)).collect();
    let too_many = shown.chars().count().saturating_sub(MAX_NAME_CHARS);
    // The ending stays.
    Some(shown.chars().skip(too_many).collect())
}

/// A sum that a part of an upload carries.
pub enum Checksum {
    /// BLAKE3-256, as we send it.
    Blake3(Box<blake3::Hasher>, Vec<u8>),
    /// SHA-256.
    Sha256(sha2::Sha256, Vec<u8>),
    /// SHA-1, as tus asks for.
    Sha1(sha1::Sha1, Vec<u8>),
}

impl Checksum {
    /// Reads `Upload-Checksum`; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// Malformed: another algorithm, or no sum.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, HttpError> {
        let Some(value) = headers.get(UPLOAD_CHECKSUM) else { return Ok(None) };
        let wrong = || HttpError::malformed("upload-checksum is not one of an algorithm that the server knows");
        let (algorithm, sum) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
        let sum = STANDARD.decode(sum.trim()).map_err(|_| wrong())?;
        let (checksum, length) = match algorithm {
            "blake3" => (Self::Blake3(Box::default(), sum), 32),
            "sha256" => (Self::Sha256(sha2::Sha256::new(), sum), 32),
            "sha1" => (Self::Sha1(sha1::Sha1::new(), sum), 20),
            _ => return Err(wrong()),
        };
        if checksum.expected().len() == length { Ok(Some(checksum)) } else { Err(wrong()) }
    }

    fn expected(&self) -> &[u8] {
        match self {
            Self::Blake3(_, sum) | Self::Sha256(_, sum) | Self::Sha1(_, sum) => sum,
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher, _) => {
                hasher.update(bytes);
            }
            Self::Sha256(hasher, _) => hasher.update(bytes),
            Self::Sha1(hasher, _) => hasher.update(bytes),
        }
    }

    /// Whether the bytes come to the sum.
    #[must_use]
    pub fn is_right(self) -> bool {
        match self {
            Self::Blake3(hasher, sum) => hasher.finalize().as_bytes() == sum.as_slice(),
            Self::Sha256(hasher, sum) => hasher.finalize().as_slice() == sum,
            Self::Sha1(hasher, sum) => hasher.finalize().as_slice() == sum,
        }
    }
}

/// A moment as HTTP writes it.
#[must_use]
pub fn http_date(moment: UtcMillis) -> HeaderValue {
    let text = jiff::Timestamp::from_millisecond(moment.0).unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn metadata_is_read_and_what_is_none_is_malformed() {
        let encode = |text: &str| STANDARD.encode(text);
        let read = |text: &str| metadata(&with(UPLOAD_METADATA, text)).ok();
        let name = |text: &str| read(&format!("filename {}", encode(text))).and_then(|said| said.name);
        assert_eq!(read("").unwrap().class, FileClass::Photo);
        assert_eq!(read(&format!("filetype {}", encode("application/pdf"))).unwrap().class, FileClass::Scan);
        assert_eq!(read(&format!("class {}, is_confidential", encode("scan"))).unwrap().class, FileClass::Scan);
        assert_eq!(name("полка.jpg").as_deref(), Some("полка.jpg"));
        assert_eq!(name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(name("C:\\windows\\x.jpg").as_deref(), Some("x.jpg"));
        assert_eq!(name("photo\u{202e}gpj.exe").as_deref(), Some("photogpj.exe"));
        assert_eq!(name(&format!("{}.jpg", "я".repeat(400))).map(|name| (name.chars().count(), name.ends_with(".jpg"))), Some((200, true)));
        for bad in [
            format!("filename {}", encode("a\0b.jpg")),
            format!("class {}", encode("selfie")),
            format!("hash {}", encode("00")),
            "filename ???".to_owned(),
            format!("a {0},a {0}", encode("x")),
            "x".repeat(5_000),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn sums_of_all_three_algorithms_are_known_and_others_are_malformed() {
        let is_right = |text: &str, bytes: &[u8]| {
            let mut checksum = Checksum::of(&with(UPLOAD_CHECKSUM, text)).ok()??;
            checksum.update(bytes);
            Some(checksum.is_right())
        };
        let blake3 = STANDARD.encode(blake3::hash(b"hello").as_bytes());
        for (text, expected) in [
            ("sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=".to_owned(), Some(true)),
            ("sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".to_owned(), Some(true)),
            (format!("blake3 {blake3}"), Some(true)),
            (format!("sha256 {blake3}"), Some(false)),
            (format!("sha1 {blake3}"), None),
            ("md5 XUFAKrxLKna5cZ2REBfFkg==".to_owned(), None),
            ("sha1".to_owned(), None),
            ("sha1 !".to_owned(), None),
        ] {
            assert_eq!(is_right(&text, b"hello"), expected, "{text}");
        }
    }

    #[test]
    fn numbers_and_moments_are_as_http_writes_them() {
        assert_eq!(number(&with(UPLOAD_OFFSET, "70"), &UPLOAD_OFFSET).unwrap(), Some(70));
        for bad in ["", "-1", "+1", "1.0", "x", "99999999999999999999999"] {
            assert!(number(&with(UPLOAD_OFFSET, bad), &UPLOAD_OFFSET).is_err(), "{bad}");
        }
        assert_eq!(http_date(UtcMillis(784_887_151_000)), "Tue, 15 Nov 1994 08:12:31 GMT");
    }
}
