//! The law of the feed: wherever the server cuts, a device ends with exactly the rows of its buckets.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;

use polevik_domain::ids::DistributorId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::{ChangeNo, Op};
use polevik_protocol::checksum::{HashKey, RowHasher, StateSum};
use polevik_protocol::manifest::{Blake3Hex, Manifest};
use polevik_protocol::rows::{ASSORTMENT, AssortmentRow, STOCK, StockRow, TABLES, TableId, Value, ValueRef};
use polevik_protocol::segment::Segment;
use polevik_server::blobs::Blobs;
use polevik_server::feed::download::{announce, segment_bytes};
use polevik_server::feed::seal::{SealRules, Sealer};
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::{ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, migrate};
use proptest::prelude::*;

const NOW: UtcMillis = UtcMillis(1_000);
const KEY: HashKey = HashKey([3; 32]);
const BUCKETS: usize = 2;

/// What one transaction does to one row.
#[derive(Debug, Clone)]
struct Act {
    key: u8,
    bucket: usize,
    /// 0 removes.
    value: i64,
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Act>),
    Seal,
    /// A new device, or one that was away, comes now.
    Remember,
}

fn any_step() -> impl Strategy<Value = Step> {
    let act = (0..40u8, 0..BUCKETS, 0..5i64).prop_map(|(key, bucket, value)| Act { key, bucket, value });
    prop_oneof![
        4 => prop::collection::vec(act, 1..12).prop_map(Step::Write),
        2 => Just(Step::Seal),
        1 => Just(Step::Remember),
    ]
}

fn any_rules() -> impl Strategy<Value = SealRules> {
    (1..8usize, 0..100usize, 0..20usize, 0..4usize).prop_map(|(segment_rows, delta_percent, delta_slack_rows, delta_ranges)| SealRules {
        segment_rows,
        delta_percent,
        delta_slack_rows,
        delta_ranges,
    })
}

type DeviceRows = BTreeMap<(TableId, i64), Vec<Value>>;

/// What a device holds of one bucket.
#[derive(Debug, Clone, Default)]
struct Device {
    cursor: ChangeNo,
    rows: DeviceRows,
}

