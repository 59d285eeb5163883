//! Which files of materials are to be here: in what order they come, and what goes to make room. Pure.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_api::files::{MaterialState, STOP_FREE_BYTES, UNUSED_DAYS};
use polevik_device_api::sync::Failure;
use polevik_device_store::reference::materials::Material;
use polevik_device_store::work::held_files::{HeldFile, HeldState, Mark};
use polevik_domain::ids::OutletId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::hash::Blake3Hex;

/// Most bytes that materials may take here unless the rep or the office says otherwise: 500 MB.
pub const DEFAULT_BUDGET_BYTES: u64 = 500 * 1000 * 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Everything a plan follows from.
#[derive(Debug)]
pub struct Given<'a> {
    /// Materials that are shown today; `None` while there is no copy of the office: then nothing is known, and nothing changes.
    pub shown: Option<&'a [Material]>,
    /// Files that are here or were tried.
    pub held: &'a [HeldFile],
    /// What the rep did with materials.
    pub marks: &'a [Mark],
    /// Outlets of today's route.
    pub route: &'a BTreeSet<OutletId>,
    /// Most bytes that materials may take.
    pub budget: u64,
    /// What may still be written, as far as that is known.
    pub free: Option<u64>,
}

/// What is to be done about files of materials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaterialsPlan {
    /// What is to be fetched, in this order.
    pub fetch: Vec<WantedFile>,
    /// What is shown and stays away, and why.
    pub left: BTreeMap<Blake3Hex, Left>,
    /// What is to go before anything is fetched: obsolete files, and those that make room for more important ones.
    pub remove: Vec<Blake3Hex>,
}

/// A file that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFile {
    /// Its name by content.
    pub file: Blake3Hex,
    /// Its length.
    pub bytes: u64,
    /// Bytes that are here already.
    pub have: u64,
    /// The rep asked for this very file, and was told what it costs: the network there is now may carry it.
    pub asked: bool,
    /// Not before this time, by the server's clock.
    pub next_try_at: Option<UtcMillis>,
}

/// Why a file stays away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It does not fit into what materials may take.
    Budget,
    /// There is no room on the device (L501).
    Space {
        /// Bytes that would have to be free.
        need: u64,
        /// Bytes that are.
        free: u64,
    },
    /// The rep removed it.
    ByRep,
}

/// One file and what the materials that name it say of it.
#[derive(Debug)]
struct File<'a> {
    name: &'a Blake3Hex,
    bytes: u64,
    /// Which comes first; the smallest of its materials'.
    rank: u8,
    /// Is here whatever room it takes: mandatory, kept by the rep, or asked for.
    firm: bool,
    /// Is here however long nobody opened it: mandatory or kept by the rep.
    kept: bool,
    asked: bool,
    held: Option<&'a HeldFile>,
}

impl File<'_> {
    fn is_here(&self) -> bool {
        self.held.is_some_and(|held| held.state == HeldState::Here)
    }

    fn have(&self) -> u64 {
        match self.held.map(|held| &held.state) {
            Some(HeldState::Partial { have }) => (*have).min(self.bytes),
            Some(HeldState::Here | HeldState::Failed { .. } | HeldState::Left) | None => 0,
        }
    }

    /// When it was last of use, for those that are here.
    fn last_used(&self) -> Option<UtcMillis> {
        self.held.and_then(last_used)
    }
}

/// When a file was last of use: opened, or else when it came.
#[must_use]
pub fn last_used(held: &HeldFile) -> Option<UtcMillis> {
    held.opened_at.max(held.arrived_at)
}

/// Which comes first: what was asked for, what is about an outlet of today's route, what is mandatory, and then by kind.
fn rank(material: &Material, asked: bool, route: &BTreeSet<OutletId>) -> u8 {
    if asked {
        0
    } else if material.outlet.is_some_and(|outlet| route.contains(&outlet)) {
        1
    } else if material.mandatory {
        2
    } else {
        match material.kind.as_str() {
            "planogram" => 3,
            "price_list" => 4,
            "picture" => 5,
            _ => 6,
        }
    }
}

