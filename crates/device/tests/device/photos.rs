//! Photos up: whatever breaks on the way, each arrives once and whole, and little is sent twice.

use polevik_device::api::sync::{RowState, SessionResult, WaitReason};
use polevik_device::api::{Command, CommandDone, ErrorCode, NetworkClass, Reply, Request, RowId, TrafficClass};
use polevik_device::files::Files as _;
use polevik_domain::ids::{DocumentId, OutletId};
use polevik_domain::photo::Scene;
use polevik_protocol::file::MAX_RESENT_BYTES;
use polevik_protocol::hash::Blake3Hex;
use polevik_testkit::random::Random;

use crate::road::{UP, place_order, success};
use crate::shelf::Spoil;
use crate::support::{World, code_of, row_of};

const PHOTOS: RowId = RowId::UploadMaterials;

/// A photo as the camera gives them: a JPEG of that length.
pub const PHOTO_BYTES: usize = 300 * 1024;

pub fn jpeg(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend([0xff, 0xc0, 0, 17, 8, 0, 32, 0, 32, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 0x3f, 0]);
    let mut picture = vec![0; len - bytes.len() - 2];
    Random::new(seed).fill(&mut picture);
    // No markers inside.
    bytes.extend(picture.into_iter().map(|byte| if byte == 0xff { 0xfe } else { byte }));
    bytes.extend([0xff, 0xd9]);
    bytes
}

fn open_visit(world: &mut World) -> DocumentId {
    world.make(Command::StartVisit { outlet: OutletId(17), route_stop: None })
}

fn take(world: &mut World, visit: DocumentId, seed: u64) -> Blake3Hex {
    let picture = jpeg(seed, PHOTO_BYTES);
    let file = Blake3Hex::of(&picture);
    let request = Request::TakePhoto { visit, scene: Scene::Shelf, comment: String::new(), picture };
    assert!(matches!(world.request(request), Reply::Done(CommandDone::Document(_))));
    assert!(world.files.peek(&file).is_some(), "it is kept before anything is told");
    file
}

/// A device with one photo that waits.
fn with_a_photo() -> (World, Blake3Hex) {
    let mut world = World::ready();
    world.advance(60_000);
    let visit = open_visit(&mut world);
    let file = take(&mut world, visit, 1);
    (world, file)
}

fn faults(world: &World, faults: impl IntoIterator<Item = Option<Spoil>>) {
    world.office.borrow_mut().shelf.faults = faults.into_iter().collect();
}

fn sent(world: &World) -> u64 {
    world.office.borrow().shelf.up
}

fn is_kept(world: &World, file: &Blake3Hex) -> bool {
    world.office.borrow().shelf.kept.contains_key(file)
}

fn waiting(world: &mut World) -> u32 {
    row_of(&world.sync_view(), PHOTOS).files_waiting
}

fn word(state: &RowState) -> &'static str {
    match state {
        RowState::Ok => "ok",
        RowState::Waiting { .. } => "waiting",
        RowState::Partial { .. } => "partial",
        RowState::Failed { .. } => "failed",
        RowState::Running { .. } => "running",
        RowState::Queued => "queued",
        RowState::Stopped => "stopped",
        RowState::Never => "never",
    }
}

#[test]
fn a_photo_takes_one_request_when_nothing_breaks() {
    let (mut world, file) = with_a_photo();
    world.office.borrow_mut().requests.clear();
    let view = world.sync(None);
    assert_eq!(world.office.borrow().requests, ["/v1/sync", "POST /v1/uploads"]);
    assert_eq!((view.result, sent(&world)), (Some(SessionResult::Success), PHOTO_BYTES as u64));
    assert!(is_kept(&world, &file));
    assert_eq!(waiting(&mut world), 0);
    assert!(world.files.peek(&file).is_some(), "the original stays until its time is over");
    world.office.borrow_mut().requests.clear();
    world.sync(None);
    assert_eq!(world.office.borrow().requests, ["/v1/sync"], "nothing waits: nothing is asked");
}

#[test]
fn a_photo_goes_on_where_the_line_broke() {
    for cut in [0, 1, PHOTO_BYTES / 2, PHOTO_BYTES - 1] {
        let (mut world, file) = with_a_photo();
        faults(&world, [Some(Spoil::Cut(cut))]);
        let view = world.sync(None);
        assert_eq!(word(&row_of(&view, PHOTOS).state), "ok", "cut at {cut}");
        assert!(is_kept(&world, &file), "cut at {cut}");
        assert_eq!(sent(&world), PHOTO_BYTES as u64, "cut at {cut}: what had come counts");
    }
}

