//! A damaged `work` is copied aside, read out as far as it can be, and begun anew; nothing that could be read is lost.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::path::Path;

use polevik_device_store::db::{Damaged, commit};
use polevik_device_store::platform::Folder;
use polevik_device_store::work::numbers::{self, Sequence};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::orders::{self, OrderHead};
use polevik_device_store::work::outbox::{self, Answer, NewEntry};
use polevik_device_store::work::visits::{self, Visit};
use polevik_device_store::{Result, Store};
use polevik_domain::ids::{DocumentId, OutletId, PositionId};
use polevik_domain::order::OrderTotals;
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};

const POSITION: PositionId = PositionId(17);
const PAGE_BYTES: usize = 4_096;
const DOCUMENTS: i64 = 60;

fn open(folder: &Path) -> Result<Store> {
    Store::open(Box::new(Folder::new(folder)?))
}

fn document(number: i64) -> DocumentId {
    DocumentId::generate(UtcMillis(1_795_000_000_000 + number), [7; 10])
}

/// Some bodies are longer than a page.
fn body(number: i64) -> String {
    let filler = "ж".repeat(if number % 10 == 0 { 5_000 } else { 60 });
    format!(r#"{{"number": {number}, "comment": "{filler}"}}"#)
}

/// A device with visits and orders, of which a third is answered.
fn fill(store: &mut Store) {
    let tx = store.work().unwrap();
    for (name, value) in [
        (OptionName::DeviceId, "01a20244-e800-7058-80cb-c730209a50ab"),
        (OptionName::Server, "http://office"),
        (OptionName::Token, "token"),
        (OptionName::NumberPrefix, "А017"),
    ] {
        options::set(&tx, name, value).unwrap();
    }
    for number in 1..=DOCUMENTS {
        let id = document(number);
        visits::insert(
            &tx,
            &Visit {
                id,
                position: POSITION,
                outlet: OutletId(number),
                outlet_name: format!("Магазин {number}"),
                route_stop: None,
                local_day: CalendarDay(20_000),
                utc_offset: UtcOffsetMinutes(180),
                started_at: UtcMillis(number),
                finished_at: None,
            },
        )
        .unwrap();
        let order = OrderHead {
            id,
            position: POSITION,
            number: None,
            outlet: OutletId(number),
            outlet_name: format!("Магазин {number}"),
            visit: Some(id),
            outside_visit: None,
            price_type: None,
            warehouse: None,
            delivery_day: None,
            comment: String::new(),
            at: UtcMillis(number),
            local_day: CalendarDay(20_000),
            totals: OrderTotals::default(),
        };
        orders::save_draft(&tx, &order).unwrap();
        let taken = numbers::take(&tx, &Sequence::Number("А017")).unwrap();
        tx.execute("UPDATE customer_order SET number = ?2 WHERE id = ?1", (id.as_bytes(), format!("А017-{taken:06}"))).unwrap();
        let body = body(number);
        let entry = NewEntry {
            document_id: id,
            revision: 1,
            kind: "order",
            position: POSITION,
            lane: id,
            created_at: UtcMillis(number),
            body: &body,
        };
        outbox::append(&tx, &entry).unwrap();
        if number % 3 == 0 {
            assert!(outbox::settle(&tx, id, 1, &Answer { at: UtcMillis(number), refusal: None }).unwrap());
        }
    }
    commit(tx).unwrap();
}

/// The bytes of a filled `work` at rest.
fn filled() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    fill(&mut store);
    drop(store);
    std::fs::read(folder.path().join("work.db")).unwrap()
}

