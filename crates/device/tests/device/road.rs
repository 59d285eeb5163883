//! Documents up and rows down, and everything that can break on the way.

use std::collections::BTreeMap;

use polevik_device::api::frame::Refusal;
use polevik_device::api::sync::{RowState, SessionResult};
use polevik_device::api::view::{DocumentPlace, Screen, View};
use polevik_device::api::{Command, ErrorCode, LineChange, Push, Reply, Request, RowId};
use polevik_device::platform::{Connection, Folder, Platform};
use polevik_domain::ids::{DocumentId, OutletId, PositionId, ProductId};
use polevik_domain::quantity::Unit;
use polevik_protocol::rows::{ColumnKind, Row, TABLES, TableId, Value};
use proptest::prelude::*;

use crate::support::{Fault, MORNING, Office, World, bucket, code_of, outlet, price, product, row_of};

/// The file of the copy of the office that is in use: the newest that is not one under construction.
fn reference_name(world: &World) -> String {
    let names = Folder::new(world.folder.path()).unwrap().list().unwrap();
    let numbers = names.iter().filter_map(|name| name.strip_prefix("reference-")?.strip_suffix(".db")?.parse::<u32>().ok());
    format!("reference-{}.db", numbers.max().unwrap())
}

/// All rows of the device as they stand in its file.
pub fn rows_of(world: &World) -> BTreeMap<(TableId, i64), Row> {
    let connection = reference(world);
    let mut rows = BTreeMap::new();
    for table in TABLES {
        let mut statement = connection.prepare(&format!("SELECT * FROM {}", table.name)).unwrap();
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

pub fn same_rows(world: &World) {
    assert_eq!(rows_of(world), world.office.borrow().rows());
}

pub fn reference(world: &World) -> Connection {
    Folder::new(world.folder.path()).unwrap().open(&reference_name(world)).unwrap()
}

pub fn place_order(world: &mut World) -> DocumentId {
    let id = world.make(Command::NewOrder { outlet: OutletId(17), visit: None, outside_visit: Some("звонок".to_owned()) });
    let change = LineChange { product: ProductId(1), unit: Unit::Piece, quantity: 2 };
    world.execute(Command::ChangeLine { order: id, change });
    world.execute(Command::PlaceOrder { order: id });
    id
}

pub fn place_of(world: &mut World, order: DocumentId) -> DocumentPlace {
    match world.load(Screen::Order(order)) {
        View::Order(view) => view.row.place,
        other => panic!("{other:?}"),
    }
}

pub fn success(world: &mut World, row: RowId) -> Option<i64> {
    let view = world.sync_view();
    view.rows.into_iter().find(|shown| shown.id == row).unwrap().last_success.map(|at| at.0)
}

pub const UP: RowId = RowId::UploadMandatory;
pub const DOWN: RowId = RowId::DownloadMandatory;

#[test]
fn a_first_download_gives_the_rows_of_the_office() {
    let world = World::ready();
    same_rows(&world);
    let changed: Vec<String> = world
        .pushes
        .borrow()
        .iter()
        .filter_map(|push| if let Push::Changed(tables) = push { Some(tables.clone()) } else { None })
        .flatten()
        .collect();
    for table in ["product", "price", "outlet", "route_stop", "stock"] {
        assert!(changed.iter().any(|name| name == table), "{table}: {changed:?}");
    }
}

#[test]
fn indexes_stand_after_a_first_download() {
    let world = World::ready();
    let count: i64 = reference(&world)
        .query_row("SELECT COUNT(*) AS indexes FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", [], |row| row.get("indexes"))
        .unwrap();
    assert_eq!(count, 6);
}

#[test]
fn a_change_comes_with_one_request_and_moves_the_time() {
    let mut world = World::ready();
    let before = success(&mut world, DOWN);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 11_111)]);
    world.office.borrow_mut().requests.clear();
    world.advance(5_000);
    world.office.borrow_mut().clock = world.now();
    let view = world.sync(None);
    assert_eq!(world.office.borrow().requests, ["/v1/sync"]);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert!(view.rows.iter().all(|row| row.state == RowState::Ok));
    assert_eq!(success(&mut world, DOWN), before.map(|at| at + 5_000));
    same_rows(&world);
}

#[test]
fn an_office_with_a_later_schema_is_still_understood() {
    let mut world = World::ready();
    world.office.borrow_mut().schema += 1;
    world.office.borrow_mut().epoch = "another life, of a later program".to_owned();
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), None);
    same_rows(&world);
}

#[test]
fn nothing_new_is_a_success_without_changes() {
    let mut world = World::ready();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert!(view.rows.iter().all(|row| !row.changed));
}

