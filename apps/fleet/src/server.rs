//! The office's machine: the real server over the real central database, called without sockets, on a disk that can be made bad.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::ConnectInfo;
use futures::future::{AbortHandle, Abortable};
use object_store::memory::InMemory;
use polevik_protocol::sync::{SyncReply, SyncRequest};
use polevik_server::app::{App, AppSettings};
use polevik_server::blobs::Blobs;
use polevik_server::feed::garbage;
use polevik_server::feed::seal::{SealRules, Sealer};
use polevik_server::file::spool::Spool;
use polevik_server::router::{Connection, router};
use polevik_server_store::db::FILE_NAME;
use polevik_server_store::{Store, StoreError, migrate, part};
use polevik_testkit::disk::{Crash, Disk, Failure};
use polevik_testkit::random::Random;
use polevik_texts::Language;
use tower::ServiceExt;

use crate::clock::{self, ServerClock};
use crate::network::ServerRequest;
use crate::oracle::Oracle;
use crate::oracle::central::PART;
use crate::shared::{Shared, Spawn, Violation};

thread_local! {
    /// What the server draws tokens and ids from. The server takes a plain function, so it stands here.
    static RANDOM: RefCell<Random> = RefCell::new(Random::new(0));
}

fn seeded_random(bytes: &mut [u8]) {
    RANDOM.with_borrow_mut(|random| random.fill(bytes));
}

/// Small worlds must see everything that sealing does: several segments, merged deltas, new bases.
const SEAL_RULES: SealRules = SealRules { segment_rows: 12, delta_percent: 60, delta_slack_rows: 14, delta_ranges: 5 };

/// How long segments stay that no manifest names any more, in milliseconds: some worlds last that long, and phones are away for longer.
const GRACE_MS: i64 = 20 * 60_000;

/// A whole answer.
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers that were wanted.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What a machine begins with.
#[derive(Clone)]
pub struct Begin {
    /// The central database.
    pub disk: Disk,
    /// Its blobs.
    pub blobs: Arc<InMemory>,
    /// Most rows of one segment.
    pub segment_rows: usize,
}

/// Most rows of one segment in a company with few products, and in one with many.
pub const SEGMENT_ROWS: [usize; 2] = [SEAL_RULES.segment_rows, 500];

/// Where the processes of one machine keep uploads under way: real folders, gone with the machine. What they hold outlives a process; what a
/// loss of power does to such files is tried elsewhere.
struct SpoolFolder {
    path: PathBuf,
}

impl SpoolFolder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // In memory where there is such a place: worlds do not wait for a disk.
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        Self { path: place.join(format!("polevik-fleet-{}-{number}", std::process::id())) }
    }

    /// The folder of a process.
    fn of(&self, process: usize) -> PathBuf {
        self.path.join(process.to_string())
    }
}

