//! `polevik-server migrate`: brings the database to this program's schema.

use std::process::ExitCode;

use anyhow::Result;
use polevik_server_store::{Store, migrate};

use super::DataFolder;
use crate::database::system_now;

/// Bring the database to the schema of this program, or make an empty one.
///
/// Steps that were taken already are not taken again; each new step is one transaction. Stop `serve` of an older program first, and keep a
/// copy of the folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataFolder,
}

/// Applies what is missing and says what that was.
///
/// # Errors
///
/// When the database is not ours, newer, or the disk refuses.
pub fn run(args: &Args) -> Result<ExitCode> {
    let store = Store::open_or_create(&args.data.path)?;
    let applied = migrate::run(&store, system_now())?;
    for (version, name) in &applied {
        println!("applied {version:04} {name}");
    }
    println!("{} is at schema {}", store.path().display(), migrate::newest());
    Ok(ExitCode::SUCCESS)
}
