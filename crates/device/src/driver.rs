//! Carries out what the engine asks for, and answers faces; the only async loop of the device.

use std::cell::{Cell, RefCell};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{FutureExt, LocalBoxFuture};
use futures::select_biased;
use futures::stream::{FuturesUnordered, StreamExt};
use polevik_device_api::view::View;
use polevik_device_api::{Push, Reply, Request};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::login::{LoginReply, LoginRequest, SignedIn};

use crate::device::Device;
use crate::error::{DeviceError, Failed};
use crate::host::Host;
use crate::sync::event::{Effect, Event, Exchanged, News, Outcome, SessionNo, Wanted, Work};
use crate::sync::hello::clock_offset_ms;
use crate::transport::Transport;

/// Pushes about progress come at most so often.
const PROGRESS_EVERY_MS: i64 = 250;

/// A device with a network, a clock and somebody who listens.
///
/// One thread; databases are never borrowed across a wait.
pub struct Driver<T, H, P> {
    device: RefCell<Device>,
    transport: T,
    host: H,
    push: P,
    tasks: UnboundedSender<Task>,
    queue: RefCell<Option<UnboundedReceiver<Task>>>,
    shown_at: Cell<UtcMillis>,
}

/// Work for the loop.
enum Task {
    /// Do it for that session and hand back what came of it.
    Do(SessionNo, Work),
    /// Drop all of it.
    Abandon,
    /// Come back then.
    WakeAt(Option<UtcMillis>),
}

impl<T: Transport, H: Host, P: Fn(Push)> Driver<T, H, P> {
    /// A driver that tells `push` what happens. Pushes come from inside [`Driver::run`] and [`Driver::request`]; `push` must not call back.
    pub fn new(device: Device, transport: T, host: H, push: P) -> Self {
        let (tasks, queue) = unbounded();
        Self {
            device: RefCell::new(device),
            transport,
            host,
            push,
            tasks,
            queue: RefCell::new(Some(queue)),
            shown_at: Cell::new(UtcMillis(i64::MIN)),
        }
    }

    /// Reads something of the device that is not a screen.
    pub fn with_device<R>(&self, read: impl FnOnce(&mut Device) -> R) -> R {
        read(&mut self.device.borrow_mut())
    }

    /// Runs sessions and timers; it does not end. Called once; a second call ends at once.
    pub async fn run(&self) {
        let Some(mut queue) = self.queue.borrow_mut().take() else { return };
        let mut under_way: FuturesUnordered<LocalBoxFuture<'_, Event>> = FuturesUnordered::new();
        let mut timer: futures::future::Fuse<LocalBoxFuture<'_, ()>> = futures::future::Fuse::terminated();
        self.step(Event::Started);
        loop {
            select_biased! {
                task = queue.next() => match task {
                    Some(Task::Do(number, work)) => under_way.push(self.carry_out(number, work).boxed_local()),
                    Some(Task::Abandon) => under_way = FuturesUnordered::new(),
                    Some(Task::WakeAt(None)) => timer = futures::future::Fuse::terminated(),
                    Some(Task::WakeAt(Some(at))) => {
                        let millis = u64::try_from(at.since(self.host.now())).unwrap_or(0);
                        timer = self.host.sleep(millis).boxed_local().fuse();
                    }
                    None => return,
                },
                event = under_way.select_next_some() => self.step(event),
                () = timer => self.step(Event::Due),
            }
        }
    }

