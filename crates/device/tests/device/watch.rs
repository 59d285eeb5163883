//! In front the device hears of the office's changes by itself.

use polevik_device::api::sync::{RowState, SessionResult};
use polevik_device::api::{ErrorCode, Request};
use polevik_domain::time::UtcMillis;

use crate::road::{DOWN, place_order, same_rows};
use crate::support::{Fault, World, price};

fn in_front() -> World {
    let mut world = World::ready();
    world.request(Request::Foreground(true));
    world.office.borrow_mut().requests.clear();
    world
}

fn change(world: &mut World, value: i64) {
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, value)]);
    world.turn();
}

#[test]
fn a_changed_price_is_here_without_a_press() {
    let mut world = in_front();
    for value in [11_000, 12_000] {
        change(&mut world, value);
        same_rows(&world);
    }
    let view = world.sync_view();
    assert_eq!((view.running, view.result), (false, Some(SessionResult::Success)));
    assert_eq!(world.office.borrow().count("/v1/sync"), 2);
    assert_eq!(world.office.borrow().count("/v1/wait"), 2, "and the next wait is under way, which the office has not answered");
}

#[test]
fn behind_nothing_is_waited_for() {
    let mut world = in_front();
    world.request(Request::Foreground(false));
    change(&mut world, 11_000);
    assert_eq!(world.office.borrow().requests, [] as [&str; 0]);
    world.request(Request::Foreground(true));
    same_rows(&world);
}

#[test]
fn documents_are_not_sent_by_a_call_from_the_office() {
    let mut world = in_front();
    place_order(&mut world);
    change(&mut world, 11_000);
    assert_eq!(world.office.borrow().documents.len(), 0);
    same_rows(&world);
}

#[test]
fn a_wait_that_fails_comes_back_more_slowly_and_reddens_nothing() {
    let mut world = in_front();
    world.office.borrow_mut().faults_of.insert("/v1/wait", Fault::Status(404));
    change(&mut world, 11_000);
    let view = world.sync_view();
    assert!(view.rows.iter().all(|row| row.state == RowState::Ok), "{view:?}");
    let first = world.wakes_at().unwrap();
    assert!((4_000..=6_000).contains(&first.since(world.now())), "{first:?}");
    let mut last = UtcMillis(0);
    for _ in 0..3 {
        world.advance(1_000_000);
        world.request(Request::Wake);
        last = world.wakes_at().unwrap();
    }
    assert!(last > world.now());
}

#[test]
fn whatever_fails_in_a_session_the_wait_goes_on_after_the_next_good_one() {
    let mut world = in_front();
    world.office.borrow_mut().faults.extend([None, Some(Fault::Code(ErrorCode::ServerBusy, Some(30)))]);
    change(&mut world, 11_000);
    let failed = world.sync_view().rows.into_iter().find(|row| row.id == DOWN).unwrap();
    assert!(matches!(failed.state, RowState::Failed { .. }), "{failed:?}");
    let waits = world.office.borrow().count("/v1/wait");
    world.turn();
    assert_eq!(world.office.borrow().count("/v1/wait"), waits, "an office that cannot be reached is not waited for");
    world.sync(None);
    change(&mut world, 12_000);
    same_rows(&world);
}
