//! What was promised in a world, and whether it is kept. It remembers what phones reported as saved and what the server answered, and
//! compares both databases with that from outside.

pub mod central;
pub mod frozen;
pub mod log_reader;
pub mod phone;
pub mod photos;
pub mod results;

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_store::db::Both;
use polevik_protocol::document::{Outcome, Receipt};
use polevik_protocol::sync::{SyncReply, SyncRequest};
use polevik_server_store::{Store, StoreError};
use rusqlite::types::Value;

use crate::shared::Violation;

/// Rows by table and key.
pub type Rows = BTreeMap<String, BTreeMap<i64, Vec<Value>>>;

/// A database in short: each table, how many rows, and their hash.
pub type Content = BTreeMap<String, (u64, String)>;

/// One revision of one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentKey {
    /// The document.
    pub id: Vec<u8>,
    /// Its revision.
    pub revision: u32,
}

impl std::fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hex = hex::encode(&self.id);
        write!(f, "{}/{}", &hex[hex.len().saturating_sub(8)..], self.revision)
    }
}

/// What the rows of a bucket add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// How many.
    pub rows: i64,
    /// First lane.
    pub sum: i64,
    /// Second lane.
    pub mix: i64,
}

/// A revision and its words: two phones with the same installation may write the same revision of a visit, each in words of its own.
type Written = (DocumentKey, [u8; 32]);

/// A revision that a phone reported as saved.
#[derive(Debug, Clone)]
struct Promise {
    kind: String,
    position: i64,
    /// Phones that hold it: one, or several after a clone.
    holders: BTreeSet<usize>,
    /// Every phone that held it was set back by a fault that really takes data away; the server may still have it.
    excused: bool,
}

/// See the module.
#[derive(Default)]
pub struct Oracle {
    promises: BTreeMap<Written, Promise>,
    /// The receipts the server gave in this life, by revision and content.
    receipts: BTreeMap<(DocumentKey, [u8; 32]), Receipt>,
    /// Revisions that were answered as accepted.
    accepted: BTreeSet<DocumentKey>,
    epoch: String,
    heads: BTreeMap<String, i64>,
    /// Photos that were taken.
    pub photos: Photos,
    /// Somebody who reads the whole log.
    reader: LogReader,
    states: BTreeMap<(String, String, i64), Sums>,
    cursors: BTreeMap<usize, BTreeMap<(String, String), i64>>,
    generations: BTreeMap<usize, String>,
    /// In which territory each outlet lies, as the office said.
    pub places: BTreeMap<String, String>,
    /// An import broke: what of it stands is to be read back.
    pub places_unsure: bool,
    /// The same when the backup was made.
    places_of_backup: BTreeMap<String, String>,
    /// Whether the order of arrival may differ from the order of writing: documents were parked, or offered again.
    pub order_may_differ: bool,
    /// Whether something was reported as saved.
    pub saved: u64,
}

