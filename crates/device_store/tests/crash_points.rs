//! Both databases of a device on a disk that lets them down: at every operation of opening, migrating, resetting and salvaging, and with
//! every page of `work` damaged in turn.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;

use polevik_device_store::Store;
use polevik_device_store::db::{WORK, commit};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::outbox::{self, NewEntry};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_testkit::disk::{Crash, Disk, DiskPlatform, FailureKind};
use polevik_testkit::trials::{How, Point, Trial, Tried};

/// How many points of one kind are tried of each flow in a usual run.
const AT_MOST: u64 = 8;

const FAILURES: [FailureKind; 5] =
    [FailureKind::InputOutput, FailureKind::Read, FailureKind::Full, FailureKind::ShortWrite, FailureKind::CannotOpen];

const POSITION: PositionId = PositionId(17);

/// Every pair of schemas that was ever shipped: version and dump of `work`, then of the copy of the office.
const SHIPPED: [[(i64, &str); 2]; 4] = [
    [(1, include_str!("schemas/work-1.sql")), (1, include_str!("schemas/reference-1.sql"))],
    [(2, include_str!("schemas/work-2.sql")), (3, include_str!("schemas/reference-3.sql"))],
    [(3, include_str!("schemas/work-3.sql")), (3, include_str!("schemas/reference-3.sql"))],
    [(4, include_str!("schemas/work-4.sql")), (4, include_str!("schemas/reference-4.sql"))],
];

/// How a target keeps its files.
#[derive(Clone, Copy, Debug)]
enum Target {
    Telephone,
    Browser,
}

const TARGETS: [Target; 2] = [Target::Telephone, Target::Browser];

impl Target {
    fn platform(self, disk: &Disk) -> Box<DiskPlatform> {
        Box::new(match self {
            Self::Telephone => DiskPlatform::new(disk),
            Self::Browser => DiskPlatform::like_a_browser(disk),
        })
    }

    fn try_open(self, disk: &Disk) -> Result<Store, String> {
        Store::open(self.platform(disk)).map_err(|error| error.to_string())
    }

    fn open(self, disk: &Disk) -> Store {
        self.try_open(disk).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }
}

/// Every table of one database with its rows, as text, without changing anything on the disk.
fn contents(target: Target, disk: &Disk, which: fn(&mut Store) -> rusqlite::Transaction<'_>) -> Vec<String> {
    let mut store = target.open(&disk.fork());
    let tx = which(&mut store);
    let mut tables = tx.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for table in tables {
        let mut statement = tx.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..columns).map(|column| format!("{:?}", row.get::<_, rusqlite::types::Value>(column).unwrap()));
            all.push(format!("{table}: {}", values.collect::<Vec<_>>().join(", ")));
        }
    }
    all.sort_unstable();
    all
}

fn work(store: &mut Store) -> rusqlite::Transaction<'_> {
    store.read().unwrap().work
}

fn reference(store: &mut Store) -> rusqlite::Transaction<'_> {
    store.read().unwrap().reference
}

fn document(place: u16) -> DocumentId {
    let [high, low] = place.to_be_bytes();
    DocumentId::generate(UtcMillis(1), [7, 7, 7, 7, 7, 7, 7, 7, high, low])
}

