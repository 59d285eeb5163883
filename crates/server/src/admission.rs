//! Fair share at eight in the morning: who may in now, who stands in line, and who shall come when.
//!
//! Everything that costs much is bounded: bytes of bodies in memory, requests at the database, password hashes of 19 MiB each. Each part has
//! a line of its own, and the lines take turns, so one part's thousand phones make only their own line longer. Who finds the line too long, or
//! stands in it for too long, is told its place and when to come back, spread so that not all come at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polevik_domain::ids::DeviceId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use crate::error::HttpError;

/// Bytes of request bodies held at once, in KiB: 64 MiB.
const BODY_BUDGET_KIB: u32 = 64 * 1024;

/// Of these, bytes of one part's devices: half, so that no part takes all.
const BODY_BUDGET_OF_PART_KIB: u32 = BODY_BUDGET_KIB / 2;

/// Requests that work at the database at once. The writer is one; the rest read.
const PLACES: usize = 16;

/// Most requests that stand in line, in all.
const LONGEST_LINES: usize = 8_192;

/// Most requests of one part that stand in line.
const LONGEST_LINE: usize = 1_024;

/// So many requests with documents go before one without, when both wait.
const UPLOADS_IN_A_ROW: u32 = 7;

/// Passwords hashed at once: 19 MiB and one core each.
const HASHES_AT_ONCE: usize = 2;

/// Bytes of segments read and not sent yet, in KiB: 128 MiB. A budget of their own, so that they are served while everything else waits.
const SEGMENT_BUDGET_KIB: u32 = 128 * 1024;

/// Bytes of files on their way to the disk, in KiB: 64 MiB. However many upload at once, no more is in memory.
const FILE_BUDGET_KIB: u32 = 64 * 1024;

/// Most devices that wait for news at once.
const MOST_PARKED: usize = 20_000;

/// Most waits of one device: the second may be there before the server has seen that the first hung up.
const MOST_PARKED_OF_DEVICE: u8 = 2;

/// How long somebody waits for a place.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The longest time that somebody is told to stay away, before it is spread.
const LONGEST_AWAY_S: u64 = 300;

/// What a request takes its place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Documents are in it: what reps have made goes first.
    Upload,
    /// Only news is asked for.
    Download,
}

/// The places.
#[derive(Debug, Clone)]
pub struct Admission {
    bodies: Arc<Semaphore>,
    bodies_of_parts: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    lines: Lines,
    hashes: Arc<Semaphore>,
    segments: Arc<Semaphore>,
    files: Arc<Semaphore>,
    parked: Arc<Mutex<HashMap<DeviceId, u8>>>,
    longest_wait: Duration,
}

impl Default for Admission {
    fn default() -> Self {
        Self::with_places(PLACES, LONGEST_WAIT)
    }
}

/// Room for a body; given back when dropped.
#[derive(Debug)]
pub struct Room {
    _all: OwnedSemaphorePermit,
    _part: Option<OwnedSemaphorePermit>,
}

impl Admission {
    fn with_places(places: usize, longest_wait: Duration) -> Self {
        Self {
            bodies: semaphore(BODY_BUDGET_KIB),
            bodies_of_parts: Arc::default(),
            lines: Lines::new(places),
            hashes: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            segments: semaphore(SEGMENT_BUDGET_KIB),
            files: semaphore(FILE_BUDGET_KIB),
            parked: Arc::default(),
            longest_wait,
        }
    }