/// What is to be done about files of materials.
#[must_use]
pub fn plan(given: &Given<'_>) -> MaterialsPlan {
    let Some(shown) = given.shown else { return MaterialsPlan::default() };
    let mut plan = MaterialsPlan::default();
    let files = wanted_files(given, shown);

    let named: BTreeSet<&Blake3Hex> = files.iter().map(|file| file.name).collect();
    plan.remove.extend(given.held.iter().filter(|held| !named.contains(&held.file)).map(|held| held.file.clone()));
    let mut freed: u64 = given.held.iter().filter(|held| !named.contains(&held.file)).map(bytes_here).sum();

    // What counts: everything firm, whether or not it is here yet, and the others that are here.
    let mut used: u64 = files.iter().filter(|file| file.firm || file.is_here()).map(|file| file.bytes).sum();
    let mut evictable: Vec<&File<'_>> = files.iter().filter(|file| file.is_here() && !file.firm).collect();
    // The next to go stands last: the least important, and of these the one that was not used for longest.
    evictable.sort_by_key(|file| (file.rank, std::cmp::Reverse(file.last_used())));
    while used > given.budget {
        let Some(file) = evictable.pop() else { break };
        used -= file.bytes;
        freed += file.bytes;
        plan.remove.push(file.name.clone());
        plan.left.insert(file.name.clone(), Left::Budget);
    }

    let mut accepted = Vec::new();
    for file in files.iter().filter(|file| !file.is_here()) {
        if !file.firm {
            if file.held.is_some_and(|held| held.state == HeldState::Left) {
                plan.left.insert(file.name.clone(), Left::ByRep);
                continue;
            }
            // Only what is less important makes room: two of one rank would take turns for ever.
            let less_important = evictable.iter().rev().take_while(|other| other.rank > file.rank);
            let mut room = given.budget.saturating_sub(used);
            let mut going = 0;
            for other in less_important {
                if room >= file.bytes {
                    break;
                }
                room += other.bytes;
                going += 1;
            }
            if room < file.bytes {
                plan.left.insert(file.name.clone(), Left::Budget);
                continue;
            }
            for other in evictable.split_off(evictable.len() - going) {
                used -= other.bytes;
                freed += other.bytes;
                plan.remove.push(other.name.clone());
                plan.left.insert(other.name.clone(), Left::Budget);
            }
            used += file.bytes;
        }
        accepted.push(file);
    }

    let mut free = given.free.map(|free| free.saturating_add(freed));
    for file in accepted {
        let rest = file.bytes - file.have();
        if let Some(free) = &mut free {
            let need = rest.saturating_add(STOP_FREE_BYTES);
            if need > *free {
                plan.left.insert(file.name.clone(), Left::Space { need, free: *free });
                continue;
            }
            *free -= rest;
        }
        plan.fetch.push(WantedFile {
            file: file.name.clone(),
            bytes: file.bytes,
            have: file.have(),
            asked: file.asked,
            next_try_at: file.held.and_then(|held| held.next_try_at),
        });
    }
    plan
}

fn bytes_here(held: &HeldFile) -> u64 {
    match held.state {
        HeldState::Here => held.bytes,
        HeldState::Partial { have } => have,
        HeldState::Failed { .. } | HeldState::Left => 0,
    }
}

/// The files of the materials that are shown, each once, in the order in which they are wanted.
fn wanted_files<'a>(given: &Given<'a>, shown: &'a [Material]) -> Vec<File<'a>> {
    let held: BTreeMap<&Blake3Hex, &HeldFile> = given.held.iter().map(|held| (&held.file, held)).collect();
    let marks: BTreeMap<i64, &Mark> = given.marks.iter().map(|mark| (mark.material, mark)).collect();
    let mut files: Vec<File<'a>> = Vec::new();
    let mut places: BTreeMap<&Blake3Hex, usize> = BTreeMap::new();
    for material in shown {
        let mark = marks.get(&material.id);
        let asked = mark.is_some_and(|mark| mark.asked.as_ref() == Some(&material.file));
        let kept = material.mandatory || mark.is_some_and(|mark| mark.pinned);
        let rank = rank(material, asked, given.route);
        let place = *places.entry(&material.file).or_insert_with(|| {
            let held = held.get(&material.file).copied();
            files.push(File { name: &material.file, bytes: material.bytes, rank, firm: false, kept, asked, held });
            files.len() - 1
        });
        let file = &mut files[place];
        file.rank = file.rank.min(rank);
        file.kept |= kept;
        file.asked |= asked;
        file.firm = file.kept || file.asked;
    }
    // Within a rank as they are listed.
    files.sort_by_key(|file| file.rank);
    files
}