fn try_promise(store: &mut Store, place: u16) -> Result<(), String> {
    let mut append = || -> polevik_device_store::Result<()> {
        let tx = store.work()?;
        let body = format!(r#"{{"place": {place}, "filling": "{}"}}"#, "x".repeat(400));
        let id = document(place);
        let entry =
            NewEntry { document_id: id, revision: 1, kind: "order", position: POSITION, lane: id, created_at: UtcMillis(1), body: &body };
        outbox::append(&tx, &entry)?;
        commit(tx)
    };
    append().map_err(|error| error.to_string())
}

/// The documents that wait, each whole.
fn promised(target: Target, disk: &Disk) -> BTreeSet<DocumentId> {
    let mut store = target.open(&disk.fork());
    let both = store.read().unwrap();
    let waiting = outbox::unanswered(&both.work, POSITION, 0, i64::MAX, 10_000).unwrap();
    let ids: BTreeSet<DocumentId> = waiting.iter().map(|entry| entry.document_id).collect();
    assert_eq!(ids.len(), waiting.len(), "a document waits twice");
    for entry in waiting {
        let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
        let place = u16::try_from(body["place"].as_u64().unwrap()).unwrap();
        assert_eq!(entry.document_id, document(place), "a body belongs to its document");
    }
    ids
}

/// A new promise holds through a power cut: the device is in order again.
fn can_promise(target: Target, disk: &Disk, place: u16) {
    try_promise(&mut target.open(disk), place).unwrap();
    disk.crash(Crash::Power);
    disk.restart();
    assert!(promised(target, disk).contains(&document(place)), "{target:?}");
}

fn reopening_changes_nothing(target: Target, disk: &Disk) {
    drop(target.open(disk));
    let once = (contents(target, disk, work), contents(target, disk, reference), disk.file_names());
    drop(target.open(disk));
    assert_eq!((contents(target, disk, work), contents(target, disk, reference), disk.file_names()), once);
}

fn told(name: &str, tried: [Tried; 2]) {
    let [crashes, failures] = tried;
    println!("{name}: {} operations, {} crashes, {} failures", crashes.operations, crashes.points, failures.points);
    assert!(crashes.points > crashes.operations.min(AT_MOST) && failures.points > 0);
}

#[test]
fn a_device_that_crashes_at_its_very_first_start_starts_the_next_time() {
    for target in TARGETS {
        let start = Disk::new();
        let trial = Trial {
            start: &start,
            at_most: AT_MOST,
            flow: &|disk| target.try_open(disk).map(drop),
            check: &|disk, _done, _point| {
                drop(target.open(disk));
                reopening_changes_nothing(target, disk);
                can_promise(target, disk, 1);
            },
        };
        told(&format!("{target:?}, first start"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
    }
}

#[test]
fn a_promise_is_there_or_was_not_given_in_either_way_of_keeping_files() {
    for target in TARGETS {
        let start = Disk::new();
        try_promise(&mut target.open(&start), 1).unwrap();
        start.restart();
        let trial = Trial {
            start: &start,
            at_most: AT_MOST,
            flow: &|disk| {
                let mut store = target.try_open(disk)?;
                try_promise(&mut store, 2)
            },
            check: &|disk, done, _point| {
                let found = promised(target, disk);
                assert!(found.contains(&document(1)));
                assert!(!done || found.contains(&document(2)), "{found:?}");
                reopening_changes_nothing(target, disk);
                can_promise(target, disk, 3);
            },
        };
        told(&format!("{target:?}, promise"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
    }
}

#[test]
fn every_shipped_schema_is_migrated_without_losing_a_row_wherever_it_is_cut_off() {
    for target in TARGETS {
        for [of_work, of_reference] in SHIPPED {
            let start = Disk::new();
            let version = of_work.0;
            for (file, (version, dump)) in [(WORK, of_work), ("reference-1.db", of_reference)] {
                let connection = start.connect(file).unwrap();
                connection.execute_batch(dump).unwrap();
                connection.pragma_update(None, "user_version", version).unwrap();
            }
            start.restart();
            let migrated = start.fork();
            drop(target.open(&migrated));
            let wanted = (contents(target, &migrated, work), contents(target, &migrated, reference));
            assert!(wanted.0.iter().filter(|row| row.starts_with("outbox: ")).count() >= 2);
            let trial = Trial {
                start: &start,
                at_most: AT_MOST,
                flow: &|disk| target.try_open(disk).map(drop),
                check: &|disk, _done, point| {
                    drop(target.open(disk));
                    let (mut found, mut expected) = (contents(target, disk, work), wanted.0.clone());
                    if may_tear(target, point) {
                        // A torn copy of the office is set aside, and the next one has another number.
                        for rows in [&mut found, &mut expected] {
                            rows.retain(|row| !row.contains("_generation"));
                        }
                    }
                    assert_eq!(found, expected);
                    assert!(contents(target, disk, reference) == wanted.1 || may_tear(target, point));
                    reopening_changes_nothing(target, disk);
                },
            };
            told(&format!("{target:?}, migration from {version}"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
        }
    }
}

#[test]
fn a_reset_of_the_copy_of_the_office_never_touches_what_waits() {
    for target in TARGETS {
        let start = Disk::new();
        try_promise(&mut target.open(&start), 1).unwrap();
        start.restart();
        let trial = Trial {
            start: &start,
            at_most: AT_MOST,
            flow: &|disk| target.try_open(disk)?.reset_reference().map_err(|error| error.to_string()),
            check: &|disk, _done, point| {
                assert_eq!(promised(target, disk), [document(1)].into());
                drop(target.open(disk));
                target.open(disk).reset_reference().unwrap();
                assert!(references(disk).len() == 1 || may_tear(target, point), "old copies are gone: {:?}", disk.file_names());
                reopening_changes_nothing(target, disk);
                can_promise(target, disk, 2);
            },
        };
        told(&format!("{target:?}, reset"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
    }
}

/// With a rollback journal and few syncs, a power cut may damage the copy of the office; then that one is set aside in its turn.
fn may_tear(target: Target, point: Point) -> bool {
    matches!((target, point.how), (Target::Browser, How::Crash(Crash::PowerTorn { .. })))
}

fn references(disk: &Disk) -> Vec<String> {
    disk.file_names().into_iter().filter(|name| name.starts_with("reference-") && name.ends_with(".db")).collect()
}

#[test]
fn a_damaged_copy_of_the_office_is_set_aside_and_what_waits_stays() {
    for target in TARGETS {
        let start = Disk::new();
        try_promise(&mut target.open(&start), 1).unwrap();
        start.restart();
        let name = references(&start).remove(0);
        // The beginning of the file: no database at all.
        for offset in 0..100 {
            start.damage(&name, offset, |byte| byte ^ 0x5a);
        }
        let damaged = start.file(&name).unwrap();
        let trial = Trial {
            start: &start,
            at_most: AT_MOST,
            flow: &|disk| target.try_open(disk).map(drop),
            check: &|disk, _done, point| {
                drop(target.open(disk));
                assert_eq!(promised(target, disk), [document(1)].into());
                assert!(
                    disk.file(&name) == Some(damaged.clone()) || may_tear(target, point),
                    "the damaged copy is kept as it is: {:?}",
                    disk.file_names()
                );
                reopening_changes_nothing(target, disk);
                can_promise(target, disk, 2);
            },
        };
        told(&format!("{target:?}, damaged reference"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
    }
}

/// A `work` of many pages with 40 documents that wait.
fn forty_promises(target: Target) -> Disk {
    let disk = Disk::new();
    let mut store = target.open(&disk);
    (1..=40).for_each(|place| try_promise(&mut store, place).unwrap());
    drop(store);
    disk.restart();
    disk
}

const PAGE_BYTES: usize = 4096;

/// Documents of about 560 bytes that fit on one page.
const DOCUMENTS_OF_A_PAGE: usize = 8;

/// How a page goes bad.
#[derive(Clone, Copy, Debug)]
enum Rot {
    Zeros,
    Noise,
    /// One bit of the page's own head.
    Head,
    /// One bit in the middle.
    Middle,
}

fn rot(disk: &Disk, page: usize, how: Rot) {
    let start = page * PAGE_BYTES;
    match how {
        Rot::Zeros => (0..PAGE_BYTES).for_each(|at| disk.damage(WORK, start + at, |_| 0)),
        Rot::Noise => (0..PAGE_BYTES).for_each(|at| disk.damage(WORK, start + at, |byte| byte.wrapping_mul(167).wrapping_add(91))),
        Rot::Head => disk.flip_bit(WORK, (start + 3) * 8),
        Rot::Middle => disk.flip_bit(WORK, (start + PAGE_BYTES / 2) * 8 + 5),
    }
}

fn copies_aside(disk: &Disk) -> Vec<String> {
    disk.file_names().into_iter().filter(|name| name.starts_with("work-damaged") && name.ends_with(".db")).collect()
}

#[test]
fn whichever_page_of_work_is_damaged_the_file_is_kept_and_what_can_be_read_still_waits() {
    for target in TARGETS {
        let sound = forty_promises(target);
        let all: BTreeSet<DocumentId> = (1..=40).map(document).collect();
        assert_eq!(promised(target, &sound), all);
        let pages = sound.file(WORK).unwrap().len() / PAGE_BYTES;
        assert!(pages > 10);
        let mut found_damaged = 0;
        for page in 0..pages {
            for how in [Rot::Zeros, Rot::Noise, Rot::Head, Rot::Middle] {
                let disk = sound.fork();
                rot(&disk, page, how);
                let damaged = disk.file(WORK).unwrap();
                drop(target.try_open(&disk).unwrap_or_else(|error| panic!("{target:?}, page {page}, {how:?}: {error}")));
                let left = read_waiting(target, &disk);
                let lost = all.difference(&left).count();
                match copies_aside(&disk).as_slice() {
                    [] => assert_eq!(lost, 0, "{target:?}, page {page}, {how:?}: lost without a word"),
                    [copy] => {
                        found_damaged += 1;
                        assert_eq!(disk.file(copy), Some(damaged), "{target:?}, page {page}, {how:?}: the copy is what was there");
                        assert!(lost <= DOCUMENTS_OF_A_PAGE, "{target:?}, page {page}, {how:?}: {lost} documents lost with one page");
                    }
                    several => panic!("{several:?}"),
                }
                can_promise(target, &disk, 1_000);
            }
        }
        assert!(found_damaged > 2 * pages, "{target:?}: {found_damaged} of {} damages were found", 4 * pages);
    }
}

/// Ids of the documents that wait, whatever their bodies say: a flipped bit in a text is not for SQLite to find.
fn read_waiting(target: Target, disk: &Disk) -> BTreeSet<DocumentId> {
    let mut store = target.open(&disk.fork());
    let both = store.read().unwrap();
    outbox::unanswered(&both.work, POSITION, 0, i64::MAX, 10_000).unwrap().into_iter().map(|entry| entry.document_id).collect()
}

#[test]
fn a_salvage_that_is_cut_off_loses_nothing_that_could_be_read() {
    for target in TARGETS {
        let start = forty_promises(target);
        let pages = start.file(WORK).unwrap().len() / PAGE_BYTES;
        rot(&start, pages - 2, Rot::Noise);
        let damaged = start.file(WORK).unwrap();
        let once = start.fork();
        drop(target.open(&once));
        let wanted = promised(target, &once);
        assert!(wanted.len() >= 40 - DOCUMENTS_OF_A_PAGE && !copies_aside(&once).is_empty());
        let trial = Trial {
            start: &start,
            at_most: AT_MOST,
            flow: &|disk| {
                let mut store = target.try_open(disk)?;
                try_promise(&mut store, 500)
            },
            check: &|disk, done, _point| {
                let mut found = promised(target, disk);
                let new = found.remove(&document(500));
                assert!(new || !done, "{target:?}: what was promised after the salvage is gone");
                assert_eq!(found, wanted);
                drop(target.open(disk));
                assert!(copies_aside(disk).iter().any(|copy| disk.file(copy) == Some(damaged.clone())), "the damaged file is kept");
                // Each crash in the middle may leave a copy of the same damage; nothing deletes one.
                assert!(copies_aside(disk).len() <= 3, "{:?}", copies_aside(disk));
                reopening_changes_nothing(target, disk);
                can_promise(target, disk, 501);
            },
        };
        told(&format!("{target:?}, salvage"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
        let twice = Trial { at_most: AT_MOST / 2, ..trial }.crash_twice(&|disk| drop(target.try_open(disk)));
        assert!(twice.points > 0);
    }
}

#[test]
fn a_log_that_is_shrunk_loses_nothing() {
    let target = Target::Telephone;
    let start = Disk::new();
    let mut store = target.open(&start);
    let tx = store.reference().unwrap();
    tx.execute_batch("CREATE TABLE filling (n INTEGER PRIMARY KEY, bytes BLOB) STRICT; INSERT INTO filling VALUES (1, zeroblob(60000))")
        .unwrap();
    commit(tx).unwrap();
    store.shrink_reference_log().unwrap();
    drop(store);
    start.restart();
    let trial = Trial {
        start: &start,
        at_most: AT_MOST,
        flow: &|disk| {
            let mut store = target.try_open(disk)?;
            let write = |store: &mut Store| -> polevik_device_store::Result<()> {
                let tx = store.reference()?;
                tx.execute("INSERT INTO filling VALUES (2, zeroblob(60000))", [])?;
                commit(tx)?;
                store.shrink_reference_log()
            };
            write(&mut store).map_err(|error| error.to_string())
        },
        check: &|disk, done, _point| {
            let mut store = target.open(disk);
            let tx = reference(&mut store);
            let verdict: String = tx.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            let rows: Vec<i64> = tx
                .prepare("SELECT n FROM filling ORDER BY n")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(verdict, "ok");
            assert!(rows == [1, 2] || (!done && rows == [1]), "{rows:?}");
        },
    };
    told("shrink the log", [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

#[test]
fn what_is_kept_in_passing_outlives_the_process_and_is_on_the_disk_with_the_next_promise() {
    fn note(store: &mut Store) -> Result<(), String> {
        let mut note = || -> polevik_device_store::Result<()> {
            let tx = store.work_in_passing()?;
            options::set(&tx, OptionName::ClockOffset, "17")?;
            commit(tx)
        };
        note().map_err(|error| error.to_string())
    }
    fn is_noted(target: Target, disk: &Disk) -> bool {
        let mut store = target.open(&disk.fork());
        let both = store.read().unwrap();
        options::get(&both.work, OptionName::ClockOffset).unwrap().is_some()
    }
    for target in TARGETS {
        let start = Disk::new();
        drop(target.open(&start));
        start.restart();
        let killed = start.fork();
        note(&mut target.open(&killed)).unwrap();
        killed.crash(Crash::Process);
        killed.restart();
        assert!(is_noted(target, &killed), "{target:?}");
        let trial = Trial {
            start: &start,
            at_most: AT_MOST,
            flow: &|disk| {
                let mut store = target.try_open(disk)?;
                note(&mut store)?;
                try_promise(&mut store, 1)
            },
            check: &|disk, done, _point| {
                let promised = promised(target, disk).contains(&document(1));
                assert!(promised || !done);
                assert!(is_noted(target, disk) || !promised, "{target:?}: the promise came without what was kept before it");
                can_promise(target, disk, 2);
            },
        };
        told(&format!("{target:?}, in passing"), [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
    }
}
