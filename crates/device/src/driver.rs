//! Carries out what the engine asks for, and answers faces; the only async loop of the device.

mod files;
mod keeping;
mod way;

use std::cell::{Cell, RefCell};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{Fuse, FutureExt, LocalBoxFuture};
use futures::lock::Mutex;
use futures::select_biased;
use futures::stream::{FuturesUnordered, StreamExt};
use polevik_device_api::view::{Screen, View};
use polevik_device_api::{Command, Failure, NetworkClass, Push, Reply, Request, RowId, TrafficClass};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::login::{LoginReply, LoginRequest, SignedIn};

use polevik_protocol::rows::TABLES;

use crate::acting::Moment;
use crate::calls::{Answer, Caller};
use crate::commands::take_photo::Words;
use crate::device::Device;
use crate::error::{DeviceError, Failed};
use crate::files::Files;
use crate::host::Host;
use crate::pictures::Pictures;
use crate::sync::apply::Shown;
use crate::sync::copy::Applying;
use crate::sync::event::{
    Applied, ApplyFailed, Effect, Event, Exchange, ExchangeFailed, Exchanged, Mended, Outcome, SessionNo, Wanted, Work,
};
use crate::sync::exchange::Taken;
use crate::sync::hello::clock_offset_ms;
use crate::sync::mend::{Fill, Repair};
use crate::transport::Transport;
use way::{Meter, Way};

/// Pushes about progress come at most so often.
const PROGRESS_EVERY_MS: i64 = 250;

/// A device with a network, a clock and somebody who listens.
///
/// One thread; databases are never borrowed across a wait.
pub struct Driver<T, H, F, I, P> {
    device: RefCell<Device>,
    transport: T,
    host: H,
    files: F,
    pictures: I,
    push: P,
    tasks: UnboundedSender<Task>,
    queue: RefCell<Option<UnboundedReceiver<Task>>>,
    shown_at: Cell<UtcMillis>,
    /// When the process began, by the server's clock as far as it is known.
    began_at: UtcMillis,
    /// The network as a face told it last.
    network: Cell<Option<NetworkClass>>,
    /// Bytes that went and came.
    meter: Meter,
    /// What is remembered about files on their way.
    memory: RefCell<files::Memory>,
    /// Materials are others than when it was worked out which are wanted.
    replan: Cell<bool>,
    /// Held while a file is written whose row comes after it, and while files are removed that no row names.
    files_lock: Mutex<()>,
}

/// What a device finds outside itself.
#[derive(Debug, Clone)]
pub struct Outside<T, H, F, I> {
    /// A network.
    pub transport: T,
    /// A machine.
    pub host: H,
    /// A place for files.
    pub files: F,
    /// Somebody who knows pictures.
    pub pictures: I,
}

/// Work for the loop.
enum Task {
    /// Do it for that session and hand back what came of it.
    Do(SessionNo, Work),
    /// Drop all of it.
    Abandon,
    /// Ask the server to say when there is something new.
    Watch,
    /// Drop that.
    Unwatch,
    /// Come back then.
    WakeAt(Option<UtcMillis>),
}

impl<T: Transport, H: Host, F: Files, I: Pictures, P: Fn(Push)> Driver<T, H, F, I, P> {
    /// A driver that tells `push` what happens. Pushes come from inside [`Driver::run`] and [`Driver::request`]; `push` must not call back.
    pub fn new(device: Device, outside: Outside<T, H, F, I>, push: P) -> Self {
        let Outside { transport, host, files, pictures } = outside;
        let (tasks, queue) = unbounded();
        let began_at = device.corrected_now(&host);
        Self {
            began_at,
            device: RefCell::new(device),
            transport,
            host,
            files,
            pictures,
            push,
            tasks,
            queue: RefCell::new(Some(queue)),
            shown_at: Cell::new(UtcMillis(i64::MIN)),
            network: Cell::new(None),
            meter: Meter::default(),
            memory: RefCell::default(),
            replan: Cell::new(false),
            files_lock: Mutex::new(()),
        }
    }

    /// Reads something of the device that is not a screen.
    pub fn with_device<R>(&self, read: impl FnOnce(&mut Device) -> R) -> R {
        read(&mut self.device.borrow_mut())
    }

