//! What the central database holds, asked in words of its own.

use std::collections::BTreeMap;

use polevik_protocol::rows::{TABLES, TableDef};
use polevik_server_store::{Store, StoreError, Transaction};
use rusqlite::named_params;
use rusqlite::types::Value;

use super::{Content, DocumentKey, Rows, Sums};

/// The one part of a world.
pub const PART: &str = "D1";

/// How far a bucket is, and what it holds.
pub struct Head {
    /// Bucket.
    pub bucket: String,
    /// Last number given.
    pub head: i64,
    /// Up to here the log is sealed.
    pub floor: i64,
    /// What its rows add up to.
    pub sums: Sums,
    /// Entries of the log, the first and the last of them.
    pub log: (i64, i64, i64),
}

/// The epoch, and all heads.
pub fn heads(tx: &Transaction<'_>) -> rusqlite::Result<(String, Vec<Head>)> {
    let epoch = tx.prepare_cached("SELECT epoch FROM part WHERE part_id = 'D1'")?.query_row([], |row| row.get(0))?;
    let mut statement = tx.prepare_cached(HEADS)?;
    let heads = statement.query_map([], |row| {
        let lane = |high: &str, low: &str| -> rusqlite::Result<i64> {
            let (high, low): (i64, i64) = (row.get(high)?, row.get(low)?);
            Ok(((high.cast_unsigned() << 32) | low.cast_unsigned()).cast_signed())
        };
        Ok(Head {
            bucket: row.get("bucket")?,
            head: row.get("head")?,
            floor: row.get("floor")?,
            sums: Sums { rows: row.get("row_count")?, sum: lane("sum_high", "sum_low")?, mix: lane("mix_high", "mix_low")? },
            log: (row.get("entries")?, row.get("first")?, row.get("last")?),
        })
    })?;
    Ok((epoch, heads.collect::<rusqlite::Result<_>>()?))
}

const HEADS: &str = "
    SELECT h.bucket, h.head, h.floor, h.row_count, h.sum_high, h.sum_low, h.mix_high, h.mix_low,
           (SELECT COUNT(*) FROM change_log l WHERE l.part_id = h.part_id AND l.bucket = h.bucket) AS entries,
           (SELECT COALESCE(MIN(seq), 0) FROM change_log l WHERE l.part_id = h.part_id AND l.bucket = h.bucket) AS first,
           (SELECT COALESCE(MAX(seq), 0) FROM change_log l WHERE l.part_id = h.part_id AND l.bucket = h.bucket) AS last
      FROM feed_head h
     WHERE h.part_id = 'D1'
     ORDER BY h.bucket";

/// A receipt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReceipt {
    /// Over kind, revision and body.
    pub content_hash: Vec<u8>,
    /// `None` = accepted.
    pub code: Option<String>,
}

/// All receipts.
pub fn receipts(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<DocumentKey, KeptReceipt>> {
    let mut statement = tx.prepare_cached("SELECT document_id, revision, content_hash, code FROM document_receipt WHERE part_id = 'D1'")?;
    let rows = statement.query_map([], |row| {
        Ok((DocumentKey { id: row.get(0)?, revision: row.get(1)? }, KeptReceipt { content_hash: row.get(2)?, code: row.get(3)? }))
    })?;
    rows.collect()
}

/// An accepted revision as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDocument {
    /// Place in the order of arrival.
    pub place: i64,
    /// Which.
    pub key: DocumentKey,
    /// What.
    pub kind: String,
    /// Whose.
    pub device: Vec<u8>,
    /// For which position.
    pub position: i64,
    /// The device's number.
    pub device_seq: i64,
    /// JSON.
    pub body: String,
}

/// All accepted revisions, in the order they came.
pub fn documents(tx: &Transaction<'_>) -> rusqlite::Result<Vec<KeptDocument>> {
    let mut statement = tx.prepare_cached(DOCUMENTS)?;
    let rows = statement.query_map([], |row| {
        Ok(KeptDocument {
            place: row.get(0)?,
            key: DocumentKey { id: row.get(1)?, revision: row.get(2)? },
            kind: row.get(3)?,
            device: row.get(4)?,
            position: row.get(5)?,
            device_seq: row.get(6)?,
            body: row.get(7)?,
        })
    })?;
    rows.collect()
}

const DOCUMENTS: &str = "
    SELECT rowid, id, revision, kind, device_id, position_id, device_seq, body
      FROM document
     WHERE part_id = 'D1'
     ORDER BY rowid";

