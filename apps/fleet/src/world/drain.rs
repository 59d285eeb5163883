//! The end of a world: nothing goes wrong any more, everybody reconnects, and everything must drain in time.

use std::rc::Rc;

use polevik_device_api::frame::Request;
use polevik_device_api::{Command, NetworkClass, RowState, RowView};
use polevik_device_store::Transaction;
use polevik_protocol::ErrorCode;
use polevik_protocol::error_code::Retry;
use polevik_testkit::disk::Crash;

use super::World;
use crate::clock;
use crate::handset::Handset;
use crate::oracle::{central, phone};
use crate::shared::Violation;

/// The longest wait between two tries of a device, with its jitter, in milliseconds.
const RETRY_PERIOD_MS: u64 = 1_800 * 1_200;

/// How long everything may take to drain once nothing goes wrong any more: three retry periods.
const DRAIN_MS: u64 = 3 * RETRY_PERIOD_MS;

impl World {
    /// Nothing goes wrong any more; everybody reconnects; everything drains; and then all is compared.
    pub(super) async fn end(&mut self) -> Result<(), Violation> {
        self.shared.trace.line(format_args!("> the end begins"));
        self.network.storm(0);
        self.office.mend();
        self.office.each_store(central::cure);
        self.desk.mend()?;
        for phone in &self.phones {
            phone.connection.mend();
            phone.disk.heal();
            phone.disk.crash_at(u64::MAX, Crash::Process);
            phone.disk.set_capacity(None);
            phone.enter_network(NetworkClass::WiFi);
            // Where the results of other clocks are compared, these stay as they were.
            if !self.shared.wants_results {
                phone.set_clock(0);
            }
            phone.notice_crash();
            phone.start();
        }
        self.drain("first").await?;
        if self.phones.iter().any(|phone| phone.is_rotten.get()) {
            // Whatever a bit that flipped has done, the check of the copy finds it.
            self.phones.iter().for_each(|phone| phone.wants_check.set(phone.is_rotten.get()));
            self.drain("checking").await?;
            for phone in &self.phones {
                if phone.is_rotten.replace(false) {
                    self.oracle.borrow_mut().forget_cursors(phone.number);
                }
            }
        }
        // What is written when all is well goes through as well.
        for (place, phone) in self.phones.iter().enumerate() {
            self.order(phone, self.shared.seed.wrapping_add(place as u64));
        }
        self.desk.import(crate::plan::ImportKind::Prices, self.shared.seed);
        self.drain("second").await?;
        self.judge().await
    }