    /// The place for files: for tools that check from outside what is there.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// Runs sessions and timers; it does not end. Called once; a second call ends at once.
    pub async fn run(&self) {
        let Some(mut queue) = self.queue.borrow_mut().take() else { return };
        let mut under_way: FuturesUnordered<LocalBoxFuture<'_, Event>> = FuturesUnordered::new();
        let mut timer: Fuse<LocalBoxFuture<'_, ()>> = Fuse::terminated();
        let mut watch: Fuse<LocalBoxFuture<'_, Event>> = Fuse::terminated();
        self.sweep().await;
        self.step(Event::Started);
        self.look_for_damage();
        loop {
            select_biased! {
                task = queue.next() => match task {
                    Some(Task::Do(number, work)) => under_way.push(self.carry_out(number, work).boxed_local()),
                    Some(Task::Abandon) => under_way = FuturesUnordered::new(),
                    Some(Task::Watch) => watch = self.watch().boxed_local().fuse(),
                    Some(Task::Unwatch) => watch = Fuse::terminated(),
                    Some(Task::WakeAt(None)) => timer = Fuse::terminated(),
                    Some(Task::WakeAt(Some(at))) => {
                        let millis = u64::try_from(at.since(self.host.now())).unwrap_or(0);
                        timer = self.host.sleep(millis).boxed_local().fuse();
                    }
                    None => return,
                },
                event = under_way.select_next_some() => {
                    self.step(event);
                    self.look_for_damage();
                }
                event = watch => self.step(event),
                () = timer => self.step(Event::Due),
            }
        }
    }

    /// Answers a request of a face. Only a login and a logout wait for the network; everything else is done when the future is first polled, or
    /// waits for the place of files alone.
    pub async fn request(&self, request: Request) -> Reply {
        let reply = self.answer(request).await;
        self.look_for_damage();
        reply
    }

    async fn answer(&self, request: Request) -> Reply {
        match request {
            Request::Execute(command) => {
                let done = self.device.borrow_mut().execute(command, &self.host);
                match done {
                    Ok((done, changed)) => {
                        self.changed(changed.iter().copied());
                        // What waits is shown on the synchronisation screen too.
                        if changed.contains(&"outbox") {
                            self.show(true);
                        }
                        // A row may have waited for just that.
                        if changed.iter().any(|table| matches!(*table, "option" | "visit")) {
                            self.step(Event::Changed);
                            self.show(true);
                        }
                        self.remove_leaving().await;
                        Reply::Done(done)
                    }
                    Err(error) => error.into(),
                }
            }
            Request::Load(screen) => {
                if matches!(screen, Screen::Visit(_) | Screen::Materials | Screen::Storage) {
                    self.look_for_room().await;
                }
                let view: Result<View, DeviceError> = self.device.borrow_mut().load(&screen, &self.host);
                view.map_or_else(Reply::from, |view| Reply::View(Box::new(view)))
            }
            Request::Login { email, password, position } => {
                let reply = self.login(email, password, position).await;
                reply.unwrap_or_else(|failed| Reply::Failed(failed.shown(None)))
            }
            Request::Logout { keep_unsent } => {
                let reply = self.logout(keep_unsent).await;
                reply.unwrap_or_else(|failed| Reply::Failed(failed.shown(None)))
            }
            Request::Sync(row) => {
                if row == Some(RowId::UploadMandatory) {
                    self.send_again();
                }
                self.step(Event::Asked(row));
                Reply::Taken
            }
            Request::Foreground(foreground) => {
                self.step(Event::Foreground(foreground));
                Reply::Taken
            }
            Request::Check => {
                self.step(Event::CheckAsked);
                Reply::Taken
            }
            Request::StopSync => {
                self.step(Event::StopAsked);
                Reply::Taken
            }
            Request::TakePhoto { visit, scene, comment, picture } => self.take_photo(Words { visit, scene, comment }, picture).await,
            Request::OpenFile(file) => self.open_file(&file).await,
            Request::FetchMaterial(material) => self.fetch_material(material),
            Request::AllowOnce(row) => {
                self.step(Event::AllowedOnce(row));
                Reply::Taken
            }
            Request::TreatUnknownAsWiFi(is_wifi) => {
                self.step(Event::UnknownIsWiFi(is_wifi));
                Reply::Taken
            }
            Request::Network(network) => {
                self.network.set(Some(network));
                self.step(Event::Woken);
                Reply::Taken
            }
            Request::Wake => {
                self.step(Event::Woken);
                Reply::Taken
            }
        }
    }