/// Which documents stand in the outbox, each with the body that was written.
fn documents(store: &mut Store) -> BTreeSet<i64> {
    let tx = store.work().unwrap();
    let mut statement = tx.prepare("SELECT document_id, body FROM outbox ORDER BY device_seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))).unwrap();
    let mut found = BTreeSet::new();
    for row in rows {
        let (id, text) = row.unwrap();
        let id = DocumentId::from_slice(&id).unwrap();
        let number = (1..=DOCUMENTS).find(|number| document(*number) == id).expect("a document that was written");
        assert_eq!(text, body(number), "a body is whole or not there");
        found.insert(number);
    }
    found
}

fn unanswered(store: &mut Store) -> usize {
    outbox::unanswered(&store.work().unwrap(), POSITION, 0, i64::MAX, 1_000).unwrap().len()
}

#[test]
fn whatever_page_is_damaged_the_documents_of_the_others_are_read_out() {
    let right = filled();
    let pages = right.len() / PAGE_BYTES;
    let mut whole = 0;
    for page in 0..pages {
        let mut damaged = right.clone();
        damaged[page * PAGE_BYTES..(page + 1) * PAGE_BYTES].fill(0xa5);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("work.db"), &damaged).unwrap();

        let mut store = open(folder.path()).unwrap();
        let found = documents(&mut store);
        // A page holds some twenty of them.
        assert!(found.len() >= usize::try_from(DOCUMENTS).unwrap() - 40, "page {page}: only {} documents", found.len());
        whole += usize::from(found.len() == usize::try_from(DOCUMENTS).unwrap());
        let waiting = (1..=DOCUMENTS).filter(|number| number % 3 != 0 && found.contains(number)).count();
        assert!(unanswered(&mut store) >= waiting, "page {page}: what waits still waits");
        let tx = store.work().unwrap();
        let told = options::get(&tx, OptionName::WorkDamaged).unwrap();
        // A page of an index, or one that is not used, may be damaged without harm to what is read by others.
        if told.is_some() {
            assert_eq!(told.as_deref(), Some("work-damaged.db"), "page {page}");
            assert_eq!(std::fs::read(folder.path().join("work-damaged.db")).unwrap(), damaged, "page {page}: the copy is as it was");
        }
        assert!(numbers::last(&tx, &Sequence::Document).unwrap() >= *found.last().unwrap(), "page {page}: no place is given twice");
        let given: Option<String> = tx.query_row("SELECT MAX(number) FROM customer_order", [], |row| row.get(0)).unwrap();
        let last = numbers::last(&tx, &Sequence::Number("А017")).unwrap();
        assert!(given.is_none_or(|given| given <= format!("А017-{last:06}")), "page {page}: no number is given twice");
        drop(tx);

        drop(store);
        let mut store = open(folder.path()).unwrap();
        assert_eq!(documents(&mut store), found, "page {page}: opening again changes nothing");
        assert!(!folder.path().join("work-damaged-2.db").exists());
        assert!(!folder.path().join("work-salvaged.db").exists());
    }
    assert!(whole > pages / 4, "most pages hold other things: {whole} of {pages}");
}

#[test]
fn without_its_id_a_device_begins_a_new_life() {
    let right = filled();
    let folder = tempfile::tempdir().unwrap();
    let needle = b"device_id01a20244";
    let page = right.windows(needle.len()).position(|bytes| bytes == needle).unwrap() / PAGE_BYTES;
    let mut damaged = right;
    damaged[page * PAGE_BYTES..(page + 1) * PAGE_BYTES].fill(0);
    std::fs::write(folder.path().join("work.db"), &damaged).unwrap();

    let mut store = open(folder.path()).unwrap();
    let tx = store.work().unwrap();
    assert_eq!(options::get(&tx, OptionName::DeviceId).unwrap(), None);
    assert_eq!(options::get(&tx, OptionName::Token).unwrap(), None, "the person signs in again");
    let waiting = outbox::unanswered(&tx, POSITION, 0, i64::MAX, 1_000).unwrap();
    let wire: Vec<u64> = waiting.iter().map(|entry| entry.wire_seq).collect();
    assert_eq!(wire, (1..=40).collect::<Vec<u64>>(), "numbers of the new life are dense");
}