#[test]
fn twenty_presses_are_one_session() {
    let mut world = World::ready();
    world.office.borrow_mut().requests.clear();
    for _ in 0..20 {
        // The loop does not run between the presses: they all meet the session that the first one began.
        futures::executor::block_on(world.core().request(Request::Sync(None)));
    }
    world.sync_view();
    assert_eq!(world.office.borrow().requests, ["/v1/sync"]);
}

#[test]
fn a_lost_answer_leaves_the_time_and_the_order_is_placed_once() {
    let mut world = World::ready();
    let before = success(&mut world, UP);
    let id = place_order(&mut world);
    world.advance(1_000);
    world.office.borrow_mut().clock = world.now();
    world.office.borrow_mut().faults_of.insert("/v1/sync", Fault::AnswerLost);
    let view = world.sync(None);
    assert_eq!(code_of(&view, UP), Some(ErrorCode::ConnectionLost));
    assert_eq!(row_of(&view, UP).orders_waiting, 1);
    assert_eq!(success(&mut world, UP), before);
    assert_eq!(place_of(&mut world, id), DocumentPlace::OnlyHere);

    world.office.borrow_mut().faults_of.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert_eq!(place_of(&mut world, id), DocumentPlace::OnServer);
    assert_eq!(world.office.borrow().documents.len(), 1);
    assert_eq!(success(&mut world, UP), before.map(|at| at + 1_000));
}

#[test]
fn a_body_is_sent_byte_for_byte_the_same_each_time() {
    let mut world = World::ready();
    place_order(&mut world);
    let kept = world.core().with_device(|device| device.queue(10)).unwrap()[0].entry.body.clone();
    world.office.borrow_mut().faults.push_back(Some(Fault::Silent));
    world.sync(None);
    world.restart();
    world.sync(None);
    assert_eq!(world.office.borrow().documents[0].2, kept);
}

#[test]
fn a_silent_server_fails_both_rows_with_its_code_and_stays_so_after_a_restart() {
    let mut world = World::ready();
    place_order(&mut world);
    let before = (success(&mut world, UP), success(&mut world, DOWN));
    world.office.borrow_mut().faults_of.insert("/v1/", Fault::Silent);
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Failed));
    assert_eq!((code_of(&view, UP), code_of(&view, DOWN)), (Some(ErrorCode::ServerSilent), Some(ErrorCode::ServerSilent)));
    assert_eq!(world.office.borrow().requests.len(), 1, "the second row would only wait for the same silence");
    world.restart();
    let view = world.sync_view();
    assert_eq!(code_of(&view, UP), Some(ErrorCode::ServerSilent));
    assert_eq!((success(&mut world, UP), success(&mut world, DOWN)), before);
    let at = world.wakes_at().unwrap();
    assert!((4_000..=6_000).contains(&at.since(MORNING)), "{at:?}");
}

#[test]
fn another_network_ends_the_waiting() {
    let mut world = World::ready();
    world.office.borrow_mut().faults.push_back(Some(Fault::Silent));
    world.sync(None);
    world.request(Request::Wake);
    let view = world.sync_view();
    assert_eq!(view.result, Some(SessionResult::Success));
    let requests = world.office.borrow().requests.len();
    world.request(Request::Wake);
    assert_eq!(world.office.borrow().requests.len(), requests, "nothing had failed");
}

#[test]
fn the_login_page_of_a_network_is_told_from_the_server() {
    let mut world = World::ready();
    world.office.borrow_mut().faults_of.insert("/v1/", Fault::LoginPage);
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), Some(ErrorCode::CaptivePortal));
    world.office.borrow_mut().faults_of.clear();
    world.office.borrow_mut().faults_of.insert("/v1/sync", Fault::LoginPage);
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), Some(ErrorCode::IncompleteReply), "our server, but not our words");
}

#[test]
fn a_document_that_breaks_the_server_does_not_hold_the_download() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 12_000)]);
    // Both together, then the documents alone, fail; the news alone are served.
    world.office.borrow_mut().faults.extend([Some(Fault::Status(500)), Some(Fault::Status(500)), None]);
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Partial));
    assert_eq!((code_of(&view, UP), code_of(&view, DOWN)), (Some(ErrorCode::ServerError), None));
    same_rows(&world);
}

#[test]
fn a_download_that_fails_does_not_hold_the_documents() {
    let mut world = World::ready();
    let id = place_order(&mut world);
    many_products(&mut world, 5_000, 700);
    world.office.borrow_mut().faults_of.insert("/v1/segments/", Fault::Status(500));
    let view = world.sync(None);
    assert_eq!((code_of(&view, UP), code_of(&view, DOWN)), (None, Some(ErrorCode::ServerError)));
    assert_eq!(place_of(&mut world, id), DocumentPlace::OnServer);
}

