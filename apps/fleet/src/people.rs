//! The office: its company, the files it imports, and what it decides about people. Everything goes through the real import and the real
//! tables of the organisation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use object_store::memory::InMemory;
use polevik_domain::ids::{DeviceId, DistributorId, PositionId, TerritoryId, UserId};
use polevik_domain::position::Role;
use polevik_domain::time::{CalendarDay, UtcOffsetMinutes};
use polevik_protocol::checksum::HashKey;
use polevik_server::import::source::{Line, Record};
use polevik_server::import::{self, Kind, Options, Pace};
use polevik_server_store::db::FILE_NAME;
use polevik_server_store::organisation::{self, NewPosition};
use polevik_server_store::part::{self, Part};
use polevik_server_store::people::devices;
use polevik_server_store::people::users::{self, NewUser};
use polevik_server_store::{Store, StoreError, migrate};
use polevik_testkit::disk::Disk;
use polevik_testkit::random::Random;
use serde_json::{Map, Value, json};

use crate::clock::{self, ServerClock};
use crate::oracle::Oracle;
use crate::oracle::central::PART;
use crate::plan::ImportKind;
use crate::server::{Begin, Office, SEGMENT_ROWS};
use crate::shared::{Keep, Shared, Violation};

/// What everybody has as password.
pub const PASSWORD: &str = "correct horse";

const PRODUCTS: u64 = 40;
const OUTLETS: u64 = 16;
const PRICE_TYPES: u64 = 3;
const WAREHOUSES: u64 = 2;

type Fields = Map<String, Value>;

/// A person with a position.
pub struct Person {
    /// What the person types.
    pub email: String,
    /// Code of the position.
    pub code: String,
    user: UserId,
    position: PositionId,
}

impl Person {
    /// The id of the position.
    pub fn position_id(&self) -> i64 {
        self.position.0
    }
}

/// The office's people and papers.
pub struct Desk {
    shared: Rc<Shared>,
    office: Rc<Office>,
    oracle: Rc<RefCell<Oracle>>,
    part: Part,
    /// The reps, and last a supervisor who serves all territories.
    pub people: Rc<Vec<Person>>,
    territories: Rc<Vec<(String, TerritoryId)>>,
    last_file: RefCell<Option<(Kind, bool, Vec<Fields>)>>,
    /// Positions that were taken from their people.
    taken: RefCell<BTreeMap<usize, ()>>,
}

/// The hash of [`PASSWORD`] with parameters that cost nothing: a world signs in hundreds of times.
fn cheap_hash() -> Result<&'static str, Violation> {
    static HASH: OnceLock<Option<String>> = OnceLock::new();
    let made = HASH.get_or_init(|| {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).ok()?);
        let salt = SaltString::encode_b64(&[7; 16]).ok()?;
        Some(argon2.hash_password(PASSWORD.as_bytes(), &salt).ok()?.to_string())
    });
    made.as_deref().ok_or_else(|| Violation::new("start", "no password hash"))
}

fn broken(error: impl std::fmt::Display) -> Violation {
    Violation::new("start", format!("the company cannot be made: {error}"))
}

/// A company as it is on its first morning: worlds of as many reps that drew the same variant begin with the same one.
#[derive(Clone)]
pub struct Company {
    /// The central database and its blobs.
    pub begin: Begin,
    part: Part,
    people: Rc<Vec<Person>>,
    territories: Rc<Vec<(String, TerritoryId)>>,
    places: BTreeMap<String, String>,
}

/// How many different companies there are for each number of reps.
const VARIANTS: u64 = 8;

/// Which of the companies a world has. Neighbouring seeds differ in it, whatever else follows from their last digits.
pub fn variant(seed: u64) -> u64 {
    seed / 4 % VARIANTS
}

/// The variant whose segments are too large to travel inside a reply: a phone fetches each alone.
const LARGE_VARIANT: u64 = 6;

/// Products of the large variant beyond those that are sold.
const MORE_PRODUCTS: u64 = 1_200;

