//! Who waits for news, and who has some: the server's side of a long wait.
//!
//! A parked device costs its task, one entry here and a place in the list of each of its buckets: far below 10 KB, no thread, no connection
//! to the database. While anybody is parked, one task looks a few times a second whether anything was written at all, by whatever process,
//! and if so which change numbers moved; it wakes only those concerned.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polevik_domain::position::Scope;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_server_store::feed::change_log;
use polevik_server_store::{Store, StoreError, Transaction, part};
use tokio::sync::oneshot;

use super::announcements::Announced;
use crate::app::App;
use crate::database;
use crate::download::entitlement::KnownKinds;
use crate::error::HttpError;

/// How often it is looked whether anything was written.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// After looking through all change numbers for some time, at least so many times as long nothing is looked through: at most one part in
/// twenty of a core, however many buckets there are.
const REST_PER_WORK: u32 = 20;

/// The devices that wait. See the module.
#[derive(Default)]
pub struct Watch {
    parked: Mutex<Parked>,
}

#[derive(Default)]
struct Parked {
    next_id: u64,
    /// A task is looking.
    is_watched: bool,
    parts: BTreeMap<String, ParkedOfPart>,
}

#[derive(Default)]
struct ParkedOfPart {
    waiting: HashMap<u64, Waiting>,
    /// By bucket: who waits for a number above which.
    buckets: HashMap<BucketName, Vec<(u64, ChangeNo)>>,
}

struct Waiting {
    epoch: String,
    announced: Arc<Announced>,
    wake: oneshot::Sender<()>,
}

/// Waits until `root`, whole or its first digits, is not the newest of the scope any more; returns at once if it is not now.
///
/// Without an end of its own: the caller bounds the time, and dropping the wait ends it. The caller also bounds how many wait.
///
/// # Errors
///
/// When the database refuses.
pub async fn changed_since(app: &App, scope: &Scope, root: &str) -> Result<(), HttpError> {
    // A wait does not say which kinds of buckets its device knows; the root it was told does.
    let kinds = app.announcements.remembered(&scope.part_id, root).map_or(KnownKinds::ALL, |remembered| remembered.known);
    let announced = {
        let (app, scope) = (app.clone(), scope.clone());
        database::blocking(move || app.announcements.newest(&app.store, &app.sealer, &scope, kinds, app.now())).await?
    };
    if !announced.is(root) {
        return Ok(());
    }
    let (wake, woken) = oneshot::channel();
    let (id, starts) = lock(&app.watch.parked).park(&scope.part_id, announced, wake);
    // Dropped when the caller hangs up or its time is over.
    let _place = Place { app: app.clone(), part_id: scope.part_id.clone(), id };
    if starts {
        tokio::spawn(watch(app.clone()));
    }
    // A sender that is gone means the same as news: the device asks, and hears.
    let _ = woken.await;
    Ok(())
}

/// A place among the parked; given back when dropped.
struct Place {
    app: App,
    part_id: String,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.app.watch.parked).leave(&self.part_id, self.id);
    }
}

impl Parked {
    /// Gives the place's number, and whether the caller must see to it that somebody looks.
    fn park(&mut self, part_id: &str, announced: Arc<Announced>, wake: oneshot::Sender<()>) -> (u64, bool) {
        let id = self.next_id;
        self.next_id += 1;
        let part = self.parts.entry(part_id.to_owned()).or_default();
        for bucket in &announced.buckets {
            part.buckets.entry(bucket.name().clone()).or_default().push((id, bucket.head()));
        }
        part.waiting.insert(id, Waiting { epoch: announced.epoch.clone(), announced, wake });
        metrics::gauge!("polevik_parked_devices").increment(1.0);
        (id, !std::mem::replace(&mut self.is_watched, true))
    }

    fn leave(&mut self, part_id: &str, id: u64) {
        let Some(part) = self.parts.get_mut(part_id) else { return };
        if let Some(gone) = part.remove(id) {
            drop(gone);
            metrics::gauge!("polevik_parked_devices").decrement(1.0);
        }
        if part.waiting.is_empty() {
            self.parts.remove(part_id);
        }
    }
}

impl ParkedOfPart {
    fn remove(&mut self, id: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        for bucket in &waiting.announced.buckets {
            if let Some(ids) = self.buckets.get_mut(bucket.name()) {
                ids.retain(|(other, _)| *other != id);
                if ids.is_empty() {
                    self.buckets.remove(bucket.name());
                }
            }
        }
        Some(waiting)
    }
}

/// Looks as long as anybody is parked.
async fn watch(app: App) {
    let mut seen = None;
    let mut rest = LOOK_EVERY;
    loop {
        tokio::time::sleep(rest).await;
        rest = LOOK_EVERY;
        let part_ids: Vec<String> = {
            let mut parked = lock(&app.watch.parked);
            if parked.parts.is_empty() {
                parked.is_watched = false;
                return;
            }
            parked.parts.keys().cloned().collect()
        };
        let looking = app.clone();
        let looked = database::blocking(move || {
            let began = looking.now();
            let found = look(&looking.store, &looking.watch, seen, &part_ids);
            found.map(|version| (version, looking.now().since(began)))
        });
        match looked.await {
            Ok((version, took_ms)) => {
                seen = Some(version);
                rest = rest.max(Duration::from_millis(u64::try_from(took_ms).unwrap_or(0)) * REST_PER_WORK);
            }
            Err(error) => tracing::error!(%error, "it could not be seen who has news; tried again"),
        }
    }
}

/// Wakes whoever has news. Gives the version of the database up to which it has looked.
fn look(store: &Store, watch: &Watch, seen: Option<u64>, part_ids: &[String]) -> Result<u64, StoreError> {
    let version = store.version()?;
    if seen == Some(version) {
        return Ok(version);
    }
    for part_id in part_ids {
        let moved = store.read(|tx| moved(tx, watch, part_id))?;
        let mut parked = lock(&watch.parked);
        let Some(part) = parked.parts.get_mut(part_id) else { continue };
        for id in moved {
            if let Some(waiting) = part.remove(id) {
                metrics::gauge!("polevik_parked_devices").decrement(1.0);
                // Who does not listen any more has hung up.
                let _ = waiting.wake.send(());
            }
        }
    }
    Ok(version)
}

/// The places with news: another epoch, or a bucket whose change number is another than the announced one.
fn moved(tx: &Transaction<'_>, watch: &Watch, part_id: &str) -> Result<Vec<u64>, StoreError> {
    let epoch = part::load(tx, part_id)?.epoch;
    let mut heads: Vec<(BucketName, ChangeNo)> = Vec::new();
    change_log::visit_heads(tx, part_id, |name, head| {
        if let Some(name) = BucketName::parse(name) {
            heads.push((name, head));
        }
    })?;
    let parked = lock(&watch.parked);
    let Some(part) = parked.parts.get(part_id) else { return Ok(Vec::new()) };
    let mut moved: Vec<u64> = part.waiting.iter().filter(|(_, waiting)| waiting.epoch != epoch).map(|(id, _)| *id).collect();
    for (name, head) in &heads {
        let ids = part.buckets.get(name).map(Vec::as_slice).unwrap_or_default();
        moved.extend(ids.iter().filter(|(_, announced)| announced != head).map(|(id, _)| *id));
    }
    moved.sort_unstable();
    moved.dedup();
    Ok(moved)
}

/// What the lock guards is sound at every moment, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