/// What was kept aside: which revisions, with which content.
pub fn quarantine(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(DocumentKey, i64, String)>> {
    let mut statement =
        tx.prepare_cached("SELECT document_id, revision, position_id, body FROM document_quarantine WHERE part_id = 'D1'")?;
    let rows = statement.query_map([], |row| Ok((DocumentKey { id: row.get(0)?, revision: row.get(1)? }, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

/// What became of orders: by document its newest revision, its number, its sum and how many lines it has.
pub type Orders = BTreeMap<Vec<u8>, (u32, String, i64, i64)>;

/// All orders.
pub fn orders(tx: &Transaction<'_>) -> rusqlite::Result<Orders> {
    let mut statement = tx.prepare_cached(ORDERS)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))))?;
    rows.collect()
}

const ORDERS: &str = "
    SELECT o.document_id, o.revision, o.number, o.sum,
           (SELECT COUNT(*) FROM order_line l WHERE l.part_id = o.part_id AND l.document_id = o.document_id) AS lines
      FROM customer_order o
     WHERE o.part_id = 'D1'";

/// What became of visits: by document its newest revision, and whether it is finished.
pub fn visits(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<Vec<u8>, (u32, bool)>> {
    let mut statement = tx.prepare_cached("SELECT document_id, revision, finished_at_ms IS NOT NULL FROM visit WHERE part_id = 'D1'")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}

/// Photos that stand: documents and the names of their files.
pub fn photos(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut statement = tx.prepare_cached("SELECT document_id, hash FROM photo WHERE part_id = 'D1' AND withdrawn_at_ms IS NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Files that are kept, and their lengths.
pub fn files(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<Vec<u8>, u64>> {
    let mut statement = tx.prepare_cached("SELECT hash, byte_count FROM file WHERE part_id = 'D1'")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.max(0).cast_unsigned())))?;
    rows.collect()
}

/// The rows a position should hold, from the base tables: who serves which territory, which outlets lie there, by which lists they buy.
/// Only the place of an outlet is taken from its bucket; [`super::Oracle`] knows what the office said of it.
pub fn rows_of_position(tx: &Transaction<'_>, position: i64) -> rusqlite::Result<Rows> {
    let mut all = Rows::new();
    for table in TABLES {
        let Some(condition) = condition(table) else { continue };
        let sql = format!("SELECT id, {} FROM {} t WHERE t.part_id = 'D1' AND ({condition})", columns(table), table.name);
        let mut statement = tx.prepare_cached(&sql)?;
        let width = table.columns.len();
        let mut rows =
            if condition.contains(":position") { statement.query(named_params! { ":position": position })? } else { statement.query([])? };
        let into = all.entry(table.name.to_owned()).or_default();
        while let Some(row) = rows.next()? {
            let values = (1..=width).map(|place| row.get(place)).collect::<rusqlite::Result<Vec<Value>>>()?;
            into.insert(row.get(0)?, values);
        }
    }
    Ok(all)
}

/// Columns of a table, as both sides name them.
pub fn columns(table: &TableDef) -> String {
    table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

const OUTLETS: &str = "SELECT o.id FROM outlet o JOIN position_territory p ON p.part_id = o.part_id
    AND o.bucket = 'territory:' || p.territory_id WHERE o.part_id = 'D1' AND p.position_id = :position";

fn condition(table: &TableDef) -> Option<String> {
    Some(match table.name {
        "product" | "price_type" | "warehouse" | "assortment" | "stock" => "1".to_owned(),
        "outlet" => format!("t.id IN ({OUTLETS})"),
        "receivable" => format!("t.outlet_id IN ({OUTLETS})"),
        "price" => format!("t.price_type_id IN (SELECT x.price_type_id FROM outlet x WHERE x.part_id = 'D1' AND x.id IN ({OUTLETS}))"),
        "route_stop" => "t.natural_key LIKE :position || '|%'".to_owned(),
        "document_state" => "t.bucket = 'position:' || :position".to_owned(),
        _ => return None,
    })
}

/// In which territory each outlet lies, by the office's codes.
pub fn places(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = tx.prepare_cached(
        "SELECT o.ext_code, t.ext_code FROM outlet o
           JOIN territory t ON t.part_id = o.part_id AND o.bucket = 'territory:' || t.id
          WHERE o.part_id = 'D1'",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Whether the file is whole.
pub fn integrity(tx: &Transaction<'_>) -> rusqlite::Result<String> {
    tx.query_row("PRAGMA integrity_check", [], |row| row.get(0))
}

/// Every table and what is in it, in short.
pub fn contents(tx: &Transaction<'_>) -> rusqlite::Result<Content> {
    super::contents_of(tx)
}

/// One product of so many is poisoned with the one that is named.
const POISONED_OF: i64 = 8;

/// From now on the server breaks at every order that has this product or one of its like, until [`cure`] or a restart.
///
/// # Errors
///
/// What the database says.
pub fn poison(store: &Store, product: i64) -> Result<(), StoreError> {
    store.write(|tx| {
        tx.execute_batch(&format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS poison BEFORE INSERT ON main.order_line WHEN NEW.product_id % {POISONED_OF} = {}
             BEGIN SELECT RAISE(ABORT, 'poison'); END",
            product % POISONED_OF
        ))?;
        Ok(())
    })
}

/// Takes the poison away.
///
/// # Errors
///
/// What the database says.
pub fn cure(store: &Store) -> Result<(), StoreError> {
    store.write(|tx| Ok(tx.execute_batch("DROP TRIGGER IF EXISTS temp.poison")?))
}
