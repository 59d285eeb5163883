//! A device on real databases in a folder of its own, with an office behind the seam of the network.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use polevik_device::api::sync::{RowView, SyncView};
use polevik_device::api::view::{Screen, View};
use polevik_device::api::{Command, CommandDone, ErrorCode, NetworkClass, Push, Reply, Request, RowId};
use polevik_device::files::MemoryFiles;
use polevik_device::host::Host;
use polevik_device::pictures::Undecoded;
use polevik_device::platform::{Folder, Platform};
use polevik_device::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use polevik_device::{Device, Driver, Outside, Setup};
use polevik_domain::ids::DocumentId;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};
use polevik_testkit::disk::{Disk, DiskPlatform};

pub use crate::office::{Fault, KEY, Office, bucket, outlet, price, product};

/// The tests' morning: 2026-11-22 08:00 UTC.
pub const MORNING: UtcMillis = UtcMillis(1_795_334_400_000);

#[derive(Clone)]
pub struct Line(Rc<RefCell<Office>>);

impl Transport for Line {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if let Some((_, root)) = request.url.split_once("/v1/wait?root=") {
            // Answered when there is something new, or when something is wrong with the line.
            std::future::poll_fn(|context| {
                let mut office = self.0.borrow_mut();
                let is_bad = office.faults_of.keys().any(|path| "/v1/wait".starts_with(*path));
                if office.short_root() != root || is_bad {
                    return std::task::Poll::Ready(());
                }
                office.wakers.push(context.waker().clone());
                std::task::Poll::Pending
            })
            .await;
        }
        let is_of_files = ["/v1/files", "/v1/uploads", "/v1/library"].iter().any(|path| request.url.contains(path));
        if is_of_files {
            // It waits for its turn, when turns are given.
            std::future::poll_fn(|context| {
                let mut office = self.0.borrow_mut();
                match &mut office.shelf.turns {
                    Some(0) => {
                        office.wakers.push(context.waker().clone());
                        return std::task::Poll::Pending;
                    }
                    Some(turns) => *turns -= 1,
                    None => (),
                }
                std::task::Poll::Ready(())
            })
            .await;
        }
        self.0.borrow_mut().answer(&request)
    }
}

/// A clock that stands until it is moved, and bytes that only look random.
#[derive(Clone)]
pub struct Machine {
    now: Rc<Cell<UtcMillis>>,
    drawn: Rc<Cell<u64>>,
    woken_at: Rc<Cell<Option<UtcMillis>>>,
    network: Rc<Cell<NetworkClass>>,
}

impl Host for Machine {
    fn now(&self) -> UtcMillis {
        self.now.get()
    }
    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(180)
    }
    fn random_bytes(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let drawn = self.drawn.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.drawn.set(drawn);
            *byte = drawn.to_be_bytes()[0];
        }
    }
    /// Never ends: tests that want a timer restart the device or press.
    async fn sleep(&self, millis: u64) {
        self.woken_at.set(Some(self.now.get().plus_millis(i64::try_from(millis).unwrap())));
        futures::future::pending::<()>().await;
    }
    fn network(&self) -> NetworkClass {
        self.network.get()
    }
    fn log(&self, _line: &str) {}
}

type Core = Driver<Line, Machine, MemoryFiles, Undecoded, Box<dyn Fn(Push)>>;

/// One device and its office.
pub struct World {
    pub office: Rc<RefCell<Office>>,
    pub folder: tempfile::TempDir,
    /// Where the databases are instead of the folder, if the disk is to be a bad one.
    disk: Option<Disk>,
    machine: Machine,
    /// Where its files are.
    pub files: MemoryFiles,
    core: Option<Rc<Core>>,
    pool: LocalPool,
    pub pushes: Rc<RefCell<Vec<Push>>>,
}

impl World {
    /// A new device; nobody is signed in.
    pub fn new() -> Self {
        let mut world = Self::switched_off(Rc::new(RefCell::new(Office::new())), None);
        world.restart();
        world
    }

    /// A device on this disk that is not running yet.
    pub fn on_disk(disk: &Disk, office: Rc<RefCell<Office>>) -> Self {
        Self::switched_off(office, Some(disk.clone()))
    }

    fn switched_off(office: Rc<RefCell<Office>>, disk: Option<Disk>) -> Self {
        let machine = Machine {
            now: Rc::new(Cell::new(MORNING)),
            drawn: Rc::default(),
            woken_at: Rc::default(),
            network: Rc::new(Cell::new(NetworkClass::WiFi)),
        };
        Self {
            office,
            folder: tempfile::tempdir().unwrap(),
            disk,
            machine,
            files: MemoryFiles::default(),
            core: None,
            pool: LocalPool::new(),
            pushes: Rc::default(),
        }
    }

    /// A device that is signed in and has everything.
    pub fn ready() -> Self {
        let mut world = Self::new();
        assert_eq!(world.login(), Reply::SignedIn);
        let view = world.sync(None);
        assert_eq!(code_of(&view, RowId::DownloadMandatory), None);
        world
    }

