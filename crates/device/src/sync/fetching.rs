//! Materials on their way down: what comes next, and what a session has learned.
//!
//! How much of a file is here outlives the process on the disk; what stands here is forgotten with the session.

use std::collections::{BTreeSet, VecDeque};

use polevik_protocol::ErrorCode;
use polevik_protocol::hash::Blake3Hex;

use crate::error::Failed;
use crate::materials::{Left, MaterialsPlan};
use crate::sync::event::FileProgress;

/// Requests for one file that may come to nothing in a row before it is left for the next session.
const MOST_TRIES: u32 = 4;

/// Files that may fail one after the other before the session leaves all of them alone: it is not the files then.
const MOST_FAILURES: u32 = 3;

/// A file that is to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) file: Blake3Hex,
    /// Its length.
    pub(crate) bytes: u64,
    /// Bytes that are here already.
    pub(crate) have: u64,
}

/// What a session has learned about the files that come down.
#[derive(Debug, Default)]
pub(crate) struct Fetching {
    /// Those that are still wanted, in the order they come; `None` before it was worked out.
    wanted: Option<VecDeque<Wanted>>,
    /// Left for another session.
    passed_over: BTreeSet<Blake3Hex>,
    /// Why the first of them was.
    failure: Option<Failed>,
    /// Came with other bytes than their name says.
    damaged: BTreeSet<Blake3Hex>,
    /// There is no room for some (L501).
    no_space: Option<Failed>,
    /// Requests in a row for one file that came to nothing.
    tries: u32,
    /// Files that failed one after the other.
    failures: u32,
    /// Files that came since the session began, and their bytes.
    done: (u64, u64),
}

impl Fetching {
    /// Whether it has to be worked out what is wanted.
    pub(crate) fn needs_plan(&self) -> bool {
        self.wanted.is_none()
    }

    /// Materials are others than before: what is wanted is worked out again.
    pub(crate) fn forget_plan(&mut self) {
        self.wanted = None;
    }

    /// What is wanted from now on.
    pub(crate) fn plan(&mut self, plan: &MaterialsPlan) {
        let wanted = plan.fetch.iter().filter(|wanted| !self.passed_over.contains(&wanted.file));
        let wanted = wanted.map(|wanted| Wanted { file: wanted.file.clone(), bytes: wanted.bytes, have: wanted.have });
        self.wanted = Some(wanted.collect());
        self.no_space = plan.left.values().find_map(|left| match left {
            Left::Space { need, free } => Some(Failed::new(ErrorCode::NoSpace, format!("need {need} free {free}"))),
            Left::Budget | Left::ByRep => None,
        });
    }

    /// The file that is fetched next.
    pub(crate) fn next(&self) -> Option<&Wanted> {
        self.wanted.as_ref()?.front()
    }

    /// So many bytes of the next file are here.
    pub(crate) fn has(&mut self, have: u64) {
        if let Some(next) = self.front() {
            let is_more = have > next.have;
            next.have = have;
            if is_more {
                (self.tries, self.failures) = (0, 0);
            }
        }
    }

    /// A request for the next file came to nothing. Says whether it is to be tried again in this session.
    pub(crate) fn tripped(&mut self) -> bool {
        self.tries += 1;
        self.tries < MOST_TRIES
    }

    /// The next file came with other bytes than its name says, and begins anew. Says whether that was the first time.
    pub(crate) fn came_damaged(&mut self) -> bool {
        let Some(next) = self.front() else { return false };
        next.have = 0;
        let file = next.file.clone();
        self.damaged.insert(file)
    }

    /// The next file is left for another session. Says whether the session may go on with the others.
    pub(crate) fn pass_over(&mut self, failed: Failed) -> bool {
        self.tries = 0;
        if let Some(next) = self.wanted.as_mut().and_then(VecDeque::pop_front) {
            self.passed_over.insert(next.file);
        }
        if failed.code == ErrorCode::NoSpace {
            // A smaller one may have room.
            self.no_space.get_or_insert(failed);
            return true;
        }
        self.failure.get_or_insert(failed);
        self.failures += 1;
        self.failures < MOST_FAILURES
    }

