//! What people, devices, tokens and documents promise on every database.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_domain::ids::{DeviceId, DistributorId, DocumentId, OutletId, PositionId, ProductId, UserId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::order::{OrderLine, totals};
use polevik_domain::position::Scope;
use polevik_domain::quantity::{Unit, UnitFactors};
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::checksum::HashKey;
use polevik_protocol::document::{ContentHash, Envelope, OrderBody, Outcome};
use polevik_protocol::error_code::ErrorCode;
use polevik_server_store::documents::orders::{self, CheckedOrder};
use polevik_server_store::documents::receipts::{self, Answered, Earlier};
use polevik_server_store::documents::{Author, Rejection, in_savepoint, quarantine};
use polevik_server_store::part::{self, Part};
use polevik_server_store::people::devices::{self, Introduction, Progress};
use polevik_server_store::people::tokens::{self, Revoked, TokenHash};
use polevik_server_store::people::users::{self, NewUser};
use polevik_server_store::{Result, Store, StoreError, Transaction, migrate};

const NOW: UtcMillis = UtcMillis(1_000_000);

struct World {
    store: Store,
    scope: Scope,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, NOW).unwrap();
        for (n, id) in [(1, "D1"), (2, "D2")] {
            let part = Part {
                id: id.to_owned(),
                name: id.to_owned(),
                distributor: DistributorId(n),
                epoch: "e1".to_owned(),
                hash_key: HashKey([3; 32]),
            };
            store.write(|tx| part::create(tx, &part, NOW)).unwrap();
        }
        Self { store, scope: scope("D1"), _folder: folder }
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> T {
        self.store.write(work).unwrap()
    }

    fn author(&self, device: u8) -> Author<'_> {
        Author { scope: &self.scope, user: UserId(1), device: device_id(device), lineage: device_id(device) }
    }
}

fn scope(part_id: &str) -> Scope {
    Scope { part_id: part_id.to_owned(), distributor: DistributorId(1), position: PositionId(1), territories: vec![] }
}

fn device_id(n: u8) -> DeviceId {
    DeviceId::generate(NOW, [n; 10])
}

fn document_id(n: u8) -> DocumentId {
    DocumentId::generate(NOW, [n; 10])
}

fn answered(n: u8, hash: ContentHash) -> Answered {
    Answered { id: document_id(n), revision: 1, device_seq: u64::from(n), hash }
}

fn introduction(n: u8) -> Introduction<'static> {
    Introduction { id: device_id(n), model: "Model", app_version: "1" }
}

fn user(email: &str) -> NewUser<'_> {
    NewUser { email, name: "Name", password_hash: "hash" }
}

#[test]
fn a_login_is_one_persons_in_all_parts_whatever_its_case() {
    let world = World::new();
    assert!(world.write(|tx| users::insert(tx, "D1", user("Rep@Demo.Example"), NOW)).is_some());
    assert!(world.write(|tx| users::insert(tx, "D2", user(" rep@demo.example "), NOW)).is_none());
    let found = world.write(|tx| users::by_login(tx, "REP@DEMO.EXAMPLE")).unwrap();
    assert_eq!((found.part_id.as_str(), found.active), ("D1", true));
    assert!(world.write(|tx| users::by_login(tx, "rep@demo")).is_none());
}

#[test]
fn each_device_of_a_part_has_its_own_prefix_and_keeps_it() {
    let world = World::new();
    let sign_in = |part, n, user| world.write(|tx| devices::sign_in(tx, &scope(part), UserId(user), introduction(n), NOW)).number_prefix;
    assert_eq!([sign_in("D1", 1, 1), sign_in("D1", 2, 1), sign_in("D1", 1, 2), sign_in("D2", 1, 1)], ["А000", "А001", "А000", "А000"]);
    assert!(world.write(|tx| devices::is_known_to(tx, "D1", device_id(1), UserId(2))));
    assert!(!world.write(|tx| devices::is_known_to(tx, "D1", device_id(1), UserId(1))), "the last one counts");
    assert_eq!(world.write(|tx| devices::list(tx, "D1")).len(), 2);
}

