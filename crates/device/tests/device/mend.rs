//! The copy of the office looked after: small steps, forgotten roots, bits that were turned round, repairs that never help.

use polevik_device::api::sync::SessionResult;
use polevik_device::api::{ErrorCode, Request};
use polevik_protocol::rows::TableId;
use polevik_protocol::sync::SHORT_ROOT_DIGITS;

use crate::road::{DOWN, many_products, place_order, reference, same_rows};
use crate::support::{Fault, World, bucket, code_of, outlet, price};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[test]
fn nothing_new_costs_one_request_of_less_than_three_hundred_bytes_each_way() {
    let mut world = World::ready();
    world.sync(None);
    world.office.borrow_mut().bytes.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    let bytes = world.office.borrow().bytes.clone();
    assert!(matches!(bytes.as_slice(), [(up, down)] if *up <= 300 && *down <= 300), "{bytes:?}");
    let request = world.office.borrow().last_request.clone().unwrap();
    assert_eq!(request.root.map(|root| root.len()), Some(SHORT_ROOT_DIGITS));
    assert!(request.cursors.is_empty());
}

#[test]
fn one_changed_price_comes_as_a_step_of_few_bytes() {
    let mut world = World::ready();
    for value in [11_000, 12_000, 13_000] {
        world.office.borrow_mut().put("price_type:3", vec![price(1, 1, value)]);
        world.office.borrow_mut().requests.clear();
        world.office.borrow_mut().bytes.clear();
        world.sync(None);
        assert_eq!(world.office.borrow().requests, ["/v1/sync"]);
        let (up, down) = world.office.borrow().bytes[0];
        assert!(up <= 300 && down <= 600, "{up} up, {down} down");
        same_rows(&world);
    }
}

#[test]
fn a_row_that_moves_between_buckets_in_a_step_is_neither_lost_nor_doubled() {
    let mut world = World::ready();
    world.office.borrow_mut().put("territory:6", vec![outlet(30, "Тридцать")]);
    world.sync(None);
    let (table, row) = outlet(17, "Киоск у вокзала");
    for (from, to) in [("territory:5", "territory:6"), ("territory:6", "territory:5")] {
        world.office.borrow_mut().put(to, vec![(table, row.clone())]);
        world.office.borrow_mut().remove(from, table, 17);
        world.office.borrow_mut().requests.clear();
        world.sync(None);
        assert_eq!(world.office.borrow().requests, ["/v1/sync"]);
        same_rows(&world);
    }
}

#[test]
fn a_server_that_forgot_the_root_is_told_the_cursors() {
    let mut world = World::ready();
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 11_000)]);
    world.office.borrow_mut().forget_roots();
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert_eq!(world.office.borrow().requests, ["/v1/sync", "/v1/sync"]);
    assert!(!world.office.borrow().last_request.as_ref().unwrap().cursors.is_empty());
    same_rows(&world);
}

#[test]
fn documents_and_news_need_one_request_though_the_server_forgot_the_root() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 11_000)]);
    world.office.borrow_mut().forget_roots();
    world.office.borrow_mut().requests.clear();
    world.sync(None);
    assert_eq!(world.office.borrow().requests, ["/v1/sync"]);
    same_rows(&world);
}

#[test]
fn a_step_that_does_not_add_up_shows_nothing_and_the_long_way_repairs() {
    let mut world = World::ready();
    // A price is not what the office said, and nobody has noticed.
    reference(&world).execute("UPDATE price SET value = 7, _hash = _hash + 1 WHERE id = 2", []).unwrap();
    reference(&world).execute("UPDATE bucket SET sum = sum + 1 WHERE name = 'price_type:3'", []).unwrap();
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 11_000)]);
    world.office.borrow_mut().rebase("price_type:3", 1);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 12_000)]);
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
}

#[test]
fn ranges_of_a_new_base_that_are_held_already_are_not_fetched_again() {
    let mut world = World::ready();
    many_products(&mut world, 5_000, 700);
    world.sync(None);
    same_rows(&world);
    // A change in one range, and a base that leaves no delta down to the device's cursor.
    world.office.borrow_mut().put("distributor:9", vec![crate::support::product(3_000, "S3000", "Товар новый")]);
    world.office.borrow_mut().rebase("distributor:9", 700);
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert!(world.office.borrow().count("/v1/segments/") <= 1, "{:?}", world.office.borrow().requests);
    same_rows(&world);
}

