//! Every schema that was ever shipped, as a dump with rows in it, is opened by this version and read.
//!
//! A dump is made once, when its version ships (`sqlite3 work.db .dump`), and never changed. The next version adds its own beside it.

use polevik_device_store::Store;
use polevik_device_store::platform::{Folder, Platform};
use polevik_device_store::reference::{checkpoints, products};
use polevik_device_store::work::{numbers, orders, outbox, rows, visits};
use polevik_domain::ids::{PositionId, ProductId};
use polevik_domain::money::Money;

const POSITION: PositionId = PositionId(17);

const VERSIONS: [(i64, &str, &str); 1] = [(1, include_str!("schemas/work-1.sql"), include_str!("schemas/reference-1.sql"))];

#[test]
fn documents_of_every_shipped_version_are_still_here() {
    for (version, work, reference) in VERSIONS {
        let folder = tempfile::tempdir().unwrap();
        let platform = Folder::new(folder.path()).unwrap();
        for (file, dump) in [("work.db", work), ("reference-1.db", reference)] {
            let connection = platform.open(file).unwrap();
            connection.execute_batch(dump).unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
        }

        let mut store = Store::open(Box::new(platform)).unwrap();
        let both = store.read().unwrap();
        let waiting = outbox::unanswered(&both.work, POSITION, 0, i64::MAX, 10).unwrap();
        assert_eq!(waiting.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["order", "visit"], "version {version}");
        let placed = orders::newest(&both.work, POSITION, 10).unwrap();
        assert_eq!((placed[0].number.as_deref(), placed[0].totals.sum), (Some("А017-000001"), Money(20_000)), "version {version}");
        assert_eq!(orders::lines(&both.work, placed[0].id).unwrap().len(), 1, "version {version}");
        assert_eq!(visits::open(&both.work, POSITION).unwrap(), None, "version {version}");
        assert_eq!(numbers::last(&both.work, &numbers::Sequence::Document).unwrap(), 3, "version {version}");
        assert_eq!(rows::load(&both.work, "upload.mandatory").unwrap().code.as_deref(), Some("N103"), "version {version}");
        assert_eq!(products::find(&both.reference, ProductId(1)).unwrap().unwrap().sku, "A-1", "version {version}");
        assert!(checkpoints::feed(&both.reference).unwrap().is_some(), "version {version}");
    }
}
