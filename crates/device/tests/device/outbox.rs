//! Documents that break the server, come back, are taken back, or are sent twice: one never holds another, and none is lost.

use polevik_device::api::sync::SessionResult;
use polevik_device::api::view::{AttentionRow, DocumentPlace, Screen, View};
use polevik_device::api::{Command, ErrorCode, Reply, Request};
use polevik_domain::ids::OutletId;
use polevik_protocol::document::DocumentKind;
use polevik_protocol::rows::{DocumentStateRow, TableId};

use crate::road::{DOWN, UP, place_of, place_order};
use crate::support::{Fault, World, code_of, price, row_of};

fn attention(world: &mut World) -> Vec<AttentionRow> {
    match world.load(Screen::Attention) {
        View::Attention(rows) => rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_document_at_which_the_server_breaks_three_times_is_set_aside_and_the_row_turns_green() {
    let mut world = World::ready();
    let visit = world.make(Command::StartVisit { outlet: OutletId(17), route_stop: None });
    world.execute(Command::FinishVisit { visit });
    let order = place_order(&mut world);
    world.office.borrow_mut().break_at.insert("visit".to_owned());
    for attempt in 1..=2 {
        let view = world.sync(None);
        assert_eq!(code_of(&view, UP), Some(ErrorCode::ServerError), "attempt {attempt}");
        assert_eq!(place_of(&mut world, order), DocumentPlace::OnServer, "the order is not held up");
    }
    let view = world.sync(None);
    assert_eq!(code_of(&view, UP), None);
    assert_eq!((row_of(&view, UP).need_attention, row_of(&view, UP).parked), (1, 1));
    let rows = attention(&mut world);
    assert_eq!(
        rows.iter().map(|row| (row.id, row.kind, &row.place)).collect::<Vec<_>>(),
        [(visit, DocumentKind::Visit, &DocumentPlace::Parked)]
    );

    world.office.borrow_mut().break_at.clear();
    let before = world.office.borrow().documents.len();
    world.sync(None);
    assert_eq!(world.office.borrow().documents.len(), before, "it waits for somebody");
    assert!(matches!(world.execute(Command::Unpark { document: Some(visit) }), Reply::Done(_)));
    world.sync(None);
    assert_eq!(attention(&mut world), []);
    assert_eq!(world.office.borrow().documents.iter().filter(|(id, ..)| *id == visit).count(), 2);
}

#[test]
fn what_is_set_aside_goes_again_with_the_row_s_own_button_and_after_a_sign_in() {
    for sign_in in [true, false] {
        let mut world = World::ready();
        let order = place_order(&mut world);
        world.office.borrow_mut().break_at.insert("order".to_owned());
        for _ in 0..3 {
            world.sync(None);
        }
        assert_eq!(place_of(&mut world, order), DocumentPlace::Parked);
        world.office.borrow_mut().break_at.clear();
        if sign_in {
            world.login();
            world.sync(None);
        } else {
            world.sync(Some(UP));
        }
        assert_eq!(place_of(&mut world, order), DocumentPlace::OnServer);
    }
}

#[test]
fn the_one_document_that_breaks_every_request_is_found_among_many_and_set_aside() {
    let mut world = World::ready();
    let orders: Vec<_> = (0..40).map(|_| place_order(&mut world)).collect();
    world.office.borrow_mut().poison = Some(orders[27]);
    world.office.borrow_mut().put("price_type:3", vec![price(1, 1, 12_000)]);
    let mut sessions = 0;
    loop {
        sessions += 1;
        let view = world.sync(None);
        assert_eq!(code_of(&view, DOWN), None, "the news are not held up");
        if code_of(&view, UP).is_none() {
            break;
        }
        assert!(world.wakes_at().is_some(), "it goes on by itself");
        assert!(sessions < 12);
    }
    for (place, order) in orders.iter().enumerate() {
        let expected = if place == 27 { DocumentPlace::Parked } else { DocumentPlace::OnServer };
        assert_eq!(place_of(&mut world, *order), expected, "order {place}");
    }
    assert_eq!(world.office.borrow().documents.len(), 39);
}

#[test]
fn a_server_that_fails_for_all_blames_nobody() {
    let mut world = World::ready();
    let order = place_order(&mut world);
    world.office.borrow_mut().faults_of.insert("/v1/sync", Fault::Status(502));
    for _ in 0..8 {
        world.sync(None);
        world.sync(Some(UP));
    }
    assert_eq!(place_of(&mut world, order), DocumentPlace::OnlyHere);
    world.office.borrow_mut().faults_of.clear();
    world.sync(None);
    assert_eq!(place_of(&mut world, order), DocumentPlace::OnServer);
}

#[test]
fn narrowing_down_survives_the_end_of_the_process() {
    let mut world = World::ready();
    let orders: Vec<_> = (0..6).map(|_| place_order(&mut world)).collect();
    world.office.borrow_mut().poison = Some(orders[0]);
    let mut sessions = 0;
    while code_of(&world.sync(None), UP).is_some() {
        world.restart();
        sessions += 1;
        assert!(sessions < 12);
    }
    assert_eq!(place_of(&mut world, orders[0]), DocumentPlace::Parked);
    assert_eq!(world.office.borrow().documents.len(), 5);
}

#[test]
fn a_document_that_is_taken_back_says_so_here_and_to_the_office() {
    let mut world = World::ready();
    let order = place_order(&mut world);
    world.sync(None);
    let withdraw = |reason: &str| Command::Withdraw { document: order, reason: reason.to_owned() };
    assert!(matches!(world.execute(withdraw("  ")), Reply::Refused(_)), "a reason is needed");
    assert!(matches!(world.execute(withdraw("клиент передумал")), Reply::Done(_)));
    assert_eq!(place_of(&mut world, order), DocumentPlace::Withdrawn { on_server: false });
    assert!(matches!(world.execute(withdraw("ещё раз")), Reply::Refused(_)));
    assert!(matches!(world.execute(withdraw(&"х".repeat(201))), Reply::Refused(_)), "the server takes 200 characters");
    assert_eq!(row_of(&world.sync_view(), UP).withdrawals_waiting, 1);
    let View::Order(view) = world.load(Screen::Order(order)) else { panic!("an order") };
    assert_eq!(view.aftermath.withdrawal_reason.as_deref(), Some("клиент передумал"));
    world.sync(None);
    assert_eq!(row_of(&world.sync_view(), UP).withdrawals_waiting, 0);
    assert_eq!(place_of(&mut world, order), DocumentPlace::Withdrawn { on_server: true });
    let office = world.office.borrow();
    let (id, revision, body) = office.documents.last().unwrap();
    assert_eq!((*id, *revision), (order, 2));
    assert!(body.contains("клиент передумал"));
}

#[test]
fn an_order_that_the_office_refuses_after_it_was_taken_needs_the_rep_until_it_is_taken_back() {
    let mut world = World::ready();
    let order = place_order(&mut world);
    world.sync(None);
    assert_eq!(row_of(&world.sync_view(), UP).need_attention, 0);
    let state = |id, state: &str, at_ms| {
        let (document_id, state, note) = (order.as_bytes().to_vec(), state.to_owned(), "превышен лимит".to_owned());
        (TableId(10), DocumentStateRow { id, document_id, revision: 1, state, at_ms, note }.into_row())
    };
    world.office.borrow_mut().put("position:17", vec![state(500, "rejected", 5)]);
    let view = world.sync(None);
    assert_eq!((row_of(&view, UP).need_attention, view.result), (1, Some(SessionResult::Success)));
    let rejected = DocumentPlace::Rejected { code: ErrorCode::DocumentRejected, reason: "превышен лимит".to_owned() };
    assert_eq!(attention(&mut world).into_iter().map(|row| (row.id, row.place)).collect::<Vec<_>>(), [(order, rejected)]);

    // The office thinks better of it, and then worse again.
    world.office.borrow_mut().put("position:17", vec![state(501, "accepted", 6)]);
    assert_eq!(row_of(&world.sync(None), UP).need_attention, 0);
    world.office.borrow_mut().put("position:17", vec![state(502, "rejected", 7)]);
    assert_eq!(row_of(&world.sync(None), UP).need_attention, 1);

    world.execute(Command::Withdraw { document: order, reason: "клиент передумал".to_owned() });
    assert_eq!(row_of(&world.sync_view(), UP).need_attention, 0);
    assert_eq!(attention(&mut world), []);
}

#[test]
fn a_document_that_is_set_aside_or_refused_can_be_taken_back() {
    for parked in [true, false] {
        let mut world = World::ready();
        let order = place_order(&mut world);
        if parked {
            world.office.borrow_mut().break_at.insert("order".to_owned());
        } else {
            world.office.borrow_mut().refuse.insert("order".to_owned());
        }
        for _ in 0..3 {
            world.sync(None);
        }
        assert_eq!(attention(&mut world).len(), 1);
        world.execute(Command::Withdraw { document: order, reason: "ошибка".to_owned() });
        assert_eq!(attention(&mut world), []);
        let view = world.sync(None);
        assert_eq!(view.result, Some(SessionResult::Success));
        let taken: Vec<_> = world.office.borrow().documents.iter().map(|(id, revision, _)| (*id, *revision)).collect();
        assert_eq!(taken, [(order, 2)], "the revision that was set aside is sent no more");
    }
}

#[test]
fn a_device_whose_numbers_were_used_twice_goes_on_under_a_new_id_and_nothing_is_lost_or_doubled() {
    let mut world = World::ready();
    place_order(&mut world);
    world.sync(None);
    let orders = [place_order(&mut world), place_order(&mut world)];
    // The twin has sent more under this id than this one has ever given.
    world.office.borrow_mut().floor = 50;
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(view.result, Some(SessionResult::Success), "in the same session");
    assert_eq!(world.office.borrow().documents.len(), 3);
    for order in orders {
        assert_eq!(place_of(&mut world, order), DocumentPlace::OnServer);
    }
    assert_eq!(world.office.borrow().floor, 2, "numbered anew from 1");
    let order = place_order(&mut world);
    let View::Order(view) = world.load(Screen::Order(order)) else { panic!() };
    assert!(view.row.number.starts_with("А102-"), "{}", view.row.number);
    world.sync(None);
    assert_eq!((world.office.borrow().floor, world.office.borrow().lives), (3, 2));
}

#[test]
fn a_server_that_gives_a_new_life_each_time_is_not_asked_for_ever() {
    let mut world = World::ready();
    place_order(&mut world);
    world.office.borrow_mut().always_re_enrols = true;
    let view = world.sync(None);
    assert_eq!(code_of(&view, UP), Some(ErrorCode::IncompleteReply));
    world.office.borrow_mut().always_re_enrols = false;
    world.sync(None);
    assert_eq!(world.office.borrow().documents.len(), 1);
}

#[test]
fn a_server_restored_from_a_backup_is_offered_what_it_lost() {
    for told in [true, false] {
        let mut world = World::ready();
        let orders: Vec<_> = (0..3).map(|_| place_order(&mut world)).collect();
        world.sync(None);
        let lost = world.office.borrow().documents.clone();
        world.office.borrow_mut().lose_documents();
        if !told {
            // It does not say so, but begins another life.
            world.office.borrow_mut().epoch = "second".to_owned();
            world.office.borrow_mut().floor = 3;
            world.office.borrow_mut().forget_roots();
        }
        let new = place_order(&mut world);
        let view = world.sync(Some(DOWN));
        assert_eq!(view.result, Some(SessionResult::Success), "whoever began the session");
        let taken = world.office.borrow().documents.clone();
        assert_eq!(taken[..3], lost[..], "byte for byte, oldest first");
        assert_eq!(taken[3].0, new);
        for order in orders {
            assert_eq!(place_of(&mut world, order), DocumentPlace::OnServer);
        }
        let asked = world.office.borrow().requests.len();
        let row = world.sync(None);
        assert_eq!((row_of(&row, UP).re_offered, row.result), (0, Some(SessionResult::Success)));
        assert_eq!(world.office.borrow().requests.len(), asked + 1, "once is enough");
    }
}

#[test]
fn what_is_offered_again_is_told_as_information_and_not_as_unsent() {
    let mut world = World::ready();
    let order = place_order(&mut world);
    world.sync(None);
    world.office.borrow_mut().lose_documents();
    // It is told of the loss, and then the line breaks.
    world.office.borrow_mut().faults.extend([None, Some(Fault::Silent), Some(Fault::Silent)]);
    world.sync(Some(UP));
    let view = world.sync_view();
    assert_eq!((row_of(&view, UP).re_offered, row_of(&view, UP).orders_waiting), (1, 0));
    let View::Order(card) = world.load(Screen::Order(order)) else { panic!("an order") };
    assert!(card.aftermath.re_offered);
    assert_eq!(world.request(Request::Logout { keep_unsent: false }), Reply::Taken, "nothing is unsent");
}
