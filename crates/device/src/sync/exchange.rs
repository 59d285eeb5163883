//! One request to the server and its answer, as the databases see them.

use std::collections::{BTreeMap, BTreeSet};

use polevik_device_store::db::commit;
use polevik_device_store::reference::checkpoints;
use polevik_device_store::work::{journal, outbox, outgoing_files, parking};
use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::sync::{SHORT_ROOT_DIGITS, SyncReply, SyncRequest};
use polevik_protocol::version::{PROTOCOL, SCHEMA};

use crate::acting::signed_in_id;
use crate::device::Device;
use crate::error::DeviceError;
use crate::sync::event::{Exchange, News, SessionNo};
use crate::sync::hello;
use crate::sync::upload::{Batch, Choice, Sent, next_batch, rest, settle, take_for_receipts};

/// What a session has to remember between its requests.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    session: SessionNo,
    /// Lanes that the session leaves alone, because the server broke at one of their documents.
    passed_over: BTreeSet<DocumentId>,
    /// Documents were marked to be offered again; once is enough.
    offered_again: bool,
    /// What the last request carried.
    sent: Vec<Sent>,
}

/// A request as it is sent.
pub(crate) struct Asked {
    pub(crate) request: SyncRequest,
    /// Its only document is one at which an earlier request failed.
    pub(crate) known: bool,
}

/// What an answer did to the databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) answered: u32,
    pub(crate) waiting: u32,
    pub(crate) held: u32,
    pub(crate) broken: u32,
    pub(crate) re_enrolled: bool,
    pub(crate) re_offers: bool,
    pub(crate) news: News,
}

impl Device {
    /// What the running session remembers; another session begins with nothing.
    fn memory(&mut self) -> &mut Memory {
        let session = self.engine.session().map(|session| session.number).unwrap_or_default();
        if self.memory.session != session {
            self.memory = Memory { session, ..Memory::default() };
        }
        &mut self.memory
    }

    /// The next request of the session. `now` is the corrected clock.
    pub(crate) fn request(&mut self, exchange: &Exchange, now: UtcMillis) -> Result<Asked, DeviceError> {
        let passed_over = self.memory().passed_over.clone();
        let asked = self.make_request(exchange, &passed_over, now);
        let (mut asked, sent) = self.healed(asked)?;
        if exchange.library {
            let word = self.library_word().map_err(DeviceError::from);
            asked.request.library = self.healed(word)?;
        }
        if polevik_planted::is(polevik_planted::Bug::SettledBeforeAnswer) {
            let tx = self.store.work()?;
            take_for_receipts(&tx, &sent, now)?;
            commit(tx)?;
        }
        // A request that only asks whether the server is well does not make us forget which documents are suspected.
        if !sent.is_empty() {
            self.memory().sent = sent;
        }
        Ok(asked)
    }

