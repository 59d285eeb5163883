//! The judgement of a world that has drained: every promise, every row, every file.

use std::rc::Rc;

use futures::FutureExt;
use polevik_device::files::{Files, Kind};
use polevik_device_store::db::WORK;
use polevik_testkit::disk::Disk;

use super::World;
use crate::clock;
use crate::handset::Handset;
use crate::oracle::results::results;
use crate::oracle::{central, contents_of, phone};
use crate::people::Person;
use crate::shared::Violation;

/// Every so many seeds everything is opened and closed twice more.
const RESTART_EVERY: u64 = 6;

impl World {
    /// The end: every promise, every row, every file.
    pub(super) async fn judge(&self) -> Result<(), Violation> {
        let store = self.office.desk().ok_or_else(|| Violation::new("I18", "the server is down"))?;
        self.oracle.borrow().judge_documents(&store)?;
        self.oracle.borrow().judge_places(&store)?;
        self.oracle.borrow().judge_log(&store)?;
        if let Some(app) = self.office.app() {
            self.oracle.borrow().photos.judge(&store, &app.blobs)?;
        }
        self.phones.iter().try_for_each(judge_files)?;
        if self.shared.wants_results {
            let positions: Vec<i64> = self.desk.people.iter().map(Person::position_id).collect();
            let results = results(&store, &positions).map_err(|error| Violation::new("I15", error.to_string()))?;
            *self.shared.results.borrow_mut() = results;
        }
        let whole = store
            .read(|tx| Ok::<_, polevik_server_store::StoreError>(central::integrity(tx)?))
            .map_err(|error| Violation::new("server", error.to_string()))?;
        if whole != "ok" {
            return Err(Violation::new("server", format!("the central database is damaged: {whole}")));
        }
        for phone in &self.phones {
            self.judge_rows(phone, &store)?;
        }
        // Opening everything twice more costs as much as a short world.
        if self.shared.seed % RESTART_EVERY != 3 {
            return Ok(());
        }
        for phone in &self.phones {
            self.judge_restart(phone).await?;
        }
        self.judge_server_restart(&store)
    }

    /// The phone's rows are what the server's base tables say, row by row.
    fn judge_rows(&self, phone: &Rc<Handset>, store: &polevik_server_store::Store) -> Result<(), Violation> {
        let looked = phone.look(|both| {
            let position = phone::option(&both.work, "position")?;
            Ok::<_, rusqlite::Error>((position, phone::rows(&both.reference)?, phone::staged(&both.reference)?))
        });
        let Some(Ok((position, held, staged))) = looked else {
            return Err(Violation::new("I8", format!("{} cannot be read at the end", phone.name)));
        };
        let position = position
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
            .and_then(|json| json["id"].as_i64())
            .unwrap_or(0);
        let expected = store
            .read(|tx| Ok::<_, polevik_server_store::StoreError>(central::rows_of_position(tx, position)?))
            .map_err(|error| Violation::new("I8", error.to_string()))?;
        for (table, rows) in &expected {
            let found = held.get(table).cloned().unwrap_or_default();
            if found != *rows {
                let differing = rows.iter().find(|(id, row)| found.get(id) != Some(row)).map(|(id, row)| format!("{id}: {row:?}"));
                let extra = found.keys().find(|id| !rows.contains_key(id));
                return Err(Violation::new(
                    "I8",
                    format!(
                        "{} holds {} rows of {table}, the office has {} for it; differs {differing:?}, too many {extra:?}",
                        phone.name,
                        found.len(),
                        rows.len()
                    ),
                ));
            }
        }
        if staged > 0 {
            return Err(Violation::new("I19", format!("{} keeps {staged} segments that nobody asks for", phone.name)));
        }
        Ok(())
    }

    /// Opening and closing changes nothing, and leaves no files behind.
    async fn judge_restart(&self, phone: &Rc<Handset>) -> Result<(), Violation> {
        phone.connection.go_offline(u64::MAX);
        let generation = phone.look(|both| phone::option(&both.work, "reference_generation")).and_then(Result::ok).flatten();
        let active = format!("reference-{}.db", generation.as_deref().unwrap_or("1"));
        phone.end();
        let mut contents = Vec::new();
        for _ in 0..2 {
            phone.end();
            // The process is gone, with its connections, when its tasks were dropped.
            clock::sleep(10).await;
            let opened = phone.open_and_close();
            if let Err(failure) = opened {
                return Err(Violation::new("I20", format!("{} does not open at the end: {failure}", phone.name)));
            }
            contents.push(phone_contents(&phone.disk, &active)?);
        }
        if contents[0] != contents[1] {
            return Err(Violation::new("I20", format!("opening {} changes it: {:?} became {:?}", phone.name, contents[0], contents[1])));
        }
        let names = phone.disk.file_names();
        let references = names.iter().filter(|name| name.starts_with("reference-") && name.ends_with(".db")).count();
        let strange = names.iter().find(|name| !name.starts_with("reference-") && !name.starts_with("work"));
        if references > 2 || strange.is_some() {
            return Err(Violation::new("I19", format!("{} leaves files behind: {names:?}", phone.name)));
        }
        Ok(())
    }

    fn judge_server_restart(&self, store: &polevik_server_store::Store) -> Result<(), Violation> {
        let read = |store: &polevik_server_store::Store| {
            store
                .read(|tx| Ok::<_, polevik_server_store::StoreError>(central::contents(tx)?))
                .map_err(|error| Violation::new("I20", error.to_string()))
        };
        let before = read(store)?;
        self.office.restart_in_order()?;
        let store = self.office.desk().ok_or_else(|| Violation::new("I20", "the server does not open again"))?;
        let after = read(&store)?;
        if before == after { Ok(()) } else { Err(Violation::new("I20", "opening the central database changes it")) }
    }
}

/// No part of a file is left when everything has drained, and no file that nothing names.
fn judge_files(phone: &Rc<Handset>) -> Result<(), Violation> {
    let Some(Ok(named)) = phone.look(|both| phone::named_files(&both.work)) else { return Ok(()) };
    let held = phone.files.list().now_or_never().and_then(Result::ok).unwrap_or_default();
    match held.iter().find(|held| held.kind == Kind::Part || !named.contains(held.name.as_str())) {
        Some(left) => Err(Violation::new("I19", format!("{} keeps {left:?}, which nobody asks for", phone.name))),
        None => Ok(()),
    }
}

/// Everything in a phone's databases, in short; a copy that was set aside as damaged is left out.
fn phone_contents(disk: &Disk, active: &str) -> Result<Vec<crate::oracle::Content>, Violation> {
    let mut contents = Vec::new();
    for name in disk.file_names().iter().filter(|name| *name == WORK || *name == active) {
        let connection = disk.connect(name).map_err(|error| Violation::new("I20", error.to_string()))?;
        contents.push(contents_of(&connection).map_err(|error| Violation::new("I20", format!("{name}: {error}")))?);
    }
    Ok(contents)
}
