//! A new base touches only the ranges that differ; a bucket that does not add up is repaired range by range.

use polevik_device_store::Store;
use polevik_device_store::db::commit;
use polevik_device_store::reference::apply::{Applier, held};
use polevik_device_store::reference::verify::{self, Verdict};
use polevik_device_store::reference::{checkpoints, repair};
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::checksum::StateSum;

use crate::office::{KEY, Office, number_of, open, row, rows_in, state_of, table};

/// Asks the office for the bad ranges of a bucket until nothing differs. Gives how many requests and rows that took.
pub fn repair_bucket(store: &mut Store, office: &Office, bucket: &BucketName) -> (u32, u64) {
    let number = number_of(store, bucket);
    let mut ranges = repair::held(&store.read().unwrap().reference, KEY, number).unwrap();
    let (mut requests, mut rows) = (0, 0);
    loop {
        requests += 1;
        assert!(requests < 20, "{bucket} is not repaired in twenty requests");
        let (repaired, narrower) = office.repair(bucket, &ranges);
        let tx = store.reference().unwrap();
        for (range, segment) in repaired {
            rows += repair::apply_range(&tx, KEY, number, range, &segment).unwrap();
        }
        let settled = narrower.is_empty() && verify::settle(&tx, KEY, number, office.state(bucket)).unwrap();
        commit(tx).unwrap();
        if narrower.is_empty() {
            assert!(settled, "{bucket} adds up after its repair");
            return (requests, rows);
        }
        ranges = repair::held_within(&store.read().unwrap().reference, KEY, number, &narrower).unwrap();
    }
}

#[test]
fn what_is_held_of_a_range_is_the_sum_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let office = Office::small();
    office.load(&mut store);
    let bucket = BucketName::new(BucketKind::PriceType, 1);
    let number = number_of(&mut store, &bucket);
    let ranges = [(i64::MIN, 0), (1, 10), (12, 12), (13, 59), (60, i64::MAX)];
    let states = held(&store.read().unwrap().reference, number, table("price"), &ranges).unwrap();
    for ((lo, hi), state) in ranges.into_iter().zip(states) {
        assert_eq!(state, office.base(&bucket, table("price"), lo..=hi).1, "{lo}..={hi}: the other price list does not count");
    }
}

#[test]
fn a_base_range_replaces_its_keys_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut office = Office::small();
    office.load(&mut store);
    let bucket = BucketName::new(BucketKind::PriceType, 1);
    let number = number_of(&mut store, &bucket);
    let price = table("price");
    let rows = office.rows.get_mut(&(bucket.clone(), "price")).unwrap();
    rows.remove(&10);
    rows.remove(&20);
    rows.insert(11, row(price, 11, 5));
    rows.insert(40, row(price, 40, 5));
    // A later delta says what becomes of 15: the base must leave it alone.
    let skipped = rows.remove(&15).unwrap();

    let tx = store.reference().unwrap();
    let mut applier = Applier::new(&tx, KEY, &checkpoints::all(&tx).unwrap());
    applier.range(number, &office.segment(&bucket, price, 1..=30), (1, 30), |pk| pk == 15).unwrap();
    let applied = applier.finish().unwrap();
    assert_eq!(applied.rows, 3, "10 and 20 left, 11 changed");
    let rows = office.rows.get_mut(&(bucket.clone(), "price")).unwrap();
    rows.insert(15, skipped);
    rows.insert(40, row(price, 40, 0));
    assert_eq!(applied.states[&number], office.state(&bucket));
    assert_eq!(rows_in(&tx).unwrap(), office.all_rows());
}

#[test]
fn one_wrong_value_among_many_rows_costs_two_requests_and_a_few_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut office = Office::default();
    let bucket = BucketName::new(BucketKind::Distributor, 1);
    office.fill(&bucket, "warehouse", 1..=60_000);
    office.load(&mut store);
    let tx = store.reference().unwrap();
    tx.execute("UPDATE warehouse SET name = 'не то' WHERE id = 44444", []).unwrap();
    commit(tx).unwrap();

    let tx = store.reference().unwrap();
    let Verdict::Read { wrong, .. } = verify::verify(&tx, KEY).unwrap() else { panic!("the file is sound") };
    commit(tx).unwrap();
    assert_eq!(wrong, std::slice::from_ref(&bucket));
    let (requests, rows) = repair_bucket(&mut store, &office, &bucket);
    assert!(requests <= 2 && rows <= 1_024, "{requests} requests, {rows} rows");
    assert_eq!(rows_in(&store.read().unwrap().reference).unwrap(), office.all_rows());
}

#[test]
fn lost_rows_come_back_and_strangers_leave() {
    for damage in [
        "DELETE FROM warehouse WHERE id > 10",
        "DELETE FROM warehouse",
        "UPDATE warehouse SET id = -id WHERE id % 2 = 0",
        "UPDATE warehouse SET id = id + 1000000000000 WHERE id < 2000",
        "INSERT INTO warehouse SELECT id + 15000, _bucket, _hash, ext_code, name FROM warehouse WHERE id < 1000",
        "UPDATE warehouse SET _bucket = 99 WHERE id = 3",
        "UPDATE warehouse SET _bucket = 2 WHERE id = 3",
        "UPDATE warehouse SET _hash = _hash + 1",
        "UPDATE bucket SET sum = sum + 1 WHERE bucket_no = 1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path()).unwrap();
        let mut office = Office::default();
        let (first, second) = (BucketName::new(BucketKind::Distributor, 1), BucketName::new(BucketKind::Distributor, 2));
        office.fill(&first, "warehouse", 1..=1_500);
        office.fill(&second, "warehouse", 9_000..=9_010);
        office.load(&mut store);
        let tx = store.reference().unwrap();
        tx.execute(damage, []).unwrap();
        commit(tx).unwrap();

        let tx = store.reference().unwrap();
        let Verdict::Read { wrong, .. } = verify::verify(&tx, KEY).unwrap() else { panic!("the file is sound") };
        commit(tx).unwrap();
        for bucket in wrong {
            repair_bucket(&mut store, &office, &bucket);
        }
        let tx = store.reference().unwrap();
        assert_eq!(rows_in(&tx).unwrap(), office.all_rows(), "{damage}");
        let right = Verdict::Read { wrong: vec![], rows: 1_511, mended: 0 };
        assert_eq!(verify::verify(&tx, KEY).unwrap(), right, "{damage}");
    }
}

#[test]
fn the_office_s_segment_of_another_range_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let office = Office::small();
    office.load(&mut store);
    let bucket = BucketName::new(BucketKind::PriceType, 1);
    let number = number_of(&mut store, &bucket);
    let segment = office.segment(&bucket, table("price"), 1..=30);
    let tx = store.reference().unwrap();
    let range = |table, lo, hi| polevik_protocol::repair::KeyRange { table, lo, hi };
    assert!(repair::apply_range(&tx, KEY, number, range(table("price").id, 1, 29), &segment).is_err());
    assert!(repair::apply_range(&tx, KEY, number, range(table("stock").id, 1, 30), &segment).is_err());
    assert_eq!(rows_in(&tx).unwrap(), office.all_rows());
}

#[test]
fn one_row_s_sum_is_what_the_office_makes_of_it() {
    let office = Office::small();
    let bucket = BucketName::new(BucketKind::PriceType, 1);
    let rows = &office.rows[&(bucket.clone(), "price")];
    let sum = rows.iter().fold(StateSum::default(), |sum, (id, values)| sum.combine(state_of(table("price"), *id, values)));
    assert_eq!(sum, office.state(&bucket));
}
