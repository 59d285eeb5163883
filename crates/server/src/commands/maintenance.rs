//! `polevik-server maintenance until|off|show`: a server that rests, and tells devices for how long.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use polevik_domain::time::UtcMillis;
use polevik_server_store::maintenance;

use super::DataFolder;
use crate::authenticated::resting_until;
use crate::database::{self, system_now};

/// Maintenance: devices are told until when to stay away (S301), and come back spread over two minutes after it.
///
/// Works while `serve` runs, from the next request on. Devices keep what they have; nothing they do is lost.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Until(UntilArgs),
    Off(OffArgs),
    Show(ShowArgs),
}

/// Rest until a moment.
///
/// Example: polevik-server maintenance until 2026-11-22T23:30:00Z
#[derive(Debug, clap::Args)]
pub(crate) struct UntilArgs {
    /// When devices may come back, with its time zone: 2026-11-22T23:30:00Z or 2026-11-23T02:30:00+03:00.
    moment: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Work again, from now on.
#[derive(Debug, clap::Args)]
pub(crate) struct OffArgs {
    #[command(flatten)]
    data: DataFolder,
}

/// Say whether the server rests.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    data: DataFolder,
}

/// Does what the command says.
///
/// # Errors
///
/// When the moment cannot be read or has passed, or the database cannot be used.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Until(args) => {
            let until = moment(&args.moment)?;
            let now = system_now();
            ensure!(until > now, "{} has passed already", args.moment);
            database::open(&args.data.path)?.write(|tx| maintenance::set(tx, Some(until)))?;
            println!("the server rests until {}", shown(until)?);
        }
        Command::Off(args) => {
            database::open(&args.data.path)?.write(|tx| maintenance::set(tx, None))?;
            println!("the server works");
        }
        Command::Show(args) => match database::open(&args.data.path)?.read(|tx| resting_until(tx, system_now()))? {
            Some(until) => println!("the server rests until {}", shown(until)?),
            None => println!("the server works"),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn moment(text: &str) -> Result<UtcMillis> {
    let moment: jiff::Timestamp =
        text.parse().with_context(|| format!("{text:?} is no moment; give one with its time zone: 2026-11-22T23:30:00Z"))?;
    Ok(UtcMillis(moment.as_millisecond()))
}

fn shown(moment: UtcMillis) -> Result<String> {
    Ok(jiff::Timestamp::from_millisecond(moment.0)?.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_needs_its_time_zone() {
        assert_eq!(moment("1970-01-01T00:00:01Z").unwrap(), UtcMillis(1_000));
        assert_eq!(moment("1970-01-01T03:00:01+03:00").unwrap(), UtcMillis(1_000));
        assert!(moment("1970-01-01T03:00:01").is_err());
        assert!(moment("in an hour").unwrap_err().to_string().contains("time zone"));
    }
}