#[test]
fn a_sign_in_that_is_rolled_back_takes_no_prefix() {
    let world = World::new();
    let undone: Result<()> = world.store.write(|tx| {
        devices::sign_in(tx, &world.scope, UserId(1), introduction(1), NOW)?;
        Err(StoreError::Corrupt("as the test wants"))
    });
    assert!(undone.is_err());
    let device = world.write(|tx| devices::sign_in(tx, &world.scope, UserId(1), introduction(2), NOW));
    assert_eq!(device.number_prefix, "А000");
}

#[test]
fn floors_only_rise() {
    let world = World::new();
    world.write(|tx| devices::sign_in(tx, &world.scope, UserId(1), introduction(1), NOW));
    let note = |device_seq, new_revisions, number_sequence| {
        let progress = Progress { device_seq, new_revisions, number_sequence };
        let device = world.write(|tx| devices::note_progress(tx, "D1", device_id(1), progress, NOW));
        (device.device_seq_floor, device.missing(), device.number_floor)
    };
    assert_eq!(note(5, 3, 2), (5, 2, 2));
    assert_eq!(note(4, 1, 1), (5, 1, 2));
    assert_eq!(note(6, 2, 9), (6, 0, 9));
}

#[test]
fn a_device_has_one_good_token_and_the_first_reason_stays() {
    let world = World::new();
    let user = world.write(|tx| users::insert(tx, "D1", user("rep@demo.example"), NOW)).unwrap();
    world.write(|tx| users::assign_position(tx, "D1", user, PositionId(1)));
    world.write(|tx| devices::sign_in(tx, &world.scope, user, introduction(1), NOW));
    let issue = |n| world.write(|tx| tokens::issue(tx, TokenHash([n; 32]), "D1", device_id(1), user, PositionId(1), NOW));
    let state = |n| world.write(|tx| tokens::find(tx, TokenHash([n; 32]))).map(|session| (session.revoked, session.holds_position));
    issue(1);
    assert_eq!((state(1), state(9)), (Some((None, true)), None));
    issue(2);
    assert_eq!((state(1), state(2)), (Some((Some(Revoked::NewerLogin), true)), Some((None, true))));
    world.write(|tx| tokens::revoke(tx, TokenHash([2; 32]), Revoked::Logout, NOW));
    world.write(|tx| users::set_password(tx, "D1", user, "other", NOW));
    assert_eq!(state(2), Some((Some(Revoked::Logout), true)));
    issue(3);
    world.write(|tx| users::withdraw_position(tx, "D1", user, PositionId(1), NOW));
    assert_eq!(state(3), Some((Some(Revoked::PositionChanged), false)));
}

#[test]
fn a_receipt_is_for_ever_and_for_its_own_device_and_content() {
    let world = World::new();
    let (mine, other) = (ContentHash([1; 32]), ContentHash([2; 32]));
    let rejected =
        Outcome::Rejected { code: ErrorCode::DocumentRejected, reason: "почему".to_owned(), field: Some("sum".to_owned()) };
    let find = |device, n, revision, hash| world.write(|tx| receipts::find(tx, world.author(device), document_id(n), revision, hash));
    assert_eq!(find(1, 1, 1, mine), Earlier::None { highest: 0 });
    let receipt = world.write(|tx| receipts::insert(tx, world.author(1), answered(1, mine), rejected, NOW));
    assert_eq!(find(1, 1, 1, mine), Earlier::SameContent(receipt));
    assert_eq!(find(1, 1, 1, other), Earlier::Taken);
    assert_eq!(find(2, 1, 1, mine), Earlier::Taken, "the same words of another device");
    assert_eq!(find(2, 1, 2, mine), Earlier::Taken, "the next revision of another device");
    assert_eq!(find(1, 1, 2, mine), Earlier::None { highest: 1 });
    let again: Result<_> =
        world.store.write(|tx| receipts::insert(tx, world.author(1), answered(1, other), Outcome::Accepted, NOW).map(|_| ()));
    assert!(again.is_err(), "a second answer is impossible");
    // Another part has never heard of it.
    let far = scope("D2");
    let author = Author { scope: &far, user: UserId(1), device: device_id(1), lineage: device_id(1) };
    assert_eq!(world.write(|tx| receipts::find(tx, author, document_id(1), 1, mine)), Earlier::None { highest: 0 });
}

