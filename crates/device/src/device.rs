//! One device: its databases and its engine. Execute a command, load a screen; the only door.

use std::collections::BTreeSet;

use polevik_device_api::sync::{SessionResult, SyncView};
use polevik_device_api::view::{Screen, View};
use polevik_device_api::{Command, CommandDone, Failure, NetworkClass, RowId, WaitReason};
use polevik_device_store::db::{Both, Damaged, commit};
use polevik_device_store::platform::Platform;
use polevik_device_store::reference::prices::NamedPrice;
use polevik_device_store::reference::products::Product;
use polevik_device_store::reference::{checkpoints, foreign, outlets, prices, products, staging};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::outbox::{self, QueueEntry};
use polevik_device_store::work::rows::{self, StoredSession};
use polevik_device_store::work::sessions::{self, JournalledSession};
use polevik_device_store::work::{outgoing_files, parking, visits};
use polevik_device_store::{Store, StoreError, Transaction};
use polevik_domain::ids::{DeviceId, DocumentId, OutletId, ProductId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::login::{DeviceInfo, SignedIn};
use polevik_protocol::sync::{Download, Step};

use crate::acting::{Moment, last_position, signed_in_id};
use crate::calls::Caller;
use crate::catalogue::Catalogue;
use crate::error::{DeviceError, Failed};
use crate::files::Room;
use crate::host::Host;
use crate::screens::sync::Outside;
use crate::sync::download::DownloadPlan;
use crate::sync::engine::{Ended, Engine, Kept};
use crate::sync::event::Facts;
use crate::sync::exchange::{Memory, short_root};
use crate::sync::hello;
use crate::sync::recognition_library::{self, Fetching};
use crate::sync::rules::Pace;
use crate::sync::status_row::{LastAttempt, StatusRow};
use crate::{commands, screens};

/// What a program tells a device at every start.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Address of the server, for example `https://polevik.example`; `None` = the one that was used last.
    pub server: Option<String>,
    /// Model or browser, for support.
    pub model: String,
    /// Version of the application.
    pub app_version: String,
}

/// One device.
pub struct Device {
    pub(crate) store: Store,
    pub(crate) catalogue: Catalogue,
    pub(crate) engine: Engine,
    setup: Setup,
    /// What the running session remembers between its requests.
    pub(crate) memory: Memory,
    /// What the last exchange said of the office's rows, and the plan made of it.
    pub(crate) news: Option<Download>,
    pub(crate) step: Option<Step>,
    pub(crate) plan: Option<DownloadPlan>,
    /// The version of the recognition library that is being fetched.
    pub(crate) library: Option<Fetching>,
    /// Repairs failed so often that the copy of the office is to be built anew.
    pub(crate) rebuild_due: bool,
    /// What was last read of the databases for the engine.
    last_facts: Facts,
    /// Rows whose database was found damaged and begun anew; the engine has not been told yet.
    damaged: BTreeSet<RowId>,
    /// Files that no row needs any more.
    pub(crate) leaving: Vec<Blake3Hex>,
    /// How much room there was for files when somebody last looked.
    pub(crate) room: Room,
}

