//! A world that fails, made short: fewer steps, the same promise broken.

use crate::plan::Plan;
use crate::shared::Keep;
use crate::simulate::one;

/// How many worlds are tried at most.
const MOST_TRIES: usize = 600;

/// The shortest plan that was found to break the same promise (delta debugging: leave out ever smaller pieces for as long as it still fails).
pub fn shrink(plan: &Plan, invariant: &str) -> Plan {
    let mut best = plan.clone();
    let mut tries = 0;
    let fails = |candidate: &Plan, tries: &mut usize| {
        *tries += 1;
        one(candidate, Keep::Nothing).violation.is_some_and(|violation| violation.invariant == invariant)
    };
    // What stands behind the failure never ran.
    let mut pieces = 2;
    while best.steps.len() > 1 && tries < MOST_TRIES {
        let size = best.steps.len().div_ceil(pieces);
        let mut shortened = false;
        let mut from = 0;
        while from < best.steps.len() && tries < MOST_TRIES {
            let mut candidate = best.clone();
            let to = (from + size).min(candidate.steps.len());
            candidate.steps.drain(from..to);
            if fails(&candidate, &mut tries) {
                best = candidate;
                shortened = true;
            } else {
                from = to;
            }
        }
        if size == 1 && !shortened {
            break;
        }
        pieces = if shortened { pieces.max(2) } else { (pieces * 2).min(best.steps.len().max(2)) };
    }
    for servers in 1..best.servers {
        let candidate = Plan { servers, ..best.clone() };
        if fails(&candidate, &mut tries) {
            best = candidate;
        }
    }
    best
}

/// The steps as a list that can be read aloud.
pub fn as_list(plan: &Plan) -> String {
    let mut text = format!("seed {}, {} phones, {} server processes\n", plan.seed, plan.phones, plan.servers);
    for step in &plan.steps {
        let op = serde_json::to_string(&step.op).unwrap_or_default();
        text.push_str(&format!("  {:>9} ms  {op}\n", step.at_ms));
    }
    text
}
