//! The central database on a disk that fails at every operation: an import, a seal, a collection of garbage and the making of the schema are
//! done or can be done again, and what a device would fetch always adds up.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use polevik_domain::ids::{DeviceId, DistributorId, PositionId};
use polevik_domain::time::{Clock, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::{ChangeNo, Op};
use polevik_protocol::checksum::{HashKey, RowHasher, StateSum};
use polevik_protocol::file::FileClass;
use polevik_protocol::manifest::{Blake3Hex, Manifest};
use polevik_protocol::rows::{PRICE_TYPE, PriceTypeRow, TABLES, TableDef, TableId, Value, ValueRef};
use polevik_protocol::segment::Segment;
use polevik_server::app::{App, AppSettings};
use polevik_server::blobs::Blobs;
use polevik_server::feed::download::{announce, segment_bytes};
use polevik_server::feed::garbage::collect;
use polevik_server::feed::seal::{SealRules, Sealer};
use polevik_server::file::finish::finish;
use polevik_server::file::spool::{About, Spool, UploadId};
use polevik_server::import::source::{Format, read};
use polevik_server::import::{Kind, Options, Pace, run};
use polevik_server_store::documents::files;
use polevik_server_store::feed::change_log;
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::{ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, migrate};
use polevik_testkit::disk::{Disk, FailureKind};
use polevik_testkit::trials::{Trial, Tried};
use polevik_texts::Language;

const NOW: UtcMillis = UtcMillis(1_795_334_400_000);
const KEY: HashKey = HashKey([3; 32]);
const DAY_MS: i64 = 86_400_000;

/// How many points of one kind are tried of each flow in a usual run.
const AT_MOST: u64 = 16;

/// Waiting for a lock takes real time here, so busy locks are tried elsewhere.
const FAILURES: [FailureKind; 5] =
    [FailureKind::InputOutput, FailureKind::Read, FailureKind::Full, FailureKind::ShortWrite, FailureKind::CannotOpen];

/// Bases of a few rows, so that a small change leaves segments behind.
const RULES: SealRules = SealRules { segment_rows: 8, delta_percent: 0, delta_slack_rows: 0, delta_ranges: 2 };

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> UtcMillis {
        NOW
    }
    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
}

fn part_d1() -> Part {
    Part { id: "D1".to_owned(), name: "D".to_owned(), distributor: DistributorId(1), epoch: "e".to_owned(), hash_key: KEY }
}

fn bucket() -> BucketName {
    BucketName::parse("distributor:1").unwrap()
}

fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// The server of one try: its database on the disk, its blobs in a folder that no power cut touches.
struct Server {
    store: Store,
    sealer: Sealer,
    blobs: Blobs,
    folder: PathBuf,
}

impl Server {
    fn try_open(disk: &Disk, folder: &Path) -> Result<Self, String> {
        let store = said(Store::open_on(disk.vfs_name(), Path::new("central.db")))?;
        said(migrate::run(&store, NOW))?;
        let blobs = said(Blobs::open(folder))?;
        let sealer = Sealer::with_rules(store.clone(), blobs.clone(), RULES);
        Ok(Self { sealer, store, blobs, folder: folder.to_owned() })
    }

    fn open(disk: &Disk, folder: &Path) -> Self {
        Self::try_open(disk, folder).unwrap()
    }

    /// Writes price lists whose names follow from `version`.
    fn write(&self, keys: std::ops::Range<u32>, version: u32) -> Result<(), String> {
        said(self.store.write(|tx| {
            let part = part_d1();
            let mut writer = ReferenceWriter::new(tx, &part, NOW);
            for key in keys {
                let row = PriceTypeRow { id: 0, ext_code: key.to_string(), name: format!("{key} of {version}") };
                writer.put(PRICE_TYPE, &key.to_string(), &bucket(), &row.into_row().values)?;
            }
            writer.finish()?;
            Ok::<_, StoreError>(())
        }))
    }

