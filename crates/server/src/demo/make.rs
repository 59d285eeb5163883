//! Makes the demo company in a data folder, or keeps one going.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use polevik_domain::ids::DistributorId;
use polevik_domain::time::{CalendarDay, Clock};
use polevik_protocol::rows::ROUTE_STOP;
use polevik_server_store::audiences;
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::{ReferenceWriter, route_stops};
use polevik_server_store::{Store, StoreError};
use serde_json::{Map, Value};

use super::draws::Draws;
use super::logins::{self, Login};
use super::materials::Materials;
use super::products::Product;
use super::size::{PartSize, Size};
use super::{PASSWORD, products, routes};
use crate::blobs::Blobs;
use crate::commands::import::Report;
use crate::commands::part_add;
use crate::database;
use crate::feed::seal::Sealer;
use crate::import::material_files::MaterialFiles;
use crate::import::source::{Line, Record};
use crate::import::{self, Kind, Options, Outcome, Pace};
use crate::login::password;

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How large.
    pub size: Size,
    /// From which every name, price and route follows.
    pub seed: u64,
    /// The day the company is made for: routes lie around it.
    pub day: CalendarDay,
    /// How much it gives to its people.
    pub materials: Materials,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Whether the company is new; otherwise its routes were kept going.
    pub new: bool,
    /// Who may sign in.
    pub logins: Vec<Login>,
}

/// One part (distributor) in the making: all that its rows follow from.
pub(super) struct Making {
    pub(super) seed: u64,
    pub(super) day: CalendarDay,
    pub(super) part_no: usize,
    pub(super) size: PartSize,
    pub(super) catalogue: Vec<Product>,
}

/// Makes the company in `data`, or, if it is there already, plans its routes up to two weeks ahead. `say` is told what is being done.
///
/// # Errors
///
/// When the folder holds other data, or cannot be written.
pub fn make(data: &Path, plan: Plan, clock: &dyn Clock, say: &mut dyn FnMut(&str)) -> Result<Made> {
    if let Some(logins) = logins::read(data).with_context(|| format!("cannot read {}", logins::json_path(data).display()))? {
        keep_going(data, plan, clock, say)?;
        return Ok(Made { new: false, logins });
    }
    let store = database::open_migrated(data)?;
    if !store.read(part::list)?.is_empty() {
        anyhow::bail!(
            "{} holds data that demo-data did not make, or did not finish making; name another folder with --data, or remove this one",
            data.display()
        );
    }
    let blobs = Blobs::open(data)?;
    let workshop = Workshop { data, plan, store: store.clone(), sealer: Sealer::new(store, blobs.clone()), blobs, clock };
    // Argon2id takes tens of milliseconds by design; the people of the demo share one password, so also one hash. Real accounts never do.
    let password_hash = password::hash(PASSWORD, [b'd'; password::SALT_BYTES])?;
    let mut logins = Vec::new();
    for part_no in 0..plan.size.parts() {
        let making = Making::of(plan, part_no);
        let (part, people) = workshop.found(&making, &password_hash)?;
        if plan.size.parts() > 1 {
            say(&format!("part {} of {}", part_no + 1, plan.size.parts()));
        }
        workshop.fill(&making, &part, say)?;
        logins.extend(people);
    }
    workshop.store.checkpoint()?;
    logins::write(data, &logins)?;
    Ok(Made { new: true, logins })
}

fn keep_going(data: &Path, plan: Plan, clock: &dyn Clock, say: &mut dyn FnMut(&str)) -> Result<()> {
    let store = database::open_migrated(data)?;
    let blobs = Blobs::open(data)?;
    let workshop = Workshop { data, plan, store: store.clone(), sealer: Sealer::new(store, blobs.clone()), blobs, clock };
    for part in workshop.store.read(part::list)? {
        // A company of an earlier version had none.
        if workshop.store.read(|tx| audiences::list(tx, &part.id))?.is_empty() {
            let part_no = usize::try_from(part.distributor.0).unwrap_or(1).saturating_sub(1);
            workshop.give_materials(&Making::of(plan, part_no), &part, Pace::GiveWay, say)?;
        }
        if workshop.plan_routes(&part, Pace::GiveWay, say)? {
            workshop.forget_old_routes(&part)?;
        }
    }
    workshop.sealer.seal_all(clock.now())?;
    Ok(())
}

struct Workshop<'a> {
    data: &'a Path,
    plan: Plan,
    store: Store,
    sealer: Sealer,
    blobs: Blobs,
    clock: &'a dyn Clock,
}

