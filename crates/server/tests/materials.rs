//! Audiences and materials as the office gives them, their small pictures, and what becomes of files that nothing names.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[expect(dead_code, reason = "the tests of HTTP need more of them")]
#[path = "http/pictures.rs"]
mod pictures;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

use polevik_domain::ids::{DistributorId, PositionId};
use polevik_domain::position::Role;
use polevik_domain::time::{Clock, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::checksum::HashKey;
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::rows::{MATERIAL, PRODUCT};
use polevik_server::app::{App, AppSettings};
use polevik_server::blobs::Blobs;
use polevik_server::file::garbage::{CollectedFiles, collect};
use polevik_server::file::notes::without_notes;
use polevik_server::file::thumbnails::make_next;
use polevik_server::import::material_files::MaterialFiles;
use polevik_server::import::source::{Format, read};
use polevik_server::import::{Kind, Options, Outcome, Pace, run};
use polevik_server_store::audiences;
use polevik_server_store::documents::files::{self, StoredFile};
use polevik_server_store::organisation::{self, NewPosition};
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::materials::{self, StoredMaterial};
use polevik_server_store::reference::rows;
use polevik_server_store::{Store, StoreError, migrate};
use polevik_texts::Language;
use serde_json::{Value as Json, json};

use pictures::{jpeg, mp4, pdf, png};

const NOW: UtcMillis = UtcMillis(20_779 * 86_400_000 + 8 * 3_600_000);
const DAY_MS: i64 = 86_400_000;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> UtcMillis {
        NOW
    }
    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
}

/// A part with two positions, and an empty folder of the office.
struct World {
    store: Store,
    part: Part,
    blobs: Blobs,
    positions: [PositionId; 2],
    data: tempfile::TempDir,
    office: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let (data, office) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open_or_create(data.path()).unwrap();
        migrate::run(&store, NOW).unwrap();
        let part = Part {
            id: "D1".to_owned(),
            name: "Distributor".to_owned(),
            distributor: DistributorId(1),
            epoch: "e1".to_owned(),
            hash_key: HashKey([3; 32]),
        };
        let positions = store
            .write(|tx| {
                part::create(tx, &part, NOW)?;
                let north = organisation::put_territory(tx, "D1", "T1", "Север")?;
                let position = |code, role, territories: &[_]| {
                    let new = NewPosition { code, name: code, role, distributor: DistributorId(1), parent: None, territories };
                    organisation::put_position(tx, "D1", &new)
                };
                Ok::<_, StoreError>([position("R1", Role::Rep, &[north])?, position("M1", Role::Merchandiser, &[])?])
            })
            .unwrap();
        let blobs = Blobs::open(data.path()).unwrap();
        let world = Self { store, part, blobs, positions, data, office };
        let product = json!({"ext_code": "P1", "sku": "A-1", "name": "Сок"});
        assert_eq!(world.import(Kind::Products, &[product]).0.counts.inserted, 1);
        world
    }

    fn import(&self, kind: Kind, records: &[Json]) -> (Outcome, Vec<String>) {
        self.import_with(kind, records, false)
    }

    fn import_with(&self, kind: Kind, records: &[Json], remove_missing: bool) -> (Outcome, Vec<String>) {
        let text: Vec<String> = records.iter().map(Json::to_string).collect();
        let lines = read(Format::Ndjson, Cursor::new(text.join("\n").into_bytes())).unwrap();
        let files =
            MaterialFiles { folder: self.office.path().to_owned(), blobs: self.blobs.clone(), beside: self.data.path().join("imports") };
        let options = Options { remove_missing, files: Some(files), ..Options::at(NOW) };
        let mut refused = Vec::new();
        let outcome = run(&self.store, &self.part, kind, &options, "test", lines, Pace::Alone, &StoppedClock, &mut |row| {
            refused.push(format!("{}: {}", row.field, row.reason));
            Ok(())
        });
        (outcome.unwrap(), refused)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.office.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn audiences(&self) {
        let (outcome, refused) = self.import(
            Kind::Audiences,
            &[json!({"ext_code": "all", "name": "Все"}), json!({"ext_code": "reps", "name": "ТП", "role": "rep", "territory": "T1"})],
        );
        assert_eq!((outcome.counts.inserted, refused), (2, vec![]));
    }

    fn materials(&self) -> Vec<StoredMaterial> {
        self.store.read(|tx| materials::list(tx, "D1")).unwrap()
    }

    fn audiences_of(&self, position: PositionId) -> Vec<i64> {
        self.store.read(|tx| audiences::of_position(tx, "D1", position)).unwrap()
    }

    fn content(&self, hash: &Blake3Hex, bytes: u64) -> Vec<u8> {
        self.blobs.open_file("D1", hash).unwrap().read(0..bytes).unwrap().to_vec()
    }

    fn collect(&self, now: UtcMillis) -> CollectedFiles {
        collect(&self.store, &self.blobs, now, 45 * DAY_MS, || ControlFlow::Continue(())).unwrap()
    }
}

