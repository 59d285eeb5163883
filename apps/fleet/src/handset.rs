//! A phone: the real device on a disk that can be made bad, with a clock that may be wrong.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::FutureExt;
use polevik_device::files::{Files, Kind, MemoryFiles};
use polevik_device::host::Host;
use polevik_device::pictures::Undecoded;
use polevik_device::{Device, Driver, Outside, Setup};
use polevik_device_api::frame::{Reply, Request};
use polevik_device_api::{NetworkClass, Push, SyncView};
use polevik_device_store::db::Both;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};
use polevik_protocol::hash::Blake3Hex;
use polevik_testkit::disk::{Crash, Disk};
use polevik_testkit::random::Random;
use tokio::task::AbortHandle;

use crate::clock;
use crate::network::{Connection, Line, Network};
use crate::oracle::phone;
use crate::shared::{Shared, Spawn, Violation};
use crate::storage::Storage;

/// The machine around the core: a clock that may be wrong, chance from the seed, and lines for the trace.
#[derive(Clone)]
pub struct Machine {
    inner: Rc<MachineInner>,
}

struct MachineInner {
    shared: Rc<Shared>,
    name: String,
    connection: Rc<Connection>,
    offset_ms: Cell<i64>,
    zone_minutes: Cell<i32>,
    random: RefCell<Random>,
}

impl Host for Machine {
    fn now(&self) -> UtcMillis {
        clock::now().plus_millis(self.inner.offset_ms.get())
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(self.inner.zone_minutes.get())
    }

    fn random_bytes(&self, buffer: &mut [u8]) {
        self.inner.random.borrow_mut().fill(buffer);
    }

    async fn sleep(&self, millis: u64) {
        // A year is longer than any world.
        clock::sleep(millis.min(31_536_000_000)).await;
    }

    fn network(&self) -> NetworkClass {
        self.inner.connection.network.get()
    }

    fn log(&self, line: &str) {
        self.inner.shared.trace.line(format_args!("{} | {line}", self.inner.name));
    }
}

type Core = Driver<Line, Machine, MemoryFiles, Undecoded, Box<dyn Fn(Push)>>;

/// One phone.
pub struct Handset {
    /// Its place in the world.
    pub number: usize,
    /// Its name in the trace.
    pub name: String,
    /// Its way to the network.
    pub connection: Rc<Connection>,
    /// Whose it is: the place of its rep among the office's people.
    pub rep: usize,
    /// Its disk.
    pub disk: Disk,
    /// Its files, beside the disk of its databases.
    pub files: MemoryFiles,
    shared: Rc<Shared>,
    line: Line,
    machine: Machine,
    core: RefCell<Option<Rc<Core>>>,
    tasks: RefCell<Vec<AbortHandle>>,
    /// A copy of its disk, as a backup service makes it.
    pub backup: RefCell<Option<(Disk, MemoryFiles)>>,
    /// Starts that failed since the last that did not.
    failed_starts: Cell<u32>,
    /// A start is on its way.
    starting: Cell<bool>,
    /// Power was lost since somebody last looked: the copy of the office may have lost its last transactions.
    pub lost_power: Cell<bool>,
    /// A bit of its copy of the office has flipped, and the copy was not checked since.
    pub is_rotten: Cell<bool>,
    /// Its copy is to be checked once it is signed in and quiet.
    pub wants_check: Cell<bool>,
    /// The crash that is planned takes the power too.
    pub will_lose_power: Cell<bool>,
}

