//! The disk itself: real SQLite on it, sound and unsound.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;

use polevik_testkit::disk::{Crash, Disk, Failure, FailureKind};
use rusqlite::{Connection, ErrorCode};

fn open(disk: &Disk, synchronous: &str) -> rusqlite::Result<Connection> {
    let connection = disk.connect("a.db")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, filling BLOB) STRICT")?;
    Ok(connection)
}

fn insert(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [number]).map(drop)
}

fn numbers(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection.prepare("SELECT n FROM t ORDER BY n")?.query_map([], |row| row.get(0))?.collect()
}

fn verdict(connection: &Connection) -> String {
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

#[test]
fn two_connections_share_one_database_and_a_reader_keeps_its_snapshot() {
    let disk = Disk::new();
    let writer = open(&disk, "full").unwrap();
    let reader = open(&disk, "full").unwrap();
    insert(&writer, 1).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(numbers(&reader).unwrap(), [1]);
    insert(&writer, 2).unwrap();
    assert_eq!(numbers(&reader).unwrap(), [1]);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(numbers(&reader).unwrap(), [1, 2]);

    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    reader.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert_eq!(insert(&reader, 3).unwrap_err().sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    writer.execute_batch("ROLLBACK").unwrap();
    insert(&reader, 3).unwrap();
    drop((writer, reader));
    assert_eq!(disk.file_names(), ["a.db"], "the last connection takes the log with it");
    assert_eq!(numbers(&open(&disk, "full").unwrap()).unwrap(), [1, 2, 3]);
}

#[test]
fn many_threads_write_and_read_and_nothing_is_lost() {
    for journal in ["wal", "truncate"] {
        let disk = Disk::new();
        let set_up = open(&disk, "normal").unwrap();
        set_up.pragma_update(None, "journal_mode", journal).unwrap();
        drop(set_up);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let disk = &disk;
                scope.spawn(move || {
                    let connection = disk.connect("a.db").unwrap();
                    connection.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
                    for number in 0..25 {
                        let before = numbers(&connection).unwrap().len();
                        insert(&connection, thread * 100 + number).unwrap();
                        assert!(numbers(&connection).unwrap().len() > before);
                    }
                });
            }
        });
        let connection = disk.connect("a.db").unwrap();
        assert_eq!(numbers(&connection).unwrap().len(), 100, "{journal}");
        assert_eq!(verdict(&connection), "ok");
    }
}

/// Numbers 1, 2, 3… are inserted until the disk crashes at `operation`; gives those that were committed and those found after the restart.
fn insert_and_crash(operation: u64, crash: Crash, synchronous: &str) -> (Vec<i64>, Vec<i64>) {
    let disk = Disk::new();
    let connection = open(&disk, synchronous).unwrap();
    disk.crash_at(disk.operations() + operation, crash);
    let committed: Vec<i64> = (1..=40).take_while(|number| insert(&connection, *number).is_ok()).collect();
    assert!(disk.has_crashed(), "operation {operation} was never reached");
    disk.restart();
    assert!(numbers(&connection).is_err(), "a connection from before the restart is of no use");
    drop(connection);
    let connection = open(&disk, synchronous).unwrap();
    assert_eq!(verdict(&connection), "ok", "{crash:?} at {operation}");
    (committed, numbers(&connection).unwrap())
}

#[test]
fn a_transaction_committed_with_full_syncs_survives_every_crash_and_one_with_fewer_syncs_only_a_killed_process() {
    let mut lost_by = BTreeSet::new();
    for operation in 1..60 {
        for crash in [Crash::Process, Crash::Power, Crash::PowerTorn { seed: operation }] {
            let (committed, found) = insert_and_crash(operation, crash, "full");
            assert!(found == committed || found.len() == committed.len() + 1, "{crash:?} at {operation}: {committed:?}, {found:?}");
            assert!(found.starts_with(&committed));

            let (committed, found) = insert_and_crash(operation, crash, "normal");
            assert!(found.windows(2).all(|pair| pair[0] + 1 == pair[1]), "lost are the last ones only");
            if found.len() < committed.len() {
                lost_by.insert(if crash == Crash::Process { "process" } else { "power" });
            }
        }
    }
    assert_eq!(lost_by, BTreeSet::from(["power"]));
}

