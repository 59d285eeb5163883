//! What each step of a plan does: people, the office, faults.

use std::rc::Rc;

use polevik_device_api::frame::{Reply, Request};
use polevik_device_api::{Command, CommandDone, LineChange, NetworkClass, RowId};
use polevik_domain::ids::{DeviceId, DocumentId, OutletId, ProductId};
use polevik_domain::photo::Scene;
use polevik_domain::quantity::Unit;
use polevik_protocol::hash::Blake3Hex;
use polevik_testkit::disk::{Crash, Failure, FailureKind};
use polevik_testkit::random::Random;

use super::World;
use crate::clock;
use crate::handset::{Handset, copy_of};
use crate::oracle::{central, phone};
use crate::people::PASSWORD;
use crate::pictures::jpeg;
use crate::plan::Op;
use crate::shared::Spawn;

/// Networks that phones come into; Wi-Fi most often.
const NETWORKS: [NetworkClass; 6] = [
    NetworkClass::WiFi,
    NetworkClass::WiFi,
    NetworkClass::MeteredWiFi,
    NetworkClass::Cellular,
    NetworkClass::Roaming,
    NetworkClass::Unknown,
];

impl World {
    /// Does what a step says.
    pub(super) fn perform(&mut self, op: &Op) {
        let until = |millis: u64| clock::elapsed_ms() + millis;
        match *op {
            Op::Visit { phone, pick } => self.visit(&self.phone(phone), pick),
            Op::Order { phone, pick } => self.order(&self.phone(phone), pick),
            Op::Photo { phone, pick } => self.photo(&self.phone(phone), pick),
            Op::SetWiFiOnly { phone, pick } => {
                let phone = self.phone(phone);
                phone.ask(Request::Execute(Command::SetWiFiOnly { on: pick.is_multiple_of(2) }));
                phone.note_switch();
            }
            Op::SetNetwork { phone, pick } => self.phone(phone).enter_network(NETWORKS[usize::try_from(pick % 6).unwrap_or(0)]),
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
                    *phone.backup.borrow_mut() = Some((phone.disk.fork(), copy_of(&phone.files)));
                }
            }
            Op::RestorePhone { phone } => {
                let phone = self.phone(phone);
                let backup = phone.backup.borrow().clone();
                if let Some((disk, files)) = backup {
                    phone.crash(Crash::Process);
                    phone.disk.restore(&disk);
                    phone.put_files(&files);
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
            Op::CollectGarbage => self.office.collect_garbage(),
            Op::Poison { pick } => self.poison(pick),

            Op::Import { kind, pick } => self.desk.import(kind, pick),
            Op::States { pick } => self.desk.states(pick),
            Op::ChangePosition { pick } => self.desk.change_position(pick),
            Op::MoveTerritory { pick } => self.desk.move_territory(pick),
            Op::BlockDevice { phone } => self.block(&self.phone(phone)),
        }
    }

    pub(super) fn log_in(&self, phone: &Rc<Handset>, place: usize) {
        let person = &self.desk.people[place % self.desk.people.len()];
        phone.ask_and_wait(Request::Login { email: person.email.clone(), password: PASSWORD.to_owned(), position: None });
    }

    fn visit(&self, phone: &Rc<Handset>, pick: u64) {
        match phone.open_visit() {
            Some(visit) => drop(phone.ask(Request::Execute(Command::FinishVisit { visit }))),
            None => {
                let outlet = outlet_of(phone, pick);
                phone.ask(Request::Execute(Command::StartVisit { outlet, route_stop: None }));
            }
        }
    }

    pub(super) fn order(&self, phone: &Rc<Handset>, pick: u64) {
        let mut random = Random::new(pick);
        let visit = phone.open_visit().filter(|_| random.chance(700));
        let mut outlet = outlet_of(phone, random.bits());
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

    fn photo(&self, phone: &Rc<Handset>, pick: u64) {
        if phone.open_visit().is_none() {
            self.visit(phone, pick);
        }
        let Some(visit) = phone.open_visit() else { return };
        let picture = jpeg(pick);
        let (name, bytes) = (Blake3Hex::of(&picture), picture.len() as u64);
        let request = Request::TakePhoto { visit, scene: Scene::Shelf, comment: String::new(), picture };
        if let Some(Reply::Done(CommandDone::Document(id))) = phone.ask(request) {
            self.oracle.borrow_mut().photos.promise(phone.number, id, &name, bytes);
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
        let (disk, files) = match &*phone.backup.borrow() {
            Some((disk, files)) if pick.is_multiple_of(2) => (disk.fork(), copy_of(files)),
            _ => (phone.disk.fork(), copy_of(&phone.files)),
        };
        let twin = Handset::new(&self.shared, &self.network, self.phones.len(), phone.rep, disk);
        twin.put_files(&files);
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
}

/// An outlet of the rep's; now and then any, whether it is the rep's or not.
fn outlet_of(phone: &Rc<Handset>, pick: u64) -> OutletId {
    let any = 1 + i64::try_from(pick % 17).unwrap_or(0);
    let seen = phone.look(|both| phone::outlets(&both.reference)).and_then(Result::ok).unwrap_or_default();
    let own = seen.get(usize::try_from(pick / 8).unwrap_or(0) % seen.len().max(1)).copied();
    OutletId(own.filter(|_| !pick.is_multiple_of(8)).unwrap_or(any))
}
