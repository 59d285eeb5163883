//! What is done with a damaged `work`: copied aside for good, read out as far as anything of it can be read, and begun anew with that.
//!
//! Two ways of reading: by SQL, forward to the first page that cannot be read, backward to the last, and key by key between them; and page by
//! page ([`pages`]), which needs neither the schema nor the inner pages. What stands in a page that nothing points to any more is old, so the
//! second way only adds rows that the first did not find in a table that it could not read to its end. An answer that is forgotten by this
//! costs nothing: the document is offered again and gets the same receipt.
//!
//! The new database is finished and synced under a name of its own before the damaged one leaves its place, so a crash in between leaves
//! either the one or the other.

mod pages;

use std::collections::BTreeMap;

use polevik_domain::numbering::DocumentNumber;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, Params, Transaction, params_from_iter};

use crate::db::{WORK, prepare_work};
use crate::error::{Result, StoreError};
use crate::platform::Platform;
use crate::work::journal;
use crate::work::numbers::{self, Sequence};
use crate::work::options::{self, OptionName};

/// Where the new `work` is made ready.
const SALVAGED: &str = "work-salvaged.db";

/// How many keys that give nothing are tried one after another between two readable ends: many more than one page holds.
const MOST_KEYS_IN_VAIN: u32 = 300;

/// A table that is read out: its name, its key, and whether it has row ids.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    has_rowid: bool,
}

/// In the order in which they are written: what is pointed at comes first.
const TABLES: [Table; 16] = [
    Table { name: "option", key: &["name"], has_rowid: false },
    Table { name: "sequence", key: &["name"], has_rowid: false },
    Table { name: "visit", key: &["id"], has_rowid: true },
    Table { name: "customer_order", key: &["id"], has_rowid: true },
    Table { name: "order_line", key: &["order_id", "line_no"], has_rowid: false },
    Table { name: "outbox", key: &["device_seq"], has_rowid: true },
    Table { name: "sync_row", key: &["row"], has_rowid: false },
    Table { name: "sync_session", key: &["only"], has_rowid: false },
    Table { name: "photo", key: &["id"], has_rowid: true },
    Table { name: "outgoing_file", key: &["file"], has_rowid: true },
    Table { name: "held_file", key: &["file"], has_rowid: false },
    Table { name: "material_mark", key: &["material_id"], has_rowid: true },
    Table { name: "traffic", key: &["month", "class", "network"], has_rowid: false },
    Table { name: "library_fact", key: &["name"], has_rowid: false },
    Table { name: "library_version", key: &["role"], has_rowid: false },
    Table { name: "library_file", key: &["role", "file"], has_rowid: false },
];

/// One row: values by the names of their columns.
type Row = BTreeMap<String, Value>;

/// Rows of one table, and whether these are all.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    complete: bool,
}

/// Copies the damaged `work` aside under the next free name, and puts one in its place with everything that could be read. `work` is not
/// open.
///
/// # Errors
///
/// [`StoreError`]; then the damaged file is still in its place.
pub(crate) fn salvage(platform: &dyn Platform) -> Result<()> {
    let names = platform.list()?;
    let copy = (1_u32..)
        .map(|number| if number == 1 { "work-damaged.db".to_owned() } else { format!("work-damaged-{number}.db") })
        .find(|name| !names.contains(name))
        .ok_or(StoreError::Damaged)?;
    platform.copy(WORK, &copy)?;
    platform.sync(&copy)?;

    let mut tables = read_by_sql(platform, &copy);
    let pages = pages::read(&platform.bytes(&copy)?, &platform.bytes(&format!("{copy}-wal"))?);
    for (table, found) in &mut tables {
        if !found.complete {
            add_missing(table, found, &pages);
        }
    }

    platform.remove(SALVAGED)?;
    let mut work = prepare_work(platform.open(SALVAGED)?, platform.journal())?;
    // An order whose visit could not be read is an order all the same.
    work.pragma_update(None, "foreign_keys", false)?;
    let tx = work.transaction()?;
    for (table, found) in &tables {
        write(&tx, table, &found.rows)?;
    }
    put_in_order(&tx)?;
    options::set(&tx, OptionName::WorkDamaged, &copy)?;
    options::set(&tx, OptionName::SalvagedFrom, &copy)?;
    tx.commit()?;
    work.close().map_err(|(_, error)| StoreError::from(error))?;
    platform.sync(SALVAGED)?;
    finish(platform)
}