impl Company {
    /// The company of a seed; made once for each thread.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn of(seed: u64, reps: usize) -> Result<Self, Violation> {
        thread_local! {
            static MADE: RefCell<BTreeMap<(u64, usize), Company>> = const { RefCell::new(BTreeMap::new()) };
        }
        let key = (variant(seed), reps);
        if let Some(made) = MADE.with_borrow(|made| made.get(&key).cloned()) {
            return Ok(made);
        }
        let shared = Rc::new(Shared::new(key.0 * 4, Keep::Nothing));
        let oracle = Rc::new(RefCell::new(Oracle::default()));
        let is_large = key.0 == LARGE_VARIANT;
        let office = Rc::new(Office::new(&shared, &oracle, 1, &nothing(SEGMENT_ROWS[usize::from(is_large)])?)?);
        let desk = Desk::found(&shared, &office, &oracle, reps)?;
        if is_large {
            desk.take_file(Kind::Products, false, (0..MORE_PRODUCTS).map(shelf_warmer).collect());
        }
        if let Some(violation) = shared.violation() {
            return Err(violation);
        }
        // Some worlds begin with everything sealed, others with all of it in the log.
        if let Some(app) = office.app().filter(|_| key.0.is_multiple_of(2)) {
            app.sealer.seal_all(app.now()).map_err(broken)?;
        }
        office.desk().ok_or_else(|| broken("the server is down"))?.checkpoint().map_err(broken)?;
        let company = Self {
            begin: office.as_beginning(),
            part: desk.part.clone(),
            people: Rc::clone(&desk.people),
            territories: Rc::clone(&desk.territories),
            places: oracle.borrow().places.clone(),
        };
        MADE.with_borrow_mut(|made| made.insert(key, company.clone()));
        Ok(company)
    }

    /// The same people, when their machine holds something else.
    pub fn later(&self, begin: Begin) -> Self {
        Self { begin, ..self.clone() }
    }
}

/// An empty database of this version.
fn nothing(segment_rows: usize) -> Result<Begin, Violation> {
    let disk = Disk::new();
    let made = Store::open_on(disk.vfs_name(), FILE_NAME.as_ref()).and_then(|store| migrate::run(&store, clock::START));
    made.map(|_| Begin { disk, blobs: Arc::new(InMemory::new()), segment_rows }).map_err(broken)
}

impl Desk {
    /// The desk of a company in the world of an office that runs on its database.
    pub fn of(company: &Company, shared: &Rc<Shared>, office: &Rc<Office>, oracle: &Rc<RefCell<Oracle>>) -> Self {
        oracle.borrow_mut().places = company.places.clone();
        Self {
            shared: Rc::clone(shared),
            office: Rc::clone(office),
            oracle: Rc::clone(oracle),
            part: company.part.clone(),
            people: Rc::clone(&company.people),
            territories: Rc::clone(&company.territories),
            last_file: RefCell::default(),
            taken: RefCell::default(),
        }
    }

