//! Change numbers, and what a change does to a row.

use serde::{Deserialize, Serialize};

/// A change's place in its bucket's own order: 1 for the first, without gaps. 0 stands for "nothing yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct ChangeNo(pub u64);

/// What a change does to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// The row is as the change says.
    Put,
    /// The row is not in this bucket any more.
    Remove,
}
