//! What the feed promises on every database: dense numbers, no gap after a rollback, sums that follow the rows.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_domain::ids::DistributorId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, RowHasher};
use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::rows::{PRICE_TYPE, PriceTypeRow, STOCK, StockRow, Value};
use polevik_protocol::segment::SegmentKind;
use polevik_server_store::feed::change_log;
use polevik_server_store::feed::segments::{self, Discarded, StoredSegment};
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::{Put, ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, Transaction, migrate};
use proptest::prelude::*;

const NOW: UtcMillis = UtcMillis(1_000);

struct World {
    store: Store,
    part: Part,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, NOW).unwrap();
        let part = Part {
            id: "D1".to_owned(),
            name: "Distributor".to_owned(),
            distributor: DistributorId(1),
            epoch: "e1".to_owned(),
            hash_key: HashKey([3; 32]),
        };
        store.write(|tx| part::create(tx, &part, NOW)).unwrap();
        Self { store, part, _folder: folder }
    }

    fn write<T>(&self, work: impl FnOnce(&mut ReferenceWriter<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.store.write(|tx| {
            let mut writer = ReferenceWriter::new(tx, &self.part, NOW);
            let value = work(&mut writer)?;
            writer.finish()?;
            Ok(value)
        })
    }

    fn head(&self, bucket: &str) -> (u64, u64) {
        let head = self.store.read(|tx| change_log::head(tx, "D1", &name(bucket))).unwrap();
        head.map_or((0, 0), |head| (head.head.0, head.state.rows))
    }

    /// The head's state is what the rows add up to.
    fn check_state(&self, bucket: &str) {
        let (said, counted) = self
            .store
            .read(|tx| Ok::<_, StoreError>((change_log::head(tx, "D1", &name(bucket))?, rows::recount(tx, "D1", &name(bucket))?)))
            .unwrap();
        assert_eq!(said.map(|head| head.state).unwrap_or_default(), counted, "{bucket}");
    }
}

fn name(bucket: &str) -> BucketName {
    BucketName::parse(bucket).unwrap()
}

fn stock(available: i64) -> Vec<Value> {
    StockRow { id: 0, warehouse_id: 1, product_id: 1, available, as_of_ms: 5 }.into_row().values
}

#[test]
fn numbers_are_dense_and_a_rollback_leaves_no_gap() {
    let world = World::new();
    let bucket = name("warehouse:1");
    let put = |key: &str, n| world.write(|writer| writer.put(STOCK, key, &bucket, &stock(n)));
    assert_eq!(put("a", 1).unwrap(), Put::Inserted(1));
    let undone: Result<(), StoreError> = world.store.write(|tx| {
        let mut writer = ReferenceWriter::new(tx, &world.part, NOW);
        writer.put(STOCK, "lost", &bucket, &stock(1))?;
        assert_eq!(writer.finish()?[0].head, ChangeNo(2));
        Err(StoreError::Corrupt("as the test wants"))
    });
    assert!(undone.is_err());
    assert_eq!(put("b", 2).unwrap(), Put::Inserted(2));
    let changes = world.store.read(|tx| change_log::changed_rows(tx, "D1", &bucket, ChangeNo(0), ChangeNo(9))).unwrap();
    assert_eq!(changes.iter().map(|(_, pk)| *pk).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.head("warehouse:1"), (2, 2));
    world.check_state("warehouse:1");
}

#[test]
fn a_row_that_does_not_differ_is_not_written_and_nobody_hears_of_it() {
    let world = World::new();
    let bucket = name("warehouse:1");
    let put = |n| world.write(|writer| writer.put(STOCK, "a", &bucket, &stock(n))).unwrap();
    assert_eq!(put(1), Put::Inserted(1));
    assert_eq!(put(1), Put::Unchanged(1));
    assert_eq!(world.head("warehouse:1"), (1, 1));
    assert_eq!(put(2), Put::Updated(1));
    assert_eq!(world.head("warehouse:1"), (2, 1));
    world.check_state("warehouse:1");
}

