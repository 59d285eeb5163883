//! The index of a library: its products, where their reference pictures lie, and what these look like.
//!
//! ```text
//! magic "PVRL", format 1, descriptor       4 + 1 + 1 bytes
//! categories, products, references         3 × u32
//! per category    name                     text: u16 length, UTF-8
//! per product     id, category             i64, u32
//!                 code, name               text
//! per reference   product, file, bytes     3 × u32 (file: place in the manifest)
//!                 first byte               u64
//! vectors         one per reference        descriptor bytes each
//! ```
//!
//! Numbers are little-endian. Nothing follows.

use crate::descriptor::{DESCRIPTOR_BYTES, DESCRIPTOR_VERSION, Descriptor};
use crate::picture::{Picture, PictureError};

const MAGIC: &[u8; 4] = b"PVRL";

/// Version of the index's form.
const FORMAT: u8 = 1;

/// Longest index, in bytes.
pub const MAX_INDEX_BYTES: usize = 64 * 1024 * 1024;

/// Longest text, in bytes.
pub const MAX_TEXT_BYTES: usize = 500;

/// One product that can be recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sku {
    /// The office's number of the product.
    pub product: i64,
    /// Its category, by its place in the index.
    pub category: u32,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// Where one reference picture lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The product it shows, by its place in the index.
    pub sku: u32,
    /// The file it lies in, by its place in the manifest.
    pub file: u32,
    /// Its length.
    pub bytes: u32,
    /// Its first byte in the file.
    pub from: u64,
}

/// An index in memory, checked throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    categories: Vec<String>,
    skus: Vec<Sku>,
    references: Vec<Reference>,
    vectors: Vec<u8>,
}

/// An index that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It is none.
    #[error("this is no index of a recognition library")]
    NotAnIndex,
    /// It is of a newer form, or describes pictures in another way.
    #[error("the index needs a newer version")]
    Newer,
    /// It ends too early, or does not end.
    #[error("the index ends in the wrong place")]
    Length,
    /// Something in it points nowhere.
    #[error("the index points nowhere: {0}")]
    OutOfLimits(&'static str),
}

/// A product that a picture may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Which.
    pub sku: &'a Sku,
    /// The name of its category.
    pub category: &'a str,
    /// How unlike its most like reference picture is, 0 for the same; see [`Descriptor::distance`].
    pub distance: u32,
}

/// Why a library that was put together is not switched to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// A reference picture cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A reference picture is taken for another product.
    #[error("the reference picture of {expected} is taken for {found}")]
    WrongSku {
        /// Code of its product.
        expected: String,
        /// Code of the product it is taken for.
        found: String,
    },
}

