//! The process ends, the disk fills up, bits turn and files go, at every operation of an update: the library in use always opens, and the
//! update always comes to its end afterwards.

use polevik_device::files::Fault;
use polevik_device::sync::recognition_library::{self as library, Next};
use polevik_protocol::Blake3Hex;

use crate::support::{Office, Published, TINY, World, honest};

fn office_with_two() -> (Office, Published, Published) {
    let office = Office::new();
    let (old, new) = (office.publish(&TINY[0], 1), office.publish(&TINY[1], 2));
    (office, old, new)
}

/// The version in use opens and knows its packs.
#[track_caller]
fn opens(world: &World, at: &str) {
    let open = world.open_library().unwrap_or_else(|| panic!("{at}: no library opens"));
    assert!(open.version == 1 || open.version == 2, "{at}");
    assert_eq!(open.index.skus().len(), 3, "{at}");
}

#[test]
fn an_update_survives_the_end_of_the_process_at_every_operation_on_files() {
    let (office, old, new) = office_with_two();
    let operations = {
        let mut world = World::with(&office, &old);
        let before = world.files.operations();
        world.install(&new).unwrap();
        world.files.operations() - before
    };
    assert!(operations >= 8, "{operations}");
    for operation in 0..operations {
        for fault in [Fault::CrashBefore, Fault::CrashWithin, Fault::CrashAfter, Fault::NoSpace] {
            let at = format!("{fault:?} at operation {operation} of {operations}");
            let mut world = World::with(&office, &old);
            world.files.plan(world.files.operations() + operation, fault);
            assert!(world.install(&new).is_err(), "{at}");
            world.restart();
            if fault == Fault::CrashWithin {
                world.files.lose_power();
            }
            opens(&world, &at);
            world.install(&new).unwrap_or_else(|failed| panic!("{at}: {failed:?}"));
            assert_eq!(world.version(), Some(2), "{at}");
        }
    }
}

#[test]
fn an_update_survives_a_restart_after_every_step_and_fetches_nothing_twice() {
    let (office, old, new) = office_with_two();
    let mut world = World::with(&office, &old);
    let straight = {
        let mut other = World::with(&office, &old);
        let before = other.requests;
        other.install(&new).unwrap();
        other.requests - before
    };
    let before = world.requests;
    world.tell(Some(&new.news()));
    while world.step(&mut |asked| honest(&new, asked)).unwrap() {
        world.restart();
        opens(&world, "after a step");
    }
    assert_eq!(world.version(), Some(2));
    assert_eq!(world.requests - before, straight);
}

#[test]
fn bits_that_turn_in_what_was_fetched_are_found_before_the_switch() {
    let (office, old, new) = office_with_two();
    let mut world = World::with(&office, &old);
    world.tell(Some(&new.news()));
    let mut fetched = Vec::new();
    while !matches!(library::next(&world.device).unwrap(), Next::Install) {
        if let Next::Chunk { hash, .. } = library::next(&world.device).unwrap() {
            fetched.push(hash);
        }
        assert!(world.step(&mut |asked| honest(&new, asked)).unwrap());
    }
    world.files.flip_bit(&fetched[0], 100);
    assert!(world.files.lose(&fetched[1]));
    // Once for each: what is spoiled is fetched again.
    let mut failures = 0;
    while world.version() != Some(2) {
        if world.go_on(|asked| honest(&new, asked)).is_err() {
            failures += 1;
        }
        assert!(failures <= 2);
        opens(&world, "while chunks are spoiled");
    }
    assert!(failures > 0);
}

#[test]
fn bits_that_turn_in_a_version_that_waits_for_the_switch_are_found() {
    let (office, old, new) = office_with_two();
    for file in 0..new.manifest.files.len() {
        let mut world = World::with(&office, &old);
        world.tell(Some(&new.news()));
        while !matches!(library::next(&world.device).unwrap(), Next::Activate) {
            assert!(world.step(&mut |asked| honest(&new, asked)).unwrap());
        }
        world.files.flip_bit(&new.manifest.files[file].hash, 50);
        assert!(world.go_on(|asked| honest(&new, asked)).is_err(), "{}", new.manifest.files[file].path);
        assert_ne!(world.version(), Some(2));
        world.go_on(|asked| honest(&new, asked)).unwrap();
        assert_eq!(world.version(), Some(2));
    }
}

#[test]
fn what_the_library_in_use_has_spoiled_is_fetched_instead_of_reused() {
    let (office, old, new) = office_with_two();
    let mut world = World::with(&office, &old);
    // A file of pictures that changes in the next version: most of its chunks would have been taken from here.
    let changed = old.manifest.files.iter().skip(1).find(|file| !new.manifest.files.iter().any(|other| other.hash == file.hash)).unwrap();
    world.files.flip_bit(&changed.hash, 10);
    world.install(&new).unwrap();
    assert_eq!(world.version(), Some(2));
    assert!(world.received > old.manifest.bytes());

    let mut world = World::with(&office, &old);
    assert!(world.files.lose(&changed.hash));
    world.install(&new).unwrap();
    assert_eq!(world.version(), Some(2));
}

#[test]
fn a_library_in_use_that_is_spoiled_gives_way_to_the_one_before_it_or_is_fetched_again() {
    let (office, old, new) = office_with_two();
    let mut world = World::with(&office, &old);
    world.install(&new).unwrap();
    let index = |published: &Published| -> Blake3Hex { published.manifest.index().unwrap().hash.clone() };
    world.files.flip_bit(&index(&new), 30);
    assert_eq!(world.version(), Some(1));
    assert!(world.files.lose(&index(&old)));
    assert_eq!(world.version(), None);
    assert_eq!(world.device.borrow_mut().library_word().unwrap().as_deref(), Some(""));
    world.install(&new).unwrap();
    assert_eq!(world.version(), Some(2));
}
