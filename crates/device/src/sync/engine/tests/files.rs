//! Rows of files: their order, what overtakes them, for what they wait, and who fails with them.

use polevik_device_api::{NetworkClass, WaitReason};

use super::*;

const PHOTOS: RowId = RowId::UploadMaterials;
const MATERIALS: RowId = RowId::DownloadMaterials;

fn on(network: NetworkClass) -> Facts {
    Facts { network, wifi_only: true, ..facts(3) }
}

fn moved(engine: &mut Engine, row: RowId, moved: Result<Moved, Failed>, facts: &Facts) -> Vec<Work> {
    work_of(engine.step(Event::Came(SessionNo(engine.sessions), Outcome::Moved(row, moved)), facts))
}

fn all() -> Option<RowEnd> {
    Some(RowEnd::All { changed: true })
}

/// An engine whose session has done the mandatory rows and moves photos.
fn with_photos_on_their_way(facts: &Facts) -> Engine {
    let mut engine = engine();
    engine.step(Event::Asked(None), facts);
    let work = work_of(engine.step(Event::Came(SessionNo(1), exchanged(3, 0, News::Nothing)), facts));
    assert_eq!(work, [Work::Move(PHOTOS)]);
    engine
}

#[test]
fn files_move_after_mandatory_information_row_by_row() {
    let facts = facts(3);
    let mut engine = with_photos_on_their_way(&facts);
    assert_eq!(moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 1, 2, None)), &facts), [Work::Move(PHOTOS)]);
    assert_eq!(moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 2, 2, all())), &facts), [Work::Move(MATERIALS)]);
    assert_eq!(moved(&mut engine, MATERIALS, Ok(step(MATERIALS, 4, 4, all())), &facts), [Work::Move(LIBRARY)]);
    assert_eq!(moved(&mut engine, LIBRARY, Ok(step(LIBRARY, 0, 0, all())), &facts), []);
    let ended = engine.last().unwrap();
    assert_eq!((ended.result.clone(), ended.sent, ended.received), (SessionResult::Success, 3 + 2, 4), "files count too");
}

#[test]
fn a_document_that_is_written_while_files_move_goes_before_the_next_part() {
    let facts = facts(3);
    let mut engine = with_photos_on_their_way(&facts);
    let later = Facts { outbox_end: 4, ..facts };
    assert_eq!(work_of(engine.step(Event::Asked(Some(UP)), &later)), [], "the part under way is finished first");
    assert_eq!(moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 1, 2, None)), &later), [documents_alone(4)]);
    let came = Event::Came(SessionNo(1), exchanged(1, 0, News::NotAsked));
    assert_eq!(work_of(engine.step(came, &later)), [Work::Move(PHOTOS)]);
}

#[test]
fn what_waits_for_wifi_goes_on_by_itself_when_it_is_there_and_not_before() {
    let mut engine = with_photos_on_their_way(&on(NetworkClass::Cellular));
    let waits = Some(RowEnd::Waits(WaitReason::WiFi));
    let work = moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 1, 3, waits)), &on(NetworkClass::Cellular));
    assert_eq!(work, [Work::Move(MATERIALS)], "the others are asked themselves");
    assert_eq!(engine.row(PHOTOS).shown(), RowState::Waiting { reason: WaitReason::WiFi, files: 2, bytes: 200 });
    for row in [MATERIALS, LIBRARY] {
        moved(&mut engine, row, Ok(step(row, 0, 0, Some(RowEnd::All { changed: false }))), &on(NetworkClass::Cellular));
    }
    assert_eq!(engine.last().map(|ended| ended.result.clone()), Some(SessionResult::Success), "to wait is no failure");
    for (network, reason) in [
        (NetworkClass::Cellular, WaitReason::WiFi),
        (NetworkClass::MeteredWiFi, WaitReason::MeteredWiFi),
        (NetworkClass::Roaming, WaitReason::Roaming),
        (NetworkClass::Unknown, WaitReason::UnknownNetwork),
        (NetworkClass::Offline, WaitReason::WiFi),
    ] {
        for event in [Event::Changed, Event::Woken, Event::Due] {
            assert_eq!(work_of(engine.step(event, &on(network))), [], "{network:?}");
        }
        assert!(matches!(engine.row(PHOTOS).shown(), RowState::Waiting { reason: shown, .. } if shown == reason), "{network:?}");
    }
    assert_eq!(work_of(engine.step(Event::Changed, &on(NetworkClass::WiFi))), [Work::Move(PHOTOS)]);
}

#[test]
fn what_the_rep_says_of_the_network_lets_the_row_go() {
    let waiting = |network| {
        let mut engine = with_photos_on_their_way(&on(network));
        let reason = engine.gate(PHOTOS, network, true).unwrap_err();
        for (row, end) in [(PHOTOS, RowEnd::Waits(reason)), (MATERIALS, RowEnd::Waits(reason)), (LIBRARY, RowEnd::All { changed: false })] {
            moved(&mut engine, row, Ok(step(row, 0, 1, Some(end))), &on(network));
        }
        assert_eq!(engine.session(), None);
        engine
    };
    let mut engine = waiting(NetworkClass::Cellular);
    assert_eq!(work_of(engine.step(Event::AllowedOnce(PHOTOS), &on(NetworkClass::Cellular))), [Work::Move(PHOTOS)]);
    assert_eq!(moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 1, 1, all())), &on(NetworkClass::Cellular)), [], "and no other row");
    assert!(engine.gate(PHOTOS, NetworkClass::Cellular, true).is_err(), "once is once");

    let mut engine = waiting(NetworkClass::Unknown);
    assert_eq!(work_of(engine.step(Event::UnknownIsWiFi(true), &on(NetworkClass::Unknown))), [Work::Move(PHOTOS)]);
    let mut engine = waiting(NetworkClass::Cellular);
    let switched_off = Facts { wifi_only: false, ..on(NetworkClass::Cellular) };
    assert_eq!(work_of(engine.step(Event::Changed, &switched_off)), [Work::Move(PHOTOS)]);
}

