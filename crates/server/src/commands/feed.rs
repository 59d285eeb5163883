//! `polevik-server feed repair`: whether what devices are told is what the tables hold.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use polevik_protocol::bucket::BucketName;
use polevik_server_store::feed::change_log;
use polevik_server_store::{Store, StoreError, part};

use super::DataFolder;
use crate::blobs::Blobs;
use crate::database::{self, system_now};
use crate::feed::seal::Sealer;

/// The feed: what devices download.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Repair(RepairArgs),
}

/// Compare every row with its hash and every bucket with its sum, and put right what differs.
///
/// Needed when rows were changed past the program, or a disk has lost something. A bucket that was put right gets a new base; devices fetch
/// only those of its ranges that they do not hold. While a bucket is put right nobody can write: about a second for a million rows.
#[derive(Debug, clap::Args)]
pub(crate) struct RepairArgs {
    /// Only this bucket, such as price_type:3.
    #[arg(long)]
    bucket: Option<String>,
    /// Only this part.
    #[arg(long, value_name = "ID")]
    part: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// Does what the command says.
///
/// # Errors
///
/// When the database cannot be used, or there is no such bucket.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Repair(args) => repair(args),
    }
}

fn repair(args: &RepairArgs) -> Result<ExitCode> {
    let store = database::open(&args.data.path)?;
    let sealer = Sealer::new(store.clone(), Blobs::open(&args.data.path)?);
    let buckets = buckets(&store, args)?;
    ensure!(!buckets.is_empty(), "there is no such bucket: give one like distributor:1, or none for all");
    let mut put_right = 0;
    for (part_id, bucket) in &buckets {
        let repaired = sealer.repair(part_id, bucket, system_now())?;
        if repaired.is_repaired {
            put_right += 1;
            let head = if repaired.head_was_wrong { "its sum was wrong" } else { "its sum was right" };
            println!("{part_id} {bucket}: put right; {head}, {} of {} rows had a wrong hash", repaired.wrong_hashes, repaired.rows);
        }
    }
    println!("{} buckets compared, {put_right} put right", buckets.len());
    Ok(ExitCode::SUCCESS)
}

fn buckets(store: &Store, args: &RepairArgs) -> Result<Vec<(String, BucketName)>, StoreError> {
    store.read(|tx| {
        let mut found = Vec::new();
        for part in part::list(tx)?.into_iter().filter(|part| args.part.as_ref().is_none_or(|wanted| *wanted == part.id)) {
            let names = change_log::buckets(tx, &part.id)?;
            let wanted = names.into_iter().filter(|name| args.bucket.as_deref().is_none_or(|wanted| wanted == name.as_str()));
            found.extend(wanted.map(|name| (part.id.clone(), name)));
        }
        Ok(found)
    })
}
