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

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    /// A picture with its left half dark.
    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let dark_left = RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { [10; 3] } else { [240; 3] }));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(dark_left).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    async fn shrink(picture: Vec<u8>) -> Result<Shrunk, PictureError> {
        Decoder.shrink(picture, PicturePolicy { long_side: 160, ..PicturePolicy::default() }).await
    }

    #[tokio::test]
    async fn pictures_of_every_kind_become_jpeg_no_larger_than_the_policy_says() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            for (given, kept) in [((320, 240), (160, 120)), ((150, 100), (150, 100))] {
                let shrunk = shrink(picture(given.0, given.1, format)).await.unwrap();
                assert_eq!((shrunk.width, shrunk.height), kept, "{format:?}");
                assert_eq!(jpeg::size(&shrunk.bytes), Some(kept), "{format:?}");
                assert_eq!(shrunk.content_type, "image/jpeg");
            }
        }
    }

    #[tokio::test]
    async fn a_picture_that_is_to_be_turned_is_turned() {
        // Notes of a camera that was held upright: turned by a quarter, clockwise.
        let notes = b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut lying = picture(160, 80, ImageFormat::Jpeg);
        lying.splice(2..2, notes.iter().copied());
        assert_eq!(jpeg::orientation(&lying), 6);
        let shrunk = shrink(lying).await.unwrap();
        assert_eq!((shrunk.width, shrunk.height, jpeg::orientation(&shrunk.bytes)), (80, 160, 1));
        let back = image::load_from_memory(&shrunk.bytes).unwrap().into_rgb8();
        assert!(back.get_pixel(40, 20)[0] < 60 && back.get_pixel(40, 140)[0] > 200, "what was left is above now");
    }

    #[tokio::test]
    async fn what_is_no_picture_or_too_large_a_one_is_refused() {
        for bytes in [Vec::new(), b"no picture at all".to_vec(), picture(300, 200, ImageFormat::Png)[..200].to_vec()] {
            assert!(matches!(shrink(bytes).await, Err(PictureError::Unreadable(_))));
        }
        let wide = picture(MOST_PIXELS_A_SIDE + 1, 1, ImageFormat::Png);
        assert!(matches!(shrink(wide).await, Err(PictureError::TooLarge(_))));
    }
}