impl Handset {
    /// A new phone, with an empty disk or somebody's; it is off.
    pub fn new(shared: &Rc<Shared>, network: &Rc<Network>, number: usize, rep: usize, disk: Disk) -> Rc<Self> {
        let name = format!("phone{number}");
        let connection = Rc::new(Connection::new());
        let random = Random::new(shared.seed ^ 0x7068_6f6e ^ ((number as u64) << 40));
        let machine = Machine {
            inner: Rc::new(MachineInner {
                shared: Rc::clone(shared),
                name: name.clone(),
                connection: Rc::clone(&connection),
                offset_ms: Cell::new(0),
                zone_minutes: Cell::new(180),
                random: RefCell::new(random),
            }),
        };
        let line = Line { network: Rc::clone(network), connection: Rc::clone(&connection), name: name.clone() };
        Rc::new(Self {
            number,
            name,
            connection,
            rep,
            disk,
            files: MemoryFiles::default(),
            shared: Rc::clone(shared),
            line,
            machine,
            core: RefCell::default(),
            tasks: RefCell::default(),
            backup: RefCell::default(),
            failed_starts: Cell::new(0),
            starting: Cell::new(false),
            lost_power: Cell::new(false),
            is_rotten: Cell::new(false),
            wants_check: Cell::new(false),
            will_lose_power: Cell::new(false),
        })
    }

    /// The phone comes into a network of this kind.
    pub fn enter_network(self: &Rc<Self>, network: NetworkClass) {
        self.connection.network.set(network);
        self.ask(Request::Network(network));
    }

    /// Learns how «только по Wi-Fi» stands, to see that nothing goes against it.
    pub fn note_switch(self: &Rc<Self>) {
        let on = self.look(|both| phone::option(&both.work, "wifi_only")).and_then(Result::ok);
        if let Some(on) = on {
            self.connection.wifi_only.set(on.is_some());
        }
    }

    /// Its files become those of another place.
    pub fn put_files(&self, files: &MemoryFiles) {
        // Which way the switch stands in what was put is not known yet.
        self.connection.wifi_only.set(false);
        for held in names_of(&self.files) {
            let _ = self.files.remove(&held).now_or_never();
        }
        for held in names_of(files) {
            let _ = self.files.put(&files.peek(&held).unwrap_or_default()).now_or_never();
        }
    }

    /// Sets the clock this far from the true one.
    pub fn set_clock(&self, offset_ms: i64) {
        self.machine.inner.offset_ms.set(offset_ms);
    }

    /// Comes into a time zone this many minutes ahead of UTC.
    pub fn set_zone(&self, minutes: i32) {
        self.machine.inner.zone_minutes.set(minutes);
    }

    /// Whether the application runs.
    pub fn is_on(&self) -> bool {
        self.core.borrow().is_some()
    }

    /// Starts the application. If it cannot open its databases, the rep tries again later.
    pub fn start(self: &Rc<Self>) {
        if self.is_on() {
            return;
        }
        let setup = Setup { server: Some("http://office".to_owned()), model: self.name.clone(), app_version: "0".to_owned() };
        match Device::open(self.storage(), setup, &self.machine) {
            Ok(device) => {
                self.failed_starts.set(0);
                self.shared.trace.line(format_args!("{} starts", self.name));
                let (line, machine) = (self.line.clone(), self.machine.clone());
                let outside = Outside { transport: line, host: machine, files: self.files.clone(), pictures: Undecoded };
                let core = Rc::new(Driver::new(device, outside, Box::new(|_| ()) as Box<dyn Fn(Push)>));
                let running = Rc::clone(&core);
                *self.core.borrow_mut() = Some(core);
                let task = self.shared.spawn(async move { running.run().await });
                self.tasks.borrow_mut().push(task);
            }
            Err(failure) => {
                let failed = self.failed_starts.get() + 1;
                self.failed_starts.set(failed);
                self.shared.trace.line(format_args!("{} does not start: {} {}", self.name, failure.code, failure.detail));
                if failed > 40 {
                    let what = format!("{} does not start any more: {} {}", self.name, failure.code, failure.detail);
                    self.shared.violated(Violation::new("I18", what));
                    return;
                }
                if self.disk.has_crashed() {
                    self.lost_power.set(self.lost_power.get() || self.will_lose_power.replace(false));
                    self.disk.restart();
                }
                self.start_later(5_000);
            }
        }
    }

    /// In one world of eight every new database is made by the migrations.
    fn storage(&self) -> Box<Storage> {
        Box::new(Storage::new(&self.disk, self.shared.seed % 8 != 5))
    }