    /// Room for a body of up to `bytes` of a part's device, or of somebody not known yet.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn body(&self, part_id: Option<&str>, bytes: usize, jitter: u8) -> Result<Room, HttpError> {
        let kib = kib(bytes).clamp(1, BODY_BUDGET_OF_PART_KIB);
        let part = match part_id {
            None => None,
            Some(part_id) => {
                let semaphore = {
                    let mut parts = lock(&self.bodies_of_parts);
                    match parts.get(part_id) {
                        Some(known) => known.clone(),
                        None => parts.entry(part_id.to_owned()).or_insert_with(|| semaphore(BODY_BUDGET_OF_PART_KIB)).clone(),
                    }
                };
                Some(self.permit(&semaphore, kib, "bodies", jitter).await?)
            }
        };
        Ok(Room { _all: self.permit(&self.bodies, kib, "bodies", jitter).await?, _part: part })
    }

    /// A place at the database for one request of a part, held until it is dropped. `cost` says how much it counts in its part's share.
    ///
    /// # Errors
    ///
    /// Busy: at once when the line is too long, else after a wait.
    pub async fn enter(&self, part_id: &str, class: Class, cost: u32, jitter: u8) -> Result<Place, HttpError> {
        let ticket = match self.lines.arrive(part_id, class, cost, self.longest_wait) {
            Arrival::Place(place) => return Ok(place),
            Arrival::TooLong(ahead) => return Err(self.turned_away("line", ahead, jitter)),
            Arrival::Waiting(ticket) => ticket,
        };
        let arrived = Instant::now();
        let admitted = tokio::time::timeout(self.longest_wait, ticket.wait()).await;
        metrics::histogram!("polevik_queue_wait_seconds").record(arrived.elapsed().as_secs_f64());
        admitted.map_err(|_| self.turned_away("line", self.lines.ahead_of_next(part_id, class), jitter))
    }

    /// A place for hashing one password.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn hash(&self, jitter: u8) -> Result<OwnedSemaphorePermit, HttpError> {
        self.permit(&self.hashes, 1, "hashes", jitter).await
    }

    /// Room for a segment of `bytes`, held until it is sent.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn segment(&self, bytes: u64, jitter: u8) -> Result<OwnedSemaphorePermit, HttpError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.permit(&self.segments, kib(bytes).clamp(1, SEGMENT_BUDGET_KIB), "segments", jitter).await
    }

    /// Room for the bytes of a file that are gathered before they are written, held as long as they come.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn file(&self, gathered_bytes: usize, jitter: u8) -> Result<OwnedSemaphorePermit, HttpError> {
        self.permit(&self.files, kib(gathered_bytes).clamp(1, FILE_BUDGET_KIB), "files", jitter).await
    }

    /// A place among those who wait for news.
    ///
    /// # Errors
    ///
    /// Busy, when all places are taken or the device has its own already.
    pub fn park(&self, device: DeviceId, jitter: u8) -> Result<Parked, HttpError> {
        let mut parked = lock(&self.parked);
        let mine = parked.get(&device).copied().unwrap_or(0);
        if mine >= MOST_PARKED_OF_DEVICE || (mine == 0 && parked.len() >= MOST_PARKED) {
            drop(parked);
            metrics::counter!("polevik_turned_away_total", "from" => "wait").increment(1);
            return Err(HttpError::busy(spread_s(30, jitter)));
        }
        parked.insert(device, mine + 1);
        Ok(Parked { parked: self.parked.clone(), device })
    }

    /// How many devices wait for news.
    #[must_use]
    pub fn parked_devices(&self) -> usize {
        lock(&self.parked).len()
    }

    async fn permit(
        &self,
        semaphore: &Arc<Semaphore>,
        count: u32,
        what: &'static str,
        jitter: u8,
    ) -> Result<OwnedSemaphorePermit, HttpError> {
        // Mostly there is room, and no timer is needed.
        if let Ok(permit) = semaphore.clone().try_acquire_many_owned(count) {
            return Ok(permit);
        }
        match tokio::time::timeout(self.longest_wait, semaphore.clone().acquire_many_owned(count)).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphores are never closed; a wait that was too long is the only way here.
            Ok(Err(_)) | Err(_) => Err(self.turned_away(what, self.lines.waiting(), jitter)),
        }
    }

    fn turned_away(&self, from: &'static str, ahead: usize, jitter: u8) -> HttpError {
        metrics::counter!("polevik_turned_away_total", "from" => from).increment(1);
        let away = self.lines.wait_for(ahead).as_secs().clamp(5, LONGEST_AWAY_S);
        HttpError::busy_with_line(spread_s(u32::try_from(away).unwrap_or(u32::MAX), jitter), u32::try_from(ahead).unwrap_or(u32::MAX))
    }
}

fn semaphore(permits: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(permits).unwrap_or(Semaphore::MAX_PERMITS)))
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// From `seconds` to twice as many, evenly for an even `jitter`.
fn spread_s(seconds: u32, jitter: u8) -> u32 {
    seconds.saturating_add(seconds.saturating_mul(u32::from(jitter)) / 255)
}

/// A device's place among those who wait for news; given back when dropped.
#[derive(Debug)]
pub struct Parked {
    parked: Arc<Mutex<HashMap<DeviceId, u8>>>,
    device: DeviceId,
}

impl Drop for Parked {
    fn drop(&mut self) {
        let mut parked = lock(&self.parked);
        match parked.get_mut(&self.device) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                parked.remove(&self.device);
            }
        }
    }
}

