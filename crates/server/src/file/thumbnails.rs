//! Small pictures of photos and materials, made one after the other in a process of its own, some time after the file has come.
//!
//! Pictures come from outside, and whoever decodes them can be made to take much memory and time, or to fail. So the server never does: it
//! starts this same program as `polevik-server thumbnail`, which may take `MOST_MEMORY_BYTES` and `LONGEST`, runs at low priority, reads
//! the picture from its standard input and writes the small one to its standard output.

use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, metadata::Orientation};
use polevik_protocol::file::{MAX_PHOTO_BYTES, MAX_PHOTO_SIDE};
use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::files::{self, StoredFile, Thumbnail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::app::App;
use crate::database;

/// The longer side of a small picture, in pixels.
const SIDE: u32 = 320;

/// JPEG quality of a small picture.
const QUALITY: u8 = 75;

/// The largest picture of which a small one is made, in bytes; larger ones go without.
const MAX_PICTURE_BYTES: u64 = 4 * MAX_PHOTO_BYTES;

/// Address space of the process that decodes: a decoded photo of 24 megapixels, twice, and the program itself.
const MOST_MEMORY_BYTES: u64 = 512 * 1024 * 1024;

/// Most bytes that the decoder itself may ask for.
const MOST_DECODED_BYTES: u64 = 160 * 1024 * 1024;

/// How long one picture may take.
const LONGEST: Duration = Duration::from_secs(10);

/// Largest small picture that is kept, in bytes.
const MAX_THUMBNAIL_BYTES: u64 = 256 * 1024;

/// How long a file lies before its small picture is made: a phone that sends hundreds goes first.
const AFTER_MS: i64 = 5_000;

/// How often it is looked for files when nobody said that one came: imports are another process.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Makes small pictures as files come, one at a time, until the process ends. `program` is the server's own.
pub async fn make_again_and_again(app: App, program: PathBuf) {
    loop {
        match make_next(&app, &program).await {
            Ok(true) => {}
            Ok(false) => {
                let _ = tokio::time::timeout(LOOK_EVERY, app.files_came.notified()).await;
                tokio::time::sleep(Duration::from_millis(AFTER_MS.unsigned_abs())).await;
            }
            Err(error) => {
                tracing::error!(%error, "a small picture could not be made; tried again later");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Makes the small picture of the file that has waited longest; gives whether there was one. A picture that cannot be read goes without.
///
/// # Errors
///
/// When the process cannot be started, or database or disk refuse.
pub async fn make_next(app: &App, program: &Path) -> Result<bool> {
    let before = app.now().plus_millis(-AFTER_MS);
    let next = database::read(&app.store, move |tx| files::next_without_thumbnail(tx, before)).await?;
    let Some((part_id, file)) = next else { return Ok(false) };
    let working = app.clone();
    let (part, name) = (part_id.clone(), file.hash.clone());
    let small = if file.bytes <= MAX_PICTURE_BYTES && can_be_decoded(&file) {
        let picture = database::blocking(move || read(&working, &part, &name)).await?;
        match picture {
            Some(picture) => made_by(program, picture).await?,
            None => None,
        }
    } else {
        None
    };
    let working = app.clone();
    database::blocking(move || note(&working, &part_id, &file.hash, small)).await?;
    Ok(true)
}

/// HEIC is kept, and read by nobody here.
fn can_be_decoded(file: &StoredFile) -> bool {
    matches!(file.content_type.as_str(), "image/jpeg" | "image/png" | "image/webp")
}

fn read(app: &App, part_id: &str, name: &Blake3Hex) -> Result<Option<Vec<u8>>> {
    if !app.blobs.has_file(part_id, name)? {
        return Ok(None);
    }
    let bytes = app.store.read(|tx| files::find(tx, part_id, name))?.map_or(0, |file| file.bytes);
    Ok(Some(app.blobs.open_file(part_id, name)?.read(0..bytes)?.to_vec()))
}

fn note(app: &App, part_id: &str, name: &Blake3Hex, small: Option<Vec<u8>>) -> Result<()> {
    let state = match small {
        Some(jpeg) => {
            app.blobs.put_thumbnail(part_id, name, jpeg)?;
            Thumbnail::Made
        }
        None => Thumbnail::None,
    };
    metrics::counter!("polevik_thumbnails_total", "outcome" => if state == Thumbnail::Made { "made" } else { "none" }).increment(1);
    app.store.write(|tx| files::set_thumbnail(tx, part_id, name, state))?;
    Ok(())
}

/// The small picture as the other process makes it; `None` if it cannot, or takes too long.
async fn made_by(program: &Path, picture: Vec<u8>) -> Result<Option<Vec<u8>>> {
    let mut worker = Command::new(program)
        .arg("thumbnail")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {} thumbnail", program.display()))?;
    let (mut stdin, stdout) = (worker.stdin.take().context("no input")?, worker.stdout.take().context("no output")?);
    let made = tokio::time::timeout(LONGEST, async {
        // A worker that gives up stops reading: that is no failure here.
        let write = async move {
            let _ = stdin.write_all(&picture).await;
        };
        let mut small = Vec::new();
        let mut limited = stdout.take(MAX_THUMBNAIL_BYTES + 1);
        let ((), read) = tokio::join!(write, limited.read_to_end(&mut small));
        read?;
        Ok::<_, io::Error>((worker.wait().await?, small))
    })
    .await;
    Ok(match made {
        Ok(Ok((status, small))) if status.success() && u64::try_from(small.len()).is_ok_and(|bytes| bytes <= MAX_THUMBNAIL_BYTES) => {
            Some(small)
        }
        Ok(Ok(_)) | Err(_) => None,
        Ok(Err(error)) => return Err(error.into()),
    })
}

/// The process that decodes: a picture from standard input, a small JPEG to standard output.
///
/// # Errors
///
/// When it is no picture that can be read within the limits.
pub fn worker() -> Result<()> {
    limit_this_process();
    let mut picture = Vec::new();
    io::stdin().take(MAX_PICTURE_BYTES + 1).read_to_end(&mut picture)?;
    ensure!(u64::try_from(picture.len())? <= MAX_PICTURE_BYTES, "too large");
    io::stdout().write_all(&small(&picture)?)?;
    Ok(())
}

/// Before anything from outside is looked at.
fn limit_this_process() {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    // Where the system refuses, the decoder's own limits hold still.
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let _ = setrlimit(Resource::As, limit(MOST_MEMORY_BYTES));
    let _ = setrlimit(Resource::Cpu, limit(LONGEST.as_secs()));
    let _ = setrlimit(Resource::Nofile, limit(16));
    let _ = nice(15);
}

/// A JPEG of at most [`SIDE`] pixels a side, the right way up.
fn small(picture: &[u8]) -> Result<Vec<u8>> {
    let mut reader = ImageReader::new(Cursor::new(picture)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_PHOTO_SIDE);
    limits.max_image_height = Some(MAX_PHOTO_SIDE);
    limits.max_alloc = Some(MOST_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?.thumbnail(SIDE, SIDE);
    image.apply_orientation(orientation);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&image.into_rgb8())?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_rgb8(width, height).write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
    }

    #[test]
    fn a_small_picture_keeps_its_proportions() {
        for ((width, height), expected) in [((1600, 1200), (320, 240)), ((1200, 1600), (240, 320)), ((2000, 100), (320, 16))] {
            let jpeg = small(&png(width, height)).unwrap();
            let made = image::load_from_memory(&jpeg).unwrap();
            assert_eq!((made.width(), made.height()), expected);
        }
    }

    #[test]
    fn what_is_no_picture_or_has_too_many_pixels_is_refused() {
        assert!(small(b"not a picture").is_err());
        let mut bomb = png(8, 8);
        bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        assert!(small(&bomb).is_err());
        assert!(small(&png(8, 8)[..40]).is_err());
    }
}
