//! Pieces, blocks and boxes.

use serde::{Deserialize, Serialize};

/// In what a quantity is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The base unit of the product (шт).
    Piece,
    /// A block of pieces (блок).
    Block,
    /// A box of pieces (короб).
    Box,
}

impl Unit {
    /// All units, smallest first.
    pub const ALL: [Self; 3] = [Self::Piece, Self::Block, Self::Box];

    /// The word used in files and on command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Piece => "piece",
            Self::Block => "block",
            Self::Box => "box",
        }
    }

    /// Reads the English word, or the Russian label (шт, блок, короб); `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "piece" | "pcs" | "шт" => Some(Self::Piece),
            "block" | "блок" => Some(Self::Block),
            "box" | "короб" => Some(Self::Box),
            _ => None,
        }
    }
}

/// How many pieces a block and a box of one product hold; 0 where the product is not sold so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFactors {
    /// Pieces in a block.
    pub block: i64,
    /// Pieces in a box.
    pub box_: i64,
}

impl UnitFactors {
    /// Pieces in one `unit`; `None` if the product is not sold in it.
    #[must_use]
    pub fn pieces_per(self, unit: Unit) -> Option<i64> {
        let pieces = match unit {
            Unit::Piece => 1,
            Unit::Block => self.block,
            Unit::Box => self.box_,
        };
        (pieces > 0).then_some(pieces)
    }
}

/// The largest quantity of one line, in its unit: a limit against slips of the thumb and against overflow.
pub const MAX_LINE_QUANTITY: i64 = 100_000;
