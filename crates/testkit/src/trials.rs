//! A flow, tried at every point where a disk can let it down.
//!
//! A flow is a function of a disk that says whether it was told "done". It is run once to be counted, then once for each point: on a fork of
//! the disk it starts from, with a crash or a failure planned there. What must hold afterwards is checked on the disk as it is then.

use std::fmt;

use crate::disk::{Crash, Disk, Failure, FailureKind};

/// Every how many-th operation of a recovery is crashed at, unless all are.
const AGAIN_STEP: usize = 9;

/// Where a flow was let down.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// At which operation, counted from the beginning of the flow.
    pub operation: u64,
    /// How.
    pub how: How,
}

/// How a flow was let down.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// The machine went down.
    Crash(Crash),
    /// The machine went down, and again at this operation of what came after the restart.
    Twice(Crash, u64),
    /// One operation failed.
    FailedOnce(FailureKind),
    /// From one operation on, all failed; the disk is well again when the check runs.
    FailedFromThenOn(FailureKind),
}

impl Point {
    /// Whether an operation failed that the flow may have passed over, and power was lost later.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.how, How::FailedOnce(_) | How::FailedFromThenOn(_))
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at operation {}", self.how, self.operation)
    }
}

/// What happens to a disk, and what holds afterwards.
pub struct Trial<'a> {
    /// What the disk holds before.
    pub start: &'a Disk,
    /// The most points of one kind to try; all of them if the variable `POLEVIK_ALL_CRASH_POINTS` is set.
    pub at_most: u64,
    /// The flow. `Ok` means that a person was told that it is done.
    pub flow: &'a dyn Fn(&Disk) -> Result<(), String>,
    /// What must hold: panics if it does not. It is told whether the flow said that it was done, and where it was let down.
    pub check: &'a dyn Fn(&Disk, bool, Point),
}

/// What a trial tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Operations of the flow when nothing goes wrong.
    pub operations: u64,
    /// Points at which it was let down.
    pub points: u64,
}

impl Trial<'_> {
    /// Crashes at every operation: the process killed, power lost, power lost while writing.
    ///
    /// # Panics
    ///
    /// When the flow fails on a good disk, or a check does.
    pub fn crash_everywhere(&self) -> Tried {
        let operations = self.operations();
        let mut points = 0;
        for operation in self.sample(operations) {
            for crash in [
                Crash::Process,
                Crash::Power,
                Crash::PowerTorn { seed: operation },
                Crash::PowerTorn { seed: operation.wrapping_mul(0x9E37_79B9_7F4A_7C15) },
            ] {
                let disk = self.start.fork();
                disk.crash_at(disk.operations() + operation, crash);
                let done = (self.flow)(&disk).is_ok();
                disk.crash(crash);
                disk.restart();
                self.checked(&disk, done, Point { operation, how: How::Crash(crash) });
                points += 1;
            }
        }
        Tried { operations, points }
    }

    /// Crashes at an operation, and after the restart crashes again in `recovery`, at every operation of it or some.
    ///
    /// # Panics
    ///
    /// When a check does.
    pub fn crash_twice(&self, recovery: &dyn Fn(&Disk)) -> Tried {
        let operations = self.operations();
        let mut points = 0;
        for operation in self.sample(operations) {
            let crash = Crash::PowerTorn { seed: operation };
            for again in (1..).step_by(if tries_all() { 1 } else { AGAIN_STEP }) {
                let disk = self.start.fork();
                disk.crash_at(disk.operations() + operation, crash);
                let done = (self.flow)(&disk).is_ok();
                disk.crash(crash);
                disk.restart();
                disk.crash_at(disk.operations() + again, Crash::PowerTorn { seed: again });
                recovery(&disk);
                if !disk.has_crashed() {
                    break;
                }
                disk.restart();
                self.checked(&disk, done, Point { operation, how: How::Twice(crash, again) });
                points += 1;
            }
        }
        Tried { operations, points }
    }

    /// Lets the first, the second, … operation that each kind concerns fail, once and from then on, until the flow meets no failure. Power
    /// is lost afterwards: what was told to be done must not have been lost with the failure.
    ///
    /// # Panics
    ///
    /// When a check does.
    pub fn fail_everywhere(&self, kinds: &[FailureKind]) -> Tried {
        let mut points = 0;
        for kind in kinds {
            let meets = |nth: u64| {
                let disk = self.start.fork();
                disk.fail(Failure::once(*kind, nth));
                let done = (self.flow)(&disk);
                (disk.failed() > 0).then_some((disk, done.is_ok()))
            };
            let mut last = 1;
            while meets(last).is_some() {
                last *= 2;
            }
            for nth in self.sample(last) {
                let Some((disk, done)) = meets(nth) else { continue };
                disk.crash(Crash::Power);
                disk.restart();
                self.checked(&disk, done, Point { operation: nth, how: How::FailedOnce(*kind) });

                let disk = self.start.fork();
                disk.fail(Failure::from_then_on(*kind, nth));
                let done = (self.flow)(&disk).is_ok();
                disk.crash(Crash::Power);
                disk.restart();
                self.checked(&disk, done, Point { operation: nth, how: How::FailedFromThenOn(*kind) });
                points += 2;
            }
        }
        Tried { operations: self.operations(), points }
    }

    /// How many operations the flow has when nothing goes wrong.
    fn operations(&self) -> u64 {
        let disk = self.start.fork();
        let before = disk.operations();
        if let Err(error) = (self.flow)(&disk) {
            panic!("the flow fails on a good disk: {error}");
        }
        disk.operations() - before
    }

    /// Operations 1 to `operations + 1`, all or evenly spread. The last one is never reached: then the crash comes after the flow.
    fn sample(&self, operations: u64) -> Vec<u64> {
        let step = if tries_all() { 1 } else { operations.div_ceil(self.at_most).max(1) };
        let mut sampled: Vec<u64> = (1..=operations).step_by(usize::try_from(step).unwrap_or(usize::MAX)).collect();
        sampled.push(operations + 1);
        sampled
    }

    fn checked(&self, disk: &Disk, done: bool, point: Point) {
        let _told = ToldWhenPanicking(point);
        (self.check)(disk, done, point);
    }
}

fn tries_all() -> bool {
    std::env::var_os("POLEVIK_ALL_CRASH_POINTS").is_some()
}

/// Says where it happened, below what the failed check said.
struct ToldWhenPanicking(Point);

impl Drop for ToldWhenPanicking {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this came of: {}", self.0);
        }
    }
}