    /// The next file is here.
    pub(crate) fn arrived(&mut self) {
        if let Some(next) = self.wanted.as_mut().and_then(VecDeque::pop_front) {
            self.done = (self.done.0 + 1, self.done.1 + next.bytes);
            (self.tries, self.failures) = (0, 0);
        }
    }

    /// Files that came since the session began.
    pub(crate) fn arrivals(&self) -> u64 {
        self.done.0
    }

    /// Why files were left for another session.
    pub(crate) fn failure(&self) -> Option<Failed> {
        self.failure.clone()
    }

    /// Why there are files for which there is no room.
    pub(crate) fn no_space(&self) -> Option<Failed> {
        self.no_space.clone()
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> FileProgress {
        let (done, done_bytes) = self.done;
        let wanted = || self.wanted.iter().flatten();
        let left = wanted().count() as u64 + self.passed_over.len() as u64;
        FileProgress {
            done,
            total: done + left,
            bytes: done_bytes + wanted().map(|wanted| wanted.have.min(wanted.bytes)).sum::<u64>(),
            bytes_total: done_bytes + wanted().map(|wanted| wanted.bytes).sum::<u64>(),
        }
    }

    fn front(&mut self) -> Option<&mut Wanted> {
        self.wanted.as_mut()?.front_mut()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::materials::WantedFile;

    fn plan(files: &[(u8, u64)]) -> MaterialsPlan {
        let fetch = files.iter().map(|(place, have)| WantedFile {
            file: Blake3Hex::of(&[*place]),
            bytes: 100,
            have: *have,
            asked: false,
            next_try_at: None,
        });
        MaterialsPlan { fetch: fetch.collect(), ..MaterialsPlan::default() }
    }

    #[test]
    fn files_come_in_the_order_of_the_plan_and_progress_counts_what_was_here() {
        let mut fetching = Fetching::default();
        assert!(fetching.needs_plan());
        fetching.plan(&plan(&[(1, 40), (2, 0)]));
        assert_eq!(fetching.progress(), FileProgress { done: 0, total: 2, bytes: 40, bytes_total: 200 });
        fetching.has(90);
        assert_eq!(fetching.progress().bytes, 90);
        fetching.arrived();
        assert_eq!(fetching.next().map(|next| next.file.clone()), Some(Blake3Hex::of(&[2])));
        assert_eq!(fetching.progress(), FileProgress { done: 1, total: 2, bytes: 100, bytes_total: 200 });
    }

    #[test]
    fn a_file_without_room_does_not_hold_the_others_and_one_that_fails_is_not_asked_for_again() {
        let mut fetching = Fetching::default();
        fetching.plan(&plan(&[(1, 0), (2, 0), (3, 0)]));
        for _ in 0..2 {
            assert!(fetching.pass_over(Failed::new(ErrorCode::NoSpace, "")));
        }
        assert!(fetching.pass_over(Failed::new(ErrorCode::ServerError, "")));
        assert_eq!((fetching.next(), fetching.progress().total), (None, 3));
        assert_eq!(fetching.failure().map(|failed| failed.code), Some(ErrorCode::ServerError));
        assert_eq!(fetching.no_space().map(|failed| failed.code), Some(ErrorCode::NoSpace));
        fetching.plan(&plan(&[(1, 0), (2, 0), (3, 0), (4, 0)]));
        assert_eq!(fetching.next().map(|next| next.file.clone()), Some(Blake3Hex::of(&[4])), "nor after another plan");
    }

    #[test]
    fn a_plan_that_has_no_room_for_a_file_says_so() {
        let mut fetching = Fetching::default();
        let left = BTreeMap::from([(Blake3Hex::of(b"large"), Left::Space { need: 900, free: 100 })]);
        fetching.plan(&MaterialsPlan { left, ..MaterialsPlan::default() });
        assert_eq!(fetching.no_space(), Some(Failed::new(ErrorCode::NoSpace, "need 900 free 100")));
    }

    #[test]
    fn damaged_once_it_begins_anew_and_twice_it_is_left() {
        let mut fetching = Fetching::default();
        fetching.plan(&plan(&[(1, 100)]));
        assert!(fetching.came_damaged());
        assert_eq!(fetching.next().map(|next| next.have), Some(0));
        assert!(!fetching.came_damaged());
    }
}
