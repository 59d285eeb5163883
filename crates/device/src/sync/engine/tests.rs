//! The engine as tables: what came, how the rows stand then, and what is asked for next.

use super::*;
use polevik_device_api::RowState;

const NOW: UtcMillis = UtcMillis(1_000_000);
const UP: RowId = RowId::UploadMandatory;
const DOWN: RowId = RowId::DownloadMandatory;

fn facts(outbox_end: i64) -> Facts {
    Facts { now: NOW, random: 200, outbox_end, signed_in: true, ..Facts::default() }
}

fn engine() -> Engine {
    Engine::new(Kept::default())
}

fn went(answered: u32, waiting: u32, news: News) -> Exchanged {
    Exchanged {
        clock_offset_ms: 0,
        answered,
        waiting,
        held: 0,
        broken: 0,
        bytes_up: 10,
        bytes_down: 10,
        news,
        re_enrolled: false,
        re_offers: false,
    }
}

fn exchanged(answered: u32, waiting: u32, news: News) -> Outcome {
    Outcome::Exchanged(Ok(went(answered, waiting, news)))
}

fn exchange_failed(code: ErrorCode, documents: u32) -> Outcome {
    Outcome::Exchanged(Err(ExchangeFailed { documents, known: false, failed: failed(code) }))
}

fn failed(code: ErrorCode) -> Failed {
    Failed::new(code, "")
}

fn wanted(place: u8) -> Wanted {
    Wanted { hash: polevik_protocol::manifest::Blake3Hex::of(&[place]), bytes: 100 }
}

fn planned(count: u8) -> Outcome {
    let wanted: Vec<Wanted> = (0..count).map(wanted).collect();
    Outcome::Planned(Ok(Planned { bytes_total: wanted.len() as u64 * 100, wanted, rows: 7, re_offers: false }))
}

/// Steps that speak of the running session, and the work that the last of them asks for.
fn after(engine: &mut Engine, outcomes: Vec<Outcome>) -> Vec<Work> {
    let mut work = Vec::new();
    for outcome in outcomes {
        let number = SessionNo(engine.sessions);
        work = work_of(engine.step(Event::Came(number, outcome), &facts(3)));
    }
    work
}

fn work_of(effects: Vec<Effect>) -> Vec<Work> {
    effects.into_iter().filter_map(|effect| if let Effect::Do(work) = effect { Some(work) } else { None }).collect()
}

fn words(engine: &Engine) -> (&'static str, &'static str) {
    let word = |id| match engine.row(id).shown() {
        RowState::Never => "never",
        RowState::Queued => "queued",
        RowState::Running { .. } => "running",
        RowState::Ok => "ok",
        RowState::Failed { .. } => "failed",
        RowState::Stopped => "stopped",
    };
    (word(UP), word(DOWN))
}

const fn ask(documents_up_to: Option<i64>, want_download: bool) -> Exchange {
    Exchange { documents_up_to, limit: None, want_download, cursors: false, long_way: false, anew: false }
}

fn both(documents_up_to: i64) -> Work {
    Work::Exchange(ask(Some(documents_up_to), true))
}

fn documents_alone(documents_up_to: i64) -> Work {
    Work::Exchange(ask(Some(documents_up_to), false))
}

const NEWS_ALONE: Work = Work::Exchange(ask(None, true));
/// A request that asks for nothing: to see whether the server is well.
const PROBE: Work = Work::Exchange(ask(None, false));

