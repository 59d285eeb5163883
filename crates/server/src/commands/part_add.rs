//! `polevik-server part add`: a distributor to import rows of.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use polevik_domain::ids::DistributorId;
use polevik_domain::time::UtcMillis;
use polevik_protocol::checksum::HashKey;
use polevik_server_store::part::{self, Part};
use polevik_server_store::{StoreError, Transaction};

use super::DataFolder;
use crate::database::{self, system_now};

/// Add a part: one distributor with products, prices, outlets and people of its own.
///
/// Makes the database if there is none yet. Afterwards bring its rows with `polevik-server import` and its people with
/// `polevik-server user add`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Short name, the key of all its rows: capital letters and digits.
    #[arg(long, default_value = "D1")]
    id: String,
    /// Name of the distributor.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Adds the part.
///
/// # Errors
///
/// When there is one of that id, or the database cannot be used.
pub fn run(args: &Args) -> Result<ExitCode> {
    let well_formed = (1..=16).contains(&args.id.len()) && args.id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    ensure!(well_formed, "--id must have 1 to 16 capital letters and digits, like D1");
    let store = database::open_migrated(&args.data.path)?;
    store.write(|tx| {
        let parts = part::list(tx)?;
        ensure!(parts.iter().all(|part| part.id != args.id), "there is a part {} already", args.id);
        let next = parts.iter().map(|part| part.distributor.0).max().unwrap_or(0) + 1;
        create(tx, &args.id, &args.name, DistributorId(next), random_bytes()?, system_now())?;
        Ok(())
    })?;
    println!("added part {}: {}", args.id, args.name);
    Ok(ExitCode::SUCCESS)
}

/// Adds a part with an epoch and a hash key out of 48 random bytes.
///
/// # Errors
///
/// [`StoreError`].
pub fn create(
    tx: &Transaction<'_>,
    id: &str,
    name: &str,
    distributor: DistributorId,
    random: [u8; 48],
    now: UtcMillis,
) -> Result<Part, StoreError> {
    let mut hash_key = [0; 32];
    hash_key.copy_from_slice(&random[..32]);
    let part =
        Part { id: id.to_owned(), name: name.to_owned(), distributor, epoch: hex::encode(&random[32..]), hash_key: HashKey(hash_key) };
    part::create(tx, &part, now)?;
    Ok(part)
}

/// Random bytes of the system.
///
/// # Errors
///
/// When the system has none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}
