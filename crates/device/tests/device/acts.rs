//! What a rep does: each act is one transaction, with its promise to the server.

use crate::support::{MORNING, World, product};
use polevik_device::api::frame::Refusal;
use polevik_device::api::view::{DocumentPlace, OrderView, PadFilter, Screen, View};
use polevik_device::api::{Command, LineChange, Reply, Request};
use polevik_domain::ids::{DocumentId, OutletId, ProductId, RouteStopId};
use polevik_domain::money::Money;
use polevik_domain::quantity::Unit;
use polevik_domain::time::CalendarDay;
use polevik_protocol::document::{OrderBody, VisitBody};

const OUTLET: OutletId = OutletId(17);

fn start() -> Command {
    Command::StartVisit { outlet: OUTLET, route_stop: Some(RouteStopId(1)) }
}

fn line(order: DocumentId, product: i64, unit: Unit, quantity: i64) -> Command {
    Command::ChangeLine { order, change: LineChange { product: ProductId(product), unit, quantity } }
}

fn order(world: &mut World, id: DocumentId) -> Box<OrderView> {
    match world.load(Screen::Order(id)) {
        View::Order(view) => view,
        other => panic!("{other:?}"),
    }
}

fn queue(world: &World) -> Vec<(String, u32)> {
    let entries = world.core().with_device(|device| device.queue(100)).unwrap();
    entries.into_iter().map(|queued| (queued.entry.kind, queued.entry.revision)).collect()
}

#[test]
fn a_visit_with_an_order_becomes_three_promises_in_the_order_they_were_made() {
    let mut world = World::ready();
    let visit = world.make(start());
    let id = world.make(Command::NewOrder { outlet: OUTLET, visit: Some(visit), outside_visit: None });
    world.execute(line(id, 1, Unit::Block, 2));
    world.execute(line(id, 2, Unit::Piece, 3));
    assert_eq!(world.execute(Command::PlaceOrder { order: id }), Reply::Done(polevik_device::api::CommandDone::Done));
    world.advance(60_000);
    world.execute(Command::FinishVisit { visit });

    assert_eq!(queue(&world), [("visit".to_owned(), 1), ("order".to_owned(), 1), ("visit".to_owned(), 2)]);
    let entries = world.core().with_device(|device| device.queue(100)).unwrap();
    let sequence: Vec<i64> = entries.iter().map(|queued| queued.entry.device_seq).collect();
    assert_eq!(sequence, [1, 2, 3]);
    let body: OrderBody = serde_json::from_str(&entries[1].entry.body).unwrap();
    assert_eq!((body.number.as_str(), body.sum, body.visit_id), ("А017-000001", Money(12 * 10_000 + 3 * 25_050), Some(visit)));
    assert_eq!(body.lines[0].base_quantity, 12);
    let body: VisitBody = serde_json::from_str(&entries[2].entry.body).unwrap();
    assert_eq!(body.finished_at_ms, Some(MORNING.plus_millis(60_000)));
    assert_eq!(body.route_stop_id, Some(RouteStopId(1)));

    let view = order(&mut world, id);
    assert_eq!(view.row.place, DocumentPlace::OnlyHere);
    assert_eq!((view.row.totals.sum, view.row.totals.lines), (body_sum(), 2));
}

fn body_sum() -> Money {
    Money(12 * 10_000 + 3 * 25_050)
}

#[test]
fn what_was_promised_survives_the_end_of_the_process() {
    let mut world = World::ready();
    let visit = world.make(start());
    let id = world.make(Command::NewOrder { outlet: OUTLET, visit: Some(visit), outside_visit: None });
    world.execute(line(id, 1, Unit::Piece, 1));
    world.restart();
    assert_eq!(order(&mut world, id).lines.len(), 1, "a draft is saved with every line");
    world.execute(Command::PlaceOrder { order: id });
    world.restart();
    assert_eq!(queue(&world), [("visit".to_owned(), 1), ("order".to_owned(), 1)]);
    assert_eq!(order(&mut world, id).row.number, "А017-000001");
}