#[test]
fn a_spent_token_stops_everything_and_loses_nothing() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().faults.push_back(Some(Fault::Code(ErrorCode::LoginNeeded, None)));
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!((code_of(&view, UP), code_of(&view, DOWN)), (Some(ErrorCode::LoginNeeded), Some(ErrorCode::LoginNeeded)));
    assert_eq!(world.office.borrow().requests.len(), 1);
    assert_eq!(world.login(), Reply::SignedIn);
    let view = world.sync_view();
    assert_eq!(view.result, Some(SessionResult::Success), "a new sign-in goes on by itself");
    assert_eq!(world.office.borrow().documents.len(), 1);
}

#[test]
fn a_refused_document_counts_as_answered_and_asks_for_attention() {
    let mut world = World::ready();
    let id = place_order(&mut world);
    world.office.borrow_mut().refuse.insert("order".to_owned());
    let view = world.sync(None);
    assert_eq!(code_of(&view, UP), None);
    assert_eq!((row_of(&view, UP).orders_waiting, row_of(&view, UP).need_attention), (0, 1));
    let rejected = DocumentPlace::Rejected { code: ErrorCode::DocumentRejected, reason: "точка закрыта".to_owned() };
    assert_eq!(place_of(&mut world, id), rejected);
}

#[test]
fn documents_without_receipts_stay_and_the_row_fails() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().faults.push_back(Some(Fault::NoReceipts));
    let view = world.sync(None);
    assert_eq!(code_of(&view, UP), Some(ErrorCode::IncompleteReply));
    assert_eq!(row_of(&view, UP).orders_waiting, 1);
}

#[test]
fn more_documents_than_one_batch_all_go_in_one_session() {
    let mut world = World::ready();
    for _ in 0..250 {
        place_order(&mut world);
    }
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert_eq!(world.office.borrow().requests, ["/v1/sync", "/v1/sync"]);
    assert_eq!(world.office.borrow().documents.len(), 250);
    assert_eq!(view.last_counts.map(|(sent, ..)| sent), Some(250));
}

#[test]
fn one_row_alone_leaves_the_other_alone() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 12_000)]);
    world.sync(Some(DOWN));
    assert_eq!(world.office.borrow().documents.len(), 0);
    same_rows(&world);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 13_000)]);
    world.sync(Some(UP));
    assert_eq!(world.office.borrow().documents.len(), 1);
    assert_ne!(rows_of(&world), world.office.borrow().rows());
}

/// So many that their segments do not ride inside the reply.
pub fn many_products(world: &mut World, count: i64, rows_per_segment: usize) {
    let rows = (10..10 + count).map(|id| {
        let (table, mut row) = product(id, &format!("S{id}"), "");
        row.values[2] = Value::Text(format!("Товар {}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())));
        (table, row)
    });
    let rows: Vec<_> = rows.collect();
    for range in rows.chunks(10_000) {
        world.office.borrow_mut().put("distributor:9", range.to_vec());
    }
    world.office.borrow_mut().rebase("distributor:9", rows_per_segment);
}

#[test]
fn a_large_base_is_fetched_in_segments_and_adds_up() {
    let mut world = World::ready();
    many_products(&mut world, 5_000, 700);
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert!(world.office.borrow().count("/v1/segments/") > 3);
    same_rows(&world);
}

#[test]
fn segments_that_are_here_are_not_fetched_again_after_the_process_was_killed() {
    let mut world = World::ready();
    many_products(&mut world, 5_000, 700);
    world.office.borrow_mut().requests.clear();
    // Two segments come, then nobody answers.
    world.office.borrow_mut().faults.extend([None, None, None]);
    world.office.borrow_mut().faults.extend(std::iter::repeat_n(Some(Fault::Silent), 20));
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), Some(ErrorCode::ServerSilent));
    assert_ne!(rows_of(&world), world.office.borrow().rows(), "the old rows are still shown");
    let fetched: Vec<String> = world.office.borrow().requests[1..3].to_vec();
    world.restart();
    world.office.borrow_mut().faults.clear();
    world.office.borrow_mut().requests.clear();
    world.sync(None);
    for segment in fetched {
        assert_eq!(world.office.borrow().count(&segment), 0, "{segment}");
    }
    same_rows(&world);
}