    /// Opens the databases and closes them again, as a start that the rep breaks off does.
    ///
    /// # Errors
    ///
    /// Why they do not open.
    pub fn open_and_close(&self) -> Result<(), String> {
        let setup = Setup { server: Some("http://office".to_owned()), model: self.name.clone(), app_version: "0".to_owned() };
        let opened = Device::open(self.storage(), setup, &self.machine);
        opened.map(drop).map_err(|failure| format!("{} {}", failure.code, failure.detail))
    }

    /// Starts the application after a while.
    pub fn start_later(self: &Rc<Self>, after_ms: u64) {
        if self.starting.replace(true) {
            return;
        }
        let phone = Rc::clone(self);
        self.shared.spawn(async move {
            clock::sleep(after_ms).await;
            phone.starting.set(false);
            phone.start();
        });
    }

    /// Ends the process at this moment; with a crash of the disk of that kind.
    pub fn crash(self: &Rc<Self>, crash: Crash) {
        self.lost_power.set(self.lost_power.get() || crash != Crash::Process || self.disk.has_crashed());
        self.disk.crash(crash);
        if crash != Crash::Process {
            self.files.lose_power();
        }
        self.end();
        self.disk.restart();
    }

    /// Ends the process in order, as when an application is closed.
    pub fn end(&self) {
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
        *self.core.borrow_mut() = None;
    }

    /// If a planned crash has happened, the process is dead: it comes back later.
    pub fn notice_crash(self: &Rc<Self>) -> bool {
        if !self.disk.has_crashed() {
            return false;
        }
        self.shared.trace.line(format_args!("{} has crashed", self.name));
        self.lost_power.set(self.lost_power.get() || self.will_lose_power.replace(false));
        self.end();
        self.disk.restart();
        self.start_later(3_000);
        true
    }

    /// Asks for something that is answered at once; `None` while the application does not run.
    pub fn ask(self: &Rc<Self>, request: Request) -> Option<Reply> {
        let core = self.core.borrow().clone()?;
        let reply = core.request(request).now_or_never();
        if self.notice_crash() { None } else { reply }
    }

    /// Asks for something that waits for the network.
    pub fn ask_and_wait(self: &Rc<Self>, request: Request) {
        let Some(core) = self.core.borrow().clone() else { return };
        let phone = Rc::downgrade(self);
        let (shared, name) = (Rc::clone(&self.shared), self.name.clone());
        let task = self.shared.spawn(async move {
            let reply = core.request(request).await;
            let words = match &reply {
                Reply::SignedIn => "signed in".to_owned(),
                Reply::Failed(failure) => format!("{} {}", failure.code, failure.detail),
                other => format!("{other:?}"),
            };
            shared.trace.line(format_args!("{name} is told {words}"));
            if let Some(phone) = phone.upgrade() {
                phone.notice_crash();
            }
        });
        self.tasks.borrow_mut().push(task);
    }

    /// Looks into its databases; `None` while the application does not run or they cannot be read.
    pub fn look<R>(self: &Rc<Self>, look: impl FnOnce(&Both<'_>) -> R) -> Option<R> {
        let core = self.core.borrow().clone()?;
        if self.notice_crash() {
            return None;
        }
        core.with_device(|device| device.look_into(look)).ok()
    }

    /// The open visit.
    pub fn open_visit(self: &Rc<Self>) -> Option<polevik_domain::ids::DocumentId> {
        let core = self.core.borrow().clone()?;
        core.with_device(polevik_device::Device::open_visit).ok().flatten()
    }

    /// The synchronisation screen.
    pub fn sync_view(&self) -> Option<SyncView> {
        let core = self.core.borrow().clone()?;
        core.with_device(|device| device.sync_view(&self.machine)).ok()
    }
}

/// A place with the same files, as a backup has them.
pub fn copy_of(files: &MemoryFiles) -> MemoryFiles {
    let copy = MemoryFiles::default();
    for name in names_of(files) {
        let _ = copy.put(&files.peek(&name).unwrap_or_default()).now_or_never();
    }
    copy
}

/// Names of whole files.
pub fn names_of(files: &MemoryFiles) -> Vec<Blake3Hex> {
    let held = files.list().now_or_never().and_then(Result::ok).unwrap_or_default();
    held.into_iter().filter(|held| held.kind == Kind::Whole).map(|held| held.name).collect()
}
