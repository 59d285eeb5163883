//! Every way that is known to slip a device a library it should not have. In each, nothing bad is switched to, and the library in use opens.

use polevik_device::api::ErrorCode;
use polevik_device::error::Failed;
use polevik_device::sync::recognition_library::{self as library, Next};
use polevik_protocol::Blake3Hex;
use polevik_protocol::file::LibraryNews;
use polevik_recognition_library::builder::Built;
use polevik_recognition_library::container::KeyList;
use polevik_recognition_library::manifest::{ChunkInfo, INDEX_PATH};
use polevik_recognition_library::signing::SigningKey;
use polevik_recognition_library::{Container, Manifest};

use crate::support::{Asked, EXPIRES, Office, Published, SMALL, World, honest, manifest_of};

/// A device with version 5 in use, and its office.
fn at_five() -> (Office, World) {
    let office = Office::new();
    let world = World::with(&office, &office.publish(&SMALL[0], 5));
    (office, world)
}

/// The attack ends with this code, version 5 stays in use, and an honest version 6 is installed afterwards.
#[track_caller]
fn holds(office: &Office, mut world: World, attacked: Result<(), Failed>, code: ErrorCode) {
    assert_eq!(attacked.unwrap_err().code, code);
    still_works(&world);
    world.restart();
    still_works(&world);
    world.install(&office.publish(&SMALL[1], 6)).unwrap();
    assert_eq!(world.version(), Some(6));
}

#[track_caller]
fn still_works(world: &World) {
    let open = world.open_library().unwrap();
    assert_eq!((open.version, open.index.skus().len()), (5, 8));
}

fn refused(office: &Office, world: World, published: &Published) {
    let mut world = world;
    let requests = world.requests;
    let attacked = world.install(published);
    assert_eq!(world.requests, requests + 1, "only the papers were fetched");
    // It is not asked for again, and the row goes on saying why.
    assert!(world.install(published).is_err());
    assert_eq!(world.requests, requests + 1);
    holds(office, world, attacked, ErrorCode::RecognitionLibraryRefused);
}

#[test]
fn an_arbitrary_file_is_not_installed() {
    let (office, mut world) = at_five();
    let next = office.publish(&SMALL[1], 6);
    world.tell(Some(&next.news()));
    let attacked = world.go_on(|_| b"<html>Wi-Fi login</html>".to_vec());
    holds(&office, world, attacked, ErrorCode::FileDamaged);

    let (office, mut world) = at_five();
    let page = b"{}".to_vec();
    world.tell(Some(&LibraryNews { manifest: Blake3Hex::of(&page), version: 6, bytes: 1 }));
    let attacked = world.go_on(|_| page.clone());
    holds(&office, world, attacked, ErrorCode::RecognitionLibraryRefused);
}

#[test]
fn an_older_library_is_not_installed_again() {
    let (office, world) = at_five();
    let older = office.publish(&SMALL[1], 4);
    refused(&office, world, &older);
}

#[test]
fn another_library_of_the_same_version_is_not_installed() {
    let (office, world) = at_five();
    let other = office.publish(&SMALL[1], 5);
    refused(&office, world, &other);
}

#[test]
fn the_highest_version_is_remembered_when_the_library_itself_is_gone() {
    let (office, mut world) = at_five();
    world.lose_all_files();
    assert_eq!(world.version(), None);
    assert!(world.install(&office.publish(&SMALL[1], 4)).is_err());
    assert_eq!(world.version(), None);
    world.install(&office.publish(&SMALL[0], 5)).unwrap();
    assert_eq!(world.version(), Some(5));
}

#[test]
fn a_library_that_has_run_out_by_the_server_s_clock_is_not_installed() {
    let (mut office, mut world) = at_five();
    let held_back = office.publish(&SMALL[1], 6);
    world.now = EXPIRES;
    let attacked = world.install(&held_back);
    assert_eq!(attacked.as_ref().unwrap_err().code, ErrorCode::RecognitionLibraryRefused);
    still_works(&world);
    // The office goes on with later papers.
    office.list.expires_at_ms = EXPIRES.plus_millis(1_000);
    office.list.version = 2;
    let next = Manifest { expires_at_ms: EXPIRES.plus_millis(1_000), ..manifest_of(&SMALL[1], 7) };
    world.install(&office.sign(next, &SMALL[1])).unwrap();
    assert_eq!(world.version(), Some(7));
}