#[test]
fn planned_failures_come_and_pass() {
    for (kind, code) in [
        (FailureKind::InputOutput, ErrorCode::SystemIoFailure),
        (FailureKind::Full, ErrorCode::DiskFull),
        (FailureKind::ShortWrite, ErrorCode::DiskFull),
        (FailureKind::Busy, ErrorCode::DatabaseBusy),
    ] {
        let disk = Disk::new();
        let connection = open(&disk, "full").unwrap();
        disk.fail(Failure::from_then_on(kind, 1));
        assert_eq!(insert(&connection, 1).unwrap_err().sqlite_error_code(), Some(code), "{kind:?}");
        assert!(disk.failed() > 0);
        disk.heal();
        insert(&connection, 1).unwrap();
        disk.fail(Failure::once(kind, 1));
        let first = insert(&connection, 2);
        // A lock that was refused once is asked for again.
        assert_eq!(first.is_err(), kind != FailureKind::Busy, "{kind:?}");
        if first.is_err() {
            insert(&connection, 2).unwrap();
        }
        assert_eq!(numbers(&connection).unwrap(), [1, 2]);
    }
    let disk = Disk::new();
    disk.fail(Failure::once(FailureKind::CannotOpen, 1));
    assert_eq!(disk.connect("a.db").unwrap_err().sqlite_error_code(), Some(ErrorCode::CannotOpen));
    assert!(disk.connect("a.db").is_ok());
}

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_room() {
    let disk = Disk::new();
    let connection = open(&disk, "full").unwrap();
    disk.set_capacity(Some(200_000));
    let error = (1..).find_map(|number| insert(&connection, number).err()).unwrap();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
    let kept = numbers(&connection).unwrap();
    assert!(disk.free_bytes().unwrap() < 20_000 && kept.len() > 10, "{disk:?} {kept:?}");
    disk.set_capacity(None);
    insert(&connection, 1_000).unwrap();
    assert_eq!(numbers(&connection).unwrap().len(), kept.len() + 1);
}

#[test]
fn a_flipped_bit_is_read_as_it_is() {
    let disk = Disk::new();
    let connection = open(&disk, "full").unwrap();
    insert(&connection, 1).unwrap();
    drop(connection);
    let before = disk.file("a.db").unwrap();
    disk.flip_bit("a.db", 8 * 100);
    let after = disk.file("a.db").unwrap();
    assert_eq!(before.iter().zip(&after).filter(|(before, after)| before != after).count(), 1);
    // Byte 100 is the kind of the first page: now no page at all.
    assert!(disk.connect("a.db").unwrap().query_row("SELECT count(*) FROM t", [], |_| Ok(())).is_err());
}

#[test]
fn a_fork_goes_its_own_way_and_a_disk_can_be_set_back_to_it() {
    let disk = Disk::new();
    let connection = open(&disk, "full").unwrap();
    insert(&connection, 1).unwrap();
    let fork = disk.fork();
    insert(&connection, 2).unwrap();
    let other = open(&fork, "full").unwrap();
    assert_eq!(numbers(&other).unwrap(), [1], "the log is forked as well");
    insert(&other, 3).unwrap();
    assert_eq!(numbers(&connection).unwrap(), [1, 2]);
    drop(connection);
    disk.restart();
    disk.restore(&fork);
    assert_eq!(numbers(&open(&disk, "full").unwrap()).unwrap(), [1, 3]);
}

#[test]
fn a_copy_that_was_not_synced_may_be_gone_after_a_power_cut() {
    let disk = Disk::new();
    insert(&open(&disk, "full").unwrap(), 1).unwrap();
    disk.copy("a.db", "b.db").unwrap();
    assert_eq!(disk.file("a.db"), disk.file("b.db"));
    disk.crash(Crash::Power);
    disk.restart();
    assert!(!disk.exists("b.db"));
    disk.copy("a.db", "b.db").unwrap();
    disk.sync("b.db").unwrap();
    disk.remove("a.db").unwrap();
    disk.crash(Crash::Power);
    disk.restart();
    assert_eq!(disk.file("a.db"), disk.file("b.db"), "and a file whose removal was not synced is back");
}