#[test]
fn what_is_rejected_twice_is_kept_once_with_its_first_time() {
    let world = World::new();
    let document = Envelope {
        id: document_id(1),
        kind: "order".to_owned(),
        revision: 1,
        device_seq: 1,
        created_at_ms: NOW,
        body: serde_json::value::RawValue::from_string("{}".to_owned()).unwrap(),
    };
    let rejection = Rejection { code: ErrorCode::DocumentConflict, reason: "почему".to_owned(), field: None };
    let keep = |device, at| {
        let hash = document.content_hash();
        let kept = world.write(|tx| quarantine::keep(tx, world.author(device), &document, hash, &rejection, UtcMillis(at)));
        (kept.first_received_at.0, kept.is_new)
    };
    assert_eq!([keep(1, 10), keep(1, 20), keep(2, 30)], [(10, true), (10, false), (30, true)]);
}

fn order(number: &str, quantities: &[i64]) -> CheckedOrder {
    let lines: Vec<OrderLine> = (1..)
        .zip(quantities)
        .map(|(product, quantity)| {
            let factors = UnitFactors { block: 6, box_: 24 };
            OrderLine::new(ProductId(product), Unit::Box, *quantity, factors, Money(1_220), VatRate(2_200)).unwrap()
        })
        .collect();
    let totals = totals(&lines).unwrap();
    let body = OrderBody {
        number: number.to_owned(),
        outlet_id: OutletId(1),
        visit_id: None,
        outside_visit: Some("звонок".to_owned()),
        placed_at_ms: NOW,
        local_day: CalendarDay(20_000),
        utc_offset: UtcOffsetMinutes(180),
        delivery_day: None,
        price_type_id: None,
        warehouse_id: None,
        comment: String::new(),
        sum: totals.sum,
        vat_sum: totals.vat_sum,
        lines,
    };
    CheckedOrder { totals, office_vat_rates: vec![Some(VatRate(1_000))], body }
}

#[test]
fn a_newer_revision_takes_the_place_of_an_orders_lines() {
    let world = World::new();
    let put = |n, revision, order: &CheckedOrder, at| {
        world.write(|tx| orders::put(tx, world.author(1), document_id(n), revision, order, UtcMillis(at)));
    };
    put(1, 1, &order("А000-000001", &[1, 2, 3]), 10);
    put(2, 1, &order("А000-000002", &[1]), 20);
    put(1, 2, &order("А000-000001", &[7]), 30);
    let listed = world.write(|tx| orders::list(tx, "D1", 10));
    let seen: Vec<_> = listed.iter().map(|order| (order.number.as_str(), order.revision, order.lines.len(), order.sum)).collect();
    assert_eq!(seen, [("А000-000001", 2, 1, Money(1_220 * 24 * 7)), ("А000-000002", 1, 1, Money(1_220 * 24))]);
    assert_eq!(listed[0].lines[0].office_vat_rate, Some(VatRate(1_000)));
    assert_eq!(world.write(|tx| orders::list(tx, "D1", 1)).len(), 1);
    assert_eq!(world.write(|tx| orders::with_number(tx, "D1", "А000-000002")), Some(document_id(2)));
    assert_eq!(world.write(|tx| orders::with_number(tx, "D2", "А000-000002")), None);
}