#[test]
fn a_library_that_ran_out_while_it_waited_for_the_switch_is_not_switched_to() {
    let (office, mut world) = at_five();
    let next = office.publish(&SMALL[1], 6);
    world.tell(Some(&next.news()));
    while !matches!(library::next(&world.device).unwrap(), Next::Activate) {
        assert!(world.step(&mut |asked| honest(&next, asked)).unwrap());
    }
    world.now = EXPIRES;
    assert_eq!(world.go_on(|asked| honest(&next, asked)).unwrap_err().code, ErrorCode::RecognitionLibraryRefused);
    still_works(&world);
}

#[test]
fn a_version_that_was_run_up_with_a_stolen_key_does_not_lock_the_device_for_ever() {
    let (mut office, mut world) = at_five();
    let run_up = office.publish(&SMALL[1], (1 << 53) - 1);
    world.install(&run_up).unwrap();
    assert!(world.install(&office.publish(&SMALL[0], 7)).is_err());
    office.rotate();
    world.install(&office.publish(&SMALL[0], 8)).unwrap();
    assert_eq!(world.version(), Some(8));
}

#[test]
fn a_library_that_somebody_else_signed_is_not_installed() {
    let (office, world) = at_five();
    let stranger = Office::new();
    refused(&office, world, &stranger.publish(&SMALL[1], 6));

    // The office's list of keys, a stranger's key.
    let (office, world) = at_five();
    let mut forged = office.publish(&SMALL[1], 6);
    let container = Container::read(&forged.papers).unwrap();
    let signature = stranger.key.sign(&container.manifest, &forged.manifest.comment()).unwrap();
    forged.papers = Container { signature, ..container }.bytes();
    forged.name = Blake3Hex::of(&forged.papers);
    refused(&office, world, &forged);
}

#[test]
fn a_library_that_a_withdrawn_key_signed_is_not_installed() {
    let (mut office, mut world) = at_five();
    let stolen = office.publish(&SMALL[1], 9);
    office.rotate();
    world.install(&office.publish(&SMALL[0], 6)).unwrap();
    assert!(world.install(&stolen).is_err());
    assert_eq!(world.version(), Some(6));
    world.install(&office.publish(&SMALL[1], 7)).unwrap();
    assert_eq!(world.version(), Some(7));
}

#[test]
fn a_library_of_another_part_is_not_installed() {
    let (office, world) = at_five();
    // The same vendor's roots and key speak for both.
    let list = KeyList { part: "D2".to_owned(), version: 2, ..office.list.clone() };
    let neighbour = Office { roots: office.roots.each_ref().map(copy_of), key: copy_of(&office.key), list };
    let theirs = neighbour.sign(Manifest { part: "D2".to_owned(), ..manifest_of(&SMALL[1], 6) }, &SMALL[1]);
    refused(&office, world, &theirs);

    let (office, world) = at_five();
    let crossed = office.sign(Manifest { part: "D2".to_owned(), ..manifest_of(&SMALL[1], 6) }, &SMALL[1]);
    refused(&office, world, &crossed);
}

fn copy_of(key: &SigningKey) -> SigningKey {
    SigningKey::read(&key.secret_text().unwrap()).unwrap()
}

#[test]
fn papers_of_two_libraries_do_not_go_together() {
    let (office, world) = at_five();
    let (one, two) = (office.publish(&SMALL[0], 6), office.publish(&SMALL[1], 7));
    let read = |published: &Published| Container::read(&published.papers).unwrap();
    let mixed = Container { manifest: read(&two).manifest, ..read(&one) };
    let papers = mixed.bytes();
    refused(&office, world, &Published { name: Blake3Hex::of(&papers), papers, ..two });
}

#[test]
fn chunks_of_another_library_are_not_taken() {
    let (office, mut world) = at_five();
    let next = office.publish(&SMALL[1], 6);
    world.tell(Some(&next.news()));
    let other = SMALL[0].chunks().next().unwrap().1.to_vec();
    let attacked = world.go_on(|asked| match asked {
        Asked::Papers(_) => next.papers.clone(),
        Asked::Chunk(_) => other.clone(),
    });
    holds(&office, world, attacked, ErrorCode::FileDamaged);
}

#[test]
fn data_without_an_end_is_cut_off_and_not_kept() {
    let (office, mut world) = at_five();
    let next = office.publish(&SMALL[1], 6);
    world.tell(Some(&next.news()));
    let files = world.held_files();
    let attacked = world.go_on(|asked| {
        let mut bytes = honest(&next, asked);
        if matches!(asked, Asked::Chunk(_)) {
            bytes.extend(std::iter::repeat_n(0, 5_000_000));
        }
        bytes
    });
    assert!(world.received < next.manifest.bytes() * 4, "it was cut off");
    assert_eq!(world.held_files(), files, "nothing of it is kept");
    holds(&office, world, attacked, ErrorCode::FileDamaged);

    let (office, mut world) = at_five();
    world.tell(Some(&next.news()));
    let attacked = world.go_on(|_| vec![b' '; 20_000_000]);
    holds(&office, world, attacked, ErrorCode::FileDamaged);
}