    /// The row's own button tries once more what was set aside.
    fn send_again(&self) {
        let unparked = self.device.borrow_mut().execute(Command::Unpark { document: None }, &self.host);
        match unparked {
            Ok((_, changed)) => self.changed(changed.iter().copied()),
            Err(error) => self.host.log(&format!("what was set aside stays so: {error}")),
        }
    }

    async fn login(&self, email: String, password: String, position: Option<String>) -> Result<Reply, Failed> {
        let (mut caller, device) = {
            let mut device = self.device.borrow_mut();
            (device.caller()?, device.device_info()?)
        };
        // A token of before must not decide who this is.
        caller.token = None;
        let request = LoginRequest { email: email.trim().to_owned(), password, position, device };
        let before = self.host.now();
        let answer = caller.login(&self.way(None), &request).await;
        let after = self.host.now();
        self.log_request("login", "-", before, after, answer.as_ref().map(|answer| (answer.bytes_up, answer.bytes_down)));
        match answer?.message {
            LoginReply::ChoosePosition { positions } => Ok(Reply::ChoosePosition(positions)),
            LoginReply::SignedIn(signed_in) => {
                let SignedIn { server_time_ms, .. } = *signed_in;
                // A session of whoever was signed in before ends with that person's token.
                self.step(Event::SignedOut);
                {
                    let mut device = self.device.borrow_mut();
                    device.engine.set_clock_offset(clock_offset_ms(server_time_ms, before, after));
                    device.sign_in(&request.email, &caller.server, &signed_in).map_err(|error| match error {
                        DeviceError::Store(error) => Failed::from(error),
                        DeviceError::Refused(refusal) => Failed::new(ErrorCode::Unexpected, refusal.to_string()),
                    })?;
                    device.save_engine(None)?;
                }
                self.changed(["option"]);
                self.step(Event::SignedIn);
                self.show(true);
                Ok(Reply::SignedIn)
            }
        }
    }

    async fn logout(&self, keep_unsent: bool) -> Result<Reply, Failed> {
        let caller = {
            let mut device = self.device.borrow_mut();
            let unsent = device.unsent()?;
            if unsent > 0 && !keep_unsent {
                return Err(Failed::new(ErrorCode::UnsentData, unsent.to_string()));
            }
            device.caller()?
        };
        self.step(Event::SignedOut);
        self.device.borrow_mut().sign_out()?;
        self.changed(["option"]);
        if caller.token.is_some() {
            // Signed out here in any case; a server that does not hear of it lets the token grow old.
            let before = self.host.now();
            let told = caller.logout(&self.way(None)).await;
            self.log_request("logout", "-", before, self.host.now(), told.as_ref().map(|()| (0, 0)));
        }
        Ok(Reply::Taken)
    }

    /// Tells the engine of a database that was found damaged and begun anew.
    fn look_for_damage(&self) {
        let damaged = self.device.borrow_mut().take_damage();
        for row in damaged {
            self.changed(match row {
                RowId::DownloadMandatory => TABLES.iter().map(|table| table.name).collect::<Vec<_>>(),
                RowId::DownloadMaterials | RowId::DownloadLibrary | RowId::UploadMaterials => Vec::new(),
                RowId::UploadMandatory => vec!["visit", "customer_order", "outbox", "option"],
            });
            self.step(Event::Damaged(row));
        }
    }

