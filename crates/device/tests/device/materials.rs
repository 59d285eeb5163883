//! Materials down: in parts, checked against their names, and visible only when they are whole.

use polevik_device::api::files::MaterialState;
use polevik_device::api::sync::{RowState, SessionResult, WaitReason};
use polevik_device::api::view::{Screen, View};
use polevik_device::api::{Command, ErrorCode, NetworkClass, Request, RowId};
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::rows::{MaterialRow, Row, TableId};
use polevik_testkit::random::Random;

use crate::road::success;
use crate::shelf::Spoil;
use crate::support::{World, code_of, row_of};

const MATERIALS: RowId = RowId::DownloadMaterials;

fn bytes_of(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Random::new(seed).fill(&mut bytes);
    bytes
}

/// The office gives everybody a material of these bytes.
fn material(world: &World, id: i64, bytes: Vec<u8>) -> Blake3Hex {
    let mut office = world.office.borrow_mut();
    let row = MaterialRow {
        id,
        ext_code: format!("M{id}"),
        title: format!("Планограмма {id}"),
        kind: "planogram".to_owned(),
        folder: String::new(),
        file: Blake3Hex::of(&bytes).digest().to_vec(),
        bytes: i64::try_from(bytes.len()).unwrap(),
        content_type: "image/jpeg".to_owned(),
        file_name: format!("planogram-{id}.jpg"),
        version: 1,
        mandatory: 0,
        valid_from: 0,
        valid_to: None,
        outlet_id: None,
        product_id: None,
        changed_at_ms: 1,
    };
    let row: Row = row.into_row();
    office.put("audience:1", vec![(TableId(11), row)]);
    office.shelf.keep(bytes)
}

fn state_of(world: &mut World, file: &Blake3Hex) -> MaterialState {
    match world.load(Screen::Materials) {
        View::Materials(view) => view.rows.into_iter().find(|row| row.file == *file).unwrap().state,
        other => panic!("{other:?}"),
    }
}

fn faults(world: &World, faults: impl IntoIterator<Item = Option<Spoil>>) {
    world.office.borrow_mut().shelf.faults = faults.into_iter().collect();
}

fn came(world: &World) -> u64 {
    world.office.borrow().shelf.down
}

#[test]
fn materials_come_with_their_rows_and_nothing_is_asked_for_twice() {
    let mut world = World::ready();
    let files: Vec<Blake3Hex> = (1..=3).map(|id| material(&world, id, bytes_of(id.cast_unsigned(), 90_000))).collect();
    let view = world.sync(None);
    assert_eq!((row_of(&view, MATERIALS).state, view.result), (RowState::Ok, Some(SessionResult::Success)));
    for file in &files {
        assert_eq!(state_of(&mut world, file), MaterialState::Here);
        assert_eq!(Blake3Hex::of(&world.files.peek(file).unwrap()), *file);
    }
    assert_eq!(came(&world), 270_000);
    world.office.borrow_mut().requests.clear();
    world.sync(None);
    assert_eq!(world.office.borrow().requests, ["/v1/sync"]);
}

#[test]
fn a_material_goes_on_where_the_line_broke() {
    const LEN: usize = 1_000_000;
    for cut in [0, 1, 300_000, 500_000] {
        let mut world = World::ready();
        let file = material(&world, 1, bytes_of(1, LEN));
        faults(&world, [Some(Spoil::Cut(cut))]);
        let view = world.sync(None);
        assert_eq!((row_of(&view, MATERIALS).state, came(&world)), (RowState::Ok, LEN as u64), "cut at {cut}");
        assert_eq!(state_of(&mut world, &file), MaterialState::Here);
    }
}

#[test]
fn a_process_that_ends_in_the_middle_of_a_material_goes_on_with_the_rest() {
    const LEN: usize = 3_000_000;
    let mut world = World::ready();
    let file = material(&world, 1, bytes_of(1, LEN));
    world.give_turns(Some(1));
    world.request(Request::Sync(None));
    assert!(matches!(state_of(&mut world, &file), MaterialState::Wanted { have } if have > 0));
    assert!(world.files.peek(&file).is_none(), "half a file is no file");
    world.restart();
    world.give_turns(None);
    world.sync(None);
    assert_eq!((state_of(&mut world, &file), came(&world)), (MaterialState::Here, LEN as u64));
}

#[test]
fn what_a_power_cut_left_of_a_part_is_what_counts() {
    let mut world = World::ready();
    let file = material(&world, 1, bytes_of(1, 3_000_000));
    world.give_turns(Some(1));
    world.request(Request::Sync(None));
    world.stop();
    world.files.lose_power();
    world.restart();
    world.give_turns(None);
    world.sync(None);
    assert_eq!(state_of(&mut world, &file), MaterialState::Here);
}

#[test]
fn damaged_bytes_are_never_shown_and_are_fetched_anew_once() {
    for spoil in [Spoil::Flip(5_000), Spoil::Swapped] {
        let mut world = World::ready();
        let file = material(&world, 1, bytes_of(1, 90_000));
        faults(&world, [Some(spoil.clone())]);
        let view = world.sync(None);
        assert_eq!((row_of(&view, MATERIALS).state, came(&world)), (RowState::Ok, 180_000), "{spoil:?}");

        let again = material(&world, 2, bytes_of(2, 90_000));
        let other = material(&world, 3, bytes_of(3, 70_000));
        faults(&world, [Some(spoil.clone()), Some(spoil.clone())]);
        let before = success(&mut world, MATERIALS);
        let view = world.sync(None);
        assert_eq!(code_of(&view, MATERIALS), Some(ErrorCode::FileDamaged), "{spoil:?}");
        assert_eq!(success(&mut world, MATERIALS), before, "the time stays");
        let states = [&again, &other].map(|file| state_of(&mut world, file));
        assert!(
            states.contains(&MaterialState::Here) && states.iter().any(|state| matches!(state, MaterialState::Failed(_))),
            "{states:?}"
        );
        assert!(world.files.peek(&file).is_some());
        world.sync(None);
        assert_eq!([&again, &other].map(|file| state_of(&mut world, file)), [MaterialState::Here, MaterialState::Here]);
    }
}