/// What came, how the rows stand then (up, down), and what is asked for next.
#[test]
fn a_session_goes_on_by_what_came() {
    let apply = Work::Apply { at: NOW };
    let plan = Work::Plan { suspects: vec![], anew: false };
    let bucket = BucketName::parse("territory:5").unwrap();
    let wrong = || Outcome::Applied(Err(ApplyFailed::WrongSum(vec![bucket.clone()])));
    let wrong_step = || Outcome::Stepped(Err(ApplyFailed::WrongSum(vec![bucket.clone()])));
    let cut = || exchange_failed(ErrorCode::ConnectionLost, 3);
    let with_cursors = || Work::Exchange(Exchange { cursors: true, ..ask(None, true) });
    let long_way = || Work::Exchange(Exchange { cursors: true, long_way: true, ..ask(None, true) });
    for (name, outcomes, rows, next) in [
        ("begun", vec![], ("running", "queued"), vec![both(3)]),
        ("all answered, nothing new", vec![exchanged(3, 0, News::Nothing)], ("ok", "ok"), vec![]),
        ("a batch answered, more wait", vec![exchanged(2, 1, News::NotAsked)], ("running", "queued"), vec![both(3)]),
        ("no receipts at all", vec![exchanged(0, 3, News::NotAsked)], ("failed", "running"), vec![NEWS_ALONE]),
        ("news", vec![exchanged(3, 0, News::Some)], ("ok", "running"), vec![plan.clone()]),
        ("everything is here", vec![exchanged(3, 0, News::Some), planned(0)], ("ok", "running"), vec![apply.clone()]),
        (
            "segments are missing",
            vec![exchanged(3, 0, News::Some), planned(5)],
            ("ok", "running"),
            (0..4).map(|place| Work::Fetch(wanted(place))).collect(),
        ),
        (
            "one came",
            vec![exchanged(3, 0, News::Some), planned(5), Outcome::Fetched(wanted(0), Ok(()))],
            ("ok", "running"),
            vec![Work::Fetch(wanted(4))],
        ),
        (
            "the last came",
            vec![exchanged(3, 0, News::Some), planned(1), Outcome::Fetched(wanted(0), Ok(()))],
            ("ok", "running"),
            vec![apply.clone()],
        ),
        (
            "one failed, one is still under way",
            vec![exchanged(3, 0, News::Some), planned(2), Outcome::Fetched(wanted(0), Err(failed(ErrorCode::ConnectionLost)))],
            ("ok", "running"),
            vec![],
        ),
        (
            "one failed and the other came",
            vec![
                exchanged(3, 0, News::Some),
                planned(2),
                Outcome::Fetched(wanted(0), Err(failed(ErrorCode::ConnectionLost))),
                Outcome::Fetched(wanted(1), Ok(())),
            ],
            ("ok", "failed"),
            vec![],
        ),
        (
            "damaged once",
            vec![exchanged(3, 0, News::Some), planned(1), Outcome::Fetched(wanted(0), Err(failed(ErrorCode::FileDamaged)))],
            ("ok", "running"),
            vec![Work::Fetch(wanted(0))],
        ),
        (
            "damaged twice",
            vec![
                exchanged(3, 0, News::Some),
                planned(1),
                Outcome::Fetched(wanted(0), Err(failed(ErrorCode::FileDamaged))),
                Outcome::Fetched(wanted(0), Err(failed(ErrorCode::FileDamaged))),
            ],
            ("ok", "failed"),
            vec![],
        ),
        ("applied", vec![exchanged(3, 0, News::Some), planned(0), Outcome::Applied(Ok(Applied { rows: 7 }))], ("ok", "ok"), vec![]),
        (
            "does not add up",
            vec![exchanged(3, 0, News::Some), planned(0), wrong()],
            ("ok", "running"),
            vec![Work::Plan { suspects: vec![bucket.clone()], anew: false }],
        ),
        ("does not add up twice", vec![exchanged(3, 0, News::Some), planned(0), wrong(), planned(0), wrong()], ("ok", "failed"), vec![]),
        ("nobody answers", vec![exchange_failed(ErrorCode::ServerSilent, 3)], ("failed", "failed"), vec![]),
        ("not let in", vec![exchange_failed(ErrorCode::LoginNeeded, 3)], ("failed", "failed"), vec![]),
        ("too old for news", vec![exchange_failed(ErrorCode::UpdateNeeded, 3)], ("running", "failed"), vec![documents_alone(3)]),
        (
            "too old for anything",
            vec![exchange_failed(ErrorCode::UpdateNeeded, 3), exchange_failed(ErrorCode::UpdateNeeded, 3)],
            ("failed", "failed"),
            vec![],
        ),
        (
            "blocked, but what was made is taken",
            vec![exchange_failed(ErrorCode::DeviceBlocked, 3), exchanged(3, 0, News::NotAsked)],
            ("ok", "failed"),
            vec![],
        ),
        ("no space", vec![exchanged(3, 0, News::Some), Outcome::Planned(Err(failed(ErrorCode::NoSpace)))], ("ok", "failed"), vec![]),
        ("cut", vec![cut()], ("running", "queued"), vec![documents_alone(3)]),
        ("cut twice", vec![cut(), cut()], ("failed", "running"), vec![NEWS_ALONE]),
        (
            "the documents came through alone",
            vec![exchange_failed(ErrorCode::ServerError, 3), exchanged(3, 0, News::NotAsked)],
            ("ok", "running"),
            vec![NEWS_ALONE],
        ),
        ("few news", vec![exchanged(3, 0, News::Step)], ("ok", "running"), vec![Work::Step { at: NOW }]),
        ("few news applied", vec![exchanged(3, 0, News::Step), Outcome::Stepped(Ok(Applied { rows: 1 }))], ("ok", "ok"), vec![]),
        ("few news do not add up", vec![exchanged(3, 0, News::Step), wrong_step()], ("ok", "running"), vec![long_way()]),
        ("the root is forgotten", vec![exchanged(3, 0, News::CursorsWanted)], ("ok", "running"), vec![with_cursors()]),
        (
            "the root is forgotten each time",
            vec![exchanged(3, 0, News::CursorsWanted), exchanged(0, 0, News::CursorsWanted), exchanged(0, 0, News::CursorsWanted)],
            ("ok", "failed"),
            vec![],
        ),
        (
            "the server broke at one",
            vec![Outcome::Exchanged(Ok(Exchanged { held: 1, broken: 1, ..went(2, 0, News::Nothing) }))],
            ("failed", "ok"),
            vec![],
        ),
        (
            "the server broke at one, and others wait",
            vec![Outcome::Exchanged(Ok(Exchanged { held: 1, broken: 1, ..went(0, 2, News::NotAsked) }))],
            ("running", "queued"),
            vec![both(3)],
        ),
        (
            "a new life begins",
            vec![Outcome::Exchanged(Ok(Exchanged { re_enrolled: true, ..went(0, 0, News::Nothing) }))],
            ("running", "queued"),
            vec![both(3)],
        ),
        (
            "a new life each time",
            vec![Outcome::Exchanged(Ok(Exchanged { re_enrolled: true, ..went(0, 0, News::Nothing) })); 3],
            ("failed", "failed"),
            vec![],
        ),
        (
            "the server was restored",
            vec![Outcome::Exchanged(Ok(Exchanged { re_offers: true, ..went(3, 5, News::Nothing) }))],
            ("running", "ok"),
            vec![documents_alone(3)],
        ),
    ] {
        let mut engine = engine();
        let mut work = work_of(engine.step(Event::Asked(None), &facts(3)));
        if !outcomes.is_empty() {
            work = after(&mut engine, outcomes);
        }
        assert_eq!((words(&engine), work), (rows, next), "{name}");
        let ended = !matches!(rows.0, "running" | "queued") && !matches!(rows.1, "running" | "queued");
        assert_eq!(engine.session().is_none(), ended, "{name}");
    }
}

