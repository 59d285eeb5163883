//! Photos and files on the device: nothing is told before it is safe, nothing that waits is removed, and nothing lies about.

use std::cell::RefCell;
use std::rc::Rc;

use polevik_device::api::files::{Amount, PhotoFileState, PhotoRow, STOP_FREE_BYTES, Space, StorageView, WARN_FREE_BYTES};
use polevik_device::api::frame::Refusal;
use polevik_device::api::view::{AttentionRow, DocumentPlace, Screen, StopVisit, View, VisitView};
use polevik_device::api::{Command, CommandDone, DocumentKind, ErrorCode, Reply, Request};
use polevik_device::files::{Fault, Files as _, Held, Kind, MemoryFiles, path_of};
use polevik_domain::ids::{DocumentId, OutletId, RouteStopId};
use polevik_domain::photo::Scene;
use polevik_protocol::document::PhotoBody;
use polevik_protocol::hash::Blake3Hex;
use polevik_testkit::disk::{Disk, FailureKind};
use polevik_testkit::trials::Trial;

use crate::pictures::jpeg;
use crate::support::{Office, World};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn start_visit(world: &mut World) -> DocumentId {
    world.make(Command::StartVisit { outlet: OutletId(17), route_stop: Some(RouteStopId(1)) })
}

fn photo(visit: DocumentId, seed: u32) -> Request {
    Request::TakePhoto { visit, scene: Scene::Shelf, comment: "левый край".to_owned(), picture: jpeg(1_600, 1_200, seed, &[]) }
}

