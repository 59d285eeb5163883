//! Looking after the copy of the office: counting all rows again, finding the few that are wrong, filling in columns that are new.

use std::collections::BTreeSet;

use polevik_device_store::db::commit;
use polevik_device_store::reference::checkpoints::{self, BucketNo, Checkpoint, Feed};
use polevik_device_store::reference::verify::{self, Verdict, Verification};
use polevik_device_store::reference::{foreign, repair};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::{journal, repairs};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::HashKey;
use polevik_protocol::repair::{BackfillReply, BackfillRequest, KeyRange, MAX_REPAIR_RANGES, RepairReply, RepairRequest};
use polevik_protocol::rows::TableDef;
use polevik_protocol::segment::{Segment, SegmentKind};
use polevik_protocol::version::{PROTOCOL, SCHEMA};

use crate::calls::inline_segment;
use crate::device::Device;
use crate::error::Failed;

/// After so many repairs of a day that did not help the copy is built anew.
const FAILURES_BEFORE_REBUILD: u32 = 3;

/// Most questions about one bucket. Each narrows ranges down by a factor of 64 or so; more means that answers go in a circle.
const MOST_QUESTIONS: u32 = 256;

/// A question about what is held of a bucket.
pub(crate) struct RepairQuestion {
    pub(crate) request: RepairRequest,
    bucket: BucketNo,
    key: HashKey,
    /// Ranges that did not fit into the request.
    left: Vec<KeyRange>,
    changed: BTreeSet<&'static str>,
    number: u32,
}

/// What an answer to it means.
pub(crate) enum Repair {
    /// The office has moved on.
    Behind,
    /// Some rows were repaired, and there is more to ask.
    Ask { next: RepairQuestion, written: u64 },
    /// The bucket adds up.
    Done { changed: BTreeSet<&'static str>, written: u64 },
    /// There is nothing more to ask, and it does not.
    StillWrong,
}

/// A question for new columns of one table of one bucket.
pub(crate) struct FillQuestion {
    pub(crate) request: BackfillRequest,
    bucket: BucketNo,
    key: HashKey,
    /// Still to be asked after this one, last first.
    todo: Vec<(Checkpoint, &'static TableDef, Vec<u16>)>,
}

/// What an answer to it means.
pub(crate) enum Fill {
    /// The office has moved on.
    Behind,
    /// Rows were filled; `None` = all is asked.
    Went { next: Option<FillQuestion>, changed: Option<&'static str>, written: u64 },
}

impl Device {
    /// Begins to count all rows; `None` while the key of their hashes is not known, which the next root brings.
    pub(crate) fn begin_check(&mut self) -> Result<Option<Verification>, Failed> {
        let key = self.feed().map(|feed| feed.and_then(|feed| feed.hash_key));
        Ok(self.healed_store(key)?.map(Verification::new))
    }

    /// Counts a slice of the rows. Gives the buckets that are wrong when all are counted.
    pub(crate) fn go_on_checking(&mut self, check: &mut Verification, now: UtcMillis) -> Result<Option<Vec<BucketName>>, Failed> {
        let verdict = (|| {
            let tx = self.store.reference()?;
            let verdict = check.step(&tx)?;
            commit(tx)?;
            Ok(verdict)
        })();
        match self.healed_store(verdict)? {
            None => Ok(None),
            Some(Verdict::FileDamaged) => {
                // It stays in use as far as it can be read, until another one is built beside it.
                self.rebuild_due = true;
                Err(Failed::new(ErrorCode::DatabaseDamaged, "the copy of the office is damaged; it is built anew"))
            }
            Some(Verdict::Read { wrong, .. }) => {
                let noted = if wrong.is_empty() { self.note_checked(now) } else { self.check_again_soon() };
                self.healed_store(noted)?;
                Ok(Some(wrong))
            }
        }
    }

    /// All rows are right. With it goes the day's other chore: bodies of old answered documents are forgotten.
    fn note_checked(&mut self, now: UtcMillis) -> Result<(), StoreError> {
        let tx = self.store.work()?;
        options::set(&tx, OptionName::VerifiedAt, &now.0.to_string())?;
        journal::prune(&tx, journal::keep_since(now))?;
        commit(tx)
    }

    /// Something is wrong: until it is repaired, every session counts all rows again.
    fn check_again_soon(&mut self) -> Result<(), StoreError> {
        let tx = self.store.work()?;
        options::clear(&tx, OptionName::VerifiedAt)?;
        commit(tx)
    }

