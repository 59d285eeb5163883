//! How a world begins: with new phones, or with phones that have had their first day. That day is lived once for each company, and the disks as
//! it left them are where the worlds begin.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use polevik_testkit::disk::Disk;

use super::{World, in_virtual_time};
use crate::clock;
use crate::oracle::Oracle;
use crate::people::{Company, variant};
use crate::plan::{Op, Plan, Step, begins_settled};
use crate::shared::{Keep, Shared, Violation};

/// How long the first day is, in milliseconds: enough to sign in and to fetch everything.
const DAY_MS: u64 = 60_000;

/// What a world begins with.
#[derive(Clone)]
pub(super) struct Morning {
    /// The company.
    pub company: Company,
    /// The disks of its phones; none if they are new.
    disks: Vec<Disk>,
    /// How long after the first of all worlds it begins.
    pub at_ms: i64,
}

impl Morning {
    /// The morning of a plan's world. Not to be called in virtual time.
    ///
    /// # Errors
    ///
    /// When the company cannot be founded, or its first day goes wrong.
    pub fn of(plan: &Plan) -> Result<Self, Violation> {
        thread_local! {
            static LIVED: RefCell<BTreeMap<(u64, usize), Morning>> = const { RefCell::new(BTreeMap::new()) };
        }
        let first = Self { company: Company::of(plan.seed, plan.phones)?, disks: Vec::new(), at_ms: 0 };
        if !begins_settled(plan.seed) {
            return Ok(first);
        }
        let key = (variant(plan.seed), plan.phones);
        if let Some(lived) = LIVED.with_borrow(|lived| lived.get(&key).cloned()) {
            return Ok(lived);
        }
        let settled = in_virtual_time(0, first_day(key, &first))?;
        LIVED.with_borrow_mut(|lived| lived.insert(key, settled.clone()));
        Ok(settled)
    }

    /// The disk of a phone.
    pub fn disk_of(&self, phone: usize) -> Disk {
        self.disks.get(phone).map_or_else(Disk::new, Disk::fork)
    }
}

/// Everybody signs in and fetches the copy of the office; nothing goes wrong.
async fn first_day((variant, phones): (u64, usize), first: &Morning) -> Result<Morning, Violation> {
    let login = |phone| Step { at_ms: 0, op: Op::Login { phone, pick: 0 } };
    // A seed of a world with new phones.
    let plan = Plan { seed: variant * 4, phones, servers: 1, bug: None, steps: (0..phones).map(login).collect() };
    let shared = Rc::new(Shared::new(plan.seed, Keep::Nothing));
    let mut world = World::new(&plan, first, &shared, &Rc::new(RefCell::new(Oracle::default())))?;
    for step in &plan.steps {
        world.perform(&step.op);
    }
    clock::sleep(DAY_MS).await;
    let mut disks = Vec::new();
    for phone in &world.phones {
        phone.end();
    }
    // A process is gone, with its connections, when its tasks were dropped.
    clock::sleep(10).await;
    for phone in &world.phones {
        disks.push(phone.disk.fork());
    }
    if let Some(violation) = shared.violation() {
        return Err(violation);
    }
    let store = world.office.desk().ok_or_else(|| Violation::new("start", "the server is down"))?;
    store.checkpoint().map_err(|error| Violation::new("start", error.to_string()))?;
    let company = first.company.later(world.office.as_beginning());
    Ok(Morning { company, disks, at_ms: i64::try_from(2 * DAY_MS).unwrap_or(0) })
}
