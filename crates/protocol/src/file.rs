//! Files: photos go up by the tus 1.0 resumable upload protocol, materials and the recognition library come down by HTTP Range.
//!
//! Up: `POST /v1/files/offer` says what the server has already; what it lacks goes to `/v1/uploads` as <https://tus.io/protocols/resumable-upload>
//! describes (core, creation, creation-with-upload, checksum, termination, expiration). A small photo takes one request when nothing breaks.
//!
//! Down: `GET /v1/files/{hash}` with `Range` and `If-Range`; the entity tag is the hash in quotes.

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::hash::Blake3Hex;

/// Most files of one offer.
pub const MAX_OFFERED_FILES: usize = 200;

/// Largest photo in bytes.
pub const MAX_PHOTO_BYTES: u64 = 8 * 1024 * 1024;

/// Most pixels of a photo.
pub const MAX_PHOTO_PIXELS: u64 = 24_000_000;

/// Longest side of a photo in pixels.
pub const MAX_PHOTO_SIDE: u32 = 12_000;

/// Largest document (a scan, a PDF) in bytes.
pub const MAX_SCAN_BYTES: u64 = 25 * 1024 * 1024;

/// Largest material in bytes.
pub const MAX_MATERIAL_BYTES: u64 = 512 * 1024 * 1024;

/// Version of tus that is spoken.
pub const TUS_VERSION: &str = "1.0.0";

/// The extensions of tus that the server knows.
pub const TUS_EXTENSIONS: &str = "creation,creation-with-upload,checksum,termination,expiration";

/// The sums a part of an upload may carry in `Upload-Checksum`; tus asks for SHA-1, we send BLAKE3.
pub const TUS_CHECKSUMS: &str = "blake3,sha256,sha1";

/// Key in `Upload-Metadata`: BLAKE3-256 of the whole file as 64 hexadecimal digits. Without it (a foreign client) the server computes it.
pub const METADATA_HASH: &str = "hash";

/// Key in `Upload-Metadata`: a [`FileClass`].
pub const METADATA_CLASS: &str = "class";

/// Key in `Upload-Metadata`: the type the sender believes it to be; must agree with the content.
pub const METADATA_TYPE: &str = "filetype";

/// Key in `Upload-Metadata`: name for people.
pub const METADATA_NAME: &str = "filename";

/// Header of the last answer to an upload: the hash under which the whole file is kept. Its presence is the confirmation.
pub const FILE_HASH_HEADER: &str = "polevik-file-hash";

/// Smallest part that a device sends, in bytes; also the most it sends again after an interruption once the line was bad.
pub const MIN_PART_BYTES: u64 = 64 * 1024;

/// Most bytes that an interruption may cost, by the house's promise: parts are larger only while the line is good, and what arrived of a
/// part is kept by the server.
pub const MAX_RESENT_BYTES: u64 = 256 * 1024;

/// Largest part, in bytes.
pub const MAX_PART_BYTES: u64 = 4 * 1024 * 1024;

/// What a file is for: its limits follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileClass {
    /// Taken with the camera in a visit: JPEG, PNG, WebP, HEIC.
    Photo,
    /// A scanned paper or a PDF.
    Scan,
    /// Given by the office; devices cannot send these.
    Material,
}

impl FileClass {
    /// The word on the wire and in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Scan => "scan",
            Self::Material => "material",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Photo, Self::Scan, Self::Material].into_iter().find(|class| class.as_str() == text)
    }

    /// Largest file of the class in bytes.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Photo => MAX_PHOTO_BYTES,
            Self::Scan => MAX_SCAN_BYTES,
            Self::Material => MAX_MATERIAL_BYTES,
        }
    }
}

/// `POST /v1/files/offer`: files a device would send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRequest {
    /// At most [`MAX_OFFERED_FILES`].
    pub files: Vec<OfferedFile>,
}

/// One file of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedFile {
    /// Its name by content.
    pub hash: Blake3Hex,
    /// Its length.
    pub bytes: u64,
    /// What it is for.
    pub class: FileClass,
}

/// The answer: one per offered file, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferReply {
    /// What the server says of each.
    pub files: Vec<OfferAnswer>,
}

/// What the server says of an offered file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum OfferAnswer {
    /// It is kept already, whole and checked: nothing is to be sent. Only for what this device's own part has.
    Held,
    /// It is wanted from the beginning.
    Wanted,
    /// A part of it is here already.
    Partial {
        /// Where to go on, relative to the server: `/v1/uploads/…`.
        upload: String,
        /// Bytes that are here.
        offset: u64,
    },
    /// It will not be taken.
    Refused {
        /// Why: L502 type or size not allowed, S303 quota of the day.
        code: ErrorCode,
        /// For support.
        reason: String,
    },
}

/// What the server says of the recognition library in a reply of `POST /v1/sync`: the one this device shall have is another than it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryNews {
    /// Name of its signed manifest, fetched with `GET /v1/library/manifests/{hash}`.
    pub manifest: Blake3Hex,
    /// Its version, for people and logs; what counts stands in the signed manifest.
    pub version: u64,
    /// Length of the whole library in bytes.
    pub bytes: u64,
}
