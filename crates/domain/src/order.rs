//! An order: its lines, its totals, and what makes it valid.

use serde::{Deserialize, Serialize};

use crate::ids::ProductId;
use crate::money::{Money, VatRate};
use crate::quantity::{MAX_LINE_QUANTITY, Unit, UnitFactors};

/// The most lines one order may have.
pub const MAX_ORDER_LINES: usize = 500;

/// The longest comment, in characters.
pub const MAX_COMMENT_CHARS: usize = 1_000;

/// One line of an order, with everything its sum follows from, as it was when the rep entered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What is ordered.
    pub product_id: ProductId,
    /// In what it is counted.
    pub unit: Unit,
    /// How many of `unit`; 1 up to [`MAX_LINE_QUANTITY`].
    pub quantity: i64,
    /// The same in pieces.
    pub base_quantity: i64,
    /// Price of one piece, tax included.
    pub price: Money,
    /// Tax rate contained in the price.
    pub vat_rate: VatRate,
    /// `price × base_quantity`.
    pub sum: Money,
    /// Tax contained in `sum`.
    pub vat_sum: Money,
}

/// What an order comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderTotals {
    /// Sum of the lines, tax included.
    pub sum: Money,
    /// Tax contained, the sum of the lines' taxes.
    pub vat_sum: Money,
    /// How many lines.
    pub lines: u32,
}

/// Why an order cannot be as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is nothing in it.
    #[error("the order has no lines")]
    Empty,
    /// More than [`MAX_ORDER_LINES`].
    #[error("the order has more than {MAX_ORDER_LINES} lines")]
    TooManyLines,
    /// Not between 1 and [`MAX_LINE_QUANTITY`].
    #[error("the quantity is not between 1 and {MAX_LINE_QUANTITY}")]
    Quantity,
    /// The product is not sold in this unit.
    #[error("the product is not sold in this unit")]
    Unit,
    /// A product without a price, or with a negative one.
    #[error("the product has no price")]
    Price,
    /// The same product stands twice.
    #[error("the same product stands twice")]
    Repeated,
    /// Sums so large that they cannot be counted.
    #[error("the sum is too large")]
    TooLarge,
    /// A sum that does not follow from its parts.
    #[error("a sum does not follow from its parts")]
    Sum,
    /// Longer than [`MAX_COMMENT_CHARS`].
    #[error("the comment is longer than {MAX_COMMENT_CHARS} characters")]
    Comment,
}

impl OrderLine {
    /// A line with its sums.
    ///
    /// # Errors
    ///
    /// [`OrderError`] for a quantity out of range, a unit the product is not sold in, a negative price or a sum out of range.
    pub fn new(
        product_id: ProductId,
        unit: Unit,
        quantity: i64,
        factors: UnitFactors,
        price: Money,
        vat_rate: VatRate,
    ) -> Result<Self, OrderError> {
        if !(1..=MAX_LINE_QUANTITY).contains(&quantity) {
            return Err(OrderError::Quantity);
        }
        if price.0 < 0 {
            return Err(OrderError::Price);
        }
        let pieces = factors.pieces_per(unit).ok_or(OrderError::Unit)?;
        let base_quantity = quantity.checked_mul(pieces).ok_or(OrderError::TooLarge)?;
        let sum = price.checked_mul(base_quantity).ok_or(OrderError::TooLarge)?;
        Ok(Self { product_id, unit, quantity, base_quantity, price, vat_rate, sum, vat_sum: vat_rate.contained_in(sum) })
    }

    /// Whether the sums follow from price, quantity and rate.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        (1..=MAX_LINE_QUANTITY).contains(&self.quantity)
            && self.base_quantity >= self.quantity
            && self.base_quantity % self.quantity == 0
            && self.price.0 >= 0
            && self.price.checked_mul(self.base_quantity) == Some(self.sum)
            && self.vat_rate.contained_in(self.sum) == self.vat_sum
    }
}