#[test]
fn a_table_that_left_a_new_base_altogether_leaves_the_device_too() {
    let mut world = World::ready();
    world.office.borrow_mut().remove("distributor:9", TableId(9), 1);
    world.office.borrow_mut().rebase("distributor:9", 2);
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
}

/// Turns a value round behind the device's back: nothing that is read by the way shows it.
fn turn_a_bit_round(world: &World) {
    reference(world).execute("UPDATE product SET name = 'Мёд Липовый' WHERE id = 2", []).unwrap();
}

#[test]
fn a_bit_that_was_turned_round_is_found_once_a_day_and_few_rows_are_fetched_for_it() {
    let mut world = World::ready();
    many_products(&mut world, 5_000, 700);
    world.sync(None);
    turn_a_bit_round(&world);
    world.sync(None);
    assert_eq!(world.office.borrow().count("/v1/repair"), 0, "it is not yet time");
    world.advance(DAY_MS);
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert_eq!(world.office.borrow().requests, ["/v1/sync", "/v1/repair"]);
    same_rows(&world);
    world.office.borrow_mut().requests.clear();
    world.sync(None);
    assert_eq!(world.office.borrow().count("/v1/repair"), 0, "it was found once");
}

#[test]
fn a_check_can_be_asked_for_at_any_time() {
    let mut world = World::ready();
    turn_a_bit_round(&world);
    world.request(Request::Check);
    let view = world.sync_view();
    assert_eq!((view.running, view.result), (false, Some(SessionResult::Success)));
    same_rows(&world);
}

#[test]
fn rows_that_are_missing_or_too_many_are_found_too() {
    let mut world = World::ready();
    reference(&world).execute("DELETE FROM product WHERE id = 1", []).unwrap();
    reference(&world).execute("UPDATE stock SET id = 9 WHERE id = 1", []).unwrap();
    world.request(Request::Check);
    assert_eq!(world.sync_view().result, Some(SessionResult::Success));
    same_rows(&world);
}

#[test]
fn a_process_that_ended_in_the_middle_of_a_session_counts_all_rows_again() {
    let mut world = World::ready();
    turn_a_bit_round(&world);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 11_000)]);
    futures::executor::block_on(world.core().request(Request::Sync(None)));
    world.restart();
    world.sync(None);
    assert_eq!(world.office.borrow().count("/v1/repair"), 1);
    same_rows(&world);
}

#[test]
fn a_repair_that_finds_the_office_further_on_fetches_the_news_first() {
    let mut world = World::ready();
    turn_a_bit_round(&world);
    // The news of the session are over; while the rows are counted the office goes on.
    world.office.borrow_mut().moves_on_at_repair = Some(crate::support::product(4, "A-4", "Соль"));
    world.request(Request::Check);
    assert_eq!(world.sync_view().result, Some(SessionResult::Success));
    assert_eq!(world.office.borrow().count("/v1/repair"), 2);
    same_rows(&world);
}

#[test]
fn the_third_repair_of_a_day_that_does_not_help_has_the_copy_built_anew() {
    let mut world = World::ready();
    world.office.borrow_mut().wrong_repairs = true;
    for failure in 1..=2 {
        turn_a_bit_round(&world);
        world.request(Request::Check);
        assert_eq!(code_of(&world.sync_view(), DOWN), Some(ErrorCode::IncompleteReply), "repair {failure}");
        assert!(world.wakes_at().is_some());
    }
    world.office.borrow_mut().requests.clear();
    world.request(Request::Check);
    let view = world.sync_view();
    assert_eq!(code_of(&view, DOWN), None, "{view:?}");
    same_rows(&world);
    assert_eq!(world.office.borrow().count("/v1/sync"), 2, "the second asks as one that holds nothing");
}