/// The lines of all parts before the places.
#[derive(Debug, Clone)]
struct Lines(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    places: usize,
    free: usize,
    next_id: u64,
    waiting: usize,
    lines: HashMap<String, Line>,
    /// The parts with a line, the one whose turn it is first.
    turns: VecDeque<String>,
    uploads_in_a_row: u32,
    /// How long a place is taken, smoothed over the last few.
    mean_service: Duration,
}

/// One part's line.
#[derive(Debug, Default)]
struct Line {
    uploads: VecDeque<Waiting>,
    downloads: VecDeque<Waiting>,
    /// What is left of its turns: each turn gives one, each request takes its cost.
    credit: u32,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    cost: u32,
    wake: oneshot::Sender<Place>,
}

impl Line {
    fn of(&mut self, class: Class) -> &mut VecDeque<Waiting> {
        match class {
            Class::Upload => &mut self.uploads,
            Class::Download => &mut self.downloads,
        }
    }

    fn len(&self) -> usize {
        self.uploads.len() + self.downloads.len()
    }
}

/// A place at the database; given to the next in line when dropped.
#[derive(Debug)]
pub struct Place {
    lines: Lines,
    since: Instant,
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = {
            let mut state = lock(&self.lines.0);
            let took = self.since.elapsed();
            state.mean_service = (state.mean_service * 15 + took) / 16;
            state.free += 1;
            state.next()
        };
        // Outside of the lock: a caller who hung up drops its place right here.
        if let Some(waiting) = next {
            drop(waiting.wake.send(self.lines.place()));
        }
    }
}

enum Arrival {
    Place(Place),
    Waiting(Ticket),
    TooLong(usize),
}

/// Somebody in line; leaves it when dropped.
struct Ticket {
    lines: Lines,
    part_id: String,
    class: Class,
    id: u64,
    admitted: Option<oneshot::Receiver<Place>>,
}

impl Ticket {
    async fn wait(mut self) -> Place {
        if let Some(admitted) = self.admitted.take()
            && let Ok(place) = admitted.await
        {
            return place;
        }
        // Nobody drops a ticket's other end without a place, but whoever is served without one harms nobody.
        self.lines.place_beside()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.lines.0).leave(&self.part_id, self.class, self.id);
    }
}

impl Lines {
    fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            places,
            free: places,
            next_id: 0,
            waiting: 0,
            lines: HashMap::new(),
            turns: VecDeque::new(),
            uploads_in_a_row: 0,
            mean_service: Duration::from_millis(5),
        })))
    }

    fn place(&self) -> Place {
        Place { lines: self.clone(), since: Instant::now() }
    }

    /// A place that was not taken from the free ones.
    fn place_beside(&self) -> Place {
        let mut state = lock(&self.0);
        state.free = state.free.saturating_sub(1);
        drop(state);
        self.place()
    }

    fn arrive(&self, part_id: &str, class: Class, cost: u32, longest_wait: Duration) -> Arrival {
        let mut state = lock(&self.0);
        if state.free > 0 && state.waiting == 0 {
            state.free -= 1;
            drop(state);
            return Arrival::Place(self.place());
        }
        let ahead = state.ahead_of_next(part_id, class);
        let line = state.lines.get(part_id).map_or(0, Line::len);
        // Whoever would wait in vain anyway does better elsewhere, and leaves the line to others.
        let in_vain = state.wait_for(ahead) > longest_wait * 2;
        if state.waiting >= LONGEST_LINES || line >= LONGEST_LINE || in_vain {
            return Arrival::TooLong(ahead);
        }
        let (wake, admitted) = oneshot::channel();
        let id = state.join(part_id, class, cost.max(1), wake);
        Arrival::Waiting(Ticket { lines: self.clone(), part_id: part_id.to_owned(), class, id, admitted: Some(admitted) })
    }

    fn ahead_of_next(&self, part_id: &str, class: Class) -> usize {
        lock(&self.0).ahead_of_next(part_id, class)
    }

    fn waiting(&self) -> usize {
        lock(&self.0).waiting
    }

    fn wait_for(&self, ahead: usize) -> Duration {
        lock(&self.0).wait_for(ahead)
    }
}

impl State {
    fn join(&mut self, part_id: &str, class: Class, cost: u32, wake: oneshot::Sender<Place>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if !self.lines.contains_key(part_id) {
            self.turns.push_back(part_id.to_owned());
        }
        self.lines.entry(part_id.to_owned()).or_default().of(class).push_back(Waiting { id, cost, wake });
        self.counted(1);
        id
    }

