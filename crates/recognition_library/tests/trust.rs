//! Whom a device believes: every paper an attacker could bring, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use polevik_recognition_library::container::{Container, KeyList, MAX_CONTAINER_BYTES};
use polevik_recognition_library::manifest::{ChunkInfo, FORMAT, FileInfo, INDEX_PATH, MAX_VERSION, Manifest, NAME, OutOfLimits};
use polevik_recognition_library::signing::{SignedKeyList, SigningKey, sign};
use polevik_recognition_library::trust::{Accepted, Conditions, Refusal, Trust, Verdict};

const NOW: UtcMillis = UtcMillis(1_000);
const EXPIRES: UtcMillis = UtcMillis(2_000);

/// An office with three roots and one key for libraries.
struct Office {
    roots: [SigningKey; 3],
    key: SigningKey,
    list: KeyList,
}

impl Office {
    fn new(part: &str) -> Self {
        let key = SigningKey::generate().unwrap();
        let list =
            KeyList { format: FORMAT, part: part.to_owned(), version: 1, expires_at_ms: EXPIRES, keys: vec![key.public().to_owned()] };
        Self { roots: std::array::from_fn(|_| SigningKey::generate().unwrap()), key, list }
    }

    /// A device that signed in here.
    fn device(&self) -> Trust {
        Trust {
            part: Some(self.list.part.clone()),
            roots: self.roots.iter().map(|root| root.public().to_owned()).collect(),
            ..Trust::default()
        }
    }

    fn keys(&self) -> SignedKeyList {
        SignedKeyList::sign(&self.list, &[&self.roots[0], &self.roots[2]]).unwrap()
    }

    fn sign(&self, manifest: &Manifest) -> Container {
        sign(manifest, &self.key, &self.keys()).unwrap()
    }

    fn release(&self, version: u64) -> Container {
        self.sign(&manifest(&self.list.part, version))
    }

    /// The office withdraws its key and takes another.
    fn rotate(&mut self) {
        self.key = SigningKey::generate().unwrap();
        self.list.keys = vec![self.key.public().to_owned()];
        self.list.version += 1;
    }
}

fn manifest(part: &str, version: u64) -> Manifest {
    Manifest {
        format: FORMAT,
        name: NAME.to_owned(),
        part: part.to_owned(),
        version,
        previous: None,
        min_app: "0.1.0".to_owned(),
        expires_at_ms: EXPIRES,
        categories: Vec::new(),
        sku_count: 1,
        files: vec![FileInfo { path: INDEX_PATH.to_owned(), bytes: 10, hash: Blake3Hex::of(b"index") }],
        chunks: vec![ChunkInfo { hash: Blake3Hex::of(b"index"), bytes: 10 }],
    }
}

fn judge_at(trust: &Trust, container: &Container, server_now: UtcMillis) -> Verdict {
    let bytes = container.bytes();
    trust.judge(&bytes, Conditions { announced: &Blake3Hex::of(&bytes), app_version: "0.1.0", server_now })
}

fn judge(trust: &Trust, container: &Container) -> Verdict {
    judge_at(trust, container, NOW)
}

/// Judges, expects it to be accepted, and gives what is trusted afterwards.
#[track_caller]
fn accepted(trust: &Trust, container: &Container) -> Trust {
    let Verdict { trust, manifest } = judge(trust, container);
    manifest.unwrap();
    trust
}

/// Judges, expects it to be refused for that reason with nothing learnt.
#[track_caller]
fn refused(trust: &Trust, container: &Container, refusal: &Refusal) {
    let verdict = judge(trust, container);
    assert_eq!(verdict.manifest.map(|accepted: Accepted| accepted.manifest.version), Err(refusal.clone()));
    assert_eq!(verdict.trust.highest, trust.highest);
}

#[test]
fn a_library_that_the_office_signed_is_accepted_and_so_is_the_next_one() {
    let office = Office::new("D1");
    let first = accepted(&office.device(), &office.release(3));
    assert_eq!(first.highest.as_ref().unwrap().0.version, 3);
    let again = accepted(&first, &Container::read(&office.sign(&manifest("D1", 3)).bytes()).unwrap());
    assert_eq!(again.highest, first.highest, "the same one again is no other one");
    assert_eq!(accepted(&first, &office.release(4)).highest.unwrap().0.version, 4);
}