fn material(code: &str, file: &str) -> Json {
    json!({"ext_code": code, "title": "Планограмма", "kind": "planogram", "audience": "all", "file": file})
}

#[test]
fn audiences_are_every_position_that_has_all_of_what_is_given() {
    let world = World::new();
    world.audiences();
    let [rep, merchandiser] = world.positions;
    assert_eq!((world.audiences_of(rep), world.audiences_of(merchandiser)), (vec![1, 2], vec![1]));
    let (outcome, _) = world.import(Kind::Audiences, &[json!({"ext_code": "reps", "name": "ТП", "role": "rep", "territory": "T1"})]);
    assert_eq!(outcome.counts.unchanged, 1);
    let (outcome, _) = world.import(Kind::Audiences, &[json!({"ext_code": "reps", "name": "Он", "position": "M1"})]);
    assert_eq!(outcome.counts.updated, 1);
    assert_eq!((world.audiences_of(rep), world.audiences_of(merchandiser)), (vec![1], vec![1, 2]));
    let (outcome, refused) = world.import(
        Kind::Audiences,
        &[
            json!({"ext_code": "a", "name": "A", "role": "king"}),
            json!({"ext_code": "b", "name": "B", "territory": "T9"}),
            json!({"ext_code": "c", "name": "C", "position": "R9"}),
            json!({"ext_code": "d", "name": "D", "distributor": "D2"}),
            json!({"ext_code": "e"}),
            json!({"ext_code": "reps", "deleted": true}),
        ],
    );
    assert_eq!((outcome.counts.refused, outcome.counts.removed), (5, 1), "{refused:?}");
    assert_eq!(world.audiences_of(merchandiser), [1]);
}

#[test]
fn materials_are_taken_with_their_files_and_known_by_their_content() {
    let world = World::new();
    world.audiences();
    world.write("plan/полка.png", &png(800, 600));
    world.write("price.pdf", &pdf(""));
    world.write("film.mp4", &mp4());
    let list = [
        material("M1", "plan/полка.png"),
        json!({"ext_code": "M2", "title": "Прайс", "kind": "price_list", "audience": "reps", "file": "price.pdf", "mandatory": true,
               "file_name": "Прайс-лист.pdf", "valid_from": "2026-11-20", "valid_to": "2026-12-20", "folder": "Прайсы", "version": 3}),
        json!({"ext_code": "M3", "title": "Ролик", "kind": "video", "audience": "all", "file": "film.mp4", "product": "A-1"}),
    ];
    let (outcome, refused) = world.import(Kind::Materials, &list);
    assert_eq!((outcome.counts.inserted, refused), (3, vec![]));
    let found = world.materials();
    assert_eq!(found.iter().map(|one| one.audience.as_str()).collect::<Vec<_>>(), ["all", "reps", "all"]);
    assert_eq!(found.iter().map(|one| one.content_type.as_str()).collect::<Vec<_>>(), ["image/png", "application/pdf", "video/mp4"]);
    assert_eq!(found.iter().map(|one| one.file_name.as_str()).collect::<Vec<_>>(), ["полка.png", "Прайс-лист.pdf", "film.mp4"]);
    assert_eq!(world.content(&found[0].file, found[0].bytes), png(800, 600));
    assert_eq!((found[1].mandatory, found[1].version, found[1].valid_to), (true, 3, Some(20_807)));

    // The same again is no news for anybody; another file under the same code is.
    assert_eq!(world.import(Kind::Materials, &list).0.counts.unchanged, 3);
    world.write("plan/полка.png", &png(801, 600));
    let (outcome, _) = world.import(Kind::Materials, &list);
    assert_eq!((outcome.counts.updated, outcome.counts.unchanged), (1, 2));
    assert_eq!(world.content(&world.materials()[0].file, found[0].bytes), png(801, 600));
    assert_eq!(world.content(&found[0].file, found[0].bytes), png(800, 600), "who has not heard yet still finds the old one");

    let gone = [json!({"ext_code": "M1", "deleted": true}), json!({"ext_code": "M9", "deleted": true})];
    let (outcome, _) = world.import(Kind::Materials, &gone);
    assert_eq!((outcome.counts.removed, outcome.counts.unchanged), (1, 1));
    let in_use = world.import(Kind::Audiences, &[json!({"ext_code": "reps", "deleted": true})]);
    assert_eq!(in_use.1, ["deleted: there are materials for this audience; remove them first"]);
    let (outcome, _) = world.import_with(Kind::Materials, &list[2..], true);
    assert_eq!(outcome.counts.removed, 0, "the list is that of the other audience");
    assert_eq!(world.store.read(|tx| rows::count(tx, "D1", MATERIAL)).unwrap(), 2);
    assert_eq!(world.store.read(|tx| rows::count(tx, "D1", PRODUCT)).unwrap(), 1);
}

