//! One world: phones, a network, an office and its server, on one thread and in virtual time.

use std::cell::RefCell;
use std::rc::Rc;

use polevik_device_api::frame::{Reply, Request};
use polevik_device_api::{Command, CommandDone, LineChange, RowId, RowState, RowView};
use polevik_device_store::db::WORK;
use polevik_domain::ids::{DeviceId, DocumentId, OutletId, ProductId};
use polevik_domain::quantity::Unit;
use polevik_testkit::disk::{Crash, Disk, Failure, FailureKind};
use polevik_testkit::random::Random;

use crate::clock;
use crate::handset::Handset;
use crate::network::Network;
use crate::oracle::frozen::put_old_installation;
use crate::oracle::{Oracle, central, contents_of, phone};
use crate::people::{Company, Desk, PASSWORD};
use crate::plan::{Op, Plan};
use crate::server::Office;
use crate::shared::{Shared, Spawn, Violation, words_of};

/// The longest wait between two tries of a device, with its jitter, in milliseconds.
const RETRY_PERIOD_MS: u64 = 1_800 * 1_200;

/// How long everything may take to drain once nothing goes wrong any more: three retry periods.
const DRAIN_MS: u64 = 3 * RETRY_PERIOD_MS;

/// What became of one world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which.
    pub seed: u64,
    /// The first promise that was not kept.
    pub violation: Option<Violation>,
    /// The hash over the trace, and how many lines it has.
    pub digest: (String, u64),
    /// The trace, if it was kept.
    pub lines: Vec<String>,
    /// Documents that were reported as saved.
    pub saved: u64,
}

/// Runs a plan to its end. A panic anywhere in it is a violation.
pub fn run(plan: &Plan, keep_trace: bool) -> Outcome {
    let shared = Rc::new(Shared::new(plan.seed, keep_trace));
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let Ok(runtime) = runtime else { return Err(Violation::new("start", "no runtime")) };
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            clock::begin();
            live(plan, &shared, &oracle).await
        })
    }));
    #[cfg(feature = "planted")]
    polevik_planted::plant(None);
    match ran {
        Ok(Ok(())) => (),
        Ok(Err(violation)) => shared.violated(violation),
        Err(panic) => shared.violated(Violation::new("panic", words_of(&*panic))),
    }
    let saved = oracle.try_borrow().map_or(0, |oracle| oracle.saved);
    Outcome { seed: plan.seed, violation: shared.violation(), digest: shared.trace.digest(), lines: shared.trace.lines(), saved }
}

async fn live(plan: &Plan, shared: &Rc<Shared>, oracle: &Rc<RefCell<Oracle>>) -> Result<(), Violation> {
    let mut world = World::new(plan, shared, oracle)?;
    for step in &plan.steps {
        clock::sleep_until(step.at_ms).await;
        shared.trace.line(format_args!("> {}", serde_json::to_string(&step.op).unwrap_or_default()));
        world.perform(&step.op);
        world.look_at(step.op.phone())?;
        if shared.violation().is_some() {
            return Ok(());
        }
    }
    world.end().await
}

impl Op {
    /// Which phone it is about.
    fn phone(&self) -> Option<usize> {
        match self {
            Self::Visit { phone, .. }
            | Self::Order { phone, .. }
            | Self::Sync { phone, .. }
            | Self::StopSync { phone }
            | Self::Wake { phone }
            | Self::Login { phone, .. }
            | Self::Logout { phone, .. }
            | Self::Foreground { phone, .. }
            | Self::Withdraw { phone, .. }
            | Self::Unpark { phone }
            | Self::Check { phone }
            | Self::KillPhone { phone, .. }
            | Self::PowerLoss { phone, .. }
            | Self::CrashPhoneAt { phone, .. }
            | Self::DiskFull { phone, .. }
            | Self::DiskError { phone, .. }
            | Self::FlipBit { phone, .. }
            | Self::WipeReference { phone }
            | Self::BackUpPhone { phone }
            | Self::RestorePhone { phone }
            | Self::ClonePhone { phone, .. }
            | Self::SetClock { phone, .. }
            | Self::SetZone { phone, .. }
            | Self::Net { phone, .. }
            | Self::Offline { phone, .. }
            | Self::Portal { phone, .. }
            | Self::BlockDevice { phone } => Some(*phone),
            Self::Storm { .. }
            | Self::KillServer { .. }
            | Self::ServerPowerLoss { .. }
            | Self::CrashServerAt { .. }
            | Self::ServerDiskError { .. }
            | Self::BackUpServer
            | Self::RestoreServer { .. }
            | Self::Seal
            | Self::Poison { .. }
            | Self::Import { .. }
            | Self::States { .. }
            | Self::ChangePosition { .. }
            | Self::MoveTerritory { .. } => None,
        }
    }
}

