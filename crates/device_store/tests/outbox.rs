//! What one failing document holds back, what is set aside, taken back, offered again, and numbered anew.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;

use polevik_device_store::platform::Folder;
use polevik_device_store::work::numbers::{self, Sequence};
use polevik_device_store::work::outbox::{self, Answer, Counts, NewEntry, Selected, Selection, Standing};
use polevik_device_store::work::parking::{self, Withdrawal};
use polevik_device_store::work::sessions::{self, JournalledSession};
use polevik_device_store::work::{journal, repairs};
use polevik_device_store::{Store, Transaction};
use polevik_domain::ids::{DocumentId, PositionId};
use polevik_domain::time::UtcMillis;

const POSITION: PositionId = PositionId(17);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A device that nobody else uses.
struct World {
    store: Store,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Store::open(Box::new(Folder::new(folder.path()).unwrap())).unwrap(), _folder: folder }
    }

    fn work(&mut self) -> Transaction<'_> {
        self.store.work().unwrap()
    }
}

fn document(place: u8) -> DocumentId {
    DocumentId::generate(UtcMillis(1), [place; 10])
}

fn append(tx: &Transaction<'_>, place: u8, revision: u32, lane: u8) {
    let kind = if place == lane { "visit" } else { "order" };
    let entry = NewEntry {
        document_id: document(place),
        revision,
        kind,
        position: POSITION,
        lane: document(lane),
        created_at: UtcMillis(i64::from(place)),
        body: r#"{"a": 1}"#,
    };
    outbox::append(tx, &entry).unwrap();
}

fn select(tx: &Transaction<'_>) -> Selected {
    select_within(tx, 100, 10_000, &BTreeSet::new())
}

fn select_within(tx: &Transaction<'_>, max_entries: usize, max_bytes: usize, passed_over: &BTreeSet<DocumentId>) -> Selected {
    outbox::next(tx, &Selection { position: POSITION, up_to: i64::MAX, max_entries, max_bytes, passed_over }).unwrap()
}

/// The places and revisions that the next request carries.
fn next(tx: &Transaction<'_>) -> Vec<(u8, u32)> {
    named(&select(tx))
}

fn named(selected: &Selected) -> Vec<(u8, u32)> {
    let place = |id| (1..=20).find(|place| document(*place) == id).unwrap();
    selected.entries.iter().map(|entry| (place(entry.document_id), entry.revision)).collect()
}

fn accept(tx: &Transaction<'_>, place: u8, revision: u32, at: i64) {
    assert!(outbox::settle(tx, document(place), revision, &Answer { at: UtcMillis(at), refusal: None }).unwrap());
}

fn refuse(tx: &Transaction<'_>, place: u8, revision: u32, at: i64) {
    let answer = Answer { at: UtcMillis(at), refusal: Some(("D401", "закрыта", None)) };
    assert!(outbox::settle(tx, document(place), revision, &answer).unwrap());
}

/// The third failure sets a revision aside.
fn park(tx: &Transaction<'_>, place: u8, revision: u32) {
    let parked: Vec<bool> = (0..3).map(|_| parking::count_failure(tx, document(place), revision, UtcMillis(9)).unwrap()).collect();
    assert_eq!(parked, [false, false, true]);
}

#[test]
fn a_parked_document_holds_back_its_lane_and_nothing_else() {
    let mut world = World::new();
    let tx = world.work();
    append(&tx, 1, 1, 1);
    append(&tx, 2, 1, 1);
    append(&tx, 3, 1, 3);
    append(&tx, 1, 2, 1);
    append(&tx, 4, 1, 3);
    park(&tx, 2, 1);
    assert_eq!(next(&tx), [(1, 1), (3, 1), (4, 1)], "the visit's second revision waits behind its order");
    assert_eq!(outbox::waiting_up_to(&tx, POSITION, i64::MAX).unwrap(), 3, "what cannot be sent does not make the row red");
    assert_eq!(outbox::unsent(&tx).unwrap(), 4, "but all four documents are unsent");
    assert_eq!(outbox::standing(&tx, document(2)).unwrap(), Some(Standing::Parked));
    let counts = outbox::counts(&tx, POSITION).unwrap();
    assert_eq!(counts, Counts { orders: 1, visits: 2, parked: 1, oldest_unsent: Some(UtcMillis(1)), ..Counts::default() });
    let held_back: Vec<bool> = outbox::queue(&tx, 10).unwrap().iter().map(|entry| entry.held_back).collect();
    assert_eq!(held_back, [false, false, false, true, false]);

    assert_eq!(parking::unpark(&tx, document(2)).unwrap(), 1);
    assert_eq!(next(&tx), [(1, 1), (2, 1), (3, 1), (1, 2), (4, 1)]);
    assert!(!parking::count_failure(&tx, document(2), 1, UtcMillis(9)).unwrap(), "its failures are counted from the beginning");
}

#[test]
fn everything_parked_goes_on_at_once() {
    let mut world = World::new();
    let tx = world.work();
    for place in [1, 2, 3] {
        append(&tx, place, 1, place);
        park(&tx, place, 1);
    }
    assert_eq!(next(&tx), []);
    assert_eq!(parking::unpark_all(&tx).unwrap(), 3);
    assert_eq!(next(&tx).len(), 3);
}