#[test]
fn damage_met_while_the_store_is_open_is_healed_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    fill(&mut store);
    let before = documents(&mut store);
    drop(store);
    let path = folder.path().join("work.db");
    let mut store = open(folder.path()).unwrap();
    let mut damaged = std::fs::read(&path).unwrap();
    let half = damaged.len() / 2 / PAGE_BYTES * PAGE_BYTES;
    damaged[half..half + PAGE_BYTES].fill(0x5a);
    std::fs::write(&path, &damaged).unwrap();

    assert_eq!(store.recover().unwrap(), Damaged::Work);
    let found = documents(&mut store);
    assert!(found.is_subset(&before) && found.len() + 40 >= before.len());
    // The device goes on.
    let tx = store.work().unwrap();
    let entry = NewEntry {
        document_id: document(500),
        revision: 1,
        kind: "order",
        position: POSITION,
        lane: document(500),
        created_at: UtcMillis(1),
        body: "{}",
    };
    outbox::append(&tx, &entry).unwrap();
    commit(tx).unwrap();
}

#[test]
fn a_second_damage_is_copied_under_a_name_of_its_own() {
    let right = filled();
    let folder = tempfile::tempdir().unwrap();
    for copy in ["work-damaged.db", "work-damaged-2.db", "work-damaged-3.db"] {
        let mut damaged = right.clone();
        damaged[..100].fill(0);
        std::fs::write(folder.path().join("work.db"), &damaged).unwrap();
        let mut store = open(folder.path()).unwrap();
        assert_eq!(options::get(&store.work().unwrap(), OptionName::WorkDamaged).unwrap().as_deref(), Some(copy));
        assert_eq!(documents(&mut store).len(), usize::try_from(DOCUMENTS).unwrap(), "only the head of the file is gone");
        assert_eq!(std::fs::read(folder.path().join(copy)).unwrap(), damaged);
    }
}

#[test]
fn a_salvage_that_was_cut_short_is_begun_again_and_one_that_was_ready_is_finished() {
    let right = filled();
    let mut damaged = right.clone();
    damaged[..200].fill(0x5a);
    // Half a salvaged file is nothing.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("work.db"), &damaged).unwrap();
    std::fs::write(folder.path().join("work-salvaged.db"), &right[..3 * PAGE_BYTES]).unwrap();
    let mut store = open(folder.path()).unwrap();
    assert_eq!(documents(&mut store).len(), usize::try_from(DOCUMENTS).unwrap());
    let ready = {
        drop(store);
        std::fs::read(folder.path().join("work.db")).unwrap()
    };
    // The salvaged file was ready, and the process died while it was put into its place.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("work.db"), &ready[..ready.len() / 2]).unwrap();
    std::fs::write(folder.path().join("work-salvaged.db"), &ready).unwrap();
    let mut store = open(folder.path()).unwrap();
    assert_eq!(documents(&mut store).len(), usize::try_from(DOCUMENTS).unwrap());
    assert!(!folder.path().join("work-salvaged.db").exists());
}

#[test]
fn a_log_that_was_not_written_back_is_read_out_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    fill(&mut store);
    let log = std::fs::read(folder.path().join("work.db-wal")).unwrap();
    assert!(!log.is_empty());
    // The process dies, and the disk loses the head of the database, not the log.
    let other = tempfile::tempdir().unwrap();
    let mut database = std::fs::read(folder.path().join("work.db")).unwrap();
    database.iter_mut().take(100).for_each(|byte| *byte = 0x5a);
    std::fs::write(other.path().join("work.db"), &database).unwrap();
    std::fs::write(other.path().join("work.db-wal"), &log).unwrap();
    drop(store);

    let mut store = open(other.path()).unwrap();
    assert_eq!(documents(&mut store).len(), usize::try_from(DOCUMENTS).unwrap());
}