struct World {
    shared: Rc<Shared>,
    oracle: Rc<RefCell<Oracle>>,
    office: Rc<Office>,
    network: Rc<Network>,
    desk: Desk,
    phones: Vec<Rc<Handset>>,
    blocked: Vec<DeviceId>,
}

impl World {
    fn new(plan: &Plan, shared: &Rc<Shared>, oracle: &Rc<RefCell<Oracle>>) -> Result<Self, Violation> {
        let company = Company::of(plan.seed, plan.phones)?;
        #[cfg(feature = "planted")]
        polevik_planted::plant(plan.bug.as_deref().and_then(polevik_planted::Bug::parse));
        let office = Rc::new(Office::new(shared, oracle, plan.servers, &company.disk)?);
        let desk = Desk::of(&company, shared, &office, oracle);
        office.note_heads();
        let network = Rc::new(Network::new(Rc::clone(shared), Rc::clone(&office)));
        let phones: Vec<Rc<Handset>> = (0..plan.phones).map(|number| Handset::new(shared, &network, number, number, Disk::new())).collect();
        for phone in &phones {
            // In every fourth world some phones come from versions that were shipped before.
            if plan.seed % 4 == 1 && phone.number % 2 == 1 {
                let position = desk.people[phone.rep].position_id();
                put_old_installation(&phone.disk, phone.number, position)
                    .map_err(|error| Violation::new("I22", format!("a frozen database cannot be made: {error}")))?;
            }
            phone.start();
        }
        Ok(Self { shared: Rc::clone(shared), oracle: Rc::clone(oracle), office, network, desk, phones, blocked: Vec::new() })
    }

    fn phone(&self, number: usize) -> Rc<Handset> {
        Rc::clone(&self.phones[number % self.phones.len()])
    }