#[test]
fn a_library_that_is_ready_waits_for_the_end_of_the_visit() {
    let in_visit = Facts { visit_is_open: true, ..facts(3) };
    let mut engine = engine();
    assert_eq!(work_of(engine.step(Event::Asked(Some(LIBRARY)), &in_visit)), [Work::Move(LIBRARY)]);
    let waits = Some(RowEnd::Waits(WaitReason::OpenVisit));
    assert_eq!(moved(&mut engine, LIBRARY, Ok(step(LIBRARY, 0, 1, waits)), &in_visit), []);
    assert_eq!(work_of(engine.step(Event::Woken, &in_visit)), []);
    assert_eq!(work_of(engine.step(Event::Changed, &facts(3))), [Work::Move(LIBRARY)]);
}

#[test]
fn the_server_is_asked_for_the_library_once_in_a_session_and_along_with_other_things() {
    let facts = Facts { has_library: true, ..facts(3) };
    let mut engine = engine();
    let Work::Exchange(with_documents) = both(3) else { unreachable!() };
    let asked = Work::Exchange(Exchange { library: true, ..with_documents });
    assert_eq!(work_of(engine.step(Event::Asked(None), &facts)), [asked]);
    engine.step(Event::Came(SessionNo(1), exchanged(3, 0, News::Nothing)), &facts);
    moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 0, 0, all())), &facts);
    assert_eq!(moved(&mut engine, MATERIALS, Ok(step(MATERIALS, 0, 0, all())), &facts), [Work::Move(LIBRARY)]);

    let mut alone = super::engine();
    let asked_alone = Work::Exchange(Exchange { library: true, ..Exchange::default() });
    assert_eq!(work_of(alone.step(Event::Asked(Some(LIBRARY)), &facts)), [asked_alone]);
    let came = Event::Came(SessionNo(1), exchanged(0, 0, News::NotAsked));
    assert_eq!(work_of(alone.step(came, &facts)), [Work::Move(LIBRARY)]);

    let mut fails = super::engine();
    fails.step(Event::Asked(Some(LIBRARY)), &facts);
    fails.step(Event::Came(SessionNo(1), exchange_failed(ErrorCode::ConnectionLost, 0)), &facts);
    assert!(matches!(fails.row(LIBRARY).shown(), RowState::Failed { .. }));
    assert_eq!((words(&fails), fails.session()), (("never", "never"), None));
}

#[test]
fn a_row_of_files_that_fails_fails_alone_unless_nobody_answers() {
    let facts = facts(3);
    let mut engine = with_photos_on_their_way(&facts);
    // A quota of photos says nothing about materials, whatever its code.
    let quota = Some(RowEnd::Failed(failed(ErrorCode::ServerBusy)));
    assert_eq!(moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 0, 1, quota)), &facts), [Work::Move(MATERIALS)]);
    assert_eq!(moved(&mut engine, MATERIALS, Err(failed(ErrorCode::ConnectionLost)), &facts), [Work::Move(LIBRARY)]);
    assert_eq!(words(&engine), ("ok", "ok"));

    let mut engine = with_photos_on_their_way(&facts);
    assert_eq!(moved(&mut engine, PHOTOS, Err(failed(ErrorCode::ServerSilent)), &facts), []);
    assert!(matches!(engine.row(LIBRARY).shown(), RowState::Failed { .. }));
    assert_eq!(engine.last().map(|ended| ended.result.clone()), Some(SessionResult::Partial));
}

#[test]
fn the_time_of_a_row_of_files_moves_only_when_everything_is_where_it_belongs() {
    let facts = facts(3);
    for end in
        [RowEnd::Partial(failed(ErrorCode::NoSpace)), RowEnd::Failed(failed(ErrorCode::FileDamaged)), RowEnd::Waits(WaitReason::Roaming)]
    {
        let roams = Facts { network: NetworkClass::Roaming, ..facts };
        let mut engine = with_photos_on_their_way(&roams);
        moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 1, 2, Some(end.clone()))), &roams);
        assert_eq!(engine.row(PHOTOS).last_success, None, "{end:?}");
    }
    let mut engine = with_photos_on_their_way(&facts);
    moved(&mut engine, PHOTOS, Ok(step(PHOTOS, 2, 2, all())), &facts);
    assert_eq!(engine.row(PHOTOS).last_success, Some(NOW));
}

#[test]
fn a_photo_that_is_taken_where_it_may_not_go_waits_at_once_and_goes_when_wifi_is_there() {
    let mut engine = engine();
    let taken = Facts { photos: (2, 600), ..on(NetworkClass::Cellular) };
    assert_eq!(work_of(engine.step(Event::Changed, &taken)), []);
    assert_eq!(engine.row(PHOTOS).shown(), RowState::Waiting { reason: WaitReason::WiFi, files: 2, bytes: 600 });
    let there = Facts { network: NetworkClass::WiFi, ..taken };
    assert_eq!(work_of(engine.step(Event::Woken, &there)), [Work::Move(PHOTOS)]);

    let mut engine = super::engine();
    assert_eq!(
        engine.step(Event::Changed, &Facts { wifi_only: false, ..taken }),
        [Effect::Show { now: true }],
        "it may go: somebody presses"
    );
    assert_eq!(engine.row(PHOTOS).shown(), RowState::Never);
}