impl Index {
    /// An index of these; for the builder.
    pub(crate) fn new(categories: Vec<String>, skus: Vec<Sku>, references: Vec<Reference>, vectors: Vec<u8>) -> Self {
        Self { categories, skus, references, vectors }
    }

    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.vectors.len() + self.references.len() * 20 + self.skus.len() * 80 + 100);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[FORMAT, DESCRIPTOR_VERSION]);
        for count in [self.categories.len(), self.skus.len(), self.references.len()] {
            out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        }
        for name in &self.categories {
            put_text(&mut out, name);
        }
        for sku in &self.skus {
            out.extend_from_slice(&sku.product.to_le_bytes());
            out.extend_from_slice(&sku.category.to_le_bytes());
            put_text(&mut out, &sku.code);
            put_text(&mut out, &sku.name);
        }
        for reference in &self.references {
            for number in [reference.sku, reference.file, reference.bytes] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&reference.from.to_le_bytes());
        }
        out.extend_from_slice(&self.vectors);
        out
    }

    /// Reads an index that belongs to files of these lengths (see [`crate::Manifest::files`]).
    ///
    /// # Errors
    ///
    /// [`IndexError`]; any bytes give an index or that, and take about as much memory as they are long.
    pub fn read(bytes: &[u8], files: &[u64]) -> Result<Self, IndexError> {
        let mut reader = Reader { rest: bytes };
        if bytes.len() > MAX_INDEX_BYTES || reader.take(4) != Ok(MAGIC.as_slice()) {
            return Err(IndexError::NotAnIndex);
        }
        if reader.array()? != [FORMAT, DESCRIPTOR_VERSION] {
            return Err(IndexError::Newer);
        }
        let [categories, skus, references] = [reader.count()?, reader.count()?, reader.count()?];
        // A lie about a count costs no memory.
        let least = [(categories, 2), (skus, 16), (references, 20 + DESCRIPTOR_BYTES)];
        let needed = least.iter().try_fold(0usize, |sum, (count, bytes)| sum.checked_add(count.checked_mul(*bytes)?));
        if needed.is_none_or(|needed| needed > reader.rest.len()) {
            return Err(IndexError::Length);
        }
        let categories = (0..categories).map(|_| reader.text()).collect::<Result<Vec<_>, _>>()?;
        let skus = (0..skus).map(|_| reader.sku()).collect::<Result<Vec<_>, _>>()?;
        let references = (0..references).map(|_| reader.reference()).collect::<Result<Vec<_>, _>>()?;
        let vectors = reader.take(references.len() * DESCRIPTOR_BYTES)?.to_vec();
        if !reader.rest.is_empty() {
            return Err(IndexError::Length);
        }
        let index = Self { categories, skus, references, vectors };
        index.check(files)?;
        Ok(index)
    }

    fn check(&self, files: &[u64]) -> Result<(), IndexError> {
        let within = |number: u32, count: usize| usize::try_from(number).is_ok_and(|number| number < count);
        if self.references.is_empty() {
            return Err(IndexError::OutOfLimits("no reference picture"));
        }
        if !self.skus.iter().all(|sku| within(sku.category, self.categories.len())) {
            return Err(IndexError::OutOfLimits("category"));
        }
        for reference in &self.references {
            let file = usize::try_from(reference.file).ok().and_then(|file| files.get(file));
            let end = reference.from.checked_add(u64::from(reference.bytes));
            if !within(reference.sku, self.skus.len()) {
                return Err(IndexError::OutOfLimits("product"));
            }
            if file.is_none_or(|bytes| end.is_none_or(|end| end > *bytes)) {
                return Err(IndexError::OutOfLimits("reference picture"));
            }
        }
        Ok(())
    }

    /// Its products.
    #[must_use]
    pub fn skus(&self) -> &[Sku] {
        &self.skus
    }

    /// Its reference pictures.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The products that this picture of one pack may show, the likeliest first, each once and at most `most`.
    #[must_use]
    pub fn recognise(&self, picture: &Picture, most: usize) -> Vec<Candidate<'_>> {
        let look = Descriptor::of(picture);
        let mut nearest = vec![u32::MAX; self.skus.len()];
        for (reference, vector) in self.references.iter().zip(self.vectors.chunks_exact(DESCRIPTOR_BYTES)) {
            if let Some(best) = usize::try_from(reference.sku).ok().and_then(|sku| nearest.get_mut(sku)) {
                *best = (*best).min(look.distance(vector));
            }
        }
        let mut order: Vec<(u32, &Sku)> = nearest.into_iter().zip(&self.skus).filter(|(distance, _)| *distance < u32::MAX).collect();
        order.sort_by_key(|(distance, sku)| (*distance, sku.product));
        order.truncate(most);
        let category =
            |sku: &Sku| usize::try_from(sku.category).ok().and_then(|place| self.categories.get(place)).map_or("", String::as_str);
        order.into_iter().map(|(distance, sku)| Candidate { sku, category: category(sku), distance }).collect()
    }

    /// The reference pictures by which a library is tried before it is switched to: the first, the middle one and the last.
    #[must_use]
    pub fn probes(&self) -> Vec<&Reference> {
        let last = self.references.len().saturating_sub(1);
        let mut places = vec![0, last / 2, last];
        places.dedup();
        places.into_iter().filter_map(|place| self.references.get(place)).collect()
    }

    /// Tries a library with one of its own reference pictures: it is read, described, and must be found to be of its product.
    ///
    /// # Errors
    ///
    /// [`ProbeError`].
    pub fn probe(&self, reference: &Reference, jpeg: &[u8]) -> Result<(), ProbeError> {
        let expected = usize::try_from(reference.sku).ok().and_then(|sku| self.skus.get(sku));
        let picture = Picture::from_jpeg(jpeg)?;
        let found = self.recognise(&picture, 1).pop().map(|best| best.sku);
        let code = |sku: Option<&Sku>| sku.map_or_else(String::new, |sku| sku.code.clone());
        if found == expected { Ok(()) } else { Err(ProbeError::WrongSku { expected: code(expected), found: code(found) }) }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // Cut at a character, so that what is written can be read.
    let end = (0..=text.len().min(MAX_TEXT_BYTES)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    out.extend_from_slice(&u16::try_from(end).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..end]);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], IndexError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(IndexError::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        self.take(N)?.try_into().map_err(|_| IndexError::Length)
    }

    fn number(&mut self) -> Result<u32, IndexError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize, IndexError> {
        usize::try_from(self.number()?).map_err(|_| IndexError::Length)
    }

    fn text(&mut self) -> Result<String, IndexError> {
        let len = usize::from(u16::from_le_bytes(self.array()?));
        if len > MAX_TEXT_BYTES {
            return Err(IndexError::OutOfLimits("text"));
        }
        String::from_utf8(self.take(len)?.to_vec()).map_err(|_| IndexError::OutOfLimits("text"))
    }

    fn sku(&mut self) -> Result<Sku, IndexError> {
        Ok(Sku { product: i64::from_le_bytes(self.array()?), category: self.number()?, code: self.text()?, name: self.text()? })
    }

    fn reference(&mut self) -> Result<Reference, IndexError> {
        Ok(Reference { sku: self.number()?, file: self.number()?, bytes: self.number()?, from: u64::from_le_bytes(self.array()?) })
    }
}