    fn perform(&mut self, op: &Op) {
        let until = |millis: u64| clock::elapsed_ms() + millis;
        match *op {
            Op::Visit { phone, pick } => self.visit(&self.phone(phone), pick),
            Op::Order { phone, pick } => self.order(&self.phone(phone), pick),
            Op::Sync { phone, pick } => {
                let row =
                    [None, None, Some(RowId::UploadMandatory), Some(RowId::DownloadMandatory)][usize::try_from(pick % 4).unwrap_or(0)];
                self.phone(phone).ask(Request::Sync(row));
            }
            Op::StopSync { phone } => drop(self.phone(phone).ask(Request::StopSync)),
            Op::Wake { phone } => drop(self.phone(phone).ask(Request::Wake)),
            Op::Login { phone, pick } => {
                let phone = self.phone(phone);
                let own = pick % 4 > 0 || pick == 0;
                let place = if own { phone.rep } else { usize::try_from(pick / 4).unwrap_or(0) % self.desk.people.len() };
                self.log_in(&phone, place);
            }
            Op::Logout { phone, keep_unsent } => self.phone(phone).ask_and_wait(Request::Logout { keep_unsent }),
            Op::Foreground { phone, pick } => {
                let phone = self.phone(phone);
                phone.ask(Request::Foreground(true));
                self.shared.spawn(async move {
                    clock::sleep(5_000 + pick % 60_000).await;
                    phone.ask(Request::Foreground(false));
                });
            }
            Op::Withdraw { phone, pick } => self.withdraw(&self.phone(phone), pick),
            Op::Unpark { phone } => drop(self.phone(phone).ask(Request::Execute(Command::Unpark { document: None }))),
            Op::Check { phone } => drop(self.phone(phone).ask(Request::Check)),

            Op::KillPhone { phone, pick } => {
                let phone = self.phone(phone);
                if phone.is_on() {
                    phone.crash(Crash::Process);
                    phone.start_later(500 + pick % 60_000);
                }
            }
            Op::PowerLoss { phone, pick } => {
                let phone = self.phone(phone);
                if phone.is_on() {
                    phone.crash(if pick % 3 == 0 { Crash::Power } else { Crash::PowerTorn { seed: pick } });
                    phone.start_later(500 + pick % 60_000);
                }
            }
            Op::CrashPhoneAt { phone, pick } => {
                let phone = self.phone(phone);
                let crash = [Crash::Process, Crash::Power, Crash::PowerTorn { seed: pick }][usize::try_from(pick % 3).unwrap_or(0)];
                phone.will_lose_power.set(crash != Crash::Process);
                phone.disk.crash_at(phone.disk.operations() + 1 + (pick / 3) % 60, crash);
            }
            Op::DiskFull { phone, pick } => {
                let phone = self.phone(phone);
                let used: u64 = phone.disk.file_names().iter().filter_map(|name| phone.disk.file(name)).map(|file| file.len() as u64).sum();
                phone.disk.set_capacity(Some(used + pick % 20_000));
                self.shared.spawn(async move {
                    clock::sleep(10_000 + pick % 120_000).await;
                    phone.disk.set_capacity(None);
                });
            }
            Op::DiskError { phone, pick } => {
                let kinds = [FailureKind::InputOutput, FailureKind::Read, FailureKind::Full, FailureKind::ShortWrite, FailureKind::Busy];
                let kind = kinds[usize::try_from(pick % 5).unwrap_or(0)];
                self.phone(phone).disk.fail(Failure::once(kind, 1 + (pick / 5) % 40));
            }
            Op::FlipBit { phone, pick } => self.flip_bit(&self.phone(phone), pick),
            Op::WipeReference { phone } => {
                let phone = self.phone(phone);
                phone.crash(Crash::Process);
                for name in phone.disk.file_names().iter().filter(|name| name.starts_with("reference-")) {
                    phone.disk.wipe_file(name);
                }
                self.oracle.borrow_mut().forget_cursors(phone.number);
                phone.start_later(1_000);
            }
            Op::BackUpPhone { phone } => {
                let phone = self.phone(phone);
                if !phone.disk.has_crashed() {
                    *phone.backup.borrow_mut() = Some(phone.disk.fork());
                }
            }
            Op::RestorePhone { phone } => {
                let phone = self.phone(phone);
                let backup = phone.backup.borrow().clone();
                if let Some(backup) = backup {
                    phone.crash(Crash::Process);
                    phone.disk.restore(&backup);
                    self.oracle.borrow_mut().phone_set_back(phone.number);
                    phone.start_later(1_000);
                }
            }
            Op::ClonePhone { phone, pick } => self.clone_phone(&self.phone(phone), pick),
            Op::SetClock { phone, pick } => {
                let offsets = [-315_360_000, -86_400, -3_600, -90, 0, 90, 3_600, 86_400, 946_080_000];
                let offset_s: i64 = offsets[usize::try_from(pick % 9).unwrap_or(0)];
                self.phone(phone).set_clock(offset_s * 1_000);
            }
            Op::SetZone { phone, pick } => {
                self.phone(phone).set_zone([-600, 0, 120, 180, 345, 720][usize::try_from(pick % 6).unwrap_or(0)]);
            }

            Op::Net { phone, fault, pick } => self.phone(phone).connection.add_fault(fault, pick),
            Op::Offline { phone, pick } => self.phone(phone).connection.go_offline(until(5_000 + pick % 600_000)),
            Op::Portal { phone, pick } => self.phone(phone).connection.enter_portal(until(5_000 + pick % 300_000)),
            Op::Storm { pick } => self.network.storm(until(5_000 + pick % 120_000)),

            Op::KillServer { pick } => self.office.kill(1_000 + pick % 120_000),
            Op::ServerPowerLoss { pick } => self.office.lose_power(1_000 + pick % 120_000),
            Op::CrashServerAt { pick } => {
                let crash = [Crash::Process, Crash::Power, Crash::PowerTorn { seed: pick }][usize::try_from(pick % 3).unwrap_or(0)];
                let disk = self.office.disk();
                disk.crash_at(disk.operations() + 1 + (pick / 3) % 40, crash);
            }
            Op::ServerDiskError { pick } => {
                let kinds = [FailureKind::InputOutput, FailureKind::Read, FailureKind::Full];
                let kind = kinds[usize::try_from(pick % 3).unwrap_or(0)];
                self.office.fail_disk(Failure::once(kind, 1 + (pick / 3) % 30));
            }
            Op::BackUpServer => self.office.back_up(),
            Op::RestoreServer { .. } => self.office.restore(),
            Op::Seal => {
                if let Some(app) = self.office.app()
                    && let Err(error) = app.sealer.seal_all(app.now())
                {
                    self.shared.trace.line(format_args!("not sealed: {error}"));
                    self.office.has_died();
                }
                self.office.note_heads();
            }
            Op::Poison { pick } => self.poison(pick),

            Op::Import { kind, pick } => self.desk.import(kind, pick),
            Op::States { pick } => self.desk.states(pick),
            Op::ChangePosition { pick } => self.desk.change_position(pick),
            Op::MoveTerritory { pick } => self.desk.move_territory(pick),
            Op::BlockDevice { phone } => self.block(&self.phone(phone)),
        }
    }

