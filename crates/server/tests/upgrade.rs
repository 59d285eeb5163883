//! A data folder that an older program left is brought up to date and works: nothing in it is made anew.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_domain::ids::{DeviceId, DocumentId, PositionId};
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::{Blake3Hex, Manifest};
use polevik_protocol::rows::{OUTLET, PRODUCT, Value};
use polevik_protocol::segment::Segment;
use polevik_server::blobs::Blobs;
use polevik_server::feed::download::{announce, segment_bytes};
use polevik_server::feed::seal::{Repaired, Sealer};
use polevik_server_store::audiences::{self, Audience};
use polevik_server_store::documents::files::{self, Sender, StoredFile};
use polevik_server_store::documents::{orders, photos, receipts};
use polevik_server_store::feed::{change_log, segments};
use polevik_server_store::people::devices;
use polevik_server_store::reference::{Put, ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, migrate, organisation, part};

const NOW: UtcMillis = UtcMillis(1_800_000_000_000);
const SCHEMA_2: &str = include_str!("upgrade/schema_2.sql");

struct Upgraded {
    store: Store,
    blobs: Blobs,
    sealer: Sealer,
    _folder: tempfile::TempDir,
}

/// The folder of a dump, as the program of today opens it.
fn upgraded(dump: &str) -> Upgraded {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(folder.path()).unwrap();
    // A dump brings a transaction of its own.
    let dump = dump.replace("BEGIN TRANSACTION;", "").replace("COMMIT;", "");
    store.write(|tx| tx.execute_batch(&dump).map_err(StoreError::from)).unwrap();
    assert!(matches!(migrate::require_current(&store), Err(StoreError::TooOld { .. })));
    migrate::run(&store, NOW).unwrap();
    migrate::require_current(&store).unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let sealer = Sealer::new(store.clone(), blobs.clone());
    Upgraded { store, blobs, sealer, _folder: folder }
}

fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

impl Upgraded {
    fn manifest(&self, name: &str) -> Manifest {
        let announced = self.store.read(|tx| announce(tx, "D1", &[bucket(name)])).unwrap();
        let (_, stored) = &announced.manifests[0];
        Manifest::open(&stored.body, &stored.hash).unwrap()
    }

    fn segment(&self, hash: &Blake3Hex) -> Segment {
        let bytes = self.store.read(|tx| segment_bytes(tx, &self.blobs, "D1", hash)).unwrap().unwrap();
        Segment::read(&bytes).unwrap()
    }
}

#[test]
fn a_database_of_schema_2_keeps_its_rows_its_feed_and_its_names() {
    let world = upgraded(SCHEMA_2);
    let before = world.manifest("distributor:1");
    assert_eq!((before.head.0, before.deltas.len()), (6, 3));
    for info in before.segments() {
        assert_eq!(world.segment(&info.hash).header.rows as u64, info.rows);
    }
    assert_eq!(world.store.read(|tx| segments::standing(tx, "D1", &bucket("distributor:1"))).unwrap().len(), 4);
    for name in world.store.read(|tx| change_log::buckets(tx, "D1")).unwrap() {
        assert_eq!(world.sealer.repair("D1", &name, NOW).unwrap(), Repaired::default(), "the rows of {name} add up as they did");
    }

    // A row that says nothing of the new columns has the hash it had; one that does is news.
    let outlet = world.store.read(|tx| rows::read(tx, "D1", OUTLET, 1)).unwrap().unwrap();
    let channel = OUTLET.columns.iter().position(|column| column.name == "channel").unwrap();
    assert_eq!(outlet.row.values[channel], Value::Null);
    let put = |values: &[Value]| {
        world
            .store
            .write(|tx| {
                let part = part::load(tx, "D1")?;
                let mut writer = ReferenceWriter::new(tx, &part, NOW);
                let put = writer.put(OUTLET, "O1", &outlet.bucket, values)?;
                writer.finish()?;
                Ok::<_, StoreError>(put)
            })
            .unwrap()
    };
    assert_eq!(put(&outlet.row.values), Put::Unchanged(1));
    let mut known = outlet.row.values.clone();
    known[channel] = Value::Text("HoReCa".to_owned());
    assert_eq!(put(&known), Put::Updated(1));
    assert_eq!(world.sealer.seal_all(NOW).unwrap().buckets, 1);
    let after = world.manifest("territory:1");
    assert_eq!((after.base_as_of.0, after.head.0, after.deltas.len()), (1, 2, 1));
    let delta = world.segment(&after.deltas[0].segments[0].hash);
    assert_eq!(delta.value(channel, 0), polevik_protocol::rows::ValueRef::Text("HoReCa"));
    assert_eq!(world.manifest("distributor:1"), before, "buckets that did not change keep their manifests");
    assert_eq!(world.store.read(|tx| rows::count(tx, "D1", PRODUCT)).unwrap(), 3);
}

