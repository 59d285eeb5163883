//! Routes: which outlet a position calls on, on which day, in which order.

use std::collections::HashMap;

use polevik_domain::ids::{OutletId, PositionId};
use polevik_protocol::bucket::BucketName;
use polevik_protocol::rows::RouteStopRow;
use polevik_server_store::part::Part;
use polevik_server_store::reference::{natural_key, outlets};
use polevik_server_store::{StoreError, Transaction, organisation};

use super::references::MAX_CODE_BYTES;
use super::{GoodRow, Judge, JudgeError, Judged};
use crate::feed::placement;
use crate::import::fields::{Fields, Refusal};

pub(super) struct Routes {
    positions: HashMap<String, Served>,
    outlets: HashMap<String, (OutletId, BucketName)>,
}

/// A position and the buckets of the territories it serves.
struct Served {
    position: PositionId,
    territories: Vec<BucketName>,
}

impl Routes {
    pub(super) fn load(tx: &Transaction<'_>, part: &Part) -> Result<Self, StoreError> {
        let mut positions = HashMap::new();
        for position in organisation::positions(tx, &part.id)? {
            let territories = organisation::territories_of(tx, &part.id, position.id)?;
            let territories = territories.iter().map(|territory| placement::of_territory(territory.id)).collect();
            positions.insert(position.code, Served { position: position.id, territories });
        }
        Ok(Self { positions, outlets: outlets::places(tx, &part.id)? })
    }
}

impl Judge for Routes {
    fn columns(&self) -> &'static [&'static str] {
        &["position", "day", "seq", "outlet", "planned_time"]
    }

    fn judge(&mut self, _tx: &Transaction<'_>, fields: &Fields<'_>) -> Result<Judged, JudgeError> {
        let code = fields.required(&["position"], MAX_CODE_BYTES)?;
        let served = self.positions.get(&code).ok_or_else(|| Refusal::new("position", format!("there is no position \"{code}\"")))?;
        let outlet = fields.required(&["outlet"], MAX_CODE_BYTES)?;
        let (outlet_id, bucket) =
            self.outlets.get(&outlet).ok_or_else(|| Refusal::new("outlet", format!("there is no outlet \"{outlet}\"")))?;
        if !served.territories.contains(bucket) {
            return Err(Refusal::new("outlet", format!("outlet \"{outlet}\" is in no territory of position \"{code}\"")).into());
        }
        let day = i64::from(fields.day(&["day"])?.ok_or_else(|| Refusal::new("day", "is missing"))?.0);
        let row = RouteStopRow {
            id: 0,
            day,
            seq: fields.required_int(&["seq"], 1..=1_000)?,
            outlet_id: outlet_id.0,
            planned_minute: fields.text(&["planned_time"], 5)?.map(|text| minute_of_day(&text)).transpose()?,
        };
        Ok(Judged::Row(GoodRow {
            natural_key: natural_key::route_stop(served.position.0, day, outlet_id.0),
            bucket: placement::of_position(served.position),
            values: row.into_row().values,
        }))
    }
}

/// Minutes after midnight of `HH:MM`.
fn minute_of_day(text: &str) -> Result<i64, Refusal> {
    let parsed = text.split_once(':').and_then(|(hours, minutes)| Some((hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?)));
    match parsed {
        Some((hours @ 0..=23, minutes @ 0..=59)) => Ok(hours * 60 + minutes),
        _ => Err(Refusal::new("planned_time", format!("\"{text}\" is not a time like 09:30"))),
    }
}
