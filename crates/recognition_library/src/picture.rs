//! A picture as pixels, and JPEG read into one.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Longest side that is decoded, in pixels.
pub const MAX_SIDE: u16 = 12_000;

/// Most pixels that are decoded: 72 MB of memory.
pub const MAX_PIXELS: usize = 24_000_000;

/// Three bytes per pixel (red, green, blue), row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// A picture that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It has no pixels, too many, or not as many as its sides say.
    #[error("a picture of {0} × {1} pixels is not taken")]
    Size(usize, usize),
    /// It is no JPEG, or a damaged one.
    #[error("the JPEG cannot be read: {0}")]
    Jpeg(String),
}

impl Picture {
    /// A picture of these pixels.
    ///
    /// # Errors
    ///
    /// [`PictureError::Size`] unless there are `width × height` pixels of three bytes, within [`MAX_PIXELS`].
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, PictureError> {
        let pixels = width.checked_mul(height).filter(|pixels| (1..=MAX_PIXELS).contains(pixels));
        if pixels.is_none_or(|pixels| rgb.len() != pixels * 3) {
            return Err(PictureError::Size(width, height));
        }
        Ok(Self { width, height, rgb })
    }

    /// Reads a JPEG. Its size is checked before any pixel is.
    ///
    /// # Errors
    ///
    /// [`PictureError`]; any bytes give a picture or an error.
    pub fn from_jpeg(bytes: &[u8]) -> Result<Self, PictureError> {
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .set_max_width(usize::from(MAX_SIDE))
            .set_max_height(usize::from(MAX_SIDE))
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let broken = |error: zune_jpeg::errors::DecodeErrors| PictureError::Jpeg(error.to_string());
        decoder.decode_headers().map_err(broken)?;
        let (width, height) = decoder.dimensions().ok_or_else(|| PictureError::Jpeg("no size".to_owned()))?;
        if width.saturating_mul(height) > MAX_PIXELS {
            return Err(PictureError::Size(width, height));
        }
        Self::new(width, height, decoder.decode().map_err(broken)?)
    }

    /// Pixels of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixel there; the nearest one beyond the edges.
    #[must_use]
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y.min(self.height - 1) * self.width + x.min(self.width - 1)) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_as_many_pixels_as_the_sides_say_make_a_picture() {
        assert!(Picture::new(2, 3, vec![0; 18]).is_ok());
        for (width, height, bytes) in [(2, 3, 17), (0, 3, 0), (usize::MAX, 2, 6), (5_000, 5_000, 75_000_000)] {
            assert_eq!(Picture::new(width, height, vec![0; bytes]), Err(PictureError::Size(width, height)));
        }
    }

    #[test]
    fn what_is_no_jpeg_is_refused() {
        for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xd9", b"GIF89a", &[0xff; 100]] {
            assert!(matches!(Picture::from_jpeg(bytes), Err(PictureError::Jpeg(_))), "{bytes:?}");
        }
    }
}