#[test]
fn a_row_that_moves_leaves_one_bucket_and_enters_the_other() {
    let world = World::new();
    let values = stock(1);
    world.write(|writer| writer.put(STOCK, "a", &name("warehouse:1"), &values)).unwrap();
    assert_eq!(world.write(|writer| writer.put(STOCK, "a", &name("warehouse:2"), &values)).unwrap(), Put::Updated(1));
    assert_eq!(world.head("warehouse:1"), (2, 0));
    assert_eq!(world.head("warehouse:2"), (1, 1));
    assert!(world.write(|writer| writer.move_to(STOCK, "a", &name("warehouse:3"))).unwrap());
    assert!(!world.write(|writer| writer.move_to(STOCK, "a", &name("warehouse:3"))).unwrap());
    for bucket in ["warehouse:1", "warehouse:2", "warehouse:3"] {
        world.check_state(bucket);
    }
}

#[test]
fn a_row_changed_twice_in_one_transaction_has_one_number() {
    let world = World::new();
    let bucket = name("distributor:1");
    let values = |name: &str| PriceTypeRow { id: 0, ext_code: "R".to_owned(), name: name.to_owned() }.into_row().values;
    world
        .write(|writer| {
            writer.put(PRICE_TYPE, "R", &bucket, &values("one"))?;
            writer.put(PRICE_TYPE, "R", &bucket, &values("two"))
        })
        .unwrap();
    assert_eq!(world.head("distributor:1"), (1, 1));
    world.check_state("distributor:1");
}

/// Ids once depended on how rows fell into transactions: unused ids of a block were lost at the commit.
#[test]
fn ids_do_not_depend_on_how_rows_are_grouped_into_transactions() {
    let world = World::new();
    let bucket = name("warehouse:1");
    let mut ids = Vec::new();
    for group in [1, 3, 300, 2] {
        let made = world.write(|writer| {
            (0..group).map(|n| Ok(writer.put(STOCK, &format!("{group} {n}"), &bucket, &stock(n))?.id())).collect::<Result<Vec<_>, _>>()
        });
        ids.extend(made.unwrap());
    }
    assert_eq!(ids, (1..=306).collect::<Vec<i64>>());
}

#[test]
fn more_buckets_than_one_statement_takes_are_raised_together() {
    let world = World::new();
    world
        .write(|writer| {
            for n in 0..333 {
                writer.put(STOCK, &n.to_string(), &name(&format!("warehouse:{n}")), &stock(n))?;
            }
            Ok(())
        })
        .unwrap();
    for n in 0..333 {
        assert_eq!(world.head(&format!("warehouse:{n}")), (1, 1));
    }
}

#[test]
fn the_floor_rises_once_and_the_log_below_it_is_forgotten_in_slices() {
    let world = World::new();
    let bucket = name("warehouse:1");
    for n in 0..5 {
        world.write(|writer| writer.put(STOCK, "a", &bucket, &stock(n))).unwrap();
    }
    let forget = |most| world.store.write(|tx| change_log::forget(tx, "D1", &bucket, most)).unwrap();
    assert_eq!(forget(10), 0, "what is not sealed stays");
    let raise = |from, to| world.store.write(|tx| change_log::raise_floor(tx, "D1", &bucket, ChangeNo(from), ChangeNo(to))).unwrap();
    assert!(raise(0, 3));
    assert!(!raise(0, 3), "another sealer was quicker");
    let left = world.store.read(|tx| change_log::changed_rows(tx, "D1", &bucket, ChangeNo(0), ChangeNo(9))).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(world.store.read(|tx| change_log::unsealed(tx, "D1")).unwrap(), std::slice::from_ref(&bucket));
    assert_eq!((forget(2), forget(2), forget(2)), (2, 1, 0));
    assert!(raise(3, 5));
    assert_eq!(forget(10), 2);
    assert_eq!(world.store.read(|tx| change_log::unsealed(tx, "D1")).unwrap(), []);
}