#[test]
fn a_photo_that_breaks_again_and_again_waits_and_loses_nothing_of_what_is_there() {
    let (mut world, file) = with_a_photo();
    faults(&world, [100_000, 9_000, 9_000, 9_000, 9_000, 9_000].map(|at| Some(Spoil::Cut(at))));
    let before = success(&mut world, PHOTOS);
    let view = world.sync(None);
    assert_eq!(code_of(&view, PHOTOS), Some(ErrorCode::ConnectionLost));
    assert_eq!(success(&mut world, PHOTOS), before, "the time stays");
    faults(&world, []);
    world.restart();
    world.sync(Some(PHOTOS));
    assert!(is_kept(&world, &file));
    // Small parts with their own sums count whole or not at all: that is what a break may cost.
    assert!(sent(&world) - PHOTO_BYTES as u64 <= 5 * 9_000, "{}", sent(&world));
}

#[test]
fn a_photo_whose_last_answer_was_lost_is_not_sent_again() {
    let (mut world, file) = with_a_photo();
    faults(&world, [Some(Spoil::AnswerLost)]);
    let view = world.sync(None);
    assert_eq!(word(&row_of(&view, PHOTOS).state), "ok");
    assert!(is_kept(&world, &file));
    assert_eq!(sent(&world), PHOTO_BYTES as u64);
}

#[test]
fn a_process_that_ends_in_the_middle_of_a_photo_goes_on_with_the_rest() {
    let (mut world, file) = with_a_photo();
    faults(&world, [Some(Spoil::Cut(200_000))]);
    world.give_turns(Some(1));
    world.request(Request::Sync(None));
    world.advance(60_000);
    world.restart();
    world.give_turns(None);
    world.sync(None);
    assert!(is_kept(&world, &file));
    assert_eq!(sent(&world), PHOTO_BYTES as u64);
}

#[test]
fn a_server_that_forgot_the_upload_gets_the_photo_from_its_beginning() {
    let (mut world, file) = with_a_photo();
    faults(&world, [Some(Spoil::Cut(200_000))]);
    world.give_turns(Some(1));
    world.request(Request::Sync(None));
    world.office.borrow_mut().shelf.forget_uploads();
    world.give_turns(None);
    assert!(is_kept(&world, &file));
    assert_eq!(word(&row_of(&world.sync_view(), PHOTOS).state), "ok");
}

#[test]
fn a_flipped_bit_on_the_way_costs_the_photo_once_and_after_that_a_small_part() {
    let (mut world, file) = with_a_photo();
    faults(&world, [Some(Spoil::Flip(777)), Some(Spoil::Flip(9))]);
    let view = world.sync(None);
    assert_eq!(word(&row_of(&view, PHOTOS).state), "ok");
    assert!(is_kept(&world, &file));
    assert!(sent(&world) <= 2 * PHOTO_BYTES as u64 + MAX_RESENT_BYTES, "{}", sent(&world));
}

#[test]
fn a_photo_that_is_gone_or_spoiled_here_is_told_and_holds_nobody() {
    for spoiled in [false, true] {
        let mut world = World::ready();
        let visit = open_visit(&mut world);
        let (lost, other) = (take(&mut world, visit, 1), take(&mut world, visit, 2));
        if spoiled {
            world.files.flip_bit(&lost, 5_000);
        } else {
            assert!(world.files.lose(&lost));
        }
        let view = world.sync(None);
        let row = row_of(&view, PHOTOS);
        assert_eq!((word(&row.state), row.lost_photos, row.files_waiting), ("ok", 1, 0), "spoiled: {spoiled}");
        assert!(is_kept(&world, &other) && !is_kept(&world, &lost));
        assert_eq!(word(&row_of(&view, UP).state), "ok", "the visit goes on");
    }
}

#[test]
fn a_photo_that_the_office_does_not_take_is_told_and_the_others_are_sent() {
    let mut world = World::ready();
    let visit = open_visit(&mut world);
    let (refused, other) = (take(&mut world, visit, 1), take(&mut world, visit, 2));
    world.office.borrow_mut().shelf.refuses = Some(refused.clone());
    let before = success(&mut world, PHOTOS);
    let view = world.sync(None);
    assert!(matches!(&row_of(&view, PHOTOS).state, RowState::Partial { done: 1, failure, .. } if failure.code == ErrorCode::FileDamaged));
    assert_eq!((view.result, success(&mut world, PHOTOS)), (Some(SessionResult::Partial), before));
    assert!(is_kept(&world, &other) && !is_kept(&world, &refused));
}