#[test]
fn numbers_have_no_gaps_whatever_is_refused_between_them() {
    let mut world = World::ready();
    for expected in 1..=5 {
        let outside = Some("звонок".to_owned());
        let id = world.make(Command::NewOrder { outlet: OUTLET, visit: None, outside_visit: outside });
        // Refused after the number would have been taken, were it taken outside the transaction.
        assert_eq!(world.execute(Command::PlaceOrder { order: id }), Reply::Refused(Refusal::Empty));
        world.execute(line(id, 1, Unit::Piece, 1));
        world.execute(Command::PlaceOrder { order: id });
        assert_eq!(order(&mut world, id).row.number, format!("А017-{expected:06}"));
    }
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let mut world = World::ready();
    let outside = |outlet| Command::NewOrder { outlet: OutletId(outlet), visit: None, outside_visit: Some("звонок".to_owned()) };
    let id = world.make(outside(17));
    let nothing = DocumentId::generate(MORNING, [9; 10]);
    let yesterday = CalendarDay::parse("2026-11-21").unwrap();
    for (command, refusal) in [
        (Command::StartVisit { outlet: OutletId(99), route_stop: None }, Refusal::NotFound),
        (Command::StartVisit { outlet: OutletId(18), route_stop: Some(RouteStopId(1)) }, Refusal::NotFound),
        (Command::FinishVisit { visit: nothing }, Refusal::NotFound),
        (outside(99), Refusal::NotFound),
        (Command::NewOrder { outlet: OUTLET, visit: None, outside_visit: None }, Refusal::ReasonMissing),
        (Command::NewOrder { outlet: OUTLET, visit: None, outside_visit: Some("  ".to_owned()) }, Refusal::ReasonMissing),
        (Command::NewOrder { outlet: OUTLET, visit: Some(nothing), outside_visit: None }, Refusal::NotFound),
        (line(id, 99, Unit::Piece, 1), Refusal::NotFound),
        (line(id, 3, Unit::Piece, 1), Refusal::NoPrice),
        (line(id, 1, Unit::Box, 1), Refusal::Unit),
        (line(id, 1, Unit::Piece, -1), Refusal::Quantity),
        (line(id, 1, Unit::Piece, 100_001), Refusal::Quantity),
        (Command::SetDelivery { order: id, day: Some(yesterday) }, Refusal::DeliveryInPast),
        (Command::SetComment { order: id, comment: "я".repeat(1_001) }, Refusal::TooLarge),
        (Command::PlaceOrder { order: id }, Refusal::Empty),
        (Command::PlaceOrder { order: nothing }, Refusal::NotFound),
        (Command::SetLanguage { language: "fr".to_owned() }, Refusal::NotFound),
    ] {
        assert_eq!(world.execute(command.clone()), Reply::Refused(refusal), "{command:?}");
    }
    assert_eq!(queue(&world), []);
    assert!(order(&mut world, id).lines.is_empty());
}

#[test]
fn one_visit_is_open_at_a_time_and_is_finished_once() {
    let mut world = World::ready();
    let visit = world.make(start());
    let other = Command::StartVisit { outlet: OutletId(18), route_stop: None };
    assert_eq!(world.execute(other.clone()), Reply::Refused(Refusal::AnotherVisitOpen));
    world.execute(Command::FinishVisit { visit });
    assert_eq!(world.execute(Command::FinishVisit { visit }), Reply::Refused(Refusal::VisitFinished));
    let in_finished = Command::NewOrder { outlet: OUTLET, visit: Some(visit), outside_visit: None };
    assert_eq!(world.execute(in_finished), Reply::Refused(Refusal::VisitFinished));
    world.make(other);
    assert_eq!(queue(&world).len(), 3);
}

#[test]
fn a_visit_has_one_draft_and_an_empty_one_goes_when_it_ends() {
    let mut world = World::ready();
    let visit = world.make(start());
    let begin = Command::NewOrder { outlet: OUTLET, visit: Some(visit), outside_visit: None };
    let id = world.make(begin.clone());
    assert_eq!(world.make(begin), id);
    world.execute(Command::FinishVisit { visit });
    assert_eq!(world.request(Request::Load(Screen::Order(id))), Reply::Refused(Refusal::NotFound));
}

#[test]
fn a_placed_order_does_not_change_any_more() {
    let mut world = World::ready();
    let id = world.make(Command::NewOrder { outlet: OUTLET, visit: None, outside_visit: Some("звонок".to_owned()) });
    world.execute(line(id, 1, Unit::Piece, 1));
    world.execute(Command::PlaceOrder { order: id });
    for command in [
        line(id, 1, Unit::Piece, 2),
        Command::SetComment { order: id, comment: String::new() },
        Command::SetDelivery { order: id, day: None },
        Command::PlaceOrder { order: id },
        Command::DiscardDraft { order: id },
    ] {
        assert_eq!(world.execute(command.clone()), Reply::Refused(Refusal::NotADraft), "{command:?}");
    }
    assert_eq!(queue(&world), [("order".to_owned(), 1)]);
}

