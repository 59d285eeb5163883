//! Pictures made smaller by the browser: its decoders, an off-screen canvas, its JPEG encoder.

use polevik_device::pictures::{PictureError, Pictures, Shrunk, jpeg};
use polevik_domain::photo::{PicturePolicy, kept_size};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, ImageBitmap, ImageBitmapOptions, ImageEncodeOptions, ImageOrientation, OffscreenCanvas,
    OffscreenCanvasRenderingContext2d,
};

use crate::fetch::text;

/// Largest picture that is decoded, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Most pixels that are decoded: the largest sensors of phones, at half a gigabyte of memory.
const MAX_PIXELS: u64 = 128_000_000;

/// The browser's pictures.
#[derive(Debug, Clone, Copy)]
pub struct CanvasPictures;

impl Pictures for CanvasPictures {
    async fn shrink(&self, picture: Vec<u8>, policy: PicturePolicy) -> Result<Shrunk, PictureError> {
        if picture.len() > MAX_BYTES {
            return Err(PictureError::TooLarge(format!("{} bytes", picture.len())));
        }
        // Before anything is decoded, where the header can be read here.
        if let Some((width, height)) = jpeg::size(&picture)
            && u64::from(width) * u64::from(height) > MAX_PIXELS
        {
            return Err(PictureError::TooLarge(format!("{width} × {height} pixels")));
        }
        let bitmap = decode(&picture).await.map_err(unreadable)?;
        let (width, height) = kept_size(bitmap.width(), bitmap.height(), policy);
        let written = redraw(&bitmap, width, height, policy.quality).await;
        bitmap.close();
        let bytes = jpeg::finish(&written.map_err(unreadable)?, &picture, policy.keep_exif);
        let bytes = bytes.ok_or_else(|| PictureError::Unreadable("the browser did not write a JPEG".to_owned()))?;
        Ok(Shrunk { bytes, content_type: jpeg::CONTENT_TYPE.to_owned(), width, height })
    }
}

/// Decodes any kind of picture the browser knows, and turns it as the camera noted.
async fn decode(picture: &[u8]) -> Result<ImageBitmap, JsValue> {
    let worker: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let blob = Blob::new_with_u8_array_sequence(&js_sys::Array::of1(&js_sys::Uint8Array::from(picture)))?;
    let upright = ImageBitmapOptions::new();
    upright.set_image_orientation(ImageOrientation::FromImage);
    let bitmap = JsFuture::from(worker.create_image_bitmap_with_blob_and_image_bitmap_options(&blob, &upright)?).await?;
    Ok(bitmap.unchecked_into())
}

/// Draws it in another size, and writes it as JPEG.
async fn redraw(bitmap: &ImageBitmap, width: u32, height: u32, quality: u8) -> Result<Vec<u8>, JsValue> {
    let canvas = OffscreenCanvas::new(width, height)?;
    let context = canvas.get_context("2d")?.ok_or_else(|| JsValue::from_str("no canvas"))?;
    let context: OffscreenCanvasRenderingContext2d = context.unchecked_into();
    // A JPEG has no transparency: what was clear becomes white, as on paper.
    context.set_fill_style_str("#fff");
    context.fill_rect(0.0, 0.0, f64::from(width), f64::from(height));
    js_sys::Reflect::set(&context, &"imageSmoothingQuality".into(), &"high".into())?;
    context.draw_image_with_image_bitmap_and_dw_and_dh(bitmap, 0.0, 0.0, f64::from(width), f64::from(height))?;
    let kind = ImageEncodeOptions::new();
    kind.set_type(jpeg::CONTENT_TYPE);
    kind.set_quality(f64::from(quality) / 100.0);
    let blob: Blob = JsFuture::from(canvas.convert_to_blob_with_options(&kind)?).await?.unchecked_into();
    Ok(js_sys::Uint8Array::new(&JsFuture::from(blob.array_buffer()).await?).to_vec())
}

fn unreadable(error: JsValue) -> PictureError {
    PictureError::Unreadable(text(&error))
}
