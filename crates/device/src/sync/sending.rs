//! Photos on their way up: what is asked of the server next, and what a session has learned.
//!
//! A file goes by one request when nothing breaks. Whatever did break, the server is asked how much it has before anything is sent again. Where a
//! file stands outlives the process in the queue (`outgoing_files`); what stands here is forgotten with the session.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_store::work::outgoing_files::OutgoingFile;
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::file::MAX_OFFERED_FILES;
use polevik_protocol::hash::Blake3Hex;

use crate::error::Failed;

/// Requests for one file that may come to nothing in a row before it is left for the next session.
const MOST_TRIES: u32 = 4;

/// Files that may fail one after the other before the session leaves all of them alone: it is not the files then.
const MOST_FAILURES: u32 = 3;

/// What is asked of the server next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Which of these files it has, and how much of them.
    Offer(Vec<OutgoingFile>),
    /// How much it has of the upload that was begun.
    Ask(OutgoingFile),
    /// To take a file from its beginning.
    Create(OutgoingFile),
    /// To take the next part of it.
    Part(OutgoingFile),
    /// Nothing: no file is left that this session may send.
    Nothing,
}

/// What a session has learned about the files that go up.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// The server said in this session how much it has of them, and nothing failed since.
    known: BTreeSet<Blake3Hex>,
    /// A request with bytes of them went since the process began: the server may have more of them than it said.
    touched: BTreeSet<Blake3Hex>,
    /// Left for another session, and why.
    passed_over: BTreeMap<Blake3Hex, Failed>,
    /// Came to the server with other bytes than their name says.
    damaged: BTreeSet<Blake3Hex>,
    /// Requests in a row for one file that came to nothing.
    tries: u32,
    /// Files that failed one after the other.
    failures: u32,
    /// The server, or the device, said for good that they cannot be sent: the first reason.
    pub(crate) refused: Option<Failed>,
    /// Files that are on the server since the session began, and their bytes.
    pub(crate) done: (u64, u64),
}

impl Sending {
    /// What is learned anew by the next session. Which files were touched is known for as long as the process lives.
    pub(crate) fn begin_again(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        *self = Self { touched, ..Self::default() };
    }

    /// What is asked next, for the files that wait, oldest first. `since` = when the process began: what happened to older files before is not
    /// known for sure.
    pub(crate) fn next(&self, waiting: Vec<OutgoingFile>, since: UtcMillis) -> Next {
        let mut waiting = waiting.into_iter().filter(|file| !self.passed_over.contains_key(&file.file)).peekable();
        let Some(first) = waiting.next() else { return Next::Nothing };
        let is_known = self.known.contains(&first.file);
        match &first.upload {
            Some(_) if is_known => return Next::Part(first),
            Some(_) if waiting.peek().is_none() => return Next::Ask(first),
            None if is_known => return Next::Create(first),
            // One photo that nobody has heard of yet: it comes quickest without asking.
            None if waiting.peek().is_none() && self.is_new(&first, since) => return Next::Create(first),
            _ => (),
        }
        let mut offered = vec![first];
        offered.extend(waiting.filter(|file| !self.known.contains(&file.file)).take(MAX_OFFERED_FILES - 1));
        Next::Offer(offered)
    }

    /// Whether the server can have nothing of it from us.
    fn is_new(&self, file: &OutgoingFile, since: UtcMillis) -> bool {
        file.queued_at > since && file.attempts == 0 && !self.touched.contains(&file.file)
    }

    /// The server said how much it has of a file, and that is kept.
    pub(crate) fn learn(&mut self, file: &Blake3Hex) {
        self.known.insert(file.clone());
    }

    /// A request with bytes of the file goes.
    pub(crate) fn touch(&mut self, file: &Blake3Hex) {
        self.touched.insert(file.clone());
    }

    /// The server has more of the file than before.
    pub(crate) fn advanced(&mut self) {
        (self.tries, self.failures) = (0, 0);
    }

    /// A request for the file came to nothing: the server is asked what it has before anything is sent again. Says whether it is to be tried
    /// again in this session.
    pub(crate) fn tripped(&mut self, file: &Blake3Hex) -> bool {
        self.known.remove(file);
        self.tries += 1;
        self.tries < MOST_TRIES
    }

    /// The file came with other bytes than its name says. Says whether that was the first time.
    pub(crate) fn came_damaged(&mut self, file: &Blake3Hex) -> bool {
        self.known.remove(file);
        self.damaged.insert(file.clone())
    }

    /// Whether parts of the file carry their own sums, however good the line is.
    pub(crate) fn is_careful(&self, file: &Blake3Hex) -> bool {
        self.damaged.contains(file)
    }

    /// The file is left for another session. Says whether the session may go on with the others.
    pub(crate) fn pass_over(&mut self, file: &Blake3Hex, failed: Failed) -> bool {
        self.passed_over.insert(file.clone(), failed);
        self.tries = 0;
        self.failures += 1;
        self.failures < MOST_FAILURES
    }