fn take(world: &mut World, visit: DocumentId, seed: u32) -> DocumentId {
    match world.request(photo(visit, seed)) {
        Reply::Done(CommandDone::Document(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn visit_view(world: &mut World, visit: DocumentId) -> VisitView {
    match world.load(Screen::Visit(visit)) {
        View::Visit(view) => *view,
        other => panic!("{other:?}"),
    }
}

fn photos(world: &mut World, visit: DocumentId) -> Vec<PhotoRow> {
    visit_view(world, visit).photos
}

fn storage(world: &mut World) -> StorageView {
    match world.load(Screen::Storage) {
        View::Storage(view) => view,
        other => panic!("{other:?}"),
    }
}

fn attention(world: &mut World) -> Vec<AttentionRow> {
    match world.load(Screen::Attention) {
        View::Attention(rows) => rows,
        other => panic!("{other:?}"),
    }
}

fn stop(world: &mut World) -> StopVisit {
    match world.load(Screen::Route(None)) {
        View::Route(view) => view.stops.into_iter().find_map(|stop| stop.visit).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Everything in the place for files.
fn on_disk(files: &MemoryFiles) -> Vec<Held> {
    let mut held = futures::executor::block_on(files.list()).unwrap();
    held.sort();
    held
}

/// The files of the photos of a visit, as they must lie in the place for files.
fn files_of(rows: &[PhotoRow]) -> Vec<Held> {
    let mut held: Vec<Held> = rows.iter().map(|row| Held { name: row.file.clone(), bytes: row.bytes, kind: Kind::Whole }).collect();
    held.sort();
    held.dedup();
    held
}

fn documents(world: &World, kind: &str) -> Vec<(DocumentId, String)> {
    let entries = world.core().with_device(|device| device.queue(100)).unwrap();
    let entries = entries.into_iter().map(|queued| queued.entry).filter(|entry| entry.kind == kind);
    entries.map(|entry| (entry.document_id, entry.body)).collect()
}

#[test]
fn a_photo_is_on_the_disk_and_queued_with_its_document_when_the_rep_is_told() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    let id = take(&mut world, visit, 1);

    let rows = photos(&mut world, visit);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.id, row.scene, row.width, row.height), (id, Scene::Shelf, 1_600, 1_200));
    assert_eq!((&row.place, &row.file_state), (&DocumentPlace::OnlyHere, &PhotoFileState::OnlyHere { sent: 0, failure: None }));
    let kept = world.files.peek(&row.file).unwrap();
    assert_eq!((Blake3Hex::of(&kept), kept.len() as u64), (row.file.clone(), row.bytes));

    let promised = documents(&world, "photo");
    let body: PhotoBody = serde_json::from_str(&promised[0].1).unwrap();
    assert_eq!(promised[0].0, id);
    assert_eq!((body.visit_id, body.outlet_id, body.scene, body.comment.as_str()), (visit, OutletId(17), Scene::Shelf, "левый край"));
    assert_eq!((body.file.hash, body.file.bytes, body.file.content_type.as_str()), (row.file.clone(), row.bytes, "image/jpeg"));
    assert_eq!((stop(&mut world).photos, stop(&mut world).photos_waiting), (1, 1));
    assert_eq!(storage(&mut world).queued_photos, Amount { files: 1, bytes: row.bytes });

    world.restart();
    assert_eq!(photos(&mut world, visit), rows, "and it is still so in the next process");
}

#[test]
fn a_photo_that_cannot_be_taken_leaves_nothing() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    let finished = visit;
    world.execute(Command::FinishVisit { visit });
    let open = world.make(Command::StartVisit { outlet: OutletId(17), route_stop: None });
    let stranger = DocumentId::parse("01900000-0000-7000-8000-000000000001").unwrap();
    let picture = jpeg(1_600, 1_200, 1, &[]);
    let with = |visit, comment: String, picture| Request::TakePhoto { visit, scene: Scene::Other, comment, picture };
    for (request, refusal) in [
        (photo(stranger, 1), Refusal::NotFound),
        (photo(finished, 1), Refusal::VisitFinished),
        (with(open, "а".repeat(1_001), picture.clone()), Refusal::TooLarge),
        (with(open, String::new(), b"no picture".to_vec()), Refusal::Picture),
        (with(open, String::new(), picture[..picture.len() - 2].to_vec()), Refusal::Picture),
        (with(open, String::new(), Vec::new()), Refusal::Picture),
    ] {
        assert_eq!(world.request(request), Reply::Refused(refusal));
    }
    assert_eq!((on_disk(&world.files), documents(&world, "photo")), (Vec::new(), Vec::new()));
}

#[test]
fn the_rep_is_warned_of_little_room_and_the_camera_stops_before_there_is_none() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    for (free, space) in [(WARN_FREE_BYTES, Space::Enough), (WARN_FREE_BYTES - 1, Space::Low), (STOP_FREE_BYTES - 1, Space::Full)] {
        world.files.set_capacity(Some(free));
        assert_eq!(visit_view(&mut world, visit).space, space, "{free}");
        let view = storage(&mut world);
        assert_eq!((view.space, view.free), (space, Some(free)));
    }
    match world.request(photo(visit, 1)) {
        Reply::Failed(failure) => {
            assert_eq!((failure.code, failure.detail.as_str()), (ErrorCode::NoSpace, "need 100000000 free 99999999"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((on_disk(&world.files), documents(&world, "photo")), (Vec::new(), Vec::new()));
    world.files.set_capacity(None);
    take(&mut world, visit, 1);
}

/// Ends the process at every operation on files of taking a photo, before it, in its middle and after it.
#[test]
fn a_photo_is_whole_and_queued_or_not_there_at_all_wherever_the_process_ends() {
    let mut tried = 0;
    for fault in [Fault::CrashBefore, Fault::CrashWithin, Fault::CrashAfter, Fault::NoSpace] {
        for place in 0.. {
            let mut world = World::ready();
            let visit = start_visit(&mut world);
            take(&mut world, visit, 1);
            let begin = world.files.operations();
            world.files.plan(begin + place, fault);
            let reply = world.request(photo(visit, 2));
            let came_to_it = world.files.operations() > begin + place;
            let told = matches!(reply, Reply::Done(_));
            if fault == Fault::NoSpace && came_to_it {
                assert!(matches!(&reply, Reply::Failed(failure) if failure.code == ErrorCode::NoSpace), "{reply:?}");
            }
            world.files.lose_power();
            world.files.restart();
            world.restart();
            let rows = photos(&mut world, visit);
            assert!(rows.len() == 2 || (rows.len() == 1 && !told), "{fault:?} at {place}: {told}, {rows:?}");
            assert!(rows.iter().all(|row| matches!(row.file_state, PhotoFileState::OnlyHere { .. })), "{rows:?}");
            assert_eq!(on_disk(&world.files), files_of(&rows), "{fault:?} at {place}: nothing lies about, nothing is missing");
            assert_eq!(documents(&world, "photo").len(), rows.len());
            take(&mut world, visit, 3);
            tried += 1;
            if !came_to_it {
                break;
            }
        }
    }
    assert!(tried >= 8, "{tried}");
}

/// The database fails or the process ends at every one of its operations while a photo is taken.
#[test]
fn a_photo_that_the_database_did_not_take_is_not_told_and_leaves_no_file() {
    let files = MemoryFiles::default();
    let office = Rc::new(RefCell::new(Office::new()));
    let start_on = |disk: &Disk| -> Result<World, String> {
        let mut world = World::on_disk(disk, Rc::clone(&office));
        world.files = files.clone();
        world.try_restart().map_err(|code| code.to_string())?;
        Ok(world)
    };
    let disk = Disk::new();
    let visit = {
        let mut world = start_on(&disk).unwrap();
        assert_eq!(world.login(), Reply::SignedIn);
        world.sync(None);
        start_visit(&mut world)
    };
    disk.restart();
    let trial = Trial {
        start: &disk,
        at_most: 12,
        flow: &|disk| {
            for held in on_disk(&files) {
                assert!(files.lose(&held.name));
            }
            let mut world = start_on(disk)?;
            match world.request(photo(visit, 2)) {
                Reply::Done(_) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        },
        check: &|disk, done, point| {
            let mut world = start_on(disk).unwrap();
            let rows = photos(&mut world, visit);
            assert!(!done || rows.len() == 1, "{point:?}: the rep was told");
            assert_eq!(on_disk(&files), files_of(&rows), "{point:?}");
            assert!(rows.iter().all(|row| matches!(row.file_state, PhotoFileState::OnlyHere { .. })), "{point:?}: {rows:?}");
        },
    };
    let crashes = trial.crash_everywhere();
    let failures = trial.fail_everywhere(&[FailureKind::InputOutput, FailureKind::Full, FailureKind::ShortWrite]);
    assert!(crashes.points > 0 && failures.points > 0);
}

#[test]
fn a_photo_that_somebody_removed_is_lost_and_the_visit_goes_on() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    take(&mut world, visit, 1);
    let gone = take(&mut world, visit, 2);
    let file = photos(&mut world, visit)[1].file.clone();
    let bytes = world.files.peek(&file).unwrap();
    assert!(world.files.lose(&file));

    world.restart();
    let rows = photos(&mut world, visit);
    assert_eq!(rows.iter().map(|row| row.file_state == PhotoFileState::Lost).collect::<Vec<_>>(), [false, true]);
    let listed = attention(&mut world);
    assert_eq!(listed.iter().map(|row| (row.id, row.kind)).collect::<Vec<_>>(), [(gone, DocumentKind::Photo)]);
    assert_eq!((stop(&mut world).photos, stop(&mut world).photos_waiting), (2, 1), "what is lost waits for nothing");
    assert_eq!(world.execute(Command::FinishVisit { visit }), Reply::Done(CommandDone::Done));
    assert_eq!(world.request(Request::OpenFile(file.clone())), Reply::Refused(Refusal::NotFound));

    // The cleaner's waste-basket gave it back.
    futures::executor::block_on(world.files.put(&bytes)).unwrap();
    world.restart();
    assert_eq!(photos(&mut world, visit)[1].file_state, PhotoFileState::OnlyHere { sent: 0, failure: None });
    assert_eq!(attention(&mut world), []);
}

#[test]
fn a_lost_photo_that_the_rep_takes_back_needs_nobody_any_more() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    let id = take(&mut world, visit, 1);
    let file = photos(&mut world, visit)[0].file.clone();
    assert!(world.files.lose(&file));
    world.restart();
    assert_eq!(attention(&mut world).len(), 1);
    assert_eq!(world.execute(Command::Withdraw { document: id, reason: "потеряно".to_owned() }), Reply::Done(CommandDone::Done));
    assert_eq!(attention(&mut world), []);
    assert_eq!(stop(&mut world).photos, 0);
}

#[test]
fn a_photo_that_is_taken_back_leaves_the_queue_unless_another_has_the_same_bytes() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    let (first, second) = (take(&mut world, visit, 1), take(&mut world, visit, 1));
    let file = photos(&mut world, visit)[0].file.clone();
    assert_eq!(on_disk(&world.files).len(), 1, "two photos of the same bytes are one file");
    let withdraw = |document| Command::Withdraw { document, reason: "смазано".to_owned() };

    world.execute(withdraw(first));
    assert!(world.files.peek(&file).is_some());
    assert_eq!(storage(&mut world).queued_photos.files, 1);
    world.execute(withdraw(second));
    assert_eq!((on_disk(&world.files), storage(&mut world).queued_photos.files), (Vec::new(), 0));
    assert_eq!(world.execute(withdraw(second)), Reply::Refused(Refusal::Withdrawn));

    // Taken once more, it is queued once more.
    take(&mut world, visit, 1);
    assert!(world.files.peek(&file).is_some());
    world.restart();
    assert!(world.files.peek(&file).is_some());
    let rows = photos(&mut world, visit);
    assert_eq!(rows[2].file_state, PhotoFileState::OnlyHere { sent: 0, failure: None });
}

#[test]
fn originals_leave_the_device_a_week_after_the_server_confirmed_them_and_never_before() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    take(&mut world, visit, 1);
    let view = world.sync(None);
    assert_eq!(view.result, Some(polevik_device::api::SessionResult::Success), "{view:?}");
    let file = photos(&mut world, visit)[0].file.clone();
    take(&mut world, visit, 2);
    assert_eq!(photos(&mut world, visit)[0].file_state, PhotoFileState::OnServer { here: true });
    world.advance(7 * DAY_MS - 1_000);
    world.restart();
    assert!(world.files.peek(&file).is_some());
    world.advance(2_000);
    world.restart();
    assert_eq!(world.files.peek(&file), None);
    let states: Vec<PhotoFileState> = photos(&mut world, visit).into_iter().map(|row| row.file_state).collect();
    assert_eq!(states, [PhotoFileState::OnServer { here: false }, PhotoFileState::OnlyHere { sent: 0, failure: None }]);
    assert_eq!(on_disk(&world.files).len(), 1, "what the server does not have stays, however old it is");
}

#[test]
fn the_rep_may_remove_photos_that_the_server_has_and_no_others() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    take(&mut world, visit, 1);
    world.sync(None);
    take(&mut world, visit, 2);
    let before = storage(&mut world);
    assert_eq!((before.sent_photos.files, before.queued_photos.files), (1, 1));
    assert_eq!(world.execute(Command::RemoveSentPhotos), Reply::Done(CommandDone::Done));
    let after = storage(&mut world);
    assert_eq!((after.sent_photos, after.queued_photos), (Amount::default(), before.queued_photos));
    let rows = photos(&mut world, visit);
    assert_eq!(on_disk(&world.files), files_of(&rows[1..]));
    assert_eq!(rows[0].file_state, PhotoFileState::OnServer { here: false });
}

#[test]
fn what_nothing_names_is_swept_away_at_the_next_start() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    take(&mut world, visit, 1);
    futures::executor::block_on(async {
        world.files.put(b"of nobody").await.unwrap();
        world.files.append_part(&Blake3Hex::of(b"half of nobody"), 0, b"half").await.unwrap();
    });
    world.restart();
    let rows = photos(&mut world, visit);
    assert_eq!(on_disk(&world.files), files_of(&rows));
}

#[test]
fn a_photo_is_opened_where_it_lies() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    take(&mut world, visit, 1);
    let row = photos(&mut world, visit).remove(0);
    match world.request(Request::OpenFile(row.file.clone())) {
        Reply::File(at) => {
            assert_eq!((at.path, at.bytes, at.content_type.as_str()), (path_of(&row.file), row.bytes, "image/jpeg"));
            assert_eq!(at.file_name, format!("shelf-{}.jpg", row.taken_at.0));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.request(Request::OpenFile(Blake3Hex::of(b"another"))), Reply::Refused(Refusal::NotFound));
}

#[test]
fn who_signs_out_is_told_of_photos_that_wait() {
    let mut world = World::ready();
    let visit = start_visit(&mut world);
    world.execute(Command::FinishVisit { visit });
    world.sync(None);
    let visit = world.make(Command::StartVisit { outlet: OutletId(17), route_stop: None });
    take(&mut world, visit, 1);
    match world.request(Request::Logout { keep_unsent: false }) {
        Reply::Failed(failure) => assert_eq!(failure.code, ErrorCode::UnsentData),
        other => panic!("{other:?}"),
    }
}
