//! What every place for files promises, tried with a folder and with memory.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use futures::executor::block_on;
use polevik_device::files::{FileFolder, Files, FilesError, Held, Kind, MemoryFiles, part_path_of, path_of};
use polevik_protocol::hash::Blake3Hex;

/// Tries the law with each kind of place.
fn everywhere(law: impl AsyncFn(&dyn Fn(&Blake3Hex, usize), &Place)) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    let flip = move |name: &Blake3Hex, at: usize| {
        for path in [path_of(name), part_path_of(name)] {
            let path = home.join(path);
            if let Ok(mut bytes) = std::fs::read(&path) {
                bytes[at] ^= 1;
                std::fs::write(path, bytes).unwrap();
            }
        }
    };
    block_on(law(&flip, &Place::Folder(FileFolder::new(folder.path()).unwrap())));
    let memory = MemoryFiles::default();
    let same = memory.clone();
    block_on(law(&move |name, at| same.flip_bit(name, at), &Place::Memory(memory)));
}

enum Place {
    Folder(FileFolder),
    Memory(MemoryFiles),
}

/// Calls a method of whichever place it is.
macro_rules! of {
    ($place:expr, $method:ident $arguments:tt) => {
        match $place {
            Place::Folder(files) => files.$method $arguments.await,
            Place::Memory(files) => files.$method $arguments.await,
        }
    };
}

#[test]
fn what_was_put_is_read_in_ranges_under_its_name() {
    everywhere(async |_, place| {
        let bytes: Vec<u8> = (0..=255).collect();
        let name = of!(place, put(&bytes)).unwrap();
        assert_eq!(name, Blake3Hex::of(&bytes));
        assert_eq!(of!(place, put(&bytes)).unwrap(), name, "a second time is harmless");
        assert_eq!(of!(place, size(&name)).unwrap(), Some(256));
        for (from, len, wanted) in
            [(0, 256, &bytes[..]), (0, 1_000, &bytes), (10, 5, &bytes[10..15]), (255, 9, &bytes[255..]), (256, 1, &[]), (900, 1, &[])]
        {
            assert_eq!(of!(place, read(&name, from, len)).unwrap(), wanted, "{from} {len}");
        }
        assert_eq!(of!(place, list()).unwrap(), [Held { name: name.clone(), bytes: 256, kind: Kind::Whole }]);
        of!(place, remove(&name)).unwrap();
        of!(place, remove(&name)).unwrap();
        assert_eq!(of!(place, size(&name)).unwrap(), None);
        assert_eq!(of!(place, read(&name, 0, 1)), Err(FilesError::NotFound));
        assert_eq!(of!(place, list()).unwrap(), []);
    });
}

#[test]
fn a_part_grows_only_at_its_end_and_becomes_whole_when_it_is_right() {
    everywhere(async |_, place| {
        let bytes = b"a planogram in two parts";
        let name = Blake3Hex::of(bytes);
        assert_eq!(of!(place, part_size(&name)).unwrap(), 0);
        of!(place, append_part(&name, 0, &bytes[..10])).unwrap();
        assert_eq!(of!(place, append_part(&name, 0, &bytes[..10])), Err(FilesError::Offset { have: 10 }));
        assert_eq!(of!(place, append_part(&name, 11, b"x")), Err(FilesError::Offset { have: 10 }));
        assert_eq!(of!(place, part_size(&name)).unwrap(), 10);
        assert_eq!(of!(place, list()).unwrap(), [Held { name: name.clone(), bytes: 10, kind: Kind::Part }]);
        assert_eq!(of!(place, size(&name)).unwrap(), None, "a part is not a file");
        of!(place, append_part(&name, 10, &bytes[10..])).unwrap();
        assert_eq!(of!(place, read_part(&name, 2, 4)).unwrap(), &bytes[2..6]);
        of!(place, seal_part(&name)).unwrap();
        assert_eq!(of!(place, read(&name, 0, 100)).unwrap(), bytes);
        assert_eq!(of!(place, part_size(&name)).unwrap(), 0);
        assert_eq!(of!(place, seal_part(&name)), Err(FilesError::NotFound));
    });
}

#[test]
fn a_part_with_other_bytes_never_becomes_a_file() {
    everywhere(async |flip, place| {
        let bytes = vec![7; 100_000];
        let name = Blake3Hex::of(&bytes);
        for (kept, flipped) in [(100_000, Some(0)), (100_000, Some(99_999)), (100_000, Some(65_536)), (99_999, None), (0, None)] {
            of!(place, append_part(&name, 0, &bytes[..kept])).unwrap();
            if let Some(at) = flipped {
                flip(&name, at);
            }
            assert_eq!(of!(place, seal_part(&name)), Err(FilesError::Damaged), "{kept} {flipped:?}");
            assert_eq!((of!(place, size(&name)).unwrap(), of!(place, list()).unwrap()), (None, Vec::new()));
        }
        of!(place, append_part(&name, 0, &bytes)).unwrap();
        of!(place, append_part(&name, 100_000, b"more")).unwrap();
        assert_eq!(of!(place, seal_part(&name)), Err(FilesError::Damaged));
        of!(place, append_part(&name, 0, &bytes)).unwrap();
        of!(place, remove_part(&name)).unwrap();
        of!(place, remove_part(&name)).unwrap();
        assert_eq!(of!(place, part_size(&name)).unwrap(), 0);
    });
}

#[test]
fn files_of_another_process_are_found_and_strange_names_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let name = block_on(FileFolder::new(folder.path()).unwrap().put(b"kept")).unwrap();
    std::fs::write(folder.path().join("files/ab-note.txt"), "of nobody").unwrap();
    std::fs::write(folder.path().join("files/parts/README"), "of nobody").unwrap();
    let again = FileFolder::new(folder.path()).unwrap();
    assert_eq!(block_on(again.list()).unwrap(), [Held { name: name.clone(), bytes: 4, kind: Kind::Whole }]);
    assert_eq!(std::fs::read(folder.path().join(path_of(&name))).unwrap(), b"kept");
    assert!(block_on(again.room()).free.is_some_and(|free| free > 0));
}

#[test]
fn a_folder_that_refuses_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("files"), "in the way").unwrap();
    assert!(matches!(FileFolder::new(folder.path()), Err(FilesError::Refused(_))));
}
