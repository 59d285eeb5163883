//! One world: phones, a network, an office and its server, on one thread and in virtual time.

mod acts;
mod drain;
mod judge;
mod morning;

use std::cell::RefCell;
use std::rc::Rc;

use polevik_domain::ids::DeviceId;

use self::morning::Morning;
use crate::clock;
use crate::handset::Handset;
use crate::network::Network;
use crate::oracle::Oracle;
use crate::oracle::frozen::put_old_installation;
use crate::people::Desk;
use crate::plan::{Op, Plan};
use crate::server::Office;
use crate::shared::{Keep, Shared, Violation, words_of};

/// What became of one world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which.
    pub seed: u64,
    /// The first promise that was not kept.
    pub violation: Option<Violation>,
    /// The hash over the trace, and how many lines it has.
    pub digest: (String, u64),
    /// The trace, if it was kept.
    pub lines: Vec<String>,
    /// Documents that were reported as saved.
    pub saved: u64,
    /// What the office ended up with, in words without times; if it was kept.
    pub results: Vec<String>,
}

/// Runs a plan to its end. A panic anywhere in it is a violation.
pub fn run(plan: &Plan, keep: Keep) -> Outcome {
    let shared = Rc::new(Shared::new(plan.seed, keep));
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let morning = Morning::of(plan)?;
        in_virtual_time(morning.at_ms, live(plan, &morning, &shared, &oracle))
    }));
    #[cfg(feature = "planted")]
    polevik_planted::plant(None);
    match ran {
        Ok(Ok(())) => (),
        Ok(Err(violation)) => shared.violated(violation),
        Err(panic) => shared.violated(Violation::new("panic", words_of(&*panic))),
    }
    let saved = oracle.try_borrow().map_or(0, |oracle| oracle.saved);
    Outcome {
        seed: plan.seed,
        violation: shared.violation(),
        digest: shared.trace.digest(),
        lines: shared.trace.lines(),
        saved,
        results: shared.results.take(),
    }
}

/// Runs something in virtual time that begins so many milliseconds after the first of all worlds.
fn in_virtual_time<T>(before_ms: i64, life: impl Future<Output = Result<T, Violation>>) -> Result<T, Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = runtime else { return Err(Violation::new("start", "no runtime")) };
    tokio::task::LocalSet::new().block_on(&runtime, async {
        clock::begin(before_ms);
        life.await
    })
}

async fn live(plan: &Plan, morning: &Morning, shared: &Rc<Shared>, oracle: &Rc<RefCell<Oracle>>) -> Result<(), Violation> {
    let mut world = World::new(plan, morning, shared, oracle)?;
    for step in &plan.steps {
        clock::sleep_until(step.at_ms).await;
        shared.trace.line(format_args!("> {}", serde_json::to_string(&step.op).unwrap_or_default()));
        world.perform(&step.op);
        world.look_at(step.op.phone())?;
        if shared.violation().is_some() {
            return Ok(());
        }
    }
    world.end().await
}

impl Op {
    /// Which phone it is about.
    fn phone(&self) -> Option<usize> {
        match self {
            Self::Visit { phone, .. }
            | Self::Order { phone, .. }
            | Self::Photo { phone, .. }
            | Self::SetWiFiOnly { phone, .. }
            | Self::SetNetwork { phone, .. }
            | Self::Sync { phone, .. }
            | Self::StopSync { phone }
            | Self::Wake { phone }
            | Self::Login { phone, .. }
            | Self::Logout { phone, .. }
            | Self::Foreground { phone, .. }
            | Self::Withdraw { phone, .. }
            | Self::Unpark { phone }
            | Self::Check { phone }
            | Self::KillPhone { phone, .. }
            | Self::PowerLoss { phone, .. }
            | Self::CrashPhoneAt { phone, .. }
            | Self::DiskFull { phone, .. }
            | Self::DiskError { phone, .. }
            | Self::FlipBit { phone, .. }
            | Self::WipeReference { phone }
            | Self::BackUpPhone { phone }
            | Self::RestorePhone { phone }
            | Self::ClonePhone { phone, .. }
            | Self::SetClock { phone, .. }
            | Self::SetZone { phone, .. }
            | Self::Net { phone, .. }
            | Self::Offline { phone, .. }
            | Self::Portal { phone, .. }
            | Self::BlockDevice { phone } => Some(*phone),
            Self::Storm { .. }
            | Self::KillServer { .. }
            | Self::ServerPowerLoss { .. }
            | Self::CrashServerAt { .. }
            | Self::ServerDiskError { .. }
            | Self::BackUpServer
            | Self::RestoreServer { .. }
            | Self::Seal
            | Self::CollectGarbage
            | Self::Poison { .. }
            | Self::Import { .. }
            | Self::States { .. }
            | Self::ChangePosition { .. }
            | Self::MoveTerritory { .. } => None,
        }
    }
}

struct World {
    shared: Rc<Shared>,
    oracle: Rc<RefCell<Oracle>>,
    office: Rc<Office>,
    network: Rc<Network>,
    desk: Desk,
    phones: Vec<Rc<Handset>>,
    blocked: Vec<DeviceId>,
}