/// What the lines come to; an empty order comes to nothing.
///
/// # Errors
///
/// [`OrderError::TooLarge`] when the sum leaves the range of [`Money`].
pub fn totals(lines: &[OrderLine]) -> Result<OrderTotals, OrderError> {
    let mut totals = OrderTotals { lines: u32::try_from(lines.len()).map_err(|_| OrderError::TooManyLines)?, ..OrderTotals::default() };
    for line in lines {
        totals.sum = totals.sum.checked_add(line.sum).ok_or(OrderError::TooLarge)?;
        totals.vat_sum = totals.vat_sum.checked_add(line.vat_sum).ok_or(OrderError::TooLarge)?;
    }
    Ok(totals)
}

/// Checks that an order may be placed, and gives its totals. Device and server both call this: they agree to the kopeck.
///
/// # Errors
///
/// The first [`OrderError`] found.
pub fn check_placeable(lines: &[OrderLine], comment: &str) -> Result<OrderTotals, OrderError> {
    if lines.is_empty() {
        return Err(OrderError::Empty);
    }
    if lines.len() > MAX_ORDER_LINES {
        return Err(OrderError::TooManyLines);
    }
    if comment.chars().count() > MAX_COMMENT_CHARS {
        return Err(OrderError::Comment);
    }
    let mut products: Vec<ProductId> = lines.iter().map(|line| line.product_id).collect();
    products.sort_unstable();
    products.dedup();
    if products.len() != lines.len() {
        return Err(OrderError::Repeated);
    }
    if !lines.iter().all(OrderLine::adds_up) {
        return Err(OrderError::Sum);
    }
    totals(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTORS: UnitFactors = UnitFactors { block: 6, box_: 24 };

    fn line(product: i64, unit: Unit, quantity: i64) -> OrderLine {
        OrderLine::new(ProductId(product), unit, quantity, FACTORS, Money(12_345), VatRate(2_200)).unwrap()
    }

    #[test]
    fn a_box_counts_as_its_pieces() {
        let line = line(1, Unit::Box, 2);
        assert_eq!((line.base_quantity, line.sum, line.vat_sum), (48, Money(592_560), Money(106_855)));
        assert!(line.adds_up());
    }

    #[test]
    fn lines_that_cannot_be_are_refused_with_the_reason() {
        let no_boxes = UnitFactors { block: 6, box_: 0 };
        let make =
            |unit, quantity, factors, price| OrderLine::new(ProductId(1), unit, quantity, factors, Money(price), VatRate(0)).unwrap_err();
        assert_eq!(make(Unit::Piece, 0, FACTORS, 1), OrderError::Quantity);
        assert_eq!(make(Unit::Piece, MAX_LINE_QUANTITY + 1, FACTORS, 1), OrderError::Quantity);
        assert_eq!(make(Unit::Box, 1, no_boxes, 1), OrderError::Unit);
        assert_eq!(make(Unit::Piece, 1, FACTORS, -1), OrderError::Price);
        assert_eq!(make(Unit::Piece, 2, FACTORS, i64::MAX), OrderError::TooLarge);
    }

    #[test]
    fn an_order_is_placeable_only_when_everything_adds_up() {
        let good = vec![line(1, Unit::Piece, 3), line(2, Unit::Block, 1)];
        let totals = check_placeable(&good, "").unwrap();
        assert_eq!((totals.sum, totals.lines), (Money(12_345 * 9), 2));

        let mut wrong_sum = good.clone();
        wrong_sum[0].sum = Money(1);
        assert_eq!(check_placeable(&wrong_sum, ""), Err(OrderError::Sum));
        assert_eq!(check_placeable(&[], ""), Err(OrderError::Empty));
        assert_eq!(check_placeable(&[line(1, Unit::Piece, 1), line(1, Unit::Box, 1)], ""), Err(OrderError::Repeated));
        assert_eq!(check_placeable(&good, &"я".repeat(MAX_COMMENT_CHARS + 1)), Err(OrderError::Comment));
    }
}
