//! The law of the feed: wherever the server cuts, a device ends with exactly the rows of its buckets.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use polevik_domain::ids::DistributorId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::{ChangeNo, Op};
use polevik_protocol::checksum::{HashKey, RowHasher, StateSum};
use polevik_protocol::manifest::{Blake3Hex, Manifest, SegmentInfo};
use polevik_protocol::rows::{ASSORTMENT, AssortmentRow, STOCK, StockRow, TABLES, TableId, Value, ValueRef};
use polevik_protocol::segment::Segment;
use polevik_server::blobs::Blobs;
use polevik_server::feed::download::{announce, segment_bytes};
use polevik_server::feed::seal::{Repaired, SealRules, Sealer};
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
    /// What it fetched the last time.
    fetched: Fetched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Fetched {
    base_ranges: usize,
    delta_rows: u64,
}

fn state_of<'a>(rows: impl Iterator<Item = (&'a (TableId, i64), &'a Vec<Value>)>) -> StateSum {
    let mut state = StateSum::default();
    let mut hasher = RowHasher::new(KEY);
    for ((table_id, pk), values) in rows {
        let table = TABLES.iter().find(|table| table.id == *table_id).unwrap();
        state.add(hasher.row(*table_id, *pk, table.columns.iter().map(|c| c.id).zip(values.iter().map(Value::as_ref))));
    }
    state
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

    /// The device after it has applied what the manifest plans for its cursor. Of a base it fetches only ranges that it does not hold already.
    fn apply(&self, device: &Device, manifest: &Manifest) -> Device {
        let plan = manifest.plan(device.cursor);
        let mut rows = device.rows.clone();
        let mut fetched = Fetched::default();
        if plan.rebase {
            // A table without ranges has no rows.
            rows.retain(|(table, _), _| plan.base.iter().any(|info| info.table == *table));
        }
        for info in plan.base {
            let range = info.range.as_ref().unwrap();
            let of_range = (info.table, range.lo)..=(info.table, range.hi);
            if state_of(rows.range(of_range.clone())) == range.state {
                continue;
            }
            rows.retain(|key, _| !of_range.contains(key));
            fetched.base_ranges += 1;
            self.put_segment(&mut rows, info);
            assert_eq!(state_of(rows.range(of_range)), range.state);
        }
        for info in plan.deltas.iter().flat_map(|delta| &delta.segments) {
            fetched.delta_rows += info.rows;
            self.put_segment(&mut rows, info);
        }
        assert_eq!(state_of(rows.iter()), manifest.state, "a device at {:?} ends with what the manifest says", device.cursor);
        Device { cursor: manifest.head, rows, fetched }
    }

    /// Puts what a segment says.
    fn put_segment(&self, rows: &mut DeviceRows, info: &SegmentInfo) {
        let segment = self.segment(&info.hash);
        assert_eq!((segment.table.id, segment.header.rows as u64), (info.table, info.rows));
        for (pk, op, put) in segment.rows() {
            match op {
                Op::Put => {
                    let values = (0..segment.table.columns.len()).map(|column| owned(segment.value(column, put))).collect();
                    rows.insert((segment.table.id, pk), values);
                }
                Op::Remove => drop(rows.remove(&(segment.table.id, pk))),
            }
            assert!(info.range.as_ref().is_none_or(|range| (range.lo..=range.hi).contains(&pk)));
        }
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whenever a base is made anew, segments of ranges in which nothing was touched keep their names, ranges tile all keys, the deltas never
    /// come to more than the rules allow, and who holds the rows of the head fetches nothing of the base.
    #[test]
    fn a_new_base_costs_what_changed(steps in prop::collection::vec(any_step(), 1..30), rules in any_rules()) {
        let world = World::new(rules);
        let mut former = world.manifests().remove(0);
        let mut touched: BTreeSet<(TableId, i64)> = BTreeSet::new();
        let mut rows = DeviceRows::new();
        let mut most_base_rows = 0;
        for step in steps.iter().chain([&Step::Seal]) {
            if let Step::Write(acts) = step {
                world.write(acts);
                let now = world.rows(&bucket(0));
                touched.extend(rows.iter().filter(|(key, values)| now.get(*key) != Some(*values)).map(|(key, _)| *key));
                touched.extend(now.iter().filter(|(key, values)| rows.get(*key) != Some(*values)).map(|(key, _)| *key));
                rows = now;
                continue;
            }
            world.sealer.seal_all(NOW).unwrap();
            let manifest = world.manifests().remove(0);
            let delta_rows: u64 = manifest.deltas.iter().flat_map(|delta| &delta.segments).map(|segment| segment.rows).sum();
            most_base_rows = most_base_rows.max(manifest.base.iter().map(|segment| segment.rows).sum::<u64>());
            prop_assert!(delta_rows <= most_base_rows * rules.delta_percent as u64 / 100 + rules.delta_slack_rows as u64);
            for of_table in manifest.base.chunk_by(|a, b| a.table == b.table) {
                let ranges: Vec<_> = of_table.iter().map(|info| info.range.as_ref().unwrap()).collect();
                prop_assert_eq!((ranges[0].lo, ranges[ranges.len() - 1].hi), (i64::MIN, i64::MAX));
                prop_assert!(ranges.windows(2).all(|pair| pair[0].hi + 1 == pair[1].lo));
                prop_assert!(of_table.iter().all(|info| (1..=rules.segment_rows as u64).contains(&info.rows)));
            }
            if manifest.base != former.base {
                let names: BTreeSet<&Blake3Hex> = manifest.base.iter().map(|info| &info.hash).collect();
                for info in &former.base {
                    let range = info.range.as_ref().unwrap();
                    let is_touched = touched.range((info.table, range.lo)..=(info.table, range.hi)).next().is_some();
                    prop_assert!(is_touched || names.contains(&info.hash));
                }
                let current = Device { cursor: ChangeNo(0), rows: rows.clone(), fetched: Fetched::default() };
                prop_assert_eq!(world.apply(&current, &manifest).fetched.base_ranges, 0);
                touched = manifest
                    .deltas
                    .iter()
                    .flat_map(|delta| &delta.segments)
                    .flat_map(|info| world.segment(&info.hash).rows().map(|(pk, _, _)| (info.table, pk)).collect::<Vec<_>>())
                    .collect();
            }
            former = manifest;
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
fn many_small_deltas_are_merged_and_few_rows_are_said_more_than_once() {
    let world = World::new(SealRules { segment_rows: 100, delta_percent: 50, delta_slack_rows: 1_000, delta_ranges: 8 });
    world.write(&[act(1, 1)]);
    for n in 0..120 {
        change_and_seal(&world, n);
        let deltas = world.manifests().remove(0).deltas;
        assert!(deltas.len() <= 9, "{} ranges", deltas.len());
        let rows: u64 = deltas.iter().flat_map(|delta| &delta.segments).map(|segment| segment.rows).sum();
        assert!(rows <= 60, "twenty rows change in turn, {rows} are named");
    }
}

/// Merging once read every delta there was, so each sixteenth seal of a large bucket cost as much as all its changes.
#[test]
fn sealing_one_row_never_reads_a_large_delta_again() {
    let world = World::new(SealRules { segment_rows: 1_000, delta_percent: 50, delta_slack_rows: 10_000, delta_ranges: 8 });
    world.write(&[act(1, 1)]);
    world.sealer.seal_all(NOW).unwrap();
    world.write(&(0..240).filter(|key| key % 3 != 0).map(|key| act(key, 9)).collect::<Vec<_>>());
    world.sealer.seal_all(NOW).unwrap();
    let large = world.manifests().remove(0).deltas.remove(0);
    assert_eq!(large.segments[0].rows, 160);
    for n in 0..60 {
        change_and_seal(&world, n);
        assert_eq!(world.manifests()[0].deltas[0], large, "after change {n}");
    }
}

#[test]
fn a_device_inside_a_merged_delta_takes_it_and_not_the_base() {
    let world = World::new(SealRules { segment_rows: 100, delta_percent: 50, delta_slack_rows: 1_000, delta_ranges: 4 });
    world.write(&[act(1, 1)]);
    world.sealer.seal_all(NOW).unwrap();
    let mut devices = Vec::new();
    for n in 0..30 {
        change_and_seal(&world, n);
        devices.push(world.apply(&Device::default(), &world.manifests()[0]));
    }
    let manifest = world.manifests().remove(0);
    assert!(manifest.deltas.len() < 10);
    for device in &devices {
        let after = world.apply(device, &manifest);
        assert_eq!((after.fetched.base_ranges, &after.rows), (0, &world.rows(&bucket(0))));
    }
}

#[test]
fn a_head_that_does_not_say_what_the_rows_are_heals_when_a_base_is_made_and_by_command() {
    let world = World::new(SealRules { segment_rows: 4, delta_percent: 0, delta_slack_rows: 0, delta_ranges: 4 });
    world.write(&(1..40).filter(|key| key % 3 != 0).map(|key| act(key, 1)).collect::<Vec<_>>());
    world.sealer.seal_all(NOW).unwrap();
    let device = world.apply(&Device::default(), &world.manifests()[0]);
    let spoil = |sql: &str| world.store.write(|tx| tx.execute(sql, []).map_err(StoreError::from)).unwrap();

    // Found when the next base is made.
    spoil("UPDATE feed_head SET sum_low = (sum_low + 1) & 4294967295 WHERE bucket = 'warehouse:0'");
    world.write(&[act(1, 2)]);
    world.sealer.seal_all(NOW).unwrap();
    let device = world.apply(&device, &world.manifests()[0]);
    assert_eq!(device.rows, world.rows(&bucket(0)));

    // A row changed past the writer: its hash is not that of its values.
    spoil("UPDATE stock SET available = 777 WHERE id = 2");
    let repaired = world.sealer.repair("D1", &bucket(0), NOW).unwrap();
    assert_eq!((repaired.wrong_hashes, repaired.head_was_wrong), (1, true));
    let device = world.apply(&device, &world.manifests()[0]);
    assert_eq!(device.rows, world.rows(&bucket(0)));
    assert_eq!(device.fetched.base_ranges, 1, "only the range of that row");
    assert_eq!(world.sealer.repair("D1", &bucket(0), NOW).unwrap(), Repaired::default(), "nothing is wrong any more");
}