#[test]
fn an_arbitrary_file_is_refused() {
    let office = Office::new("D1");
    let trust = office.device();
    let announced = Blake3Hex::of(b"something");
    let look = |bytes: &[u8], announced: &Blake3Hex| {
        trust.judge(bytes, Conditions { announced, app_version: "0.1.0", server_now: NOW }).manifest.unwrap_err()
    };
    assert_eq!(look(b"other", &announced), Refusal::NotAsAnnounced);
    assert_eq!(look(b"something", &announced), Refusal::Malformed);
    let long = vec![b' '; MAX_CONTAINER_BYTES + 1];
    assert_eq!(look(&long, &Blake3Hex::of(&long)), Refusal::TooLong);
}

#[test]
fn a_stranger_is_refused_whatever_he_signs() {
    let (office, stranger) = (Office::new("D1"), Office::new("D1"));
    let trust = office.device();
    refused(&trust, &stranger.release(1), &Refusal::KeyListNotSigned(0));
    refused(&trust, &sign(&manifest("D1", 1), &stranger.key, &office.keys()).unwrap(), &Refusal::NotSigned);
    // One stolen root is not two, however often it signs.
    let one = &office.roots[1];
    let list = KeyList { keys: vec![stranger.key.public().to_owned()], version: 9, ..office.list.clone() };
    let keys = SignedKeyList::sign(&list, &[one, one, &stranger.roots[0]]).unwrap();
    refused(&trust, &sign(&manifest("D1", 1), &stranger.key, &keys).unwrap(), &Refusal::KeyListNotSigned(1));
    refused(&Trust::default(), &office.release(1), &Refusal::NoRoots);
    // A device that was given one root three times does not take that for three.
    let fooled = Trust { roots: vec![one.public().to_owned(); 3], ..trust };
    refused(&fooled, &sign(&manifest("D1", 1), &stranger.key, &keys).unwrap(), &Refusal::KeyListNotSigned(1));
}

#[test]
fn nothing_older_is_accepted_again() {
    let office = Office::new("D1");
    let trust = accepted(&office.device(), &office.release(5));
    refused(&trust, &office.release(4), &Refusal::Older { found: 4, accepted: 5 });
    let other = Manifest { sku_count: 2, ..manifest("D1", 5) };
    refused(&trust, &office.sign(&other), &Refusal::Older { found: 5, accepted: 5 });
}

#[test]
fn what_has_run_out_is_not_installed() {
    let mut office = Office::new("D1");
    let release = office.release(1);
    assert!(judge_at(&office.device(), &release, UtcMillis(EXPIRES.0 - 1)).manifest.is_ok());
    assert_eq!(judge_at(&office.device(), &release, EXPIRES).manifest, Err(Refusal::KeyListExpired));
    office.list.expires_at_ms = UtcMillis(EXPIRES.0 * 2);
    assert_eq!(judge_at(&office.device(), &office.release(1), EXPIRES).manifest, Err(Refusal::Expired));
}

#[test]
fn a_withdrawn_key_counts_no_more_even_when_the_library_beside_the_list_is_refused() {
    let mut office = Office::new("D1");
    let (stolen, old) = (office.release(1), office.release(2));
    let trust = accepted(&office.device(), &old);
    office.rotate();
    // The new list travels beside a library that is refused; the list counts all the same.
    let expired = office.sign(&Manifest { expires_at_ms: UtcMillis(1), ..manifest("D1", 3) });
    let verdict = judge(&trust, &expired);
    assert_eq!(verdict.manifest, Err(Refusal::Expired));
    refused(&verdict.trust, &stolen, &Refusal::KeyListOlder);
    let mixed = Container { manifest: old.manifest.clone(), signature: old.signature.clone(), ..office.release(4) };
    refused(&verdict.trust, &mixed, &Refusal::NotSigned);
    accepted(&verdict.trust, &office.release(3));
}

#[test]
fn whoever_ran_the_version_up_with_a_stolen_key_is_overcome_by_withdrawing_the_key() {
    let mut office = Office::new("D1");
    let trust = accepted(&office.device(), &office.release(MAX_VERSION));
    refused(&trust, &office.release(2), &Refusal::Older { found: 2, accepted: MAX_VERSION });
    office.rotate();
    let trust = accepted(&trust, &office.release(2));
    assert_eq!(trust.highest.as_ref().unwrap().0.version, 2);
    refused(&trust, &office.sign(&manifest("D1", MAX_VERSION + 1)), &Refusal::OutOfLimits(OutOfLimits("version")));
}

