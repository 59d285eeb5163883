//! «Ручная выгрузка заказов»: what stands on the device stands in the file, and nothing else.

use std::ops::ControlFlow;

use crate::support::{MORNING, World};
use polevik_device::api::{Command, ErrorCode, LineChange, NetworkClass, RowId};
use polevik_device::host::Host;
use polevik_device::order_export::format::{Format, Options};
use polevik_device::order_export::making::MakeError;
use polevik_device::order_export::read::read;
use polevik_device::order_export::selection::{DayRange, NoOrders, Selection};
use polevik_device::order_export::snapshot::{Occasion, OrderState, Snapshot};
use polevik_device::order_file::{OrderFile, OrderFileError, Wanted};
use polevik_domain::ids::{DocumentId, OutletId, ProductId};
use polevik_domain::money::Money;
use polevik_domain::quantity::Unit;
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};

/// A host at the world's moment: making a file asks it only for time and place.
struct At(UtcMillis);

impl Host for At {
    fn now(&self) -> UtcMillis {
        self.0
    }
    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(180)
    }
    fn random_bytes(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
    async fn sleep(&self, _millis: u64) {}
    fn network(&self) -> NetworkClass {
        NetworkClass::Offline
    }
    fn log(&self, _line: &str) {}
}

fn draft(world: &mut World, quantity: i64) -> DocumentId {
    let outside_visit = Some("=звонок".to_owned());
    let order = world.make(Command::NewOrder { outlet: OutletId(17), visit: None, outside_visit });
    let change = LineChange { product: ProductId(1), unit: Unit::Block, quantity };
    world.execute(Command::ChangeLine { order, change });
    order
}

fn placed(world: &mut World, quantity: i64) -> DocumentId {
    let order = draft(world, quantity);
    world.execute(Command::PlaceOrder { order });
    order
}

fn file(world: &World, selection: Selection, format: Format) -> Result<OrderFile, OrderFileError> {
    let wanted = Wanted { selection, format, options: Options::default() };
    let host = At(world.now());
    world.core().with_device(|device| device.order_file(&wanted, &host, |_, _| ControlFlow::Continue(())))
}

fn read_back(world: &World, selection: Selection) -> Snapshot {
    read(&file(world, selection, Format::Json).unwrap().made.bytes).unwrap().snapshot
}

fn ids(snapshot: &Snapshot) -> Vec<DocumentId> {
    snapshot.orders.iter().map(|order| order.id).collect()
}

#[test]
fn exp_03_a_file_is_made_without_a_network_and_holds_what_was_ordered() {
    let mut world = World::ready();
    let id = placed(&mut world, 2);
    world.advance(60_000);
    let snapshot = read_back(&world, Selection::All);
    let order = &snapshot.orders[0];
    assert_eq!((order.id, order.number.as_str(), order.state, order.server_at), (id, "А017-000001", OrderState::Waiting, None));
    assert_eq!((order.placed_at.at, order.placed_at.offset), (MORNING, UtcOffsetMinutes(180)));
    assert_eq!(order.occasion, Occasion::Outside("=звонок".to_owned()));
    assert_eq!((order.sum_minor, order.lines[0].base_quantity), (Money(12 * 10_000), 12));
    assert!(!order.outlet.name.is_empty() && !order.lines[0].product.sku.is_empty() && !order.lines[0].product.code.is_empty());
    assert_eq!(snapshot.header.made_at.at, world.now());
    assert_eq!(snapshot.header.number_prefix, "А017");
}

#[test]
fn exp_06_drafts_and_withdrawn_orders_stay_out_and_sent_ones_are_marked() {
    let mut world = World::ready();
    let sent = placed(&mut world, 1);
    world.sync(Some(RowId::UploadMandatory));
    let withdrawn = placed(&mut world, 1);
    world.execute(Command::Withdraw { document: withdrawn, reason: "ошибка".to_owned() });
    let waiting = placed(&mut world, 2);
    draft(&mut world, 3);

    let snapshot = read_back(&world, Selection::All);
    assert_eq!(ids(&snapshot), [sent, waiting]);
    assert_eq!(snapshot.orders.iter().map(|order| order.state).collect::<Vec<_>>(), [OrderState::Accepted, OrderState::Waiting]);
    assert!(snapshot.orders[0].server_at.is_some());
    let counted = world.core().with_device(|device| device.count_orders(Selection::All)).unwrap();
    assert_eq!((counted.orders, counted.sum, counted.on_server, counted.drafts), (2, Money(18 * 10_000), 1, 1));
}

#[test]
fn d_13_a_file_changes_nothing_of_what_waits() {
    let mut world = World::ready();
    placed(&mut world, 1);
    let queue = |world: &World| world.core().with_device(|device| device.queue(10)).unwrap();
    let before = queue(&world);
    for format in Format::ALL {
        assert!(!file(&world, Selection::All, format).unwrap().made.bytes.is_empty());
    }
    assert_eq!(queue(&world), before);
    world.sync(Some(RowId::UploadMandatory));
    assert!(queue(&world).is_empty(), "it goes to the server as if there were no file");
}

#[test]
fn exp_05_when_no_order_is_of_these_days_there_is_no_file_but_the_days_there_are() {
    let mut world = World::ready();
    let today = CalendarDay::parse("2026-11-22").unwrap();
    let of = |day: CalendarDay| Selection::Dates { created: DayRange::between(day, day), delivery: DayRange::default() };
    let nothing = file(&world, Selection::All, Format::Xlsx).unwrap_err();
    assert!(matches!(nothing, OrderFileError::NoOrders(NoOrders::AtAll { drafts: 0 })), "{nothing:?}");
    let order = placed(&mut world, 1);
    let error = file(&world, of(today.plus_days(1)), Format::Xlsx).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoOrders));
    let OrderFileError::NoOrders(NoOrders::OfTheseDays { existing, .. }) = error else { panic!("{error:?}") };
    assert_eq!(existing.created, (today, today));
    assert_eq!(ids(&read_back(&world, existing.whole_period())), [order]);
    let reversed = Selection::Dates { created: DayRange::between(today, today.plus_days(-1)), delivery: DayRange::default() };
    assert_eq!(file(&world, reversed, Format::Xlsx).unwrap_err().code(), Some(ErrorCode::StartAfterEnd));
}

#[test]
fn a_file_that_nobody_wants_any_more_is_not_made() {
    let mut world = World::ready();
    for _ in 0..70 {
        placed(&mut world, 1);
    }
    let wanted = Wanted { selection: Selection::All, format: Format::Xlsx, options: Options::default() };
    let host = At(world.now());
    let mut told = Vec::new();
    let stopped = world.core().with_device(|device| {
        device.order_file(&wanted, &host, |done, of| {
            told.push((done, of));
            ControlFlow::Break(())
        })
    });
    assert!(matches!(stopped, Err(OrderFileError::Make(MakeError::Stopped))));
    assert_eq!(told, [(64, 70)]);
}
