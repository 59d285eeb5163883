//! Segments that nobody needs any more go, and no other.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use polevik_domain::ids::DistributorId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::HashKey;
use polevik_protocol::manifest::{Blake3Hex, Manifest};
use polevik_protocol::rows::{PRICE_TYPE, PriceTypeRow};
use polevik_server::blobs::{Blobs, SHELVES};
use polevik_server::database::system_now;
use polevik_server::feed::download::{announce, segment_bytes};
use polevik_server::feed::garbage::{Collected, collect};
use polevik_server::feed::seal::{SealRules, Sealer};
use polevik_server_store::feed::segments;
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::ReferenceWriter;
use polevik_server_store::{Store, StoreError, migrate};

const DAY_MS: i64 = 86_400_000;
const GRACE_MS: i64 = 45 * DAY_MS;

/// Every seal makes a base anew, of segments that are large enough for the blob store.
const RULES: SealRules = SealRules { segment_rows: 200, delta_percent: 0, delta_slack_rows: 0, delta_ranges: 4 };

struct World {
    store: Store,
    blobs: Blobs,
    sealer: Sealer,
    part: Part,
    /// Blobs are stamped by the system's clock.
    now: UtcMillis,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        let now = system_now();
        migrate::run(&store, now).unwrap();
        let hash_key = HashKey([3; 32]);
        let part = Part { id: "D1".to_owned(), name: "D".to_owned(), distributor: DistributorId(1), epoch: "e".to_owned(), hash_key };
        store.write(|tx| part::create(tx, &part, now)).unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let sealer = Sealer::with_rules(store.clone(), blobs.clone(), RULES);
        Self { store, blobs, sealer, part, now, _folder: folder }
    }

    /// Writes rows whose names follow from `version`, and seals.
    fn write(&self, keys: std::ops::Range<u32>, version: u32) {
        self.write_unsealed(keys, version);
        self.sealer.seal_all(self.now).unwrap();
    }

    fn write_unsealed(&self, keys: std::ops::Range<u32>, version: u32) {
        self.store
            .write(|tx| {
                let mut writer = ReferenceWriter::new(tx, &self.part, self.now);
                for key in keys {
                    // Three hashes that do not compress.
                    let name = (0..3).map(|n| blake3::hash(format!("{key} {version} {n}").as_bytes()).to_hex().to_string()).collect();
                    let row = PriceTypeRow { id: 0, ext_code: key.to_string(), name };
                    writer.put(PRICE_TYPE, &key.to_string(), &bucket(), &row.into_row().values)?;
                }
                writer.finish()?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    fn named(&self) -> BTreeSet<Blake3Hex> {
        let announced = self.store.read(|tx| announce(tx, "D1", &[bucket()])).unwrap();
        let (_, stored) = &announced.manifests[0];
        Manifest::open(&stored.body, &stored.hash).unwrap().segments().map(|info| info.hash.clone()).collect()
    }

    fn stored(&self) -> BTreeSet<Blake3Hex> {
        (0..SHELVES).flat_map(|shelf| self.blobs.segments_of_shelf(u8::try_from(shelf).unwrap()).unwrap()).map(|(name, _)| name).collect()
    }

    fn collect(&self, days: i64) -> Collected {
        collect(&self.store, &self.blobs, self.now.plus_millis(days * DAY_MS), GRACE_MS, || ControlFlow::Continue(())).unwrap()
    }

    fn check_that_all_named_are_there(&self) {
        for hash in self.named() {
            let bytes = self.store.read(|tx| segment_bytes(tx, &self.blobs, "D1", &hash)).unwrap().unwrap();
            assert_eq!(Blake3Hex::of(&bytes), hash);
        }
    }
}

fn bucket() -> BucketName {
    BucketName::parse("distributor:1").unwrap()
}

#[test]
fn what_no_manifest_names_goes_after_the_grace_and_what_one_names_stays() {
    let world = World::new();
    world.write(0..400, 1);
    let before = world.named();
    world.write(0..10, 2);
    let after = world.named();
    assert_eq!((before.len(), after.len(), before.intersection(&after).count()), (3, 3, 2), "one of three segments is another");
    assert_eq!(world.stored().len(), 4);

    assert_eq!(world.collect(45), Collected::default(), "not yet");
    let collected = world.collect(46);
    assert_eq!((collected.segments, collected.orphans), (1, 0));
    assert_eq!(world.stored(), after);
    world.check_that_all_named_are_there();
    assert_eq!(world.collect(500), Collected::default());
}

#[test]
fn a_segment_that_is_named_again_comes_back_to_life() {
    let world = World::new();
    world.write(0..400, 1);
    let before = world.named();
    world.write(0..10, 2);
    world.write(0..10, 1);
    assert_eq!(world.named(), before, "equal rows have equal segments");
    let collected = world.collect(46);
    assert_eq!(collected.segments, 1, "only the one in between");
    world.check_that_all_named_are_there();
}

#[test]
fn a_crash_between_row_and_blob_leaves_an_orphan_that_is_swept_a_day_after_it_was_written() {
    let world = World::new();
    world.write(0..400, 1);
    world.write(0..10, 2);
    let later = world.now.plus_millis(46 * DAY_MS);
    let cut = collect(&world.store, &world.blobs, later, GRACE_MS, || ControlFlow::Break(())).unwrap();
    assert_eq!((cut.segments, cut.orphans), (1, 0));
    assert_eq!(world.stored().len(), world.named().len() + 1, "the row is gone, the blob is not");
    assert_eq!(world.collect(0), Collected::default(), "too young: a seal may just be writing it");
    assert_eq!(world.collect(2).orphans, 1);
    assert_eq!(world.stored(), world.named());
    world.check_that_all_named_are_there();
}

#[test]
fn a_segment_that_is_made_again_while_its_old_self_goes_is_not_lost() {
    let world = World::new();
    world.write(0..400, 1);
    world.write(0..10, 2);
    let later = world.now.plus_millis(46 * DAY_MS);
    // The row of the first version is gone, its blob is not yet: just then the rows are as they were.
    collect(&world.store, &world.blobs, later, GRACE_MS, || {
        world.write(0..10, 1);
        ControlFlow::Continue(())
    })
    .unwrap();
    world.check_that_all_named_are_there();
}

#[test]
fn segments_that_older_programs_left_behind_begin_their_grace_when_they_are_found() {
    let world = World::new();
    world.write(0..400, 1);
    world.write(0..10, 2);
    world.store.write(|tx| tx.execute("UPDATE segment SET superseded_at_ms = NULL", []).map_err(StoreError::from)).unwrap();
    assert_eq!(world.collect(100), Collected { superseded: 1, ..Collected::default() });
    assert_eq!(world.collect(145).segments, 0);
    assert_eq!(world.collect(146).segments, 1);
    assert_eq!(world.store.read(|tx| segments::totals(tx, "D1")).unwrap()[1], (0, 0));
    world.check_that_all_named_are_there();
}

#[test]
fn changes_that_a_request_sealed_are_forgotten() {
    let world = World::new();
    let log = || -> i64 {
        let count = |tx: &polevik_server_store::Transaction<'_>| {
            Ok::<_, StoreError>(tx.query_row("SELECT count(*) FROM change_log", [], |row| row.get(0))?)
        };
        world.store.read(count).unwrap()
    };
    world.write_unsealed(0..5_000, 1);
    assert_eq!(log(), 5_000);
    world.sealer.seal_due("D1", &[bucket()], world.now).unwrap();
    assert_eq!(log(), 3_000, "who waits for an answer waits for one slice only");
    world.collect(0);
    assert_eq!(log(), 0);
}