    /// Answers a request of a face. Only a login and a logout wait for the network; everything else is done when the future is first polled.
    pub async fn request(&self, request: Request) -> Reply {
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
                        Reply::Done(done)
                    }
                    Err(error) => error.into(),
                }
            }
            Request::Load(screen) => {
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
                self.step(Event::Asked(row));
                Reply::Taken
            }
            Request::StopSync => {
                self.step(Event::StopAsked);
                Reply::Taken
            }
            Request::Wake => {
                self.step(Event::Woken);
                Reply::Taken
            }
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
        let answer = caller.login(&self.transport, &request).await;
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
                    device.save_engine()?;
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
            let told = caller.logout(&self.transport).await;
            self.log_request("logout", "-", before, self.host.now(), told.as_ref().map(|()| (0, 0)));
        }
        Ok(Reply::Taken)
    }

    /// Tells the engine, and does what it asks for.
    fn step(&self, event: Event) {
        let (effects, number) = {
            let mut device = self.device.borrow_mut();
            let facts = match device.facts(&self.host) {
                Ok(facts) => facts,
                Err(error) => {
                    self.host.log(&format!("the engine was not told: {error}"));
                    return;
                }
            };
            let effects = device.engine.step(event, &facts);
            (effects, device.engine.session().map(|session| session.number).unwrap_or_default())
        };
        for effect in effects {
            match effect {
                Effect::Save => {
                    if let Err(error) = self.device.borrow_mut().save_engine() {
                        self.host.log(&format!("the rows of synchronisation were not kept: {error}"));
                    }
                }
                Effect::Show { now } => self.show(now),
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
            Work::Exchange { documents_up_to, want_download } => Outcome::Exchanged(self.exchange(documents_up_to, want_download).await),
            Work::Plan { forget } => Outcome::Planned(self.device.borrow_mut().plan(&forget)),
            Work::Fetch(wanted) => {
                let result = self.fetch(&wanted).await;
                Outcome::Fetched(wanted, result)
            }
            Work::Apply { at } => {
                let applied = self.device.borrow_mut().apply(at);
                if let Ok((_, changed)) = &applied {
                    self.changed(changed.iter().copied());
                }
                Outcome::Applied(applied.map(|(applied, _)| applied))
            }
        };
        Event::Came(number, outcome)
    }

    async fn exchange(&self, documents_up_to: Option<i64>, want_download: bool) -> Result<Exchanged, Failed> {
        let failed = |error: DeviceError| match error {
            DeviceError::Store(error) => Failed::from(error),
            DeviceError::Refused(refusal) => Failed::new(ErrorCode::LoginNeeded, refusal.to_string()),
        };
        let (caller, request) = {
            let mut device = self.device.borrow_mut();
            (device.caller()?, device.request(documents_up_to, want_download).map_err(failed)?)
        };
        let before = self.host.now();
        let answer = caller.sync(&self.transport, &request).await;
        let after = self.host.now();
        let tag = caller.tag.as_deref().unwrap_or("-");
        self.log_request("sync", tag, before, after, answer.as_ref().map(|answer| (answer.bytes_up, answer.bytes_down)));
        let answer = answer?;
        let reply = answer.message;

        let mut device = self.device.borrow_mut();
        let (answered, waiting) = match documents_up_to {
            Some(up_to) => device.settle(&request.documents, &reply.receipts, up_to).map_err(failed)?,
            None => (0, 0),
        };
        let news = match (request.want_download, &reply.download) {
            (false, _) => News::NotAsked,
            (true, None) => News::Nothing,
            (true, Some(_)) => News::Some,
        };
        device.keep_news(reply.download);
        drop(device);
        if answered > 0 {
            self.changed(["outbox"]);
        }
        Ok(Exchanged {
            clock_offset_ms: clock_offset_ms(reply.server_time_ms, before, after),
            answered,
            waiting,
            bytes_up: answer.bytes_up,
            bytes_down: answer.bytes_down,
            news,
        })
    }

    async fn fetch(&self, wanted: &Wanted) -> Result<(), Failed> {
        let caller = self.device.borrow_mut().caller()?;
        let before = self.host.now();
        let bytes = caller.segment(&self.transport, &wanted.hash).await;
        let tag = caller.tag.as_deref().unwrap_or("-");
        self.log_request("segment", tag, before, self.host.now(), bytes.as_ref().map(|bytes| (0, bytes.len() as u64)));
        self.device.borrow_mut().stage(&wanted.hash, &bytes?)
    }

    fn changed<'a>(&self, tables: impl IntoIterator<Item = &'a str>) {
        let tables: Vec<String> = tables.into_iter().map(str::to_owned).collect();
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

    fn log_request(&self, what: &str, tag: &str, before: UtcMillis, after: UtcMillis, result: Result<(u64, u64), &Failed>) {
        let millis = after.since(before);
        match result {
            Ok((up, down)) => self.host.log(&format!("{tag} {what} ok up={up} down={down} ms={millis}")),
            Err(failed) => self.host.log(&format!("{tag} {what} {} ms={millis}: {}", failed.code, failed.detail)),
        }
    }
}
