//! Devices: the real program as a process, and the real core inside this process, with what it says to the server written down.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use polevik_device::api::sync::{SessionResult, SyncView};
use polevik_device::api::view::{Screen, View};
use polevik_device::api::{Command as Act, CommandDone, ErrorCode, NetworkClass, Push, Reply, Request, RowId};
use polevik_device::files::FileFolder;
use polevik_device::host::Host;
use polevik_device::pictures::Undecoded;
use polevik_device::platform::Folder;
use polevik_device::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use polevik_device::{Device, Driver, Outside, Setup};
use polevik_domain::ids::DocumentId;
use polevik_domain::photo::Scene;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::cpu::{self, ChildSpent, Spent, Watch};
use crate::server::{Programs, Server};

/// A person of the demo company.
#[derive(Debug, Clone)]
pub struct Person {
    /// What is typed.
    pub email: String,
    /// Everybody's.
    pub password: String,
}

impl Person {
    /// Rep number `n`, from 1.
    pub fn rep(n: usize) -> Self {
        Self { email: format!("rep{n:02}@demo.polevik.example"), password: "polevik-demo".to_owned() }
    }
}

/// What `polevik-device sync` did.
#[derive(Debug, Clone, Copy)]
pub struct ProcessSync {
    /// What it took.
    pub spent: ChildSpent,
    /// Rows written.
    pub rows: u64,
    /// Body bytes both ways.
    pub wire_bytes: u64,
    /// Documents sent.
    pub documents: u64,
}

/// `polevik-device login`.
pub fn log_in(programs: &Programs, home: &Path, server: &Server, person: &Person) -> Result<()> {
    let output = Command::new(programs.device())
        .arg("--home")
        .arg(home)
        .args(["login", "--server", server.address(), "--email", &person.email, "--password", &person.password])
        .output()?;
    ensure!(output.status.success(), "login: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// `polevik-device sync`, measured from the start of the process to its end.
pub fn synchronise(programs: &Programs, home: &Path) -> Result<ProcessSync> {
    synchronise_rows(programs, home, &[])
}

/// The same for one row of the synchronisation screen.
pub fn synchronise_row(programs: &Programs, home: &Path, row: RowId) -> Result<ProcessSync> {
    synchronise_rows(programs, home, &["--row", row.as_str()])
}

fn synchronise_rows(programs: &Programs, home: &Path, rows: &[&str]) -> Result<ProcessSync> {
    let (output, spent) = cpu::of_child(|| {
        let mut command = Command::new(programs.device());
        command.arg("--home").arg(home).args(["--json", "sync"]).args(rows).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command.spawn()?)
    })?;
    ensure!(output.status.success(), "sync: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let count = |name: &str| said["counts"][name].as_u64().with_context(|| format!("no {name} in {said}"));
    Ok(ProcessSync { spent, rows: count("rows_received")?, wire_bytes: count("bytes")?, documents: count("documents_sent")? })
}

/// The file of a device's copy of the office: the largest, when an older one has not gone yet.
pub fn reference_file(home: &Path) -> Result<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(home)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("reference-") && name.ends_with(".db") {
            files.push((entry.metadata()?.len(), entry.path()));
        }
    }
    files.sort();
    Ok(files.pop().context("the device has no copy of the office")?.1)
}

/// One exchange with the server.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// As sent.
    pub request: HttpRequest,
    /// Status of the answer.
    pub status: u16,
    /// Its body, decoded.
    pub answer: Vec<u8>,
    /// Bytes of its body as it travelled.
    pub wire_bytes: usize,
}

type Heard = Rc<RefCell<Vec<Exchange>>>;

/// HTTP over the system's network; writes down what is said.
struct Network {
    client: reqwest::Client,
    heard: Heard,
}

impl Transport for Network {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let failed = |error: reqwest::Error| TransportError::new(ErrorCode::ConnectionLost, format!("{error:?}"));
        let method = reqwest::Method::from_bytes(request.method.as_str().as_bytes());
        let method = method.map_err(|error| TransportError::new(ErrorCode::Unexpected, error.to_string()))?;
        let mut builder = self.client.request(method, &request.url);
        if request.method.has_body() {
            builder = builder.body(request.body.clone());
        }
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        // Unpacked here and not by the library, so that the bytes on the wire are known.
        if !request.headers.iter().any(|(name, _)| *name == "accept-encoding") {
            builder = builder.header("accept-encoding", "gzip");
        }
        let response = builder.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = answer_headers(&request, response.headers());
        let is_packed = response.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
        let sent = response.bytes().await.map_err(failed)?.to_vec();
        let wire_bytes = sent.len();
        let body = if is_packed {
            let mut body = Vec::new();
            let unpacked = GzDecoder::new(sent.as_slice()).read_to_end(&mut body);
            unpacked.map_err(|error| TransportError::new(ErrorCode::ConnectionLost, error.to_string()))?;
            body
        } else {
            sent
        };
        self.heard.borrow_mut().push(Exchange { request, status, answer: body.clone(), wire_bytes });
        Ok(HttpResponse { status, headers, body })
    }
}

/// Those headers of an answer that were wanted.
fn answer_headers(request: &HttpRequest, headers: &reqwest::header::HeaderMap) -> Vec<(String, String)> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(|value| (name.to_owned(), value.to_owned()));
    request.wanted_headers.iter().filter_map(|name| value(name)).collect()
}