    /// Founds a company: territories, people and all reference rows.
    fn found(shared: &Rc<Shared>, office: &Rc<Office>, oracle: &Rc<RefCell<Oracle>>, reps: usize) -> Result<Self, Violation> {
        let store = office.desk().ok_or_else(|| broken("the server is down"))?;
        let mut random = Random::new(shared.seed ^ 0x636f_6d70);
        let mut key = [0; 32];
        random.fill(&mut key);
        let mut epoch = [0; 8];
        random.fill(&mut epoch);
        let part = Part {
            id: PART.to_owned(),
            name: "ООО «Ромашка»".to_owned(),
            distributor: DistributorId(1),
            epoch: hex::encode(epoch),
            hash_key: HashKey(key),
        };
        let hash = cheap_hash()?;
        let territory_count = 2 + random.index(3);
        let (people, territories) = store
            .write(|tx| {
                part::create(tx, &part, clock::START)?;
                let mut territories = Vec::new();
                for n in 0..territory_count {
                    let code = format!("T{n}");
                    territories.push((code.clone(), organisation::put_territory(tx, PART, &code, &format!("Участок {n}"))?));
                }
                let mut people = Vec::new();
                for n in 0..=reps {
                    let all: Vec<TerritoryId> = territories.iter().map(|(_, id)| *id).collect();
                    let served = if n == reps { all } else { vec![territories[n % territory_count].1] };
                    let code = format!("P{n}");
                    let new = NewPosition {
                        code: &code,
                        name: &code,
                        role: if n == reps { Role::Supervisor } else { Role::Rep },
                        distributor: part.distributor,
                        parent: None,
                        territories: &served,
                    };
                    let position = organisation::put_position(tx, PART, &new)?;
                    let email = format!("rep{n}@fleet.example");
                    let user = NewUser { email: &email, name: "Анна", password_hash: hash };
                    let user = users::insert(tx, PART, user, clock::START)?.ok_or(StoreError::Corrupt("a login that is taken"))?;
                    users::assign_position(tx, PART, user, position)?;
                    people.push(Person { email, code, user, position });
                }
                Ok::<_, StoreError>((people, territories))
            })
            .map_err(broken)?;
        let desk = Self {
            shared: Rc::clone(shared),
            office: Rc::clone(office),
            oracle: Rc::clone(oracle),
            part,
            people: Rc::new(people),
            territories: Rc::new(territories),
            last_file: RefCell::default(),
            taken: RefCell::default(),
        };
        desk.take_file(
            Kind::PriceTypes,
            false,
            (0..PRICE_TYPES).map(|n| fields(&json!({"ext_code": format!("PT{n}"), "name": "Розница"}))).collect(),
        );
        desk.take_file(
            Kind::Warehouses,
            false,
            (0..WAREHOUSES).map(|n| fields(&json!({"ext_code": format!("W{n}"), "name": "Склад"}))).collect(),
        );
        desk.take_file(Kind::Products, false, (0..PRODUCTS).map(|n| product(n, &mut random)).collect());
        desk.take_file(Kind::Outlets, false, (0..OUTLETS).map(|n| desk.outlet(n, &mut random)).collect());
        desk.take_file(Kind::Prices, false, (0..PRODUCTS * 2).map(|n| price(n % PRODUCTS, n % PRICE_TYPES, &mut random)).collect());
        desk.take_file(Kind::Stock, false, (0..PRODUCTS).map(|n| stock(n, n % WAREHOUSES, &mut random)).collect());
        desk.take_file(Kind::Receivables, false, (0..OUTLETS).map(|n| receivable(n, &mut random)).collect());
        desk.take_file(Kind::Assortment, false, (0..PRODUCTS / 2).map(|n| assortment(n, &mut random)).collect());
        Ok(desk)
    }

    /// Imports a file; nothing happens while the machine is down.
    fn take_file(&self, kind: Kind, full: bool, rows: Vec<Fields>) {
        let Some(store) = self.office.desk() else { return };
        *self.last_file.borrow_mut() = Some((kind, full, rows.clone()));
        let now = clock::now();
        let today = CalendarDay::at(now, UtcOffsetMinutes(180));
        let options = Options { remove_missing: full, today, ..Options::at(now) };
        let mut refused = Vec::new();
        let lines = (1..).zip(rows.clone()).map(|(line, fields)| Ok(Line::Record(Record { line, fields })));
        let clock = ServerClock { skew_ms: 0 };
        let outcome = import::run(&store, &self.part, kind, &options, "fleet", lines, Pace::Alone, &clock, &mut |row| {
            refused.push(row.line);
            Ok(())
        });
        match outcome {
            Ok(outcome) => {
                self.shared.trace.line(format_args!("import {} {:?}", kind.as_str(), outcome.counts));
                if kind == Kind::Outlets {
                    let mut oracle = self.oracle.borrow_mut();
                    for (line, row) in (1..).zip(&rows) {
                        if let (false, Some(outlet), Some(territory)) =
                            (refused.contains(&line), row["ext_code"].as_str(), row["territory"].as_str())
                        {
                            oracle.places.insert(outlet.to_owned(), territory.to_owned());
                        }
                    }
                }
            }
            Err(error) => {
                self.shared.trace.line(format_args!("import {} broke: {error}", kind.as_str()));
                // Slices that were committed stay: where outlets lie now is read back when the machine is up again.
                self.oracle.borrow_mut().places_unsure = true;
                self.office.has_died();
                self.office.note_heads();
            }
        }
        self.office.note_heads();
    }

    fn outlet(&self, n: u64, random: &mut Random) -> Fields {
        let territory = &self.territories[random.index(self.territories.len())].0;
        fields(&json!({
            "ext_code": format!("O{n}"),
            "name": format!("Магазин {}", random.below(1_000)),
            "address": "ул. Мира, 1",
            "format": one_of(&["kiosk", "minimarket"], random),
            "price_type": format!("PT{}", random.below(PRICE_TYPES)),
            "territory": territory,
        }))
    }

