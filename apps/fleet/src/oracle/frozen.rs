//! Installations of versions that were shipped once: their databases as they were frozen then, with documents that still wait.

use polevik_testkit::disk::Disk;

/// Version, `work` and the copy of the office of every schema that was shipped.
const SHIPPED: [(i64, &str, i64, &str); 2] = [
    (
        1,
        include_str!("../../../../crates/device_store/tests/schemas/work-1.sql"),
        1,
        include_str!("../../../../crates/device_store/tests/schemas/reference-1.sql"),
    ),
    (
        2,
        include_str!("../../../../crates/device_store/tests/schemas/work-2.sql"),
        3,
        include_str!("../../../../crates/device_store/tests/schemas/reference-3.sql"),
    ),
];

/// Puts an old installation on a phone's empty disk. Its documents are those of `position`; ids are this phone's own.
///
/// # Errors
///
/// What SQLite says.
pub fn put_old_installation(disk: &Disk, phone: usize, position: i64) -> rusqlite::Result<()> {
    let (work_version, work, reference_version, reference) = SHIPPED[phone / 2 % SHIPPED.len()];
    let digit = phone % 16;
    // The last digit of each id that the frozen databases name.
    let work = work
        .replace("fe9170b", &format!("fe9170{digit:x}"))
        .replace("f9d57970", &format!("f9d5797{digit:x}"))
        .replace("FE9170B", &format!("FE9170{digit:X}"))
        .replace("F9D57970", &format!("F9D5797{digit:X}"))
        .replace("E80070000000000000000004", &format!("E800700000000000000000{digit:X}4"))
        .replace("209a50ab", &format!("209a50a{digit:x}"))
        .replace("'order',17,", &format!("'order',{position},"))
        .replace("'visit',17,", &format!("'visit',{position},"))
        .replace("'withdrawal',17,", &format!("'withdrawal',{position},"));
    for (file, version, dump) in [("work.db", work_version, work.as_str()), ("reference-1.db", reference_version, reference)] {
        let connection = disk.connect(file)?;
        connection.execute_batch(dump)?;
        connection.pragma_update(None, "user_version", version)?;
    }
    let connection = disk.connect("work.db")?;
    // What was answered was answered by another server; nobody is signed in.
    connection.execute_batch("DELETE FROM outbox WHERE answered_at_ms IS NOT NULL; DELETE FROM option WHERE name = 'token'")?;
    Ok(())
}