#[test]
fn a_session_in_the_middle_of_which_the_process_was_killed_goes_on_by_itself() {
    let mut world = World::ready();
    let id = place_order(&mut world);
    futures::executor::block_on(world.core().request(Request::Sync(Some(UP))));
    world.restart();
    assert_eq!(place_of(&mut world, id), DocumentPlace::OnServer);
    let requests = world.office.borrow().requests.len();
    world.restart();
    assert_eq!(world.office.borrow().requests.len(), requests, "once is enough");
}

#[test]
fn a_segment_damaged_on_its_way_is_fetched_once_more() {
    let mut world = World::ready();
    many_products(&mut world, 5_000, 700);
    world.office.borrow_mut().faults.extend([None, Some(Fault::Garbled)]);
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);

    many_products(&mut world, 6_000, 700);
    world.office.borrow_mut().faults_of.insert("/v1/segments/", Fault::Garbled);
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), Some(ErrorCode::FileDamaged));
}

#[test]
fn rows_that_do_not_add_up_are_never_shown() {
    let mut world = World::ready();
    let before = rows_of(&world);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 66_666)]);
    world.office.borrow_mut().wrong_sum = Some(bucket("price_type:3"));
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), Some(ErrorCode::IncompleteReply));
    assert_eq!(rows_of(&world), before);
    world.office.borrow_mut().wrong_sum = None;
    world.sync(None);
    same_rows(&world);
}

#[test]
fn a_bucket_that_was_spoilt_here_is_fetched_anew_in_the_same_session() {
    let mut world = World::ready();
    reference(&world).execute("DELETE FROM price WHERE id = 2", []).unwrap();
    reference(&world)
        .execute("UPDATE bucket SET sum = sum - (SELECT 1), row_count = row_count - 1 WHERE name = 'price_type:3'", [])
        .unwrap();
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 12_345)]);
    world.office.borrow_mut().rebase("price_type:3", 100);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 12_346)]);
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
}

#[test]
fn a_row_that_moves_between_buckets_is_neither_lost_nor_doubled() {
    let mut world = World::ready();
    let (table, row) = outlet(17, "Киоск у вокзала");
    for (from, to) in [("territory:5", "territory:6"), ("territory:6", "territory:5"), ("territory:5", "territory:4")] {
        world.office.borrow_mut().put(to, vec![(table, row.clone())]);
        world.office.borrow_mut().remove(from, table, 17);
        let view = world.sync(None);
        assert_eq!(view.result, Some(SessionResult::Success), "{from} → {to}");
        same_rows(&world);
    }
}

#[test]
fn a_row_that_left_and_came_back_between_two_downloads_stays() {
    let mut world = World::ready();
    let (table, row) = outlet(17, "Киоск у вокзала");
    for (from, to) in [("territory:5", "territory:4"), ("territory:4", "territory:5")] {
        world.office.borrow_mut().put(to, vec![(table, row.clone())]);
        world.office.borrow_mut().remove(from, table, 17);
    }
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
}

#[test]
fn a_bucket_that_is_not_ours_any_more_takes_its_rows_along() {
    let mut world = World::ready();
    world.office.borrow_mut().drop_bucket("territory:5");
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
    assert!(matches!(world.request(Request::Load(Screen::Outlet(OutletId(17)))), Reply::Refused(Refusal::NotFound)));
}

#[test]
fn a_server_restored_from_a_backup_replaces_the_rows_at_once() {
    let mut world = World::ready();
    let position = world.office.borrow().position.clone();
    let mut restored = Office::new();
    restored.epoch = "second".to_owned();
    restored.position = position;
    restored.remove("price_type:3", TableId(4), 2);
    restored.drop_bucket("warehouse:2");
    *world.office.borrow_mut() = restored;
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
}

#[test]
fn another_position_begins_with_an_empty_copy_and_leaves_the_documents_of_the_first_waiting() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().position.id = PositionId(18);
    assert_eq!(world.login(), Reply::SignedIn);
    assert!(matches!(world.load(Screen::Start), View::Start(view) if view.signed_in && !view.ready));
    world.sync(None);
    assert_eq!(world.office.borrow().documents.len(), 0, "it would go out under another position");
    assert!(matches!(world.load(Screen::Orders { limit: 10 }), View::Orders(view) if view.total == 0));

    world.office.borrow_mut().position.id = PositionId(17);
    world.login();
    world.sync(None);
    assert_eq!(world.office.borrow().documents.len(), 1);
}

