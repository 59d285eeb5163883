//! `polevik-fleet`: many phones, a network, and an office with its real server, in virtual time on one thread; every promise is checked.

mod clock;
mod clocks;
mod handset;
mod network;
mod oracle;
mod people;
mod pictures;
mod plan;
#[cfg(feature = "planted")]
mod planted;
mod replay;
mod server;
mod shared;
mod shrink;
mod simulate;
mod storage;
mod trace;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "polevik-fleet", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run worlds, one for each seed, and check every promise in them.
    Simulate(simulate::Arguments),
    /// Run one world again, from the file that a failing seed left.
    Replay(replay::Arguments),
    /// Put every planted bug in, alone, and see that it is caught.
    #[cfg(feature = "planted")]
    Planted(planted::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        What::Simulate(arguments) => simulate::run(&arguments),
        What::Replay(arguments) => replay::run(&arguments),
        #[cfg(feature = "planted")]
        What::Planted(arguments) => planted::run(&arguments),
    }
}
