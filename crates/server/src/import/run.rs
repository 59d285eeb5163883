//! One run of an import: slices of rows, each one transaction, with a count of what came of them.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::Duration;

use polevik_domain::time::{CalendarDay, Clock, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::rows::{TableDef, Value};
use polevik_server_store::audiences::{self, PutAudience};
use polevik_server_store::imports::{self, RefusedRow, RunCounts};
use polevik_server_store::part::Part;
use polevik_server_store::reference::{Put, ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, Transaction};

use super::fields::{Fields, Refusal};
use super::kind::Kind;
use super::kinds::{GoodRow, Judge, JudgeError, Judged, judge_of};
use super::material_files::MaterialFiles;
use super::source::Line;

/// Most rows of one transaction.
const MOST_SLICE_ROWS: usize = 1_000;

/// Fewest rows of one transaction; also how many the first one has.
const FEWEST_SLICE_ROWS: usize = 100;

/// How long a slice shall hold the writer, commit and all, in milliseconds: whoever uploads meanwhile waits that long. Slices grow and shrink
/// with what the ones before took.
const SLICE_MS: i64 = 15;

/// A slice ends early when its rows alone have taken this long, in milliseconds.
const LONGEST_ROWS_MS: i64 = 10;

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
    /// Where files lie that rows speak of, and where they go; without it rows that do are refused.
    pub files: Option<MaterialFiles>,
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
        Self { price_type: None, warehouse: None, remove_missing: false, files: None, started_at: now, today }
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
    let mut size = SliceSize::default();
    loop {
        while waiting.len() < MOST_SLICE_ROWS
            && let Some(line) = lines.next()
        {
            let line = line.map_err(ImportError::Read)?;
            if let Line::Record(record) = &line {
                run.judge.prepare(&Fields(&record.fields));
            }
            waiting.push_back(line);
        }
        if waiting.is_empty() {
            break;
        }
        let (rows_before, mut began) = (run.outcome.counts.rows, clock.now());
        let refused = store.write(|tx| {
            // Once the writer is ours: how long others held it is not our doing.
            began = clock.now();
            run.slice(tx, &mut waiting, size.rows)
        })?;
        let held_ms = clock.now().since(began);
        for row in &refused {
            report(row).map_err(ImportError::Report)?;
        }
        size.learn(run.outcome.counts.rows - rows_before, held_ms);
        pause(pace, held_ms);
    }
    if options.remove_missing {
        run.remove_missing(store, pace)?;
    }
    store.write(|tx| imports::advance(tx, &part.id, run_id, &run.outcome.counts, Some(clock.now())))?;
    Ok(run.outcome)
}

/// Half as long as the slice took: whoever waits for the writer looks again well within that time.
fn pause(pace: Pace, slice_ms: i64) {
    if pace == Pace::GiveWay {
        std::thread::sleep(Duration::from_millis(u64::try_from(slice_ms / 2).unwrap_or(0).clamp(5, 25)));
    }
}

/// How many rows a slice has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SliceSize {
    rows: usize,
}

impl Default for SliceSize {
    fn default() -> Self {
        Self { rows: FEWEST_SLICE_ROWS }
    }
}