    /// Tells the engine, and does what it asks for.
    fn step(&self, event: Event) {
        let (effects, number) = {
            let mut device = self.device.borrow_mut();
            let facts = device.facts(&self.host, self.network(), self.transport.moved_bytes());
            let effects = device.engine.step(event, &facts);
            (effects, device.engine.session().map(|session| session.number).unwrap_or_default())
        };
        for effect in effects {
            match effect {
                Effect::Save { note } => {
                    if let Err(failed) = self.keep_traffic() {
                        self.host.log(&format!("the bytes of the month were not kept: {}", failed.detail));
                    }
                    let now = self.corrected_now();
                    if let Err(error) = self.device.borrow_mut().save_engine(note.then_some(now)) {
                        self.host.log(&format!("the rows of synchronisation were not kept: {error}"));
                    }
                }
                Effect::Show { now } => self.show(now),
                Effect::Watch => self.post(Task::Watch),
                Effect::Unwatch => self.post(Task::Unwatch),
                Effect::Abandon => self.post(Task::Abandon),
                Effect::WakeAt(at) => self.post(Task::WakeAt(at)),
                Effect::Do(work) => self.post(Task::Do(number, work)),
            }
        }
    }

    fn post(&self, task: Task) {
        // It fails only when the loop has ended, and then nobody is left to carry it out.
        let _ = self.tasks.unbounded_send(task);
    }

    /// Does the work; gives the event that says what came of it.
    async fn carry_out(&self, number: SessionNo, work: Work) -> Event {
        let outcome = match work {
            Work::Exchange(exchange) => Outcome::Exchanged(self.exchange(&exchange).await),
            Work::Blame => {
                let mut device = self.device.borrow_mut();
                let now = device.corrected_now(&self.host);
                Outcome::Blamed(device.blame(now).map_err(Failed::from))
            }
            Work::Step { at } => {
                let applied = self.device.borrow_mut().apply_step(at);
                Outcome::Stepped(self.tell(applied))
            }
            Work::Plan { suspects, anew } => {
                let mut device = self.device.borrow_mut();
                let now = device.corrected_now(&self.host);
                Outcome::Planned(device.plan(&suspects, anew, now))
            }
            Work::Fetch(wanted) => {
                let result = self.fetch(&wanted).await;
                Outcome::Fetched(wanted, result)
            }
            Work::Apply { at } => {
                let applied = self.apply(at).await;
                Outcome::Applied(self.tell(applied))
            }
            Work::Fill => Outcome::Filled(self.fill().await),
            Work::Check => Outcome::Checked(self.check().await),
            Work::Repair(buckets) => Outcome::Repaired(self.repair(&buckets).await),
            Work::Move(row) => Outcome::Moved(row, self.move_files(number, row).await),
        };
        Event::Came(number, outcome)
    }

    /// Shows what was downloaded; a copy that is built beside lets screens in between its segments.
    async fn apply(&self, at: UtcMillis) -> Result<Shown, ApplyFailed> {
        let mut applying = self.device.borrow_mut().apply(at)?;
        loop {
            match applying {
                Applying::Done(shown) => return Ok(shown),
                Applying::Beside(beside) => {
                    yield_now().await;
                    applying = self.device.borrow_mut().go_on_applying(beside, at)?;
                }
            }
        }
    }

    /// Tells faces which tables changed.
    fn tell(&self, applied: Result<Shown, ApplyFailed>) -> Result<Applied, ApplyFailed> {
        let shown = applied?;
        self.changed(shown.changed.iter().copied());
        Ok(Applied { rows: shown.rows })
    }

    async fn exchange(&self, exchange: &Exchange) -> Result<Exchanged, ExchangeFailed> {
        let nothing_sent = |failed: Failed| ExchangeFailed { documents: 0, known: false, failed };
        let (caller, asked) = {
            let mut device = self.device.borrow_mut();
            let now = device.corrected_now(&self.host);
            let caller = device.caller().map_err(|error| nothing_sent(error.into()))?;
            (caller, device.request(exchange, now).map_err(|error| nothing_sent(error.into()))?)
        };
        let documents = u32::try_from(asked.request.documents.len()).unwrap_or(u32::MAX);
        let before = self.host.now();
        let answer = caller.sync(&self.way(None), &asked.request).await;
        let after = self.host.now();
        let tag = caller.tag.as_deref().unwrap_or("-");
        self.log_request("sync", tag, before, after, answer.as_ref().map(|answer| (answer.bytes_up, answer.bytes_down)));
        let answer = answer.map_err(|failed| ExchangeFailed { documents, known: asked.known, failed })?;
        let clock_offset_ms = clock_offset_ms(answer.message.server_time_ms, before, after);
        let taken = self.device.borrow_mut().take_reply(exchange, &asked.request, answer.message);
        let taken = taken.map_err(|error| nothing_sent(error.into()))?;
        if taken.answered + taken.broken > 0 || taken.re_enrolled || taken.re_offers {
            self.changed(["outbox"]);
        }
        if taken.re_enrolled {
            self.changed(["option"]);
        }
        let Taken { answered, waiting, held, broken, re_enrolled, re_offers, news } = taken;
        let (bytes_up, bytes_down) = (answer.bytes_up, answer.bytes_down);
        Ok(Exchanged { clock_offset_ms, answered, waiting, held, broken, bytes_up, bytes_down, news, re_enrolled, re_offers })
    }