/// This machine.
struct Machine;

impl Host for Machine {
    #[expect(clippy::disallowed_methods, reason = "this is a program's edge")]
    fn now(&self) -> UtcMillis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }

    fn random_bytes(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system has randomness");
    }

    async fn sleep(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn network(&self) -> NetworkClass {
        NetworkClass::WiFi
    }

    fn log(&self, _line: &str) {}
}

/// Now, by the system's clock.
pub fn now() -> UtcMillis {
    Machine.now()
}

type Core = Driver<Network, Machine, FileFolder, Undecoded, Box<dyn Fn(Push)>>;

/// The core of a device in this process: what it costs is what this process spends.
pub struct InProcess {
    core: Rc<Core>,
    ended: Rc<Notify>,
    heard: Heard,
    runtime: Runtime,
    tasks: LocalSet,
}

/// What one session did.
#[derive(Debug, Clone)]
pub struct Session {
    /// What it took this process.
    pub spent: Spent,
    /// Body bytes up, as sent.
    pub bytes_up: usize,
    /// Body bytes down, as they travelled.
    pub bytes_down: usize,
    /// Rows written.
    pub rows: u64,
    /// Everything that was said.
    pub exchanges: Vec<Exchange>,
}

impl InProcess {
    /// The device of a folder, which is made if it does not exist.
    pub fn open(home: &Path, server: &Server) -> Result<Self> {
        let folder = Folder::new(home)?;
        let setup = Setup {
            server: Some(server.address().to_owned()),
            model: "bench".to_owned(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let device = Device::open(Box::new(folder), setup, &Machine).map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = reqwest::Client::builder().no_gzip().build()?;
        let (ended, heard) = (Rc::new(Notify::new()), Heard::default());
        let push = {
            let (ended, ran) = (Rc::clone(&ended), Cell::new(false));
            move |push: Push| {
                if let Push::Sync(view) = push
                    && ran.replace(view.running)
                    && !view.running
                {
                    ended.notify_one();
                }
            }
        };
        let network = Network { client, heard: Rc::clone(&heard) };
        let outside = Outside { transport: network, host: Machine, files: FileFolder::new(home)?, pictures: Undecoded };
        let core: Rc<Core> = Rc::new(Driver::new(device, outside, Box::new(push)));
        let tasks = LocalSet::new();
        tasks.spawn_local({
            let core = Rc::clone(&core);
            async move { core.run().await }
        });
        Ok(Self { core, ended, heard, runtime, tasks })
    }

    /// Signs in, and does the first synchronisation.
    pub fn settle_in(&mut self, person: &Person) -> Result<Session> {
        let request = Request::Login { email: person.email.clone(), password: person.password.clone(), position: None };
        let reply = self.tasks.block_on(&self.runtime, self.core.request(request));
        ensure!(reply == Reply::SignedIn, "login: {reply:?}");
        self.heard.borrow_mut().clear();
        self.synchronise()
    }

    /// One synchronisation, from the press to its end.
    pub fn synchronise(&mut self) -> Result<Session> {
        self.heard.borrow_mut().clear();
        let watch = Watch::start();
        let view = self.tasks.block_on(&self.runtime, self.press())?;
        let spent = watch.stop();
        ensure!(view.result == Some(SessionResult::Success), "the session did not succeed: {:?}", view.rows);
        let exchanges = self.heard.take();
        Ok(Session {
            spent,
            bytes_up: exchanges.iter().map(|exchange| exchange.request.body.len()).sum(),
            bytes_down: exchanges.iter().map(|exchange| exchange.wire_bytes).sum(),
            rows: view.last_counts.map_or(0, |(_, rows, _, _)| rows),
            exchanges,
        })
    }

    /// Joins a session that runs already, and waits until none runs.
    async fn press(&self) -> Result<SyncView> {
        self.core.request(Request::Sync(None)).await;
        loop {
            let view = match self.core.request(Request::Load(Screen::Sync)).await {
                Reply::View(view) => match *view {
                    View::Sync(view) => view,
                    other => bail!("another screen: {other:?}"),
                },
                other => bail!("{other:?}"),
            };
            if !view.running {
                return Ok(view);
            }
            self.ended.notified().await;
        }
    }

    /// Does an act of the rep, with nobody who looks on: no screen is told.
    pub fn act(&mut self, act: Act) -> Result<CommandDone> {
        self.core.with_device(|device| device.execute(act, &Machine)).map(|(done, _)| done).map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Keeps a photo of an open visit, as the camera gave it.
    pub fn take_photo(&mut self, visit: DocumentId, picture: Vec<u8>) -> Result<()> {
        let photo = Request::TakePhoto { visit, scene: Scene::Shelf, comment: String::new(), picture };
        match self.tasks.block_on(&self.runtime, self.core.request(photo)) {
            Reply::Done(CommandDone::Document(_)) => Ok(()),
            other => bail!("{other:?}"),
        }
    }

    /// Loads a screen.
    pub fn load(&mut self, screen: Screen) -> Result<View> {
        match self.tasks.block_on(&self.runtime, self.core.request(Request::Load(screen))) {
            Reply::View(view) => Ok(*view),
            other => bail!("{other:?}"),
        }
    }

    /// Looks at the device itself.
    pub fn with_device<R>(&mut self, read: impl FnOnce(&mut Device) -> R) -> R {
        self.core.with_device(read)
    }
}
