//! Every flow of a device, let down by its disk at every operation: what was told to be done is there, what was not is whole or absent, and
//! the next try succeeds.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use polevik_device::api::sync::SessionResult;
use polevik_device::api::view::{DocumentPlace, Screen, View};
use polevik_device::api::{Command, CommandDone, LineChange, Reply, Request, RowId};
use polevik_device_store::Store;
use polevik_domain::ids::{DocumentId, OutletId, PositionId, ProductId};
use polevik_domain::quantity::Unit;
use polevik_protocol::rows::{ColumnKind, Row, TABLES, TableId, Value};
use polevik_testkit::disk::{Disk, DiskPlatform, Failure, FailureKind};
use polevik_testkit::trials::{Trial, Tried};

use crate::support::{Office, World, outlet, price, product};

/// How many points of one kind are tried of each flow in a usual run.
const AT_MOST: u64 = 16;

const FAILURES: [FailureKind; 6] =
    [FailureKind::InputOutput, FailureKind::Read, FailureKind::Full, FailureKind::ShortWrite, FailureKind::Busy, FailureKind::CannotOpen];

type Shared = Rc<RefCell<Office>>;

fn shared(office: Office) -> Shared {
    Rc::new(RefCell::new(office))
}

thread_local! {
    /// How often a device of this test was started: each starts a minute later than the one before.
    static STARTS: Cell<i64> = const { Cell::new(0) };
}

/// A running device on this disk, or why it does not start.
fn start(disk: &Disk, office: &Shared) -> Result<World, String> {
    let mut world = World::on_disk(disk, Rc::clone(office));
    STARTS.set(STARTS.get() + 1);
    world.advance(STARTS.get() * 60_000);
    world.try_restart().map_err(|code| code.to_string())?;
    Ok(world)
}

/// A running device on a disk that is well.
fn started(disk: &Disk, office: &Shared) -> World {
    start(disk, office).unwrap()
}