#[test]
fn libraries_and_keys_of_another_part_are_refused() {
    let office = Office::new("D1");
    let neighbour = Office { roots: Office::new("x").roots, ..Office::new("D2") };
    // The same vendor's roots speak for both.
    let shared = Trust { roots: neighbour.device().roots, ..office.device() };
    refused(&shared, &neighbour.release(1), &Refusal::OtherPart);
    refused(&office.device(), &office.sign(&manifest("D2", 1)), &Refusal::OtherPart);
}

#[test]
fn papers_of_different_libraries_do_not_go_together() {
    let office = Office::new("D1");
    let (first, second) = (office.release(1), office.release(2));
    let trust = office.device();
    refused(&trust, &Container { manifest: second.manifest.clone(), ..first.clone() }, &Refusal::NotSigned);
    refused(&trust, &Container { signature: second.signature.clone(), ..first.clone() }, &Refusal::NotSigned);
    refused(&trust, &Container { signature: first.key_list_signatures[0].clone(), ..first.clone() }, &Refusal::NotSigned);
    refused(&trust, &Container { key_list: first.manifest.clone(), ..first.clone() }, &Refusal::KeyListNotSigned(0));
    let other = KeyList { version: 2, ..office.list.clone() }.text();
    refused(&trust, &Container { key_list: other, ..first.clone() }, &Refusal::KeyListNotSigned(0));
    // A good signature whose words are about something else.
    let wrong_words = office.key.sign(&first.manifest, "polevik-library part:D1 name:recognition version:9").unwrap();
    refused(&trust, &Container { signature: wrong_words, ..first }, &Refusal::SignedAsOther);
}

#[test]
fn a_list_of_keys_of_the_same_version_with_other_keys_is_refused() {
    let mut office = Office::new("D1");
    let trust = accepted(&office.device(), &office.release(1));
    office.rotate();
    office.list.version = 1;
    refused(&trust, &office.release(2), &Refusal::KeyListOlder);
}

#[test]
fn a_library_for_a_newer_application_waits_for_it() {
    let office = Office::new("D1");
    let newer = office.sign(&Manifest { min_app: "0.2.0".to_owned(), ..manifest("D1", 1) });
    refused(&office.device(), &newer, &Refusal::NeedsNewerApp("0.2.0".to_owned()));
}

#[test]
fn every_flipped_bit_of_the_papers_is_refused_even_under_its_own_name() {
    let office = Office::new("D1");
    let trust = office.device();
    let good = office.release(1);
    let bytes = good.bytes();
    for at in (0..bytes.len()).step_by(3) {
        let mut spoiled = bytes.clone();
        spoiled[at] ^= 1 << (at % 8);
        let announced = Blake3Hex::of(&spoiled);
        let verdict = trust.judge(&spoiled, Conditions { announced: &announced, app_version: "0.1.0", server_now: NOW });
        // What nobody signed is the untrusted comment, and one of two signatures' spare forms; the texts are as signed or refused.
        if let Ok(accepted) = verdict.manifest {
            assert_eq!(accepted.text, good.manifest, "byte {at}");
            assert_eq!(verdict.trust, judge(&trust, &good).trust, "byte {at}");
        }
    }
}

#[test]
fn keys_are_read_as_they_were_written_and_papers_have_the_form_of_minisign() {
    let key = SigningKey::generate().unwrap();
    let read = SigningKey::read(&key.secret_text().unwrap()).unwrap();
    assert_eq!(read.public(), key.public());
    let signature = read.sign("text", "comment").unwrap();
    let lines: Vec<&str> = signature.lines().collect();
    assert!(lines[0].starts_with("untrusted comment: ") && lines[2] == "trusted comment: comment" && lines.len() == 4, "{lines:?}");
    assert!(
        !format!("{key:?}").contains("secret_text") && !format!("{key:?}").contains(key.secret_text().unwrap().lines().nth(1).unwrap())
    );
    assert!(SigningKey::read("nonsense").is_err());
}