    /// The first question about a bucket: what is held of it, in ranges of all its tables.
    pub(crate) fn begin_repair(&mut self, bucket: &BucketName) -> Result<RepairQuestion, Failed> {
        let question = self.ask_repair(bucket);
        self.healed_sync(question)
    }

    fn ask_repair(&mut self, bucket: &BucketName) -> Result<RepairQuestion, WorkError> {
        let both = self.store.read()?;
        let (feed, key) = feed_and_key(&both.reference)?;
        let checkpoint = checkpoints::all(&both.reference)?.into_iter().find(|checkpoint| checkpoint.name == *bucket);
        let checkpoint = checkpoint.ok_or_else(|| Failed::new(ErrorCode::IncompleteReply, format!("there is no bucket {bucket}")))?;
        let request = RepairRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            epoch: feed.epoch,
            bucket: bucket.clone(),
            cursor: checkpoint.cursor.0,
            ranges: repair::held(&both.reference, key, checkpoint.bucket_no)?,
        };
        Ok(RepairQuestion { request, bucket: checkpoint.bucket_no, key, left: Vec::new(), changed: BTreeSet::new(), number: 1 })
    }

    /// Takes an answer: writes the rows that came, and asks on or compares the whole.
    pub(crate) fn take_repair(&mut self, question: RepairQuestion, reply: RepairReply) -> Result<Repair, Failed> {
        let taken = self.write_repair(question, reply);
        self.healed_sync(taken)
    }

    fn write_repair(&mut self, mut question: RepairQuestion, reply: RepairReply) -> Result<Repair, WorkError> {
        if reply.head != question.request.cursor {
            return Ok(Repair::Behind);
        }
        let tx = self.store.reference()?;
        let mut written = 0;
        for repaired in &reply.repaired {
            let segment = read_base(&repaired.segment, &question.request.bucket)?;
            let rows = repair::apply_range(&tx, question.key, question.bucket, repaired.range, &segment);
            written += rows.map_err(|error| match error {
                StoreError::BadValue(words) => WorkError::from(Failed::new(ErrorCode::BadReferenceData, words)),
                other => other.into(),
            })?;
            question.changed.insert(segment.table.name);
        }
        question.left.extend(reply.narrower);
        let is_over = question.left.is_empty();
        let adds_up = is_over && verify::settle(&tx, question.key, question.bucket, reply.state)?;
        if !is_over && question.number < MOST_QUESTIONS {
            let asked = &question.left[..question.left.len().min(MAX_REPAIR_RANGES / 2)];
            question.request.ranges = repair::held_within(&tx, question.key, question.bucket, asked)?;
            question.left.drain(..question.left.len().min(MAX_REPAIR_RANGES / 2));
            question.number += 1;
        }
        // Rows that came are the office's, whether or not the bucket adds up now.
        commit(tx)?;
        self.catalogue.forget(question.changed.iter().copied());
        Ok(match (is_over, adds_up) {
            (true, true) => Repair::Done { changed: question.changed, written },
            (false, _) if question.number < MOST_QUESTIONS => Repair::Ask { next: question, written },
            (true | false, _) => Repair::StillWrong,
        })
    }

    /// A repair is over. The third of a day that did not help has the copy built anew.
    pub(crate) fn end_repair(&mut self, still_wrong: &[BucketName], now: UtcMillis) -> Result<(), Failed> {
        let noted = if still_wrong.is_empty() { self.note_checked(now) } else { self.note_repair_failure(now) };
        self.healed_store(noted)
    }

    pub(crate) fn note_repair_failure(&mut self, now: UtcMillis) -> Result<(), StoreError> {
        let tx = self.store.work()?;
        let failures = repairs::note_failure(&tx, now)?;
        commit(tx)?;
        self.rebuild_due |= failures >= FAILURES_BEFORE_REBUILD;
        Ok(())
    }

    /// The first question for new columns; `None` if there are none.
    pub(crate) fn begin_fill(&mut self) -> Result<Option<FillQuestion>, Failed> {
        let question = self.ask_fill();
        self.healed_sync(question)
    }

    fn ask_fill(&mut self) -> Result<Option<FillQuestion>, WorkError> {
        let both = self.store.read()?;
        let (feed, key) = feed_and_key(&both.reference)?;
        let missing = foreign::missing_columns(&both.reference)?;
        let mut todo = Vec::new();
        for checkpoint in checkpoints::all(&both.reference)?.into_iter().filter(|checkpoint| checkpoint.state.rows > 0) {
            todo.extend(missing.iter().map(|(table, columns)| (checkpoint.clone(), *table, columns.clone())));
        }
        Ok(next_fill(&feed.epoch, key, todo))
    }

