//! The SQL of the device on real files: what survives, what is refused, what has no gaps.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_device_store::db::commit;
use polevik_device_store::platform::{Connection, Folder, Journal, Platform};
use polevik_device_store::reference::staging;
use polevik_device_store::work::numbers::{self, Sequence};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::outbox::{self, Answer, Counts, NewEntry, Standing};
use polevik_device_store::{Result, Store};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::manifest::Blake3Hex;

const POSITION: PositionId = PositionId(17);

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(Box::new(Folder::new(folder.path()).unwrap())).unwrap()
}

fn document(place: u8) -> DocumentId {
    DocumentId::generate(UtcMillis(1), [place; 10])
}

fn entry(document_id: DocumentId, revision: u32) -> NewEntry<'static> {
    NewEntry { document_id, revision, kind: "order", position: POSITION, lane: document_id, created_at: UtcMillis(1), body: r#"{"a": 1}"# }
}

#[test]
fn a_crash_before_the_commit_leaves_nothing_and_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let tx = store.work().unwrap();
    outbox::append(&tx, &entry(document(1), 1)).unwrap();
    assert_eq!(numbers::take(&tx, &Sequence::Number("А017")).unwrap(), 1);
    drop(tx);
    drop(store);

    let mut store = open(&folder);
    let tx = store.work().unwrap();
    assert_eq!(outbox::end(&tx).unwrap(), 0);
    assert_eq!(numbers::take(&tx, &Sequence::Number("А017")).unwrap(), 1);
    outbox::append(&tx, &entry(document(1), 1)).unwrap();
    commit(tx).unwrap();
    // The process ends without closing anything.
    std::mem::forget(store);

    let mut store = open(&folder);
    let tx = store.work().unwrap();
    let waiting = outbox::unanswered(&tx, POSITION, 0, i64::MAX, 10).unwrap();
    assert_eq!(waiting.iter().map(|entry| (entry.device_seq, entry.body.as_str())).collect::<Vec<_>>(), [(1, r#"{"a": 1}"#)]);
    assert_eq!(numbers::last(&tx, &Sequence::Number("А017")).unwrap(), 1);
}

#[test]
fn sequences_go_on_after_the_server_s_floor_and_never_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let tx = store.work().unwrap();
    for (floor, next) in [(0, 1), (244, 245), (10, 246)] {
        numbers::raise(&tx, &Sequence::Number("А017"), floor).unwrap();
        assert_eq!(numbers::take(&tx, &Sequence::Number("А017")).unwrap(), next);
    }
    assert_eq!(numbers::take(&tx, &Sequence::Number("Б001")).unwrap(), 1, "another prefix counts for itself");
}

#[test]
fn a_receipt_settles_its_revision_once_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let tx = store.work().unwrap();
    for (place, revision) in [(1, 1), (1, 2), (2, 1)] {
        outbox::append(&tx, &entry(document(place), revision)).unwrap();
    }
    assert_eq!(outbox::counts(&tx, POSITION).unwrap(), Counts { orders: 2, oldest_unsent: Some(UtcMillis(1)), ..Counts::default() });
    let accepted = Answer { at: UtcMillis(5), refusal: None };
    assert!(outbox::settle(&tx, document(1), 1, &accepted).unwrap());
    assert!(!outbox::settle(&tx, document(1), 1, &accepted).unwrap(), "a second time changes nothing");
    assert!(!outbox::settle(&tx, document(9), 1, &accepted).unwrap(), "nor does one that was never sent");
    assert_eq!(outbox::standing(&tx, document(1)).unwrap(), Some(Standing::Waiting), "its second revision waits");
    let refused = Answer { at: UtcMillis(6), refusal: Some(("D401", "закрыта", None)) };
    assert!(outbox::settle(&tx, document(1), 2, &refused).unwrap());
    assert_eq!(
        outbox::counts(&tx, POSITION).unwrap(),
        Counts { orders: 1, refused: 1, oldest_unsent: Some(UtcMillis(1)), ..Counts::default() }
    );
    assert_eq!(outbox::waiting_up_to(&tx, POSITION, 2).unwrap(), 0);
    assert_eq!(outbox::waiting_up_to(&tx, POSITION, 3).unwrap(), 1);
    assert!(outbox::append(&tx, &entry(document(2), 1)).is_err(), "a revision is promised once");
}

