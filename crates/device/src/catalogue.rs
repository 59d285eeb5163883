//! Products and outlets in memory, ready to be searched.
//!
//! A cache of the copy of the office: made when a screen first needs it, dropped when rows of its tables are applied. SQLite folds no case
//! outside Latin letters, so the folded texts live here.

use std::collections::HashMap;

use polevik_device_store::Transaction;
use polevik_device_store::reference::outlets::{self, Outlet};
use polevik_device_store::reference::products::{self, Product};
use polevik_device_store::reference::{prices, stock};
use polevik_domain::ids::{PriceTypeId, ProductId, WarehouseId};
use polevik_domain::money::Money;
use polevik_domain::price::{PriceEntry, unit_price};
use polevik_domain::time::CalendarDay;

use crate::error::DeviceError;

/// What is cached; every part is made on its own.
#[derive(Default)]
pub(crate) struct Catalogue {
    products: Option<Listed<Product>>,
    outlets: Option<Listed<Outlet>>,
    prices: HashMap<PriceTypeId, Prices>,
    stock: HashMap<WarehouseId, HashMap<ProductId, i64>>,
}

/// Things with the folded text in which words are looked for, by name.
pub(crate) struct Listed<T> {
    entries: Vec<Entry<T>>,
}

struct Entry<T> {
    thing: T,
    folded: String,
}

/// The entries of one price list, by product.
pub(crate) struct Prices {
    products: Vec<ProductId>,
    entries: Vec<PriceEntry>,
}

impl Catalogue {
    /// Forgets what comes from these tables.
    pub(crate) fn forget<'a>(&mut self, tables: impl IntoIterator<Item = &'a str>) {
        for table in tables {
            match table {
                "product" => self.products = None,
                "outlet" => self.outlets = None,
                "price" => self.prices.clear(),
                "stock" => self.stock.clear(),
                // The others are read from the database each time.
                _ => (),
            }
        }
    }

    /// Products that may be ordered, by name.
    pub(crate) fn products(&mut self, reference: &Transaction<'_>) -> Result<&Listed<Product>, DeviceError> {
        match &mut self.products {
            Some(listed) => Ok(listed),
            empty => {
                let products = products::all(reference)?.into_iter().filter(|product| product.active);
                let described = products.map(|product| {
                    let folded = fold(&[&product.name, &product.sku, &product.barcode, &product.brand]);
                    (product.id.0, folded, product)
                });
                Ok(empty.insert(Listed::new(described)))
            }
        }
    }

    /// Outlets that may be visited, by name.
    pub(crate) fn outlets(&mut self, reference: &Transaction<'_>) -> Result<&Listed<Outlet>, DeviceError> {
        match &mut self.outlets {
            Some(listed) => Ok(listed),
            empty => {
                let outlets = outlets::all(reference)?.into_iter().filter(|outlet| outlet.active);
                let described = outlets.map(|outlet| {
                    let folded = fold(&[&outlet.name, &outlet.address, &outlet.ext_code]);
                    (outlet.id.0, folded, outlet)
                });
                Ok(empty.insert(Listed::new(described)))
            }
        }
    }

    /// Makes the parts that [`Catalogue::pad`] reads.
    pub(crate) fn prepare_pad(
        &mut self,
        reference: &Transaction<'_>,
        price_type: Option<PriceTypeId>,
        warehouse: Option<WarehouseId>,
    ) -> Result<(), DeviceError> {
        self.products(reference)?;
        if let Some(price_type) = price_type.filter(|price_type| !self.prices.contains_key(price_type)) {
            self.prices.insert(price_type, Prices::new(prices::of_type(reference, price_type)?));
        }
        if let Some(warehouse) = warehouse.filter(|warehouse| !self.stock.contains_key(warehouse)) {
            self.stock.insert(warehouse, stock::of_warehouse(reference, warehouse)?.into_iter().collect());
        }
        Ok(())
    }

    /// Products, prices and stock as one outlet sees them; empty before [`Catalogue::prepare_pad`].
    pub(crate) fn pad(&self, price_type: Option<PriceTypeId>, warehouse: Option<WarehouseId>) -> Option<Pad<'_>> {
        Some(Pad {
            products: self.products.as_ref()?,
            prices: price_type.and_then(|price_type| self.prices.get(&price_type)),
            stock: warehouse.and_then(|warehouse| self.stock.get(&warehouse)),
        })
    }
}

