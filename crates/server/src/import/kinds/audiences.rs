//! Audiences: whom materials are for.

use std::collections::HashMap;

use polevik_domain::ids::{DistributorId, PositionId, TerritoryId};
use polevik_domain::position::Role;
use polevik_server_store::audiences::{self, Audience};
use polevik_server_store::part::Part;
use polevik_server_store::{StoreError, Transaction, organisation};

use super::references::MAX_CODE_BYTES;
use super::{Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};

pub(super) struct Audiences {
    part_id: String,
    distributor: DistributorId,
    territories: HashMap<String, TerritoryId>,
    positions: HashMap<String, PositionId>,
}

impl Audiences {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part) -> Result<Self, StoreError> {
        Ok(Self {
            part_id: part.id.clone(),
            distributor: part.distributor,
            territories: organisation::territories(tx, &part.id)?.into_iter().map(|one| (one.ext_code, one.id)).collect(),
            positions: organisation::positions(tx, &part.id)?.into_iter().map(|one| (one.code, one.id)).collect(),
        })
    }
}

impl Judge for Audiences {
    fn columns(&self) -> &'static [&'static str] {
        &["ext_code", "name", "role", "distributor", "territory", "position", "deleted"]
    }

    fn judge(&mut self, tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let ext_code = fields.required(&["ext_code"], MAX_CODE_BYTES)?;
        if fields.flag(&["deleted"], false)? == 1 {
            let known = audiences::by_code(tx, &self.part_id, &ext_code)?;
            if let Some((id, _)) = known
                && audiences::has_materials(tx, &self.part_id, &placement::of_audience(id))?
            {
                return Err(Refusal::new("deleted", "there are materials for this audience; remove them first").into());
            }
            return Ok(Judged::AudienceGone(ext_code));
        }
        let code = |column: &str| fields.text(&[column], MAX_CODE_BYTES);
        let role = fields.word(&["role"], &["rep", "merchandiser", "van", "supervisor"])?.and_then(Role::parse);
        let distributor = match code("distributor")? {
            Some(said) if said == self.part_id => Some(self.distributor),
            Some(said) => {
                return Err(Refusal::new("distributor", format!("these rows belong to {}, not to \"{said}\"", self.part_id)).into());
            }
            None => None,
        };
        let territory = match code("territory")? {
            Some(said) => {
                let known = self.territories.get(&said).copied();
                Some(known.ok_or_else(|| Refusal::new("territory", format!("there is no territory \"{said}\"")))?)
            }
            None => None,
        };
        let position = match code("position")? {
            Some(said) => {
                let known = self.positions.get(&said).copied();
                Some(known.ok_or_else(|| Refusal::new("position", format!("there is no position \"{said}\"")))?)
            }
            None => None,
        };
        let name = fields.required(&["name"], 200)?;
        Ok(Judged::Audience(Audience { ext_code, name, role, distributor, territory, position }))
    }
}
