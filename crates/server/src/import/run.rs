//! One run of an import: slices of rows, each one transaction, with a count of what came of them.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::Duration;

use polevik_domain::time::{CalendarDay, Clock, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::rows::{TableDef, Value};
use polevik_server_store::imports::{self, RefusedRow, RunCounts};
use polevik_server_store::part::Part;
use polevik_server_store::reference::{Put, ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, Transaction};

use super::fields::{Fields, Refusal};
use super::kind::Kind;
use super::kinds::{Judge, JudgeError, judge_of};
use super::source::Line;

/// Most rows of one transaction.
const SLICE_ROWS: usize = 1_000;

/// The longest a slice may hold the writer before it is committed, in milliseconds.
const SLICE_MS: i64 = 40;

/// Refused rows of one run that are kept in the database; the report file has all.
const KEPT_REFUSED: u64 = 1_000;

/// What a run is told besides its rows.
#[derive(Debug, Clone)]
pub struct Options {
    /// Price list of price rows that name none.
    pub price_type: Option<String>,
    /// Warehouse of stock rows that name none.
    pub warehouse: Option<String>,
    /// The file is the full list of the price lists, warehouses, territories or positions it names: what it does not name of these is
    /// removed, or, for products and outlets, made inactive.
    pub remove_missing: bool,
    /// When the run began.
    pub started_at: UtcMillis,
    /// The first day of prices that name none.
    pub today: CalendarDay,
}

impl Options {
    /// The usual options of a run that begins now.
    #[must_use]
    pub fn at(now: UtcMillis) -> Self {
        let today = CalendarDay::at(now, UtcOffsetMinutes(0));
        Self { price_type: None, warehouse: None, remove_missing: false, started_at: now, today }
    }
}

/// How much a run gives way to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Pauses between slices, so that uploads of devices get the writer.
    GiveWay,
    /// Nobody else is there: a data folder that is just being made.
    Alone,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How many rows.
    pub counts: RunCounts,
    /// Columns of the file that this kind does not have; they were not read. At most a few.
    pub unknown_columns: Vec<String>,
    /// Why nothing was removed although the full list was given.
    pub removal_skipped: Option<&'static str>,
}

/// A run could not go on. What was committed stays; the same file can be imported again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error("cannot read the file: {0}")]
    Read(io::Error),
    /// The report of refused rows.
    #[error("cannot write the report: {0}")]
    Report(io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes rows of one kind into a part. `source` names them in the database; `report` is given every refused row.
///
/// The caller seals afterwards; until then devices do not see what changed.
///
/// # Errors
///
/// [`ImportError`].
#[expect(clippy::too_many_arguments, reason = "a run is exactly this; grouping would only hide it")]
pub fn run(
    store: &Store,
    part: &Part,
    kind: Kind,
    options: &Options,
    source: &str,
    lines: impl Iterator<Item = io::Result<Line>>,
    pace: Pace,
    clock: &dyn Clock,
    report: &mut dyn FnMut(&RefusedRow) -> io::Result<()>,
) -> Result<Outcome, ImportError> {
    let judge = store.read(|tx| judge_of(kind, tx, part, options))?;
    let run_id = store.write(|tx| imports::begin(tx, &part.id, kind.as_str(), source, clock.now()))?;
    let mut run = Run { part, kind, run_id, judge, clock, seen: HashSet::new(), buckets: HashSet::new(), outcome: Outcome::default() };

    let mut lines = lines.fuse();
    let mut waiting = VecDeque::new();
    loop {
        while waiting.len() < SLICE_ROWS
            && let Some(line) = lines.next()
        {
            waiting.push_back(line.map_err(ImportError::Read)?);
        }
        if waiting.is_empty() {
            break;
        }
        let began = clock.now();
        let refused = store.write(|tx| run.slice(tx, &mut waiting))?;
        for row in &refused {
            report(row).map_err(ImportError::Report)?;
        }
        pause(pace, clock.now().since(began));
    }
    if options.remove_missing {
        run.remove_missing(store, pace)?;
    }
    store.write(|tx| imports::advance(tx, &part.id, run_id, &run.outcome.counts, Some(clock.now())))?;
    Ok(run.outcome)
}

/// Half as long as the slice took: whoever waits for the writer looks again within that time.
fn pause(pace: Pace, slice_ms: i64) {
    if pace == Pace::GiveWay {
        std::thread::sleep(Duration::from_millis(u64::try_from(slice_ms / 2).unwrap_or(0).clamp(2, 25)));
    }
}

struct Run<'a> {
    part: &'a Part,
    kind: Kind,
    run_id: i64,
    judge: Box<dyn Judge>,
    clock: &'a dyn Clock,
    seen: HashSet<String>,
    buckets: HashSet<BucketName>,
    outcome: Outcome,
}