/// Where the file of a material is, as screens show it.
#[must_use]
pub fn state_of(file: &Blake3Hex, held: Option<&HeldFile>, plan: &MaterialsPlan) -> MaterialState {
    match (held.map(|held| &held.state), plan.left.get(file)) {
        (Some(HeldState::Here), _) => MaterialState::Here,
        (_, Some(Left::Space { need, free })) => {
            MaterialState::Failed(Failure::new(ErrorCode::NoSpace, format!("need {need} free {free}")))
        }
        (_, Some(Left::Budget | Left::ByRep)) | (Some(HeldState::Left), None) => MaterialState::Left,
        (Some(HeldState::Failed { code, detail }), None) => {
            MaterialState::Failed(Failure::new(ErrorCode::parse(code).unwrap_or(ErrorCode::Unexpected), detail.clone()))
        }
        (Some(HeldState::Partial { have }), None) => MaterialState::Wanted { have: *have },
        (None, None) => MaterialState::Wanted { have: 0 },
    }
}

/// Files of materials that were not used for [`UNUSED_DAYS`] days and may go: neither mandatory nor kept by the rep.
#[must_use]
pub fn unused<'a>(given: &Given<'a>, now: UtcMillis) -> Vec<&'a HeldFile> {
    let Some(shown) = given.shown else { return Vec::new() };
    let since = now.plus_millis(-DAY_MS * i64::from(UNUSED_DAYS));
    let kept: BTreeSet<&Blake3Hex> = wanted_files(given, shown).into_iter().filter(|file| file.kept).map(|file| file.name).collect();
    given
        .held
        .iter()
        .filter(|held| held.state == HeldState::Here && !kept.contains(&held.file))
        .filter(|held| last_used(held).is_none_or(|used| used < since))
        .collect()
}

#[cfg(test)]
mod tests {
    use polevik_domain::time::CalendarDay;

    use super::*;

    fn name(text: &str) -> Blake3Hex {
        Blake3Hex::of(text.as_bytes())
    }

    /// A material of `bytes` whose file is named by its title.
    fn material(id: i64, title: &str, kind: &str, bytes: u64) -> Material {
        Material {
            id,
            title: title.to_owned(),
            kind: kind.to_owned(),
            folder: String::new(),
            file: name(title),
            bytes,
            content_type: "application/pdf".to_owned(),
            file_name: format!("{title}.pdf"),
            version: 1,
            mandatory: false,
            valid_to: Some(CalendarDay(30_000)),
            outlet: None,
            product: None,
        }
    }

    fn held(title: &str, bytes: u64, state: HeldState, used: i64) -> HeldFile {
        let arrived_at = (state == HeldState::Here).then_some(UtcMillis(used));
        HeldFile { file: name(title), bytes, state, arrived_at, opened_at: None, attempts: 0, next_try_at: None }
    }

    #[derive(Default)]
    struct Case {
        shown: Vec<Material>,
        held: Vec<HeldFile>,
        marks: Vec<Mark>,
        budget: u64,
        free: Option<u64>,
    }

    impl Case {
        fn with<R>(&self, look: impl FnOnce(&Given<'_>) -> R) -> R {
            let route = BTreeSet::from([OutletId(7)]);
            look(&Given {
                shown: Some(&self.shown),
                held: &self.held,
                marks: &self.marks,
                route: &route,
                budget: self.budget,
                free: self.free,
            })
        }

        /// Titles of what is fetched and of what goes, and how many stay away.
        fn check(&self, fetch: &[&str], remove: &[&str], left: &[(&str, Left)]) {
            let plan = self.with(plan);
            let fetched: Vec<Blake3Hex> = plan.fetch.iter().map(|wanted| wanted.file.clone()).collect();
            assert_eq!(fetched, fetch.iter().map(|title| name(title)).collect::<Vec<_>>(), "fetch {fetch:?}");
            let mut removed = plan.remove.clone();
            removed.sort();
            let mut wanted: Vec<Blake3Hex> = remove.iter().map(|title| name(title)).collect();
            wanted.sort();
            assert_eq!(removed, wanted, "remove {remove:?}");
            assert_eq!(plan.left, left.iter().map(|(title, why)| (name(title), *why)).collect());
        }
    }

