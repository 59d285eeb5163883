//! The demo company: as large as it should be, the same for the same seed, and never without a route.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::path::Path;

use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::rows::{OUTLET, PRICE, PRODUCT, RECEIVABLE, STOCK, TableDef};
use polevik_server::blobs::Blobs;
use polevik_server::clock::SystemClock;
use polevik_server::database;
use polevik_server::demo::{Made, Materials, PASSWORD, Plan, Size, make};
use polevik_server::feed::placement;
use polevik_server::login::password;
use polevik_server_store::feed::{change_log, manifests};
use polevik_server_store::people::users;
use polevik_server_store::reference::{materials, route_stops, rows};
use polevik_server_store::{Store, StoreError, organisation, part};

/// 2026-11-22, a Sunday.
const SUNDAY: CalendarDay = CalendarDay(20_779);

fn demo(data: &Path, seed: u64, day: CalendarDay) -> Made {
    make(data, Plan { size: Size::S, seed, day, materials: Materials::Usual }, &SystemClock, &mut |_| ()).unwrap()
}

/// What devices would download of a bucket.
fn manifest(store: &Store, bucket: &str) -> String {
    let bucket = polevik_protocol::bucket::BucketName::parse(bucket).unwrap();
    store.read(|tx| manifests::find(tx, "D1", &bucket)).unwrap().unwrap().body
}

#[test]
fn the_same_seed_and_day_give_the_same_segments_and_another_seed_others() {
    let folders = [1, 1, 2].map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        demo(folder.path(), seed, SUNDAY);
        folder
    });
    let stores = folders.each_ref().map(|folder| database::open(folder.path()).unwrap());
    for bucket in ["distributor:1", "price_type:1", "warehouse:1", "territory:1", "position:2", "audience:1"] {
        let [one, again, other] = stores.each_ref().map(|store| manifest(store, bucket));
        assert_eq!(one, again, "{bucket}");
        assert_ne!(one, other, "{bucket}");
    }
    let epochs: BTreeSet<String> = stores.iter().map(|store| store.read(|tx| part::load(tx, "D1")).unwrap().epoch).collect();
    assert_eq!(epochs.len(), 3, "each is a life of its own, so no device takes one for the other");
}

#[test]
fn it_is_as_large_as_it_should_be_and_its_defects_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = demo(folder.path(), 1, SUNDAY);
    let store = database::open(folder.path()).unwrap();
    let count = |table: &TableDef| store.read(|tx| rows::count(tx, "D1", table)).unwrap();
    assert_eq!([PRODUCT, OUTLET, PRICE, STOCK, RECEIVABLE].map(count), [200, 250, 600, 300, 300]);
    let materials = store.read(|tx| materials::list(tx, "D1")).unwrap();
    assert_eq!(materials.len(), 22);
    let blobs = Blobs::open(folder.path()).unwrap();
    for material in &materials {
        let file = blobs.open_file("D1", &material.file).unwrap();
        assert_eq!(Blake3Hex::of(&file.read(0..material.bytes).unwrap()), material.file, "{}", material.ext_code);
    }
    assert_eq!(made.logins.len(), 8, "3 reps, 2 merchandisers, a van, a supervisor, and one with two positions");
    assert_eq!(made.logins.last().unwrap().positions.len(), 2);

    let refused: usize = std::fs::read_dir(folder.path().join("imports"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().lines().count())
        .sum();
    assert_eq!(refused, 17);
    let unsealed = store.read(|tx| change_log::unsealed(tx, "D1")).unwrap();
    assert_eq!(unsealed, [], "devices can fetch everything");
}

#[test]
fn everybody_signs_in_with_the_one_password() {
    let folder = tempfile::tempdir().unwrap();
    let made = demo(folder.path(), 1, SUNDAY);
    let store = database::open(folder.path()).unwrap();
    for login in &made.logins {
        let account = store.read(|tx| users::by_login(tx, &login.email)).unwrap().unwrap();
        let first = store.read(|tx| users::by_login(tx, &made.logins[0].email)).unwrap().unwrap();
        assert_eq!(account.password_hash, first.password_hash);
    }
    let account = store.read(|tx| users::by_login(tx, "rep01@demo.polevik.example")).unwrap().unwrap();
    assert!(matches!(password::check(PASSWORD, Some(&account.password_hash)), password::Checked::Right));
    assert!(matches!(password::check("polevik-dema", Some(&account.password_hash)), password::Checked::Wrong));
}

#[test]
fn nobody_is_without_a_route_on_the_demo_day_and_routes_are_kept_going() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), 1, SUNDAY);
    let store = database::open(folder.path()).unwrap();
    let positions: BTreeSet<_> = store
        .read(|tx| Ok::<_, StoreError>(organisation::positions(tx, "D1")?.iter().map(|p| placement::of_position(p.id)).collect()))
        .unwrap();
    let on = |day: CalendarDay| store.read(|tx| route_stops::buckets_on(tx, "D1", day)).unwrap();
    assert_eq!(on(SUNDAY), positions);
    assert_eq!(on(SUNDAY.plus_days(1)), positions);
    assert!(on(SUNDAY.plus_days(7)).is_empty(), "on other Sundays people are at home");

    let made = demo(folder.path(), 1, SUNDAY);
    assert!(!made.new);
    let next_sunday = SUNDAY.plus_days(7);
    demo(folder.path(), 1, next_sunday);
    assert_eq!(on(next_sunday), positions, "unless it is the day somebody tries it");
    let last = store.read(|tx| route_stops::last_day(tx, "D1")).unwrap().unwrap();
    assert!(last >= next_sunday.plus_days(12), "two weeks ahead: {last}");
    assert!(on(SUNDAY).is_empty(), "what is long past leaves the devices");
}

#[test]
fn a_folder_with_other_data_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = database::open_migrated(folder.path()).unwrap();
    store
        .write(|tx| {
            let distributor = polevik_domain::ids::DistributorId(1);
            polevik_server::commands::part_add::create(tx, "D1", "Own", distributor, [5; 48], UtcMillis(1))
        })
        .unwrap();
    let plan = Plan { size: Size::S, seed: 1, day: SUNDAY, materials: Materials::Usual };
    let error = make(folder.path(), plan, &SystemClock, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("did not make"), "{error}");
    assert_eq!(store.read(|tx| rows::count(tx, "D1", PRODUCT)).unwrap(), 0);
}
