//! From products and their pictures to the files and chunks of a library.

use std::ops::Range;

use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;

use crate::chunks;
use crate::descriptor::Descriptor;
use crate::index::{Index, Reference, Sku};
use crate::manifest::{ChunkInfo, FORMAT, FileInfo, INDEX_PATH, Manifest, NAME};
use crate::picture::{Picture, PictureError};

/// What a library is made of.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Names of categories.
    pub categories: Vec<String>,
    /// Products, each in one of the categories.
    pub skus: Vec<SkuSource>,
}

/// One product to be recognised.
#[derive(Debug, Clone)]
pub struct SkuSource {
    /// The office's number of it.
    pub product: i64,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its category, by its place in [`Source::categories`].
    pub category: usize,
    /// Reference pictures, as JPEG; one without any is left out.
    pub pictures: Vec<Vec<u8>>,
}

/// The files of a library with their cuts.
#[derive(Debug, Clone)]
pub struct Built {
    /// Names of categories.
    pub categories: Vec<String>,
    /// Products that can be recognised.
    pub sku_count: u32,
    /// Files by path; the index first.
    pub files: Vec<BuiltFile>,
}

/// One file of a library.
#[derive(Debug, Clone)]
pub struct BuiltFile {
    /// What it is called inside the library.
    pub path: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Where it is cut, in the order of its bytes.
    pub chunks: Vec<Range<usize>>,
}

/// What the office says of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// For which part.
    pub part: String,
    /// Higher than every version before it.
    pub version: u64,
    /// The version before it.
    pub previous: Option<u64>,
    /// The oldest application that understands it, as `major.minor.patch`.
    pub min_app: String,
    /// When it runs out.
    pub expires_at: UtcMillis,
}

/// A library that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A reference picture cannot be read.
    #[error("picture {picture} of {code}: {cause}")]
    Picture {
        /// Code of the product.
        code: String,
        /// Which of its pictures, from 1.
        picture: usize,
        /// Why.
        cause: PictureError,
    },
    /// A product names a category that is not there.
    #[error("{0} is in a category that is not there")]
    Category(String),
    /// No product has a picture, or there are too many of something.
    #[error("a library of {0} products and {1} pictures cannot be built")]
    Size(usize, usize),
}

/// Builds a library. The same source gives the same bytes.
///
/// Products are sorted by category and number, and the pictures of a category lie in one file, so that a release that changes a few products
/// changes few bytes in few places.
///
/// # Errors
///
/// [`BuildError`].
pub fn build(source: &Source) -> Result<Built, BuildError> {
    let mut sources: Vec<&SkuSource> = source.skus.iter().filter(|sku| !sku.pictures.is_empty()).collect();
    sources.sort_by_key(|sku| (sku.category, sku.product));
    let (mut skus, mut references, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
    let mut files: Vec<(usize, BuiltFile)> = Vec::new();
    let mut places: Vec<Vec<Range<usize>>> = Vec::new();
    for sku in &sources {
        if sku.category >= source.categories.len() {
            return Err(BuildError::Category(sku.code.clone()));
        }
        if files.last().is_none_or(|(category, _)| *category != sku.category) {
            let path = format!("pictures-{:03}.pvrp", sku.category);
            files.push((sku.category, BuiltFile { path, content: Vec::new(), chunks: Vec::new() }));
            places.push(Vec::new());
        }
        // The index stands before the files of pictures.
        let number = files.len();
        let (Some((_, file)), Some(places)) = (files.last_mut(), places.last_mut()) else { continue };
        let too_many = || BuildError::Size(sources.len(), references_of(&sources));
        let place = u32::try_from(skus.len()).map_err(|_| too_many())?;
        for (picture_number, jpeg) in sku.pictures.iter().enumerate() {
            let picture = Picture::from_jpeg(jpeg).map_err(|cause| BuildError::Picture {
                code: sku.code.clone(),
                picture: picture_number + 1,
                cause,
            })?;
            vectors.extend_from_slice(Descriptor::of(&picture).bytes());
            let from = file.content.len();
            file.content.extend_from_slice(jpeg);
            places.push(from..file.content.len());
            references.push(Reference {
                sku: place,
                file: u32::try_from(number).map_err(|_| too_many())?,
                bytes: u32::try_from(jpeg.len()).map_err(|_| too_many())?,
                from: u64::try_from(from).map_err(|_| too_many())?,
            });
        }
        skus.push(Sku {
            product: sku.product,
            category: u32::try_from(sku.category).map_err(|_| too_many())?,
            code: sku.code.clone(),
            name: sku.name.clone(),
        });
    }
    if references.is_empty() {
        return Err(BuildError::Size(source.skus.len(), 0));
    }
    let sku_count = u32::try_from(skus.len()).map_err(|_| BuildError::Size(skus.len(), references.len()))?;
    let index = Index::new(source.categories.clone(), skus, references, vectors).write();
    let cuts = chunks::cut(&index, &[]);
    let mut all = vec![BuiltFile { path: INDEX_PATH.to_owned(), content: index, chunks: cuts }];
    for ((_, mut file), pictures) in files.into_iter().zip(places) {
        file.chunks = chunks::cut(&file.content, &pictures);
        all.push(file);
    }
    Ok(Built { categories: source.categories.clone(), sku_count, files: all })
}

fn references_of(sources: &[&SkuSource]) -> usize {
    sources.iter().map(|sku| sku.pictures.len()).sum()
}

impl Built {
    /// The chunks with their bytes, in their order.
    pub fn chunks(&self) -> impl Iterator<Item = (ChunkInfo, &[u8])> {
        self.files.iter().flat_map(|file| {
            file.chunks.iter().map(|range| {
                let bytes = &file.content[range.clone()];
                (ChunkInfo { hash: Blake3Hex::of(bytes), bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }, bytes)
            })
        })
    }

    /// The manifest of a release of these files.
    #[must_use]
    pub fn manifest(&self, release: &Release) -> Manifest {
        Manifest {
            format: FORMAT,
            name: NAME.to_owned(),
            part: release.part.clone(),
            version: release.version,
            previous: release.previous,
            min_app: release.min_app.clone(),
            expires_at_ms: release.expires_at,
            categories: self.categories.clone(),
            sku_count: self.sku_count,
            files: self
                .files
                .iter()
                .map(|file| FileInfo {
                    path: file.path.clone(),
                    bytes: u64::try_from(file.content.len()).unwrap_or(u64::MAX),
                    hash: Blake3Hex::of(&file.content),
                })
                .collect(),
            chunks: self.chunks().map(|(chunk, _)| chunk).collect(),
        }
    }
}