    /// The office imports something that changed.
    pub fn import(&self, kind: ImportKind, pick: u64) {
        let mut random = Random::new(pick);
        let some = 1 + random.below(6);
        match kind {
            ImportKind::Products => {
                let rows = (0..some).map(|_| product(random.below(PRODUCTS + 4), &mut random)).collect();
                self.take_file(Kind::Products, false, rows);
            }
            ImportKind::Prices => {
                let rows = (0..some * 2).map(|_| price(random.below(PRODUCTS), random.below(PRICE_TYPES), &mut random)).collect();
                self.take_file(Kind::Prices, false, rows);
            }
            ImportKind::FullPrices => {
                let price_type = random.below(PRICE_TYPES);
                let rows = (0..PRODUCTS).filter(|n| !(n + pick).is_multiple_of(3)).map(|n| price(n, price_type, &mut random)).collect();
                self.take_file(Kind::Prices, true, rows);
            }
            ImportKind::Stock => {
                let rows = (0..some * 2).map(|_| stock(random.below(PRODUCTS), random.below(WAREHOUSES), &mut random)).collect();
                self.take_file(Kind::Stock, false, rows);
            }
            ImportKind::Outlets => {
                let rows = (0..some.min(3)).map(|_| self.outlet(random.below(OUTLETS + 2), &mut random)).collect();
                self.take_file(Kind::Outlets, false, rows);
            }
            ImportKind::Routes | ImportKind::FullRoutes => {
                let place = random.index(self.people.len());
                let position = &self.people[place];
                let today = CalendarDay::at(clock::now(), UtcOffsetMinutes(180));
                let rows = (1..=some * 2)
                    .map(|seq| {
                        fields(&json!({
                            "position": position.code,
                            "day": today.plus_days(i32::try_from(random.below(2)).unwrap_or(0)).to_string(),
                            "seq": seq,
                            "outlet": format!("O{}", random.below(OUTLETS)),
                        }))
                    })
                    .collect();
                self.take_file(Kind::Routes, kind == ImportKind::FullRoutes, rows);
            }
            ImportKind::Receivables => {
                let rows = (0..some).map(|_| receivable(random.below(OUTLETS), &mut random)).collect();
                self.take_file(Kind::Receivables, random.chance(200), rows);
            }
            ImportKind::Assortment => {
                let rows = (0..some).map(|_| assortment(random.below(PRODUCTS), &mut random)).collect();
                self.take_file(Kind::Assortment, random.chance(300), rows);
            }
            ImportKind::Again => {
                let last = self.last_file.borrow().clone();
                if let Some((kind, full, rows)) = last {
                    self.take_file(kind, full, rows);
                }
            }
        }
    }

    /// The office says something of documents it has.
    pub fn states(&self, pick: u64) {
        let Some(store) = self.office.desk() else { return };
        let documents = store.read(|tx| Ok::<_, StoreError>(crate::oracle::central::documents(tx)?)).unwrap_or_default();
        if documents.is_empty() {
            return;
        }
        let mut random = Random::new(pick);
        let rows = (0..1 + random.below(3))
            .map(|_| {
                let document = &documents[random.index(documents.len())];
                let id = document.key.id.as_slice().try_into().map(|bytes: [u8; 16]| uuid_text(&bytes)).unwrap_or_default();
                fields(&json!({"document_id": id, "state": one_of(&["accepted", "shipped", "delivered"], &mut random), "note": ""}))
            })
            .collect();
        self.take_file(Kind::DocumentStates, false, rows);
    }

    /// Takes a position from its person, or gives it back.
    pub fn change_position(&self, pick: u64) {
        let Some(store) = self.office.desk() else { return };
        let place = usize::try_from(pick).unwrap_or(0) % self.people.len();
        let person = &self.people[place];
        let take = self.taken.borrow_mut().remove(&place).is_none();
        let done = store.write(|tx| {
            if take {
                users::withdraw_position(tx, PART, person.user, person.position, clock::now())
            } else {
                users::assign_position(tx, PART, person.user, person.position)
            }
        });
        match done {
            Ok(()) if take => drop(self.taken.borrow_mut().insert(place, ())),
            Ok(()) => (),
            Err(error) => self.shared.trace.line(format_args!("position not changed: {error}")),
        }
        self.office.has_died();
    }