/// Signs in; `Err` if the device says that it did not work.
fn login(world: &mut World) -> Result<(), String> {
    match world.login() {
        Reply::SignedIn => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Synchronises; `Ok` only if the device says that all of it succeeded, now and not some time before.
fn sync(world: &mut World) -> Result<(), String> {
    world.advance(1_000);
    let now = world.now();
    world.office.borrow_mut().clock = now;
    match world.request(Request::Sync(None)) {
        Reply::Taken => (),
        other => return Err(format!("{other:?}")),
    }
    match world.request(Request::Load(Screen::Sync)) {
        Reply::View(view) => match *view {
            View::Sync(view)
                if view.result == Some(SessionResult::Success) && view.rows.iter().all(|row| row.last_success == Some(now)) =>
            {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        },
        other => Err(format!("{other:?}")),
    }
}

fn execute(world: &mut World, command: Command) -> Result<CommandDone, String> {
    match world.execute(command) {
        Reply::Done(done) => Ok(done),
        other => Err(format!("{other:?}")),
    }
}

fn new_order(world: &mut World, visit: Option<DocumentId>) -> Result<DocumentId, String> {
    let outside_visit = visit.is_none().then(|| "звонок".to_owned());
    match execute(world, Command::NewOrder { outlet: OutletId(17), visit, outside_visit })? {
        CommandDone::Document(order) => Ok(order),
        other => Err(format!("{other:?}")),
    }
}

/// A draft with one line, placed; `Ok` if the rep was told that it is.
fn place_order(world: &mut World, visit: Option<DocumentId>) -> Result<DocumentId, String> {
    let order = new_order(world, visit)?;
    let change = LineChange { product: ProductId(1), unit: Unit::Piece, quantity: 2 };
    execute(world, Command::ChangeLine { order, change })?;
    execute(world, Command::PlaceOrder { order })?;
    Ok(order)
}

/// A visit with an order in it, finished, and an order by telephone.
fn work_a_little(world: &mut World) -> BTreeSet<DocumentId> {
    let visit = world.make(Command::StartVisit { outlet: OutletId(17), route_stop: None });
    let in_visit = place_order(world, Some(visit)).unwrap();
    execute(world, Command::FinishVisit { visit }).unwrap();
    let by_telephone = place_order(world, None).unwrap();
    [visit, in_visit, by_telephone].into()
}

/// A disk with a device that is signed in.
fn signed_in() -> Disk {
    let disk = Disk::new();
    login(&mut started(&disk, &shared(Office::new()))).unwrap();
    disk.restart();
    disk
}

/// A disk with a device that is signed in and has everything.
fn ready() -> Disk {
    let disk = Disk::new();
    let mut world = started(&disk, &shared(Office::new()));
    login(&mut world).unwrap();
    sync(&mut world).unwrap();
    disk.restart();
    disk
}

/// The same with documents that wait.
fn ready_with_documents() -> (Disk, BTreeSet<DocumentId>) {
    let disk = ready();
    let documents = work_a_little(&mut started(&disk, &shared(Office::new())));
    disk.restart();
    (disk, documents)
}

/// The rows that screens show, looked up beside the device.
fn rows_of(disk: &Disk) -> BTreeMap<(TableId, i64), Row> {
    let mut store = Store::open(Box::new(DiskPlatform::new(&disk.fork()))).unwrap();
    let both = store.read().unwrap();
    let mut rows = BTreeMap::new();
    for table in TABLES {
        let mut statement = both.reference.prepare(&format!("SELECT * FROM {}", table.name)).unwrap();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values = table.columns.iter().map(|column| match column.kind {
                ColumnKind::Int => Value::from(row.get::<_, Option<i64>>(column.name).unwrap()),
                ColumnKind::Text => Value::from(row.get::<_, Option<String>>(column.name).unwrap()),
                ColumnKind::Blob => Value::from(row.get::<_, Option<Vec<u8>>>(column.name).unwrap()),
            });
            let id = row.get("id").unwrap();
            rows.insert((table.id, id), Row { id, values: values.collect() });
        }
    }
    rows
}

/// Everything in `work`, as text.
fn work_of(disk: &Disk) -> Vec<String> {
    let mut store = Store::open(Box::new(DiskPlatform::new(&disk.fork()))).unwrap();
    let both = store.read().unwrap();
    let mut tables = both.work.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for table in tables {
        let mut statement = both.work.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<String> =
                (0..columns).map(|column| format!("{:?}", row.get::<_, rusqlite::types::Value>(column).unwrap())).collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    all.sort_unstable();
    all
}

/// Opening a device any number of times changes nothing that it knows.
fn reopening_changes_nothing(disk: &Disk, office: &Shared) {
    drop(started(disk, office));
    let once = work_of(disk);
    for _ in 0..2 {
        drop(started(disk, office));
        assert_eq!(work_of(disk), once);
    }
}

/// What the office took, each revision once.
fn taken(office: &Shared) -> BTreeSet<DocumentId> {
    let office = office.borrow();
    let revisions: BTreeSet<(DocumentId, u32)> = office.documents.iter().map(|(id, revision, _)| (*id, *revision)).collect();
    assert_eq!(revisions.len(), office.documents.len(), "a document took effect twice");
    revisions.into_iter().map(|(id, _)| id).collect()
}

fn tried(name: &str, tried: [Tried; 2]) {
    let [crashes, failures] = tried;
    println!("{name}: {} operations, {} crashes, {} failures", crashes.operations, crashes.points, failures.points);
    assert!(crashes.points > crashes.operations.min(AT_MOST) && failures.points > 0);
}

#[test]
fn a_saved_order_is_there_after_any_crash_and_one_that_was_not_leaves_no_gap() {
    let disk = ready();
    let placed: RefCell<Option<DocumentId>> = RefCell::default();
    let trial = Trial {
        start: &disk,
        at_most: AT_MOST,
        flow: &|disk| {
            placed.replace(None);
            let mut world = start(disk, &shared(Office::new()))?;
            let order = new_order(&mut world, None)?;
            placed.replace(Some(order));
            let change = LineChange { product: ProductId(1), unit: Unit::Piece, quantity: 2 };
            execute(&mut world, Command::ChangeLine { order, change })?;
            execute(&mut world, Command::PlaceOrder { order }).map(drop)
        },
        check: &|disk, done, _point| {
            let office = shared(Office::new());
            let mut world = started(disk, &office);
            let found = match world.load(Screen::Orders { limit: 10 }) {
                View::Orders(view) => view.rows,
                other => panic!("{other:?}"),
            };
            let known = *placed.borrow();
            // An act that was told to have failed may have been written all the same when the process ended there.
            assert!(found.len() <= 1 && found.iter().all(|order| known.is_none_or(|known| known == order.id)), "{found:?}");
            assert!(known.is_none() || found.len() == 1, "the draft was told to be there");
            if done {
                assert_eq!(found[0].place, DocumentPlace::OnlyHere);
            }
            for order in &found {
                assert_eq!(
                    !order.number.is_empty(),
                    order.place == DocumentPlace::OnlyHere,
                    "a number and the promise come together: {order:?}"
                );
            }
            let was_placed = found.iter().any(|order| order.place == DocumentPlace::OnlyHere);
            let next = place_order(&mut world, None).unwrap();
            sync(&mut world).unwrap();
            let expected: BTreeSet<DocumentId> = found.iter().filter(|_| was_placed).map(|order| order.id).chain([next]).collect();
            assert_eq!(taken(&office), expected);
            let numbers: Vec<String> = office
                .borrow()
                .documents
                .iter()
                .map(|(_, _, body)| serde_json::from_str::<serde_json::Value>(body).unwrap()["number"].as_str().unwrap().to_owned())
                .collect();
            let gapless: Vec<String> = (1..=numbers.len()).map(|number| format!("А017-{number:06}")).collect();
            assert_eq!(numbers, gapless);
            drop(world);
            reopening_changes_nothing(disk, &office);
        },
    };
    tried("place an order", [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

#[test]
fn documents_on_their_way_to_the_office_arrive_once_whatever_happens_to_the_disk() {
    let (disk, documents) = ready_with_documents();
    let office: RefCell<Shared> = RefCell::new(shared(Office::new()));
    let trial = Trial {
        start: &disk,
        at_most: AT_MOST,
        flow: &|disk| {
            office.replace(shared(Office::new()));
            sync(&mut start(disk, &office.borrow())?)
        },
        check: &|disk, done, _point| {
            let office = office.borrow();
            assert!(taken(&office).is_subset(&documents));
            if done {
                assert_eq!(taken(&office), documents);
            }
            let mut world = started(disk, &office);
            sync(&mut world).unwrap();
            assert_eq!(taken(&office), documents);
            let waiting: u32 = world.sync_view().rows.iter().map(|row| row.orders_waiting + row.visits_waiting).sum();
            assert_eq!(waiting, 0);
            drop(world);
            reopening_changes_nothing(disk, &office);
        },
    };
    tried("send documents", [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

/// A flow that changes the copy of the office: before or after, never between; the outbox is not touched.
fn a_download(name: &str, disk: &Disk, documents: &BTreeSet<DocumentId>, change: &dyn Fn(&mut Office)) {
    let before = rows_of(disk);
    let office: RefCell<Shared> = RefCell::new(shared(Office::new()));
    let trial = Trial {
        start: disk,
        at_most: AT_MOST,
        flow: &|disk| {
            office.replace(shared(Office::new()));
            change(&mut office.borrow().borrow_mut());
            let office = office.borrow();
            let mut world = start(disk, &office)?;
            match world.request(Request::Sync(Some(RowId::DownloadMandatory))) {
                Reply::Taken => sync(&mut world),
                other => Err(format!("{other:?}")),
            }
        },
        check: &|disk, done, point| {
            let office = office.borrow();
            let wanted = office.borrow().rows();
            let found = rows_of(disk);
            // A sync that failed is no reason to refuse a download: with the power the last of it may be lost, but never half.
            let may_be_old = !done || point.is_failure();
            assert!(found == wanted || (may_be_old && (found == before || found.is_empty())), "half a download is shown");
            let mut world = started(disk, &office);
            sync(&mut world).unwrap();
            assert_eq!(rows_of(disk), wanted);
            assert_eq!(taken(&office), *documents);
            drop(world);
            reopening_changes_nothing(disk, &office);
            assert_eq!(
                disk.file_names().iter().filter(|name| name.starts_with("reference-") && name.ends_with(".db")).count(),
                1,
                "nothing is left over"
            );
        },
    };
    tried(name, [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

fn a_busy_office(office: &mut Office) {
    office.put("price_type:3", (1..=60).map(|id| price(id, 1 + id % 3, 11_000 + id)).collect());
    office.put("distributor:9", vec![product(4, "A-4", "Соль"), product(1, "A-1", "Сок «Добрый» вишня")]);
    office.remove("distributor:9", TableId(1), 3);
    office.put("territory:5", vec![outlet(19, "Ларёк")]);
}

#[test]
fn a_download_is_applied_whole_or_not_at_all() {
    let (disk, documents) = ready_with_documents();
    a_download("apply changes", &disk, &documents, &a_busy_office);
}

#[test]
fn a_first_download_is_there_whole_or_not_at_all() {
    let disk = signed_in();
    a_download("first download", &disk, &BTreeSet::new(), &a_busy_office);
}

#[test]
fn another_life_of_the_office_replaces_the_copy_whole_or_not_at_all() {
    let (disk, documents) = ready_with_documents();
    a_download("full reload", &disk, &documents, &|office| {
        a_busy_office(office);
        office.epoch = "second".to_owned();
        for bucket in ["price_type:3", "distributor:9", "territory:5"] {
            office.rebase(bucket, 10);
        }
    });
}

#[test]
fn signing_in_as_another_keeps_what_the_first_has_not_sent() {
    let (disk, documents) = ready_with_documents();
    let another = || {
        let mut office = Office::new();
        office.position.id = PositionId(18);
        office.drop_bucket("territory:5");
        office.put("territory:6", vec![outlet(21, "Чужой киоск")]);
        office
    };
    let trial = Trial {
        start: &disk,
        at_most: AT_MOST,
        flow: &|disk| {
            let mut world = start(disk, &shared(another()))?;
            login(&mut world)?;
            sync(&mut world)
        },
        check: &|disk, done, point| {
            let second = shared(another());
            if done && !point.is_failure() {
                assert_eq!(rows_of(disk), second.borrow().rows());
            }
            let mut world = started(disk, &second);
            login(&mut world).unwrap();
            sync(&mut world).unwrap();
            assert_eq!(rows_of(disk), second.borrow().rows(), "nothing of the first position is left");
            assert_eq!(taken(&second), BTreeSet::new(), "documents of the first position are not the second's to send");
            drop(world);
            reopening_changes_nothing(disk, &second);
            let first = shared(Office::new());
            let mut world = started(disk, &first);
            login(&mut world).unwrap();
            sync(&mut world).unwrap();
            assert_eq!(taken(&first), documents);
        },
    };
    tried("sign in as another", [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

/// Synchronises until all is well: what was interrupted may need its turn.
fn settle(world: &mut World) {
    let mut last = Ok(());
    for _ in 0..4 {
        last = sync(world);
        if last.is_ok() {
            return;
        }
    }
    panic!("{last:?}");
}

/// A flow that ends with a synchronisation: whatever happens, the office has `wanted` in the end, each revision once.
fn arrives(
    name: &str,
    disk: &Disk,
    office: &dyn Fn() -> Office,
    prepare: &dyn Fn(&mut World) -> Result<(), String>,
    wanted: &BTreeSet<DocumentId>,
) {
    let shared_office: RefCell<Shared> = RefCell::new(shared(office()));
    let trial = Trial {
        start: disk,
        at_most: AT_MOST,
        flow: &|disk| {
            shared_office.replace(shared(office()));
            let mut world = start(disk, &shared_office.borrow())?;
            prepare(&mut world)?;
            sync(&mut world)
        },
        check: &|disk, done, _point| {
            let office = shared_office.borrow();
            let all_taken = taken(&office).is_superset(wanted);
            assert!(!done || all_taken || !office.borrow().break_at.is_empty(), "it was told to be on the server");
            let mut world = started(disk, &office);
            if prepare(&mut world).is_ok() {
                settle(&mut world);
            }
            // A server that breaks, breaks no more; what was set aside goes again.
            office.borrow_mut().break_at.clear();
            execute(&mut world, Command::Unpark { document: None }).unwrap();
            settle(&mut world);
            assert_eq!(taken(&office), *wanted);
            drop(world);
            reopening_changes_nothing(disk, &office);
        },
    };
    tried(name, [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

/// The engine is told what waits with every event. When that could not be read just after all of it was numbered anew, what it knew was the
/// end of the old numbers, and nothing seemed to wait.
#[test]
fn a_read_that_fails_never_turns_the_row_green_while_documents_wait() {
    let (disk, documents) = ready_with_documents();
    for nth in 1.. {
        let disk = disk.fork();
        let office = shared(Office::new());
        office.borrow_mut().floor = 50;
        disk.fail(Failure::once(FailureKind::InputOutput, nth));
        let told = start(&disk, &office).and_then(|mut world| sync(&mut world));
        if disk.failed() == 0 {
            break;
        }
        assert!(told.is_err() || taken(&office) == documents, "operation {nth}");
    }
}

#[test]
fn a_document_that_is_set_aside_is_never_lost() {
    let (disk, documents) = ready_with_documents();
    let broken = || {
        let mut office = Office::new();
        office.break_at.insert("visit".to_owned());
        office
    };
    for _ in 0..2 {
        assert!(sync(&mut started(&disk, &shared(broken()))).is_err());
        disk.restart();
    }
    // The third time, within the flow.
    arrives("set a document aside", &disk, &broken, &|_world| Ok(()), &documents);
}

#[test]
fn a_device_that_begins_a_new_life_loses_and_doubles_nothing() {
    let (disk, documents) = ready_with_documents();
    let twin_sent_more = || {
        let mut office = Office::new();
        office.floor = 50;
        office
    };
    arrives("begin a new life", &disk, &twin_sent_more, &|_world| Ok(()), &documents);
}

#[test]
fn what_a_restored_server_has_lost_is_offered_again_once() {
    let (disk, mut documents) = ready_with_documents();
    sync(&mut started(&disk, &shared(Office::new()))).unwrap();
    disk.restart();
    documents.insert(place_order(&mut started(&disk, &shared(Office::new())), None).unwrap());
    disk.restart();
    // Whoever restores a server begins a new life of it.
    let restored = || {
        let mut office = Office::new();
        office.epoch = "second".to_owned();
        office
    };
    arrives("offer again", &disk, &restored, &|_world| Ok(()), &documents);
}

#[test]
fn a_document_that_is_taken_back_is_taken_back_or_stands() {
    let disk = ready();
    let order = place_order(&mut started(&disk, &shared(Office::new())), None).unwrap();
    disk.restart();
    let withdraw =
        |world: &mut World| execute(world, Command::Withdraw { document: order, reason: "клиент передумал".to_owned() }).map(drop);
    arrives("take back", &disk, &Office::new, &withdraw, &[order].into());
}

#[test]
fn a_repair_of_the_copy_that_was_cut_off_is_finished_by_the_next_one() {
    let (disk, documents) = ready_with_documents();
    let name = disk.file_names().into_iter().find(|name| name.starts_with("reference-") && name.ends_with(".db")).unwrap();
    disk.connect(&name)
        .unwrap()
        .execute_batch("UPDATE product SET name = 'Мёд Липовый' WHERE id = 2; DELETE FROM price WHERE id = 1")
        .unwrap();
    disk.restart();
    let wanted = Office::new().rows();
    assert_ne!(rows_of(&disk), wanted);
    let check_all = |world: &mut World| match world.request(Request::Check) {
        Reply::Taken => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let office: RefCell<Shared> = RefCell::new(shared(Office::new()));
    let trial = Trial {
        start: &disk,
        at_most: AT_MOST,
        flow: &|disk| {
            office.replace(shared(Office::new()));
            let mut world = start(disk, &office.borrow())?;
            check_all(&mut world)?;
            if world.office.borrow().count("/v1/repair") == 0 {
                return Err("nothing was found".to_owned());
            }
            Ok(())
        },
        check: &|disk, _done, _point| {
            let office = office.borrow();
            let mut world = started(disk, &office);
            check_all(&mut world).unwrap();
            settle(&mut world);
            assert_eq!(rows_of(disk), wanted);
            assert_eq!(taken(&office), documents);
        },
    };
    tried("repair", [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

#[test]
fn a_device_that_crashes_while_it_starts_after_a_crash_loses_nothing() {
    let (disk, documents) = ready_with_documents();
    let office: RefCell<Shared> = RefCell::new(shared(Office::new()));
    let trial = Trial {
        start: &disk,
        at_most: AT_MOST / 2,
        flow: &|disk| {
            office.replace(shared(Office::new()));
            a_busy_office(&mut office.borrow().borrow_mut());
            sync(&mut start(disk, &office.borrow())?)
        },
        check: &|disk, _done, _point| {
            let office = office.borrow();
            sync(&mut started(disk, &office)).unwrap();
            assert_eq!(taken(&office), documents);
            assert_eq!(rows_of(disk), office.borrow().rows());
        },
    };
    let tried = trial.crash_twice(&|disk| drop(start(disk, &office.borrow())));
    assert!(tried.points > AT_MOST / 2);
}

#[test]
fn a_disk_that_is_full_refuses_and_goes_on_when_there_is_room() {
    let (disk, documents) = ready_with_documents();
    let office = shared(Office::new());
    a_busy_office(&mut office.borrow_mut());
    let used = disk.file_names().iter().filter_map(|name| disk.file(name)).map(|file| file.len() as u64).sum::<u64>();
    for room in (0..400_000).step_by(20_000) {
        let disk = disk.fork();
        disk.set_capacity(Some(used + room));
        if let Ok(mut world) = start(&disk, &office)
            && sync(&mut world).is_ok()
        {
            assert_eq!(rows_of(&disk), office.borrow().rows());
        }
        disk.set_capacity(None);
        disk.restart();
        sync(&mut started(&disk, &office)).unwrap();
        assert_eq!((rows_of(&disk), taken(&office)), (office.borrow().rows(), documents.clone()), "with room for {room} bytes");
        office.borrow_mut().documents.clear();
        *office.borrow_mut() = Office::new();
        a_busy_office(&mut office.borrow_mut());
    }
}
