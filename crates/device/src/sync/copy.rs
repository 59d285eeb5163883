//! The copy of the office: news become a plan, segments are staged, the plan becomes rows.

use polevik_device_store::StoreError;
use polevik_device_store::db::commit;
use polevik_device_store::reference::apply::held;
use polevik_device_store::reference::checkpoints::{self, Feed};
use polevik_device_store::reference::{staging, verify};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::repairs;
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::StateSum;
use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::rows::TABLES;

use crate::calls::inline_segment;
use crate::device::Device;
use crate::error::Failed;
use crate::sync::apply::{ApplyError, Beside, Shown, apply, apply_step};
use crate::sync::download::{Before, DownloadPlan, plan};
use crate::sync::event::{ApplyFailed, Planned};
use crate::sync::mend::WorkError;

/// A plan that is being carried out.
pub(crate) enum Applying {
    /// It is done.
    Done(Shown),
    /// It is built beside the copy in use; [`Device::go_on_applying`] does the rest.
    Beside(Box<Beside>),
}

impl Device {
    /// Makes a plan of the office's news and stages the segments that rode along. `now` is the corrected clock.
    pub(crate) fn plan(&mut self, suspects: &[BucketName], anew: bool, now: UtcMillis) -> Result<Planned, Failed> {
        let planned = self.try_plan(suspects, anew);
        let (mut planned, restored) = self.healed_sync(planned)?;
        if restored {
            planned.re_offers = self.offer_again(now)?;
        }
        Ok(planned)
    }

    fn try_plan(&mut self, suspects: &[BucketName], anew: bool) -> Result<(Planned, bool), WorkError> {
        let Some(news) = &self.news else {
            return Err(Failed::new(ErrorCode::IncompleteReply, "there are no news to plan").into());
        };
        let free = self.store.free_bytes();
        let tx = self.store.reference()?;
        let feed = checkpoints::feed(&tx)?;
        if let Some(feed) = feed.as_ref().filter(|_| !anew) {
            for name in suspects {
                trust_values_only(&tx, feed, name)?;
            }
        }
        let held = |bucket, table: &_, ranges: &[_]| held(&tx, bucket, table, ranges);
        let checkpoints = checkpoints::all(&tx)?;
        let before = Before { checkpoints: &checkpoints, feed: feed.as_ref(), suspects, anew, held: &held };
        let mut plan = plan(news, &before)?;
        let names = plan.names();
        staging::keep_only(&tx, &names)?;
        for text in &news.segments {
            let bytes = inline_segment(text)?;
            let name = Blake3Hex::of(&bytes);
            if names.contains(name.as_str()) {
                staging::insert(&tx, name.as_str(), &bytes)?;
            }
        }
        let planned = plan.planned(&staging::staged(&tx)?);
        let restored = plan.restored;
        if polevik_planted::is(polevik_planted::Bug::CursorBeforeRows) {
            for bucket in &plan.buckets {
                let held = checkpoints.iter().find(|held| held.name == bucket.name).map(|held| held.state).unwrap_or_default();
                checkpoints::set(&tx, checkpoints::number_of(&tx, &bucket.name)?, held, Some(bucket.head))?;
            }
        }
        commit(tx)?;
        guard_space(&mut plan, &planned, free, feed.is_some())?;
        self.plan = Some(plan);
        Ok((planned, restored))
    }

    /// Keeps a segment whose bytes have been checked against its name.
    pub(crate) fn stage(&mut self, name: &Blake3Hex, bytes: &[u8]) -> Result<(), Failed> {
        let staged = (|| {
            let tx = self.store.reference()?;
            staging::insert(&tx, name.as_str(), bytes)?;
            commit(tx)
        })();
        self.healed_store(staged)
    }

    /// Shows what was downloaded, all at once; or begins to build the whole copy beside the one in use.
    pub(crate) fn apply(&mut self, at: UtcMillis) -> Result<Applying, ApplyFailed> {
        let Some(plan) = self.plan.take() else {
            return Err(ApplyFailed::Failed(Failed::new(ErrorCode::IncompleteReply, "there is no plan to apply")));
        };
        if plan.beside {
            let repairs = plan.repairs;
            let begun = Beside::begin(&mut self.store, plan, at);
            return match begun {
                Ok(beside) => Ok(Applying::Beside(Box::new(beside))),
                Err(error) => Err(self.apply_failed(error, repairs, at)),
            };
        }
        let shown = (|| {
            let tx = self.store.reference()?;
            let shown = apply(&tx, &plan, at)?;
            commit(tx)?;
            Ok::<_, ApplyError>(shown)
        })();
        match shown {
            Ok(shown) => {
                self.shown(&shown);
                self.shrink_log();
                Ok(Applying::Done(shown))
            }
            Err(error) => Err(self.apply_failed(error, plan.repairs, at)),
        }
    }