/// How often all rows of the copy are counted again.
const CHECK_EVERY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Device {
    /// Opens the databases, made and migrated as needed.
    ///
    /// # Errors
    ///
    /// L503 when the storage refuses, L505 when what only this device knows is damaged (a copy was put aside, nothing was deleted), S304 when
    /// a newer application has used it.
    pub fn open(platform: Box<dyn Platform>, setup: Setup, host: &impl Host) -> Result<Self, Failure> {
        let open = || -> Result<Self, StoreError> {
            let mut store = Store::open(platform)?;
            let tx = store.work()?;
            if options::get(&tx, OptionName::DeviceId)?.is_none() {
                let mut random = [0; 10];
                host.random_bytes(&mut random);
                options::set(&tx, OptionName::DeviceId, &DeviceId::generate(host.now(), random).to_string())?;
            }
            if options::get(&tx, OptionName::AppVersion)?.is_none_or(|version| version != setup.app_version) {
                // What the last version broke the server with may go through with this one.
                parking::unpark_all(&tx)?;
                options::set(&tx, OptionName::AppVersion, &setup.app_version)?;
            }
            let interrupted = options::get(&tx, OptionName::SessionOpen)?;
            if interrupted.is_some() {
                // The process ended in the middle of a session: whatever else happened then, all rows are counted again.
                options::clear(&tx, OptionName::VerifiedAt)?;
            }
            let salvaged = options::get(&tx, OptionName::WorkDamaged)?.is_some();
            let mut kept = Kept {
                interrupted: interrupted.iter().flat_map(|rows| rows.split(' ')).filter_map(RowId::parse).collect(),
                ..Kept::default()
            };
            for row in RowId::ALL {
                kept.rows.insert(row, StatusRow::restore(rows::load(&tx, row.as_str())?));
            }
            kept.last = rows::last_session(&tx)?.map(restore_session);
            kept.clock_offset_ms = options::get_number(&tx, OptionName::ClockOffset)?.unwrap_or(0);
            let number = |name| -> Result<Option<u32>, StoreError> {
                Ok(options::get_number(&tx, name)?.and_then(|number| u32::try_from(number).ok()))
            };
            kept.pace = Pace { failures: number(OptionName::BatchFailures)?.unwrap_or(0), limit: number(OptionName::BatchLimit)? };
            commit(tx)?;
            Ok(Self {
                store,
                catalogue: Catalogue::default(),
                engine: Engine::new(kept),
                setup,
                memory: Memory::default(),
                news: None,
                step: None,
                plan: None,
                library: None,
                rebuild_due: false,
                last_facts: Facts::default(),
                damaged: salvaged.then_some(RowId::UploadMandatory).into_iter().collect(),
                leaving: Vec::new(),
                room: Room::default(),
            })
        };
        open().map_err(|error| Failed::from(error).shown(None))
    }

    /// Does an act of the rep in one transaction; gives what came of it and the tables that changed.
    ///
    /// # Errors
    ///
    /// [`DeviceError`]; then nothing changed.
    pub fn execute(&mut self, command: Command, host: &impl Host) -> Result<(CommandDone, &'static [&'static str]), DeviceError> {
        let done = self.execute_in_databases(command, &self.moment(host));
        self.healed(done)
    }

    fn execute_in_databases(&mut self, command: Command, moment: &Moment) -> Result<(CommandDone, &'static [&'static str]), DeviceError> {
        let both = self.store.act()?;
        let act = commands::execute(&both, command, moment)?;
        commit(both.work)?;
        self.leaving.extend(act.leaving);
        Ok((act.done, act.changed))
    }

    /// Loads a screen from what is committed.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn load(&mut self, screen: &Screen, host: &impl Host) -> Result<View, DeviceError> {
        let moment = self.moment(host);
        let view = self.load_from_databases(screen, &moment, host.now());
        self.healed(view)
    }

    fn load_from_databases(&mut self, screen: &Screen, moment: &Moment, device_now: UtcMillis) -> Result<View, DeviceError> {
        let both = self.store.read()?;
        let (catalogue, room, network) = (&mut self.catalogue, self.room, self.last_facts.network);
        Ok(match screen {
            Screen::Start => View::Start(screens::start::load(&both)?),
            Screen::Route(day) => View::Route(screens::route::load(&both, *day, moment)?),
            Screen::Outlets { search, limit } => View::Outlets(screens::outlets::load(&both, catalogue, search, *limit, moment)?),
            Screen::Outlet(outlet) => View::Outlet(Box::new(screens::outlet::load(&both, *outlet, moment)?)),
            Screen::Visit(visit) => View::Visit(Box::new(screens::visit::load(&both, *visit, room.free, moment)?)),
            Screen::Order(order) => View::Order(Box::new(screens::order::load(&both, *order, moment)?)),
            Screen::OrderPad { order, search, filter } => {
                View::OrderPad(screens::order_pad::load(&both, catalogue, *order, search, *filter, moment)?)
            }
            Screen::Orders { limit } => View::Orders(screens::orders::load(&both, *limit, moment)?),
            Screen::Sync => {
                View::Sync(screens::sync::load(&both, &self.engine, &Outside { network, free: room.free, device_now }, moment)?)
            }
            Screen::Attention => View::Attention(screens::attention::load(&both)?),
            Screen::Materials => View::Materials(screens::materials::load(&both, &self.engine, room.free, moment)?),
            Screen::Storage => View::Storage(screens::storage::load(&both, room, moment)?),
            Screen::Profile => View::Profile(Box::new(screens::profile::load(&both, &self.setup.app_version, moment)?)),
        })
    }

    /// The synchronisation screen.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn sync_view(&mut self, host: &impl Host) -> Result<SyncView, DeviceError> {
        let (moment, network, free) = (self.moment(host), self.last_facts.network, self.room.free);
        let both = self.store.read()?;
        screens::sync::load(&both, &self.engine, &Outside { network, free, device_now: host.now() }, &moment)
    }

    /// Looks into both databases as they are committed: for tools that check from outside whether promises are kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn look_into<R>(&mut self, look: impl FnOnce(&Both<'_>) -> R) -> Result<R, StoreError> {
        Ok(look(&self.store.read()?))
    }

    /// Up to `limit` products, inactive ones too, by id: what scripts compare with the server.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn products(&mut self, limit: u32) -> Result<Vec<Product>, DeviceError> {
        let both = self.store.read()?;
        Ok(products::listed(&both.reference, limit)?)
    }

    /// The product of that article, or of that code of the office.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn product_by_code(&mut self, code: &str) -> Result<Option<ProductId>, DeviceError> {
        let both = self.store.read()?;
        Ok(products::by_code(&both.reference, code)?)
    }

    /// The outlet of that code of the office.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn outlet_by_code(&mut self, code: &str) -> Result<Option<OutletId>, DeviceError> {
        let both = self.store.read()?;
        Ok(outlets::by_code(&both.reference, code)?)
    }

    /// Whether the outlet is on this device.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn has_outlet(&mut self, id: OutletId) -> Result<bool, DeviceError> {
        let both = self.store.read()?;
        Ok(outlets::find(&both.reference, id)?.is_some())
    }

    /// Up to `limit` entries of all price lists.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn prices(&mut self, limit: u32) -> Result<Vec<NamedPrice>, DeviceError> {
        let both = self.store.read()?;
        Ok(prices::listed(&both.reference, limit)?)
    }

    /// Up to `limit` entries of the outbox that need somebody: not answered, or refused.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn queue(&mut self, limit: u32) -> Result<Vec<QueueEntry>, DeviceError> {
        let both = self.store.read()?;
        Ok(outbox::queue(&both.work, limit)?)
    }

    /// The open visit of the position that is signed in.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn open_visit(&mut self) -> Result<Option<DocumentId>, DeviceError> {
        let both = self.store.read()?;
        let position = signed_in_id(&both.work)?;
        Ok(visits::open(&both.work, position)?.map(|visit| visit.id))
    }

    pub(crate) fn moment(&self, host: &impl Host) -> Moment {
        Moment::of(host, self.engine.clock_offset_ms())
    }

    /// Now, by the server's clock as far as it is known.
    pub(crate) fn corrected_now(&self, host: &impl Host) -> UtcMillis {
        host.now().plus_millis(self.engine.clock_offset_ms())
    }

    /// What the engine is told with every event.
    ///
    /// An event that happened is told in any case: while the databases cannot be read, with what was last read of them.
    pub(crate) fn facts(&mut self, host: &impl Host, network: NetworkClass, moved_bytes: u64) -> Facts {
        let mut random = [0; 4];
        host.random_bytes(&mut random);
        let mut read = self.read_facts(self.corrected_now(host));
        if read.as_ref().is_err_and(StoreError::is_damage) {
            self.heal();
            read = self.read_facts(self.corrected_now(host));
        }
        match read {
            Ok(facts) => self.last_facts = facts,
            Err(error) => {
                host.log(&format!("the databases could not be read: {error}"));
                // What waits is not known: a session must not end well before all of it, whatever it is, was answered.
                self.last_facts.outbox_end = i64::MAX;
            }
        }
        self.last_facts.network = network;
        let (now, random) = (host.now(), u32::from_le_bytes(random));
        Facts { now, random, moved_bytes, rebuild_due: self.rebuild_due, ..self.last_facts }
    }

    fn read_facts(&mut self, now: UtcMillis) -> Result<Facts, StoreError> {
        let both = self.store.read()?;
        let checked_ms = options::get_number(&both.work, OptionName::VerifiedAt)?.map(|at| now.since(UtcMillis(at)));
        Ok(Facts {
            outbox_end: outbox::end(&both.work)?,
            signed_in: options::get(&both.work, OptionName::Token)?.is_some(),
            has_root: checkpoints::feed(&both.reference)?.is_some_and(|feed| !feed.root.is_empty()),
            // A check in the future was made by a clock that is right again by now.
            check_due: checked_ms.is_none_or(|ago| !(-CHECK_EVERY_MS..CHECK_EVERY_MS).contains(&ago)),
            fill_due: !foreign::missing_columns(&both.reference)?.is_empty(),
            wifi_only: options::get(&both.work, OptionName::WiFiOnly)?.is_some(),
            visit_is_open: is_visit_open(&both.work)?,
            photos: photos_waiting(&both.work)?,
            has_library: recognition_library::is_expected(&both.work)?,
            ..Facts::default()
        })
    }

    /// Whether bytes of a row of files may go over this network at this moment.
    pub(crate) fn gate(&self, row: RowId, network: NetworkClass) -> Result<(), WaitReason> {
        self.engine.gate(row, network, self.last_facts.wifi_only)
    }

    /// Whether a visit of the position that signed in last is open.
    pub(crate) fn visit_is_open(&mut self) -> Result<bool, StoreError> {
        is_visit_open(&self.store.read()?.work)
    }

    /// The root that is held, as it is told to the server; `None` before the first download.
    pub(crate) fn held_root(&mut self) -> Result<Option<String>, StoreError> {
        let both = self.store.read()?;
        Ok(checkpoints::feed(&both.reference)?.map(|feed| short_root(&feed.root)))
    }

    /// Keeps the rows of the synchronisation screen, the end of the last session and the offset of the clock; with `ended_at`, by the server's
    /// clock, the session is noted in the journal too.
    pub(crate) fn save_engine(&mut self, ended_at: Option<UtcMillis>) -> Result<(), StoreError> {
        let saved = self.try_save_engine(ended_at);
        if saved.as_ref().is_err_and(StoreError::is_damage) {
            self.heal();
            return self.try_save_engine(ended_at);
        }
        saved
    }

    fn try_save_engine(&mut self, ended_at: Option<UtcMillis>) -> Result<(), StoreError> {
        let tx = if self.is_worth_a_wait(ended_at) { self.store.work()? } else { self.store.work_in_passing()? };
        for id in RowId::ALL {
            rows::save(&tx, id.as_str(), &self.engine.row(id).stored())?;
        }
        if let Some(ended) = self.engine.last() {
            rows::save_session(&tx, &store_session(ended))?;
            if let Some(ended_at) = ended_at {
                sessions::note(&tx, &journalled(ended, ended_at))?;
            }
        }
        if self.engine.row(RowId::UploadMandatory).last == LastAttempt::Ok {
            // What was salvaged is on the server, and whoever looked has been told.
            options::clear(&tx, OptionName::WorkDamaged)?;
        }
        options::set(&tx, OptionName::ClockOffset, &self.engine.clock_offset_ms().to_string())?;
        let Pace { failures, limit } = self.engine.pace();
        let numbers = [(OptionName::BatchFailures, Some(failures).filter(|failures| *failures > 0)), (OptionName::BatchLimit, limit)];
        let names = |rows: Vec<RowId>| rows.into_iter().map(RowId::as_str).collect::<Vec<_>>().join(" ");
        let session = self.engine.session().map(|session| names(session.open_rows()));
        let texts = numbers.map(|(name, number)| (name, number.map(|number| number.to_string())));
        for (name, value) in texts.into_iter().chain([(OptionName::SessionOpen, session)]) {
            match value {
                Some(value) => options::set(&tx, name, &value)?,
                None => options::clear(&tx, name)?,
            }
        }
        commit(tx)
    }

    /// Whether how things stand shall be on the disk at once. That a session began, or found nothing to do, may be forgotten in a power cut.
    fn is_worth_a_wait(&self, ended_at: Option<UtcMillis>) -> bool {
        match (self.engine.session(), ended_at, self.engine.last()) {
            (Some(_), ..) => false,
            (None, Some(_), Some(ended)) => ended.sent + ended.received > 0 || ended.code.is_some(),
            (None, ..) => true,
        }
    }

    /// The last sessions, newest first: for support.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn sessions(&mut self, limit: u32) -> Result<Vec<JournalledSession>, DeviceError> {
        Ok(sessions::newest(&self.store.read()?.work, limit)?)
    }

    /// Whom this device talks to.
    pub(crate) fn caller(&mut self) -> Result<Caller, StoreError> {
        let tx = self.store.read()?.work;
        let server = match &self.setup.server {
            Some(server) => server.clone(),
            None => options::get(&tx, OptionName::Server)?.unwrap_or_default(),
        };
        let tag = self.engine.session().map(|session| session.tag.to_string());
        Ok(Caller { server: server.trim_end_matches('/').to_owned(), token: options::get(&tx, OptionName::Token)?, tag })
    }

    /// Version of the application.
    pub(crate) fn app_version(&self) -> &str {
        &self.setup.app_version
    }

    /// What the server is told of this installation.
    pub(crate) fn device_info(&mut self) -> Result<DeviceInfo, StoreError> {
        let tx = self.store.read()?.work;
        let id = options::get(&tx, OptionName::DeviceId)?.and_then(|text| DeviceId::parse(&text));
        Ok(DeviceInfo {
            id: id.ok_or(StoreError::BadValue("option.device_id"))?,
            model: self.setup.model.clone(),
            app_version: self.setup.app_version.clone(),
        })
    }

    /// Keeps a new sign-in; for another position or server an empty copy of the office begins.
    pub(crate) fn sign_in(&mut self, email: &str, server: &str, signed_in: &SignedIn) -> Result<(), DeviceError> {
        let another = hello::sign_in(self.store.work()?, email, server, signed_in)?;
        if another {
            self.engine.forget_rows();
            let tx = self.store.read()?.reference;
            let is_empty = checkpoints::feed(&tx)?.is_none() && staging::staged(&tx)?.is_empty();
            drop(tx);
            if !is_empty {
                self.store.reset_reference()?;
            }
            self.forget_reference();
        }
        Ok(())
    }

    /// Forgets the token.
    pub(crate) fn sign_out(&mut self) -> Result<(), StoreError> {
        hello::sign_out(self.store.work()?)
    }

    /// Documents of any position that the server has not answered, and files that it does not have.
    pub(crate) fn unsent(&mut self) -> Result<u32, StoreError> {
        let work = self.store.read()?.work;
        Ok(outbox::unsent(&work)? + outgoing_files::unsent(&work)?)
    }

    pub(crate) fn healed<T>(&mut self, result: Result<T, DeviceError>) -> Result<T, DeviceError> {
        if matches!(&result, Err(DeviceError::Store(error)) if error.is_damage()) {
            self.heal();
        }
        result
    }

    /// A file is damaged: a copy of the office is begun anew, and what only this device knows is put aside for support.
    pub(crate) fn heal(&mut self) {
        match self.store.recover() {
            Ok(Damaged::Reference) => {
                self.forget_reference();
                self.damaged.insert(RowId::DownloadMandatory);
            }
            Ok(Damaged::Work) => {
                self.damaged.insert(RowId::UploadMandatory);
            }
            // Whatever asked next hears of it.
            Err(_) => (),
        }
    }

    /// The rows whose database was damaged and begun anew since this was last asked.
    pub(crate) fn take_damage(&mut self) -> BTreeSet<RowId> {
        std::mem::take(&mut self.damaged)
    }

    /// Whatever was known of the copy of the office counts for nothing: another one is open.
    pub(crate) fn forget_reference(&mut self) {
        self.catalogue = Catalogue::default();
        self.keep_news(None, None);
    }

    /// Keeps the office's news until they are planned or applied.
    pub(crate) fn keep_news(&mut self, download: Option<Download>, step: Option<Step>) {
        (self.news, self.step, self.plan) = (download, step, None);
    }
}

