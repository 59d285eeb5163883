//! The JSON form.

use serde::Deserialize;

use super::{Claimed, Place, Problem, ReadBack, ReadError, checked};
use crate::SCHEMA;
use crate::json::{FORMAT, JsonFile};
use crate::snapshot::Snapshot;

/// What is looked at before the rest: a newer file may have other fields.
#[derive(Deserialize)]
struct Kind {
    format: String,
    schema: u64,
}

pub(super) fn read(bytes: &[u8]) -> Result<ReadBack, ReadError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let kind: Kind = serde_json::from_slice(bytes).map_err(|error| ReadError::NotOurs(error.to_string()))?;
    if kind.format != FORMAT {
        return Err(ReadError::NotOurs(format!("its format is {:?}", kind.format.chars().take(40).collect::<String>())));
    }
    if kind.schema > u64::from(SCHEMA) {
        return Err(ReadError::Newer(kind.schema));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let file: JsonFile = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| ReadError::Problems(vec![Problem { place: error.path().to_string(), why: error.inner().to_string() }]))?;
    let snapshot = Snapshot { header: file.header, orders: file.orders };
    checked(snapshot, &Claimed { totals: file.totals, content_sha256: file.content_sha256 }, place)
}

fn place(place: &Place) -> String {
    match place.line {
        Some(line) => format!("orders[{}].lines[{line}].{}", place.order, place.field),
        None => format!("orders[{}].{}", place.order, place.field),
    }
}
