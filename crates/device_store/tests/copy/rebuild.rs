//! A copy is built beside the one in use, and put in its place at once.

use polevik_device_store::db::commit;
use polevik_device_store::reference::{checkpoints, staging};
use polevik_device_store::work::options::{self, OptionName};
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::manifest::Blake3Hex;

use crate::office::{KEY, Office, feed, open, rows_in};

#[test]
fn a_rebuilt_copy_holds_every_row_and_the_books() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let office = Office::small();
    office.load(&mut store);
    for mut store in [store, open(folder.path()).unwrap()] {
        let both = store.read().unwrap();
        assert_eq!(rows_in(&both.reference).unwrap(), office.all_rows());
        assert_eq!(checkpoints::feed(&both.reference).unwrap(), Some(feed()));
        for checkpoint in checkpoints::all(&both.reference).unwrap() {
            assert_eq!(checkpoint.state, office.state(&checkpoint.name));
            assert_eq!(checkpoint.cursor.0, 1);
        }
    }
    assert!(!folder.path().join("reference-1.db").exists(), "the old copy is gone");
}

#[test]
fn the_old_copy_is_in_use_until_the_new_one_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut office = Office::small();
    office.load(&mut store);
    let before = office.all_rows();
    office.fill(&BucketName::new(BucketKind::Distributor, 1), "product", 41..=50);

    let mut rebuild = store.begin_rebuild(KEY).unwrap();
    let heads = office.write_into(&mut rebuild);
    assert_eq!(rows_in(&store.read().unwrap().reference).unwrap(), before);
    store.finish_rebuild(rebuild, &feed(), &heads).unwrap();
    assert_eq!(rows_in(&store.read().unwrap().reference).unwrap(), office.all_rows());
}

#[test]
fn a_process_that_dies_while_it_builds_leaves_the_old_copy_and_its_staged_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let office = Office::small();
    office.load(&mut store);
    let name = Blake3Hex::of(b"staged").to_string();
    let tx = store.reference().unwrap();
    staging::insert(&tx, &name, b"staged").unwrap();
    commit(tx).unwrap();
    let mut rebuild = store.begin_rebuild(KEY).unwrap();
    office.write_into(&mut rebuild);
    assert!(folder.path().join("reference-3.db").exists());
    std::mem::forget(rebuild);
    std::mem::forget(store);

    let mut store = open(folder.path()).unwrap();
    assert!(!folder.path().join("reference-3.db").exists(), "half a copy is no use");
    let both = store.read().unwrap();
    assert_eq!(rows_in(&both.reference).unwrap(), office.all_rows());
    assert_eq!(staging::staged(&both.reference).unwrap(), [name].into());
}

#[test]
fn a_rebuild_that_is_given_up_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut rebuild = store.begin_rebuild(KEY).unwrap();
    Office::small().write_into(&mut rebuild);
    store.abandon_rebuild(rebuild).unwrap();
    assert!(!folder.path().join("reference-2.db").exists());
    assert!(checkpoints::feed(&store.read().unwrap().reference).unwrap().is_none());
}

#[test]
fn the_place_says_how_much_room_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    assert!(store.free_bytes().is_some_and(|bytes| bytes > 0));
    let office = Office::small();
    let bucket = BucketName::new(BucketKind::Distributor, 1);
    let (bytes, _) = office.base(&bucket, crate::office::table("product"), i64::MIN..=i64::MAX);
    let tx = store.reference().unwrap();
    staging::insert(&tx, Blake3Hex::of(&bytes).as_str(), &bytes).unwrap();
    let raw = staging::raw_bytes(&tx).unwrap();
    assert!(raw > bytes.len() as u64, "{raw} unpacked, {} packed", bytes.len());
}

#[test]
fn another_generation_begins_with_the_option_in_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    Office::small().load(&mut store);
    assert_eq!(options::get(&store.work().unwrap(), OptionName::ReferenceGeneration).unwrap().as_deref(), Some("2"));
}