#[test]
fn two_orders_of_one_number_stand_side_by_side_and_keep_theirs() {
    let world = World::new();
    let put = |n, revision| world.write(|tx| orders::put(tx, world.author(1), document_id(n), revision, &order("А000-000002", &[1]), NOW));
    assert_eq!([put(1, 1), put(2, 1), put(3, 1)], ["А000-000002", "А000-000002/2", "А000-000002/3"]);
    assert_eq!([put(3, 2), put(1, 2), put(2, 2)], ["А000-000002/3", "А000-000002", "А000-000002/2"]);
    assert_eq!(world.write(|tx| orders::with_number(tx, "D1", "А000-000002/2")), Some(document_id(2)));
}

#[test]
fn a_chain_of_devices_owns_its_documents_together() {
    let world = World::new();
    let first = world.write(|tx| devices::sign_in(tx, &world.scope, UserId(1), introduction(1), NOW));
    let second = world.write(|tx| devices::enrol_again(tx, "D1", &first, device_id(2), 5, NOW)).unwrap();
    assert_eq!((second.lineage, second.number_prefix.as_str(), second.device_seq_floor), (device_id(1), "А001", 0));
    let of_second = Author { device: device_id(2), ..world.author(1) };
    let hash = ContentHash([1; 32]);
    let receipt = world.write(|tx| receipts::insert(tx, world.author(1), answered(1, hash), Outcome::Accepted, NOW));
    assert_eq!(world.write(|tx| receipts::find(tx, of_second, document_id(1), 1, hash)), Earlier::SameContent(receipt));
    assert_eq!(world.write(|tx| receipts::find(tx, of_second, document_id(1), 2, hash)), Earlier::None { highest: 1 });
    assert!(world.write(|tx| receipts::number_is_used(tx, "D1", device_id(1), 1)));
    let take_over = || world.write(|tx| receipts::take_over(tx, of_second, document_id(1), 1, 7));
    assert_eq!([take_over(), take_over()], [true, false], "it counts once");
    assert!(world.write(|tx| receipts::number_is_used(tx, "D1", device_id(2), 7)));
    let stranger = world.author(9);
    assert!(!world.write(|tx| receipts::take_over(tx, stranger, document_id(1), 1, 1)));
}

#[test]
fn a_new_life_is_given_again_until_it_is_used_and_not_for_ever_more() {
    let world = World::new();
    let user = world.write(|tx| users::insert(tx, "D1", user("rep@demo.example"), NOW)).unwrap();
    let old = world.write(|tx| devices::sign_in(tx, &world.scope, user, introduction(1), NOW));
    let ask =
        |n, given, at: UtcMillis| world.write(|tx| devices::enrol_again(tx, "D1", &old, device_id(n), given, at)).map(|device| device.id);
    assert_eq!(ask(2, 5, NOW), Some(device_id(2)));
    assert_eq!(ask(3, 5, NOW), Some(device_id(2)), "the answer was lost");
    assert_eq!(ask(4, 6, NOW), Some(device_id(4)), "another of the twins");
    let token = TokenHash([1; 32]);
    world.write(|tx| tokens::issue_unused(tx, token, "D1", device_id(2), user, PositionId(1), NOW));
    assert_eq!(ask(5, 5, NOW), Some(device_id(2)), "given, and not used");
    world.write(|tx| tokens::note_use(tx, token, NOW));
    assert_eq!(ask(6, 5, NOW), Some(device_id(6)), "used by one: the next is another's");
    for n in 10..39 {
        assert_eq!(ask(n, u64::from(n), NOW), Some(device_id(n)));
    }
    assert_eq!(ask(99, 99, NOW), None, "too many for a day");
    assert_eq!(ask(99, 99, NOW.plus_secs(86_401)), Some(device_id(99)));
}