    /// Writes the next segment of a copy that is built beside; puts it into use when all are written.
    pub(crate) fn go_on_applying(&mut self, mut beside: Box<Beside>, at: UtcMillis) -> Result<Applying, ApplyFailed> {
        let repairs = beside.repairs();
        match beside.go_on(&mut self.store) {
            Ok(true) => return Ok(Applying::Beside(beside)),
            Ok(false) => (),
            Err(error) => {
                beside.abandon(&mut self.store);
                return Err(self.apply_failed(error, repairs, at));
            }
        }
        match beside.finish(&mut self.store) {
            Ok(shown) => {
                self.shown(&shown);
                let noted = self.note_built_anew(at);
                self.healed_store(noted).map_err(ApplyFailed::Failed)?;
                Ok(Applying::Done(shown))
            }
            Err(error) => Err(self.apply_failed(error, repairs, at)),
        }
    }

    /// All rows of the copy were counted as they were written, and repairs of the old one are of no account any more.
    fn note_built_anew(&mut self, at: UtcMillis) -> Result<(), StoreError> {
        self.rebuild_due = false;
        let tx = self.store.work()?;
        repairs::forget_failures(&tx)?;
        options::set(&tx, OptionName::VerifiedAt, &at.0.to_string())?;
        commit(tx)
    }

    /// Applies the few rows of a step. One that does not add up makes the root count for nothing.
    pub(crate) fn apply_step(&mut self, at: UtcMillis) -> Result<Shown, ApplyFailed> {
        let Some(step) = self.step.take() else {
            return Err(ApplyFailed::Failed(Failed::new(ErrorCode::IncompleteReply, "there is no step to apply")));
        };
        let shown = (|| {
            let tx = self.store.reference()?;
            let feed = checkpoints::feed(&tx)?.ok_or_else(|| ApplyError::WrongSum(Vec::new()))?;
            let shown = apply_step(&tx, &feed, &step, at)?;
            commit(tx)?;
            Ok::<_, ApplyError>(shown)
        })();
        match shown {
            Ok(shown) => {
                self.shown(&shown);
                self.shrink_log();
                Ok(shown)
            }
            Err(ApplyError::WrongSum(buckets)) => {
                let forgotten = (|| {
                    let tx = self.store.reference()?;
                    checkpoints::forget_root(&tx)?;
                    commit(tx)
                })();
                self.healed_store(forgotten).map_err(ApplyFailed::Failed)?;
                Err(ApplyFailed::WrongSum(buckets))
            }
            Err(error) => Err(self.apply_failed(error, false, at)),
        }
    }

    /// The log of a large download is as long as its rows; and what is shown as loaded is on the disk before its time moves. An error costs
    /// only room, or with the power a download that is fetched again.
    fn shrink_log(&mut self) {
        let _ = self.store.shrink_reference_log();
    }

    fn shown(&mut self, shown: &Shown) {
        self.keep_news(None, None);
        self.catalogue.forget(shown.changed.iter().copied());
    }

    /// What a failure means for the session. A repair that did not help is counted.
    fn apply_failed(&mut self, error: ApplyError, repairs: bool, at: UtcMillis) -> ApplyFailed {
        match error {
            ApplyError::WrongSum(buckets) => {
                if repairs
                    && let Err(failed) = {
                        let noted = self.note_repair_failure(at);
                        self.healed_store(noted)
                    }
                {
                    return ApplyFailed::Failed(failed);
                }
                ApplyFailed::WrongSum(buckets)
            }
            error => {
                let failed = error.failed();
                if matches!(&error, ApplyError::Store(error) if error.is_damage()) {
                    self.heal();
                }
                ApplyFailed::Failed(failed)
            }
        }
    }
}