#[test]
fn a_file_that_the_office_has_not_does_not_hold_the_others() {
    let mut world = World::ready();
    let gone = material(&world, 1, bytes_of(1, 50_000));
    let other = material(&world, 2, bytes_of(2, 50_000));
    world.office.borrow_mut().shelf.kept.remove(&gone);
    let view = world.sync(None);
    assert_eq!(code_of(&view, MATERIALS), Some(ErrorCode::IncompleteReply));
    assert_eq!(state_of(&mut world, &other), MaterialState::Here);
}

#[test]
fn a_material_for_which_there_is_no_room_is_told_and_the_others_come() {
    let mut world = World::ready();
    let large = material(&world, 1, bytes_of(1, 400_000));
    let small = material(&world, 2, bytes_of(2, 20_000));
    world.files.set_capacity(Some(100_000));
    let view = world.sync(None);
    assert!(
        matches!(&row_of(&view, MATERIALS).state, RowState::Partial { failure, .. } if failure.code == ErrorCode::NoSpace),
        "{:?}",
        row_of(&view, MATERIALS).state
    );
    assert!(world.files.peek(&small).is_some() || world.files.peek(&large).is_none());
    world.files.set_capacity(None);
    world.sync(None);
    assert_eq!([&large, &small].map(|file| state_of(&mut world, file)), [MaterialState::Here, MaterialState::Here]);
}

#[test]
fn with_the_switch_on_not_a_byte_of_a_material_comes_over_anything_but_wifi() {
    for (network, reason) in [
        (NetworkClass::Cellular, WaitReason::WiFi),
        (NetworkClass::MeteredWiFi, WaitReason::MeteredWiFi),
        (NetworkClass::Roaming, WaitReason::Roaming),
        (NetworkClass::Unknown, WaitReason::UnknownNetwork),
    ] {
        let mut world = World::ready();
        let file = material(&world, 1, bytes_of(1, 80_000));
        world.execute(Command::SetWiFiOnly { on: true });
        world.turn_to(network);
        let view = world.sync(None);
        assert_eq!(row_of(&view, MATERIALS).state, RowState::Waiting { reason, files: 1, bytes: 80_000 });
        world.sync(Some(MATERIALS));
        world.request(Request::FetchMaterial(1));
        world.request(Request::Wake);
        assert_eq!((came(&world), world.office.borrow().count("GET /v1/files/")), (0, 0), "{network:?}");
        world.turn_to(NetworkClass::WiFi);
        assert_eq!(state_of(&mut world, &file), MaterialState::Here, "{network:?}");
    }
}

#[test]
fn when_wifi_goes_in_the_middle_of_a_material_at_most_the_part_under_way_is_finished() {
    const LEN: usize = 6_000_000;
    let mut world = World::ready();
    let file = material(&world, 1, bytes_of(1, LEN));
    world.execute(Command::SetWiFiOnly { on: true });
    world.give_turns(Some(2));
    world.request(Request::Sync(None));
    world.turn_to(NetworkClass::Cellular);
    let requests = world.office.borrow().count("GET /v1/files/");
    world.give_turns(None);
    assert!(world.office.borrow().count("GET /v1/files/") <= requests + 1);
    assert!(matches!(row_of(&world.sync_view(), MATERIALS).state, RowState::Waiting { reason: WaitReason::WiFi, .. }));
    world.turn_to(NetworkClass::WiFi);
    assert_eq!((state_of(&mut world, &file), came(&world)), (MaterialState::Here, LEN as u64));
}

#[test]
fn a_material_that_is_new_while_others_come_comes_in_the_same_session() {
    let mut world = World::ready();
    let first = material(&world, 1, bytes_of(1, 3_000_000));
    world.give_turns(Some(1));
    world.request(Request::Sync(None));
    let second = material(&world, 2, bytes_of(2, 50_000));
    world.request(Request::Sync(Some(RowId::DownloadMandatory)));
    world.give_turns(None);
    assert_eq!([&first, &second].map(|file| state_of(&mut world, file)), [MaterialState::Here, MaterialState::Here]);
    assert_eq!(came(&world), 3_050_000);
}

#[test]
fn materials_arrive_through_a_line_that_spoils_every_third_request() {
    for seed in 1..=2 {
        let mut world = World::ready();
        let files: Vec<Blake3Hex> = (1..=12).map(|id| material(&world, id, bytes_of(id.cast_unsigned() + seed * 100, 400_000))).collect();
        let mut random = Random::new(seed);
        for round in 0.. {
            assert!(round < 200, "it does not come to an end");
            let spoiled = (0..200).map(|_| match random.below(12) {
                0 => Some(Spoil::Cut(usize::try_from(random.below(400_000)).unwrap())),
                1 => Some(Spoil::Flip(usize::try_from(random.below(400_000)).unwrap())),
                2 => Some(Spoil::Silent),
                3 => Some(Spoil::Broken),
                _ => None,
            });
            faults(&world, spoiled.collect::<Vec<_>>());
            let view = world.sync(None);
            if row_of(&view, MATERIALS).state == RowState::Ok {
                break;
            }
            world.advance(1_800_000);
        }
        for file in &files {
            assert_eq!(Blake3Hex::of(&world.files.peek(file).unwrap()), *file);
        }
    }
}
