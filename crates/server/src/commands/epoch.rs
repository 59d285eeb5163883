//! `polevik-server epoch new`: another life of the database, after a backup was restored.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use polevik_server_store::part;
use polevik_server_store::people::devices;

use super::DataFolder;
use super::part_add::random_bytes;
use crate::database;

/// Lives of the database.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    New(NewArgs),
}

/// Begin another life: do this once after a backup was restored, before devices come.
///
/// Change numbers that the lost days gave out would otherwise be given out again for other rows. Devices notice the new epoch by themselves:
/// they compare their rows with the base, fetch the ranges that differ, and offer the documents of the last 30 days again.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Only this part; all of them otherwise.
    #[arg(long, value_name = "ID")]
    part: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// So many devices of a part may have signed in for the first time between the backup and the restore.
const SKIPPED_PREFIXES: u32 = 200;

/// Does what the command says.
///
/// # Errors
///
/// When the database cannot be used, or there is no such part.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::New(args) = command;
    let store = database::open(&args.data.path)?;
    let parts = store.read(part::list)?;
    let chosen: Vec<_> = parts.iter().filter(|part| args.part.as_ref().is_none_or(|wanted| *wanted == part.id)).collect();
    ensure!(
        !chosen.is_empty(),
        "there is no such part; parts are {}",
        parts.iter().map(|part| part.id.as_str()).collect::<Vec<_>>().join(", ")
    );
    for part in chosen {
        let epoch = hex::encode(random_bytes::<16>()?);
        store.write(|tx| {
            part::set_epoch(tx, &part.id, &epoch)?;
            // Devices that signed in after the backup have prefixes that this database does not know of.
            devices::skip_prefixes(tx, &part.id, SKIPPED_PREFIXES)
        })?;
        println!("{}: a new epoch has begun. At their next synchronisation its devices", part.id);
        println!("  compare the rows they hold with the office's and fetch the ranges that differ (on a slow network minutes, not hours);");
        println!(
            "  offer the documents of the last 30 days again; what the office has already gets the same receipt, what it lost comes back."
        );
    }
    println!("Nothing is to be done on the devices. A running server knows of it at once.");
    Ok(ExitCode::SUCCESS)
}