fn is_visit_open(work: &Transaction<'_>) -> Result<bool, StoreError> {
    let Some(position) = last_position(work)? else { return Ok(false) };
    Ok(visits::open(work, position.id)?.is_some())
}

fn photos_waiting(work: &Transaction<'_>) -> Result<(u64, u64), StoreError> {
    let Some(position) = last_position(work)? else { return Ok((0, 0)) };
    let counts = outgoing_files::counts(work, position.id)?;
    Ok((u64::from(counts.waiting), counts.bytes))
}

fn store_session(ended: &Ended) -> StoredSession {
    let result = match ended.result {
        SessionResult::Success => "success",
        SessionResult::Partial => "partial",
        SessionResult::Failed => "failed",
        SessionResult::Stopped => "stopped",
    };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    StoredSession {
        tag: ended.tag.clone(),
        result: result.to_owned(),
        sent: number(ended.sent),
        received: number(ended.received),
        bytes: number(ended.bytes),
        millis: number(ended.millis),
    }
}

fn journalled(ended: &Ended, ended_at: UtcMillis) -> JournalledSession {
    let StoredSession { tag, result, sent, received, bytes, millis } = store_session(ended);
    let code = ended.code.map(|code| code.as_str().to_owned());
    JournalledSession { ended_at, cause: ended.cause.to_owned(), tag, result, code, sent, received, bytes, millis }
}

fn restore_session(stored: StoredSession) -> Ended {
    let result = match stored.result.as_str() {
        "success" => SessionResult::Success,
        "partial" => SessionResult::Partial,
        "stopped" => SessionResult::Stopped,
        // `failed`, or a word of a later version: nothing good is claimed.
        _ => SessionResult::Failed,
    };
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    Ended {
        tag: stored.tag,
        result,
        sent: number(stored.sent),
        received: number(stored.received),
        bytes: number(stored.bytes),
        millis: number(stored.millis),
        // The journal knows them; they are not shown.
        cause: "",
        code: None,
    }
}