#[test]
fn a_chunk_that_was_cut_short_or_has_a_turned_bit_is_fetched_again() {
    let (office, mut world) = at_five();
    let next = office.publish(&SMALL[1], 6);
    world.tell(Some(&next.news()));
    for spoil in
        [|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2), |bytes: &mut Vec<u8>| bytes[9] ^= 4, |bytes: &mut Vec<u8>| bytes.clear()]
    {
        let attacked = world.go_on(|asked| {
            let mut bytes = honest(&next, asked);
            if matches!(asked, Asked::Chunk(_)) {
                spoil(&mut bytes);
            }
            bytes
        });
        assert_eq!(attacked.unwrap_err().code, ErrorCode::FileDamaged);
        still_works(&world);
    }
    world.go_on(|asked| honest(&next, asked)).unwrap();
    assert_eq!(world.version(), Some(6));
}

#[test]
fn every_byte_of_the_papers_counts() {
    let (office, mut world) = at_five();
    let next = office.publish(&SMALL[1], 6);
    for at in (0..next.papers.len()).step_by(61) {
        let mut papers = next.papers.clone();
        papers[at] ^= 1;
        let spoiled = Published { name: Blake3Hex::of(&papers), papers, ..next.clone() };
        // What may be installed under a turned bit is the very same library: the bit was in a comment that nobody signed.
        if world.install(&spoiled).is_ok() {
            assert_eq!(world.version(), Some(6));
            world = World::with(&office, &office.publish(&SMALL[0], 5));
        }
        still_works(&world);
    }
}

#[test]
fn a_signed_library_that_does_not_work_is_given_up() {
    // The office's own mistake: everything is signed, and the pictures are not those of their products.
    let mut broken: Built = SMALL[1].clone();
    let pictures = &mut broken.files[1].content;
    let half = pictures.len() / 2;
    pictures.rotate_left(half);
    let (office, mut world) = at_five();
    let attacked = world.install(&office.publish(&broken, 6));
    assert_eq!(attacked.unwrap_err().code, ErrorCode::RecognitionLibraryRefused);
    still_works(&world);
    let requests = world.requests;
    assert!(world.install(&office.publish(&SMALL[1], 7)).is_ok());
    assert!(world.requests > requests);
    assert_eq!(world.version(), Some(7));

    // An index that is none.
    let mut broken: Built = SMALL[1].clone();
    broken.files[0].content[0] ^= 1;
    let (office, mut world) = at_five();
    assert_eq!(world.install(&office.publish(&broken, 6)).unwrap_err().code, ErrorCode::RecognitionLibraryRefused);
    still_works(&world);
}

#[test]
fn a_manifest_whose_chunks_do_not_make_its_files_is_never_switched_to() {
    let (office, mut world) = at_five();
    let mut manifest = manifest_of(&SMALL[1], 6);
    // The first file of pictures is another one than version 5 has.
    let pieces = manifest.pieces(1);
    manifest.chunks.swap(pieces[0].chunk, pieces[1].chunk);
    let lying = office.sign(manifest, &SMALL[1]);
    for _ in 0..3 {
        assert!(world.install(&lying).is_err());
        still_works(&world);
    }
    // One that promises more than it may is refused by its numbers.
    let mut manifest = manifest_of(&SMALL[1], 6);
    manifest.chunks.push(ChunkInfo { hash: Blake3Hex::of(b"more"), bytes: 4 });
    let (office, world) = at_five();
    refused(&office, world, &office.sign(manifest, &SMALL[1]));
    let mut manifest = manifest_of(&SMALL[1], 6);
    manifest.files.iter_mut().filter(|file| file.path == INDEX_PATH).for_each(|file| file.path = "../index".to_owned());
    let (office, world) = at_five();
    refused(&office, world, &office.sign(manifest, &SMALL[1]));
}

#[test]
fn a_library_for_a_newer_application_is_not_installed() {
    let (office, world) = at_five();
    let newer = office.sign(Manifest { min_app: "9.0.0".to_owned(), ..manifest_of(&SMALL[1], 6) }, &SMALL[1]);
    let mut world = world;
    assert_eq!(world.install(&newer).unwrap_err().code, ErrorCode::RecognitionLibraryRefused);
    still_works(&world);
}