    fn log_in(&self, phone: &Rc<Handset>, place: usize) {
        let person = &self.desk.people[place % self.desk.people.len()];
        phone.ask_and_wait(Request::Login { email: person.email.clone(), password: PASSWORD.to_owned(), position: None });
    }

    fn visit(&self, phone: &Rc<Handset>, pick: u64) {
        match phone.open_visit() {
            Some(visit) => drop(phone.ask(Request::Execute(Command::FinishVisit { visit }))),
            None => {
                let outlet = OutletId(1 + i64::try_from(pick % 17).unwrap_or(0));
                phone.ask(Request::Execute(Command::StartVisit { outlet, route_stop: None }));
            }
        }
    }

    fn order(&self, phone: &Rc<Handset>, pick: u64) {
        let mut random = Random::new(pick);
        let visit = phone.open_visit().filter(|_| random.chance(700));
        let mut outlet = OutletId(1 + i64::try_from(random.below(17)).unwrap_or(0));
        if let Some(visit) = visit {
            // A visit's order is for the visit's outlet; which that is stands in the outbox.
            match phone.look(|both| phone::outlet_of_visit(&both.work, visit.as_bytes())) {
                Some(Ok(Some(id))) => outlet = OutletId(id),
                _ => return,
            }
        }
        let outside_visit = visit.is_none().then(|| "звонок".to_owned());
        let Some(Reply::Done(CommandDone::Document(order))) =
            phone.ask(Request::Execute(Command::NewOrder { outlet, visit, outside_visit }))
        else {
            return;
        };
        for _ in 0..1 + random.below(3) {
            let change = LineChange {
                product: ProductId(1 + i64::try_from(random.below(42)).unwrap_or(0)),
                unit: [Unit::Piece, Unit::Block, Unit::Box][random.index(3)],
                quantity: 1 + i64::try_from(random.below(20)).unwrap_or(0),
            };
            phone.ask(Request::Execute(Command::ChangeLine { order, change }));
        }
        // Some drafts stay drafts for a while.
        if !random.chance(100) {
            phone.ask(Request::Execute(Command::PlaceOrder { order }));
        }
    }

    fn withdraw(&self, phone: &Rc<Handset>, pick: u64) {
        let Some(Ok(outbox)) = phone.look(|both| phone::outbox(&both.work)) else { return };
        let place = usize::try_from(pick).unwrap_or(0) % outbox.len().max(1);
        let id = outbox.get(place).and_then(|entry| DocumentId::from_slice(&entry.key.id));
        if let Some(document) = id {
            phone.ask(Request::Execute(Command::Withdraw { document, reason: "ошибка".to_owned() }));
        }
    }

