//! `polevik-device`: a Polevik device without a screen, with the same core as on the phone.

mod answer;
mod args;
mod commands;
mod files;
mod library;
mod machine;
mod network;
mod order_file;
mod pictures;
mod print;

use std::fs::File;
use std::process::ExitCode;

use clap::Parser;
use polevik_device::files::FileFolder;
use polevik_device::platform::Folder;
use polevik_device::{Device, Outside, Setup};

use crate::answer::{Answer, Problem, Status};
use crate::args::{Action, Arguments};
use crate::machine::Machine;
use crate::network::Network;
use crate::pictures::Decoder;

fn main() -> ExitCode {
    let Arguments { home, json, verbose, network, action } = Arguments::parse();
    let answer = run(&home, Machine { verbose, network }, action).unwrap_or_else(Answer::from);
    match (json, answer.failure) {
        _ if answer.quiet => (),
        (true, _) => println!("{:#}", answer.json),
        (false, None | Some(Status::NotComplete)) if !answer.text.is_empty() => println!("{}", answer.text),
        (false, None | Some(Status::NotComplete)) => (),
        (false, Some(_)) => eprintln!("polevik-device: {}", answer.text),
    }
    answer.failure.map_or(ExitCode::SUCCESS, |status| ExitCode::from(status as u8))
}

fn run(home: &std::path::Path, machine: Machine, action: Action) -> Result<Answer, Problem> {
    let other = |words: String| Problem::new(Status::Other, words);
    let folder = Folder::new(home).map_err(|error| other(error.to_string()))?;
    let _lock = lock(home)?;
    let server = match &action {
        Action::Login(login) => Some(login.server.clone()),
        _ => None,
    };
    let setup = Setup { server, model: "polevik-device".to_owned(), app_version: env!("CARGO_PKG_VERSION").to_owned() };
    let device = Device::open(Box::new(folder), setup, &machine)?;
    let files = FileFolder::new(home).map_err(|error| other(error.to_string()))?;
    let outside = Outside { transport: Network::new().map_err(other)?, host: machine, files, pictures: Decoder };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| other(error.to_string()))?;
    Ok(runtime.block_on(commands::carry_out(device, outside, home, action)))
}

/// One process at a time: two would give the same document numbers twice. The lock ends with the process, however it ends.
fn lock(home: &std::path::Path) -> Result<File, Problem> {
    let path = home.join("lock");
    let failed = |words: String| Problem::new(Status::Other, format!("{}: {words}", path.display()));
    let file = File::create(&path).map_err(|error| failed(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(failed("another polevik-device is using this home; wait until it ends".to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error.to_string())),
    }
}