impl Run<'_> {
    /// Takes lines from the front until the slice is full or has lasted long enough. Gives the rows it refused.
    fn slice(&mut self, tx: &Transaction<'_>, waiting: &mut VecDeque<Line>) -> Result<Vec<RefusedRow>, StoreError> {
        let began = self.clock.now();
        let mut writer = ReferenceWriter::new(tx, self.part, began);
        let mut refused = Vec::new();
        while let Some(line) = waiting.pop_front() {
            self.outcome.counts.rows += 1;
            if let Err(refusal) = self.take(&mut writer, &line)? {
                self.outcome.counts.refused += 1;
                let at = match line {
                    Line::Record(record) => record.line,
                    Line::Unreadable { line, .. } => line,
                };
                refused.push(RefusedRow {
                    n: self.outcome.counts.refused,
                    line: at,
                    code: ErrorCode::BadReferenceData.as_str(),
                    field: refusal.field,
                    reason: refusal.reason,
                });
            }
            if self.clock.now().since(began) >= SLICE_MS {
                break;
            }
        }
        for row in refused.iter().filter(|row| row.n <= KEPT_REFUSED) {
            imports::refuse(tx, &self.part.id, self.run_id, row)?;
        }
        imports::advance(tx, &self.part.id, self.run_id, &self.outcome.counts, None)?;
        writer.finish()?;
        Ok(refused)
    }

    fn take(&mut self, writer: &mut ReferenceWriter<'_>, line: &Line) -> Result<Result<(), Refusal>, StoreError> {
        let record = match line {
            Line::Record(record) => record,
            Line::Unreadable { reason, .. } => return Ok(Err(Refusal::new("", reason.clone()))),
        };
        self.note_unknown_columns(&record.fields);
        let row = match self.judge.judge(writer.tx(), &Fields(&record.fields)) {
            Ok(row) => row,
            Err(JudgeError::Refused(refusal)) => return Ok(Err(refusal)),
            Err(JudgeError::Store(error)) => return Err(error),
        };
        if !self.seen.insert(row.natural_key.clone()) {
            return Ok(Err(Refusal::new(self.key_columns(), "the same row stands earlier in this file; the earlier one was taken")));
        }
        let put = writer.put(self.kind.table(), &row.natural_key, &row.bucket, &row.values)?;
        match put {
            Put::Inserted(_) => self.outcome.counts.inserted += 1,
            Put::Updated(_) => self.outcome.counts.updated += 1,
            Put::Unchanged(_) => self.outcome.counts.unchanged += 1,
        }
        self.judge.taken(writer, &row, put)?;
        self.buckets.insert(row.bucket);
        Ok(Ok(()))
    }

    fn note_unknown_columns(&mut self, fields: &serde_json::Map<String, serde_json::Value>) {
        const MOST_NAMED: usize = 20;
        for name in fields.keys() {
            let unknown = &mut self.outcome.unknown_columns;
            if unknown.len() < MOST_NAMED && !self.judge.columns().contains(&name.as_str()) && !unknown.contains(name) {
                unknown.push(name.clone());
            }
        }
    }

    /// The columns that make a row's key, for the report.
    fn key_columns(&self) -> &'static str {
        match self.kind {
            Kind::Products | Kind::Outlets | Kind::PriceTypes | Kind::Warehouses => "ext_code",
            Kind::Prices => "price_type, product, valid_from",
            Kind::Stock => "warehouse, product",
            Kind::Routes => "position, day, outlet",
            Kind::Receivables => "outlet, document",
            Kind::Assortment => "format, product",
            Kind::DocumentStates => "document_id",
        }
    }

    /// Removes what the file did not name. Does nothing when a row was refused: it may be one of those that seem to be missing.
    fn remove_missing(&mut self, store: &Store, pace: Pace) -> Result<(), StoreError> {
        if self.outcome.counts.refused > 0 {
            self.outcome.removal_skipped = Some("some rows were refused, so it is not certain what is missing");
            return Ok(());
        }
        let table = self.kind.table();
        let known = store.read(|tx| rows::ids_by_key(tx, &self.part.id, table))?;
        let missing: Vec<(String, i64)> = known.into_iter().filter(|(key, _)| !self.seen.contains(key)).collect();
        for some in missing.chunks(SLICE_ROWS) {
            let began = self.clock.now();
            let removed = store.write(|tx| {
                let mut writer = ReferenceWriter::new(tx, self.part, began);
                let mut removed = 0;
                for (key, id) in some {
                    removed += u64::from(retire(&mut writer, table, key, *id, &self.buckets)?);
                }
                writer.finish()?;
                Ok::<_, StoreError>(removed)
            })?;
            self.outcome.counts.removed += removed;
            pause(pace, self.clock.now().since(began));
        }
        Ok(())
    }
}

/// Removes a row of one of these buckets; one that orders and prices speak of (it has a column `active`) is made inactive instead.
fn retire(
    writer: &mut ReferenceWriter<'_>,
    table: &'static TableDef,
    key: &str,
    id: i64,
    buckets: &HashSet<BucketName>,
) -> Result<bool, StoreError> {
    let Some(mut found) = rows::read(writer.tx(), &writer.part().id, table, id)? else { return Ok(false) };
    if !buckets.contains(&found.bucket) {
        return Ok(false);
    }
    let Some(active) = table.columns.iter().position(|column| column.name == "active") else {
        return writer.remove(table, id);
    };
    found.row.values[active] = Value::Int(0);
    Ok(matches!(writer.put(table, key, &found.bucket, &found.row.values)?, Put::Updated(_)))
}