/// Makes the kept hashes of a bucket anew from its values, and its sum from the hashes: what is compared from here on are the rows themselves.
fn trust_values_only(tx: &polevik_device_store::Transaction<'_>, feed: &Feed, name: &BucketName) -> Result<(), StoreError> {
    let Some(key) = feed.hash_key else { return Ok(()) };
    let Some(checkpoint) = checkpoints::all(tx)?.into_iter().find(|checkpoint| checkpoint.name == *name) else { return Ok(()) };
    let bucket = checkpoint.bucket_no;
    if !verify::settle(tx, key, bucket, checkpoint.state)? {
        let mut state = StateSum::default();
        for table in TABLES {
            state = held(tx, bucket, table, &[(i64::MIN, i64::MAX)])?.into_iter().fold(state, StateSum::combine);
        }
        checkpoints::set(tx, bucket, state, None)?;
    }
    Ok(())
}

/// Before anything is fetched: is there room for it? A copy that does not fit beside the old one is written in its place.
fn guard_space(plan: &mut DownloadPlan, planned: &Planned, free: Option<u64>, something_is_held: bool) -> Result<(), Failed> {
    let Some(free) = free else { return Ok(()) };
    let to_fetch: u64 = planned.wanted.iter().map(|wanted| wanted.bytes).sum();
    let raw = plan.raw_bytes();
    // Staged segments and the rows of a first download stand side by side for a while.
    let beside = to_fetch.saturating_add(raw / 10 * 13);
    // Rows take the pages of those they replace, and of the segments they came in.
    let in_place = to_fetch.saturating_add(if something_is_held { raw / 4 } else { raw });
    if plan.beside && something_is_held && free < beside {
        plan.beside = false;
    }
    let needed = if plan.beside { beside } else { in_place };
    if free >= needed {
        return Ok(());
    }
    Err(Failed::new(ErrorCode::NoSpace, format!("needed {needed} bytes, free {free} bytes")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use polevik_protocol::bucket::BucketKind;
    use polevik_protocol::change::ChangeNo;
    use polevik_protocol::checksum::HashKey;
    use polevik_protocol::manifest::SegmentInfo;
    use polevik_protocol::rows::TableId;

    use super::*;
    use crate::sync::download::{Basis, BucketPlan};
    use crate::sync::event::Wanted;

    /// A thousand rows in one segment of 10,000 bytes, not fetched yet.
    fn a_whole_copy() -> (DownloadPlan, Planned) {
        let hash = Blake3Hex::of(b"segment");
        let base = vec![SegmentInfo { hash: hash.clone(), table: TableId(1), rows: 1_000, bytes: 10_000, range: None }];
        let bucket = BucketPlan {
            name: BucketName::new(BucketKind::All, 0),
            head: ChangeNo(1),
            state: StateSum::default(),
            basis: Basis::Nothing,
            base,
            tables_with_base: BTreeSet::new(),
            deltas: Vec::new(),
        };
        let plan = DownloadPlan {
            epoch: "first".to_owned(),
            root: hash.clone(),
            hash_key: HashKey([7; 32]),
            buckets: vec![bucket],
            gone: Vec::new(),
            beside: true,
            repairs: false,
            restored: false,
        };
        let planned = Planned { wanted: vec![Wanted { hash, bytes: 10_000 }], bytes_total: 10_000, rows: 1_000, re_offers: false };
        (plan, planned)
    }

    /// Free bytes, whether a copy is held, and then: `Some` of whether it is built beside, or `None` for L501.
    #[test]
    fn a_copy_that_does_not_fit_beside_the_old_one_is_written_in_its_place_and_one_that_does_not_fit_at_all_is_not_fetched() {
        for (free, held, expected) in [
            (None, true, Some(true)),
            (Some(300_000), true, Some(true)),
            (Some(100_000), true, Some(false)),
            (Some(40_000), true, None),
            (Some(300_000), false, Some(true)),
            (Some(100_000), false, None),
        ] {
            let (mut plan, planned) = a_whole_copy();
            let guarded = guard_space(&mut plan, &planned, free, held);
            let found = guarded.as_ref().ok().map(|()| plan.beside);
            assert_eq!(found, expected, "{free:?} {held}");
            if let Err(failed) = guarded {
                assert_eq!(failed.code, ErrorCode::NoSpace);
                assert!(failed.detail.contains("needed") && failed.detail.contains("free"), "{}", failed.detail);
            }
        }
    }
}