    #[test]
    fn todays_outlets_come_first_then_what_is_mandatory_then_by_kind() {
        let mut of_route = material(1, "today", "training", 10);
        of_route.outlet = Some(OutletId(7));
        let mut mandatory = material(2, "mandatory", "video", 10);
        mandatory.mandatory = true;
        let shown = vec![
            material(3, "video", "video", 10),
            material(4, "picture", "picture", 10),
            material(5, "prices", "price_list", 10),
            material(6, "planogram", "planogram", 10),
            mandatory,
            of_route,
            material(7, "asked", "training", 10),
        ];
        let asked = Mark { material: 7, asked: Some(name("asked")), ..Mark::default() };
        let case = Case { shown, marks: vec![asked], budget: 1_000, ..Case::default() };
        case.check(&["asked", "today", "mandatory", "planogram", "prices", "picture", "video"], &[], &[]);
    }

    #[test]
    fn what_does_not_fit_stays_away_and_smaller_ones_come_all_the_same() {
        let shown = vec![material(1, "a", "planogram", 60), material(2, "b", "planogram", 60), material(3, "c", "picture", 30)];
        Case { shown, budget: 100, ..Case::default() }.check(&["a", "c"], &[], &[("b", Left::Budget)]);
    }

    #[test]
    fn mandatory_kept_and_asked_files_come_whatever_room_they_take() {
        let mut mandatory = material(1, "mandatory", "video", 90);
        mandatory.mandatory = true;
        let marks = vec![
            Mark { material: 2, pinned: true, ..Mark::default() },
            Mark { material: 3, asked: Some(name("asked")), ..Mark::default() },
            // Asked for when it had another content.
            Mark { material: 4, asked: Some(name("before")), ..Mark::default() },
        ];
        let shown =
            vec![mandatory, material(2, "pinned", "video", 90), material(3, "asked", "video", 90), material(4, "changed", "video", 90)];
        let case = Case { shown, marks, budget: 100, ..Case::default() };
        case.check(&["asked", "mandatory", "pinned"], &[], &[("changed", Left::Budget)]);
    }

    #[test]
    fn what_nothing_names_any_more_goes() {
        let case = Case {
            shown: vec![material(1, "here", "planogram", 10)],
            held: vec![
                held("here", 10, HeldState::Here, 1),
                held("old", 10, HeldState::Here, 1),
                held("half", 10, HeldState::Partial { have: 4 }, 1),
            ],
            budget: 100,
            ..Case::default()
        };
        case.check(&[], &["old", "half"], &[]);
    }

    #[test]
    fn without_a_copy_of_the_office_nothing_goes() {
        let files = [held("here", 10, HeldState::Here, 1)];
        let given = Given { shown: None, held: &files, marks: &[], route: &BTreeSet::new(), budget: 0, free: Some(0) };
        assert_eq!(plan(&given), MaterialsPlan::default());
        assert_eq!(unused(&given, UtcMillis(i64::MAX / 2)), Vec::<&HeldFile>::new());
    }

    #[test]
    fn the_more_important_takes_the_place_of_what_was_not_used_for_longest() {
        let shown = vec![
            material(1, "new", "planogram", 50),
            material(2, "seldom", "video", 40),
            material(3, "often", "video", 40),
            material(4, "prices", "price_list", 20),
        ];
        let here =
            vec![held("seldom", 40, HeldState::Here, 10), held("often", 40, HeldState::Here, 90), held("prices", 20, HeldState::Here, 1)];
        let case = Case { shown: shown.clone(), held: here.clone(), budget: 110, ..Case::default() };
        case.check(&["new"], &["seldom"], &[("seldom", Left::Budget)]);
        // Ten less, and one is not enough.
        let case = Case { shown, held: here, budget: 100, ..Case::default() };
        case.check(&["new"], &["seldom", "often"], &[("seldom", Left::Budget), ("often", Left::Budget)]);
    }

