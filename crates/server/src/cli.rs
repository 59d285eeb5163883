//! The command line: what there is, and how a failure is told.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{commands, serve};

/// Exit code of an import that refused rows, and of other work that is only partly done.
pub const PARTLY: u8 = 3;

/// The server of Polevik, the field-sales system: it keeps the office's data, serves devices, and takes what they send.
///
/// Every command works on a data folder (--data), which holds the database, large segments and reports of imports.
#[derive(Debug, Parser)]
#[command(
    name = "polevik-server",
    version,
    after_help = "First steps:
  polevik-server demo-data --data data --size M --seed 1    make a company to try with; prints the logins
  polevik-server serve --data data                          serve it on http://127.0.0.1:8080
  polevik-server import products products.csv --data data   bring products of your own
  polevik-server orders list --data data                    see what reps have ordered

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 partly done (an import refused some rows and took the others)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Args>),
    DemoData(commands::demo_data::Args),
    DemoLogins(commands::demo_data::LoginsArgs),
    #[command(subcommand)]
    Device(commands::device::Command),
    #[command(subcommand)]
    Epoch(commands::epoch::Command),
    #[command(subcommand)]
    Feed(commands::feed::Command),
    Gc(commands::gc::Args),
    Import(commands::import::Args),
    #[command(subcommand)]
    IrLibrary(commands::ir_library::Command),
    #[command(subcommand)]
    Maintenance(commands::maintenance::Command),
    /// Materials: files that the office gives to its people.
    #[command(subcommand)]
    Materials(commands::materials::Command),
    Migrate(commands::migrate::Args),
    /// Orders in the central database.
    #[command(subcommand)]
    Orders(commands::orders::Command),
    /// Photos that came from the field.
    #[command(subcommand)]
    Photos(commands::photos::Command),
    /// Parts: distributors with rows and people of their own.
    #[command(subcommand)]
    Part(PartCommand),
    #[command(subcommand)]
    Position(commands::position::Command),
    /// Segments: what devices download.
    #[command(subcommand)]
    Segment(SegmentCommand),
    /// Make a small picture of the one on standard input: what the server starts for each photo.
    #[command(hide = true)]
    Thumbnail,
    /// People who may sign in.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Subcommand)]
enum PartCommand {
    Add(commands::part_add::Args),
}

#[derive(Debug, Subcommand)]
enum SegmentCommand {
    Dump(commands::segment_dump::Args),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    Add(commands::user_add::Args),
}

/// Runs the command that the arguments of this process name.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::DemoData(args) => commands::demo_data::run(&args),
        Command::DemoLogins(args) => commands::demo_data::run_logins(&args),
        Command::Device(command) => commands::device::run(&command),
        Command::Epoch(command) => commands::epoch::run(&command),
        Command::Feed(command) => commands::feed::run(&command),
        Command::Gc(args) => commands::gc::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::IrLibrary(command) => commands::ir_library::run(&command),
        Command::Maintenance(command) => commands::maintenance::run(&command),
        Command::Materials(command) => commands::materials::run(&command),
        Command::Migrate(args) => commands::migrate::run(&args),
        Command::Orders(command) => commands::orders::run(&command),
        Command::Photos(command) => commands::photos::run(&command),
        Command::Thumbnail => crate::file::thumbnails::worker().map(|()| ExitCode::SUCCESS),
        Command::Part(PartCommand::Add(args)) => commands::part_add::run(&args),
        Command::Position(command) => commands::position::run(&command),
        Command::Segment(SegmentCommand::Dump(args)) => commands::segment_dump::run(&args),
        Command::User(UserCommand::Add(args)) => commands::user_add::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
