//! Amounts of money in minor units, and how they are rounded.

use serde::{Deserialize, Serialize};

/// An amount in the currency's minor unit (kopecks). May be negative for returns and corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum; `None` when it leaves the range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The amount `times` over; `None` when it leaves the range.
    #[must_use]
    pub fn checked_mul(self, times: i64) -> Option<Self> {
        self.0.checked_mul(times).map(Self)
    }
}

/// A tax rate in hundredths of a percent (22 % is 2200).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct VatRate(pub i64);

impl VatRate {
    /// The tax contained in `gross`, rounded half away from zero to a minor unit.
    ///
    /// Prices of the trade include the tax, so it is `gross × rate / (100 % + rate)`.
    #[must_use]
    pub fn contained_in(self, gross: Money) -> Money {
        let rate = i128::from(self.0.max(0));
        let divisor = 10_000 + rate;
        let product = i128::from(gross.0) * rate;
        let half = if product < 0 { -divisor / 2 } else { divisor / 2 };
        Money(i64::try_from((product + half) / divisor).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tax_inside_a_gross_amount_is_rounded_half_away_from_zero() {
        for (gross, rate, tax) in [
            (12_200, 2_200, 2_200),
            (11_000, 1_000, 1_000),
            (100, 2_200, 18),
            (-12_200, 2_200, -2_200),
            (99, 0, 0),
            (1, 2_200, 0),
            (11, 1_000, 1),
        ] {
            assert_eq!(VatRate(rate).contained_in(Money(gross)), Money(tax), "{gross} at {rate}");
        }
    }
}
