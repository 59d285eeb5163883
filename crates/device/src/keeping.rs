//! What the databases say of files: which are to be here, which may go, which are missing. The files themselves are moved by the driver.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_api::files::{FileAt, PhotoRow};
use polevik_device_api::frame::Refusal;
use polevik_device_store::StoreError;
use polevik_device_store::db::{Both, commit};
use polevik_device_store::reference::materials::{self as rows, Material};
use polevik_device_store::reference::{checkpoints, route};
use polevik_device_store::work::held_files::{self, HeldFile, HeldState, Mark};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::outgoing_files::{self, OutgoingState};
use polevik_device_store::work::{library, photos};
use polevik_domain::ids::{DocumentId, OutletId};
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_protocol::hash::Blake3Hex;

use crate::acting::{Moment, signed_in_id};
use crate::commands::take_photo::{self, PhotoFile, Words};
use crate::device::Device;
use crate::error::DeviceError;
use crate::files::{Held, Kind, path_of};
use crate::host::Host;
use crate::materials::{self, Given, MaterialsPlan};
use crate::screens;

/// How long photos stay here after the server confirmed their hash: 7 days.
pub const SENT_PHOTOS_STAY_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// What a plan of materials is made from, as it stands in the databases.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) shown: Option<Vec<Material>>,
    pub(crate) held: Vec<HeldFile>,
    pub(crate) marks: Vec<Mark>,
    route: BTreeSet<OutletId>,
    pub(crate) budget: u64,
}

impl Surroundings {
    pub(crate) fn read(both: &Both<'_>, today: CalendarDay) -> Result<Self, StoreError> {
        let has_copy = checkpoints::feed(&both.reference)?.is_some();
        let budget = options::get_number(&both.work, OptionName::MaterialsBudget)?.and_then(|budget| u64::try_from(budget).ok());
        Ok(Self {
            shown: has_copy.then(|| rows::shown_on(&both.reference, today)).transpose()?,
            held: held_files::all(&both.work)?,
            marks: held_files::marks(&both.work)?,
            route: route::of_day(&both.reference, today)?.into_iter().map(|stop| stop.outlet).collect(),
            budget: budget.unwrap_or(materials::DEFAULT_BUDGET_BYTES),
        })
    }

    pub(crate) fn given(&self, free: Option<u64>) -> Given<'_> {
        Given { shown: self.shown.as_deref(), held: &self.held, marks: &self.marks, route: &self.route, budget: self.budget, free }
    }
}

/// What is to be done with the place for files after the databases were compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sweep {
    /// What nothing names: it goes.
    pub(crate) remove: Vec<(Blake3Hex, Kind)>,
    /// Photos that are gone before the server had them (L504).
    pub(crate) lost: u32,
}