#[test]
fn columns_that_an_older_application_could_not_keep_are_asked_for_alone() {
    let mut world = World::ready();
    let (table, mut row) = outlet(17, "Киоск у вокзала");
    let place = polevik_protocol::rows::TableDef::by_id(table).unwrap().columns.iter().position(|column| column.name == "channel").unwrap();
    row.values[place] = polevik_protocol::rows::Value::Text("modern".to_owned());
    world.office.borrow_mut().put("territory:5", vec![(table, row)]);
    world.sync(None);
    // As an application without the column left it: the hash speaks of a value that is not kept.
    let connection = reference(&world);
    let column = polevik_protocol::rows::TableDef::by_id(table).unwrap().columns[place].id;
    let own = own_hash_without_channel(&world);
    connection.execute("UPDATE outlet SET channel = NULL", []).unwrap();
    connection
        .execute("INSERT INTO foreign_column (table_id, column_id) VALUES (?1, ?2)", [i64::from(table.0), i64::from(column)])
        .unwrap();
    connection.execute("INSERT INTO foreign_row (table_id, row_id, own_hash) VALUES (?1, 17, ?2)", [i64::from(table.0), own]).unwrap();
    drop(connection);
    world.restart();
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    assert!(world.office.borrow().count("/v1/backfill") > 1);
    same_rows(&world);
    world.office.borrow_mut().requests.clear();
    world.sync(None);
    assert_eq!(world.office.borrow().requests, ["/v1/sync"], "once is enough");
}

fn own_hash_without_channel(world: &World) -> i64 {
    let (table, row) = world.office.borrow().rows().into_iter().find(|((table, id), _)| *table == TableId(2) && *id == 17).unwrap();
    let def = polevik_protocol::rows::TableDef::by_id(table.0).unwrap();
    let mut hasher = polevik_protocol::checksum::RowHasher::new(crate::support::KEY);
    let values = def.columns.iter().zip(&row.values).filter(|(column, _)| column.name != "channel");
    hasher.row(def.id, 17, values.map(|(column, value)| (column.id, value.as_ref()))).0.cast_signed()
}

#[test]
fn the_documents_of_a_session_go_though_its_repair_never_comes_through() {
    let mut world = World::ready();
    turn_a_bit_round(&world);
    place_order(&mut world);
    world.advance(DAY_MS);
    world.office.borrow_mut().faults_of.insert("/v1/repair", Fault::Status(500));
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Partial));
    assert_eq!(code_of(&view, DOWN), Some(ErrorCode::ServerError));
    assert_eq!(world.office.borrow().documents.len(), 1);
    world.office.borrow_mut().faults_of.clear();
    world.sync(None);
    same_rows(&world);
}

#[test]
fn a_wrong_manifest_never_empties_a_bucket() {
    let mut world = World::ready();
    world.office.borrow_mut().wrong_sum = Some(bucket("price_type:3"));
    for value in 1..5 {
        world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 50_000 + value)]);
        let view = world.sync(None);
        assert_eq!(code_of(&view, DOWN), Some(ErrorCode::IncompleteReply));
        let prices: i64 = reference(&world).query_row("SELECT COUNT(*) AS prices FROM price", [], |row| row.get("prices")).unwrap();
        assert_eq!(prices, 2);
    }
    world.office.borrow_mut().wrong_sum = None;
    let view = world.sync(None);
    assert_eq!(code_of(&view, DOWN), None);
    same_rows(&world);
}

#[test]
fn a_copy_that_breaks_while_it_is_read_is_begun_anew_and_fetched_without_a_press() {
    let mut world = World::ready();
    let order = place_order(&mut world);
    many_products(&mut world, 5_000, 700);
    world.sync(None);
    // Every page but the first is no page any more; the process that has the file open finds out when it reads them.
    world.restart();
    world.spoil_reference();
    let screen = polevik_device::api::view::Screen::Outlets { search: String::new(), limit: 10 };
    let found = (0..3).any(|_| matches!(world.request(Request::Load(screen.clone())), polevik_device::api::Reply::Failed(_)));
    assert!(found, "nobody noticed");
    assert_eq!(code_of(&world.sync_view(), DOWN), Some(ErrorCode::DatabaseDamaged));
    assert!(world.wakes_at().is_some_and(|at| at.since(world.now()) <= 6_000), "it goes on by itself");
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success));
    same_rows(&world);
    assert_eq!(crate::road::place_of(&mut world, order), polevik_device::api::view::DocumentPlace::OnServer);
}