#[test]
fn every_trigger_joins_the_session_that_runs() {
    let mut engine = engine();
    engine.step(Event::Asked(Some(UP)), &facts(3));
    for event in [Event::Asked(Some(UP)), Event::Asked(None), Event::Woken, Event::Due] {
        assert_eq!(work_of(engine.step(event.clone(), &facts(3))), [], "{event:?}");
    }
    assert_eq!(words(&engine), ("running", "queued"), "the row that was added waits for its turn");
    assert_eq!(after(&mut engine, vec![exchanged(3, 0, News::NotAsked)]), [NEWS_ALONE]);
}

#[test]
fn a_document_written_while_the_first_is_on_its_way_goes_in_the_same_session() {
    let mut engine = engine();
    engine.step(Event::Asked(Some(UP)), &facts(3));
    engine.step(Event::Asked(Some(UP)), &facts(4));
    let next = after(&mut engine, vec![exchanged(3, 0, News::NotAsked)]);
    assert_eq!(next, [documents_alone(4)]);
    assert_eq!(words(&engine).0, "running");
    after(&mut engine, vec![exchanged(1, 0, News::NotAsked)]);
    assert_eq!(words(&engine).0, "ok");
}

#[test]
fn what_is_late_from_a_stopped_session_changes_nothing() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    let effects = engine.step(Event::StopAsked, &facts(3));
    assert!(effects.contains(&Effect::Abandon));
    assert_eq!((words(&engine), engine.last().map(|ended| ended.result.clone())), (("stopped", "stopped"), Some(SessionResult::Stopped)));
    let before = engine.clone();
    assert_eq!(engine.step(Event::Came(SessionNo(1), exchanged(3, 0, News::Some)), &facts(3)), []);
    assert_eq!(engine, before);
    engine.step(Event::Asked(None), &facts(3));
    assert_eq!(engine.step(Event::Came(SessionNo(1), exchanged(3, 0, News::Some)), &facts(3)), [], "nor in the next session");
}