    fn flip_bit(&self, phone: &Rc<Handset>, pick: u64) {
        let names = phone.disk.file_names();
        let files: Vec<&String> = names.iter().filter(|name| name.starts_with("reference-") && name.ends_with(".db")).collect();
        let Some(name) = files.last() else { return };
        let Some(bytes) = phone.disk.file(name) else { return };
        if !bytes.is_empty() {
            // What SQLite has in memory hides the disk: the process ends first, as it does between two days.
            phone.crash(Crash::Process);
            phone.disk.flip_bit(name, usize::try_from(pick).unwrap_or(0) % (bytes.len() * 8));
            phone.is_rotten.set(true);
            self.shared.may_rot.set(true);
            phone.start_later(1_000);
        }
    }

    /// The installation goes on on a second phone too.
    fn clone_phone(&mut self, phone: &Rc<Handset>, pick: u64) {
        if self.phones.len() >= 10 || phone.disk.has_crashed() {
            return;
        }
        let disk = match &*phone.backup.borrow() {
            Some(backup) if pick.is_multiple_of(2) => backup.fork(),
            _ => phone.disk.fork(),
        };
        let twin = Handset::new(&self.shared, &self.network, self.phones.len(), phone.rep, disk);
        twin.is_rotten.set(phone.is_rotten.get());
        twin.start();
        self.phones.push(twin);
    }

    fn poison(&self, pick: u64) {
        let Some(store) = self.office.desk() else { return };
        let product = 1 + i64::try_from(pick % 40).unwrap_or(0);
        // A trigger that lives in the connections of the running processes, so that an order breaks as it would break on a bug.
        let poisoned = self.office.each_store(|store| central::poison(store, product));
        drop(store);
        self.shared.trace.line(format_args!("poison {product}: {poisoned}"));
        let office = Rc::clone(&self.office);
        self.shared.spawn(async move {
            clock::sleep(60_000 + pick % 3_600_000).await;
            office.each_store(central::cure);
        });
    }

    fn block(&mut self, phone: &Rc<Handset>) {
        let id = phone.look(|both| phone::option(&both.work, "device_id")).and_then(Result::ok).flatten();
        let Some(id) = id.and_then(|text| DeviceId::parse(&text)) else { return };
        let block = !self.blocked.contains(&id);
        self.desk.block_device(id, block);
        if block { self.blocked.push(id) } else { self.blocked.retain(|blocked| *blocked != id) }
    }

    /// Compares a phone, or every phone, with what was promised.
    fn look_at(&self, number: Option<usize>) -> Result<(), Violation> {
        let Some(number) = number else { return Ok(()) };
        self.look_at_phone(&self.phone(number))
    }

    fn look_at_phone(&self, phone: &Rc<Handset>) -> Result<(), Violation> {
        if phone.lost_power.replace(false) {
            self.oracle.borrow_mut().forget_cursors(phone.number);
        }
        let store = self.office.desk().filter(|_| !self.office.disk().has_crashed());
        let is_rotten = phone.is_rotten.get();
        let looked = phone.look(|both| self.oracle.borrow_mut().look_at_phone(phone.number, both, store.as_ref(), is_rotten));
        match looked {
            Some(Err(violation)) if self.is_excused(phone, &violation) => Ok(()),
            Some(result) => result,
            None => Ok(()),
        }
    }

    /// A planned failure of the disk may hit the oracle's own reading.
    fn is_excused(&self, phone: &Rc<Handset>, violation: &Violation) -> bool {
        violation.what.contains("cannot be read") && (phone.disk.failed() > 0 || violation.invariant == "I7")
    }

    /// Nothing goes wrong any more; everybody reconnects; everything drains; and then all is compared.
    async fn end(&mut self) -> Result<(), Violation> {
        self.shared.trace.line(format_args!("> the end begins"));
        self.network.storm(0);
        self.office.mend();
        self.office.each_store(central::cure);
        self.desk.mend()?;
        for phone in &self.phones {
            phone.connection.mend();
            phone.disk.heal();
            phone.disk.crash_at(u64::MAX, Crash::Process);
            phone.disk.set_capacity(None);
            phone.set_clock(0);
            phone.notice_crash();
            phone.start();
        }
        self.drain("first").await?;
        if self.phones.iter().any(|phone| phone.is_rotten.get()) {
            // Whatever a bit that flipped has done, the check of the copy finds it.
            for phone in self.phones.iter().filter(|phone| phone.is_rotten.get()) {
                phone.ask(Request::Check);
            }
            self.drain("checking").await?;
            for phone in &self.phones {
                if phone.is_rotten.replace(false) {
                    self.oracle.borrow_mut().forget_cursors(phone.number);
                }
            }
        }
        // What is written when all is well goes through as well.
        for (place, phone) in self.phones.iter().enumerate() {
            self.order(phone, self.shared.seed.wrapping_add(place as u64));
        }
        self.desk.import(crate::plan::ImportKind::Prices, self.shared.seed);
        self.drain("second").await?;
        self.judge().await
    }

