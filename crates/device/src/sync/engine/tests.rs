//! The engine as tables: what came, how the rows stand then, and what is asked for next.

mod files;
mod laws;

use polevik_device_api::RowState;
use polevik_protocol::bucket::BucketName;

use super::*;
use crate::sync::event::{ExchangeFailed, Exchanged, FileProgress, Moved, News, Planned, RowEnd, Wanted};
use crate::sync::rules::FILE_ROWS;
use crate::sync::schedule;

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

/// Steps that speak of the running session, and the work that the last of them asks for. No files wait.
fn after(engine: &mut Engine, outcomes: Vec<Outcome>) -> Vec<Work> {
    let mut work = Vec::new();
    for outcome in outcomes {
        let number = SessionNo(engine.sessions);
        work = does(engine, Event::Came(number, outcome), &facts(3));
    }
    work
}

/// What an event has the engine ask for. No files wait.
fn does(engine: &mut Engine, event: Event, facts: &Facts) -> Vec<Work> {
    work_of(steps(engine, event, facts))
}

/// The effects of an event, without steps of files: rows of files are told that nothing waits.
fn steps(engine: &mut Engine, event: Event, facts: &Facts) -> Vec<Effect> {
    let mut effects = engine.step(event, facts);
    while let Some(row) = effects.iter().find_map(|effect| if let Effect::Do(Work::Move(row)) = effect { Some(*row) } else { None }) {
        let moved = Outcome::Moved(row, Ok(step(row, 0, 0, Some(RowEnd::All { changed: false }))));
        effects = engine.step(Event::Came(SessionNo(engine.sessions), moved), facts);
    }
    effects
}

/// A step after which this many of the files are done.
fn step(row: RowId, done: u64, total: u64, end: Option<RowEnd>) -> Moved {
    let progress = FileProgress { done, total, bytes: done * 100, bytes_total: total * 100 };
    let stage = if row == RowId::UploadMaterials { Stage::SendingFiles } else { Stage::FetchingFiles };
    Moved { stage, progress, bytes: 100, end }
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
        RowState::Waiting { .. } => "waiting",
        RowState::Partial { .. } => "partial",
    };
    (word(UP), word(DOWN))
}

const fn ask(documents_up_to: Option<i64>, want_download: bool) -> Exchange {
    Exchange { documents_up_to, limit: None, want_download, cursors: false, long_way: false, anew: false, library: false }
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
        (
            "news that do not fit what is held",
            vec![exchanged(3, 0, News::Some), Outcome::Planned(Err(failed(ErrorCode::IncompleteReply)))],
            ("ok", "running"),
            vec![long_way()],
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
        let mut work = does(&mut engine, Event::Asked(None), &facts(3));
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
    assert_eq!(steps(&mut engine, Event::Came(SessionNo(1), exchanged(3, 0, News::Some)), &facts(3)), []);
    assert_eq!(engine, before);
    engine.step(Event::Asked(None), &facts(3));
    assert_eq!(steps(&mut engine, Event::Came(SessionNo(1), exchanged(3, 0, News::Some)), &facts(3)), [], "nor in the next session");
}

#[test]
fn rows_are_kept_before_anything_is_sent() {
    let effects = engine().step(Event::Asked(None), &facts(3));
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    assert!(place(|effect| matches!(effect, Effect::Save { .. })) < place(|effect| matches!(effect, Effect::Do(_))));
}

#[test]
fn a_failed_row_comes_back_by_itself_and_only_it() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    // The documents are answered; the news fail.
    let number = SessionNo(1);
    steps(&mut engine, Event::Came(number, exchanged(3, 0, News::Some)), &facts(3));
    let effects = steps(&mut engine, Event::Came(number, Outcome::Planned(Err(failed(ErrorCode::BadReferenceData)))), &facts(3));
    assert_eq!(effects.last(), Some(&Effect::WakeAt(Some(NOW.plus_secs(5)))));
    assert_eq!(does(&mut engine, Event::Due, &facts(3)), [], "too early");
    let later = Facts { now: NOW.plus_secs(5), ..facts(3) };
    assert_eq!(does(&mut engine, Event::Due, &later), [NEWS_ALONE]);
}