impl Device {
    /// Up to `limit` photos of the position that is signed in, newest first, each with its visit: for tools.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn photos(&mut self, limit: u32) -> Result<Vec<(DocumentId, PhotoRow)>, DeviceError> {
        let both = self.store.read()?;
        let newest = photos::newest(&both.work, signed_in_id(&both.work)?, limit)?;
        newest.into_iter().map(|photo| Ok((photo.visit, screens::photos::row(&both, photo)?))).collect()
    }

    /// Whether a photo may be taken there now: refused as the act itself would be, before anything costly is done.
    pub(crate) fn check_photo(&mut self, words: &Words) -> Result<(), DeviceError> {
        let checked = (|| {
            take_photo::check(&self.store.read()?, words)?;
            Ok(())
        })();
        self.healed(checked)
    }

    /// Writes a photo whose file is safe, in one transaction.
    pub(crate) fn take_photo(&mut self, words: Words, file: &PhotoFile, host: &impl Host) -> Result<DocumentId, DeviceError> {
        let moment = self.moment(host);
        let taken = (|| {
            let both = self.store.act()?;
            let id = take_photo::take_photo(&both, words, file, &moment)?;
            commit(both.work)?;
            Ok(id)
        })();
        self.healed(taken)
    }

    /// What is to be done about files of materials with so many bytes free: what to fetch and in what order, what stays away, what goes first.
    pub(crate) fn materials_plan(&mut self, free: Option<u64>, moment: &Moment) -> Result<MaterialsPlan, DeviceError> {
        let read = (|| {
            let both = self.store.read()?;
            Ok(materials::plan(&Surroundings::read(&both, moment.today())?.given(free)))
        })();
        self.healed(read)
    }

    /// Forgets files of materials that are to go; after the commit the driver removes them.
    pub(crate) fn forget_materials(&mut self, files: &[Blake3Hex]) -> Result<(), DeviceError> {
        let forgotten = (|| {
            let tx = self.store.work()?;
            for file in files {
                held_files::forget(&tx, file)?;
            }
            Ok(commit(tx)?)
        })();
        if forgotten.is_ok() {
            self.leaving.extend(files.iter().cloned());
        }
        self.healed(forgotten)
    }

    /// Files that no row needs any more since this was last asked: the driver removes them.
    pub(crate) fn take_leaving(&mut self) -> Vec<Blake3Hex> {
        std::mem::take(&mut self.leaving)
    }

    /// Photos whose time is over leave the device.
    pub(crate) fn release_photos(&mut self, now: UtcMillis) -> Result<(), DeviceError> {
        let released = (|| {
            let tx = self.store.work()?;
            let files = outgoing_files::release(&tx, now.plus_millis(-SENT_PHOTOS_STAY_MS), now)?;
            commit(tx)?;
            Ok(files)
        })();
        let files = self.healed(released)?;
        self.leaving.extend(files);
        Ok(())
    }

    /// Whether a row needs this file.
    pub(crate) fn keeps(&mut self, file: &Blake3Hex) -> Result<bool, DeviceError> {
        let read = (|| {
            let work = self.store.read()?.work;
            let is_outgoing = outgoing_files::find(&work, file)?.is_some_and(|found| match found.state {
                OutgoingState::Waiting | OutgoingState::Refused | OutgoingState::Lost => true,
                OutgoingState::Confirmed => found.removed_at.is_none(),
                OutgoingState::Dropped => false,
            });
            let is_held = held_files::find(&work, file)?.is_some_and(|found| found.state == HeldState::Here);
            Ok(is_outgoing || is_held || library::all_files(&work)?.iter().any(|(kept, _)| kept == file))
        })();
        self.healed(read)
    }

    /// Compares the databases with what lies in the place for files, and makes them agree: a photo that is gone is lost (L504), one that was
    /// brought back waits again, a material that is gone is wanted again; and names what nothing needs.
    pub(crate) fn sweep(&mut self, found: &[Held], moment: &Moment) -> Result<Sweep, DeviceError> {
        let swept = self.sweep_databases(found, moment);
        self.healed(swept)
    }

    fn sweep_databases(&mut self, found: &[Held], moment: &Moment) -> Result<Sweep, DeviceError> {
        let both = self.store.act()?;
        let mut sweep = Sweep::default();
        let lengths_of = |kind| -> BTreeMap<&Blake3Hex, u64> {
            found.iter().filter(|file| file.kind == kind).map(|file| (&file.name, file.bytes)).collect()
        };
        let (lengths, parts) = (lengths_of(Kind::Whole), lengths_of(Kind::Part));
        let whole = |name: &Blake3Hex, bytes: u64| lengths.get(name) == Some(&bytes);
        let mut keep: BTreeSet<(Blake3Hex, Kind)> = BTreeSet::new();

        outgoing_files::release(&both.work, moment.now.plus_millis(-SENT_PHOTOS_STAY_MS), moment.now)?;
        for file in outgoing_files::on_device(&both.work)? {
            match (whole(&file.file, file.bytes), file.state) {
                (true, OutgoingState::Lost) => outgoing_files::note_found(&both.work, &file.file)?,
                (true, _) | (false, OutgoingState::Lost) => (),
                (false, _) => {
                    if outgoing_files::note_missing(&both.work, &file.file, moment.now)? {
                        sweep.lost += 1;
                    }
                }
            }
            keep.insert((file.file, Kind::Whole));
        }

        let surroundings = Surroundings::read(&both, moment.today())?;
        for held in &surroundings.held {
            match &held.state {
                HeldState::Here if whole(&held.file, held.bytes) => {
                    keep.insert((held.file.clone(), Kind::Whole));
                }
                HeldState::Here => held_files::forget(&both.work, &held.file)?,
                HeldState::Partial { have } => {
                    let lies_there = parts.get(&held.file).copied().unwrap_or(0);
                    if lies_there != *have {
                        held_files::note_part(&both.work, &held.file, held.bytes, lies_there)?;
                    }
                    keep.insert((held.file.clone(), Kind::Part));
                }
                HeldState::Failed { .. } => {
                    keep.insert((held.file.clone(), Kind::Part));
                }
                HeldState::Left => (),
            }
        }
        // Whole, and its row was lost: it was checked when it was sealed.
        let known: BTreeSet<&Blake3Hex> = surroundings.held.iter().map(|held| &held.file).collect();
        for material in surroundings.shown.iter().flatten().filter(|material| !known.contains(&material.file)) {
            if whole(&material.file, material.bytes) && keep.insert((material.file.clone(), Kind::Whole)) {
                held_files::note_here(&both.work, &material.file, material.bytes, moment.now)?;
            }
            keep.insert((material.file.clone(), Kind::Part));
        }
        for (file, _) in library::all_files(&both.work)? {
            keep.extend([(file.clone(), Kind::Part), (file, Kind::Whole)]);
        }
        // After a damage not every row of a photo may have been found: its file stays, for support.
        let keeps_strangers = options::get(&both.work, OptionName::SalvagedFrom)?.is_some();
        commit(both.work)?;

        let strangers = found.iter().map(|file| (file.name.clone(), file.kind)).filter(|file| !keep.contains(file));
        sweep.remove = strangers.filter(|(_, kind)| *kind == Kind::Part || !keeps_strangers).collect();
        Ok(sweep)
    }

    /// Where the file of a photo or a material is, and what it is; remembers that it was opened. `is_here` = it lies in the place for files; one
    /// that does not is wanted again, or lost.
    ///
    /// `None` = no photo and no material names it, or it is not here.
    pub(crate) fn open_file(&mut self, file: &Blake3Hex, is_here: bool, moment: &Moment) -> Result<Option<FileAt>, DeviceError> {
        let opened = (|| {
            let both = self.store.act()?;
            let at = |bytes, content_type, file_name| FileAt { path: path_of(file), hash: file.clone(), bytes, content_type, file_name };
            let outgoing = outgoing_files::find(&both.work, file)?;
            let surroundings = Surroundings::read(&both, moment.today())?;
            let material = surroundings.shown.iter().flatten().find(|material| material.file == *file);
            let found = match (outgoing, material) {
                _ if !is_here => {
                    outgoing_files::note_missing(&both.work, file, moment.now)?;
                    if held_files::find(&both.work, file)?.is_some_and(|held| held.state == HeldState::Here) {
                        held_files::forget(&both.work, file)?;
                    }
                    None
                }
                (_, Some(material)) => {
                    held_files::note_opened(&both.work, file, moment.now)?;
                    for material in surroundings.shown.iter().flatten().filter(|material| material.file == *file) {
                        held_files::mark_opened(&both.work, material.id, file)?;
                    }
                    Some(at(material.bytes, material.content_type.clone(), material.file_name.clone()))
                }
                (Some(outgoing), None) => {
                    let photo = photos::of_file(&both.work, file)?.into_iter().next();
                    let name = photo.map(|photo| format!("{}-{}.jpg", photo.scene.as_str(), photo.taken_at.0));
                    Some(at(outgoing.bytes, outgoing.content_type, name.unwrap_or_else(|| "photo.jpg".to_owned())))
                }
                (None, None) => None,
            };
            commit(both.work)?;
            Ok(found)
        })();
        self.healed(opened)
    }

    /// Has the file of a material come next, whatever room it takes.
    pub(crate) fn ask_for_material(&mut self, material: i64, moment: &Moment) -> Result<(), DeviceError> {
        let asked = (|| {
            let both = self.store.act()?;
            let found = rows::find(&both.reference, material)?.ok_or(Refusal::NotFound)?;
            if found.valid_to.is_some_and(|last| last < moment.today()) {
                return Err(Refusal::NotFound.into());
            }
            held_files::ask(&both.work, material, &found.file)?;
            Ok(commit(both.work)?)
        })();
        self.healed(asked)
    }
}
