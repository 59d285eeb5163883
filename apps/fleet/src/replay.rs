//! `polevik-fleet replay`: one world again, from its file.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::plan::Plan;
use crate::shared::Keep;
use crate::simulate::one;

/// See the module.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file that `simulate` wrote.
    file: PathBuf,
    /// Print what happens.
    #[arg(long)]
    trace: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> ExitCode {
    let read = std::fs::read(&arguments.file).map_err(|error| error.to_string());
    let plan = read.and_then(|bytes| serde_json::from_slice::<Plan>(&bytes).map_err(|error| error.to_string()));
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{}: {error}", arguments.file.display());
            return ExitCode::from(2);
        }
    };
    let outcome = one(&plan, if arguments.trace { Keep::Trace } else { Keep::Nothing });
    for line in &outcome.lines {
        println!("{line}");
    }
    match outcome.violation {
        Some(violation) => {
            println!("{}: {}", violation.invariant, violation.what);
            ExitCode::FAILURE
        }
        None => {
            println!("every promise was kept");
            ExitCode::SUCCESS
        }
    }
}