impl World {
    fn new(plan: &Plan, morning: &Morning, shared: &Rc<Shared>, oracle: &Rc<RefCell<Oracle>>) -> Result<Self, Violation> {
        let company = &morning.company;
        #[cfg(feature = "planted")]
        polevik_planted::plant(plan.bug.as_deref().and_then(polevik_planted::Bug::parse));
        let office = Rc::new(Office::new(shared, oracle, plan.servers, &company.begin)?);
        let desk = Desk::of(company, shared, &office, oracle);
        office.note_heads();
        let network = Rc::new(Network::new(Rc::clone(shared), Rc::clone(&office)));
        let phones: Vec<Rc<Handset>> =
            (0..plan.phones).map(|number| Handset::new(shared, &network, number, number, morning.disk_of(number))).collect();
        for phone in &phones {
            // In every fourth world some phones come from versions that were shipped before.
            if plan.seed % 4 == 1 && phone.number % 2 == 1 {
                let position = desk.people[phone.rep].position_id();
                put_old_installation(&phone.disk, phone.number, position)
                    .map_err(|error| Violation::new("I22", format!("a frozen database cannot be made: {error}")))?;
            }
            phone.start();
        }
        Ok(Self { shared: Rc::clone(shared), oracle: Rc::clone(oracle), office, network, desk, phones, blocked: Vec::new() })
    }

    fn phone(&self, number: usize) -> Rc<Handset> {
        Rc::clone(&self.phones[number % self.phones.len()])
    }

    /// Compares a phone, or every phone, with what was promised.
    fn look_at(&self, number: Option<usize>) -> Result<(), Violation> {
        let Some(number) = number else { return Ok(()) };
        self.look_at_phone(&self.phone(number))
    }

    fn look_at_phone(&self, phone: &Rc<Handset>) -> Result<(), Violation> {
        if phone.lost_power.replace(false) {
            self.oracle.borrow_mut().forget_cursors(phone.number);
        }
        let store = self.office.desk().filter(|_| !self.office.disk().has_crashed());
        let is_rotten = phone.is_rotten.get();
        phone.note_switch();
        let looked = phone.look(|both| self.oracle.borrow_mut().look_at_phone(phone.number, both, store.as_ref(), is_rotten));
        match looked {
            Some(Err(violation)) if self.is_excused(phone, &violation) => Ok(()),
            Some(result) => result,
            None => Ok(()),
        }
    }

    /// A planned failure of the disk may hit the oracle's own reading.
    fn is_excused(&self, phone: &Rc<Handset>, violation: &Violation) -> bool {
        violation.what.contains("cannot be read") && (phone.disk.failed() > 0 || violation.invariant == "I7")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Draw, Step};

    const SMALL: Draw = Draw { steps: 40, phones: Some(2), faults: true };

    #[test]
    fn the_same_seed_gives_the_same_trace_and_every_promise_is_kept() {
        let plan = Plan::draw(7, SMALL);
        let (first, second) = (run(&plan, Keep::Nothing), run(&plan, Keep::Nothing));
        assert_eq!(first.violation, None);
        assert_eq!(first.digest, second.digest);
        assert_ne!(first.digest, run(&Plan::draw(8, SMALL), Keep::Nothing).digest);
    }

    #[test]
    fn any_part_of_a_plan_is_a_plan() {
        let whole = Plan::draw(7, SMALL);
        for kept in [0, 1, 2] {
            let steps: Vec<Step> =
                whole.steps.iter().enumerate().filter(|(place, _)| place % 3 == kept).map(|(_, step)| step.clone()).collect();
            assert_eq!(run(&Plan { steps, ..whole.clone() }, Keep::Nothing).violation, None);
        }
    }

    /// Seed 64, made short: the server was restored from a backup while new work waited on a phone.
    #[test]
    fn a_restored_server_gets_back_what_it_was_sent_after_the_backup() {
        let at = |at_ms, op| Step { at_ms, op };
        let mut steps = vec![
            at(1_000, Op::Login { phone: 1, pick: 0 }),
            at(60_000, Op::Sync { phone: 1, pick: 0 }),
            at(100_000, Op::BackUpServer),
            at(300_000, Op::Sync { phone: 1, pick: 0 }),
            at(400_000, Op::RestoreServer { pick: 1 }),
            at(500_000, Op::WipeReference { phone: 1 }),
        ];
        // Every outlet is tried, because only some are the rep's; what was begun is finished when the copy of the office is gone.
        steps.extend((0..16).map(|pick| at(200_000 + pick, Op::Visit { phone: 1, pick })));
        steps.push(at(600_000, Op::Visit { phone: 1, pick: 3 }));
        steps.sort_by_key(|step| step.at_ms);
        let outcome = run(&Plan { seed: 64, phones: 2, servers: 1, bug: None, steps }, Keep::Nothing);
        assert_eq!((outcome.violation, outcome.saved > 1), (None, true));
    }
}
