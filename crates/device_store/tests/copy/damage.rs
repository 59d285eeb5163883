//! A bit that the disk turned round, anywhere in the file of the copy, is found and healed; no wrong row is ever shown as right.

use std::path::Path;

use polevik_device_store::db::{Damaged, commit};
use polevik_device_store::reference::checkpoints;
use polevik_device_store::reference::verify::{self, Verdict};
use polevik_device_store::{Result, Store};

use crate::office::{KEY, Office, open, rows_in};
use crate::ranges::repair_bucket;

/// What became of a damaged copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Healed {
    /// Nothing that counts was touched.
    Nothing,
    /// The books or kept hashes were mended.
    Mended,
    /// Rows came again from the office.
    Repaired,
    /// The file was begun anew.
    BegunAnew,
}

/// Reads through and repairs, as the engine does. An error that is damage ends in a new file.
fn heal(folder: &Path, office: &Office) -> Healed {
    let mut store = open(folder).unwrap();
    match read_through(&mut store, office) {
        Ok(healed) => healed,
        Err(error) => {
            assert!(error.is_damage(), "{error}");
            assert_eq!(store.recover().unwrap(), Damaged::Reference);
            Healed::BegunAnew
        }
    }
}

fn read_through(store: &mut Store, office: &Office) -> Result<Healed> {
    let both = store.read()?;
    let feed = checkpoints::feed(&both.reference)?;
    let checkpoints = checkpoints::all(&both.reference)?;
    drop(both);
    let whole = checkpoints.iter().map(|checkpoint| checkpoint.name.clone()).collect::<std::collections::BTreeSet<_>>()
        == office.buckets().into_iter().collect();
    // Without the key, or with another set of buckets, the device asks for the root anew and gets whatever differs: here, all.
    if feed.is_none_or(|feed| feed.hash_key != Some(KEY)) || !whole {
        store.reset_reference()?;
        return Ok(Healed::BegunAnew);
    }
    let tx = store.reference()?;
    let verdict = verify::verify(&tx, KEY)?;
    commit(tx)?;
    match verdict {
        Verdict::FileDamaged => {
            assert_eq!(store.recover()?, Damaged::Reference);
            Ok(Healed::BegunAnew)
        }
        Verdict::Read { wrong, mended, .. } if wrong.is_empty() => Ok(if mended > 0 { Healed::Mended } else { Healed::Nothing }),
        Verdict::Read { wrong, .. } => {
            for bucket in wrong {
                repair_bucket(store, office, &bucket);
            }
            Ok(Healed::Repaired)
        }
    }
}

/// The bytes of a small copy at rest.
fn copy_at_rest(folder: &Path, office: &Office) -> Vec<u8> {
    let mut store = open(folder).unwrap();
    office.load(&mut store);
    store.shrink_reference_log().unwrap();
    drop(store);
    std::fs::read(folder.join("reference-2.db")).unwrap()
}

#[test]
fn a_byte_turned_round_anywhere_is_found_and_healed() {
    // Every byte takes hours: a plain run tries one of about two thousand, every time another of its page.
    let stride = std::env::var("POLEVIK_DAMAGE_STRIDE").ok().and_then(|stride| stride.parse().ok()).unwrap_or(1_999);
    let folder = tempfile::tempdir().unwrap();
    let office = Office::small();
    let right = copy_at_rest(folder.path(), &office);
    let mut seen = std::collections::BTreeMap::new();
    for (count, place) in (0..right.len()).step_by(stride).enumerate() {
        let mut damaged = right.clone();
        damaged[place] ^= 1 << (count % 8);
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        // A new device's first copy, with the damaged bytes in its place.
        std::fs::write(folder.path().join("reference-1.db"), damaged).unwrap();
        let healed = heal(folder.path(), &office);
        *seen.entry(healed).or_insert(0) += 1;
        let mut store = open(folder.path()).unwrap();
        let rows = rows_in(&store.read().unwrap().reference).unwrap();
        if healed == Healed::BegunAnew || rows.is_empty() {
            assert!(rows.is_empty(), "byte {place}: a new file is empty until it is fetched");
        } else {
            assert!(rows == office.all_rows(), "byte {place}: {healed:?}");
        }
    }
    assert!(seen.contains_key(&Healed::Repaired) && seen.contains_key(&Healed::BegunAnew), "{seen:?}");
}

#[test]
fn books_that_cannot_be_read_have_the_copy_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::small();
    let mut store = open(folder.path()).unwrap();
    office.load(&mut store);
    let tx = store.reference().unwrap();
    tx.execute("UPDATE bucket SET name = 'pri#e_type:1' WHERE name = 'price_type:1'", []).unwrap();
    commit(tx).unwrap();
    let error = checkpoints::all(&store.read().unwrap().reference).unwrap_err();
    assert!(error.is_damage(), "{error}");
    drop(store);
    assert_eq!(heal(folder.path(), &office), Healed::BegunAnew);
}

#[test]
fn a_schema_that_cannot_be_read_as_text_is_a_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::small();
    let mut right = copy_at_rest(folder.path(), &office);
    // A comment of the schema, in which no word changes its meaning.
    let needle = b"How far each bucket";
    let places: Vec<usize> = (0..right.len()).filter(|place| right[*place..].starts_with(needle)).collect();
    assert!(!places.is_empty());
    // One of them may stand in a page that is not used any more.
    places.into_iter().for_each(|place| right[place] = 0xff);
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    std::fs::write(folder.path().join("reference-1.db"), right).unwrap();
    assert_eq!(heal(folder.path(), &office), Healed::BegunAnew);
}

#[test]
fn the_name_of_a_bucket_is_not_mended_from_the_wrong_side() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::small();
    let mut right = copy_at_rest(folder.path(), &office);
    // In the table the name follows its row's number; in the index it stands alone, before the number.
    let needle = b"position:1";
    let places: Vec<usize> = (0..right.len()).filter(|place| right[*place..].starts_with(needle)).collect();
    assert!(places.len() >= 2, "{places:?}");
    for place in places {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        right[place + needle.len() - 1] = b'5';
        std::fs::write(folder.path().join("reference-1.db"), &right).unwrap();
        right[place + needle.len() - 1] = b'1';
        assert_eq!(heal(folder.path(), &office), Healed::BegunAnew, "byte {place}");
    }
}
