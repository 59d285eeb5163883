//! The same world with other clocks (I15): whatever the clocks of the phones say, the office ends up with the same documents, effects and rows.

use polevik_testkit::random::Random;

use crate::plan::{Op, Plan, Step};
use crate::shared::{Keep, Violation};
use crate::world::{self, Outcome};

/// The plan of a world whose phones all have the right time. No bit flips in it: which one it hits depends on the times that stand in the file.
pub fn with_right_clocks(plan: &Plan) -> Plan {
    let mut right = plan.clone();
    right.steps.retain(|step| !matches!(step.op, Op::SetClock { .. } | Op::FlipBit { .. }));
    right
}

/// Runs the world of `right`, where all clocks are right and which came out as `outcome`, with a wrong clock in every phone.
///
/// # Errors
///
/// What differs.
pub fn compare(right: &Plan, outcome: &Outcome) -> Result<(), Violation> {
    let mut random = Random::new(right.seed ^ 0x636c_6f63);
    let mut wrong = right.clone();
    let set = (0..right.phones).map(|phone| Step { at_ms: 0, op: Op::SetClock { phone, pick: random.bits() } });
    wrong.steps.splice(0..0, set.collect::<Vec<_>>());
    let other = world::run(&wrong, Keep::Results);
    if let Some(violation) = other.violation {
        return Err(Violation::new(violation.invariant, format!("with wrong clocks: {}", violation.what)));
    }
    let mut pairs = outcome.results.iter().zip(&other.results);
    if let Some((one, two)) = pairs.find(|(one, two)| one != two) {
        return Err(Violation::new("I15", format!("with right clocks {one}, with wrong ones {two}")));
    }
    if outcome.results.len() != other.results.len() {
        let what = format!("with right clocks {} results, with wrong ones {}", outcome.results.len(), other.results.len());
        return Err(Violation::new("I15", what));
    }
    Ok(())
}