impl Oracle {
    /// A phone's databases are as they are now: everything that is in its outbox is promised from here on, everything it promised before must
    /// still be there, and no bucket went back.
    ///
    /// # Errors
    ///
    /// The first promise that is not kept.
    pub fn look_at_phone(&mut self, number: usize, both: &Both<'_>, store: Option<&Store>, is_rotten: bool) -> Result<(), Violation> {
        let outbox = phone::outbox(&both.work).map_err(|error| unreadable("I1", number, &error))?;
        let mut held: BTreeMap<DocumentKey, Option<[u8; 32]>> = BTreeMap::new();
        for entry in outbox {
            held.insert(entry.key.clone(), entry.body);
            // An answered entry may lose its words after thirty days.
            let Some(body) = entry.body else { continue };
            let new = || Promise { kind: entry.kind.clone(), position: entry.position, holders: BTreeSet::new(), excused: false };
            let promise = self.promises.entry((entry.key, body)).or_insert_with(|| {
                self.saved += 1;
                new()
            });
            promise.holders.insert(number);
            // What was set aside and then withdrawn stays on the phone for good, with its history.
            promise.excused = entry.superseded && !entry.answered;
        }
        let mut missing: Vec<&Written> = Vec::new();
        for (written, promise) in &self.promises {
            let is_held = held.get(&written.0).is_some_and(|body| body.is_none_or(|body| body == written.1));
            if promise.holders.contains(&number) && !is_held {
                missing.push(written);
            }
        }
        if !missing.is_empty() {
            // It may have left the phone only after the server had it.
            let receipts = match store {
                Some(store) => store.read(|tx| Ok::<_, StoreError>(central::receipts(tx)?)).ok(),
                None => None,
            };
            if let Some(receipts) = receipts
                && let Some((lost, _)) = missing.iter().find(|(key, _)| !receipts.contains_key(key))
            {
                return Err(Violation::new("I1", format!("{lost} was saved on phone {number} and is neither there nor at the server")));
            }
        }
        // What stands in a copy with a flipped bit says nothing until it was checked.
        if is_rotten { Ok(()) } else { self.look_at_cursors(number, both) }
    }

    fn look_at_cursors(&mut self, number: usize, both: &Both<'_>) -> Result<(), Violation> {
        let (epoch, checkpoints) = phone::checkpoints(&both.reference).map_err(|error| unreadable("I7", number, &error))?;
        let generation = phone::option(&both.work, "reference_generation").ok().flatten().unwrap_or_default();
        let Some(epoch) = epoch else {
            self.cursors.remove(&number);
            return Ok(());
        };
        if self.generations.insert(number, generation.clone()).is_some_and(|former| former != generation) {
            self.cursors.remove(&number);
        }
        let cursors = self.cursors.entry(number).or_default();
        for Checkpoint { bucket, cursor, sums } in checkpoints {
            let key = (epoch.clone(), bucket);
            let before = cursors.get(&key).copied().unwrap_or(0);
            if cursor < before && cursor != 0 {
                return Err(Violation::new("I7", format!("phone {number} went back in {} from {before} to {cursor}", key.1)));
            }
            if cursor > 0 {
                let top = self.heads.get(&key.1).copied().unwrap_or(0);
                if epoch == self.epoch && cursor > top {
                    return Err(Violation::new("I7", format!("phone {number} is at {cursor} of {}, whose head is {top}", key.1)));
                }
                let state = self.states.get(&(key.0.clone(), key.1.clone(), cursor));
                if let Some(state) = state.filter(|state| **state != sums) {
                    return Err(Violation::new(
                        "I8",
                        format!("phone {number} holds {sums:?} of {} at {cursor}; the office had {state:?}", key.1),
                    ));
                }
            }
            cursors.insert(key, cursor);
        }
        Ok(())
    }

    /// A fault set the phone's `work` back to an older state: what it held since is on no phone for sure.
    pub fn phone_set_back(&mut self, number: usize) {
        for promise in self.promises.values_mut() {
            promise.holders.remove(&number);
            promise.excused |= promise.holders.is_empty();
        }
        self.photos.phone_set_back(number);
        self.forget_cursors(number);
    }

    /// A fault may have taken the phone's copy of the office, or the last transactions of it.
    pub fn forget_cursors(&mut self, number: usize) {
        self.cursors.remove(&number);
    }