    /// Gives a position other territories.
    pub fn move_territory(&self, pick: u64) {
        let Some(store) = self.office.desk() else { return };
        let mut random = Random::new(pick);
        let person = &self.people[random.index(self.people.len())];
        let first = random.index(self.territories.len());
        let mut served = vec![self.territories[first].1];
        if random.chance(500) {
            served.push(self.territories[(first + 1) % self.territories.len()].1);
        }
        let new = NewPosition {
            code: &person.code,
            name: &person.code,
            role: Role::Rep,
            distributor: self.part.distributor,
            parent: None,
            territories: &served,
        };
        if let Err(error) = store.write(|tx| organisation::put_position(tx, PART, &new).map(drop)) {
            self.shared.trace.line(format_args!("territories not changed: {error}"));
        }
        self.office.has_died();
    }

    /// Blocks a device, or unblocks it.
    pub fn block_device(&self, device: DeviceId, block: bool) {
        let Some(store) = self.office.desk() else { return };
        let done =
            store.write(|tx| if block { devices::block(tx, PART, device, "", clock::now()) } else { devices::unblock(tx, PART, device) });
        if let Err(error) = done {
            self.shared.trace.line(format_args!("device not changed: {error}"));
        }
        self.office.has_died();
    }

    /// Everybody has their position again, and no device is blocked.
    ///
    /// # Errors
    ///
    /// When the database refuses though nothing is wrong with it.
    pub fn mend(&self) -> Result<(), Violation> {
        let store = self.office.desk().ok_or_else(|| Violation::new("I18", "the server is down at the end"))?;
        self.taken.borrow_mut().clear();
        store
            .write(|tx| {
                for person in self.people.iter() {
                    users::assign_position(tx, PART, person.user, person.position)?;
                }
                for entry in devices::list(tx, PART)? {
                    devices::unblock(tx, PART, entry.device.id)?;
                }
                Ok::<_, StoreError>(())
            })
            .map_err(|error| Violation::new("I18", format!("the office cannot mend its people: {error}")))?;
        Ok(())
    }

    /// The place of the person who has that position.
    pub fn place_of(&self, position: i64) -> Option<usize> {
        self.people.iter().position(|person| person.position.0 == position)
    }
}

fn fields(value: &Value) -> Fields {
    value.as_object().cloned().unwrap_or_default()
}

fn product(n: u64, random: &mut Random) -> Fields {
    fields(&json!({
        "ext_code": format!("A{n}"),
        "sku": format!("SKU-{n}"),
        "name": format!("Сок «Яблоко» {}", random.below(10_000)),
        "brand": "Сад",
        "block_factor": 6,
        "box_factor": 24,
        "active": !random.chance(100),
        "list_price": 1_000 + random.below(90_000),
        "stock_total": random.below(1_000),
    }))
}

/// A product that nobody orders, in words that do not compress.
fn shelf_warmer(n: u64) -> Fields {
    let words = blake3::hash(&n.to_le_bytes()).to_hex();
    fields(&json!({
        "ext_code": format!("Z{n}"),
        "sku": format!("Z-{n}"),
        "name": &words[..48],
        "brand": "Сад",
        "block_factor": 6,
        "box_factor": 24,
        "active": true,
        "list_price": 1_000,
        "stock_total": 0,
    }))
}

fn price(product: u64, price_type: u64, random: &mut Random) -> Fields {
    fields(&json!({"price_type": format!("PT{price_type}"), "product": format!("A{product}"), "value": 1_000 + random.below(90_000)}))
}

fn stock(product: u64, warehouse: u64, random: &mut Random) -> Fields {
    fields(&json!({"warehouse": format!("W{warehouse}"), "product": format!("A{product}"), "available": random.below(500)}))
}

fn receivable(outlet: u64, random: &mut Random) -> Fields {
    let amount = 1_000 + random.below(1_000_000);
    fields(&json!({
        "outlet": format!("O{outlet}"),
        "document": format!("Н-{}", random.below(40)),
        "day": "2026-11-01",
        "due_day": "2026-11-15",
        "amount": amount,
        "rest": random.below(amount),
    }))
}

fn assortment(product: u64, random: &mut Random) -> Fields {
    fields(&json!({
        "format": one_of(&["kiosk", "minimarket"], random),
        "product": format!("A{product}"),
        "kind": one_of(&["must", "focus", "new", "stop"], random),
    }))
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn one_of<'a>(words: &[&'a str], random: &mut Random) -> &'a str {
    words[random.index(words.len())]
}