    /// Lets virtual time pass until everything has drained.
    async fn drain(&mut self, round: &str) -> Result<(), Violation> {
        let deadline = clock::elapsed_ms() + DRAIN_MS;
        for phone in &self.phones {
            phone.ask(Request::Execute(Command::Unpark { document: None }));
            phone.ask(Request::Wake);
            phone.ask(Request::Sync(None));
        }
        let mut pause_ms = 10_000;
        loop {
            clock::sleep(pause_ms).await;
            pause_ms = (pause_ms * 3 / 2).min(300_000);
            if self.shared.violation().is_some() {
                return Ok(());
            }
            let mut open = Vec::new();
            for phone in &self.phones {
                self.look_at_phone(phone)?;
                if let Some(what) = self.still_open(phone)? {
                    open.push(format!("{}: {what}", phone.name));
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            if clock::elapsed_ms() > deadline {
                return Err(Violation::new("I18", format!("after the {round} three periods: {}", open.join("; "))));
            }
        }
    }

    /// What a phone still has to do; `None` if nothing. Does for the rep what only a person can do.
    fn still_open(&self, phone: &Rc<Handset>) -> Result<Option<String>, Violation> {
        let Some(view) = phone.sync_view() else {
            return Ok(Some("it is off".to_owned()));
        };
        if view.running {
            return Ok(Some("a session runs".to_owned()));
        }
        let looked = phone.look(|both| {
            let token = phone::option(&both.work, "token")?;
            let position = phone::option(&both.work, "position")?;
            Ok::<_, rusqlite::Error>((token.is_some(), position, phone::unanswered(&both.work)?, phone::checkpoints(&both.reference)?))
        });
        let (signed_in, position, unanswered, (epoch, checkpoints)) = match looked {
            Some(Ok(looked)) => looked,
            Some(Err(error)) => {
                // A phone that asks only whether there is news does not meet every page: the check of the day finds it, here at once.
                if phone.is_rotten.get() {
                    let is_signed_in = matches!(phone.look(|both| phone::option(&both.work, "token")), Some(Ok(Some(_))));
                    let own = self.desk.people[phone.rep % self.desk.people.len()].position_id();
                    if let Some(person) = self.desk.place_of(own).filter(|_| !is_signed_in) {
                        self.log_in(phone, person);
                    } else {
                        phone.ask(Request::Check);
                    }
                }
                return Ok(Some(format!("it cannot be read: {error}")));
            }
            None => return Ok(Some("it is off".to_owned())),
        };
        let position = position.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok()).and_then(|json| json["id"].as_i64());
        let waits_for_login = view.rows.iter().any(|row| match &row.state {
            RowState::Failed { failure, .. } => matches!(failure.code.as_str(), "A201" | "A203"),
            _ => false,
        });
        // Whose documents wait? That person signs in; at last the phone's own rep.
        let waiting = unanswered.first().map(|(waiting, _)| *waiting);
        let own = self.desk.people[phone.rep % self.desk.people.len()].position_id();
        let wanted = waiting.unwrap_or(own);
        if !signed_in || waits_for_login || position != Some(wanted) {
            if let Some(person) = self.desk.place_of(wanted) {
                self.log_in(phone, person);
            }
            return Ok(Some(format!("it signs in for {wanted}")));
        }
        let waits_for_a_press = |row: &RowView| match &row.state {
            RowState::Never | RowState::Stopped => true,
            // The office has unblocked the device, the certificate is good again: nobody tells the phone.
            RowState::Failed { failure, next_try_at: None } => {
                matches!(failure.code.as_str(), "A202" | "N104" | "N106" | "L501" | "L503" | "L505")
            }
            _ => false,
        };
        if view.rows.iter().any(waits_for_a_press) {
            phone.ask(Request::Sync(None));
            return Ok(Some("the rep has to press".to_owned()));
        }
        if let Some((_, count)) = unanswered.first() {
            // The rep sees that something waits, and presses.
            if view.rows.iter().all(|row| row.state == RowState::Ok) {
                phone.ask(Request::Sync(None));
            }
            return Ok(Some(format!("{count} documents wait; rows {:?}", view.rows.iter().map(|row| &row.state).collect::<Vec<_>>())));
        }
        if let Some(row) = view.rows.iter().find(|row| row.state != RowState::Ok) {
            return Ok(Some(format!("{:?}", row.state)));
        }
        if phone.is_rotten.get() {
            return Ok(None);
        }
        let oracle = self.oracle.borrow();
        if let Some(behind) = checkpoints.iter().find(|held| oracle.head(&held.bucket) != held.cursor) {
            let what =
                format!("at {} of {}, whose head is {} (epoch {epoch:?})", behind.cursor, behind.bucket, oracle.head(&behind.bucket));
            drop(oracle);
            phone.ask(Request::Sync(None));
            return Ok(Some(what));
        }
        Ok(None)
    }

    /// The end: every promise, every row, every file.
    async fn judge(&self) -> Result<(), Violation> {
        let store = self.office.desk().ok_or_else(|| Violation::new("I18", "the server is down"))?;
        self.oracle.borrow().judge_documents(&store)?;
        self.oracle.borrow().judge_places(&store)?;
        let whole = store
            .read(|tx| Ok::<_, polevik_server_store::StoreError>(central::integrity(tx)?))
            .map_err(|error| Violation::new("server", error.to_string()))?;
        if whole != "ok" {
            return Err(Violation::new("server", format!("the central database is damaged: {whole}")));
        }
        for phone in &self.phones {
            self.judge_rows(phone, &store)?;
        }
        for phone in &self.phones {
            self.judge_restart(phone).await?;
        }
        self.judge_server_restart(&store)
    }

    /// The phone's rows are what the server's base tables say, row by row.
    fn judge_rows(&self, phone: &Rc<Handset>, store: &polevik_server_store::Store) -> Result<(), Violation> {
        let looked = phone.look(|both| {
            let position = phone::option(&both.work, "position")?;
            Ok::<_, rusqlite::Error>((position, phone::rows(&both.reference)?, phone::staged(&both.reference)?))
        });
        let Some(Ok((position, held, staged))) = looked else {
            return Err(Violation::new("I8", format!("{} cannot be read at the end", phone.name)));
        };
        let position = position
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
            .and_then(|json| json["id"].as_i64())
            .unwrap_or(0);
        let expected = store
            .read(|tx| Ok::<_, polevik_server_store::StoreError>(central::rows_of_position(tx, position)?))
            .map_err(|error| Violation::new("I8", error.to_string()))?;
        for (table, rows) in &expected {
            let found = held.get(table).cloned().unwrap_or_default();
            if found != *rows {
                let differing = rows.iter().find(|(id, row)| found.get(id) != Some(row)).map(|(id, row)| format!("{id}: {row:?}"));
                let extra = found.keys().find(|id| !rows.contains_key(id));
                return Err(Violation::new(
                    "I8",
                    format!(
                        "{} holds {} rows of {table}, the office has {} for it; differs {differing:?}, too many {extra:?}",
                        phone.name,
                        found.len(),
                        rows.len()
                    ),
                ));
            }
        }
        if staged > 0 {
            return Err(Violation::new("I19", format!("{} keeps {staged} segments that nobody asks for", phone.name)));
        }
        Ok(())
    }

    /// Opening and closing changes nothing, and leaves no files behind.
    async fn judge_restart(&self, phone: &Rc<Handset>) -> Result<(), Violation> {
        phone.connection.go_offline(u64::MAX);
        let generation = phone.look(|both| phone::option(&both.work, "reference_generation")).and_then(Result::ok).flatten();
        let active = format!("reference-{}.db", generation.as_deref().unwrap_or("1"));
        phone.end();
        let mut contents = Vec::new();
        for _ in 0..2 {
            phone.end();
            // The process is gone, with its connections, when its tasks were dropped.
            clock::sleep(10).await;
            let opened = phone.open_and_close();
            if let Err(failure) = opened {
                return Err(Violation::new("I20", format!("{} does not open at the end: {failure}", phone.name)));
            }
            contents.push(phone_contents(&phone.disk, &active)?);
        }
        if contents[0] != contents[1] {
            return Err(Violation::new("I20", format!("opening {} changes it: {:?} became {:?}", phone.name, contents[0], contents[1])));
        }
        let names = phone.disk.file_names();
        let references = names.iter().filter(|name| name.starts_with("reference-") && name.ends_with(".db")).count();
        let strange = names.iter().find(|name| !name.starts_with("reference-") && !name.starts_with("work"));
        if references > 2 || strange.is_some() {
            return Err(Violation::new("I19", format!("{} leaves files behind: {names:?}", phone.name)));
        }
        Ok(())
    }

    fn judge_server_restart(&self, store: &polevik_server_store::Store) -> Result<(), Violation> {
        let read = |store: &polevik_server_store::Store| {
            store
                .read(|tx| Ok::<_, polevik_server_store::StoreError>(central::contents(tx)?))
                .map_err(|error| Violation::new("I20", error.to_string()))
        };
        let before = read(store)?;
        self.office.restart_in_order()?;
        let store = self.office.desk().ok_or_else(|| Violation::new("I20", "the server does not open again"))?;
        let after = read(&store)?;
        if before == after { Ok(()) } else { Err(Violation::new("I20", "opening the central database changes it")) }
    }
}

/// Everything in a phone's databases, in short; a copy that was set aside as damaged is left out.
fn phone_contents(disk: &Disk, active: &str) -> Result<Vec<crate::oracle::Content>, Violation> {
    let mut contents = Vec::new();
    for name in disk.file_names().iter().filter(|name| *name == WORK || *name == active) {
        let connection = disk.connect(name).map_err(|error| Violation::new("I20", error.to_string()))?;
        contents.push(contents_of(&connection).map_err(|error| Violation::new("I20", format!("{name}: {error}")))?);
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Draw, Step};

    const SMALL: Draw = Draw { steps: 40, phones: Some(2), faults: true };

    #[test]
    fn the_same_seed_gives_the_same_trace_and_every_promise_is_kept() {
        let plan = Plan::draw(7, SMALL);
        let (first, second) = (run(&plan, false), run(&plan, false));
        assert_eq!(first.violation, None);
        assert_eq!(first.digest, second.digest);
        assert_ne!(first.digest, run(&Plan::draw(8, SMALL), false).digest);
    }

    #[test]
    fn any_part_of_a_plan_is_a_plan() {
        let whole = Plan::draw(7, SMALL);
        for kept in [0, 1, 2] {
            let steps: Vec<Step> =
                whole.steps.iter().enumerate().filter(|(place, _)| place % 3 == kept).map(|(_, step)| step.clone()).collect();
            assert_eq!(run(&Plan { steps, ..whole.clone() }, false).violation, None);
        }
    }

    /// Seed 64, made short: the server was restored from a backup while new work waited on a phone.
    #[test]
    fn a_restored_server_gets_back_what_it_was_sent_after_the_backup() {
        let at = |at_ms, op| Step { at_ms, op };
        let mut steps = vec![
            at(1_000, Op::Login { phone: 1, pick: 0 }),
            at(60_000, Op::Sync { phone: 1, pick: 0 }),
            at(100_000, Op::BackUpServer),
            at(300_000, Op::Sync { phone: 1, pick: 0 }),
            at(400_000, Op::RestoreServer { pick: 1 }),
            at(500_000, Op::WipeReference { phone: 1 }),
        ];
        // Every outlet is tried, because only some are the rep's; what was begun is finished when the copy of the office is gone.
        steps.extend((0..16).map(|pick| at(200_000 + pick, Op::Visit { phone: 1, pick })));
        steps.push(at(600_000, Op::Visit { phone: 1, pick: 3 }));
        steps.sort_by_key(|step| step.at_ms);
        let outcome = run(&Plan { seed: 64, phones: 2, servers: 1, bug: None, steps }, false);
        assert_eq!((outcome.violation, outcome.saved > 1), (None, true));
    }
}
