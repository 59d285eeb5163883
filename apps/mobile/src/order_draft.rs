//! The lines of an open draft as the page holds them, so that a tap is answered at once.
//!
//! The core keeps the truth: each change is sent to it and saved. Sums are those of the domain, so they are the same to the kopeck.

use std::collections::HashMap;

use polevik_device_api::view::{OrderLineRow, PadRow};
use polevik_domain::ids::ProductId;
use polevik_domain::money::Money;
use polevik_domain::quantity::{MAX_LINE_QUANTITY, Unit, UnitFactors};

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DraftLine {
    /// In what it is counted.
    pub unit: Unit,
    /// How many; never 0.
    pub quantity: i64,
    /// Price of a piece.
    pub price: Money,
    /// Pieces in one unit.
    pub pieces: i64,
}

/// The lines of a draft by product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    lines: HashMap<ProductId, DraftLine>,
}

impl Draft {
    /// The draft as the core has it.
    #[must_use]
    pub fn from_rows(rows: &[OrderLineRow]) -> Self {
        let lines = rows
            .iter()
            .map(|row| {
                let pieces = if row.quantity > 0 { row.base_quantity / row.quantity } else { 1 };
                let line = DraftLine { unit: row.unit, quantity: row.quantity, price: row.price, pieces };
                (row.product, line)
            })
            .collect();
        Self { lines }
    }

    /// The line of a product.
    #[must_use]
    pub fn line(&self, product: ProductId) -> Option<DraftLine> {
        self.lines.get(&product).copied()
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Sets a line; 0 or less removes it, more than the limit is the limit. `false` if the product cannot be ordered so.
    pub fn set(&mut self, row: &PadRow, unit: Unit, quantity: i64) -> bool {
        if quantity <= 0 {
            self.lines.remove(&row.product);
            return true;
        }
        let (Some(price), Some(pieces)) = (row.price, row.factors.pieces_per(unit)) else {
            return false;
        };
        let quantity = quantity.min(MAX_LINE_QUANTITY);
        self.lines.insert(row.product, DraftLine { unit, quantity, price, pieces });
        true
    }

    /// What the lines come to, tax included. How much of it is tax the core tells when the order is checked.
    #[must_use]
    pub fn sum(&self) -> Money {
        self.lines.values().fold(Money::ZERO, |sum, line| {
            line.price.checked_mul(line.quantity.saturating_mul(line.pieces)).and_then(|line| sum.checked_add(line)).unwrap_or(sum)
        })
    }
}

/// The units a product is sold in, smallest first.
#[must_use]
pub fn units(factors: UnitFactors) -> Vec<Unit> {
    Unit::ALL.into_iter().filter(|&unit| factors.pieces_per(unit).is_some()).collect()
}

/// What a person typed as a quantity; `None` for anything but digits in range. Spaces between thousands are forgiven.
#[must_use]
pub fn parse_quantity(text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.is_empty() {
        return Some(0);
    }
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten().filter(|n| *n <= MAX_LINE_QUANTITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cola() -> PadRow {
        PadRow {
            product: ProductId(1),
            sku: "COLA".to_owned(),
            name: "Cola".to_owned(),
            brand: String::new(),
            category: String::new(),
            matrix: String::new(),
            factors: UnitFactors { block: 6, box_: 0 },
            price: Some(Money(9_990)),
            stock: None,
            in_order: None,
        }
    }

    #[test]
    fn a_block_counts_as_its_pieces_and_nothing_removes_the_line() {
        let mut draft = Draft::default();
        assert!(draft.set(&cola(), Unit::Block, 2));
        assert_eq!(draft.sum(), Money(9_990 * 12));
        assert_eq!(draft.len(), 1);
        assert!(draft.set(&cola(), Unit::Block, 0));
        assert!(draft.is_empty());
    }

    #[test]
    fn what_cannot_be_ordered_changes_nothing() {
        let mut draft = Draft::default();
        assert!(!draft.set(&cola(), Unit::Box, 1));
        assert!(!draft.set(&PadRow { price: None, ..cola() }, Unit::Piece, 1));
        assert!(draft.is_empty());
        assert!(draft.set(&cola(), Unit::Piece, MAX_LINE_QUANTITY + 5));
        assert_eq!(draft.line(ProductId(1)).unwrap().quantity, MAX_LINE_QUANTITY);
    }

    #[test]
    fn only_digits_are_a_quantity() {
        for (text, quantity) in
            [("12", Some(12)), ("", Some(0)), ("1 200", Some(1_200)), ("-1", None), ("1,5", None), ("12x", None), ("999999", None)]
        {
            assert_eq!(parse_quantity(text), quantity, "{text}");
        }
    }

    #[test]
    fn a_product_is_offered_only_in_its_units() {
        assert_eq!(units(cola().factors), [Unit::Piece, Unit::Block]);
    }
}
