//! What a library costs: the whole once, then what changed, and nothing when nothing did.

use polevik_device::sync::recognition_library::{self as library, Next};
use polevik_recognition_library::Picture;

use crate::support::{Office, SMALL, World, honest, library_of};

#[test]
fn a_first_library_is_fetched_tried_and_recognises_its_packs() {
    let office = Office::new();
    let mut world = World::new(&office);
    assert_eq!(world.device.borrow_mut().library_word().unwrap().as_deref(), Some(""), "it asks, and has none");
    assert!(world.open_library().is_none());
    let first = office.publish(&SMALL[0], 1);
    world.install(&first).unwrap();

    let open = world.open_library().unwrap();
    assert_eq!((open.version, open.index.skus().len()), (1, 8));
    let reference = open.index.references().last().unwrap();
    let file = &SMALL[0].files[usize::try_from(reference.file).unwrap()].content;
    let from = usize::try_from(reference.from).unwrap();
    let photo = Picture::from_jpeg(&file[from..from + usize::try_from(reference.bytes).unwrap()]).unwrap();
    let sku = &open.index.skus()[usize::try_from(reference.sku).unwrap()];
    assert_eq!(open.index.recognise(&photo, 1)[0].sku, sku);

    assert_eq!(world.device.borrow_mut().library_word().unwrap().as_deref(), Some(&first.name.as_str()[..16]));
    assert_eq!(world.device.borrow_mut().library_in_use().unwrap(), Some((1, first.manifest.bytes())));
    assert_eq!(world.held_files(), first.manifest.files.len(), "no chunk is left behind");
    assert_eq!(world.received, first.manifest.bytes() + u64::try_from(first.papers.len()).unwrap());
}

#[test]
fn a_device_that_was_told_no_roots_does_not_ask_for_a_library() {
    let world = World::without_roots();
    assert_eq!(world.device.borrow_mut().library_word().unwrap(), None);
}

#[test]
fn nothing_is_fetched_when_nothing_changed() {
    let office = Office::new();
    let first = office.publish(&SMALL[0], 1);
    let mut world = World::with(&office, &first);
    let requests = world.requests;
    world.tell(None);
    assert!(matches!(library::next(&world.device).unwrap(), Next::Nothing));
    world.install(&first).unwrap();
    assert_eq!(world.requests, requests);
}

#[test]
fn the_same_library_under_a_new_list_of_keys_costs_its_papers_only() {
    let mut office = Office::new();
    let first = office.publish(&SMALL[0], 1);
    let mut world = World::with(&office, &first);
    office.list.version = 2;
    let signed_again = office.publish(&SMALL[0], 1);
    let requests = world.requests;
    world.install(&signed_again).unwrap();
    assert_eq!(world.requests, requests + 1);
    assert_eq!(world.device.borrow_mut().library_word().unwrap().as_deref(), Some(&signed_again.name.as_str()[..16]));
    assert_eq!(world.version(), Some(1));
}

#[test]
fn five_percent_new_packs_cost_at_most_twelve_percent_of_the_bytes() {
    let office = Office::new();
    let mut world = World::with(&office, &office.publish(&library_of(60, 0..0), 1));
    let next = office.publish(&library_of(60, 20..23), 2);
    world.received = 0;
    world.install(&next).unwrap();
    assert_eq!(world.version(), Some(2));
    let share = world.received * 1_000 / next.manifest.bytes();
    println!("5 % of {} bytes changed: {} bytes fetched, {share} per mille", next.manifest.bytes(), world.received);
    assert!(share <= 120, "{share} per mille");
}

#[test]
fn the_version_before_is_kept_and_the_one_before_that_goes() {
    let office = Office::new();
    let [old, new] = [office.publish(&SMALL[0], 1), office.publish(&SMALL[1], 2)];
    let mut world = World::with(&office, &old);
    world.install(&new).unwrap();
    let with_two = world.held_files();
    world.install(&office.publish(&SMALL[0], 3)).unwrap();
    assert_eq!(world.version(), Some(3));
    assert_eq!(world.held_files(), with_two, "version 3 has the files of version 1, and version 2 is kept");
    world.install(&office.publish(&library_of(2, 0..0), 4)).unwrap();
    let third = office.publish(&SMALL[0], 3).manifest.files.len();
    let fourth = office.publish(&library_of(2, 0..0), 4).manifest.files.len();
    assert_eq!(world.held_files(), third + fourth);
}

#[test]
fn a_version_that_the_office_took_back_before_it_was_whole_is_given_up() {
    let office = Office::new();
    let [old, new] = [office.publish(&SMALL[0], 1), office.publish(&SMALL[1], 2)];
    let mut world = World::with(&office, &old);
    world.tell(Some(&new.news()));
    for _ in 0..2 {
        assert!(world.step(&mut |asked| honest(&new, asked)).unwrap());
    }
    world.tell(Some(&old.news()));
    assert!(matches!(library::next(&world.device).unwrap(), Next::Nothing));
    assert_eq!(world.version(), Some(1));
}
