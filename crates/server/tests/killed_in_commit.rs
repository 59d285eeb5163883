//! A server that is killed in the middle of a commit, then a start, then a loss of power: found by the simulation (seed 31800), where a reader
//! had seen a number of the feed that was then given again.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_server_store::db::FILE_NAME;
use polevik_server_store::{Store, StoreError};
use polevik_testkit::disk::{Crash, Disk};

fn open(disk: &Disk) -> Store {
    Store::open_on(disk.vfs_name(), FILE_NAME.as_ref()).unwrap()
}

fn count(store: &Store) -> i64 {
    store.read(|tx| Ok::<_, StoreError>(tx.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)).unwrap()
}

/// The log may hold a whole commit that was never synced: whoever opens it next sees it.
#[test]
fn what_is_seen_after_a_kill_in_a_commit_survives_a_loss_of_power() {
    let mut seen_all_the_same = 0;
    for operation in 1..20 {
        let disk = Disk::new();
        let store = open(&disk);
        store.write(|tx| Ok::<_, StoreError>(tx.execute_batch("CREATE TABLE t (n INTEGER) STRICT")?)).unwrap();
        disk.crash_at(disk.operations() + operation, Crash::Process);
        let written = store.write(|tx| Ok::<_, StoreError>(tx.execute("INSERT INTO t VALUES (1)", []).map(drop)?));
        drop(store);
        disk.restart();

        let store = open(&disk);
        let seen = count(&store);
        assert!(seen == 1 || written.is_err(), "killed at operation {operation}: committed, and gone");
        seen_all_the_same += i64::from(written.is_err()) * seen;
        disk.crash(Crash::Power);
        drop(store);
        disk.restart();
        assert_eq!(count(&open(&disk)), seen, "killed at operation {operation}");
    }
    assert!(seen_all_the_same > 0, "no commit was cut off where it is seen all the same");
}