    /// What the server answered: the same revision with the same content always gets the same receipt.
    ///
    /// # Errors
    ///
    /// A receipt that differs from the one given before.
    pub fn note_reply(&mut self, sent: &SyncRequest, reply: &SyncReply) -> Result<(), Violation> {
        if !reply.failed.is_empty() || reply.re_offer {
            self.order_may_differ = true;
        }
        for receipt in &reply.receipts {
            let Some(document) = sent.documents.iter().find(|document| document.id == receipt.id && document.revision == receipt.revision)
            else {
                return Err(Violation::new("I2", format!("a receipt for {} that was not sent", receipt.id)));
            };
            let key = DocumentKey { id: receipt.id.as_bytes().to_vec(), revision: receipt.revision };
            if receipt.outcome == Outcome::Accepted {
                self.accepted.insert(key.clone());
            }
            let content = document.content_hash().0;
            let first = self.receipts.entry((key.clone(), content)).or_insert_with(|| receipt.clone());
            if first != receipt {
                return Err(Violation::new("I2", format!("{key} was answered {first:?}, and now {receipt:?}")));
            }
        }
        Ok(())
    }

    /// Reads how far the feed is: numbers without gaps, heads that only rise, one state for one head.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn note_heads(&mut self, store: &Store) -> Result<(), Violation> {
        let (former, reader) = (&self.epoch, &mut self.reader);
        let read = store.read(|tx| {
            let (epoch, heads) = central::heads(tx)?;
            if epoch != *former {
                *reader = LogReader::default();
            }
            let read_on = reader.read_on(tx, &heads)?;
            Ok::<_, StoreError>((epoch, heads, read_on))
        });
        let Ok((epoch, heads, read_on)) = read else { return Ok(()) };
        read_on?;
        if self.places_unsure
            && let Ok(places) = store.read(|tx| Ok::<_, StoreError>(central::places(tx)?))
        {
            self.places = places;
            self.places_unsure = false;
        }
        if epoch != self.epoch {
            self.epoch = epoch.clone();
            self.heads.clear();
        }
        for head in heads {
            let (entries, first, last) = head.log;
            // What is sealed may be forgotten, oldest first; the rest has no gap.
            let has_gap = if entries == 0 { head.head != head.floor } else { last - first + 1 != entries };
            if has_gap || (entries > 0 && (last != head.head || first > head.floor + 1)) {
                return Err(Violation::new(
                    "I5",
                    format!(
                        "{} has head {} and floor {}, but {entries} changes from {first} to {last}",
                        head.bucket, head.head, head.floor
                    ),
                ));
            }
            let before = self.heads.insert(head.bucket.clone(), head.head).unwrap_or(0);
            if head.head < before {
                return Err(Violation::new("I5", format!("the head of {} went back from {before} to {}", head.bucket, head.head)));
            }
            let state = self.states.entry((epoch.clone(), head.bucket.clone(), head.head)).or_insert(head.sums);
            if *state != head.sums {
                return Err(Violation::new("I5", format!("{} at {} was {state:?} and is {:?}", head.bucket, head.head, head.sums)));
            }
        }
        Ok(())
    }

    /// After a crash of the server everything it answered as accepted is there.
    ///
    /// # Errors
    ///
    /// What is gone.
    pub fn note_restart(&mut self, store: &Store) -> Result<(), Violation> {
        let Ok(receipts) = store.read(|tx| Ok::<_, StoreError>(central::receipts(tx)?)) else { return Ok(()) };
        if let Ok(read_again) = store.read(|tx| Ok::<_, StoreError>(self.reader.read_again(tx)?)) {
            read_again?;
        }
        match self.accepted.iter().find(|key| !receipts.contains_key(key)) {
            Some(lost) => Err(Violation::new("I4", format!("the server accepted {lost}, and after a crash it is gone"))),
            None => Ok(()),
        }
    }

    /// A backup of the server is made.
    pub fn note_backup(&mut self) {
        self.places_of_backup = self.places.clone();
    }

    /// The server is as its backup was: receipts given since then are forgotten there.
    ///
    /// # Errors
    ///
    /// When the restored database cannot be read.
    pub fn note_restore(&mut self, store: &Store) -> Result<(), Violation> {
        let receipts = store
            .read(|tx| Ok::<_, StoreError>(central::receipts(tx)?))
            .map_err(|error| Violation::new("I16", format!("the restored database cannot be read: {error}")))?;
        self.accepted.retain(|key| receipts.contains_key(key));
        self.receipts.retain(|(key, _), _| receipts.contains_key(key));
        self.places = self.places_of_backup.clone();
        self.order_may_differ = true;
        Ok(())
    }

    /// The head of a bucket, as last seen; 0 if there was none.
    pub fn head(&self, bucket: &str) -> i64 {
        self.heads.get(bucket).copied().unwrap_or(0)
    }

    /// At the end, when everything is quiet: every promise is at the server, once, with its words.
    ///
    /// # Errors
    ///
    /// What is lost, doubled or invented.
    pub fn judge_documents(&self, store: &Store) -> Result<(), Violation> {
        let read = |what: &str, error: StoreError| Violation::new("I2", format!("{what} cannot be read: {error}"));
        let receipts = store.read(|tx| Ok::<_, StoreError>(central::receipts(tx)?)).map_err(|error| read("receipts", error))?;
        let documents = store.read(|tx| Ok::<_, StoreError>(central::documents(tx)?)).map_err(|error| read("documents", error))?;
        let quarantine = store.read(|tx| Ok::<_, StoreError>(central::quarantine(tx)?)).map_err(|error| read("quarantine", error))?;
        let orders = store.read(|tx| Ok::<_, StoreError>(central::orders(tx)?)).map_err(|error| read("orders", error))?;
        let visits = store.read(|tx| Ok::<_, StoreError>(central::visits(tx)?)).map_err(|error| read("visits", error))?;
        let hash = |body: &str| *blake3::hash(body.as_bytes()).as_bytes();

        let mut kept: BTreeMap<&DocumentKey, BTreeSet<[u8; 32]>> = BTreeMap::new();
        for document in &documents {
            kept.entry(&document.key).or_default().insert(hash(&document.body));
        }
        for (key, _, body) in &quarantine {
            kept.entry(key).or_default().insert(hash(body));
        }
        for ((key, body), promise) in &self.promises {
            let here = receipts.contains_key(key) && kept.get(key).is_some_and(|bodies| bodies.contains(body));
            if !here && !promise.excused {
                let seen = if receipts.contains_key(key) { "has a receipt, but not its words" } else { "is not at the server" };
                return Err(Violation::new("I1", format!("{} {key}, saved on phones {:?}, {seen}", promise.kind, promise.holders)));
            }
        }
        for document in &documents {
            let Some(promise) = self.promises.get(&(document.key.clone(), hash(&document.body))) else {
                return Err(Violation::new("I2", format!("the server has {} with words that no phone saved", document.key)));
            };
            if document.position != promise.position {
                return Err(Violation::new("I2", format!("the server has {} for another position", document.key)));
            }
        }
        if let Some(lost) = self.accepted.iter().find(|key| !documents.iter().any(|document| document.key == **key)) {
            return Err(Violation::new("I4", format!("{lost} was accepted, and the server does not have it")));
        }
        self.judge_effects(&documents, &orders, &visits)?;
        if self.order_may_differ { Ok(()) } else { judge_order(&documents) }
    }

    fn judge_effects(
        &self,
        documents: &[central::KeptDocument],
        orders: &central::Orders,
        visits: &BTreeMap<Vec<u8>, (u32, bool)>,
    ) -> Result<(), Violation> {
        let mut newest: BTreeMap<&Vec<u8>, &central::KeptDocument> = BTreeMap::new();
        for document in documents.iter().filter(|document| document.kind != "withdrawal" && document.kind != "photo") {
            let held = newest.entry(&document.key.id).or_insert(document);
            if document.key.revision > held.key.revision {
                *held = document;
            }
        }
        let mut effects = 0;
        let withdrawn: BTreeSet<&Vec<u8>> =
            documents.iter().filter(|document| document.kind == "withdrawal").map(|document| &document.key.id).collect();
        for (id, document) in &newest {
            // A withdrawal that came before the document itself leaves nothing to put.
            if withdrawn.contains(*id) && !orders.contains_key(*id) && !visits.contains_key(*id) {
                continue;
            }
            let body: serde_json::Value = serde_json::from_str(&document.body).unwrap_or_default();
            let wrong = |what: &str| Err(Violation::new("I2", format!("the effect of {} {what}", document.key)));
            if document.kind == "order" {
                let Some((revision, number, sum, lines)) = orders.get(*id) else { return wrong("is missing") };
                if *revision < document.key.revision {
                    return wrong("is older");
                }
                let same = number.split('/').next() == body["number"].as_str()
                    && Some(*sum) == body["sum"].as_i64()
                    && usize::try_from(*lines).ok() == body["lines"].as_array().map(Vec::len);
                if !same {
                    return wrong("is another order");
                }
            } else {
                let Some((revision, finished)) = visits.get(*id) else { return wrong("is missing") };
                if *finished == body["finished_at_ms"].is_null() || *revision < document.key.revision {
                    return wrong("is another visit");
                }
            }
            effects += 1;
        }
        // A withdrawal may leave a mark for a document that never came.
        if orders.len() + visits.len() > effects && !documents.iter().any(|document| document.kind == "withdrawal") {
            return Err(Violation::new("I2", format!("{} documents have {} effects", effects, orders.len() + visits.len())));
        }
        Ok(())
    }

    /// At the end: nothing appeared in the log behind somebody who had read it.
    ///
    /// # Errors
    ///
    /// What did.
    pub fn judge_log(&self, store: &Store) -> Result<(), Violation> {
        let unread = |error: StoreError| Violation::new("I6", format!("the log cannot be read: {error}"));
        store.read(|tx| Ok::<_, StoreError>(self.reader.read_again(tx)?)).map_err(unread)?
    }

    /// At the end: where the office said an outlet lies, there it lies.
    ///
    /// # Errors
    ///
    /// An outlet elsewhere.
    pub fn judge_places(&self, store: &Store) -> Result<(), Violation> {
        let places = store
            .read(|tx| Ok::<_, StoreError>(central::places(tx)?))
            .map_err(|error| Violation::new("I8", format!("outlets cannot be read: {error}")))?;
        if places == self.places {
            return Ok(());
        }
        let differs = self.places.iter().find(|(outlet, place)| places.get(*outlet) != Some(place));
        Err(Violation::new("I8", format!("the office put {differs:?}, the server holds {} outlets", places.len())))
    }
}

