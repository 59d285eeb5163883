//! «Материалы»: what the office gives to its people, and what of it is here.

use std::collections::BTreeMap;

use polevik_device_api::RowId;
use polevik_device_api::files::{MaterialRow, MaterialState, MaterialsView};
use polevik_device_api::sync::{RowState, WaitReason};
use polevik_device_store::db::Both;
use polevik_device_store::reference::materials::Material;
use polevik_device_store::work::held_files::{HeldFile, Mark};
use polevik_domain::ids::OutletId;
use polevik_protocol::hash::Blake3Hex;

use crate::acting::{Moment, signed_in_id};
use crate::error::DeviceError;
use crate::keeping::Surroundings;
use crate::materials::{self, MaterialsPlan};
use crate::sync::engine::Engine;

pub(crate) fn load(both: &Both<'_>, engine: &Engine, free: Option<u64>, moment: &Moment) -> Result<MaterialsView, DeviceError> {
    let rows = rows(both, free, moment, |_| true)?;
    // Materials that share a file take its room once.
    let files: BTreeMap<&Blake3Hex, (u64, bool)> =
        rows.iter().map(|row| (&row.file, (row.bytes, row.state == MaterialState::Here))).collect();
    let bytes_here = files.values().filter(|(_, is_here)| *is_here).map(|(bytes, _)| bytes).sum();
    let bytes_total = files.values().map(|(bytes, _)| bytes).sum();
    let budget = Surroundings::read(both, moment.today())?.budget;
    let is_waiting = rows.iter().any(|row| matches!(row.state, MaterialState::Wanted { .. }));
    let waiting = waits_for(engine).filter(|_| is_waiting);
    Ok(MaterialsView { rows, bytes_here, bytes_total, budget, waiting })
}

/// The materials about one outlet.
pub(crate) fn of_outlet(both: &Both<'_>, outlet: OutletId, free: Option<u64>, moment: &Moment) -> Result<Vec<MaterialRow>, DeviceError> {
    rows(both, free, moment, |material| material.outlet == Some(outlet))
}

/// For what the materials wait, as the synchronisation screen shows it.
fn waits_for(engine: &Engine) -> Option<WaitReason> {
    match engine.row(RowId::DownloadMaterials).shown() {
        RowState::Waiting { reason, .. } => Some(reason),
        RowState::Never
        | RowState::Queued
        | RowState::Running { .. }
        | RowState::Ok
        | RowState::Partial { .. }
        | RowState::Failed { .. }
        | RowState::Stopped => None,
    }
}

fn rows(
    both: &Both<'_>,
    free: Option<u64>,
    moment: &Moment,
    is_shown: impl Fn(&Material) -> bool,
) -> Result<Vec<MaterialRow>, DeviceError> {
    signed_in_id(&both.work)?;
    let surroundings = Surroundings::read(both, moment.today())?;
    let plan = materials::plan(&surroundings.given(free));
    let held: BTreeMap<&Blake3Hex, &HeldFile> = surroundings.held.iter().map(|held| (&held.file, held)).collect();
    let marks: BTreeMap<i64, &Mark> = surroundings.marks.iter().map(|mark| (mark.material, mark)).collect();
    let shown = surroundings.shown.iter().flatten().filter(|material| is_shown(material));
    Ok(shown.map(|material| row(material, held.get(&material.file).copied(), marks.get(&material.id).copied(), &plan)).collect())
}

fn row(material: &Material, held: Option<&HeldFile>, mark: Option<&Mark>, plan: &MaterialsPlan) -> MaterialRow {
    MaterialRow {
        id: material.id,
        title: material.title.clone(),
        kind: material.kind.clone(),
        folder: material.folder.clone(),
        file: material.file.clone(),
        bytes: material.bytes,
        content_type: material.content_type.clone(),
        file_name: material.file_name.clone(),
        version: material.version,
        mandatory: material.mandatory,
        is_new: mark.and_then(|mark| mark.opened.as_ref()) != Some(&material.file),
        pinned: mark.is_some_and(|mark| mark.pinned),
        valid_to: material.valid_to,
        outlet: material.outlet,
        product: material.product,
        state: materials::state_of(&material.file, held, plan),
    }
}