#[test]
fn one_photo_at_which_the_office_breaks_does_not_hold_the_others() {
    let mut world = World::ready();
    let visit = open_visit(&mut world);
    let files: Vec<Blake3Hex> = (1..=3).map(|seed| take(&mut world, visit, seed)).collect();
    faults(&world, [Some(Spoil::Broken), Some(Spoil::Broken), Some(Spoil::Broken), Some(Spoil::Broken)]);
    let view = world.sync(None);
    assert_eq!(code_of(&view, PHOTOS), Some(ErrorCode::ServerError));
    assert_eq!(code_of(&view, UP), None, "orders went, photos failed: only that row is red");
    assert!(!is_kept(&world, &files[0]) && is_kept(&world, &files[1]) && is_kept(&world, &files[2]));
    world.sync(Some(PHOTOS));
    assert!(is_kept(&world, &files[0]));
}

#[test]
fn what_the_office_has_already_is_not_sent() {
    let mut world = World::ready();
    let visit = open_visit(&mut world);
    let (known, new) = (take(&mut world, visit, 1), take(&mut world, visit, 2));
    world.office.borrow_mut().shelf.keep(jpeg(1, PHOTO_BYTES));
    world.sync(None);
    assert!(is_kept(&world, &known) && is_kept(&world, &new));
    assert_eq!((sent(&world), waiting(&mut world)), (PHOTO_BYTES as u64, 0));
}