    fn leave(&mut self, part_id: &str, class: Class, id: u64) {
        let Some(line) = self.lines.get_mut(part_id) else { return };
        let queue = line.of(class);
        let before = queue.len();
        queue.retain(|waiting| waiting.id != id);
        let left = before - queue.len();
        if line.len() == 0 {
            self.close(part_id);
        }
        self.counted(-i64::try_from(left).unwrap_or(0));
    }

    fn close(&mut self, part_id: &str) {
        self.lines.remove(part_id);
        self.turns.retain(|other| other != part_id);
    }

    fn counted(&mut self, change: i64) {
        self.waiting = self.waiting.saturating_add_signed(isize::try_from(change).unwrap_or(0));
        metrics::gauge!("polevik_queue_length").set(f64::from(u32::try_from(self.waiting).unwrap_or(u32::MAX)));
    }

    /// Takes whose turn it is out of its line, and a free place for it; `None` if nobody waits or no place is free.
    fn next(&mut self) -> Option<Waiting> {
        if self.free == 0 || self.waiting == 0 {
            return None;
        }
        let (first, second) =
            if self.uploads_in_a_row < UPLOADS_IN_A_ROW { (Class::Upload, Class::Download) } else { (Class::Download, Class::Upload) };
        let (class, waiting) = match self.take(first) {
            Some(waiting) => (first, waiting),
            None => (second, self.take(second)?),
        };
        self.uploads_in_a_row = if class == Class::Upload { self.uploads_in_a_row.saturating_add(1) } else { 0 };
        self.free -= 1;
        self.counted(-1);
        Some(waiting)
    }

    /// The next of a class, by turns: each turn gives a part one, and it is served when it has what its next request costs.
    fn take(&mut self, class: Class) -> Option<Waiting> {
        if !self.lines.values_mut().any(|line| !line.of(class).is_empty()) {
            return None;
        }
        loop {
            let part_id = self.turns.pop_front()?;
            let line = self.lines.get_mut(&part_id)?;
            let Some(cost) = line.of(class).front().map(|waiting| waiting.cost) else {
                self.turns.push_back(part_id);
                continue;
            };
            line.credit += 1;
            if line.credit < cost {
                self.turns.push_back(part_id);
                continue;
            }
            line.credit -= cost;
            let taken = line.of(class).pop_front();
            if line.len() == 0 {
                self.lines.remove(&part_id);
            } else {
                self.turns.push_back(part_id);
            }
            return taken;
        }
    }

    /// How many are served before somebody who comes now: its own line, and as many of each other line.
    fn ahead_of_next(&self, part_id: &str, class: Class) -> usize {
        let before = |line: &Line| match class {
            Class::Upload => line.uploads.len(),
            Class::Download => line.len(),
        };
        let own = self.lines.get(part_id).map_or(0, before);
        let others = self.lines.iter().filter(|(other, _)| other.as_str() != part_id).map(|(_, line)| before(line).min(own + 1));
        own + others.sum::<usize>()
    }

    /// How long it takes until so many are served.
    fn wait_for(&self, ahead: usize) -> Duration {
        let rounds = u32::try_from(ahead / self.places.max(1) + 1).unwrap_or(u32::MAX);
        self.mean_service.saturating_mul(rounds)
    }
}

