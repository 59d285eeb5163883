//! Pictures natively: read within limits, turned upright, made smaller, written as JPEG.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use polevik_device::pictures::{PictureError, Pictures, Shrunk, jpeg};
use polevik_device::sync::recognition_library::Picture;
use polevik_domain::photo::{PicturePolicy, kept_size};

/// Longest side that is decoded, in pixels.
const MOST_PIXELS_A_SIDE: u32 = 16_000;

/// Most memory that decoding may take: 100 million pixels of four bytes.
const MOST_MEMORY_BYTES: u64 = 400 * 1024 * 1024;

/// Decodes JPEG, PNG and WebP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoder;

impl Pictures for Decoder {
    async fn shrink(&self, picture: Vec<u8>, policy: PicturePolicy) -> Result<Shrunk, PictureError> {
        let upright = decode(&picture)?;
        let (width, height) = kept_size(upright.width(), upright.height(), policy);
        let kept = if (width, height) == (upright.width(), upright.height()) {
            upright
        } else {
            upright.resize_exact(width, height, FilterType::Triangle)
        };
        let mut written = Vec::new();
        let rgb = kept.into_rgb8();
        JpegEncoder::new_with_quality(&mut written, policy.quality.clamp(1, 100)).encode_image(&rgb).map_err(unreadable)?;
        let bytes = jpeg::finish(&written, &picture, policy.keep_exif)
            .ok_or_else(|| PictureError::Unreadable("what was written is no JPEG".to_owned()))?;
        Ok(Shrunk { bytes, content_type: jpeg::CONTENT_TYPE.to_owned(), width, height })
    }
}

/// A picture upright, as the recognition library takes it.
pub(crate) fn pixels(picture: &[u8]) -> Result<Picture, PictureError> {
    let upright = decode(picture)?.into_rgb8();
    let sides = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
    let (width, height) = (sides(upright.width()), sides(upright.height()));
    Picture::new(width, height, upright.into_raw()).map_err(|error| PictureError::TooLarge(error.to_string()))
}

fn decode(picture: &[u8]) -> Result<DynamicImage, PictureError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS_A_SIDE);
    limits.max_image_height = Some(MOST_PIXELS_A_SIDE);
    limits.max_alloc = Some(MOST_MEMORY_BYTES);
    let mut reader = ImageReader::new(Cursor::new(picture));
    reader.limits(limits);
    let reader = reader.with_guessed_format().map_err(|error| PictureError::Unreadable(error.to_string()))?;
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let turn = decoder.orientation().map_err(unreadable)?;
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    decoded.apply_orientation(turn);
    Ok(decoded)
}

fn unreadable(error: image::ImageError) -> PictureError {
    match error {
        image::ImageError::Limits(limit) => PictureError::TooLarge(limit.to_string()),
        // Everything else: it is none, or damaged.
        error => PictureError::Unreadable(error.to_string()),
    }
}