#[test]
fn what_a_person_must_do_is_not_tried_again_by_itself() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    let effects = steps(&mut engine, Event::Came(SessionNo(1), exchange_failed(ErrorCode::LoginNeeded, 3)), &facts(3));
    assert_eq!(effects.last(), Some(&Effect::WakeAt(None)));
    assert_eq!(does(&mut engine, Event::Woken, &facts(3)), []);
    assert_eq!(does(&mut engine, Event::SignedIn, &facts(3)), [both(3)]);
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
    steps(&mut engine, Event::Came(SessionNo(1), exchange_failed(ErrorCode::ServerSilent, 3)), &facts(3));
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
    let effects = steps(&mut engine, Event::Came(SessionNo(1), new_life), &facts(6));
    assert_eq!(work_of(effects), [both(6)]);
}

#[test]
fn after_three_failures_the_batch_is_halved_in_the_same_session_until_one_is_blamed() {
    let mut engine = engine();
    let fails = |engine: &mut Engine| after(engine, vec![exchange_failed(ErrorCode::ServerError, 8)]);
    for _ in 0..2 {
        engine.step(Event::Asked(Some(UP)), &facts(8));
        // Whether the server is well is asked without the documents, though nobody waits for news.
        assert_eq!(fails(&mut engine), [PROBE]);
        assert_eq!(after(&mut engine, vec![exchanged(0, 0, News::NotAsked)]), []);
        assert_eq!(words(&engine).0, "failed");
    }
    engine.step(Event::Asked(Some(UP)), &facts(8));
    let mut limits = Vec::new();
    let mut documents = 8;
    loop {
        assert_eq!(after(&mut engine, vec![exchange_failed(ErrorCode::ServerError, documents)]), [PROBE]);
        match after(&mut engine, vec![exchanged(0, 0, News::NotAsked)]).as_slice() {
            [Work::Exchange(Exchange { limit: Some(limit), .. })] => documents = *limit,
            [Work::Blame] => break,
            other => panic!("{other:?}"),
        }
        limits.push(documents);
    }
    assert_eq!(limits, [4, 2, 1]);
    assert_eq!(words(&engine).0, "running");
    let next = after(&mut engine, vec![Outcome::Blamed(Ok(()))]);
    assert!(matches!(next.as_slice(), [Work::Exchange(Exchange { documents_up_to: Some(8), .. })]), "{next:?}");
}

#[test]
fn a_document_that_failed_alone_before_is_blamed_at_once() {
    let mut engine = engine();
    engine.step(Event::Asked(Some(UP)), &facts(8));
    let failed = ExchangeFailed { documents: 1, known: true, failed: failed(ErrorCode::ConnectionLost) };
    assert_eq!(after(&mut engine, vec![Outcome::Exchanged(Err(failed)), exchanged(0, 0, News::NotAsked)]), [Work::Blame]);
}

#[test]
fn a_server_that_is_not_well_without_the_documents_either_blames_nobody() {
    let mut engine = engine();
    for _ in 0..9 {
        engine.step(Event::Asked(Some(UP)), &facts(8));
        after(&mut engine, vec![exchange_failed(ErrorCode::ServerError, 8), exchange_failed(ErrorCode::ServerError, 0)]);
        assert_eq!((words(&engine).0, engine.session()), ("failed", None));
    }
    assert_eq!(engine.pace(), Pace::default());
}

/// Looks at the session every minute; gives the effects of the look at which it was given up, and how many looks it took.
fn looks_until_given_up(engine: &mut Engine, moved: impl Fn(i64) -> u64) -> Option<(i64, Vec<Effect>)> {
    (1..=10).find_map(|minute| {
        let facts = Facts { now: NOW.plus_secs(minute * 60), moved_bytes: moved(minute), ..facts(3) };
        let effects = engine.step(Event::Due, &facts);
        effects.contains(&Effect::Abandon).then_some((minute, effects))
    })
}

#[test]
fn a_session_in_which_nothing_moves_is_given_up_and_tried_again() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    let (minute, effects) = looks_until_given_up(&mut engine, |_| 0).unwrap();
    assert_eq!((minute, words(&engine)), (2, ("failed", "failed")));
    assert!(matches!(effects.last(), Some(Effect::WakeAt(Some(at))) if at.since(NOW.plus_secs(120)) <= 6_000), "{effects:?}");
}

