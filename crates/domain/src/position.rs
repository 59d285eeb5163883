//! Whose scope: the roles that people take.

use serde::{Deserialize, Serialize};

use crate::ids::{DistributorId, PositionId, TerritoryId};

/// What a position is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes orders in shops (торговый представитель).
    Rep,
    /// Looks after shelves (мерчендайзер).
    Merchandiser,
    /// Sells from the van (вэн-селлер).
    Van,
    /// Leads a team of positions (супервайзер).
    Supervisor,
}

impl Role {
    /// The word used in files and databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rep => "rep",
            Self::Merchandiser => "merchandiser",
            Self::Van => "van",
            Self::Supervisor => "supervisor",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rep, Self::Merchandiser, Self::Van, Self::Supervisor].into_iter().find(|role| role.as_str() == text)
    }
}

/// The part of the data one position may see and write. Store functions take it, so none can forget it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Partition key; the first column of every key on the server.
    pub part_id: String,
    /// Whose prices and products.
    pub distributor: DistributorId,
    /// The position itself.
    pub position: PositionId,
    /// Its territories: one for a rep, those of the team for a supervisor. Sorted.
    pub territories: Vec<TerritoryId>,
}