#[test]
fn signing_out_with_unsent_documents_is_refused_unless_the_rep_was_told() {
    let mut world = World::ready();
    place_order(&mut world);
    let refused = world.request(Request::Logout { keep_unsent: false });
    assert!(matches!(refused, Reply::Failed(failure) if failure.code == ErrorCode::UnsentData));
    assert_eq!(world.request(Request::Logout { keep_unsent: true }), Reply::Taken);
    assert_eq!(code_of(&world.sync(None), UP), Some(ErrorCode::LoginNeeded));
    world.login();
    world.sync(None);
    assert_eq!(world.office.borrow().documents.len(), 1);
}

#[test]
fn times_are_the_server_s_whatever_the_phone_s_clock_says() {
    let mut world = World::ready();
    let hour = 3_600_000;
    world.office.borrow_mut().clock = MORNING.plus_millis(hour);
    world.sync(None);
    assert_eq!(success(&mut world, DOWN), Some(MORNING.0 + hour));
    let id = place_order(&mut world);
    let View::Order(view) = world.load(Screen::Order(id)) else { panic!() };
    assert_eq!(view.row.at, MORNING.plus_millis(hour));
    world.restart();
    assert_eq!(world.sync_view().clock_offset_ms, hour);
}

#[test]
fn the_server_s_wish_to_wait_is_kept() {
    let mut world = World::ready();
    world.office.borrow_mut().faults.push_back(Some(Fault::Code(ErrorCode::ServerBusy, Some(40))));
    let view = world.sync(None);
    let RowState::Failed { next_try_at: Some(at), .. } = &row_of(&view, DOWN).state else { panic!("{view:?}") };
    assert!((40_000..=48_000).contains(&at.since(MORNING)), "{at:?}");
}

#[test]
fn a_damaged_copy_of_the_office_is_set_aside_and_loaded_anew() {
    let mut world = World::ready();
    let id = place_order(&mut world);
    damage(&mut world, "reference-2.db");
    world.restart();
    assert!(matches!(world.load(Screen::Start), View::Start(view) if !view.ready));
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert_eq!(rows_of(&world), world.office.borrow().rows());
    assert!(world.folder.path().join("reference-2.db").exists(), "it is kept for support");
    assert_eq!(place_of(&mut world, id), DocumentPlace::OnServer);
}

#[test]
fn damaged_work_is_copied_aside_and_what_is_readable_of_it_goes_on() {
    let mut world = World::ready();
    let id = place_order(&mut world);
    damage(&mut world, "work.db");
    let damaged = std::fs::read(world.folder.path().join("work.db")).unwrap();
    world.restart();
    let names = Folder::new(world.folder.path()).unwrap().list().unwrap();
    let aside = names.iter().find(|name| name.starts_with("work-damaged")).unwrap();
    assert_eq!(std::fs::read(world.folder.path().join(aside)).unwrap(), damaged);
    if matches!(world.load(Screen::Start), View::Start(view) if !view.signed_in) {
        world.login();
    }
    world.sync(None);
    assert_eq!(world.office.borrow().documents.iter().filter(|(document, ..)| *document == id).count(), 1);
}

/// Ends the process and overwrites the head of a database.
fn damage(world: &mut World, file: &str) {
    world.stop();
    let path = world.folder.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..200].fill(0x5a);
    std::fs::write(path, bytes).unwrap();
}

/// One change: a bucket of two, a row of five, and a price, or nothing for a removal.
fn any_change() -> impl Strategy<Value = (bool, i64, Option<i64>)> {
    (any::<bool>(), 1..6_i64, prop::option::weighted(0.7, 0..1_000_i64))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever the office cuts its log, whenever the device asks, and whenever a base is made anew: the rows are the same, and add up.
    #[test]
    fn cutting_the_log_elsewhere_gives_the_same_rows(
        log in prop::collection::vec((prop::collection::vec(any_change(), 1..6), any::<bool>(), any::<bool>()), 1..12),
    ) {
        let mut world = World::ready();
        for (range, rebases, syncs) in log {
            for (first, id, value) in range {
                let (own, other) = if first { ("price_type:3", "price_type:4") } else { ("price_type:4", "price_type:3") };
                let (table, row) = price(id, 1, value.unwrap_or(0));
                // A row lives in one bucket at a time: it leaves the other in the same breath.
                world.office.borrow_mut().remove(other, table, id);
                world.office.borrow_mut().change(own, vec![(table, id, value.map(|_| row))]);
            }
            if rebases {
                world.office.borrow_mut().rebase("price_type:3", 2);
            }
            if syncs {
                let view = world.sync(Some(DOWN));
                prop_assert_eq!(code_of(&view, DOWN), None);
                same_rows(&world);
            }
        }
        let view = world.sync(Some(DOWN));
        prop_assert_eq!(code_of(&view, DOWN), None);
        same_rows(&world);
    }
}