#[test]
fn a_slow_network_is_not_a_dead_one() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    assert_eq!(looks_until_given_up(&mut engine, |minute| minute.cast_unsigned()), None);
}

#[test]
fn a_machine_that_slept_looks_again_before_it_judges() {
    let mut engine = engine();
    engine.step(Event::Asked(None), &facts(3));
    let hour_later = Facts { now: NOW.plus_secs(3_600), ..facts(3) };
    let effects = engine.step(Event::Due, &hour_later);
    assert_eq!(effects, [Effect::WakeAt(Some(NOW.plus_secs(3_660)))]);
}

#[test]
fn a_failure_for_which_no_try_was_planned_gets_one() {
    let failure = polevik_device_api::Failure::new(ErrorCode::ServerError, "");
    let row = StatusRow { last: LastAttempt::Failed { failure, next_try: None }, attempts: 3, ..StatusRow::default() };
    let kept = Kept { rows: BTreeMap::from([(UP, row)]), ..Kept::default() };
    let effects = Engine::new(kept).step(Event::Started, &facts(3));
    assert_eq!(effects, [KEEP, Effect::WakeAt(Some(NOW.plus_secs(60)))]);
}

#[test]
fn a_call_that_brings_nothing_is_answered_more_slowly_each_time() {
    let mut engine = engine();
    let now = Facts { has_root: true, ..facts(0) };
    engine.step(Event::Asked(None), &now);
    steps(&mut engine, Event::Came(SessionNo(1), exchanged(0, 0, News::Nothing)), &now);
    assert_eq!(engine.step(Event::Foreground(true), &now), [Effect::Watch]);
    let mut waits = Vec::new();
    let mut at = now.now;
    for session in 2..6 {
        let now = Facts { now: at, ..now };
        engine.step(Event::Watched(Ok(true)), &now);
        let effects = steps(&mut engine, Event::Came(SessionNo(session), exchanged(0, 0, News::Nothing)), &now);
        assert!(!effects.contains(&Effect::Watch));
        let again = engine.armed.unwrap();
        waits.push(again.since(at) / 1_000);
        at = again;
        assert_eq!(engine.step(Event::Due, &Facts { now: at, ..now })[0], Effect::Watch);
    }
    assert_eq!(waits, [5, 15, 60, 300]);
}

#[test]
fn a_session_that_the_end_of_the_process_cut_short_goes_on_with_the_rows_that_were_open() {
    let cut_short = || Engine::new(Kept { interrupted: vec![DOWN], ..Kept::default() });
    assert_eq!(work_of(cut_short().step(Event::Started, &facts(3))), [NEWS_ALONE]);
    assert_eq!(work_of(cut_short().step(Event::Started, &Facts { signed_in: false, ..facts(3) })), []);
}

#[test]
fn a_damaged_database_is_looked_after_without_a_press() {
    let mut engine = engine();
    let effects = engine.step(Event::Damaged(DOWN), &facts(3));
    assert_eq!((words(&engine).1, effects.last()), ("failed", Some(&Effect::WakeAt(Some(NOW.plus_secs(5))))));
    let later = Facts { now: NOW.plus_secs(5), ..facts(3) };
    assert_eq!(does(&mut engine, Event::Due, &later), [NEWS_ALONE]);
}

/// Found by the fleet simulator (seed 87): a clock was thirty years ahead, was set right, and the application was started again.
#[test]
fn a_next_try_in_thirty_years_is_made_at_the_next_start() {
    let mut before = engine();
    before.step(Event::Asked(None), &facts(3));
    let ahead = Facts { now: NOW.plus_secs(946_080_000), ..facts(3) };
    before.step(Event::Came(SessionNo(1), exchange_failed(ErrorCode::ServerSilent, 3)), &ahead);
    let rows = ORDER.into_iter().map(|id| (id, before.row(id).clone())).collect();
    let mut engine = Engine::new(Kept { rows, ..Kept::default() });
    let effects = engine.step(Event::Started, &facts(3));
    assert!(effects.contains(&Effect::WakeAt(Some(NOW))), "{effects:?}");
    assert_eq!(does(&mut engine, Event::Due, &facts(3)), [both(3)]);
}
