//! Pictures as the camera gives them, made small enough to travel. The seam to whoever can decode them: a browser, a library.

pub mod jpeg;

use polevik_domain::photo::PicturePolicy;

/// What comes out: a JPEG, upright, no larger than the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its type: `image/jpeg`.
    pub content_type: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Why a picture was not made smaller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It is none, is damaged, or of a kind that is not known here.
    #[error("the picture cannot be read: {0}")]
    Unreadable(String),
    /// It has more bytes or pixels than are ever decoded.
    #[error("the picture is too large: {0}")]
    TooLarge(String),
}

/// Somebody who knows pictures.
pub trait Pictures {
    /// Makes a picture as large as the policy says: decoded, turned upright, made smaller but never larger, written as JPEG. What the camera
    /// noted stays or goes by [`PicturePolicy::keep_exif`] ([`jpeg::finish`] does it).
    ///
    /// # Errors
    ///
    /// [`PictureError`]; a picture never makes the process end, whatever is in it.
    fn shrink(&self, picture: Vec<u8>, policy: PicturePolicy) -> impl Future<Output = Result<Shrunk, PictureError>>;
}

/// Takes JPEG of the right size as they are, and decodes nothing: for tests, measurements and the simulation, where what is in a picture does
/// not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Undecoded;

impl Pictures for Undecoded {
    async fn shrink(&self, picture: Vec<u8>, policy: PicturePolicy) -> Result<Shrunk, PictureError> {
        let unreadable = || PictureError::Unreadable("it is no JPEG".to_owned());
        let (width, height) = jpeg::size(&picture).ok_or_else(unreadable)?;
        if width.max(height) > policy.long_side {
            return Err(PictureError::TooLarge(format!("{width} × {height} pixels, and nobody here can decode it")));
        }
        let bytes = if policy.keep_exif { picture } else { jpeg::without_notes(&picture).ok_or_else(unreadable)? };
        Ok(Shrunk { bytes, content_type: jpeg::CONTENT_TYPE.to_owned(), width, height })
    }
}