#[test]
fn prefixes_that_were_given_and_are_nobodys_may_be_used() {
    let world = World::new();
    for n in 1..=2 {
        world.write(|tx| devices::sign_in(tx, &world.scope, UserId(1), introduction(n), NOW));
    }
    let may = |n, prefix| world.write(|tx| devices::may_number_with(tx, "D1", device_id(n), prefix));
    assert_eq!([may(1, "А000"), may(1, "А001"), may(1, "А002"), may(1, "x")], [true, false, false, false]);
    world.write(|tx| devices::skip_prefixes(tx, "D1", 10));
    assert_eq!([may(1, "А002"), may(1, "А011"), may(1, "А012")], [true, true, false]);
    assert_eq!(world.write(|tx| devices::sign_in(tx, &world.scope, UserId(1), introduction(3), NOW)).number_prefix, "А012");
}

#[test]
fn a_device_is_told_to_offer_again_and_believed_in_the_end() {
    let world = World::new();
    world.write(|tx| devices::sign_in(tx, &world.scope, UserId(1), introduction(1), NOW));
    let shall = |answered| world.write(|tx| devices::shall_re_offer(tx, "D1", device_id(1), answered));
    assert!(!shall(0));
    assert!((0..devices::MAX_RE_OFFERS_TOLD).all(|_| shall(7)));
    assert_eq!([shall(7), shall(7)], [false, false]);
    let floor = world.write(|tx| devices::find(tx, "D1", device_id(1))).unwrap().device_seq_floor;
    assert_eq!(floor, 7);
}

#[test]
fn a_document_may_be_of_the_position_that_was_taken_when_it_was_made() {
    let world = World::new();
    let user = UserId(1);
    world.write(|tx| devices::sign_in(tx, &world.scope, user, introduction(1), NOW));
    let hour = 3_600_000;
    for (n, position, at) in [(1, 1, 0), (2, 2, 10 * hour), (3, 3, 20 * hour)] {
        world.write(|tx| tokens::issue(tx, TokenHash([n; 32]), "D1", device_id(1), user, PositionId(position), UtcMillis(at)));
    }
    let former = |at| world.write(|tx| tokens::former_positions(tx, "D1", device_id(1), user, PositionId(3), UtcMillis(at)));
    assert_eq!(former(5 * hour), [PositionId(1)]);
    assert_eq!(former(15 * hour), [PositionId(2)]);
    assert_eq!(former(25 * hour), []);
    assert_eq!(world.write(|tx| tokens::former_positions(tx, "D1", device_id(1), UserId(2), PositionId(3), UtcMillis(0))), []);
}

#[test]
fn tokens_that_ended_long_ago_are_forgotten() {
    let world = World::new();
    let user = world.write(|tx| users::insert(tx, "D1", user("rep@demo.example"), NOW)).unwrap();
    world.write(|tx| devices::sign_in(tx, &world.scope, user, introduction(1), NOW));
    for n in 1..=3 {
        let at = UtcMillis(i64::from(n) * 1_000);
        world.write(|tx| tokens::issue(tx, TokenHash([n; 32]), "D1", device_id(1), user, PositionId(1), at));
    }
    let prune = |before| world.write(|tx| tokens::prune(tx, UtcMillis(before), 100));
    assert_eq!(prune(2_000), 0);
    assert_eq!(prune(3_000), 1, "the first was revoked by the second");
    assert_eq!(prune(10_000), 1);
    assert_eq!(prune(10_000), 0, "the third is good");
    assert!(world.write(|tx| tokens::find(tx, TokenHash([3; 32]))).is_some());
}

#[test]
fn a_savepoint_undoes_its_own_work_only() {
    let world = World::new();
    world.write(|tx| {
        let insert = |n| receipts::insert(tx, world.author(1), answered(n, ContentHash([n; 32])), Outcome::Accepted, NOW);
        in_savepoint(tx, || insert(1))?.unwrap();
        let failed = in_savepoint(tx, || insert(2).and(Err::<(), _>(StoreError::Corrupt("as the test wants"))))?;
        assert!(failed.is_err());
        in_savepoint(tx, || insert(3))?.unwrap();
        Ok(())
    });
    let answered = |n| world.write(|tx| receipts::exists(tx, "D1", document_id(n), 1));
    assert_eq!([answered(1), answered(2), answered(3)], [true, false, true]);
}