/// Documents of one device for one position came in the order in which it numbered them. Those of another position wait for its sign-in.
fn judge_order(documents: &[central::KeptDocument]) -> Result<(), Violation> {
    let mut last: BTreeMap<(&Vec<u8>, i64), i64> = BTreeMap::new();
    for document in documents.iter().filter(|document| document.device_seq > 0) {
        let before = last.insert((&document.device, document.position), document.device_seq).unwrap_or(0);
        if document.device_seq <= before {
            return Err(Violation::new("I3", format!("number {} of a device came after {before}", document.device_seq)));
        }
    }
    Ok(())
}

use log_reader::LogReader;
use phone::Checkpoint;
use photos::Photos;

fn unreadable(invariant: &'static str, number: usize, error: &rusqlite::Error) -> Violation {
    Violation::new(invariant, format!("phone {number} cannot be read: {error}"))
}

/// Every table of a database in short.
pub fn contents_of(connection: &rusqlite::Connection) -> rusqlite::Result<Content> {
    let mut names = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut contents = Content::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        let (mut count, mut hasher) = (0, blake3::Hasher::new());
        while let Some(row) = rows.next()? {
            count += 1;
            for place in 0..width {
                let value: Value = row.get(place)?;
                hasher.update(format!("{value:?}|").as_bytes());
            }
        }
        contents.insert(name, (count, hasher.finalize().to_hex()[..12].to_owned()));
    }
    Ok(contents)
}