#[test]
fn a_server_restored_from_a_backup_gets_the_photos_again_that_it_had_confirmed() {
    let (mut world, file) = with_a_photo();
    world.sync(None);
    assert!(is_kept(&world, &file));
    world.office.borrow_mut().lose_documents();
    world.office.borrow_mut().shelf.kept.clear();
    world.advance(60_000);
    world.sync(None);
    world.sync(None);
    assert!(is_kept(&world, &file), "the original was still here");
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn with_the_switch_on_not_a_byte_of_a_photo_goes_over_anything_but_wifi() {
    for (network, reason) in [
        (NetworkClass::Cellular, WaitReason::WiFi),
        (NetworkClass::MeteredWiFi, WaitReason::MeteredWiFi),
        (NetworkClass::Roaming, WaitReason::Roaming),
        (NetworkClass::Unknown, WaitReason::UnknownNetwork),
    ] {
        let (mut world, file) = with_a_photo();
        world.execute(Command::SetWiFiOnly { on: true });
        world.turn_to(network);
        world.office.borrow_mut().requests.clear();
        let order = place_order(&mut world);
        let view = world.sync(None);
        let row = row_of(&view, PHOTOS);
        assert_eq!(row.state, RowState::Waiting { reason, files: 1, bytes: PHOTO_BYTES as u64 }, "{network:?}");
        assert_eq!((view.result, world.office.borrow().requests.as_slice()), (Some(SessionResult::Success), &["/v1/sync".to_owned()][..]));
        assert!(world.office.borrow().documents.iter().any(|(id, ..)| *id == order), "mandatory information goes");
        world.sync(Some(PHOTOS));
        world.request(Request::Wake);
        assert_eq!(sent(&world), 0, "{network:?}");

        // Wi-Fi appears: nobody presses.
        world.turn_to(NetworkClass::WiFi);
        assert!(is_kept(&world, &file), "{network:?}");
        assert_eq!(word(&row_of(&world.sync_view(), PHOTOS).state), "ok");
    }
}

#[test]
fn what_waited_for_wifi_waits_over_a_restart_and_goes_when_the_switch_is_turned_off() {
    let (mut world, file) = with_a_photo();
    world.execute(Command::SetWiFiOnly { on: true });
    world.turn_to(NetworkClass::Cellular);
    world.sync(None);
    world.restart();
    assert_eq!(word(&row_of(&world.sync_view(), PHOTOS).state), "waiting");
    assert_eq!(sent(&world), 0);
    world.execute(Command::SetWiFiOnly { on: false });
    world.turn();
    assert!(is_kept(&world, &file));
}

#[test]
fn what_the_rep_allows_goes_once_and_what_comes_after_it_waits_again() {
    let mut world = World::ready();
    world.execute(Command::SetWiFiOnly { on: true });
    world.turn_to(NetworkClass::Cellular);
    let visit = open_visit(&mut world);
    let allowed = take(&mut world, visit, 1);
    world.sync(None);
    assert!(!is_kept(&world, &allowed));
    world.request(Request::AllowOnce(PHOTOS));
    assert!(is_kept(&world, &allowed));
    let later = take(&mut world, visit, 2);
    world.sync(None);
    assert!(!is_kept(&world, &later));
    assert_eq!(word(&row_of(&world.sync_view(), PHOTOS).state), "waiting");
}

#[test]
fn an_unknown_network_carries_photos_once_the_rep_says_it_is_wifi() {
    let (mut world, file) = with_a_photo();
    world.execute(Command::SetWiFiOnly { on: true });
    world.turn_to(NetworkClass::Unknown);
    world.sync(None);
    assert_eq!(sent(&world), 0);
    world.request(Request::TreatUnknownAsWiFi(true));
    assert!(is_kept(&world, &file));
}

#[test]
fn when_wifi_goes_in_the_middle_at_most_the_part_under_way_is_finished() {
    let mut world = World::ready();
    world.execute(Command::SetWiFiOnly { on: true });
    let visit = open_visit(&mut world);
    for seed in 1..=5 {
        take(&mut world, visit, seed);
    }
    // The offer and one photo pass; the second photo is on its way when the network changes.
    world.give_turns(Some(2));
    world.request(Request::Sync(None));
    world.turn_to(NetworkClass::Cellular);
    let before = sent(&world);
    world.give_turns(None);
    assert!(sent(&world) - before <= PHOTO_BYTES as u64, "{} bytes more", sent(&world) - before);
    let row = row_of(&world.sync_view(), PHOTOS);
    assert!(matches!(row.state, RowState::Waiting { reason: WaitReason::WiFi, files: 3, .. }), "{:?}", row.state);
    world.turn_to(NetworkClass::WiFi);
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn the_switch_turned_on_in_the_middle_counts_before_the_next_part() {
    let mut world = World::ready();
    world.turn_to(NetworkClass::Cellular);
    let visit = open_visit(&mut world);
    for seed in 1..=3 {
        take(&mut world, visit, seed);
    }
    world.give_turns(Some(2));
    world.request(Request::Sync(None));
    world.execute(Command::SetWiFiOnly { on: true });
    let before = sent(&world);
    world.give_turns(None);
    assert!(sent(&world) - before <= PHOTO_BYTES as u64);
    assert_eq!(word(&row_of(&world.sync_view(), PHOTOS).state), "waiting");
}

#[test]
fn an_order_that_is_placed_while_photos_go_up_goes_before_the_next_part() {
    let mut world = World::ready();
    let visit = open_visit(&mut world);
    for seed in 1..=4 {
        take(&mut world, visit, seed);
    }
    world.give_turns(Some(2));
    world.request(Request::Sync(None));
    let session = world.sync_view().tag;
    let order = place_order(&mut world);
    world.request(Request::Sync(Some(UP)));
    world.office.borrow_mut().requests.clear();
    // The photo that was on its way is finished.
    world.give_turns(Some(1));
    assert_eq!(world.office.borrow().requests, ["POST /v1/uploads", "/v1/sync"]);
    assert!(world.office.borrow().documents.iter().any(|(id, ..)| *id == order));
    assert_eq!(world.sync_view().tag, session, "it is one session");
    world.give_turns(None);
    assert_eq!((waiting(&mut world), world.sync_view().result), (0, Some(SessionResult::Success)));
}

#[test]
fn a_stop_ends_a_photo_at_once_and_the_rest_goes_with_the_next_press() {
    let mut world = World::ready();
    let visit = open_visit(&mut world);
    for seed in 1..=3 {
        take(&mut world, visit, seed);
    }
    world.give_turns(Some(2));
    world.request(Request::Sync(None));
    world.request(Request::StopSync);
    let view = world.sync_view();
    assert_eq!((view.running, word(&row_of(&view, PHOTOS).state)), (false, "stopped"));
    assert_eq!(row_of(&view, PHOTOS).files_waiting, 2);
    world.give_turns(None);
    assert_eq!(row_of(&world.sync_view(), PHOTOS).files_waiting, 2, "nothing goes behind the rep's back");
    world.sync(None);
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn every_byte_is_counted_for_its_purpose_and_its_network() {
    let (mut world, _) = with_a_photo();
    world.turn_to(NetworkClass::Cellular);
    faults(&world, [Some(Spoil::AnswerLost)]);
    world.sync(None);
    let polevik_device::api::view::View::Profile(profile) = world.load(polevik_device::api::view::Screen::Profile) else {
        panic!("another screen");
    };
    let of = |class, network| profile.traffic.iter().find(|row| (row.class, row.network) == (class, network)).copied();
    let photos = of(TrafficClass::Materials, NetworkClass::Cellular).unwrap();
    // The offer that asks what became of the lost answer is a few hundred bytes.
    assert!((PHOTO_BYTES as u64..PHOTO_BYTES as u64 + 1_000).contains(&photos.bytes_up), "{photos:?}");
    assert!(of(TrafficClass::Materials, NetworkClass::WiFi).is_none());
    assert!(of(TrafficClass::Mandatory, NetworkClass::WiFi).unwrap().bytes_up > 0, "the first synchronisation");
    assert!(of(TrafficClass::Mandatory, NetworkClass::Cellular).unwrap().bytes_up < 2_000);
}

/// Many photos, each request spoiled with a chance of one in three: none is lost, none is doubled, and a break costs at most what it may.
#[test]
fn photos_arrive_through_a_line_that_spoils_every_third_request() {
    const PHOTOS_TAKEN: u64 = 40;
    for seed in 1..=2 {
        let mut world = World::ready();
        let visit = open_visit(&mut world);
        let files: Vec<Blake3Hex> = (0..PHOTOS_TAKEN).map(|place| take(&mut world, visit, seed * 1_000 + place)).collect();
        let mut random = Random::new(seed);
        let mut spoiled = 0;
        for round in 0.. {
            assert!(round < 200, "it does not come to an end");
            let faults: Vec<Option<Spoil>> = (0..400)
                .map(|_| match random.below(12) {
                    0 => Some(Spoil::Cut(usize::try_from(random.below(400_000)).unwrap())),
                    1 => Some(Spoil::AnswerLost),
                    2 => Some(Spoil::Silent),
                    3 => Some(Spoil::Broken),
                    _ => None,
                })
                .collect();
            let planned = faults.iter().flatten().count();
            self::faults(&world, faults);
            world.sync(None);
            spoiled += planned - world.office.borrow().shelf.faults.iter().flatten().count();
            if random.below(3) == 0 {
                world.restart();
            }
            if waiting(&mut world) == 0 {
                break;
            }
            world.advance(1_800_000);
        }
        for file in &files {
            assert!(is_kept(&world, file), "{file} is lost");
            assert_eq!(world.office.borrow().shelf.kept[file], world.files.peek(file).unwrap());
        }
        let total = PHOTOS_TAKEN * PHOTO_BYTES as u64;
        assert!(spoiled > 10 && sent(&world) - total <= spoiled as u64 * MAX_RESENT_BYTES, "{} for {total}", sent(&world));
    }
}

#[test]
fn originals_go_when_their_time_is_over_and_not_before_they_are_confirmed() {
    let mut world = World::ready();
    let visit = open_visit(&mut world);
    let sent = take(&mut world, visit, 1);
    world.sync(None);
    world.execute(Command::SetWiFiOnly { on: true });
    world.turn_to(NetworkClass::Cellular);
    let waits = take(&mut world, visit, 2);
    world.advance(8 * 24 * 3_600_000);
    world.office.borrow_mut().clock = world.now();
    world.sync(None);
    let held = |world: &World, file: &Blake3Hex| futures::executor::block_on(world.files.size(file)).unwrap().is_some();
    assert!(!held(&world, &sent), "seven days after the server had it");
    assert!(held(&world, &waits), "a photo that waits is never removed");
}

#[test]
fn a_photo_taken_on_the_mobile_network_goes_when_wifi_appears_though_nobody_pressed() {
    let mut world = World::ready();
    world.execute(Command::SetWiFiOnly { on: true });
    world.turn_to(NetworkClass::Cellular);
    let visit = open_visit(&mut world);
    let file = take(&mut world, visit, 1);
    assert_eq!(word(&row_of(&world.sync_view(), PHOTOS).state), "waiting");
    assert_eq!(sent(&world), 0);
    world.turn_to(NetworkClass::WiFi);
    assert!(is_kept(&world, &file));
}