/// What the locks guard is sound at every moment, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use polevik_domain::time::UtcMillis;
    use polevik_protocol::error_code::ErrorCode;

    use super::*;

    /// What one request takes at the database.
    const WORK: Duration = Duration::from_millis(20);

    async fn work(admission: &Admission, part_id: &str, class: Class) -> Result<(), HttpError> {
        let place = admission.enter(part_id, class, 1, 128).await?;
        tokio::time::sleep(WORK).await;
        drop(place);
        Ok(())
    }

    #[tokio::test]
    async fn who_finds_no_room_is_told_when_to_come_back() {
        let admission = Admission::with_places(1, Duration::from_millis(1));
        let taken = admission.body(Some("D1"), usize::MAX, 0).await.unwrap();
        assert_eq!(admission.body(Some("D1"), 1, 0).await.unwrap_err().code(), ErrorCode::ServerBusy);
        assert!(admission.body(Some("D2"), 1, 0).await.is_ok(), "another part has room of its own");
        drop(taken);
        assert!(admission.body(Some("D1"), 1, 0).await.is_ok());
        assert_eq!((spread_s(10, 0), spread_s(10, 255)), (10, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn three_hundred_at_once_are_served_in_order_and_none_is_turned_away() {
        let admission = Admission::with_places(4, LONGEST_WAIT);
        let served = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..300)
            .map(|n| {
                let (admission, served) = (admission.clone(), served.clone());
                tokio::spawn(async move {
                    work(&admission, "D1", Class::Download).await.unwrap();
                    lock(&served).push(n);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let served = lock(&served).clone();
        let in_order = served.iter().enumerate().all(|(place, n)| place.abs_diff(*n) < 4);
        assert!(in_order, "{served:?}");
        assert_eq!((admission.lines.waiting(), lock(&admission.lines.0).free), (0, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_with_a_thousand_retrying_devices_does_not_slow_another() {
        let admission = Admission::with_places(4, LONGEST_WAIT);
        let noisy: Vec<_> = (0..1_000)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move {
                    loop {
                        let _ = work(&admission, "noisy", Class::Upload).await;
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::time::sleep(WORK * 3).await;
        for class in [Class::Upload, Class::Download] {
            let mut longest = Duration::ZERO;
            for _ in 0..20 {
                let arrived = Instant::now();
                work(&admission, "quiet", class).await.unwrap();
                longest = longest.max(arrived.elapsed());
            }
            let rounds = if class == Class::Upload { 3 } else { 4 };
            assert!(longest <= WORK * rounds, "{class:?} {longest:?}");
        }
        noisy.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test(start_paused = true)]
    async fn documents_go_before_news_and_news_is_not_forgotten() {
        let admission = Admission::with_places(1, LONGEST_WAIT);
        let place = admission.enter("D1", Class::Upload, 1, 0).await.unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for class in [Class::Download, Class::Upload] {
            for _ in 0..10 {
                let (admission, served) = (admission.clone(), served.clone());
                tasks.push(tokio::spawn(async move {
                    work(&admission, "D1", class).await.unwrap();
                    lock(&served).push(if class == Class::Upload { 'u' } else { 'd' });
                }));
                tokio::task::yield_now().await;
            }
        }
        drop(place);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(lock(&served).iter().collect::<String>(), "uuuuuuuduuuddddddddd");
    }

    #[tokio::test(start_paused = true)]
    async fn who_costs_more_has_its_turn_less_often() {
        let admission = Admission::with_places(1, LONGEST_WAIT);
        let place = admission.enter("x", Class::Upload, 1, 0).await.unwrap();
        let served = Arc::new(Mutex::new(String::new()));
        let mut tasks = Vec::new();
        for (part_id, cost) in [("a", 3), ("b", 1)] {
            for _ in 0..6 {
                let (admission, served) = (admission.clone(), served.clone());
                tasks.push(tokio::spawn(async move {
                    let place = admission.enter(part_id, Class::Upload, cost, 0).await.unwrap();
                    tokio::time::sleep(WORK).await;
                    lock(&served).push_str(part_id);
                    drop(place);
                }));
                tokio::task::yield_now().await;
            }
        }
        drop(place);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*lock(&served), "bbabbbabaaaa");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_hangs_up_leaves_the_line_and_its_place_to_others() {
        let admission = Admission::with_places(1, LONGEST_WAIT);
        let place = admission.enter("D1", Class::Upload, 1, 0).await.unwrap();
        let gone = tokio::spawn({
            let admission = admission.clone();
            async move { work(&admission, "D1", Class::Upload).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(admission.lines.waiting(), 1);
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(admission.lines.waiting(), 0);
        drop(place);
        assert!(admission.enter("D1", Class::Upload, 1, 0).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_is_too_long_says_how_many_stand_in_it() {
        let admission = Admission::with_places(1, LONGEST_WAIT);
        lock(&admission.lines.0).mean_service = Duration::from_secs(1);
        let _place = admission.enter("D1", Class::Upload, 1, 0).await.unwrap();
        for _ in 0..20 {
            let admission = admission.clone();
            tokio::spawn(async move { work(&admission, "D1", Class::Upload).await });
            tokio::task::yield_now().await;
        }
        let error = admission.enter("D1", Class::Upload, 1, 255).await.unwrap_err();
        assert_eq!((error.code(), error.queue_position(), error.retry_after_s()), (ErrorCode::ServerBusy, Some(20), Some(42)));
    }

    #[test]
    fn a_device_waits_for_news_twice_at_most() {
        let admission = Admission::default();
        let device = DeviceId::generate(UtcMillis(1), [1; 10]);
        let first = admission.park(device, 0).unwrap();
        let _second = admission.park(device, 0).unwrap();
        assert_eq!(admission.park(device, 0).unwrap_err().code(), ErrorCode::ServerBusy);
        drop(first);
        assert!(admission.park(device, 0).is_ok());
        assert_eq!(admission.parked_devices(), 1);
    }
}