/// Puts a salvaged `work` that is ready into its place; one that is not is removed. Nothing happens if there is none: so at every start.
pub(crate) fn finish(platform: &dyn Platform) -> Result<()> {
    if !platform.list()?.iter().any(|name| name == SALVAGED) {
        return Ok(());
    }
    // A power cut may bring the name back after its content has been taken; the `work` that has gone on since then stays.
    let salvaged = salvaged_from(platform, SALVAGED)?;
    if salvaged.is_some() && salvaged_from(platform, WORK)? != salvaged {
        platform.remove(WORK)?;
        platform.copy(SALVAGED, WORK)?;
        platform.sync(WORK)?;
    }
    platform.remove(SALVAGED)
}

/// Which damaged copy a database was salvaged from; `None` if from none, or if it is not finished or damaged itself.
fn salvaged_from(platform: &dyn Platform, name: &str) -> Result<Option<String>> {
    let opened = platform.open(name).and_then(|connection| prepare_work(connection, platform.journal()));
    match opened {
        Ok(mut work) => {
            let tx = work.transaction()?;
            options::get(&tx, OptionName::SalvagedFrom)
        }
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_by_sql(platform: &dyn Platform, copy: &str) -> Vec<(&'static Table, Found)> {
    let connection = platform.open(copy).and_then(|connection| {
        // The copy is what support looks at: it stays as it is.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    });
    TABLES
        .iter()
        .map(|table| (table, connection.as_ref().map_or_else(|_| Found::default(), |connection| read_table(connection, table))))
        .collect()
}

fn read_table(connection: &Connection, table: &Table) -> Found {
    let order = |direction: &str| {
        let columns = if table.has_rowid { &["rowid"] } else { table.key };
        columns.iter().map(|column| format!("{column} {direction}")).collect::<Vec<_>>().join(", ")
    };
    let select = |what: &str, rest: &str| format!("-- salvage::read_table\nSELECT {what} FROM {} NOT INDEXED {rest}", table.name);
    let whole = if table.has_rowid { "rowid AS _place, *" } else { "*" };
    let mut found = Found::default();
    found.complete = collect(connection, &select(whole, &format!("ORDER BY {}", order("ASC"))), &mut found.rows).is_ok();
    if found.complete {
        return found;
    }
    let first_part = found.rows.len();
    let _ = collect(connection, &select(whole, &format!("ORDER BY {}", order("DESC"))), &mut found.rows);
    // Where nothing can even be asked, nothing is to be tried.
    if let (true, Ok(mut one)) = (table.has_rowid, connection.prepare_cached(&select(whole, "WHERE rowid = ?1"))) {
        let place = |row: &Row| match row.get("_place") {
            Some(Value::Integer(place)) => Some(*place),
            _ => None,
        };
        let after = found.rows[..first_part].last().and_then(place).unwrap_or(0);
        let before = found.rows[first_part..].last().and_then(place).unwrap_or(i64::MAX);
        let mut in_vain = 0;
        for key in after.saturating_add(1)..before {
            let known = found.rows.len();
            let _ = read_rows(&mut one, [key], &mut found.rows);
            in_vain = if found.rows.len() > known { 0 } else { in_vain + 1 };
            if in_vain >= MOST_KEYS_IN_VAIN {
                break;
            }
        }
    }
    found
}

/// Reads rows until the end or the first that cannot be read.
fn collect(connection: &Connection, sql: &str, into: &mut Vec<Row>) -> Result<()> {
    read_rows(&mut connection.prepare_cached(sql)?, [], into)
}

fn read_rows(statement: &mut CachedStatement<'_>, parameters: impl Params, into: &mut Vec<Row>) -> Result<()> {
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let mut values = Row::new();
        for (index, name) in names.iter().enumerate() {
            values.insert(name.clone(), row.get(index)?);
        }
        into.push(values);
    }
    Ok(())
}

/// Adds rows that stand in pages and have a key that was not found until now.
fn add_missing(table: &Table, found: &mut Found, pages: &BTreeMap<&'static str, Vec<Row>>) {
    let key = |row: &Row| table.key.iter().map(|column| format!("{:?}", row.get(*column))).collect::<Vec<_>>();
    let mut keys: std::collections::BTreeSet<Vec<String>> = found.rows.iter().map(key).collect();
    for row in pages.get(table.name).into_iter().flatten() {
        if keys.insert(key(row)) {
            found.rows.push(row.clone());
        }
    }
}

/// Writes rows into a table of the newest schema. A row that does not fit is one that was not read rightly.
fn write(tx: &Transaction<'_>, table: &Table, rows: &[Row]) -> Result<()> {
    let mut statement = tx.prepare(&format!("-- salvage::write\nSELECT name FROM pragma_table_info('{}')", table.name))?;
    let known = statement.query_map([], |row| row.get("name"))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for row in rows {
        let columns: Vec<&String> = known.iter().filter(|name| row.contains_key(*name)).collect();
        let names = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let places = vec!["?"; columns.len()].join(", ");
        let sql = format!("-- salvage::write\nINSERT OR IGNORE INTO {} ({names}) VALUES ({places})", table.name);
        let values = columns.iter().filter_map(|name| row.get(*name));
        match tx.prepare_cached(&sql)?.execute(params_from_iter(values)).map_err(StoreError::from) {
            Ok(_) => (),
            Err(error) if error.is_constraint() || error.is_of_another_kind() => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What follows from the rows: photos whose documents were found, lanes that an earlier schema had not, and sequences that go on above
/// everything seen.
fn put_in_order(tx: &Transaction<'_>) -> Result<()> {
    tx.execute(FORGET_UNREADABLE, [])?;
    for sql in [ADD_PHOTOS, QUEUE_FILES, FORGET_FILES_OF_NOBODY] {
        tx.execute(sql, [])?;
    }
    tx.execute(SET_LANES, [])?;
    let newest: i64 = tx.query_row(NEWEST, [], |row| row.get("newest"))?;
    let base = numbers::last(tx, &Sequence::DocumentBase)?;
    numbers::raise(tx, &Sequence::Document, newest.saturating_sub(base).max(0))?;
    let mut statement = tx.prepare(NUMBERS)?;
    let given = statement.query_map([], |row| row.get::<_, String>("number"))?.collect::<rusqlite::Result<Vec<_>>>()?;
    for number in given.iter().filter_map(|number| DocumentNumber::parse(number)) {
        let digits = number.as_str().rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        numbers::raise(tx, &Sequence::Number(number.prefix()), digits)?;
    }
    if options::get(tx, OptionName::DeviceId)?.is_none() {
        // The next start makes a new id: for the server a new life begins.
        journal::renumber_unanswered(tx)?;
    }
    Ok(())
}

const FORGET_UNREADABLE: &str = "
    -- salvage::put_in_order
    DELETE FROM outbox
     WHERE (body <> '' AND NOT json_valid(body)) OR (body = '' AND answered_at_ms IS NULL) OR length(document_id) <> 16";
const ADD_PHOTOS: &str = "
    -- salvage::put_in_order
    INSERT OR IGNORE INTO photo (id, position_id, visit_id, outlet_id, scene, comment, taken_at_ms, file, width, height)
    SELECT document_id, position_id, unhex(replace(body ->> '$.visit_id', '-', '')), body ->> '$.outlet_id', body ->> '$.scene',
           COALESCE(body ->> '$.comment', ''), body ->> '$.taken_at_ms', body ->> '$.file.hash', body ->> '$.width', body ->> '$.height'
      FROM outbox
     WHERE kind = 'photo' AND body <> ''";
// What the server has of a file is asked anew: it says so by its hash.
const QUEUE_FILES: &str = "
    -- salvage::put_in_order
    INSERT OR IGNORE INTO outgoing_file (file, bytes, class, content_type, position_id, state, queued_at_ms)
    SELECT body ->> '$.file.hash', body ->> '$.file.bytes', 'photo', body ->> '$.file.content_type', position_id, 'waiting', created_at_ms
      FROM outbox
     WHERE kind = 'photo' AND body <> ''
     ORDER BY device_seq";
const FORGET_FILES_OF_NOBODY: &str = "
    -- salvage::put_in_order
    DELETE FROM library_file WHERE role NOT IN (SELECT role FROM library_version)";
const SET_LANES: &str = "
    -- salvage::put_in_order
    UPDATE outbox
       SET lane = COALESCE((SELECT visit_id FROM customer_order WHERE customer_order.id = outbox.document_id),
                           (SELECT visit_id FROM photo WHERE photo.id = outbox.document_id), document_id)
     WHERE length(lane) <> 16";
const NEWEST: &str = "
    -- salvage::put_in_order
    SELECT COALESCE(MAX(device_seq), 0) AS newest FROM outbox";
const NUMBERS: &str = "
    -- salvage::put_in_order
    SELECT number FROM customer_order WHERE number IS NOT NULL ORDER BY number";
