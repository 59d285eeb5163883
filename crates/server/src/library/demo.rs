//! The demo company's recognition library: drawn packs of its products, in a realistic size.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread;

use anyhow::{Result, ensure};
use polevik_domain::time::UtcMillis;
use polevik_recognition_library::builder::{self, Built, Release, SkuSource, Source};
use polevik_server_store::Store;
use polevik_server_store::reference::products::{self, NamedProduct};

use crate::demo::packs::Pack;

/// How large a demo library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum LibrarySize {
    /// Eight products, about a megabyte.
    Xs,
    /// 60 products, about 20 MB.
    S,
    /// 400 products, about 90 MB.
    M,
}

impl LibrarySize {
    /// Products, and pictures of each.
    #[must_use]
    pub fn numbers(self) -> (usize, u32) {
        match self {
            Self::Xs => (8, 2),
            Self::S => (60, 4),
            Self::M => (400, 3),
        }
    }
}

/// What a demo library shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// How large it is.
    pub size: LibrarySize,
    /// Share of its products, in percent, that have a new pack since the first version.
    pub new_packs: u8,
    /// Share of its pictures, in percent, that were taken anew since the first version; products as they come.
    pub new_pictures: u8,
}

/// How many days a demo library is good for.
pub const GOOD_FOR_DAYS: i64 = 365;

/// A release of the demo library that is good from now on.
#[must_use]
pub fn release(part_id: &str, version: u64, previous: Option<u64>, now: UtcMillis) -> Release {
    let expires_at = now.plus_millis(GOOD_FOR_DAYS * 86_400_000);
    Release { part: part_id.to_owned(), version, previous, min_app: "0.1.0".to_owned(), expires_at }
}

/// Draws the packs of a part's first products and builds the library of them. Uses all processors; the same products give the same bytes.
///
/// # Errors
///
/// When the part has no products.
pub fn build(store: &Store, part_id: &str, shown: Shown) -> Result<Built> {
    let (count, pictures) = shown.size.numbers();
    let mut named = store.read(|tx| products::named(tx, part_id))?;
    named.truncate(count);
    ensure!(!named.is_empty(), "part {part_id} has no products");
    let mut categories = BTreeMap::new();
    for product in &named {
        categories.insert(product.category.clone(), 0);
    }
    for (number, place) in categories.values_mut().enumerate() {
        *place = number;
    }
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let placed: Vec<(u32, NamedProduct)> = (0..).zip(named).collect();
    let skus = thread::scope(|scope| {
        let work: Vec<_> = placed
            .chunks(placed.len().div_ceil(at_once))
            .map(|some| {
                let categories = &categories;
                let draw = move |(place, product): &(u32, NamedProduct)| sku(*place, product, categories, shown, pictures);
                scope.spawn(move || some.iter().map(draw).collect::<Result<Vec<_>>>())
            })
            .collect();
        let mut skus = Vec::new();
        for some in work {
            skus.extend(some.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, anyhow::Error>(skus)
    })?;
    Ok(builder::build(&Source { categories: categories.into_keys().collect(), skus })?)
}

fn sku(place: u32, product: &NamedProduct, categories: &BTreeMap<String, usize>, shown: Shown, pictures: u32) -> Result<SkuSource> {
    let design = if is_among(shown.new_packs, place) { 2 } else { 1 };
    let pack = Pack::of(product.id.0, design);
    let view = |number: u32| if is_among(shown.new_pictures, place * pictures + number) { number + 100 } else { number };
    Ok(SkuSource {
        product: product.id.0,
        code: product.sku.clone(),
        name: product.name.clone(),
        category: categories.get(&product.category).copied().unwrap_or(0),
        pictures: (0..pictures).map(|number| pack.photograph(view(number))).collect::<Result<_, _>>()?,
    })
}

/// Whether the one at this place is among so many percent of all, which are spread evenly.
fn is_among(percent: u8, place: u32) -> bool {
    let until = |place: u32| place * u32::from(percent) / 100;
    until(place + 1) > until(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_percent_are_so_many() {
        for percent in [0, 1, 5, 33, 100] {
            assert_eq!((0..1_200).filter(|place| is_among(percent, *place)).count(), usize::from(percent) * 12);
        }
    }
}
