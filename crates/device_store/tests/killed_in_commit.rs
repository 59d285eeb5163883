//! A process that is killed in the middle of a commit, then a start, then a loss of power.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_device_store::Store;
use polevik_device_store::db::commit;
use polevik_device_store::work::options::{self, OptionName};
use polevik_testkit::disk::{Crash, Disk, DiskPlatform};

fn open(disk: &Disk) -> Store {
    Store::open(Box::new(DiskPlatform::new(disk))).unwrap()
}

fn is_on(store: &mut Store) -> bool {
    options::get(&store.read().unwrap().work, OptionName::WiFiOnly).unwrap().is_some()
}

/// The log may hold a whole commit that was never synced: whoever opens it next shows it.
#[test]
fn what_is_shown_after_a_kill_in_a_commit_survives_a_loss_of_power() {
    let mut shown = 0;
    for operation in 1..20 {
        let disk = Disk::new();
        let mut store = open(&disk);
        disk.crash_at(disk.operations() + operation, Crash::Process);
        let tx = store.work().unwrap();
        let written = options::set(&tx, OptionName::WiFiOnly, "1").and_then(|()| commit(tx));
        drop(store);
        disk.restart();

        let mut store = open(&disk);
        let seen = is_on(&mut store);
        assert!(seen || written.is_err(), "killed at operation {operation}: promised, and gone");
        shown += u32::from(seen && written.is_err());
        disk.crash(Crash::Power);
        drop(store);
        disk.restart();
        assert_eq!(is_on(&mut open(&disk)), seen, "killed at operation {operation}");
    }
    assert!(shown > 0, "no commit was cut off where it is shown all the same");
}
