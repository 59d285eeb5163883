//! What synchronisation costs: every scenario against the real programs, each figure beside a limit taken in the same run.
//!
//! `cargo xtask bench` builds the programs and starts this one. CPU seconds come from the processes' own clocks, so a busy machine makes wall
//! times worse and these hardly.

mod browser;
mod cpu;
mod dataset;
mod device;
mod http;
mod limits;
mod nginx;
mod office;
mod report;
mod scenarios;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::report::Report;
use crate::scenarios::{Bench, SCENARIOS};

/// What synchronisation costs, on this machine, now.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", disable_help_subcommand = true, after_help = after_help())]
struct Arguments {
    /// Only scenarios whose name begins so; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Write all figures, with every single run, into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A tenth of the rows and fewer runs: whether it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Folder of `polevik-server` and `polevik-device`.
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// Root of the checkout, for the browser scenario.
    #[arg(long, value_name = "DIR")]
    workspace: PathBuf,
}

fn after_help() -> String {
    let mut text = "Scenarios:\n".to_owned();
    for scenario in SCENARIOS {
        text.push_str(&format!("  {:<16} {}\n", scenario.name, scenario.about));
    }
    text
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let Arguments { only, json, quick, programs, workspace } = arguments;
    let chosen: Vec<_> =
        SCENARIOS.iter().filter(|scenario| only.is_empty() || only.iter().any(|name| scenario.name.starts_with(name.as_str()))).collect();
    ensure!(!chosen.is_empty(), "no scenario is called {}; --help lists them", only.join(" or "));

    let mut report = Report::of_this_machine();
    let mut bench = Bench::new(programs, workspace, quick)?;
    for scenario in chosen {
        eprintln!("{}: {}", scenario.name, scenario.about);
        let figures = (scenario.run)(&mut bench).with_context(|| format!("scenario {}", scenario.name))?;
        print!("{}", report.add(scenario.name, figures));
        // After each, so that an interrupted run is not lost.
        if let Some(path) = &json {
            std::fs::write(path, report.json()?).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    println!("{}", report.conclusion());
    Ok(())
}