struct World {
    store: Store,
    blobs: Blobs,
    sealer: Sealer,
    part: Part,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(rules: SealRules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, NOW).unwrap();
        let part = Part { id: "D1".to_owned(), name: "D".to_owned(), distributor: DistributorId(1), epoch: "e".to_owned(), hash_key: KEY };
        store.write(|tx| part::create(tx, &part, NOW)).unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let sealer = Sealer::with_rules(store.clone(), blobs.clone(), rules);
        Self { store, blobs, sealer, part, _folder: folder }
    }

    fn write(&self, acts: &[Act]) {
        self.store
            .write(|tx| {
                let mut writer = ReferenceWriter::new(tx, &self.part, NOW);
                for act in acts {
                    let key = act.key.to_string();
                    // Two tables in each bucket, so that ranges of deltas hold several segments.
                    let (table, values) = if act.key % 3 == 0 {
                        let kind = if act.value % 2 == 0 { "must" } else { "focus" };
                        let row = AssortmentRow { id: 0, format: key.clone(), product_id: act.value, kind: kind.to_owned() };
                        (ASSORTMENT, row.into_row().values)
                    } else {
                        let row = StockRow { id: 0, warehouse_id: 1, product_id: 2, available: act.value, as_of_ms: 7 };
                        (STOCK, row.into_row().values)
                    };
                    if act.value == 0 {
                        if let Some(id) = rows::id_by_key(tx, "D1", table, &key)? {
                            writer.remove(table, id)?;
                        }
                    } else {
                        writer.put(table, &key, &bucket(act.bucket), &values)?;
                    }
                }
                writer.finish()?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    fn manifests(&self) -> Vec<Manifest> {
        let buckets: Vec<BucketName> = (0..BUCKETS).map(bucket).collect();
        let announcement = self.store.read(|tx| announce(tx, "D1", &buckets)).unwrap();
        announcement.manifests.iter().map(|(_, stored)| Manifest::open(&stored.body, &stored.hash).unwrap()).collect()
    }

    fn segment(&self, hash: &Blake3Hex) -> Segment {
        let bytes = self.store.read(|tx| segment_bytes(tx, &self.blobs, "D1", hash)).unwrap().unwrap();
        assert_eq!(Blake3Hex::of(&bytes), *hash);
        Segment::read(&bytes).unwrap()
    }

    /// The device after it has applied what the manifest plans for its cursor.
    fn apply(&self, device: &Device, manifest: &Manifest) -> Device {
        let plan = manifest.plan(device.cursor);
        let mut rows = if plan.rebase { DeviceRows::new() } else { device.rows.clone() };
        for info in plan.segments() {
            let segment = self.segment(&info.hash);
            assert_eq!((segment.table.id, segment.header.rows as u64), (info.table, info.rows));
            let mut state = StateSum::default();
            let mut hasher = RowHasher::new(KEY);
            for (pk, op, put) in segment.rows() {
                match op {
                    Op::Put => {
                        let values: Vec<ValueRef<'_>> = (0..segment.table.columns.len()).map(|column| segment.value(column, put)).collect();
                        state.add(hasher.row(segment.table.id, pk, segment.table.columns.iter().map(|c| c.id).zip(values.iter().copied())));
                        rows.insert((segment.table.id, pk), values.into_iter().map(owned).collect());
                    }
                    Op::Remove => drop(rows.remove(&(segment.table.id, pk))),
                }
            }
            if let Some(range) = &info.range {
                assert_eq!(range.state, state);
                assert!(segment.rows().all(|(pk, _, _)| (range.lo..=range.hi).contains(&pk)));
            }
        }
        let mut state = StateSum::default();
        let mut hasher = RowHasher::new(KEY);
        for ((table_id, pk), values) in &rows {
            let table = TABLES.iter().find(|table| table.id == *table_id).unwrap();
            state.add(hasher.row(*table_id, *pk, table.columns.iter().map(|c| c.id).zip(values.iter().map(Value::as_ref))));
        }
        assert_eq!(state, manifest.state, "a device at {:?} ends with what the manifest says", device.cursor);
        Device { cursor: manifest.head, rows }
    }

    /// The rows of a bucket as the tables hold them.
    fn rows(&self, bucket: &BucketName) -> DeviceRows {
        let mut found = DeviceRows::new();
        self.store
            .read(|tx| {
                for table in TABLES {
                    rows::visit_range(tx, "D1", table, bucket, (i64::MIN, i64::MAX), |pk, values| {
                        found.insert((table.id, pk), values.iter().copied().map(owned).collect());
                        Ok::<_, StoreError>(())
                    })?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        found
    }
}

fn bucket(n: usize) -> BucketName {
    BucketName::parse(&format!("warehouse:{n}")).unwrap()
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Int(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(text.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is put, removed and moved, wherever it is sealed and whenever a base is made anew: a device that applies the plan from any
    /// cursor it ever had, or from none, holds exactly the rows of the bucket.
    #[test]
    fn a_device_of_any_age_ends_with_exactly_the_rows(steps in prop::collection::vec(any_step(), 1..30), rules in any_rules()) {
        let world = World::new(rules);
        let mut devices: Vec<Vec<Device>> = vec![vec![Device::default()]; BUCKETS];
        for step in steps.iter().chain([&Step::Seal]) {
            match step {
                Step::Write(acts) => world.write(acts),
                Step::Seal => {
                    world.sealer.seal_all(NOW).unwrap();
                }
                Step::Remember => {
                    for (devices, manifest) in devices.iter_mut().zip(world.manifests()) {
                        let newest = world.apply(&Device::default(), &manifest);
                        devices.push(newest);
                    }
                }
            }
        }
        for (n, (devices, manifest)) in devices.iter().zip(world.manifests()).enumerate() {
            let wanted = world.rows(&bucket(n));
            for device in devices {
                prop_assert_eq!(&world.apply(device, &manifest).rows, &wanted);
            }
        }
    }
}

fn act(key: u8, value: i64) -> Act {
    Act { key, bucket: 0, value }
}

#[test]
fn a_new_base_keeps_the_bytes_of_ranges_in_which_nothing_changed() {
    let world = World::new(SealRules { segment_rows: 4, delta_percent: 0, delta_slack_rows: 0, delta_ranges: 0 });
    world.write(&(0..40).filter(|key| key % 3 != 0).map(|key| act(key, 1)).collect::<Vec<_>>());
    world.sealer.seal_all(NOW).unwrap();
    let before = world.manifests().remove(0);
    world.write(&[act(1, 2)]);
    world.sealer.seal_all(NOW).unwrap();
    let after = world.manifests().remove(0);
    assert_eq!((after.base_as_of, after.deltas.len()), (after.head, 0), "the rules keep no deltas beside it");
    let others = before.base.iter().zip(&after.base).filter(|(old, new)| old.hash != new.hash).count();
    assert_eq!((before.base.len(), others), (after.base.len(), 1));
}

#[test]
fn sealing_what_is_sealed_writes_nothing_and_two_sealers_at_once_agree() {
    let world = World::new(SealRules::default());
    world.write(&[act(1, 1), act(2, 1), act(3, 1)]);
    // Sealers of two processes share nothing but the files.
    let others = Sealer::new(world.store.clone(), world.blobs.clone());
    let sealed: Vec<usize> = std::thread::scope(|scope| {
        let threads = [&world.sealer, &others].map(|sealer| scope.spawn(|| sealer.seal_all(NOW).unwrap().buckets));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(sealed.iter().sum::<usize>(), 1, "one of the two published it");
    assert_eq!(world.sealer.seal_all(NOW).unwrap().buckets, 0);
    let device = world.apply(&Device::default(), &world.manifests()[0]);
    assert_eq!(device.rows, world.rows(&bucket(0)));
}

#[test]
fn equal_subscriptions_have_one_root_and_a_change_gives_another() {
    let world = World::new(SealRules::default());
    let root = |buckets: &[usize]| {
        let names: Vec<BucketName> = buckets.iter().map(|n| bucket(*n)).collect();
        world.store.read(|tx| announce(tx, "D1", &names)).unwrap().hash
    };
    let before = root(&[0, 1]);
    assert_eq!(before, root(&[1, 0, 0]));
    world.write(&[act(1, 1)]);
    assert_eq!(root(&[0, 1]), before, "what is not sealed is not announced");
    world.sealer.seal_all(NOW).unwrap();
    assert_ne!(root(&[0, 1]), before);
    assert_eq!(root(&[1]), root(&[1]));
}

/// The n-th of many small changes of one row in turn, sealed one by one.
fn change_and_seal(world: &World, n: u8) {
    world.write(&[act(n % 20 * 3 + 1, i64::from(n) + 1)]);
    world.sealer.seal_all(NOW).unwrap();
}

#[test]
fn a_device_that_was_up_to_date_takes_a_delta_also_when_a_new_base_was_made() {
    let world = World::new(SealRules { segment_rows: 100, delta_percent: 50, delta_slack_rows: 0, delta_ranges: 8 });
    world.write(&(0..60).filter(|key| key % 3 == 1).map(|key| act(key, 1)).collect::<Vec<_>>());
    world.sealer.seal_all(NOW).unwrap();
    let mut device = world.apply(&Device::default(), &world.manifests()[0]);
    let mut bases = std::collections::BTreeSet::new();
    for n in 0..60 {
        change_and_seal(&world, n);
        let manifest = world.manifests().remove(0);
        assert!(!manifest.plan(device.cursor).rebase, "after change {n}");
        bases.insert(manifest.base[0].hash.clone());
        device = world.apply(&device, &manifest);
        assert_eq!(device.rows, world.rows(&bucket(0)));
    }
    assert!(bases.len() > 2, "the base was made anew now and then");
}

#[test]
fn many_small_deltas_are_merged_and_say_each_row_once() {
    let world = World::new(SealRules { segment_rows: 100, delta_percent: 50, delta_slack_rows: 1_000, delta_ranges: 8 });
    world.write(&[act(1, 1)]);
    for n in 0..60 {
        change_and_seal(&world, n);
        let deltas = world.manifests().remove(0).deltas;
        assert!(deltas.len() <= 9, "{} ranges", deltas.len());
    }
    let deltas = world.manifests().remove(0).deltas;
    let rows: u64 = deltas.iter().flat_map(|delta| &delta.segments).map(|segment| segment.rows).sum();
    assert!(rows <= 28, "twenty rows change in turn, {rows} are named");
}