#[test]
fn a_material_that_cannot_be_is_refused_with_its_field_and_the_others_are_taken() {
    let world = World::new();
    world.audiences();
    world.write("good.png", &png(8, 8));
    world.write("page.html", b"<!doctype html><script>alert(1)</script>");
    world.write("page.png", b"<!doctype html><script>alert(1)</script>");
    world.write("bomb.png", &png(50_000, 50_000));
    std::fs::write(world.data.path().join("secret.png"), png(8, 8)).unwrap();
    let outside = format!("../{}/secret.png", world.data.path().file_name().unwrap().to_str().unwrap());
    let with = |field: &str, value: Json| {
        let mut record = material("X", "good.png");
        record[field] = value;
        record
    };
    for (record, field) in [
        (material("X", "none.png"), "file"),
        (material("X", "page.html"), "file"),
        (material("X", "page.png"), "file"),
        (material("X", "bomb.png"), "file"),
        (material("X", &outside), "file"),
        (material("X", world.data.path().join("secret.png").to_str().unwrap()), "file"),
        (with("file_name", json!("good.exe")), "file_name"),
        (with("kind", json!("song")), "kind"),
        (with("audience", json!("nobody")), "audience"),
        (with("product", json!("A-9")), "product"),
        (with("outlet", json!("O9")), "outlet"),
        (with("valid_from", json!("22.11.2026")), "valid_from"),
        (with("valid_to", json!("2020-01-01")), "valid_to"),
        (with("title", json!("")), "title"),
        (with("version", json!(0)), "version"),
    ] {
        let (outcome, refused) = world.import(Kind::Materials, &[record.clone(), material("good", "good.png")]);
        assert_eq!(outcome.counts.refused, 1, "{record}");
        assert!(refused[0].starts_with(&format!("{field}: ")), "{record}: {refused:?}");
    }
    assert_eq!(world.materials().len(), 1);
}

#[test]
fn what_a_camera_noted_does_not_go_to_everybody() {
    let world = World::new();
    world.audiences();
    let plain = jpeg(640, 480, 5_000, 1);
    let note = b"Exif\0\0II\x2a\0\x08\0\0\0\0\0 55.7558 N 37.6173 E";
    let segment = [&[0xff, 0xe1][..], &u16::try_from(note.len() + 2).unwrap().to_be_bytes(), note].concat();
    let noted = [&plain[..20], &segment, &plain[20..]].concat();
    world.write("shelf.jpg", &noted);
    assert_eq!(world.import(Kind::Materials, &[material("M1", "shelf.jpg")]).0.counts.inserted, 1);
    let [kept] = world.materials().try_into().unwrap();
    assert_eq!(world.content(&kept.file, kept.bytes), plain);
    assert_eq!(without_notes(noted), plain);
}