impl Drop for SpoolFolder {
    fn drop(&mut self) {
        // Nothing depends on it: a folder that stays is only in the way.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// One process of the server.
struct Node {
    app: App,
    router: Router,
}

/// The machine.
pub struct Office {
    shared: Rc<Shared>,
    oracle: Rc<RefCell<Oracle>>,
    disk: Disk,
    blobs: RefCell<Arc<InMemory>>,
    rules: SealRules,
    nodes: RefCell<Vec<Node>>,
    /// The office's own programs: imports and commands beside the server.
    desk: RefCell<Option<Store>>,
    node_count: usize,
    skews_ms: [i64; 2],
    in_flight: RefCell<Vec<AbortHandle>>,
    spools: SpoolFolder,
    /// The database and the blobs as a backup has them.
    backup: RefCell<Option<(Disk, Arc<InMemory>)>>,
    /// Failures of the disk that were seen so far: a status 500 after a new one is no surprise.
    disk_failures: Cell<u64>,
    random: RefCell<Random>,
}

impl Office {
    /// A machine with a database and blobs like those of a company, in segments of at most `segment_rows` rows.
    ///
    /// # Errors
    ///
    /// When the server does not start.
    pub fn new(shared: &Rc<Shared>, oracle: &Rc<RefCell<Oracle>>, node_count: usize, begins_with: &Begin) -> Result<Self, Violation> {
        polevik_server::database::block_in_place_on_this_thread();
        RANDOM.set(Random::new(shared.seed ^ 0x7365_7276));
        let mut random = Random::new(shared.seed ^ 0x6f66_6669);
        let skew = |random: &mut Random| i64::try_from(random.below(4_000)).unwrap_or(0) - 2_000;
        let skews_ms = [0, skew(&mut random)];
        let office = Self {
            shared: Rc::clone(shared),
            oracle: Rc::clone(oracle),
            disk: begins_with.disk.fork(),
            blobs: RefCell::new(Arc::new(begins_with.blobs.fork())),
            rules: SealRules { segment_rows: begins_with.segment_rows, ..SEAL_RULES },
            nodes: RefCell::default(),
            desk: RefCell::default(),
            node_count,
            skews_ms,
            in_flight: RefCell::default(),
            spools: SpoolFolder::new(),
            backup: RefCell::default(),
            disk_failures: Cell::new(0),
            random: RefCell::new(random),
        };
        office.start().map_err(|error| Violation::new("start", format!("the server does not start: {error}")))?;
        Ok(office)
    }

    /// Opens the database and starts all processes.
    fn start(&self) -> Result<(), String> {
        let open = || -> Result<Store, String> {
            let store = Store::open_on(self.disk.vfs_name(), FILE_NAME.as_ref()).map_err(|error| error.to_string())?;
            migrate::require_current(&store).map_err(|error| error.to_string())?;
            Ok(store)
        };
        let mut nodes: Vec<Node> = Vec::new();
        for number in 0..self.node_count {
            let store = open()?;
            let blobs = Blobs::over(Arc::clone(&*self.blobs.borrow()) as Arc<dyn object_store::ObjectStore>);
            let sealer = Sealer::with_rules(store.clone(), blobs.clone(), self.rules);
            let spool = Spool::open(&self.spools.of(number), clock::now()).map_err(|error| error.to_string())?;
            let settings = AppSettings { keep_old_password_hashes: true, spool: Some(Arc::new(spool)), ..AppSettings::default() };
            let clock = Box::new(ServerClock { skew_ms: self.skews_ms[number % 2] });
            let app = App::over(store, blobs, sealer, Language::Russian, settings, clock, seeded_random);
            nodes.push(Node { router: router(&app, Connection::Plain), app });
        }
        // The office's programs are usually processes of their own; where there is only one server, they may as well be its own tasks.
        let shares = self.node_count == 1 && self.shared.seed % 4 != 2;
        let desk = nodes.first().filter(|_| shares).map(|node| node.app.store.clone());
        *self.desk.borrow_mut() = Some(desk.map_or_else(open, Ok)?);
        *self.nodes.borrow_mut() = nodes;
        Ok(())
    }

    /// Whether a process runs.
    pub fn is_up(&self) -> bool {
        !self.nodes.borrow().is_empty()
    }

    /// The machine's disk.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The state of one of the processes; `None` while the server is down.
    pub fn app(&self) -> Option<App> {
        let nodes = self.nodes.borrow();
        let place = self.random.borrow_mut().index(nodes.len());
        nodes.get(place).map(|node| node.app.clone())
    }

    /// The database as the office's own programs have it open; `None` while the machine is down.
    pub fn desk(&self) -> Option<Store> {
        self.desk.borrow().clone()
    }

    /// Does something with every open connection pool; gives how many did it.
    pub fn each_store(&self, act: impl Fn(&Store) -> Result<(), StoreError>) -> usize {
        let mut done = usize::from(self.desk().is_some_and(|store| act(&store).is_ok()));
        for node in &*self.nodes.borrow() {
            done += usize::from(act(&node.app.store).is_ok());
        }
        done
    }

    /// Serves one request; `None` if the connection breaks.
    pub async fn serve(self: &Rc<Self>, from: &str, request: &ServerRequest) -> Option<Answer> {
        let router = {
            let nodes = self.nodes.borrow();
            let place = self.random.borrow_mut().index(nodes.len());
            nodes.get(place)?.router.clone()
        };
        let mut http = request.build()?;
        http.extensions_mut().insert(ConnectInfo(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 1)));
        let (handle, registration) = AbortHandle::new_pair();
        self.in_flight.borrow_mut().push(handle.clone());
        let served = async move {
            let response = router.oneshot(http).await.ok()?;
            let status = response.status().as_u16();
            let headers = request.wanted(response.headers());
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.ok()?.to_vec();
            Some(Answer { status, headers, body })
        };
        let answer = Abortable::new(served, registration).await.ok().flatten();
        if self.has_died() {
            return None;
        }
        let answer = answer?;
        self.look_after(from, request, &answer);
        Some(answer)
    }

    /// Whether the planned crash of the disk has happened meanwhile: then the processes are dead, and come back later.
    pub fn has_died(self: &Rc<Self>) -> bool {
        let died = self.disk.has_crashed() && self.is_up();
        if died {
            self.take_down(7_000);
        }
        died
    }

    /// What the world notes about an answer.
    fn look_after(&self, from: &str, request: &ServerRequest, answer: &Answer) {
        let failed = self.disk.failed();
        let excused = failed > self.disk_failures.replace(failed);
        if answer.status == 500 && !excused {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            self.shared.violated(Violation::new("server", format!("{from} {} was answered 500: {body}", request.path())));
        }
        if request.path() == "/v1/repair" && !self.shared.may_rot.get() {
            let what = format!("{from} repairs its copy, though nothing ever damaged it: two roads to one state differ");
            self.shared.violated(Violation::new("I9", what));
        }
        if answer.status == 200 && request.path() == "/v1/sync" {
            let sent = request.json().and_then(|json| serde_json::from_slice::<SyncRequest>(&json).ok());
            let reply = serde_json::from_slice::<SyncReply>(&answer.body).ok();
            if let (Some(sent), Some(reply)) = (sent, reply)
                && let Err(violation) = self.oracle.borrow_mut().note_reply(&sent, &reply)
            {
                self.shared.violated(violation);
            }
        }
        self.note_heads();
    }

    /// Reads how far every bucket is, and checks what must always hold of the feed.
    pub fn note_heads(&self) {
        if self.disk.has_crashed() {
            return;
        }
        let Some(store) = self.desk() else { return };
        if let Err(violation) = self.oracle.borrow_mut().note_heads(&store) {
            self.shared.violated(violation);
        }
    }

    /// Kills all processes; they are back after so many milliseconds.
    pub fn kill(self: &Rc<Self>, back_after_ms: u64) {
        if self.is_up() {
            self.disk.crash(Crash::Process);
            self.take_down(back_after_ms);
        }
    }

    /// The machine loses its power.
    pub fn lose_power(self: &Rc<Self>, back_after_ms: u64) {
        if self.is_up() {
            let seed = self.random.borrow_mut().bits();
            self.disk.crash(Crash::PowerTorn { seed });
            self.take_down(back_after_ms);
        }
    }

    fn take_down(self: &Rc<Self>, back_after_ms: u64) {
        self.shared.trace.line(format_args!("server goes down for {back_after_ms} ms"));
        self.nodes.borrow_mut().clear();
        *self.desk.borrow_mut() = None;
        for handle in self.in_flight.borrow_mut().drain(..) {
            handle.abort();
        }
        let office = Rc::clone(self);
        self.shared.spawn(async move {
            clock::sleep(back_after_ms).await;
            office.come_back();
        });
    }

    /// Starts the processes again, if they are down. A start that fails is tried again.
    pub fn come_back(self: &Rc<Self>) {
        if self.is_up() {
            return;
        }
        self.disk.restart();
        self.disk_failures.set(self.disk.failed());
        if let Err(error) = self.start() {
            self.shared.violated(Violation::new("start", format!("the server does not start again: {error}")));
            return;
        }
        self.shared.trace.line(format_args!("server is back"));
        self.note_heads();
        if let Some(store) = self.desk()
            && let Err(violation) = self.oracle.borrow_mut().note_restart(&store)
        {
            self.shared.violated(violation);
        }
    }

    /// The disk fails once, some operations from now.
    pub fn fail_disk(&self, failure: Failure) {
        self.disk.fail(failure);
    }

    /// Keeps a backup of the database as it is now.
    pub fn back_up(&self) {
        if self.is_up() && !self.disk.has_crashed() {
            *self.backup.borrow_mut() = Some((self.disk.fork(), Arc::new(self.blobs.borrow().fork())));
            self.oracle.borrow_mut().note_backup();
        }
    }

    /// Puts the last backup in place of the database, which gets a new epoch, as the handbook says.
    pub fn restore(self: &Rc<Self>) {
        let backup = self.backup.borrow().clone();
        let Some((disk, blobs)) = backup.filter(|_| self.is_up()) else { return };
        self.disk.crash(Crash::Process);
        self.nodes.borrow_mut().clear();
        *self.desk.borrow_mut() = None;
        for handle in self.in_flight.borrow_mut().drain(..) {
            handle.abort();
        }
        self.disk.restart();
        self.disk.restore(&disk);
        *self.blobs.borrow_mut() = Arc::new(blobs.fork());
        self.shared.trace.line(format_args!("server restored from its backup"));
        if let Err(error) = self.start() {
            self.shared.violated(Violation::new("start", format!("the restored server does not start: {error}")));
            return;
        }
        let mut epoch = [0; 16];
        self.random.borrow_mut().fill(&mut epoch);
        let Some(store) = self.desk() else { return };
        if let Err(error) = store.write(|tx| part::set_epoch(tx, PART, &hex::encode(epoch))) {
            self.shared.violated(Violation::new("start", format!("no new epoch after the restore: {error}")));
        }
        if let Err(violation) = self.oracle.borrow_mut().note_restore(&store) {
            self.shared.violated(violation);
        }
        self.note_heads();
    }

    /// Collects what no manifest names any more, as the server does every hour.
    pub fn collect_garbage(self: &Rc<Self>) {
        let Some(app) = self.app() else { return };
        match garbage::collect(&app.store, &app.blobs, app.now(), GRACE_MS, || ControlFlow::Continue(())) {
            Ok(collected) => self.shared.trace.line(format_args!("collected {collected:?}")),
            Err(error) => {
                self.shared.trace.line(format_args!("not collected: {error}"));
                self.has_died();
            }
        }
        self.note_heads();
    }

    /// The database and the blobs as they are, for worlds that begin with them.
    pub fn as_beginning(&self) -> Begin {
        Begin { disk: self.disk.fork(), blobs: Arc::new(self.blobs.borrow().fork()), segment_rows: self.rules.segment_rows }
    }

    /// Nothing goes wrong with the machine any more.
    pub fn mend(self: &Rc<Self>) {
        self.disk.heal();
        self.disk.crash_at(u64::MAX, Crash::Process);
        if self.disk.has_crashed() && self.is_up() {
            self.take_down(0);
        }
        self.come_back();
    }

    /// Ends the processes in order and starts them again.
    ///
    /// # Errors
    ///
    /// When they do not start.
    pub fn restart_in_order(&self) -> Result<(), Violation> {
        self.nodes.borrow_mut().clear();
        *self.desk.borrow_mut() = None;
        self.start().map_err(|error| Violation::new("I20", format!("the server does not open again: {error}")))
    }
}