#[test]
fn an_answer_ends_the_count_of_failures() {
    let mut world = World::new();
    let tx = world.work();
    append(&tx, 1, 1, 1);
    assert!(!parking::count_failure(&tx, document(1), 1, UtcMillis(9)).unwrap());
    accept(&tx, 1, 1, 5);
    for _ in 0..5 {
        assert!(!parking::count_failure(&tx, document(1), 1, UtcMillis(9)).unwrap(), "what is answered is never set aside");
    }
    assert_eq!(outbox::standing(&tx, document(1)).unwrap(), Some(Standing::Accepted));
}

#[test]
fn a_batch_keeps_its_limits_and_passes_over_lanes() {
    let mut world = World::new();
    let tx = world.work();
    append(&tx, 1, 1, 1);
    append(&tx, 2, 1, 1);
    append(&tx, 3, 1, 3);
    let nobody = BTreeSet::new();
    let two = select_within(&tx, 2, 10_000, &nobody);
    assert_eq!((named(&two), two.is_last), (vec![(1, 1), (2, 1)], false));
    let tiny = select_within(&tx, 10, 1, &nobody);
    assert_eq!((named(&tiny), tiny.is_last), (vec![(1, 1)], false), "one goes whatever its size");
    let passed_over = [document(1)].into();
    let rest = select_within(&tx, 10, 10_000, &passed_over);
    assert_eq!((named(&rest), rest.is_last), (vec![(3, 1)], true));
    let all = select_within(&tx, 3, 10_000, &nobody);
    assert!(all.is_last, "exactly full, and nothing is left");
}

#[test]
fn a_withdrawal_follows_what_waits_and_overtakes_what_is_parked() {
    let mut world = World::new();
    let tx = world.work();
    append(&tx, 1, 1, 1);
    append(&tx, 2, 1, 1);
    append(&tx, 3, 1, 3);
    assert_eq!(parking::withdraw(&tx, document(3), UtcMillis(10), "{}").unwrap(), Withdrawal::Promised { revision: 2 });
    assert_eq!(next(&tx), [(1, 1), (2, 1), (3, 1), (3, 2)], "what simply waits is sent first");
    assert_eq!(outbox::standing(&tx, document(3)).unwrap(), Some(Standing::Withdrawn { answered: false }));

    park(&tx, 2, 1);
    assert_eq!(parking::withdraw(&tx, document(2), UtcMillis(11), "{}").unwrap(), Withdrawal::Promised { revision: 2 });
    assert_eq!(next(&tx), [(1, 1), (3, 1), (3, 2), (2, 2)], "what was set aside is never sent any more");
    assert_eq!(outbox::counts(&tx, POSITION).unwrap().withdrawals, 2);
    assert_eq!(parking::withdraw(&tx, document(2), UtcMillis(12), "{}").unwrap(), Withdrawal::Already);
    assert_eq!(parking::withdraw(&tx, document(9), UtcMillis(12), "{}").unwrap(), Withdrawal::Unknown);

    accept(&tx, 2, 2, 20);
    assert_eq!(outbox::standing(&tx, document(2)).unwrap(), Some(Standing::Withdrawn { answered: true }));
    assert_eq!(outbox::unsent(&tx).unwrap(), 2, "the document that was withdrawn is not unsent any more");
}

#[test]
fn a_refused_document_can_be_withdrawn_and_a_refused_withdrawal_repeated() {
    let mut world = World::new();
    let tx = world.work();
    append(&tx, 1, 1, 1);
    refuse(&tx, 1, 1, 5);
    assert_eq!(outbox::counts(&tx, POSITION).unwrap().refused, 1);
    assert_eq!(parking::withdraw(&tx, document(1), UtcMillis(10), "{}").unwrap(), Withdrawal::Promised { revision: 2 });
    assert_eq!(outbox::counts(&tx, POSITION).unwrap().refused, 0, "the badge goes with the withdrawal");
    assert_eq!(next(&tx), [(1, 2)]);
    refuse(&tx, 1, 2, 12);
    assert!(matches!(outbox::standing(&tx, document(1)).unwrap(), Some(Standing::Refused { .. })));
    assert_eq!(parking::withdraw(&tx, document(1), UtcMillis(13), "{}").unwrap(), Withdrawal::Promised { revision: 3 });
}