    fn make_request(
        &mut self,
        exchange: &Exchange,
        passed_over: &BTreeSet<DocumentId>,
        now: UtcMillis,
    ) -> Result<(Asked, Vec<Sent>), DeviceError> {
        let both = self.store.read()?;
        let batch = match exchange.documents_up_to {
            Some(up_to) => {
                let position = signed_in_id(&both.work)?;
                next_batch(&both.work, &Choice { position, up_to, limit: exchange.limit, passed_over })?
            }
            None => Batch { is_last: true, ..Batch::default() },
        };
        let want_download = exchange.want_download && batch.is_last;
        let (mut root, mut epoch, mut cursors) = (None, None, BTreeMap::new());
        if want_download && !exchange.anew {
            // Without the key of the row hashes nothing can be checked: the next root is fetched for it.
            let feed = checkpoints::feed(&both.reference)?.filter(|feed| feed.hash_key.is_some());
            // The server remembers what stood under the root's name; a request with documents is not to be made twice for that.
            let has_root = feed.as_ref().is_some_and(|feed| !feed.root.is_empty());
            if !has_root || exchange.cursors || exchange.long_way || !batch.documents.is_empty() {
                let checkpoints = checkpoints::all(&both.reference)?;
                cursors = checkpoints.into_iter().map(|checkpoint| (checkpoint.name, checkpoint.cursor.0)).collect();
                epoch = feed.as_ref().map(|feed| feed.epoch.clone());
            }
            root = feed.filter(|feed| !exchange.long_way && !feed.root.is_empty()).map(|feed| short_root(&feed.root));
        }
        let life = journal::life(&both.work, journal::keep_since(now))?;
        let known = matches!(batch.sent.as_slice(), [only] if only.is_known);
        let request = SyncRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            want_download,
            steps: root.is_some(),
            root,
            epoch,
            cursors,
            given_seq: Some(life.given),
            answered_seq: Some(life.answered),
            library: None,
            documents: batch.documents,
        };
        Ok((Asked { request, known }, batch.sent))
    }

    /// Takes an answer: receipts, failures, a new id, and what is to be offered again, in one transaction; the news are kept for the plan.
    pub(crate) fn take_reply(&mut self, exchange: &Exchange, request: &SyncRequest, reply: SyncReply) -> Result<Taken, DeviceError> {
        let news = match (request.want_download, &reply) {
            (false, _) => News::NotAsked,
            (true, SyncReply { cursors_wanted: true, .. }) => News::CursorsWanted,
            (true, SyncReply { step: Some(_), .. }) => News::Step,
            (true, SyncReply { download: Some(_), .. }) => News::Some,
            (true, _) => News::Nothing,
        };
        let taken = self.settle_reply(exchange, &reply, news);
        let taken = self.healed(taken)?;
        if request.library.is_some() && !taken.re_enrolled {
            let noted = self.note_library_news(reply.library.as_ref()).map_err(DeviceError::from);
            self.healed(noted)?;
        }
        self.keep_news(reply.download, reply.step);
        Ok(taken)
    }

    fn settle_reply(&mut self, exchange: &Exchange, reply: &SyncReply, news: News) -> Result<Taken, DeviceError> {
        let (sent, may_offer) = (std::mem::take(&mut self.memory().sent), !self.memory.offered_again);
        let mut passed_over = self.memory.passed_over.clone();
        let mut taken = Taken { answered: 0, waiting: 0, held: 0, broken: 0, re_enrolled: false, re_offers: false, news };
        let tx = self.store.work()?;
        if let Some(new) = &reply.re_enrol {
            hello::re_enrol(&tx, new)?;
            commit(tx)?;
            return Ok(Taken { re_enrolled: true, ..taken });
        }
        let position = signed_in_id(&tx)?;
        // What is still on offer from before is not marked a second time.
        let may_offer = may_offer && outbox::re_offered(&tx, position)? == 0;
        if polevik_planted::is(polevik_planted::Bug::AnswerTakenForReceipts) {
            take_for_receipts(&tx, &sent, reply.server_time_ms)?;
        }
        let settled = settle(&tx, &sent, reply, reply.server_time_ms, may_offer)?;
        passed_over.extend(settled.broken.iter().copied());
        taken.answered = settled.answered;
        taken.broken = u32::try_from(settled.broken.len()).unwrap_or(u32::MAX);
        taken.re_offers = settled.offered_again > 0;
        if let Some(up_to) = exchange.documents_up_to {
            let rest = rest(&tx, &Choice { position, up_to, limit: None, passed_over: &passed_over })?;
            (taken.waiting, taken.held) = (rest.waiting, rest.held);
        }
        commit(tx)?;
        self.memory.passed_over = passed_over;
        self.memory.offered_again |= taken.re_offers;
        self.memory.sent = sent;
        Ok(taken)
    }

    /// The one document of the last request made it fail: that is counted, the third time sets it aside, and this session leaves it alone.
    pub(crate) fn blame(&mut self, now: UtcMillis) -> Result<(), DeviceError> {
        let sent = self.memory().sent.clone();
        let counted = (|| {
            let tx = self.store.work()?;
            for sent in &sent {
                parking::count_failure(&tx, sent.revision.id, sent.revision.revision, now)?;
            }
            Ok(commit(tx)?)
        })();
        self.healed(counted)?;
        self.memory.passed_over.extend(sent.iter().map(|sent| sent.lane));
        Ok(())
    }

    /// The server lost what it had answered: documents of the last thirty days are marked to be offered again. Says whether there are any.
    pub(crate) fn offer_again(&mut self, now: UtcMillis) -> Result<bool, DeviceError> {
        if self.memory().offered_again {
            return Ok(false);
        }
        let marked = (|| {
            let tx = self.store.work()?;
            let marked = journal::mark_re_offer(&tx, journal::keep_since(now))? + outgoing_files::offer_again(&tx)?;
            commit(tx)?;
            Ok(marked > 0)
        })();
        let marked = self.healed(marked)?;
        self.memory.offered_again = true;
        Ok(marked)
    }
}

/// So many digits of a root's name are enough to say which one is held.
pub(crate) fn short_root(name: &str) -> String {
    name.get(..SHORT_ROOT_DIGITS).unwrap_or(name).to_owned()
}