#[test]
fn documents_of_another_position_are_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let tx = store.work().unwrap();
    outbox::append(&tx, &NewEntry { position: PositionId(18), ..entry(document(1), 1) }).unwrap();
    assert_eq!(outbox::unanswered(&tx, POSITION, 0, i64::MAX, 10).unwrap(), []);
    assert_eq!(outbox::unsent(&tx).unwrap(), 1);
}

#[test]
fn staged_segments_survive_and_leave_when_no_plan_wants_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let [first, second] = [b"1", b"2"].map(|bytes| Blake3Hex::of(bytes).to_string());
    for (name, bytes) in [(&first, b"1"), (&second, b"2"), (&first, b"1")] {
        let tx = store.reference().unwrap();
        staging::insert(&tx, name, bytes).unwrap();
        commit(tx).unwrap();
    }
    drop(store);
    let mut store = open(&folder);
    let tx = store.reference().unwrap();
    staging::keep_only(&tx, &[first.clone(), "c".to_owned()].into()).unwrap();
    assert_eq!(staging::staged(&tx).unwrap(), [first.clone()].into());
    assert_eq!(staging::take(&tx, &first).unwrap(), Some(b"1".to_vec()));
    assert_eq!(staging::take(&tx, &first).unwrap(), None);
}

#[test]
fn a_staged_segment_that_the_disk_has_changed_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let tx = store.reference().unwrap();
    let name = Blake3Hex::of(b"as it came").to_string();
    staging::insert(&tx, &name, b"as it lies").unwrap();
    assert_eq!(staging::take(&tx, &name).unwrap(), None);
    assert!(staging::staged(&tx).unwrap().is_empty(), "it is fetched again");
}

#[test]
fn a_new_copy_of_the_office_replaces_the_old_one_and_leaves_work_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let tx = store.work().unwrap();
    options::set(&tx, OptionName::Language, "ru").unwrap();
    commit(tx).unwrap();
    let tx = store.reference().unwrap();
    staging::insert(&tx, "a", b"1").unwrap();
    commit(tx).unwrap();
    store.reset_reference().unwrap();
    for mut store in [store, open(&folder)] {
        assert!(staging::staged(&store.reference().unwrap()).unwrap().is_empty());
        assert_eq!(options::get(&store.work().unwrap(), OptionName::Language).unwrap().as_deref(), Some("ru"));
    }
    assert!(folder.path().join("reference-2.db").exists());
    assert!(!folder.path().join("reference-1.db").exists());
}

/// A folder that is used as the browser's storage is: one connection per file, a journal that is truncated.
struct LikeABrowser(Folder);

impl Platform for LikeABrowser {
    fn open(&self, name: &str) -> Result<Connection> {
        self.0.open(name)
    }
    fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(name)
    }
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.0.copy(from, to)
    }
    fn list(&self) -> Result<Vec<String>> {
        self.0.list()
    }
    fn journal(&self) -> Journal {
        Journal::ExclusiveTruncate
    }
}

#[test]
fn the_browser_s_way_of_keeping_files_keeps_promises_too() {
    let folder = tempfile::tempdir().unwrap();
    let like_a_browser = || Box::new(LikeABrowser(Folder::new(folder.path()).unwrap()));
    let mut store = Store::open(like_a_browser()).unwrap();
    let tx = store.work().unwrap();
    outbox::append(&tx, &entry(document(1), 1)).unwrap();
    commit(tx).unwrap();
    let tx = store.reference().unwrap();
    staging::insert(&tx, "a", b"1").unwrap();
    commit(tx).unwrap();
    store.shrink_reference_log().unwrap();
    assert!(!folder.path().join("work.db-wal").exists());
    let other = Connection::open(folder.path().join("work.db")).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(other.execute_batch("BEGIN IMMEDIATE").is_err(), "nobody else gets in");
    drop(other);
    drop(store);
    let mut store = Store::open(like_a_browser()).unwrap();
    assert_eq!(outbox::end(&store.work().unwrap()).unwrap(), 1);
    assert_eq!(staging::staged(&store.reference().unwrap()).unwrap().len(), 1);
}