/// What a program of schema 2 wrote when a device signed in and sent an order, of which it rejected the second revision.
const DOCUMENTS_OF_SCHEMA_2: &str = "
    INSERT INTO device VALUES ('D1', x'00000000000070008000000000000001', 'А000', 7, 'Phone', '1', 1, 1, 5, 5, NULL, '', 3, 2);
    INSERT INTO device_token VALUES (x'01', 'D1', x'00000000000070008000000000000001', 1, 1, 5, 9999999999999, 5, NULL, '');
    INSERT INTO document VALUES ('D1', x'0000000000007000800000000000000a', 1, 'order', x'00000000000070008000000000000001', 1, 1, 2, 5, 6, '{}');
    INSERT INTO document_receipt VALUES ('D1', x'0000000000007000800000000000000a', 1, x'00000000000070008000000000000001', x'aa', NULL, '', NULL, 6);
    INSERT INTO document_quarantine VALUES ('D1', x'0000000000007000800000000000000a', 2, x'bb', x'00000000000070008000000000000001', 'order', 1, 1,
                                            3, 5, 7, 'D401', 'x', NULL, '{}');
    INSERT INTO document_receipt VALUES ('D1', x'0000000000007000800000000000000a', 2, x'00000000000070008000000000000001', x'bb', 'D401', 'x', NULL, 7);
    INSERT INTO customer_order VALUES ('D1', x'0000000000007000800000000000000a', 1, 'А000-000007', 1, 1, NULL, 'x', 5, 20000, 180, NULL, NULL, NULL,
                                       '', 0, 0, 6);
";

/// A program that knew no files left photos' devices with nothing; the one of today takes their files and gives them materials.
#[test]
fn a_database_without_files_takes_files_photos_and_materials() {
    let world = upgraded(&format!("{SCHEMA_2}{DOCUMENTS_OF_SCHEMA_2}"));
    let lineage = DeviceId::parse("00000000-0000-7000-8000-000000000001").unwrap();
    let hash = Blake3Hex::of(b"photo");
    let file = StoredFile { hash: hash.clone(), bytes: 5, content_type: "image/jpeg".to_owned(), size: Some((8, 6)) };
    world
        .store
        .write(|tx| {
            files::put(tx, "D1", &file, NOW)?;
            files::note_sender(tx, Sender { part_id: "D1", lineage, position: PositionId(1) }, &hash, NOW)?;
            audiences::put(tx, "D1", &Audience { ext_code: "all".to_owned(), name: "All".to_owned(), ..Audience::default() })
        })
        .unwrap();
    assert_eq!(world.store.read(|tx| files::find(tx, "D1", &hash)).unwrap(), Some(file));
    assert!(world.store.read(|tx| files::is_of_lineage(tx, "D1", lineage, &hash)).unwrap());
    let position = world.store.read(|tx| organisation::positions(tx, "D1")).unwrap().first().map(|position| position.id);
    let expected = if position.is_some() { vec![1] } else { vec![] };
    assert_eq!(world.store.read(|tx| audiences::of_position(tx, "D1", position.unwrap_or(PositionId(1)))).unwrap(), expected);
    assert_eq!(world.store.read(|tx| photos::list(tx, "D1", &photos::Wanted { limit: 9, ..photos::Wanted::default() })).unwrap(), []);
}

#[test]
fn devices_of_schema_2_begin_their_own_chains_and_their_receipts_know_their_numbers() {
    let world = upgraded(&format!("{SCHEMA_2}{DOCUMENTS_OF_SCHEMA_2}"));
    let id = DeviceId::parse("00000000-0000-7000-8000-000000000001").unwrap();
    let order = DocumentId::parse("00000000-0000-7000-8000-00000000000a").unwrap();
    let device = world.store.read(|tx| devices::find(tx, "D1", id)).unwrap().unwrap();
    assert_eq!((device.lineage, device.device_seq_floor, device.missing()), (id, 3, 1));
    let is_used = |seq| world.store.read(|tx| receipts::number_is_used(tx, "D1", id, seq)).unwrap();
    assert_eq!([is_used(1), is_used(2), is_used(3)], [false, true, true]);
    let stored = world.store.read(|tx| orders::find(tx, "D1", order)).unwrap().unwrap();
    assert_eq!((stored.number.as_str(), stored.withdrawn_at), ("А000-000007", None));
    assert_eq!(world.store.read(|tx| receipts::count_before(tx, "D1", order, 9)).unwrap(), 2);
}