#[test]
fn rows_are_kept_before_anything_is_sent() {
    let effects = engine().step(Event::Asked(None), &facts(3));
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    assert!(place(|effect| *effect == Effect::Save) < place(|effect| matches!(effect, Effect::Do(_))));
}

#[test]
fn a_failed_row_comes_back_by_itself_and_only_it() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    // The documents are answered; the news fail.
    let number = SessionNo(1);
    engine.step(Event::Came(number, exchanged(3, 0, News::Some)), &facts(3));
    let effects = engine.step(Event::Came(number, Outcome::Planned(Err(failed(ErrorCode::IncompleteReply)))), &facts(3));
    assert_eq!(effects.last(), Some(&Effect::WakeAt(Some(NOW.plus_secs(5)))));
    assert_eq!(work_of(engine.step(Event::Due, &facts(3))), [], "too early");
    let later = Facts { now: NOW.plus_secs(5), ..facts(3) };
    assert_eq!(work_of(engine.step(Event::Due, &later)), [NEWS_ALONE]);
}

#[test]
fn what_a_person_must_do_is_not_tried_again_by_itself() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    let effects = engine.step(Event::Came(SessionNo(1), exchange_failed(ErrorCode::LoginNeeded, 3)), &facts(3));
    assert_eq!(effects.last(), Some(&Effect::WakeAt(None)));
    assert_eq!(work_of(engine.step(Event::Woken, &facts(3))), []);
    assert_eq!(work_of(engine.step(Event::SignedIn, &facts(3))), [both(3)]);
}

#[test]
fn without_a_sign_in_nothing_is_sent_and_the_rows_say_why() {
    let mut engine = engine();
    let effects = engine.step(Event::Asked(None), &Facts { signed_in: false, ..facts(3) });
    assert_eq!(work_of(effects), []);
    assert_eq!(words(&engine), ("failed", "failed"));
}

#[test]
fn a_failure_of_before_does_not_come_back_while_nobody_is_signed_in() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    engine.step(Event::Came(SessionNo(1), exchange_failed(ErrorCode::ServerSilent, 3)), &facts(3));
    let signed_out = Facts { signed_in: false, ..facts(3) };
    assert_eq!(engine.step(Event::SignedOut, &signed_out), [Effect::WakeAt(None)]);
    let before = engine.clone();
    let later = Facts { now: NOW.plus_secs(60), signed_in: false, ..facts(3) };
    for event in [Event::Woken, Event::Due] {
        assert_eq!(engine.step(event, &later), []);
    }
    assert_eq!(engine, before);
}

/// Found by the fleet simulator (seed 1: a clone): documents that got new numbers with the new id stayed behind a row that said all is well.
#[test]
fn documents_that_were_numbered_anew_go_in_the_same_session() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    let new_life = Outcome::Exchanged(Ok(Exchanged { re_enrolled: true, ..went(0, 3, News::Nothing) }));
    let effects = engine.step(Event::Came(SessionNo(1), new_life), &facts(6));
    assert_eq!(work_of(effects), [both(6)]);
}
