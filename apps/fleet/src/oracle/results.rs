//! What a world came to at the office, in words that do not depend on when a phone thought it was: ids are numbered in the order they are met,
//! and times are left out.

use std::collections::BTreeMap;

use polevik_server_store::{Store, StoreError, Transaction};
use rusqlite::types::Value as Cell;
use serde_json::Value;

use super::central;

/// From here on a number is a time in milliseconds: 2001, and no price.
const FIRST_TIME_MS: i64 = 1_000_000_000_000;

/// Documents, answers, effects, heads and rows.
///
/// # Errors
///
/// When the database cannot be read.
pub fn results(store: &Store, positions: &[i64]) -> Result<Vec<String>, StoreError> {
    store.read(|tx| Ok::<_, StoreError>(read(tx, positions)?))
}

fn read(tx: &Transaction<'_>, positions: &[i64]) -> rusqlite::Result<Vec<String>> {
    let mut names = Names::default();
    let mut results = Vec::new();
    for document in central::documents(tx)? {
        let device = names.of(&hex::encode(&document.device));
        let id = names.of(&hex::encode(&document.key.id));
        let body = serde_json::from_str::<Value>(&document.body).map(|body| names.json(body)).unwrap_or_default();
        let (revision, kind, position, seq) = (document.key.revision, &document.kind, document.position, document.device_seq);
        results.push(format!("{kind} {id}/{revision} of device {device} as {seq} for {position}: {body}"));
    }
    let mut rest = Vec::new();
    for (key, receipt) in central::receipts(tx)? {
        rest.push(format!("receipt {}/{}: {:?}", names.of(&hex::encode(&key.id)), key.revision, receipt.code));
    }
    for (id, (revision, number, sum, lines)) in central::orders(tx)? {
        rest.push(format!("order {}/{revision}: {number}, {sum} for {lines} lines", names.of(&hex::encode(&id))));
    }
    for (id, (revision, is_finished)) in central::visits(tx)? {
        rest.push(format!("visit {}/{revision}: finished {is_finished}", names.of(&hex::encode(&id))));
    }
    for head in central::heads(tx)?.1 {
        rest.push(format!("{} at {} with {} rows", head.bucket, head.head, head.sums.rows));
    }
    for position in positions {
        for (table, rows) in central::rows_of_position(tx, *position)? {
            for (id, row) in rows {
                let cells: Vec<String> = row.into_iter().map(|cell| names.cell(cell)).collect();
                rest.push(format!("{table} {id} of {position}: {}", cells.join(" | ")));
            }
        }
    }
    rest.sort();
    results.extend(rest);
    Ok(results)
}

/// Ids by their order.
#[derive(Default)]
struct Names {
    met: BTreeMap<String, usize>,
}

impl Names {
    /// A document's id as hexadecimal digits, with or without hyphens.
    fn of(&mut self, id: &str) -> String {
        let next = self.met.len();
        let id: String = id.chars().filter(|digit| *digit != '-').collect();
        format!("#{}", self.met.entry(id).or_insert(next))
    }

    fn text(&mut self, text: &str) -> String {
        let is_id = text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if is_id { self.of(text) } else { text.to_owned() }
    }

    fn json(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Number(number) if number.as_i64().is_some_and(|number| number > FIRST_TIME_MS) => Value::Null,
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, self.json(value))).collect(),
            other => other,
        }
    }

    fn cell(&mut self, cell: Cell) -> String {
        match cell {
            Cell::Text(text) => self.text(&text),
            Cell::Blob(bytes) if bytes.len() == 16 => self.of(&hex::encode(bytes)),
            Cell::Integer(number) if number > FIRST_TIME_MS => "a time".to_owned(),
            other => format!("{other:?}"),
        }
    }
}