    /// Takes an answer: fills the columns of the rows that are here.
    pub(crate) fn take_fill(&mut self, question: FillQuestion, reply: BackfillReply) -> Result<Fill, Failed> {
        let taken = self.write_fill(question, reply);
        self.healed_sync(taken)
    }

    fn write_fill(&mut self, question: FillQuestion, reply: BackfillReply) -> Result<Fill, WorkError> {
        let FillQuestion { mut request, bucket, key, todo } = question;
        if reply.head != request.cursor {
            return Ok(Fill::Behind);
        }
        let tx = self.store.reference()?;
        let (mut written, mut changed, mut adds_up) = (0, None, true);
        if let Some(text) = &reply.segment {
            let segment = read_base(text, &request.bucket)?;
            if segment.table.id != request.table {
                return Err(Failed::new(ErrorCode::BadReferenceData, "columns of another table came").into());
            }
            adds_up = foreign::apply_backfill(&tx, key, bucket, &request.columns, &segment)?.is_empty();
            (written, changed) = (segment.rows().count() as u64, Some(segment.table.name));
        }
        let next = match reply.next {
            // A server that does not go on would be asked for ever.
            Some(after) if request.after.is_none_or(|asked| after > asked) => {
                request.after = Some(after);
                Some(FillQuestion { request, bucket, key, todo })
            }
            Some(_) => return Err(Failed::new(ErrorCode::IncompleteReply, "the columns do not go on").into()),
            None => {
                let epoch = std::mem::take(&mut request.epoch);
                next_fill(&epoch, key, todo)
            }
        };
        if next.is_none() {
            for (table, columns) in foreign::missing_columns(&tx)? {
                foreign::backfilled(&tx, table, &columns)?;
            }
        }
        commit(tx)?;
        if !adds_up {
            // The check that follows finds out which rows are wrong.
            self.check_again_soon()?;
        }
        self.catalogue.forget(changed.iter().copied());
        Ok(Fill::Went { next, changed, written })
    }

    fn feed(&mut self) -> Result<Option<Feed>, StoreError> {
        checkpoints::feed(&self.store.read()?.reference)
    }

    /// A store's error becomes the session's; a damaged file is mended first, as far as that goes.
    pub(crate) fn healed_store<T>(&mut self, result: Result<T, StoreError>) -> Result<T, Failed> {
        self.healed_sync(result.map_err(WorkError::from))
    }

    pub(crate) fn healed_sync<T>(&mut self, result: Result<T, WorkError>) -> Result<T, Failed> {
        result.map_err(|error| match error {
            WorkError::Failed(failed) => failed,
            WorkError::Store(error) => {
                if error.is_damage() {
                    self.heal();
                }
                error.into()
            }
        })
    }
}

fn next_fill(epoch: &str, key: HashKey, mut todo: Vec<(Checkpoint, &'static TableDef, Vec<u16>)>) -> Option<FillQuestion> {
    let (checkpoint, table, columns) = todo.pop()?;
    let request = BackfillRequest {
        protocol: PROTOCOL,
        epoch: epoch.to_owned(),
        bucket: checkpoint.name,
        cursor: checkpoint.cursor.0,
        table: table.id,
        columns,
        after: None,
    };
    Some(FillQuestion { request, bucket: checkpoint.bucket_no, key, todo })
}

/// What is applied, and the key of the row hashes.
fn feed_and_key(tx: &Transaction<'_>) -> Result<(Feed, HashKey), WorkError> {
    let feed = checkpoints::feed(tx)?;
    let key = feed.as_ref().and_then(|feed| feed.hash_key);
    feed.zip(key).ok_or_else(|| Failed::new(ErrorCode::IncompleteReply, "nothing is held that could be mended").into())
}

/// Reads a base segment that rode in an answer, and checks that it is of the bucket that was asked about.
fn read_base(text: &str, bucket: &BucketName) -> Result<Segment, Failed> {
    let bad = |words: String| Failed::new(ErrorCode::BadReferenceData, words);
    let segment = Segment::read(&inline_segment(text)?).map_err(|error| bad(error.to_string()))?;
    if segment.header.bucket != *bucket || segment.header.kind != SegmentKind::Base {
        return Err(bad("rows of another bucket came".to_owned()));
    }
    Ok(segment)
}

/// Why a piece of a session's work did not come about.
pub(crate) enum WorkError {
    Failed(Failed),
    Store(StoreError),
}

impl From<Failed> for WorkError {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<StoreError> for WorkError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