#[test]
fn a_line_set_again_keeps_its_place_and_a_quantity_of_zero_removes_it() {
    let mut world = World::ready();
    let id = world.make(Command::NewOrder { outlet: OUTLET, visit: None, outside_visit: Some("звонок".to_owned()) });
    for (product, quantity) in [(1, 1), (2, 1), (1, 7)] {
        world.execute(line(id, product, Unit::Piece, quantity));
    }
    let shown: Vec<(i64, i64)> = order(&mut world, id).lines.iter().map(|line| (line.product.0, line.quantity)).collect();
    assert_eq!(shown, [(1, 7), (2, 1)]);
    world.execute(line(id, 1, Unit::Piece, 0));
    let view = order(&mut world, id);
    assert_eq!((view.lines.len(), view.row.totals.sum), (1, Money(25_050)));
}

#[test]
fn nothing_is_done_or_shown_before_somebody_signs_in() {
    let mut world = World::new();
    assert_eq!(world.execute(start()), Reply::Refused(Refusal::NotSignedIn));
    assert_eq!(world.request(Request::Load(Screen::Orders { limit: 10 })), Reply::Refused(Refusal::NotSignedIn));
    assert!(matches!(world.load(Screen::Start), View::Start(view) if !view.signed_in && !view.ready));
}

#[test]
fn the_pad_shows_the_matrix_first_then_prices_and_stock_as_this_outlet_sees_them() {
    let mut world = World::ready();
    world.office.borrow_mut().put("distributor:9", vec![product(4, "Z-4", "ЁЛОЧНАЯ вода")]);
    world.sync(None);
    let id = world.make(Command::NewOrder { outlet: OUTLET, visit: None, outside_visit: Some("звонок".to_owned()) });
    world.execute(line(id, 1, Unit::Piece, 4));
    let mut pad = |search: &str, filter| match world.load(Screen::OrderPad { order: id, search: search.to_owned(), filter }) {
        View::OrderPad(view) => {
            view.rows.into_iter().map(|row| (row.product.0, row.price.map(|price| price.0), row.stock)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let honey = (2, Some(25_050), Some(5));
    assert_eq!(pad("", PadFilter::All), [honey, (3, None, Some(5)), (4, None, Some(5)), (1, Some(10_000), Some(40))]);
    assert_eq!(pad("", PadFilter::Matrix), [honey]);
    assert_eq!(pad("", PadFilter::InOrder), [(1, Some(10_000), Some(40))]);
    assert_eq!(pad("елочная ВОДА", PadFilter::All), [(4, None, Some(5))]);
    assert_eq!(pad("a-2", PadFilter::All), [honey]);
    assert_eq!(pad("пиво", PadFilter::All), []);
}

#[test]
fn the_route_shows_the_plan_and_what_became_of_it() {
    let mut world = World::ready();
    let visit = world.make(start());
    let id = world.make(Command::NewOrder { outlet: OUTLET, visit: Some(visit), outside_visit: None });
    world.execute(line(id, 1, Unit::Piece, 1));
    world.execute(Command::PlaceOrder { order: id });
    world.execute(Command::FinishVisit { visit });
    world.make(Command::StartVisit { outlet: OutletId(18), route_stop: None });
    let View::Route(route) = world.load(Screen::Route(None)) else { panic!() };
    assert_eq!((route.visits_done, route.orders, route.orders_sum), (1, 1, Money(10_000)));
    let stops: Vec<_> = route.stops.iter().map(|stop| (stop.seq, stop.outlet.0, stop.route_stop.is_some())).collect();
    assert_eq!(stops, [(1, 17, true), (2, 18, false)]);
    assert_eq!(route.stops[0].visit.as_ref().unwrap().place, DocumentPlace::OnlyHere);
    world.sync(None);
    let View::Route(route) = world.load(Screen::Route(None)) else { panic!() };
    assert_eq!(route.stops[0].visit.as_ref().unwrap().place, DocumentPlace::OnServer);
}