#[test]
fn a_change_of_the_offices_own_file_does_not_change_ours() {
    let world = World::new();
    world.audiences();
    world.write("a.png", &png(8, 8));
    assert_eq!(world.import(Kind::Materials, &[material("M1", "a.png")]).0.counts.inserted, 1);
    let [kept] = world.materials().try_into().unwrap();
    // In place, as a program that saves does.
    std::io::Write::write_all(&mut std::fs::OpenOptions::new().write(true).open(world.office.path().join("a.png")).unwrap(), &[0; 8])
        .unwrap();
    assert_eq!(Blake3Hex::of(&world.content(&kept.file, kept.bytes)), kept.file);
}

#[test]
fn files_that_nothing_names_go_after_a_while_and_others_stay() {
    let world = World::new();
    world.audiences();
    world.write("a.png", &png(8, 8));
    world.write("b.png", &png(9, 9));
    assert_eq!(world.import(Kind::Materials, &[material("A", "a.png"), material("B", "b.png")]).0.counts.inserted, 2);
    let [a, b] = world.materials().try_into().unwrap();
    assert_eq!(world.import(Kind::Materials, &[json!({"ext_code": "B", "deleted": true})]).0.counts.removed, 1);
    assert_eq!(world.collect(NOW.plus_millis(44 * DAY_MS)), CollectedFiles::default());
    let later = NOW.plus_millis(46 * DAY_MS);
    assert_eq!(world.collect(later), CollectedFiles { files: 1, bytes: b.bytes, orphans: 0 });
    assert!(!world.blobs.has_file("D1", &b.file).unwrap());
    assert!(world.blobs.has_file("D1", &a.file).unwrap());
    // Bytes whose row was never written: an upload that was killed just before its end.
    let orphan = world.office.path().join("orphan");
    std::fs::write(&orphan, b"orphan").unwrap();
    let name = Blake3Hex::of(b"orphan");
    world.blobs.take_file("D1", &name, &orphan).unwrap();
    let written_at = polevik_server::database::system_now();
    assert_eq!(world.collect(written_at.plus_millis(DAY_MS / 2)).orphans, 0);
    assert_eq!(world.collect(written_at.plus_millis(DAY_MS + 60_000)).orphans, 1);
    assert!(!world.blobs.has_file("D1", &name).unwrap());
}

fn real_picture(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x, y, x ^ y].map(|value| u8::try_from(value % 256).unwrap())));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
    bytes
}

/// Small pictures are made by a process of its own: what it takes down with it is not the server.
#[tokio::test]
async fn small_pictures_are_made_of_pictures_and_of_nothing_else() {
    let world = World::new();
    let bomb = {
        // Its header says more than may be decoded; it was taken before the limits were what they are.
        let mut bytes = Vec::new();
        image::RgbImage::new(8, 8).write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        bytes
    };
    let put = |bytes: &[u8], content_type: &str| {
        let (hash, from) = (Blake3Hex::of(bytes), world.office.path().join("file"));
        std::fs::write(&from, bytes).unwrap();
        world.blobs.take_file("D1", &hash, &from).unwrap();
        std::fs::remove_file(from).unwrap();
        let file = StoredFile { hash: hash.clone(), bytes: bytes.len() as u64, content_type: content_type.to_owned(), size: Some((8, 8)) };
        world.store.write(|tx| files::put(tx, "D1", &file, NOW.plus_millis(-60_000))).unwrap();
        hash
    };
    let good = put(&real_picture(1_600, 1_200), "image/jpeg");
    let bad = [put(&bomb, "image/png"), put(&jpeg(64, 64, 9_000, 1), "image/jpeg"), put(b"heic", "image/heic")];
    let app = App::with_guests(
        world.store.clone(),
        world.data.path(),
        Language::Russian,
        AppSettings::default(),
        Box::new(StoppedClock),
        |bytes| bytes.fill(7),
    )
    .unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_polevik-server"));
    for _ in 0..4 {
        assert!(make_next(&app, program).await.unwrap());
    }
    assert!(!make_next(&app, program).await.unwrap(), "each is tried once");
    let small = image::load_from_memory(&world.blobs.thumbnail("D1", &good).unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (320, 240));
    for name in bad {
        assert!(world.blobs.thumbnail("D1", &name).is_err());
    }
}
