//! Alone in its process: SQLite's randomness is one for all threads, and a test beside it would draw from it too.

use polevik_testkit::disk::{Crash, Disk, repeat_sqlite_randomness};

#[test]
fn the_same_plan_leaves_the_same_bytes() {
    let run = |seed| {
        repeat_sqlite_randomness(7);
        let disk = Disk::new();
        let connection = disk.connect("a.db").unwrap();
        connection.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = normal").unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, filling BLOB) STRICT").unwrap();
        disk.crash_at(disk.operations() + 31, Crash::PowerTorn { seed });
        while connection.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [i64::try_from(disk.operations()).unwrap()]).is_ok() {}
        disk.restart();
        disk.file_names().into_iter().map(|name| (disk.file(&name), name)).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert!((2..10).any(|seed| run(seed) != run(1)), "another seed tears elsewhere");
}