/// Products, prices and stock as one outlet sees them.
pub(crate) struct Pad<'a> {
    pub(crate) products: &'a Listed<Product>,
    prices: Option<&'a Prices>,
    stock: Option<&'a HashMap<ProductId, i64>>,
}

impl Pad<'_> {
    /// What a piece costs on `day`; `None` = not for sale here.
    pub(crate) fn price(&self, product: &Product, day: CalendarDay) -> Option<Money> {
        let entries = self.prices.map_or(&[][..], |prices| prices.of(product.id));
        unit_price(entries, product.list_price, day)
    }

    /// Pieces in stock, if known.
    pub(crate) fn stock(&self, product: &Product) -> Option<i64> {
        self.stock.and_then(|stock| stock.get(&product.id)).copied().or(product.stock_total)
    }
}

impl Prices {
    /// `listed` comes by product.
    fn new(listed: Vec<(ProductId, PriceEntry)>) -> Self {
        let (products, entries) = listed.into_iter().unzip();
        Self { products, entries }
    }

    fn of(&self, product: ProductId) -> &[PriceEntry] {
        let from = self.products.partition_point(|id| *id < product);
        let to = self.products.partition_point(|id| *id <= product);
        &self.entries[from..to]
    }
}

impl<T> Listed<T> {
    fn new(described: impl Iterator<Item = (i64, String, T)>) -> Self {
        let mut described: Vec<(i64, String, T)> = described.collect();
        // The folded text begins with the name.
        described.sort_by(|(a_id, a, _), (b_id, b, _)| a.cmp(b).then(a_id.cmp(b_id)));
        Self { entries: described.into_iter().map(|(_, folded, thing)| Entry { thing, folded }).collect() }
    }

    /// The things whose text holds all words of `search`, by name; all of them when there is no word.
    pub(crate) fn matching<'a>(&'a self, search: &str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let words: Vec<String> = fold(&[search]).split_whitespace().map(str::to_owned).collect();
        self.entries.iter().filter(move |entry| words.iter().all(|word| entry.folded.contains(word))).map(|entry| &entry.thing)
    }
}

/// Texts as they are compared: lower case in every alphabet, ё as е, one under the other so that no word runs over a border.
fn fold(texts: &[&str]) -> String {
    let mut folded = String::with_capacity(texts.iter().map(|text| text.len() + 1).sum());
    for text in texts {
        folded.extend(text.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ё' { 'е' } else { letter }));
        folded.push('\n');
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], search: &str) -> Vec<String> {
        let listed = Listed::new((1..).zip(names).map(|(id, name)| (id, fold(&[name]), (*name).to_owned())));
        listed.matching(search).cloned().collect()
    }

    #[test]
    fn all_words_must_stand_in_the_text_whatever_their_case_and_order() {
        let names = ["Сок «Добрый» яблоко 1 л", "сок добрый ТОМАТ", "Мёд липовый", "Cola"];
        assert_eq!(found(&names, "ДОБРЫЙ сок").len(), 2);
        assert_eq!(found(&names, "добрый томат"), ["сок добрый ТОМАТ"]);
        assert_eq!(found(&names, "мед"), ["Мёд липовый"]);
        assert_eq!(found(&names, "МЁД"), ["Мёд липовый"]);
        assert_eq!(found(&names, "cOlA"), ["Cola"]);
        assert_eq!(found(&names, "  ").len(), 4);
        assert_eq!(found(&names, "пиво").len(), 0);
    }

    #[test]
    fn things_come_by_name_without_regard_to_case() {
        assert_eq!(found(&["б", "А", "в", "а1"], ""), ["А", "а1", "б", "в"]);
    }

    #[test]
    fn prices_of_a_product_are_found_among_others() {
        let entry = |value| PriceEntry { value: Money(value), valid_from: CalendarDay(1) };
        let prices =
            Prices::new(vec![(ProductId(1), entry(10)), (ProductId(2), entry(20)), (ProductId(2), entry(21)), (ProductId(4), entry(40))]);
        for (product, count) in [(0, 0), (1, 1), (2, 2), (3, 0), (4, 1), (5, 0)] {
            assert_eq!(prices.of(ProductId(product)).len(), count, "{product}");
        }
    }
}
