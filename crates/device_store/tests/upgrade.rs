//! Every schema that was ever shipped, as a dump with rows in it, is opened by this version and read.
//!
//! A dump is made once, when its version ships (`sqlite3 work.db .dump`), and never changed. The next version adds its own beside it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_device_store::Store;
use polevik_device_store::platform::{Folder, Platform};
use polevik_device_store::reference::{checkpoints, foreign, materials, products};
use polevik_device_store::work::outbox::Selection;
use polevik_device_store::work::outgoing_files::OutgoingState;
use polevik_device_store::work::{held_files, library, numbers, orders, outbox, outgoing_files, photos, rows, traffic, visits};
use polevik_domain::ids::{OutletId, PositionId, ProductId};
use polevik_domain::money::Money;
use polevik_domain::photo::Scene;
use polevik_domain::time::CalendarDay;

const POSITION: PositionId = PositionId(17);

/// A version of both databases that was shipped: `user_version` and dump of each.
struct Shipped {
    work: (i64, &'static str),
    reference: (i64, &'static str),
}

const VERSIONS: [Shipped; 4] = [
    Shipped { work: (1, include_str!("schemas/work-1.sql")), reference: (1, include_str!("schemas/reference-1.sql")) },
    Shipped { work: (2, include_str!("schemas/work-2.sql")), reference: (3, include_str!("schemas/reference-3.sql")) },
    Shipped { work: (3, include_str!("schemas/work-3.sql")), reference: (3, include_str!("schemas/reference-3.sql")) },
    Shipped { work: (4, include_str!("schemas/work-4.sql")), reference: (4, include_str!("schemas/reference-4.sql")) },
];

/// A device with the databases of a version, opened by this one.
fn opened(shipped: &Shipped) -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let platform = Folder::new(folder.path()).unwrap();
    for (file, (version, dump)) in [("work.db", shipped.work), ("reference-1.db", shipped.reference)] {
        let connection = platform.open(file).unwrap();
        connection.execute_batch(dump).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
    }
    (Store::open(Box::new(platform)).unwrap(), folder)
}

#[test]
fn documents_of_every_shipped_version_are_still_here() {
    for shipped in VERSIONS {
        let version = shipped.work.0;
        let (mut store, _folder) = opened(&shipped);
        let both = store.read().unwrap();
        let waiting = outbox::unanswered(&both.work, POSITION, 0, i64::MAX, 10).unwrap();
        assert_eq!(waiting.iter().take(2).map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["order", "visit"], "version {version}");
        // The visit and its order go one after another.
        assert_eq!(waiting[0].lane, waiting[1].lane, "version {version}");
        assert_eq!(waiting[1].lane, waiting[1].document_id, "version {version}");
        let placed = orders::newest(&both.work, POSITION, 10).unwrap();
        assert_eq!((placed[0].number.as_deref(), placed[0].totals.sum), (Some("А017-000001"), Money(20_000)), "version {version}");
        assert_eq!(orders::lines(&both.work, placed[0].id).unwrap().len(), 1, "version {version}");
        assert_eq!(visits::open(&both.work, POSITION).unwrap(), None, "version {version}");
        let given = numbers::last(&both.work, &numbers::Sequence::Document).unwrap();
        assert_eq!(given, outbox::end(&both.work).unwrap(), "version {version}");
        assert_eq!(rows::load(&both.work, "upload.mandatory").unwrap().code.as_deref(), Some("N103"), "version {version}");
        assert_eq!(products::find(&both.reference, ProductId(1)).unwrap().unwrap().sku, "A-1", "version {version}");
        assert!(checkpoints::feed(&both.reference).unwrap().is_some(), "version {version}");
    }
}

#[test]
fn what_was_set_aside_taken_back_and_offered_again_is_still_so() {
    // The first version knew none of it.
    for shipped in &VERSIONS[1..] {
        let version = shipped.work.0;
        let (mut store, _folder) = opened(shipped);
        let both = store.read().unwrap();
        let counts = outbox::counts(&both.work, POSITION).unwrap();
        assert_eq!((counts.parked, counts.re_offered, counts.withdrawals), (1, 1, 1), "version {version}");
        let passed_over = std::collections::BTreeSet::new();
        let selection = Selection { position: POSITION, up_to: i64::MAX, max_entries: 10, max_bytes: 100_000, passed_over: &passed_over };
        let next: Vec<(i64, u64)> =
            outbox::next(&both.work, &selection).unwrap().entries.iter().map(|entry| (entry.device_seq, entry.wire_seq)).collect();
        assert_eq!(next, [(1, 0), (5, 4)], "version {version}: the visit's end waits behind its order, and what was overtaken is not sent");
        assert!(checkpoints::feed(&both.reference).unwrap().unwrap().hash_key.is_some());
        assert_eq!(foreign::missing_columns(&both.reference).unwrap(), [], "column 90 is of a later version still");
    }
}

#[test]
fn photos_files_and_library_versions_are_still_here() {
    // Earlier versions knew none of it.
    for shipped in &VERSIONS[3..] {
        let version = shipped.work.0;
        let (mut store, _folder) = opened(shipped);
        let both = store.read().unwrap();
        let visit = visits::of_day(&both.work, POSITION, CalendarDay(20_779)).unwrap().remove(0).id;
        let taken = photos::of_visit(&both.work, visit).unwrap();
        assert_eq!(taken.iter().map(|photo| photo.scene).collect::<Vec<_>>(), [Scene::Shelf, Scene::Facade], "version {version}");
        let files: Vec<(OutgoingState, u64)> = taken
            .iter()
            .map(|photo| outgoing_files::find(&both.work, &photo.file).unwrap().unwrap())
            .map(|file| (file.state, file.sent))
            .collect();
        assert_eq!(files, [(OutgoingState::Waiting, 65_536), (OutgoingState::Confirmed, 200_000)], "version {version}");
        let material = materials::of_outlet(&both.reference, OutletId(17), CalendarDay(20_779)).unwrap().remove(0);
        let held = held_files::find(&both.work, &material.file).unwrap().unwrap();
        assert_eq!((material.bytes, held.state), (5_000, held_files::HeldState::Here), "version {version}");
        assert!(held_files::marks(&both.work).unwrap()[0].pinned, "version {version}");
        assert_eq!(traffic::of_month(&both.work, 202_611).unwrap()[0].up, 200_000, "version {version}");
        assert_eq!(library::version(&both.work, library::Role::Active).unwrap().unwrap().version, 3, "version {version}");
        assert_eq!(library::all_files(&both.work).unwrap().len(), 1, "version {version}");
    }
}
