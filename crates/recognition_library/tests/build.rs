//! A library from pictures to recognition, and what may be done to its bytes.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use polevik_recognition_library::builder::{BuildError, Built, Release, SkuSource, Source, build};
use polevik_recognition_library::index::{Index, IndexError, ProbeError};
use polevik_recognition_library::manifest::{INDEX_PATH, Manifest};
use polevik_recognition_library::{Candidate, Picture};
use proptest::prelude::*;

/// A drawn pack: two colours, stripes at an angle, and light that falls on it so strongly.
fn pack(kind: u32, light: u32) -> RgbImage {
    let [red, green, blue, width, slope] = [37, 91, 53, 13, 3].map(|step| kind.wrapping_mul(step).wrapping_add(step));
    RgbImage::from_fn(160, 200, |x, y| {
        let is_stripe = (x + y * (slope % 4)) / (6 + width % 12) % 2 == 0;
        let base = if is_stripe { [red, green, blue] } else { [blue + 90, red + 150, green + 30] };
        image::Rgb(base.map(|value| u8::try_from((value % 256) * light / 100).unwrap_or(255)))
    })
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85)
        .encode(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn source(skus: u32) -> Source {
    let sku = |kind: u32| SkuSource {
        product: i64::from(kind) + 100,
        code: format!("P{kind}"),
        name: format!("Pack {kind}"),
        category: usize::try_from(kind % 2).unwrap(),
        pictures: vec![jpeg(&pack(kind, 100)), jpeg(&pack(kind, 80))],
    };
    Source { categories: vec!["Juice".to_owned(), "Water".to_owned()], skus: (0..skus).map(sku).collect() }
}

fn manifest(built: &Built) -> Manifest {
    let release = Release { part: "D1".to_owned(), version: 1, previous: None, min_app: "0.1.0".to_owned(), expires_at: UtcMillis(1) };
    built.manifest(&release)
}

fn lengths(manifest: &Manifest) -> Vec<u64> {
    manifest.files.iter().map(|file| file.bytes).collect()
}

#[test]
fn a_pack_in_another_light_is_recognised_as_itself() {
    let built = build(&source(24)).unwrap();
    let index = Index::read(&built.files[0].content, &lengths(&manifest(&built))).unwrap();
    assert_eq!(index.skus().len(), 24);
    for kind in 0..24 {
        let photo = Picture::from_jpeg(&jpeg(&pack(kind, 90))).unwrap();
        let found: Vec<Candidate<'_>> = index.recognise(&photo, 3);
        assert_eq!(found[0].sku.code, format!("P{kind}"));
        assert_eq!(found[0].category, ["Juice", "Water"][usize::try_from(kind % 2).unwrap()]);
        assert!(found[0].distance < found[1].distance && found.len() == 3);
    }
}

#[test]
fn a_library_put_together_from_its_chunks_is_the_same_and_passes_its_own_trial() {
    let built = build(&source(10)).unwrap();
    let manifest = manifest(&built);
    assert_eq!(Manifest::read(&manifest.text()).unwrap(), manifest);
    let chunks: BTreeMap<Blake3Hex, Vec<u8>> = built.chunks().map(|(chunk, bytes)| (chunk.hash, bytes.to_vec())).collect();
    let mut files = Vec::new();
    for (number, file) in manifest.files.iter().enumerate() {
        let mut content = Vec::new();
        for piece in manifest.pieces(number) {
            let bytes = &chunks[&manifest.chunks[piece.chunk].hash];
            let from = usize::try_from(piece.from).unwrap();
            content.extend_from_slice(&bytes[from..from + usize::try_from(piece.bytes).unwrap()]);
        }
        assert_eq!(Blake3Hex::of(&content), file.hash, "{}", file.path);
        files.push(content);
    }
    assert_eq!(manifest.files[0].path, INDEX_PATH);
    let index = Index::read(&files[0], &lengths(&manifest)).unwrap();
    let picture = |file: u32, from: u64, bytes: u32| {
        let from = usize::try_from(from).unwrap();
        files[usize::try_from(file).unwrap()][from..from + usize::try_from(bytes).unwrap()].to_vec()
    };
    let probes = index.probes();
    assert_eq!(probes.len(), 3);
    for probe in &probes {
        index.probe(probe, &picture(probe.file, probe.from, probe.bytes)).unwrap();
    }
    // Another product's picture in its place is noticed.
    let other = probes[2];
    let swapped = index.probe(probes[0], &picture(other.file, other.from, other.bytes));
    assert!(matches!(swapped, Err(ProbeError::WrongSku { .. })), "{swapped:?}");
    assert!(matches!(index.probe(probes[0], b"no picture"), Err(ProbeError::Picture(_))));
}

#[test]
fn the_same_source_gives_the_same_bytes_in_any_order_of_its_products() {
    let one = source(9);
    let mut other = one.clone();
    other.skus.reverse();
    assert_eq!(manifest(&build(&one).unwrap()), manifest(&build(&other).unwrap()));
}

#[test]
fn what_cannot_be_built_says_why() {
    let mut broken = source(2);
    broken.skus[1].pictures[1] = b"no picture".to_vec();
    assert!(matches!(build(&broken), Err(BuildError::Picture { code, picture: 2, .. }) if code == "P1"));
    let mut lost = source(2);
    lost.skus[0].category = 7;
    assert!(matches!(build(&lost), Err(BuildError::Category(code)) if code == "P0"));
    assert!(matches!(build(&Source::default()), Err(BuildError::Size(0, 0))));
}

#[test]
fn an_index_that_was_cut_or_points_outside_is_refused() {
    let built = build(&source(3)).unwrap();
    let (bytes, files) = (&built.files[0].content, lengths(&manifest(&built)));
    assert!(Index::read(bytes, &files).is_ok());
    for len in 0..bytes.len() {
        assert!(Index::read(&bytes[..len], &files).is_err(), "{len}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Index::read(&longer, &files), Err(IndexError::Length));
    assert_eq!(Index::read(bytes, &files[..1]), Err(IndexError::OutOfLimits("reference picture")));
    assert_eq!(Index::read(bytes, &[files[0], 10, 10]), Err(IndexError::OutOfLimits("reference picture")));
    let mut newer = bytes.clone();
    newer[5] += 1;
    assert_eq!(Index::read(&newer, &files), Err(IndexError::Newer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_bytes_are_an_index_or_an_error(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        static INDEX: std::sync::LazyLock<(Vec<u8>, Vec<u64>)> = std::sync::LazyLock::new(|| {
            let built = build(&source(3)).unwrap();
            (built.files[0].content.clone(), lengths(&manifest(&built)))
        });
        let (good, files) = &*INDEX;
        let mut spoiled = good.clone();
        for (at, value) in flips {
            let at = at.index(spoiled.len());
            spoiled[at] = value;
        }
        if let Ok(index) = Index::read(&spoiled, files) {
            let _ = index.recognise(&Picture::new(4, 4, vec![7; 48]).unwrap(), 5);
            for probe in index.probes() {
                let _ = index.probe(probe, &noise);
            }
        }
        let _ = Index::read(&noise, files);
        let _ = Picture::from_jpeg(&noise);
    }
}