    /// One wait for news.
    async fn watch(&self) -> Event {
        let asked = {
            let mut device = self.device.borrow_mut();
            device.caller().and_then(|caller| Ok((caller, device.held_root()?.unwrap_or_default())))
        };
        let (caller, root) = match asked {
            Ok(asked) => asked,
            Err(error) => return Event::Watched(Err(error.into())),
        };
        let before = self.host.now();
        let answer = caller.wait(&self.way(None), &root).await;
        self.log_request("wait", "-", before, self.host.now(), answer.as_ref().map(|_| (0, 0)));
        Event::Watched(answer.map(|reply| reply.changed))
    }

    /// Counts all rows of the copy again outside a session, and changes nothing but kept hashes: for tools. Gives the buckets that are wrong.
    ///
    /// # Errors
    ///
    /// L505 for a damaged file; the code of the store otherwise.
    pub async fn check_now(&self) -> Result<Vec<BucketName>, Failure> {
        self.check().await.map_err(|failed| failed.shown(None))
    }

    /// Counts all rows of the copy again, slice by slice, so that screens get in between.
    async fn check(&self) -> Result<Vec<BucketName>, Failed> {
        let now = self.corrected_now();
        let Some(mut check) = self.device.borrow_mut().begin_check()? else { return Ok(Vec::new()) };
        loop {
            if let Some(wrong) = self.device.borrow_mut().go_on_checking(&mut check, now)? {
                return Ok(wrong);
            }
            yield_now().await;
        }
    }

    /// Has the wrong rows of these buckets told from the right ones, range by range, and fetched again.
    async fn repair(&self, buckets: &[BucketName]) -> Result<Mended, Failed> {
        let (mut rows, mut still_wrong) = (0, Vec::new());
        for bucket in buckets {
            let mut question = self.device.borrow_mut().begin_repair(bucket)?;
            loop {
                let answer = self.ask("repair", async |caller: &Caller| caller.repair(&self.way(None), &question.request).await).await?;
                let repaired = self.device.borrow_mut().take_repair(question, answer)?;
                match repaired {
                    Repair::Behind => return Ok(Mended::Behind),
                    Repair::Ask { next, written } => {
                        rows += written;
                        question = next;
                    }
                    Repair::Done { changed, written } => {
                        rows += written;
                        self.changed(changed);
                        break;
                    }
                    Repair::StillWrong => {
                        still_wrong.push(bucket.clone());
                        break;
                    }
                }
            }
        }
        let now = self.corrected_now();
        self.device.borrow_mut().end_repair(&still_wrong, now)?;
        Ok(if still_wrong.is_empty() { Mended::Done { rows } } else { Mended::StillWrong(still_wrong) })
    }

    /// Asks for the columns that the application has learned, bucket by bucket, table by table.
    async fn fill(&self) -> Result<Mended, Failed> {
        let (mut rows, mut next) = (0, self.device.borrow_mut().begin_fill()?);
        while let Some(question) = next {
            let answer = self.ask("backfill", async |caller: &Caller| caller.backfill(&self.way(None), &question.request).await).await?;
            let filled = self.device.borrow_mut().take_fill(question, answer)?;
            match filled {
                Fill::Behind => return Ok(Mended::Behind),
                Fill::Went { next: question, changed, written } => {
                    rows += written;
                    self.changed(changed);
                    next = question;
                }
            }
        }
        Ok(Mended::Done { rows })
    }

