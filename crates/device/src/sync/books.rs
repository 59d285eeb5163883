//! What is kept of files that move: each word of the server's, and what it all cost on the wire, in transactions of their own.

use std::collections::BTreeMap;

use polevik_device_api::{NetworkClass, TrafficClass};
use polevik_device_store::db::commit;
use polevik_device_store::work::outgoing_files::{self, OutgoingFile};
use polevik_device_store::work::traffic::{self, Traffic};
use polevik_device_store::work::{held_files, outgoing_files as outgoing};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_protocol::hash::Blake3Hex;

use crate::acting::signed_in_id;
use crate::device::Device;
use crate::error::{DeviceError, Failed};

/// Files of one look at the queue.
const QUEUE_LIMIT: u32 = 400;

/// What is written of a photo on its way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The server takes it there, and has so many bytes; or it has nothing of it.
    Has {
        /// Where.
        upload: Option<String>,
        /// How many.
        offset: u64,
    },
    /// The server keeps it whole under its name.
    Kept,
    /// The server will never take it.
    Refused(Failed),
    /// It failed; another session tries again.
    Failed(Failed),
    /// It is not on this device any more, or other bytes are.
    Missing,
}

/// The queue of photos at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    /// Those that wait, oldest first; not all of a very long queue.
    pub(crate) files: Vec<OutgoingFile>,
    /// How many wait.
    pub(crate) waiting: u64,
    /// Their bytes that the server does not have.
    pub(crate) bytes: u64,
}

impl Device {
    /// The photos that wait.
    pub(crate) fn outgoing(&mut self, now: UtcMillis) -> Result<Queue, DeviceError> {
        let read = self.read_queue(now);
        self.healed(read)
    }

    fn read_queue(&mut self, now: UtcMillis) -> Result<Queue, DeviceError> {
        let work = self.store.read()?.work;
        let position = signed_in_id(&work)?;
        let counts = outgoing_files::counts(&work, position)?;
        let files = outgoing_files::next(&work, position, now, QUEUE_LIMIT)?;
        Ok(Queue { files, waiting: u64::from(counts.waiting), bytes: counts.bytes })
    }

    /// Writes what was heard of photos, in one transaction.
    pub(crate) fn note_outgoing(&mut self, words: &[(Blake3Hex, Word)], now: UtcMillis) -> Result<(), DeviceError> {
        let noted = (|| {
            let tx = self.store.work()?;
            for (file, word) in words {
                match word {
                    Word::Has { upload, offset } => outgoing::note_progress(&tx, file, upload.as_deref(), *offset)?,
                    Word::Kept => outgoing::confirm(&tx, file, now)?,
                    Word::Refused(failed) => outgoing::refuse(&tx, file, failed.code.as_str(), &failed.detail)?,
                    // The row has its own time of the next try; the file is tried with it.
                    Word::Failed(failed) => outgoing::note_failure(&tx, file, failed.code.as_str(), &failed.detail, None)?,
                    Word::Missing => {
                        outgoing::note_missing(&tx, file, now)?;
                    }
                }
            }
            Ok(commit(tx)?)
        })();
        self.healed(noted)
    }

    /// Writes how much of a material is here.
    pub(crate) fn note_held(&mut self, file: &Blake3Hex, bytes: u64, note: &Held, now: UtcMillis) -> Result<(), DeviceError> {
        let noted = (|| {
            let tx = self.store.work()?;
            match note {
                Held::Part(have) => held_files::note_part(&tx, file, bytes, *have)?,
                Held::Whole => held_files::note_here(&tx, file, bytes, now)?,
                Held::Failed(failed) => held_files::note_failure(&tx, file, bytes, (failed.code.as_str(), &failed.detail), None)?,
            }
            Ok(commit(tx)?)
        })();
        self.healed(noted)
    }

    /// Adds to the bytes of the month.
    pub(crate) fn count_traffic(
        &mut self,
        bytes: &BTreeMap<(TrafficClass, NetworkClass), (u64, u64)>,
        today: CalendarDay,
    ) -> Result<(), StoreError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let tx = self.store.work()?;
        add_traffic(&tx, bytes, today)?;
        commit(tx)
    }
}

/// How much of a material is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// So many bytes from its beginning.
    Part(u64),
    /// All of it, checked.
    Whole,
    /// It failed; another session tries again.
    Failed(Failed),
}

fn add_traffic(
    tx: &Transaction<'_>,
    bytes: &BTreeMap<(TrafficClass, NetworkClass), (u64, u64)>,
    today: CalendarDay,
) -> Result<(), StoreError> {
    let month = month_of(today);
    for ((class, network), (up, down)) in bytes {
        let row = Traffic { class: class.as_str().to_owned(), network: network.as_str().to_owned(), up: *up, down: *down };
        traffic::add(tx, month, &row)?;
    }
    traffic::prune(tx, month)
}

/// `202611` for a day of November 2026.
pub(crate) fn month_of(day: CalendarDay) -> u32 {
    let (year, month, _) = day.year_month_day();
    u32::try_from(year).unwrap_or(0) * 100 + month
}