    /// The file is on the server.
    pub(crate) fn arrived(&mut self, bytes: u64) {
        self.done = (self.done.0 + 1, self.done.1 + bytes);
        self.advanced();
    }

    /// The file will never be taken, or is not there any more.
    pub(crate) fn refuse(&mut self, failed: Failed) {
        self.refused.get_or_insert(failed);
        self.tries = 0;
    }

    /// Why a file was left for another session: the first by name that is not only one of many.
    pub(crate) fn failure(&self) -> Option<Failed> {
        self.passed_over.values().next().cloned()
    }

    /// What a failed request means that says nothing about the file: it may be asked again soon, or the row has to wait.
    pub(crate) fn is_of_the_line(code: ErrorCode) -> bool {
        code == ErrorCode::ConnectionLost
    }
}

#[cfg(test)]
mod tests {
    use polevik_device_store::work::outgoing_files::OutgoingState;
    use polevik_protocol::file::FileClass;

    use super::*;

    fn file(place: u8) -> OutgoingFile {
        OutgoingFile {
            file: Blake3Hex::of(&[place]),
            bytes: 100,
            class: FileClass::Photo,
            content_type: "image/jpeg".to_owned(),
            state: OutgoingState::Waiting,
            upload: None,
            sent: 0,
            attempts: 0,
            next_try_at: None,
            failure: None,
            queued_at: UtcMillis(0),
            confirmed_at: None,
            removed_at: None,
        }
    }

    fn begun(place: u8) -> OutgoingFile {
        OutgoingFile { upload: Some("/v1/uploads/7".to_owned()), sent: 40, ..file(place) }
    }

    #[test]
    fn one_new_photo_is_sent_without_asking_and_many_are_offered_first() {
        let sending = Sending::default();
        assert_eq!(sending.next(vec![], UtcMillis(-1)), Next::Nothing);
        assert_eq!(sending.next(vec![file(1)], UtcMillis(-1)), Next::Create(file(1)));
        assert_eq!(sending.next(vec![file(1), file(2)], UtcMillis(-1)), Next::Offer(vec![file(1), file(2)]));
        let many: Vec<OutgoingFile> = (0..=250).map(file).collect();
        assert!(matches!(sending.next(many, UtcMillis(-1)), Next::Offer(files) if files.len() == MAX_OFFERED_FILES));
    }

    #[test]
    fn what_was_begun_or_failed_before_is_asked_about_first() {
        let mut sending = Sending::default();
        assert_eq!(sending.next(vec![begun(1)], UtcMillis(-1)), Next::Ask(begun(1)));
        let failed_before = OutgoingFile { attempts: 1, ..file(1) };
        assert_eq!(sending.next(vec![failed_before.clone()], UtcMillis(-1)), Next::Offer(vec![failed_before]));
        assert_eq!(sending.next(vec![file(1)], UtcMillis(5)), Next::Offer(vec![file(1)]), "another process may have begun it");
        sending.touch(&file(1).file);
        assert_eq!(sending.next(vec![file(1)], UtcMillis(-1)), Next::Offer(vec![file(1)]), "the answer of a moment ago was lost");
    }

    #[test]
    fn once_the_server_said_what_it_has_the_file_goes_on_until_something_breaks() {
        let mut sending = Sending::default();
        sending.learn(&file(1).file);
        assert_eq!(sending.next(vec![file(1), file(2)], UtcMillis(-1)), Next::Create(file(1)));
        assert_eq!(sending.next(vec![begun(1), file(2)], UtcMillis(-1)), Next::Part(begun(1)));
        assert!(sending.tripped(&file(1).file));
        assert_eq!(sending.next(vec![begun(1), file(2)], UtcMillis(-1)), Next::Offer(vec![begun(1), file(2)]));
        sending.learn(&file(2).file);
        assert_eq!(sending.next(vec![begun(1), file(2)], UtcMillis(-1)), Next::Offer(vec![begun(1)]), "of the other it is known already");
    }

    #[test]
    fn a_file_that_never_goes_is_left_and_files_that_all_fail_end_it() {
        let mut sending = Sending::default();
        let tries = (1..).take_while(|_| sending.tripped(&file(1).file)).count();
        assert_eq!(tries, 3);
        let failed = || Failed::new(ErrorCode::ServerError, "");
        assert!(sending.pass_over(&file(1).file, failed()));
        assert_eq!(sending.next(vec![file(1), file(2)], UtcMillis(-1)), Next::Create(file(2)));
        assert!(sending.pass_over(&file(2).file, failed()));
        assert!(!sending.pass_over(&file(3).file, failed()));
        let mut sending = Sending::default();
        for place in 0..9 {
            assert!(sending.pass_over(&file(place).file, failed()), "others go between");
            sending.arrived(100);
        }
        assert_eq!(sending.done, (9, 900));
    }
}
