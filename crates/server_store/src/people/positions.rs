//! Which positions a person may take.

use polevik_domain::ids::{PositionId, UserId};
use rusqlite::{Transaction, params};

use crate::error::Result;
use crate::organisation::{self, Position};

/// A position with everything a person chooses by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionCard {
    /// The position.
    pub position: Position,
    /// Names of its territories, with commas between.
    pub territories: String,
    /// Name of its distributor.
    pub distributor_name: String,
}

/// The positions of a person, by name.
///
/// # Errors
///
/// When the database refuses.
pub fn of_user(tx: &Transaction<'_>, part_id: &str, user: UserId) -> Result<Vec<PositionCard>> {
    let mut statement = tx.prepare_cached(OF_USER)?;
    let ids: Vec<PositionId> =
        statement.query_map(params![part_id, user.0], |row| row.get("position_id").map(PositionId))?.collect::<rusqlite::Result<_>>()?;
    let mut cards = Vec::with_capacity(ids.len());
    for id in ids {
        // A position that the office removed meanwhile cannot be taken.
        let Some(position) = organisation::position_by_id(tx, part_id, id)? else { continue };
        let territories = organisation::territories_of(tx, part_id, id)?.into_iter().map(|territory| territory.name);
        cards.push(PositionCard {
            territories: territories.collect::<Vec<_>>().join(", "),
            distributor_name: organisation::distributor_name(tx, part_id, position.distributor)?.unwrap_or_default(),
            position,
        });
    }
    cards.sort_by(|a, b| (&a.position.name, a.position.id).cmp(&(&b.position.name, b.position.id)));
    Ok(cards)
}

const OF_USER: &str = "
    -- positions::of_user
    SELECT position_id
      FROM user_position
     WHERE part_id = ?1 AND user_id = ?2
     ORDER BY position_id";