    /// Asks the server for something other than a sync, and logs it.
    async fn ask<M>(&self, what: &str, ask: impl AsyncFnOnce(&Caller) -> Result<Answer<M>, Failed>) -> Result<M, Failed> {
        let caller = self.device.borrow_mut().caller()?;
        let before = self.host.now();
        let answer = ask(&caller).await;
        let tag = caller.tag.as_deref().unwrap_or("-");
        self.log_request(what, tag, before, self.host.now(), answer.as_ref().map(|answer| (answer.bytes_up, answer.bytes_down)));
        Ok(answer?.message)
    }

    async fn fetch(&self, wanted: &Wanted) -> Result<(), Failed> {
        let caller = self.device.borrow_mut().caller()?;
        let before = self.host.now();
        let bytes = caller.segment(&self.way(None), &wanted.hash).await;
        let tag = caller.tag.as_deref().unwrap_or("-");
        self.log_request("segment", tag, before, self.host.now(), bytes.as_ref().map(|bytes| (0, bytes.len() as u64)));
        self.device.borrow_mut().stage(&wanted.hash, &bytes?)
    }

    /// Now, by the server's clock as far as it is known.
    fn corrected_now(&self) -> UtcMillis {
        self.device.borrow().corrected_now(&self.host)
    }

    /// The network there is: what a face said of it, or else what the machine says.
    fn network(&self) -> NetworkClass {
        self.network.get().unwrap_or_else(|| self.host.network())
    }

    /// The way that requests of a row take; `None` = those of no row, which are mandatory.
    fn way(&self, row: Option<RowId>) -> Way<'_, T> {
        Way {
            transport: &self.transport,
            meter: &self.meter,
            class: row.map_or(TrafficClass::Mandatory, RowId::traffic),
            network: Box::new(|| self.network()),
            gate: Box::new(move |network| row.map_or(Ok(()), |row| self.device.borrow().gate(row, network))),
            waits: Cell::new(None),
            counted: Cell::new((0, 0)),
        }
    }

    /// Writes down the bytes that went and came.
    fn keep_traffic(&self) -> Result<(), Failed> {
        let today = Moment::of(&self.host, self.device.borrow().engine.clock_offset_ms()).today();
        let taken = self.meter.take();
        let kept = self.device.borrow_mut().count_traffic(&taken, today);
        kept.map_err(|error| {
            self.meter.put_back(taken);
            Failed::from(error)
        })
    }

    fn changed<'a>(&self, tables: impl IntoIterator<Item = &'a str>) {
        let tables: Vec<String> = tables.into_iter().map(str::to_owned).collect();
        if tables.iter().any(|table| matches!(table.as_str(), "material" | "material_mark" | "held_file" | "route_stop")) {
            self.replan.set(true);
        }
        if !tables.is_empty() {
            (self.push)(Push::Changed(tables));
        }
    }

    fn show(&self, at_once: bool) {
        let now = self.host.now();
        // A clock that was turned back must not silence progress.
        let since = now.since(self.shown_at.get());
        if !at_once && (0..PROGRESS_EVERY_MS).contains(&since) {
            return;
        }
        let view = self.device.borrow_mut().sync_view(&self.host);
        match view {
            Ok(view) => {
                self.shown_at.set(now);
                (self.push)(Push::Sync(Box::new(view)));
            }
            Err(error) => self.host.log(&format!("the synchronisation screen was not shown: {error}")),
        }
    }

    /// One line about a request of a row of files.
    fn log_step<R>(&self, what: &str, caller: &Caller, before: UtcMillis, way: &Way<'_, T>, result: &Result<R, Failed>) {
        if way.waits.get().is_some() {
            // Nothing was asked.
            return;
        }
        let tag = caller.tag.as_deref().unwrap_or("-");
        let (up, down) = way.counted.get();
        self.log_request(what, tag, before, self.host.now(), result.as_ref().map(|_| (up, down)));
    }

    fn log_request(&self, what: &str, tag: &str, before: UtcMillis, after: UtcMillis, result: Result<(u64, u64), &Failed>) {
        let millis = after.since(before);
        match result {
            Ok((up, down)) => self.host.log(&format!("{tag} {what} ok up={up} down={down} ms={millis}")),
            Err(failed) => self.host.log(&format!("{tag} {what} {} ms={millis}: {}", failed.code, failed.detail)),
        }
    }
}

/// Lets everything else that is ready run first.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