    fn import(&self) -> Result<(), String> {
        let lines: Vec<String> = (0..60)
            .map(|n| format!(r#"{{"ext_code":"P{n}","sku":"A-{n}","name":"Сок {n}","unit":"шт","vat_rate":2200,"active":true}}"#))
            .collect();
        let file = Cursor::new(lines.join("\n").into_bytes());
        let records = said(read(Format::Ndjson, file))?;
        let outcome = said(run(
            &self.store,
            &part_d1(),
            Kind::Products,
            &Options::at(NOW),
            "test",
            records,
            Pace::Alone,
            &StoppedClock,
            &mut |row| panic!("a good row was refused: {row:?}"),
        ))?;
        assert_eq!(outcome.unknown_columns, Vec::<String>::new());
        said(self.sealer.seal_all(NOW)).map(drop)
    }

    /// Sends a photo: goes on with its upload if there is one. What is here already is not sent again.
    fn send_photo(&self) -> Result<(), String> {
        let file = photo();
        let hash = Blake3Hex::of(&file);
        if said(self.store.read(|tx| files::find(tx, "D1", &hash)))?.is_some() {
            return Ok(());
        }
        let spool = Arc::new(said(Spool::open(&self.folder.join("spool"), NOW))?);
        let settings = AppSettings { spool: Some(Arc::clone(&spool)), ..AppSettings::default() };
        let sealer = Sealer::with_rules(self.store.clone(), self.blobs.clone(), RULES);
        let clock = Box::new(StoppedClock);
        let app = App::over(self.store.clone(), self.blobs.clone(), sealer, Language::Russian, settings, clock, |bytes| bytes.fill(7));
        let lineage = DeviceId::generate(NOW, [1; 10]);
        let bytes = u64::try_from(file.len()).unwrap();
        let upload = spool.of_file("D1", lineage, &hash, bytes, NOW).unwrap_or_else(|| {
            let about = About {
                part_id: "D1".to_owned(),
                lineage,
                position: PositionId(1),
                class: FileClass::Photo,
                bytes,
                hash: Some(hash.clone()),
                content_type: None,
                name: None,
                created_at: NOW,
            };
            spool.add(UploadId([1; 16]), about, NOW)
        });
        let (mut part, _told) = futures::executor::block_on(upload.take_turn());
        let offset = usize::try_from(part.offset()).unwrap();
        said(upload.append(&mut part, &[Bytes::copy_from_slice(&file[offset..])]))?;
        finish(&app, &upload, &mut part).map(drop).map_err(|error| format!("{error:?}"))
    }

    /// What the tables hold of the bucket.
    fn rows(&self) -> Rows {
        let mut found = Rows::new();
        self.store
            .read(|tx| {
                for table in TABLES {
                    rows::visit_range(tx, "D1", table, &bucket(), (i64::MIN, i64::MAX), |pk, values| {
                        found.insert((table.id, pk), values.iter().copied().map(owned).collect());
                        Ok::<_, StoreError>(())
                    })?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        found
    }

    /// A device that comes now for the first time, and one that has everything up to `cursor` of `held`.
    fn fetched(&self) -> Option<(Rows, ChangeNo)> {
        let announced = self.store.read(|tx| announce(tx, "D1", &[bucket()])).unwrap();
        let (_, stored) = announced.manifests.first()?;
        let manifest = Manifest::open(&stored.body, &stored.hash).unwrap();
        let mut rows = Rows::new();
        for info in manifest.plan(ChangeNo(0)).segments() {
            let bytes = self.store.read(|tx| segment_bytes(tx, &self.blobs, "D1", &info.hash)).unwrap().unwrap();
            assert_eq!(Blake3Hex::of(&bytes), info.hash);
            let segment = Segment::read(&bytes).unwrap();
            for (pk, op, put) in segment.rows() {
                match op {
                    Op::Put => {
                        let values = (0..segment.table.columns.len()).map(|column| owned(segment.value(column, put)));
                        rows.insert((segment.table.id, pk), values.collect());
                    }
                    Op::Remove => drop(rows.remove(&(segment.table.id, pk))),
                }
            }
        }
        assert_eq!(state_of(&rows), manifest.state, "what is announced adds up");
        Some((rows, manifest.head))
    }

    /// The books of the bucket are those of its rows, and numbers have no gaps.
    fn books_are_right(&self) {
        let Some(head) = self.store.read(|tx| change_log::head(tx, "D1", &bucket())).unwrap() else {
            assert_eq!(self.rows(), Rows::new());
            return;
        };
        assert_eq!(state_of(&self.rows()), head.state);
        let waiting: (i64, i64, i64) = self
            .store
            .read(|tx| {
                let sql = "SELECT count(*), COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0) FROM change_log WHERE bucket = 'distributor:1'";
                Ok::<_, StoreError>(tx.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
            })
            .unwrap();
        let (count, first, last) = waiting;
        if count > 0 {
            assert_eq!(u64::try_from(last).unwrap(), head.head.0);
            assert_eq!(last - first + 1, count, "change numbers have no gaps");
        }
        assert!(u64::try_from(first).unwrap() <= head.floor.0 + 1, "nothing between what is sealed and what waits is missing");
    }

    /// After a seal a device gets exactly the rows of the tables.
    fn devices_get_everything(&self) {
        self.books_are_right();
        self.sealer.seal_all(NOW).unwrap();
        let head = self.store.read(|tx| change_log::head(tx, "D1", &bucket())).unwrap();
        if let Some((rows, announced)) = self.fetched() {
            assert_eq!((rows, Some(announced)), (self.rows(), head.map(|head| head.head)));
        }
        self.books_are_right();
    }
}

/// A picture with little in it.
fn photo() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", &[0, 0, 0, 9, 0, 0, 0, 9, 8, 2, 0, 0, 0][..]), (b"IDAT", &[7; 3_000]), (b"IEND", &[])] {
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(name);
        bytes.extend(content);
        bytes.extend([0; 4]);
    }
    bytes
}

type Rows = BTreeMap<(TableId, i64), Vec<Value>>;

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Int(number) => Value::from(Some(number)),
        ValueRef::Text(text) => Value::from(Some(text.to_owned())),
        ValueRef::Blob(bytes) => Value::from(Some(bytes.to_vec())),
    }
}

fn state_of(rows: &Rows) -> StateSum {
    let mut state = StateSum::default();
    let mut hasher = RowHasher::new(KEY);
    for ((table, pk), values) in rows {
        let table = TableDef::by_id(*table).unwrap();
        state.add(hasher.row(table.id, *pk, table.columns.iter().map(|column| column.id).zip(values.iter().map(Value::as_ref))));
    }
    state
}

/// A disk with a part that holds forty price lists, sealed, and a change of some that is sealed too.
fn begun(folder: &Path) -> Disk {
    let disk = Disk::new();
    let server = Server::open(&disk, folder);
    server.store.write(|tx| part::create(tx, &part_d1(), NOW)).unwrap();
    server.write(0..40, 1).unwrap();
    server.sealer.seal_all(NOW).unwrap();
    server.write(0..6, 2).unwrap();
    server.sealer.seal_all(NOW).unwrap();
    drop(server);
    disk.restart();
    disk
}

fn told(name: &str, tried: [Tried; 2]) {
    let [crashes, failures] = tried;
    println!("{name}: {} operations, {} crashes, {} failures", crashes.operations, crashes.points, failures.points);
    assert!(crashes.points > crashes.operations.min(AT_MOST) && failures.points > 0);
}

/// Tries a flow of the server everywhere. Blobs of a try are in a folder of its own, begun with those of `start`.
fn try_everywhere(name: &str, disk: &Disk, folder: &Path, flow: &dyn Fn(&Server) -> Result<(), String>, check: &dyn Fn(&Server, bool)) {
    let blobs = RefCell::new(tempfile::tempdir().unwrap());
    let trial = Trial {
        start: disk,
        at_most: AT_MOST,
        flow: &|disk| {
            blobs.replace(tempfile::tempdir().unwrap());
            copy_folder(folder, blobs.borrow().path());
            flow(&Server::try_open(disk, blobs.borrow().path())?)
        },
        check: &|disk, done, _point| {
            let folder = blobs.borrow();
            check(&Server::open(disk, folder.path()), done);
            // Once more, as after another restart.
            disk.restart();
            Server::open(disk, folder.path()).devices_get_everything();
        },
    };
    told(name, [trial.crash_everywhere(), trial.fail_everywhere(&FAILURES)]);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_database_whose_making_was_cut_off_is_made_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    try_everywhere("make the schema", &disk, folder.path(), &|_server| Ok(()), &|server, _done| {
        migrate::require_current(&server.store).unwrap();
        server.store.write(|tx| part::create(tx, &part_d1(), NOW)).unwrap();
        server.write(0..3, 1).unwrap();
        server.devices_get_everything();
    });
}

#[test]
fn an_import_that_was_cut_off_is_done_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let disk = begun(folder.path());
    let fork = disk.fork();
    let before = Server::open(&fork, folder.path()).rows();
    try_everywhere("import", &disk, folder.path(), &Server::import, &|server, done| {
        let found = server.rows();
        assert!(before.iter().all(|(key, row)| found.get(key) == Some(row)), "an import of products touches nothing else");
        assert!(!done || found.len() == before.len() + 60);
        server.devices_get_everything();
        server.import().unwrap();
        let head = server.store.read(|tx| change_log::head(tx, "D1", &bucket())).unwrap().unwrap();
        assert_eq!(server.rows().len(), before.len() + 60);
        assert_eq!(head.head.0, 40 + 6 + 60, "each product was new once");
        server.devices_get_everything();
    });
}

#[test]
fn a_seal_that_was_cut_off_announces_the_old_or_the_new_and_never_half() {
    let folder = tempfile::tempdir().unwrap();
    let disk = begun(folder.path());
    let fork = disk.fork();
    let old = Server::open(&fork, folder.path()).fetched().unwrap();
    let flow = |server: &Server| {
        server.write(3..20, 3)?;
        said(server.sealer.seal_all(NOW)).map(drop)
    };
    try_everywhere("write and seal", &disk, folder.path(), &flow, &|server, done| {
        let announced = server.fetched().unwrap();
        let rows = server.rows();
        assert!(announced == old || announced.0 == rows, "what is announced is of one moment");
        assert!(!done || announced.0 == rows);
        server.devices_get_everything();
        flow(server).unwrap();
        assert_eq!(server.fetched().unwrap().0, server.rows());
    });
}

#[test]
fn a_collection_of_garbage_that_was_cut_off_takes_nothing_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let disk = begun(folder.path());
    let flow = |server: &Server| {
        let later = NOW.plus_millis(60 * DAY_MS);
        said(collect(&server.store, &server.blobs, later, 45 * DAY_MS, || ControlFlow::Continue(()))).map(drop)
    };
    let segments = |server: &Server| -> i64 {
        let sql = "SELECT count(*) FROM segment";
        server.store.read(|tx| Ok::<_, StoreError>(tx.query_row(sql, [], |row| row.get(0))?)).unwrap()
    };
    let fork = disk.fork();
    let all = segments(&Server::open(&fork, folder.path()));
    try_everywhere("collect garbage", &disk, folder.path(), &flow, &|server, _done| {
        assert_eq!(server.fetched().unwrap().0, server.rows());
        flow(server).unwrap();
        assert!(segments(server) < all, "there was something to collect");
        server.devices_get_everything();
    });
}

#[test]
fn a_file_whose_end_was_cut_off_is_here_once_and_never_as_a_row_without_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = begun(folder.path());
    let hash = Blake3Hex::of(&photo());
    try_everywhere("end an upload", &disk, folder.path(), &Server::send_photo, &|server, done| {
        let is_here = |server: &Server| {
            let row = server.store.read(|tx| files::find(tx, "D1", &hash)).unwrap();
            assert!(row.is_none() || server.blobs.has_file("D1", &hash).unwrap());
            row.is_some()
        };
        assert!(!done || is_here(server), "what was confirmed is here");
        server.send_photo().unwrap();
        assert!(is_here(server));
        let found = server.blobs.open_file("D1", &hash).unwrap().read(0..u64::try_from(photo().len()).unwrap()).unwrap();
        assert_eq!(found, photo());
    });
}