impl SliceSize {
    /// A slice of so many rows held the writer for so long: as many rows as would have filled the time come next, at most twice as many.
    fn learn(&mut self, rows: u64, held_ms: i64) {
        let fitting = i64::try_from(rows).unwrap_or(i64::MAX).saturating_mul(SLICE_MS) / held_ms.max(1);
        let fitting = usize::try_from(fitting).unwrap_or(FEWEST_SLICE_ROWS);
        self.rows = fitting.min(self.rows * 2).clamp(FEWEST_SLICE_ROWS, MOST_SLICE_ROWS);
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
    /// Takes at most so many lines from the front, fewer if they take long. Gives the rows it refused.
    ///
    /// All of the slice becomes visible together, with its change numbers; what comes after it is not there yet.
    fn slice(&mut self, tx: &Transaction<'_>, waiting: &mut VecDeque<Line>, most_rows: usize) -> Result<Vec<RefusedRow>, StoreError> {
        let began = self.clock.now();
        let mut writer = ReferenceWriter::new(tx, self.part, began);
        let mut refused = Vec::new();
        for _ in 0..most_rows {
            let Some(line) = waiting.pop_front() else { break };
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
            if self.clock.now().since(began) >= LONGEST_ROWS_MS {
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
        let judged = match self.judge.judge(writer.tx(), &Fields(&record.fields)) {
            Ok(judged) => judged,
            Err(JudgeError::Refused(refusal)) => return Ok(Err(refusal)),
            Err(JudgeError::Store(error)) => return Err(error),
        };
        if !self.seen.insert(judged.key().to_owned()) {
            return Ok(Err(Refusal::new(self.key_columns(), "the same row stands earlier in this file; the earlier one was taken")));
        }
        match (judged, self.kind.table()) {
            (Judged::Row(row), Some(table)) => self.put(writer, table, row)?,
            (Judged::Gone(key), Some(table)) => {
                let id = rows::id_by_key(writer.tx(), &self.part.id, table, &key)?;
                let removed = id.map(|id| writer.remove(table, id)).transpose()?.unwrap_or(false);
                self.count_removed(removed);
            }
            (Judged::Audience(audience), _) => match audiences::put(writer.tx(), &self.part.id, &audience)? {
                PutAudience::Inserted => self.outcome.counts.inserted += 1,
                PutAudience::Updated => self.outcome.counts.updated += 1,
                PutAudience::Unchanged => self.outcome.counts.unchanged += 1,
            },
            (Judged::AudienceGone(code), _) => {
                let known = audiences::by_code(writer.tx(), &self.part.id, &code)?;
                let removed = known.map(|(id, _)| audiences::remove(writer.tx(), &self.part.id, id)).transpose()?.unwrap_or(false);
                self.count_removed(removed);
            }
            (Judged::Row(_) | Judged::Gone(_), None) => return Err(StoreError::Corrupt("a row of a kind that has no table")),
        }
        Ok(Ok(()))
    }

    fn put(&mut self, writer: &mut ReferenceWriter<'_>, table: &'static TableDef, row: GoodRow) -> Result<(), StoreError> {
        let put = writer.put(table, &row.natural_key, &row.bucket, &row.values)?;
        match put {
            Put::Inserted(_) => self.outcome.counts.inserted += 1,
            Put::Updated(_) => self.outcome.counts.updated += 1,
            Put::Unchanged(_) => self.outcome.counts.unchanged += 1,
        }
        self.judge.taken(writer, &row, put)?;
        self.buckets.insert(row.bucket);
        Ok(())
    }

    /// What was to go is gone, or was not there.
    fn count_removed(&mut self, removed: bool) {
        match removed {
            true => self.outcome.counts.removed += 1,
            false => self.outcome.counts.unchanged += 1,
        }
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
            Kind::Products | Kind::Outlets | Kind::PriceTypes | Kind::Warehouses | Kind::Audiences | Kind::Materials => "ext_code",
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
        let Some(table) = self.kind.table() else { return Ok(()) };
        let known = store.read(|tx| rows::ids_by_key(tx, &self.part.id, table))?;
        let missing: Vec<(String, i64)> = known.into_iter().filter(|(key, _)| !self.seen.contains(key)).collect();
        let (mut missing, mut size) = (missing.as_slice(), SliceSize::default());
        while !missing.is_empty() {
            let (some, rest) = missing.split_at(size.rows.min(missing.len()));
            missing = rest;
            let mut began = self.clock.now();
            let removed = store.write(|tx| {
                began = self.clock.now();
                let mut writer = ReferenceWriter::new(tx, self.part, began);
                let mut removed = 0;
                for (key, id) in some {
                    removed += u64::from(retire(&mut writer, table, key, *id, &self.buckets)?);
                }
                writer.finish()?;
                Ok::<_, StoreError>(removed)
            })?;
            self.outcome.counts.removed += removed;
            let held_ms = self.clock.now().since(began);
            size.learn(some.len() as u64, held_ms);
            pause(pace, held_ms);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_what_the_ones_before_took() {
        let mut size = SliceSize::default();
        for (rows, held_ms, expected) in
            [(100, 0, 200), (200, 1, 400), (400, 5, 800), (800, 20, 600), (600, 9, 1_000), (1_000, 50, 300), (300, 250, 100), (7, 1, 105)]
        {
            size.learn(rows, held_ms);
            assert_eq!(size.rows, expected, "after {rows} rows in {held_ms} ms");
        }
    }
}