    /// Ends the process at this moment.
    pub fn stop(&mut self) {
        self.pool = LocalPool::new();
        self.core = None;
    }

    /// Ends the process at this moment and starts another on the same folder.
    pub fn restart(&mut self) {
        assert_eq!(self.try_restart(), Ok(()));
    }

    pub fn try_restart(&mut self) -> Result<(), ErrorCode> {
        self.stop();
        let setup = Setup { server: Some("http://office".to_owned()), model: "test".to_owned(), app_version: "0".to_owned() };
        let platform: Box<dyn Platform> = match &self.disk {
            Some(disk) => Box::new(DiskPlatform::new(disk)),
            None => Box::new(Folder::new(self.folder.path()).unwrap()),
        };
        let device = Device::open(platform, setup, &self.machine).map_err(|failure| failure.code)?;
        let pushes = Rc::clone(&self.pushes);
        let push: Box<dyn Fn(Push)> = Box::new(move |push| pushes.borrow_mut().push(push));
        let outside = Outside {
            transport: Line(Rc::clone(&self.office)),
            host: self.machine.clone(),
            files: self.files.clone(),
            pictures: Undecoded,
        };
        let core = Rc::new(Driver::new(device, outside, push));
        let running = Rc::clone(&core);
        self.pool.spawner().spawn_local(async move { running.run().await }).unwrap();
        self.pool.run_until_stalled();
        self.core = Some(core);
        Ok(())
    }

    pub fn core(&self) -> &Core {
        self.core.as_ref().unwrap()
    }

    pub fn advance(&self, millis: i64) {
        self.machine.now.set(self.machine.now.get().plus_millis(millis));
    }

    pub fn now(&self) -> UtcMillis {
        self.machine.now.get()
    }

    /// When the device will come back by itself.
    pub fn wakes_at(&self) -> Option<UtcMillis> {
        self.machine.woken_at.get()
    }

    pub fn request(&mut self, request: Request) -> Reply {
        let core = Rc::clone(self.core.as_ref().unwrap());
        let reply = self.pool.run_until(async move { core.request(request).await });
        self.pool.run_until_stalled();
        reply
    }

    /// Overwrites the copy of the office under the running process.
    pub fn spoil_reference(&self) {
        let names = Folder::new(self.folder.path()).unwrap().list().unwrap();
        for name in names.iter().filter(|name| name.starts_with("reference-")) {
            let path = self.folder.path().join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[4_096..].fill(0x5a);
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Lets the device do what it is called to do.
    pub fn turn(&mut self) {
        self.pool.run_until_stalled();
    }

    pub fn login(&mut self) -> Reply {
        self.request(Request::Login { email: "anna@polevik".to_owned(), password: "secret".to_owned(), position: None })
    }

    /// Synchronises to the end.
    pub fn sync(&mut self, row: Option<RowId>) -> SyncView {
        assert_eq!(self.request(Request::Sync(row)), Reply::Taken);
        let view = self.sync_view();
        assert!(!view.running, "{view:?}");
        view
    }

    /// The network is another one, and the page says so.
    pub fn turn_to(&mut self, network: NetworkClass) {
        self.machine.network.set(network);
        assert_eq!(self.request(Request::Network(network)), Reply::Taken);
    }

    /// So many requests about files are answered from now on, and others wait; `None` = all are answered.
    pub fn give_turns(&mut self, turns: Option<u32>) {
        {
            let mut office = self.office.borrow_mut();
            office.shelf.turns = turns;
            office.wakers.drain(..).for_each(std::task::Waker::wake);
        }
        self.turn();
    }

    pub fn sync_view(&mut self) -> SyncView {
        match self.load(Screen::Sync) {
            View::Sync(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn load(&mut self, screen: Screen) -> View {
        match self.request(Request::Load(screen)) {
            Reply::View(view) => *view,
            other => panic!("{other:?}"),
        }
    }

    pub fn execute(&mut self, command: Command) -> Reply {
        self.request(Request::Execute(command))
    }

    /// Executes a command that makes a document.
    pub fn make(&mut self, command: Command) -> DocumentId {
        match self.execute(command) {
            Reply::Done(CommandDone::Document(id)) => id,
            other => panic!("{other:?}"),
        }
    }
}

/// One row of the screen.
pub fn row_of(view: &SyncView, id: RowId) -> RowView {
    view.rows.iter().find(|row| row.id == id).unwrap().clone()
}

/// The code of a failed row.
pub fn code_of(view: &SyncView, id: RowId) -> Option<ErrorCode> {
    use polevik_device::api::RowState;
    match &view.rows.iter().find(|row| row.id == id).unwrap().state {
        RowState::Failed { failure, .. } => Some(failure.code),
        RowState::Ok => None,
        other => panic!("{other:?}"),
    }
}