#[test]
fn a_wrong_hash_is_made_right_and_the_head_says_what_the_rows_add_up_to() {
    let world = World::new();
    let bucket = name("warehouse:1");
    for n in 1..4 {
        world.write(|writer| writer.put(STOCK, &n.to_string(), &bucket, &stock(n))).unwrap();
    }
    let right = world.store.read(|tx| rows::recount(tx, "D1", &bucket)).unwrap();
    world.store.write(|tx| tx.execute("UPDATE stock SET row_hash = 5 WHERE id = 2", []).map_err(StoreError::from)).unwrap();
    assert_ne!(world.store.read(|tx| rows::recount(tx, "D1", &bucket)).unwrap(), right);
    let (state, wrong) = world
        .store
        .write(|tx| {
            let (state, wrong) = rows::rehash(tx, "D1", &bucket, &mut RowHasher::new(world.part.hash_key))?;
            wrong.iter().try_for_each(|wrong| rows::set_hash(tx, "D1", wrong))?;
            change_log::restate(tx, "D1", &bucket, state)?;
            Ok::<_, StoreError>((state, wrong.len()))
        })
        .unwrap();
    assert_eq!((state, wrong), (right, 1));
    assert_eq!(world.head("warehouse:1"), (4, 3), "the repair has a number of its own");
    world.check_state("warehouse:1");
    let halves = world
        .store
        .read(|tx| {
            let of = |range| rows::state_of_range(tx, "D1", STOCK, &bucket, range);
            Ok::<_, StoreError>(of((i64::MIN, 2))?.combine(of((3, i64::MAX))?))
        })
        .unwrap();
    assert_eq!(halves, right);
    let some = world.store.read(|tx| rows::after(tx, "D1", STOCK, &bucket, 1, 1)).unwrap();
    assert_eq!(some.iter().map(|row| row.id).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_superseded_segment_is_discarded_after_its_time_unless_it_is_named_again() {
    let world = World::new();
    let bucket = name("warehouse:1");
    let segment = |n: u8| StoredSegment {
        hash: Blake3Hex::of(&[n]),
        bucket: bucket.clone(),
        table: STOCK.id,
        kind: SegmentKind::Base,
        row_count: 1,
        byte_count: 10,
        body: (n != 2).then(|| vec![n]),
    };
    let write = |work: &dyn Fn(&Transaction<'_>) -> Result<(), StoreError>| world.store.write(work).unwrap();
    write(&|tx| (1..=3).try_for_each(|n| segments::add(tx, "D1", &segment(n), NOW)));
    write(&|tx| segments::supersede(tx, "D1", &[segment(1).hash, segment(2).hash], UtcMillis(5_000)));
    write(&|tx| segments::supersede(tx, "D1", &[segment(1).hash], UtcMillis(9_000)));
    assert_eq!(world.store.read(|tx| segments::standing(tx, "D1", &bucket)).unwrap(), [segment(3).hash]);
    assert_eq!(world.store.read(|tx| segments::totals(tx, "D1")).unwrap(), [(1, 10), (2, 20)]);
    write(&|tx| segments::add(tx, "D1", &segment(1), UtcMillis(6_000)));
    let discard = |before| world.store.write(|tx| segments::discard(tx, "D1", UtcMillis(before), 10)).unwrap();
    assert_eq!(discard(5_000), []);
    assert_eq!(discard(5_001), [Discarded { hash: segment(2).hash, byte_count: 10, is_blob: true }]);
    assert_eq!(discard(99_999), []);
    let parts = ["D2".to_owned(), "D1".to_owned()];
    let known = |n| world.store.read(|tx| segments::is_known(tx, &parts, &segment(n).hash)).unwrap();
    assert_eq!([known(1), known(2), known(3)], [true, false, true]);
}

#[test]
fn another_life_of_a_part_has_another_epoch() {
    let world = World::new();
    world.store.write(|tx| part::set_epoch(tx, "D1", "e2")).unwrap();
    assert_eq!(world.store.read(|tx| part::load(tx, "D1")).unwrap().epoch, "e2");
    assert!(matches!(world.store.write(|tx| part::set_epoch(tx, "D9", "e2")), Err(StoreError::UnknownPart(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is put, removed and moved, in transactions cut anywhere: each bucket's head says what its rows add up to.
    #[test]
    fn the_heads_always_say_what_the_rows_add_up_to(
        transactions in prop::collection::vec(prop::collection::vec((0..12u8, 0..3u8, 0..4i64), 1..8), 1..12),
    ) {
        let world = World::new();
        for transaction in transactions {
            world.write(|writer| {
                for (key, bucket, value) in transaction {
                    let key = key.to_string();
                    if value == 0 {
                        if let Some(id) = rows::id_by_key(writer.tx(), "D1", STOCK, &key)? {
                            writer.remove(STOCK, id)?;
                        }
                    } else {
                        writer.put(STOCK, &key, &name(&format!("warehouse:{bucket}")), &stock(value))?;
                    }
                }
                Ok(())
            }).unwrap();
            for bucket in 0..3 {
                world.check_state(&format!("warehouse:{bucket}"));
            }
        }
    }
}