    #[test]
    fn files_of_one_rank_do_not_drive_each_other_out() {
        let case = Case {
            shown: vec![material(1, "new", "video", 50), material(2, "here", "video", 60)],
            held: vec![held("here", 60, HeldState::Here, 1)],
            budget: 100,
            ..Case::default()
        };
        case.check(&[], &[], &[("new", Left::Budget)]);
    }

    #[test]
    fn a_smaller_budget_drives_out_all_but_what_is_mandatory_or_kept() {
        let mut mandatory = material(1, "mandatory", "video", 50);
        mandatory.mandatory = true;
        let case = Case {
            shown: vec![mandatory, material(2, "pinned", "video", 50), material(3, "other", "video", 50)],
            held: ["mandatory", "pinned", "other"].map(|title| held(title, 50, HeldState::Here, 1)).to_vec(),
            marks: vec![Mark { material: 2, pinned: true, ..Mark::default() }],
            budget: 10,
            ..Case::default()
        };
        case.check(&[], &["other"], &[("other", Left::Budget)]);
    }

    #[test]
    fn what_there_is_no_room_for_stays_away_and_the_others_come() {
        let case = Case {
            shown: vec![material(1, "large", "planogram", 500), material(2, "half", "planogram", 400), material(3, "small", "picture", 40)],
            held: vec![held("half", 400, HeldState::Partial { have: 380 }, 0), held("old", 30, HeldState::Here, 0)],
            budget: 10_000,
            free: Some(STOP_FREE_BYTES + 40),
            ..Case::default()
        };
        // 40 and the 30 of the old one: 20 for the rest of the half one, 40 for the small one.
        let large = Left::Space { need: STOP_FREE_BYTES + 500, free: STOP_FREE_BYTES + 70 };
        case.check(&["half", "small"], &["old"], &[("large", large)]);
    }

    #[test]
    fn what_the_rep_removed_stays_away_until_it_is_asked_for() {
        let shown = vec![material(1, "left", "planogram", 10)];
        let files = vec![held("left", 10, HeldState::Left, 0)];
        Case { shown: shown.clone(), held: files.clone(), budget: 100, ..Case::default() }.check(&[], &[], &[("left", Left::ByRep)]);
        let marks = vec![Mark { material: 1, asked: Some(name("left")), ..Mark::default() }];
        Case { shown, held: files, marks, budget: 100, ..Case::default() }.check(&["left"], &[], &[]);
    }

    #[test]
    fn a_file_of_two_materials_comes_once_by_the_more_important() {
        let mut other = material(2, "same", "planogram", 10);
        other.kind = "training".to_owned();
        let case = Case {
            shown: vec![other, material(3, "first", "price_list", 10), material(1, "same", "planogram", 10)],
            budget: 100,
            ..Case::default()
        };
        case.check(&["same", "first"], &[], &[]);
    }

    #[test]
    fn unused_is_what_was_not_opened_for_thirty_days() {
        let mut mandatory = material(1, "mandatory", "video", 10);
        mandatory.mandatory = true;
        let now = 100 * DAY_MS;
        let mut opened = held("opened", 10, HeldState::Here, 0);
        opened.opened_at = Some(UtcMillis(now - 29 * DAY_MS));
        let case = Case {
            shown: vec![
                mandatory,
                material(2, "pinned", "video", 10),
                material(3, "opened", "video", 10),
                material(4, "old", "video", 10),
                material(5, "new", "video", 10),
            ],
            held: vec![
                held("mandatory", 10, HeldState::Here, 0),
                held("pinned", 10, HeldState::Here, 0),
                opened,
                held("old", 10, HeldState::Here, now - 31 * DAY_MS),
                held("new", 10, HeldState::Here, now - 30 * DAY_MS),
            ],
            marks: vec![
                Mark { material: 2, pinned: true, ..Mark::default() },
                // Asked for once, it may go like any other.
                Mark { material: 4, asked: Some(name("old")), ..Mark::default() },
            ],
            budget: 1_000,
            ..Case::default()
        };
        let found = case.with(|given| unused(given, UtcMillis(now)).iter().map(|held| held.file.clone()).collect::<Vec<_>>());
        assert_eq!(found, [name("old")]);
    }
}