#[test]
fn answered_documents_of_thirty_days_are_offered_again_before_new_ones() {
    let mut world = World::new();
    let tx = world.work();
    let now = UtcMillis(100 * DAY_MS);
    for place in 1..=4 {
        append(&tx, place, 1, place);
    }
    accept(&tx, 1, 1, 60 * DAY_MS);
    accept(&tx, 2, 1, 80 * DAY_MS);
    refuse(&tx, 3, 1, 90 * DAY_MS);
    let since = journal::keep_since(now);
    assert_eq!(journal::life(&tx, since).unwrap(), journal::Life { given: 4, answered: 3 });
    assert_eq!(journal::mark_re_offer(&tx, since).unwrap(), 2);
    assert_eq!(journal::mark_re_offer(&tx, since).unwrap(), 0, "a second time changes nothing");
    assert_eq!(next(&tx), [(2, 1), (3, 1), (4, 1)]);
    assert!(select(&tx).entries[0].re_offer);
    assert_eq!(journal::life(&tx, since).unwrap().answered, 0, "until they are answered again");
    let counts = outbox::counts(&tx, POSITION).unwrap();
    assert_eq!((counts.re_offered, counts.orders + counts.visits), (2, 1), "they are not unsent");
    assert_eq!(outbox::waiting_up_to(&tx, POSITION, i64::MAX).unwrap(), 1);

    accept(&tx, 2, 1, 101 * DAY_MS);
    accept(&tx, 3, 1, 101 * DAY_MS);
    assert_eq!(next(&tx), [(4, 1)]);
    assert_eq!(outbox::standing(&tx, document(3)).unwrap(), Some(Standing::Accepted), "the restored server's word counts");
}

#[test]
fn old_bodies_of_accepted_documents_go_and_nothing_else() {
    let mut world = World::new();
    let tx = world.work();
    for place in 1..=4 {
        append(&tx, place, 1, place);
    }
    accept(&tx, 1, 1, 10 * DAY_MS);
    refuse(&tx, 2, 1, 10 * DAY_MS);
    accept(&tx, 3, 1, 90 * DAY_MS);
    let before = journal::keep_since(UtcMillis(100 * DAY_MS));
    assert_eq!(journal::prune(&tx, before).unwrap(), 1);
    assert_eq!(journal::prune(&tx, before).unwrap(), 0);
    assert_eq!(outbox::standing(&tx, document(1)).unwrap(), Some(Standing::Accepted));
    let bodies: i64 = tx.query_row("SELECT COUNT(*) FROM outbox WHERE body <> ''", [], |row| row.get(0)).unwrap();
    assert_eq!(bodies, 3);
    assert_eq!(journal::mark_re_offer(&tx, UtcMillis(0)).unwrap(), 2, "without its body a document cannot be offered");
}

#[test]
fn in_a_new_life_unanswered_documents_count_from_one() {
    let mut world = World::new();
    let tx = world.work();
    for place in 1..=5 {
        append(&tx, place, 1, place);
    }
    accept(&tx, 1, 1, 5);
    accept(&tx, 3, 1, 5);
    park(&tx, 4, 1);
    assert_eq!(journal::renumber_unanswered(&tx).unwrap(), 3);
    assert_eq!(journal::life(&tx, UtcMillis(0)).unwrap(), journal::Life { given: 3, answered: 0 });
    append(&tx, 6, 1, 6);
    let wire: Vec<(u8, u64)> =
        named(&select(&tx)).iter().map(|(place, _)| *place).zip(select(&tx).entries.iter().map(|entry| entry.wire_seq)).collect();
    assert_eq!(wire, [(2, 1), (5, 3), (6, 4)], "the parked one has number 2");
    accept(&tx, 5, 1, 9);
    assert_eq!(journal::life(&tx, UtcMillis(0)).unwrap(), journal::Life { given: 4, answered: 3 });
    journal::mark_re_offer(&tx, UtcMillis(0)).unwrap();
    let again: Vec<u64> = select(&tx).entries.iter().filter(|entry| entry.re_offer).map(|entry| entry.wire_seq).collect();
    assert_eq!(again, [0, 0, 3], "documents of the earlier life have no number in this one");

    numbers::raise(&tx, &Sequence::Document, 9).unwrap();
    assert_eq!(journal::life(&tx, UtcMillis(0)).unwrap().given, 9, "a floor counts from the beginning of the life");
}

#[test]
fn the_third_failed_repair_of_a_day_is_the_third() {
    let mut world = World::new();
    let tx = world.work();
    let hours = |hours: i64| UtcMillis(hours * 60 * 60 * 1_000);
    let counts: Vec<u32> = [0, 10, 23, 30, 60].into_iter().map(|at| repairs::note_failure(&tx, hours(at)).unwrap()).collect();
    assert_eq!(counts, [1, 2, 3, 3, 1], "those of more than a day ago do not count");
    assert_eq!(repairs::note_failure(&tx, hours(5)).unwrap(), 1, "nor those that a clock set back has put into the future");
    repairs::forget_failures(&tx).unwrap();
    assert_eq!(repairs::note_failure(&tx, hours(6)).unwrap(), 1);
}

#[test]
fn the_last_two_hundred_sessions_are_kept() {
    let mut world = World::new();
    let tx = world.work();
    let session = |number: i64| JournalledSession {
        ended_at: UtcMillis(number),
        cause: "asked".to_owned(),
        tag: format!("7F3K-{number}"),
        result: "success".to_owned(),
        code: None,
        sent: 1,
        received: 2,
        bytes: 3,
        millis: 4,
    };
    for number in 1..=250 {
        sessions::note(&tx, &session(number)).unwrap();
    }
    let kept = sessions::newest(&tx, 1_000).unwrap();
    assert_eq!((kept.len(), kept.first(), kept.last()), (200, Some(&session(250)), Some(&session(51))));
}
