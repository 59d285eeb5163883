//! `polevik-fleet simulate`: one world for each seed, some on each thread.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clocks;
use crate::plan::{Draw, Plan};
use crate::shared::{Keep, Violation};
use crate::shrink::{as_list, shrink};
use crate::world::{self, Outcome};

/// Every so many seeds a world is run twice, and its two traces are compared.
const TWICE_EVERY: u64 = 50;

/// Every so many seeds, from the seventh on, a world is run with right and with wrong clocks, and its results are compared.
const CLOCKS_EVERY: u64 = 20;

/// A long run says every so many seeds that it is alive.
const TELL_EVERY: u64 = 1_000;

/// See the module.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Threads; as many as the machine has cores if absent.
    #[arg(long)]
    jobs: Option<usize>,
    /// Steps of each world; every tenth has four times as many.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Phones of each world; two to eight, as the seed wants, if absent.
    #[arg(long)]
    devices: Option<usize>,
    /// Nothing goes wrong.
    #[arg(long)]
    no_faults: bool,
    /// Steps to leave out, by their names, for example `restore_server`.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Print what happened.
    #[arg(long)]
    trace: bool,
    /// Where the short plans of failing seeds are written.
    #[arg(long, default_value = "target/fleet")]
    out: PathBuf,
    /// Leave failing seeds as long as they are.
    #[arg(long)]
    no_shrink: bool,
    /// Give up after so many failing seeds.
    #[arg(long, default_value_t = 5)]
    most_failures: usize,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> ExitCode {
    let draw = Draw { steps: arguments.steps, phones: arguments.devices, faults: !arguments.no_faults };
    let jobs = arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    #[expect(clippy::disallowed_methods, reason = "how long a run took is told to people; no world sees it")]
    let began = std::time::SystemTime::now();
    std::panic::set_hook(Box::new(|_| ()));
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let enough = AtomicBool::new(false);
    let (failures, saved, lines) = (Mutex::new(Vec::<Outcome>::new()), AtomicU64::new(0), AtomicU64::new(0));
    let ran = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let plan = plan_of(seed, draw, &arguments.without);
                    let outcome = one(&plan, if arguments.trace { Keep::Trace } else { Keep::Nothing });
                    saved.fetch_add(outcome.saved, Ordering::Relaxed);
                    lines.fetch_add(outcome.digest.1, Ordering::Relaxed);
                    let done = ran.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of(TELL_EVERY) {
                        let seconds = began.elapsed().unwrap_or_default().as_secs();
                        println!("{done} seeds in {seconds} s, {} documents saved", saved.load(Ordering::Relaxed));
                    }
                    if arguments.trace {
                        println!("{}", outcome.lines.join("\n"));
                    }
                    if outcome.violation.is_some() {
                        let told = tell(&plan, &outcome, arguments);
                        println!("{told}");
                        let mut failures = failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        failures.push(outcome);
                        enough.store(failures.len() >= arguments.most_failures, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ran = ran.into_inner();
    let seconds = began.elapsed().unwrap_or_default().as_secs_f64();
    println!(
        "{ran} seeds in {seconds:.1} s on {jobs} threads; {} documents saved, {} lines of trace; {} failed",
        saved.into_inner(),
        lines.into_inner(),
        failures.len()
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The plan of a seed, without the steps that are not wanted.
fn plan_of(seed: u64, draw: Draw, without: &[String]) -> Plan {
    let mut plan = Plan::draw(seed, draw);
    if !without.is_empty() {
        plan.steps.retain(|step| !without.iter().any(|name| *name == step.op.name()));
    }
    plan
}

/// Runs a world; now and then twice, because a world that differs from itself cannot be repeated, and now and then with other clocks.
pub fn one(plan: &Plan, keep: Keep) -> Outcome {
    if plan.seed % CLOCKS_EVERY == 7 {
        let right = clocks::with_right_clocks(plan);
        let outcome = world::run(&right, Keep::Results);
        if outcome.violation.is_none()
            && let Err(violation) = clocks::compare(&right, &outcome)
        {
            return Outcome { violation: Some(violation), ..outcome };
        }
        return outcome;
    }
    let outcome = world::run(plan, keep);
    if plan.seed.is_multiple_of(TWICE_EVERY) && outcome.violation.is_none() {
        let again = world::run(plan, keep);
        if again.digest != outcome.digest {
            let what = format!("two runs differ: {:?} and {:?}", outcome.digest, again.digest);
            return Outcome { violation: Some(Violation::new("repeatable", what)), ..outcome };
        }
    }
    outcome
}

/// What is said of a failing seed: what broke, and the short list of steps that breaks it.
fn tell(plan: &Plan, outcome: &Outcome, arguments: &Arguments) -> String {
    let Some(violation) = &outcome.violation else { return String::new() };
    let headline = format!("seed {}: {}: {}", outcome.seed, violation.invariant, violation.what);
    if arguments.no_shrink {
        return headline;
    }
    let short = shrink(plan, violation.invariant);
    let file = arguments.out.join(format!("seed-{}.json", plan.seed));
    let json = serde_json::to_vec_pretty(&short).unwrap_or_default();
    let written = std::fs::create_dir_all(&arguments.out).and_then(|()| std::fs::write(&file, json));
    let again = one(&short, Keep::Nothing).violation.map(|violation| violation.what).unwrap_or_default();
    let road = match written {
        Ok(()) => format!("polevik-fleet replay {}", file.display()),
        Err(error) => format!("{} could not be written: {error}", file.display()),
    };
    format!("{headline}\n{}  {again}\n  {road}", as_list(&short))
}