impl Workshop<'_> {
    /// The part with its territories, positions and people.
    fn found(&self, making: &Making, password_hash: &str) -> Result<(Part, Vec<Login>)> {
        let now = self.clock.now();
        let number = making.part_no + 1;
        let name = match making.part_no {
            0 => "ООО «Полевик-Демо»".to_owned(),
            _ => format!("ООО «Дистрибьютор {number:03}» ({})", making.city(0).name),
        };
        // The key of the row hashes follows from the seed, so that equal companies have equal segments; the epoch never repeats.
        let mut random: [u8; 48] = part_add::random_bytes()?;
        random[..32].copy_from_slice(blake3::hash(format!("polevik demo key:{}:{number}", making.seed).as_bytes()).as_bytes());
        self.store.write(|tx| {
            let distributor = DistributorId(i64::try_from(number).unwrap_or(i64::MAX));
            let part = part_add::create(tx, &format!("D{number}"), &name, distributor, random, now)?;
            let people = making.organisation(tx, &part, password_hash, now)?;
            Ok::<_, anyhow::Error>((part, people))
        })
    }

    /// All its rows, through the import.
    fn fill(&self, making: &Making, part: &Part, say: &mut dyn FnMut(&str)) -> Result<()> {
        let mut take = |kind: Kind, rows: &mut dyn Iterator<Item = Map<String, Value>>| self.import(part, kind, rows, Pace::Alone, say);
        take(Kind::PriceTypes, &mut making.price_types())?;
        take(Kind::Warehouses, &mut making.warehouses())?;
        take(Kind::Products, &mut making.products().chain(making.bad_products()))?;
        take(Kind::Prices, &mut making.prices().chain(making.bad_prices()))?;
        take(Kind::Stock, &mut making.stock().chain(making.bad_stock()))?;
        take(Kind::Assortment, &mut making.assortment())?;
        take(Kind::Outlets, &mut making.outlets().chain(making.bad_outlets()))?;
        take(Kind::Receivables, &mut making.receivables())?;
        self.give_materials(making, part, Pace::Alone, say)?;
        self.plan_routes(part, Pace::Alone, say)?;
        let sealed = self.sealer.seal_all(self.clock.now())?;
        say(&format!("sealed {} buckets into {} segments, {} KB", sealed.buckets, sealed.segments, sealed.bytes / 1_024));
        Ok(())
    }

    /// Draws materials, and takes them in.
    fn give_materials(&self, making: &Making, part: &Part, pace: Pace, say: &mut dyn FnMut(&str)) -> Result<()> {
        self.import(part, Kind::Audiences, &mut making.audiences(), pace, say)?;
        let folder = self.drawn();
        let rows = making.materials(&folder, self.plan.materials)?;
        self.import(part, Kind::Materials, &mut rows.into_iter(), pace, say)?;
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    }

    /// Where materials lie between being drawn and being taken in.
    fn drawn(&self) -> PathBuf {
        self.data.join("imports").join("drawn")
    }

    /// Plans what is missing; gives whether there was anything.
    fn plan_routes(&self, part: &Part, pace: Pace, say: &mut dyn FnMut(&str)) -> Result<bool> {
        let rows = self.store.read(|tx| routes::missing(tx, &part.id, self.plan.seed, self.plan.day))?;
        if rows.is_empty() {
            return Ok(false);
        }
        self.import(part, Kind::Routes, &mut rows.into_iter(), pace, say)?;
        Ok(true)
    }

    /// Stops that were long ago leave the devices.
    fn forget_old_routes(&self, part: &Part) -> Result<()> {
        let earliest = self.plan.day.plus_days(-routes::DAYS_BACK);
        self.store.write(|tx| {
            let mut writer = ReferenceWriter::new(tx, part, self.clock.now());
            for id in route_stops::before(tx, &part.id, earliest)? {
                writer.remove(ROUTE_STOP, id)?;
            }
            writer.finish()?;
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    fn import(
        &self,
        part: &Part,
        kind: Kind,
        rows: &mut dyn Iterator<Item = Map<String, Value>>,
        pace: Pace,
        say: &mut dyn FnMut(&str),
    ) -> Result<Outcome> {
        let began = self.clock.now();
        let files = MaterialFiles { folder: self.drawn(), blobs: self.blobs.clone(), beside: self.data.join("imports") };
        let options = Options { today: self.plan.day, files: Some(files), ..Options::at(began) };
        let mut report = Report::new(self.data, kind, began);
        let lines = (1..).zip(rows).map(|(line, fields)| Ok::<_, io::Error>(Line::Record(Record { line, fields })));
        let source = format!("demo {:?} seed {}", self.plan.size, self.plan.seed);
        let outcome = import::run(&self.store, part, kind, &options, &source, lines, pace, self.clock, &mut |row| report.add(row))?;
        let counts = &outcome.counts;
        let refused = match (report.finish()?.path(), counts.refused) {
            (Some(path), refused) => format!(", {refused} refused on purpose ({})", path.display()),
            (None, _) => String::new(),
        };
        say(&format!("{}: {} rows{refused}", kind.as_str(), counts.inserted + counts.updated));
        Ok(outcome)
    }
}

impl Making {
    fn of(plan: Plan, part_no: usize) -> Self {
        let size = plan.size.part(part_no);
        let catalogue = products::catalogue(plan.seed, part_no, &size);
        Self { seed: plan.seed, day: plan.day, part_no, size, catalogue }
    }

    /// The stream of the `n`-th row of a kind in this part.
    pub(super) fn draws(&self, kind: &str, n: usize) -> Draws {
        Draws::of_row(self.seed, self.part_no, kind, n)
    }
}
