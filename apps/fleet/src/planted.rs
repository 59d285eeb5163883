//! `polevik-fleet planted`: the test of the tests. Every planted bug is put in, alone, and seeds are run until a promise is broken.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use polevik_planted::Bug;

use crate::plan::{Draw, Plan};
use crate::shared::Keep;
use crate::world;

/// See the module.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A bug that so many seeds do not find is an error.
    #[arg(long, default_value_t = 1_000)]
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
    /// Only bugs whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
}

/// What became of one bug.
struct Caught {
    bug: Bug,
    /// The seed, how many were run, which promise broke, and what was seen.
    by: Option<(u64, u64, &'static str, String)>,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> ExitCode {
    let bugs: Vec<Bug> = Bug::ALL.iter().copied().filter(|bug| bug.as_str().contains(&arguments.only)).collect();
    let jobs = arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    std::panic::set_hook(Box::new(|_| ()));
    let next = AtomicUsize::new(0);
    let caught = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = hunt(*bug, arguments);
                    caught.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(found);
                }
            });
        }
    });
    let mut caught = caught.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    caught.sort_by_key(|found| found.bug);
    println!("{:<34} {:<12} {:>8} {:>6}  seen", "bug", "caught by", "seed", "seeds");
    for found in &caught {
        match &found.by {
            Some((seed, count, invariant, what)) => {
                let what: String = what.chars().take(90).collect();
                println!("{:<34} {invariant:<12} {seed:>8} {count:>6}  {what}", found.bug.as_str());
            }
            None => println!("{:<34} {:<12} {:>8} {:>6}", found.bug.as_str(), "NOT CAUGHT", "-", arguments.seeds),
        }
    }
    let missed = caught.iter().filter(|found| found.by.is_none()).count();
    println!("{} of {} planted bugs caught within {} seeds", caught.len() - missed, caught.len(), arguments.seeds);
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn hunt(bug: Bug, arguments: &Arguments) -> Caught {
    let draw = Draw { steps: arguments.steps, phones: None, faults: true };
    for seed in arguments.from..arguments.from + arguments.seeds {
        let plan = Plan { bug: Some(bug.as_str().to_owned()), ..Plan::draw(seed, draw) };
        if let Some(violation) = world::run(&plan, Keep::Nothing).violation {
            return Caught { bug, by: Some((seed, seed - arguments.from + 1, violation.invariant, violation.what)) };
        }
    }
    Caught { bug, by: None }
}
