//! The project's own tasks, for people and for the scripts `run` and `test`.
//!
//! One file per task; this one only reads the command line.

mod arrows;
mod assets;
mod bench;
mod build_web;
mod compression;
mod dependencies;
mod error_codes;
mod file_rules;
mod metadata;
mod web_modules;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's own tasks", disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything for release and measure it: `--only NAME`, `--quick`, `--json FILE`, `--help`
    Bench {
        /// What the benchmark is told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Build the mobile application (two wasm modules and their files)
    BuildWeb {
        /// Quick to build and large: little optimisation, light compression
        #[arg(long)]
        dev: bool,
        /// The folder to publish into
        #[arg(long, default_value = "target/dist", value_name = "FOLDER")]
        dist: PathBuf,
    },
    /// Check which crate may know which, what other people's crates we take, and where SQL and the system clock may stand
    Arrows,
    /// Write docs/error-codes.md from the enum and the texts of the screens
    ErrorCodes {
        /// Write nothing; fail if the page is out of date
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(CommandLine::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Causes on one line; a backtrace through this program helps nobody.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = workspace_folder()?;
    match task {
        Task::Bench { words } => bench::run(&workspace, &words),
        Task::BuildWeb { dev, dist } => {
            let mode = if dev { web_modules::Mode::Dev } else { web_modules::Mode::Release };
            build_web::run(&workspace, &dist, mode)
        }
        Task::Arrows => {
            let metadata = metadata::of(&workspace)?;
            arrows::check(&metadata)?;
            dependencies::check(&metadata)?;
            file_rules::check(&workspace)
        }
        Task::ErrorCodes { check: true } => error_codes::check(&workspace),
        Task::ErrorCodes { check: false } => error_codes::write(&workspace),
    }
}

/// The folder of the workspace's `Cargo.toml`.
fn workspace_folder() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).context("xtask stands in a folder of the workspace")
}
