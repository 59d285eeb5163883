//! One device: its databases and its engine. Execute a command, load a screen; the only door.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_api::sync::{SessionResult, SyncView};
use polevik_device_api::view::{Screen, View};
use polevik_device_api::{Command, CommandDone, Failure, RowId};
use polevik_device_store::db::{Both, Damaged, commit};
use polevik_device_store::platform::Platform;
use polevik_device_store::reference::prices::NamedPrice;
use polevik_device_store::reference::products::Product;
use polevik_device_store::reference::{checkpoints, outlets, prices, products, staging};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::outbox::{self, QueueEntry};
use polevik_device_store::work::rows::{self, StoredSession};
use polevik_device_store::work::visits;
use polevik_device_store::{Store, StoreError};
use polevik_domain::ids::{DeviceId, DocumentId, OutletId, ProductId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::document::{Envelope, Receipt};
use polevik_protocol::login::{DeviceInfo, SignedIn};
use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::sync::{Download, SyncRequest};
use polevik_protocol::version::{PROTOCOL, SCHEMA};

use crate::acting::{Moment, signed_in_id};
use crate::calls::{Caller, inline_segment};
use crate::catalogue::Catalogue;
use crate::error::{DeviceError, Failed};
use crate::host::Host;
use crate::sync::apply::{ApplyError, apply};
use crate::sync::download::{DownloadPlan, plan};
use crate::sync::engine::{Ended, Engine};
use crate::sync::event::{Applied, ApplyFailed, Facts, Planned};
use crate::sync::hello;
use crate::sync::status_row::StatusRow;
use crate::sync::upload::{Batch, next_batch, settle};
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
    store: Store,
    catalogue: Catalogue,
    pub(crate) engine: Engine,
    setup: Setup,
    /// What the last exchange said of the office's rows, and the plan made of it.
    news: Option<Download>,
    plan: Option<DownloadPlan>,
}

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
            let mut kept = BTreeMap::new();
            for row in RowId::ALL {
                kept.insert(row, StatusRow::restore(rows::load(&tx, row.as_str())?));
            }
            let last = rows::last_session(&tx)?.map(restore_session);
            let clock_offset_ms = options::get_number(&tx, OptionName::ClockOffset)?.unwrap_or(0);
            commit(tx)?;
            let engine = Engine::new(kept, last, clock_offset_ms);
            Ok(Self { store, catalogue: Catalogue::default(), engine, setup, news: None, plan: None })
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
        let done = commands::execute(&both, command, moment)?;
        commit(both.work)?;
        Ok(done)
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
        let catalogue = &mut self.catalogue;
        Ok(match screen {
            Screen::Start => View::Start(screens::start::load(&both)?),
            Screen::Route(day) => View::Route(screens::route::load(&both, *day, moment)?),
            Screen::Outlets { search, limit } => View::Outlets(screens::outlets::load(&both, catalogue, search, *limit, moment)?),
            Screen::Outlet(outlet) => View::Outlet(Box::new(screens::outlet::load(&both, *outlet, moment)?)),
            Screen::Visit(visit) => View::Visit(Box::new(screens::visit::load(&both, *visit, moment)?)),
            Screen::Order(order) => View::Order(Box::new(screens::order::load(&both, *order, moment)?)),
            Screen::OrderPad { order, search, filter } => {
                View::OrderPad(screens::order_pad::load(&both, catalogue, *order, search, *filter, moment)?)
            }
            Screen::Orders { limit } => View::Orders(screens::orders::load(&both, *limit, moment)?),
            Screen::Sync => View::Sync(screens::sync::load(&both, &self.engine, device_now)?),
            Screen::Profile => View::Profile(screens::profile::load(&both, &self.setup.app_version)?),
        })
    }

    /// The synchronisation screen.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn sync_view(&mut self, host: &impl Host) -> Result<SyncView, DeviceError> {
        let both = self.store.read()?;
        screens::sync::load(&both, &self.engine, host.now())
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

    fn moment(&self, host: &impl Host) -> Moment {
        Moment::of(host, self.engine.clock_offset_ms())
    }

    /// What the engine is told with every event.
    pub(crate) fn facts(&mut self, host: &impl Host) -> Result<Facts, StoreError> {
        let mut random = [0; 4];
        host.random_bytes(&mut random);
        let both = self.store.read()?;
        Ok(Facts {
            now: host.now(),
            random: u32::from_le_bytes(random),
            outbox_end: outbox::end(&both.work)?,
            signed_in: options::get(&both.work, OptionName::Token)?.is_some(),
        })
    }

    /// Keeps the rows of the synchronisation screen, the end of the last session and the offset of the clock.
    pub(crate) fn save_engine(&mut self) -> Result<(), StoreError> {
        let tx = self.store.work()?;
        for id in RowId::ALL {
            rows::save(&tx, id.as_str(), &self.engine.row(id).stored())?;
        }
        if let Some(ended) = self.engine.last() {
            rows::save_session(&tx, &store_session(ended))?;
        }
        options::set(&tx, OptionName::ClockOffset, &self.engine.clock_offset_ms().to_string())?;
        commit(tx)
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

    /// Documents of any position that the server has not answered.
    pub(crate) fn unsent(&mut self) -> Result<u32, StoreError> {
        outbox::unsent(&self.store.read()?.work)
    }

    /// The next request of a session.
    pub(crate) fn request(&mut self, documents_up_to: Option<i64>, want_download: bool) -> Result<SyncRequest, DeviceError> {
        let both = self.store.read()?;
        let batch = match documents_up_to {
            Some(up_to) => next_batch(&both.work, signed_in_id(&both.work)?, up_to)?,
            None => Batch { documents: Vec::new(), is_last: true },
        };
        let want_download = want_download && batch.is_last;
        let (mut root, mut epoch, mut cursors) = (None, None, BTreeMap::new());
        if want_download {
            let checkpoints = checkpoints::all(&both.reference)?;
            if let Some(feed) = checkpoints::feed(&both.reference)? {
                // A bucket that is to be fetched anew makes the root count for nothing, or the server would answer that all is well.
                let whole = checkpoints.iter().all(|checkpoint| checkpoint.cursor > ChangeNo(0) || checkpoint.state.rows == 0);
                root = whole.then_some(feed.root);
                epoch = Some(feed.epoch);
            }
            cursors = checkpoints.into_iter().map(|checkpoint| (checkpoint.name, checkpoint.cursor.0)).collect();
        }
        Ok(SyncRequest { protocol: PROTOCOL, schema: SCHEMA, want_download, root, epoch, cursors, documents: batch.documents, ..SyncRequest::default() })
    }

    /// Settles receipts in one transaction. Gives how many documents were answered, and how many up to `up_to` still are not.
    pub(crate) fn settle(&mut self, sent: &[Envelope], receipts: &[Receipt], up_to: i64) -> Result<(u32, u32), DeviceError> {
        let tx = self.store.work()?;
        let answered = settle(&tx, sent, receipts)?;
        let waiting = outbox::waiting_up_to(&tx, signed_in_id(&tx)?, up_to)?;
        commit(tx)?;
        Ok((answered, waiting))
    }

    /// Keeps the office's news until they are planned.
    pub(crate) fn keep_news(&mut self, news: Option<Download>) {
        self.news = news;
        self.plan = None;
    }

    /// Makes a plan of the office's news and stages the segments that rode along. The cursors of `forget` are forgotten for good.
    pub(crate) fn plan(&mut self, forget: &[BucketName]) -> Result<Planned, Failed> {
        let planned = self.try_plan(forget);
        self.healed_sync(planned)
    }

    fn try_plan(&mut self, forget: &[BucketName]) -> Result<Planned, PlanError> {
        let Some(news) = &self.news else {
            return Err(Failed::new(ErrorCode::IncompleteReply, "there are no news to plan").into());
        };
        let tx = self.store.reference()?;
        for name in forget {
            checkpoints::forget(&tx, name)?;
        }
        let plan = plan(news, &checkpoints::all(&tx)?, checkpoints::feed(&tx)?.as_ref(), forget)?;
        let names = plan.names();
        staging::keep_only(&tx, &names)?;
        for text in &news.segments {
            let bytes = inline_segment(text)?;
            let name = Blake3Hex::of(&bytes);
            if names.contains(name.as_str()) {
                staging::insert(&tx, name.as_str(), &bytes)?;
            }
        }
        let planned = plan.planned(&staging::staged(&tx)?);
        commit(tx)?;
        self.plan = Some(plan);
        Ok(planned)
    }

    /// Keeps a segment whose bytes have been checked against its name.
    pub(crate) fn stage(&mut self, name: &Blake3Hex, bytes: &[u8]) -> Result<(), Failed> {
        let staged = (|| {
            let tx = self.store.reference()?;
            staging::insert(&tx, name.as_str(), bytes)?;
            commit(tx)
        })();
        self.healed_sync(staged)
    }

    /// Shows what was downloaded, all at once. Gives the tables that changed.
    pub(crate) fn apply(&mut self, at: UtcMillis) -> Result<(Applied, BTreeSet<&'static str>), ApplyFailed> {
        let Some(plan) = self.plan.take() else {
            return Err(ApplyFailed::Failed(Failed::new(ErrorCode::IncompleteReply, "there is no plan to apply")));
        };
        let shown = (|| {
            let tx = self.store.reference()?;
            let shown = apply(&tx, &plan, at)?;
            commit(tx)?;
            Ok::<_, ApplyError>(shown)
        })();
        match shown {
            Ok(shown) => {
                self.news = None;
                self.catalogue.forget(shown.changed.iter().copied());
                // The log of a first load is as long as the database; an error here costs only room.
                let _ = self.store.shrink_reference_log();
                Ok((Applied { rows: shown.rows }, shown.changed))
            }
            Err(ApplyError::WrongSum(buckets)) => Err(ApplyFailed::WrongSum(buckets)),
            Err(error) => {
                let failed = error.failed();
                if matches!(&error, ApplyError::Store(error) if error.is_damage()) {
                    self.heal();
                }
                Err(ApplyFailed::Failed(failed))
            }
        }
    }

    fn healed<T>(&mut self, result: Result<T, DeviceError>) -> Result<T, DeviceError> {
        if matches!(&result, Err(DeviceError::Store(error)) if error.is_damage()) {
            self.heal();
        }
        result
    }

    fn healed_sync<T, E: Into<PlanError>>(&mut self, result: Result<T, E>) -> Result<T, Failed> {
        result.map_err(|error| match error.into() {
            PlanError::Failed(failed) => failed,
            PlanError::Store(error) => {
                if error.is_damage() {
                    self.heal();
                }
                error.into()
            }
        })
    }

    /// A file is damaged: a copy of the office is begun anew, and what only this device knows is put aside for support.
    fn heal(&mut self) {
        if let Ok(Damaged::Reference) = self.store.recover() {
            self.forget_reference();
        }
    }

    fn forget_reference(&mut self) {
        self.catalogue = Catalogue::default();
        self.keep_news(None);
    }
}

enum PlanError {
    Failed(Failed),
    Store(StoreError),
}

impl From<Failed> for PlanError {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<StoreError> for PlanError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
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
    }
}
