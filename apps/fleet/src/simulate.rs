//! `polevik-fleet simulate`: one world for each seed, some on each thread.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::plan::{Draw, Plan};
use crate::world::{self, Outcome};

/// How many failing seeds are told before a run gives up.
const MOST_FAILURES: usize = 5;

/// Every so many seeds a world is run twice, and its two traces are compared.
const TWICE_EVERY: u64 = 50;

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
    /// Steps of each world.
    #[arg(long, default_value_t = 250)]
    steps: usize,
    /// Phones of each world; three to eight, as the seed wants, if absent.
    #[arg(long)]
    devices: Option<usize>,
    /// Nothing goes wrong.
    #[arg(long)]
    no_faults: bool,
    /// Print what happened.
    #[arg(long)]
    trace: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> ExitCode {
    let draw = Draw { steps: arguments.steps, phones: arguments.devices, faults: !arguments.no_faults };
    let jobs = arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let began = std::time::SystemTime::now();
    std::panic::set_hook(Box::new(|_| ()));
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let enough = AtomicBool::new(false);
    let (failures, saved, lines) = (Mutex::new(Vec::<Outcome>::new()), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let outcome = one(seed, draw, arguments.trace);
                    saved.fetch_add(outcome.saved, Ordering::Relaxed);
                    lines.fetch_add(outcome.digest.1, Ordering::Relaxed);
                    if arguments.trace {
                        println!("{}", outcome.lines.join("\n"));
                    }
                    if outcome.violation.is_some() {
                        let mut failures = failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        tell(&outcome);
                        failures.push(outcome);
                        enough.store(failures.len() >= MOST_FAILURES, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ran = next.into_inner().min(end) - arguments.from;
    let seconds = began.elapsed().unwrap_or_default().as_secs_f64();
    println!(
        "{ran} seeds in {seconds:.1} s on {jobs} threads; {} documents saved, {} lines of trace; {} failed",
        saved.into_inner(),
        lines.into_inner(),
        failures.len()
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the world of a seed; now and then twice, because a world that differs from itself cannot be repeated.
fn one(seed: u64, draw: Draw, trace: bool) -> Outcome {
    let plan = Plan::draw(seed, draw);
    let outcome = world::run(&plan, trace);
    if seed % TWICE_EVERY == 0 && outcome.violation.is_none() {
        let again = world::run(&plan, trace);
        if again.digest != outcome.digest {
            let what = format!("two runs differ: {:?} and {:?}", outcome.digest, again.digest);
            return Outcome { violation: Some(crate::shared::Violation::new("repeatable", what)), ..outcome };
        }
    }
    outcome
}

fn tell(outcome: &Outcome) {
    if let Some(violation) = &outcome.violation {
        println!("seed {}: {}: {}", outcome.seed, violation.invariant, violation.what);
    }
}
