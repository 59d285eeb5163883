//! `polevik-server device list|block|unblock`: the phones that have signed in.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use polevik_domain::ids::DeviceId;
use polevik_domain::time::UtcMillis;
use polevik_server_store::part;
use polevik_server_store::people::devices::{self, DeviceEntry};
use polevik_server_store::{Store, StoreError};
use serde::Serialize;

use super::DataFolder;
use crate::database::{self, system_now};

/// Devices: installations of the mobile module that have signed in.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Block(BlockArgs),
    Unblock(UnblockArgs),
}

/// List devices, the latest contact first.
///
/// MISSING counts documents that a device has numbered and the server has not received: they wait on the device, or were lost with it.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    data: DataFolder,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Block a device: it may neither send nor fetch until it is unblocked. Nothing on it is lost.
///
/// Example: polevik-server device block 019ab3c4-… --reason "lost on 22 November"
#[derive(Debug, clap::Args)]
pub(crate) struct BlockArgs {
    /// Its id, as `device list` shows it; the first eight characters will do if no other begins so.
    device: String,
    /// Why, for your colleagues.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Let a blocked device in again.
#[derive(Debug, clap::Args)]
pub(crate) struct UnblockArgs {
    /// Its id, as `device list` shows it; the first eight characters will do if no other begins so.
    device: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Does what the command says.
///
/// # Errors
///
/// When there is no such device, or the database cannot be used.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(args),
        Command::Block(args) => {
            let store = database::open(&args.data.path)?;
            let found = find(&store, &args.device)?;
            store.write(|tx| devices::block(tx, &found.part_id, found.device.id, &args.reason, system_now()))?;
            println!("blocked {} ({}, {})", found.device.id, found.email, found.position_code);
            let others = all(&store)?.into_iter().filter(|other| other.part_id == found.part_id && is_of_chain(other, &found));
            for other in others.filter(|other| other.device.blocked_at.is_none()) {
                println!("not blocked: {}, another life of the same installation; block it too if it is the same phone", other.device.id);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Unblock(args) => {
            let store = database::open(&args.data.path)?;
            let found = find(&store, &args.device)?;
            store.write(|tx| devices::unblock(tx, &found.part_id, found.device.id))?;
            println!("unblocked {} ({}, {})", found.device.id, found.email, found.position_code);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn all(store: &Store) -> Result<Vec<DeviceEntry>, StoreError> {
    store.read(|tx| {
        let mut entries = Vec::new();
        for part in part::list(tx)? {
            entries.extend(devices::list(tx, &part.id)?);
        }
        Ok(entries)
    })
}

/// Whether two devices are lives of one installation: it was restored from a backup, or cloned.
fn is_of_chain(a: &DeviceEntry, b: &DeviceEntry) -> bool {
    a.device.lineage == b.device.lineage && a.device.id != b.device.id
}

/// The one device whose id begins so.
fn find(store: &Store, beginning: &str) -> Result<DeviceEntry> {
    ensure!(beginning.len() >= 8, "give at least the first eight characters of the device's id");
    let mut found: Vec<DeviceEntry> =
        all(store)?.into_iter().filter(|entry| entry.device.id.to_string().starts_with(&beginning.to_lowercase())).collect();
    match (found.pop(), found.len()) {
        (Some(entry), 0) => Ok(entry),
        (Some(_), others) => bail!("{} devices begin with {beginning}: give more of the id", others + 1),
        (None, _) => bail!("no device begins with {beginning}; see `polevik-server device list`"),
    }
}

/// A device as JSON says it.
#[derive(Serialize)]
struct Shown<'a> {
    id: DeviceId,
    /// The first life of the same installation; itself if it never went on under another id.
    lineage: DeviceId,
    part: &'a str,
    number_prefix: &'a str,
    email: &'a str,
    position: &'a str,
    model: &'a str,
    app_version: &'a str,
    last_contact_at_ms: UtcMillis,
    missing: u64,
    blocked_at_ms: Option<UtcMillis>,
    block_reason: &'a str,
}

impl<'a> Shown<'a> {
    fn of(entry: &'a DeviceEntry) -> Self {
        Self {
            id: entry.device.id,
            lineage: entry.device.lineage,
            part: &entry.part_id,
            number_prefix: &entry.device.number_prefix,
            email: &entry.email,
            position: &entry.position_code,
            model: &entry.model,
            app_version: &entry.app_version,
            last_contact_at_ms: entry.last_contact_at,
            missing: entry.device.missing(),
            blocked_at_ms: entry.device.blocked_at,
            block_reason: &entry.block_reason,
        }
    }
}

fn list(args: &ListArgs) -> Result<ExitCode> {
    let entries = all(&database::open(&args.data.path)?)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&entries.iter().map(Shown::of).collect::<Vec<_>>())?);
        return Ok(ExitCode::SUCCESS);
    }
    if entries.is_empty() {
        println!("no device has signed in yet");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<36}  {:<6}  {:<30}  {:<10}  {:<16}  {:>7}  STATE", "DEVICE", "PREFIX", "USER", "POSITION", "LAST CONTACT", "MISSING");
    for entry in &entries {
        let contact = jiff::Timestamp::from_millisecond(entry.last_contact_at.0)?.strftime("%Y-%m-%d %H:%M");
        let state = match (entry.device.blocked_at, entry.block_reason.as_str()) {
            (None, _) if entry.device.lineage != entry.device.id => {
                format!("good, goes on for {}", entry.device.lineage.to_string().get(..8).unwrap_or_default())
            }
            (None, _) => "good".to_owned(),
            (Some(_), "") => "blocked".to_owned(),
            (Some(_), reason) => format!("blocked: {reason}"),
        };
        println!(
            "{:<36}  {:<6}  {:<30}  {:<10}  {:<16}  {:>7}  {state}",
            entry.device.id.to_string(),
            entry.device.number_prefix,
            entry.email,
            entry.position_code,
            contact.to_string(),
            entry.device.missing(),
        );
    }
    println!("times are UTC");
    Ok(ExitCode::SUCCESS)
}
