//! `polevik-server gc`: segments that nobody needs any more.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use polevik_server_store::feed::segments;
use polevik_server_store::{StoreError, part};

use super::DataFolder;
use crate::blobs::Blobs;
use crate::database::{self, system_now};
use crate::feed::garbage::{USUAL_GRACE_DAYS, collect};
use crate::file;

/// Remove segments and files that nobody can need any more.
///
/// A segment goes when no manifest has named it for --grace-days, a file that neither a photo nor a material names as long after it came, and
/// what has no row a day after it was written. `serve` does the same
/// by itself every hour; this is for a folder that is not served, or for disk space at once. Safe beside a running server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Days that a segment stays after it was named last. Devices away for longer fetch what has changed since as base segments.
    #[arg(long, value_name = "DAYS", default_value_t = USUAL_GRACE_DAYS)]
    grace_days: u32,
    #[command(flatten)]
    data: DataFolder,
}

/// Between slices, so that uploads get the writer.
const PAUSE: Duration = Duration::from_millis(20);

/// Collects.
///
/// # Errors
///
/// When the database or the disk refuses.
pub fn run(args: &Args) -> Result<ExitCode> {
    let store = database::open(&args.data.path)?;
    let blobs = Blobs::open(&args.data.path)?;
    let grace_ms = i64::from(args.grace_days) * 86_400_000;
    let found = collect(&store, &blobs, system_now(), grace_ms, || {
        std::thread::sleep(PAUSE);
        ControlFlow::Continue(())
    })?;
    println!("removed {} segments ({} bytes) and {} without a row", found.segments, found.bytes, found.orphans);
    let found = file::garbage::collect(&store, &blobs, system_now(), grace_ms, || {
        std::thread::sleep(PAUSE);
        ControlFlow::Continue(())
    })?;
    println!("removed {} files that nothing named ({} bytes) and {} without a row", found.files, found.bytes, found.orphans);
    let parts = store.read(|tx| {
        let parts = part::list(tx)?;
        parts.iter().map(|part| Ok((part.id.clone(), segments::totals(tx, &part.id)?))).collect::<Result<Vec<_>, StoreError>>()
    })?;
    for (part_id, [(named, named_bytes), (waiting, waiting_bytes)]) in parts {
        println!("{part_id}: {named} segments in use ({named_bytes} bytes), {waiting} wait to be removed ({waiting_bytes} bytes)");
    }
    Ok(ExitCode::SUCCESS)
}