    /// Lets virtual time pass until everything has drained.
    async fn drain(&mut self, round: &str) -> Result<(), Violation> {
        let deadline = clock::elapsed_ms() + DRAIN_MS;
        // In half of the worlds nobody presses at first: what failed goes on by itself, however often it has failed.
        let presses = round != "first" || self.shared.seed.is_multiple_of(2);
        for phone in &self.phones {
            phone.ask(Request::Execute(Command::Unpark { document: None }));
            if presses {
                phone.ask(Request::Wake);
                phone.ask(Request::Sync(None));
            }
        }
        let mut pause_ms = 10_000;
        loop {
            clock::sleep(pause_ms).await;
            pause_ms = (pause_ms * 3 / 2).min(300_000);
            if self.shared.violation().is_some() {
                return Ok(());
            }
            let mut open = Vec::new();
            for phone in &self.phones {
                self.look_at_phone(phone)?;
                if let Some(what) = self.still_open(phone)? {
                    open.push(format!("{}: {what}", phone.name));
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            if clock::elapsed_ms() > deadline {
                return Err(Violation::new("I18", format!("after the {round} three periods: {}", open.join("; "))));
            }
        }
    }

    /// What a phone still has to do; `None` if nothing. Does for the rep what only a person can do.
    fn still_open(&self, phone: &Rc<Handset>) -> Result<Option<String>, Violation> {
        let Some(view) = phone.sync_view() else {
            return Ok(Some("it is off".to_owned()));
        };
        if view.running {
            return Ok(Some("a session runs".to_owned()));
        }
        let looked = phone.look(|both| {
            let token = phone::option(&both.work, "token")?;
            let position = phone::option(&both.work, "position")?;
            Ok::<_, rusqlite::Error>((token.is_some(), position, unsent(&both.work)?, phone::checkpoints(&both.reference)?))
        });
        let (signed_in, position, unanswered, (epoch, checkpoints)) = match looked {
            Some(Ok(looked)) => looked,
            Some(Err(error)) => {
                // A phone that asks only whether there is news does not meet every page: the check of the day finds it, here at once.
                if phone.is_rotten.get() {
                    let is_signed_in = matches!(phone.look(|both| phone::option(&both.work, "token")), Some(Ok(Some(_))));
                    let own = self.desk.people[phone.rep % self.desk.people.len()].position_id();
                    if let Some(person) = self.desk.place_of(own).filter(|_| !is_signed_in) {
                        self.log_in(phone, person);
                    } else {
                        phone.ask(Request::Check);
                    }
                }
                return Ok(Some(format!("it cannot be read: {error}")));
            }
            None => return Ok(Some("it is off".to_owned())),
        };
        let position = position.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok()).and_then(|json| json["id"].as_i64());
        let waits_for_login = view.rows.iter().any(|row| match &row.state {
            RowState::Failed { failure, .. } => matches!(failure.code.as_str(), "A201" | "A203"),
            _ => false,
        });
        // Whose documents wait? That person signs in; at last the phone's own rep.
        let waiting = unanswered.first().map(|(waiting, _)| *waiting);
        let own = self.desk.people[phone.rep % self.desk.people.len()].position_id();
        let wanted = waiting.unwrap_or(own);
        if !signed_in || waits_for_login || position != Some(wanted) {
            if let Some(person) = self.desk.place_of(wanted) {
                self.log_in(phone, person);
            }
            // A check that met the sign-in was not made.
            phone.wants_check.set(phone.is_rotten.get());
            return Ok(Some(format!("it signs in for {wanted}")));
        }
        let waits_for_a_press = |row: &RowView| match &row.state {
            RowState::Never | RowState::Stopped => true,
            // The office has unblocked the device, the certificate is good again: nobody tells the phone.
            RowState::Failed { failure, next_try_at: None } => match failure.code.retry() {
                Retry::OnNetworkChange | Retry::AfterAction | Retry::Never => true,
                Retry::Later | Retry::Once | Retry::AtServerTime => failure.code == ErrorCode::DatabaseDamaged,
            },
            _ => false,
        };
        if view.rows.iter().any(waits_for_a_press) {
            phone.ask(Request::Sync(None));
            return Ok(Some("the rep has to press".to_owned()));
        }
        if let Some((_, count)) = unanswered.first() {
            // The rep sees that something waits, and presses.
            if view.rows.iter().all(|row| row.state == RowState::Ok) {
                phone.ask(Request::Sync(None));
            }
            return Ok(Some(format!(
                "{count} documents or photos wait; rows {:?}",
                view.rows.iter().map(|row| &row.state).collect::<Vec<_>>()
            )));
        }
        // A row of files is done when all that can be moved is.
        if let Some(row) = view.rows.iter().find(|row| !matches!(row.state, RowState::Ok | RowState::Partial { .. })) {
            return Ok(Some(format!("{:?}", row.state)));
        }
        if phone.wants_check.replace(false) {
            phone.ask(Request::Check);
            return Ok(Some("it is checked".to_owned()));
        }
        if phone.is_rotten.get() {
            return Ok(None);
        }
        let oracle = self.oracle.borrow();
        if let Some(behind) = checkpoints.iter().find(|held| oracle.head(&held.bucket) != held.cursor) {
            let what =
                format!("at {} of {}, whose head is {} (epoch {epoch:?})", behind.cursor, behind.bucket, oracle.head(&behind.bucket));
            drop(oracle);
            phone.ask(Request::Sync(None));
            return Ok(Some(what));
        }
        Ok(None)
    }
}

/// Documents that have no answer, and then photos that have not gone, by position.
fn unsent(work: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut unsent = phone::unanswered(work)?;
    unsent.extend(phone::waiting_photos(work)?);
    Ok(unsent)
}
