//! `polevik-server position list|territories`: who serves which outlets.

use std::process::ExitCode;

use anyhow::{Result, bail};
use polevik_server_store::organisation::{self, NewPosition, Position, Territory};
use polevik_server_store::{Store, StoreError, Transaction, part};

use super::DataFolder;
use super::text::table;
use crate::database;

/// Positions: roles with territories.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Territories(TerritoriesArgs),
}

/// List positions with their territories.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    data: DataFolder,
}

/// Give a position other territories, or take some away.
///
/// Devices of the position follow at their next synchronisation: outlets of a territory that is taken away leave the device together with
/// what they owe and with price lists by which no other outlet of it buys. Visits and orders made there stay and are sent.
///
/// Examples:
///   polevik-server position territories R1 --take T2
///   polevik-server position territories R1 --give T3 --take T1
///   polevik-server position territories R1 --set T1,T2
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TerritoriesArgs {
    /// Code of the position.
    position: String,
    /// Territories to add, by code, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    give: Vec<String>,
    /// Territories to take away, by code, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    take: Vec<String>,
    /// All territories it shall have, by code, separated by commas; an empty text leaves none.
    #[arg(long, value_delimiter = ',', value_name = "CODES", conflicts_with_all = ["give", "take"])]
    set: Option<Vec<String>>,
    /// Its part, when several have a position of that code.
    #[arg(long, value_name = "ID")]
    part: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// Does what the command says.
///
/// # Errors
///
/// When there is no such position or territory, or the database cannot be used.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(&database::open(&args.data.path)?),
        Command::Territories(args) => {
            let store = database::open(&args.data.path)?;
            let (part_id, position) = find(&store, args)?;
            let territories = store.write(|tx| change(tx, &part_id, &position, args))?;
            let names: Vec<String> = territories.iter().map(|territory| format!("{} {}", territory.ext_code, territory.name)).collect();
            println!(
                "{} {}: {}",
                position.code,
                position.name,
                if names.is_empty() { "no territory".to_owned() } else { names.join(", ") }
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(store: &Store) -> Result<ExitCode> {
    let mut lines = vec![["PART", "CODE", "NAME", "ROLE", "TERRITORIES"].map(str::to_owned)];
    store.read(|tx| {
        for part in part::list(tx)? {
            for position in organisation::positions(tx, &part.id)? {
                let territories = organisation::territories_of(tx, &part.id, position.id)?;
                let codes: Vec<&str> = territories.iter().map(|territory| territory.ext_code.as_str()).collect();
                lines.push([part.id.clone(), position.code, position.name, position.role.as_str().to_owned(), codes.join(",")]);
            }
        }
        Ok::<_, StoreError>(())
    })?;
    print!("{}", table(&lines, &[]));
    Ok(ExitCode::SUCCESS)
}

fn find(store: &Store, args: &TerritoriesArgs) -> Result<(String, Position)> {
    let mut found: Vec<(String, Position)> = store.read(|tx| {
        let mut found = Vec::new();
        for part in part::list(tx)?.into_iter().filter(|part| args.part.as_ref().is_none_or(|wanted| *wanted == part.id)) {
            found.extend(organisation::position_by_code(tx, &part.id, &args.position)?.map(|position| (part.id, position)));
        }
        Ok::<_, StoreError>(found)
    })?;
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => bail!("several parts have a position {}: name one with --part", args.position),
        (None, _) => bail!("there is no position {}; see `polevik-server position list`", args.position),
    }
}

/// Gives the territories it has now.
fn change(tx: &Transaction<'_>, part_id: &str, position: &Position, args: &TerritoriesArgs) -> Result<Vec<Territory>, ChangeError> {
    let named = |codes: &[String]| -> Result<Vec<Territory>, ChangeError> {
        codes
            .iter()
            .filter(|code| !code.is_empty())
            .map(|code| organisation::territory_by_code(tx, part_id, code)?.ok_or_else(|| ChangeError::NoTerritory(code.clone())))
            .collect()
    };
    let mut territories = match &args.set {
        Some(codes) => named(codes)?,
        None => organisation::territories_of(tx, part_id, position.id)?,
    };
    let taken = named(&args.take)?;
    territories.retain(|territory| !taken.contains(territory));
    territories.extend(named(&args.give)?);
    territories.sort_by(|a, b| a.ext_code.cmp(&b.ext_code));
    territories.dedup();
    let ids: Vec<_> = territories.iter().map(|territory| territory.id).collect();
    let changed = NewPosition {
        code: &position.code,
        name: &position.name,
        role: position.role,
        distributor: position.distributor,
        parent: position.parent,
        territories: &ids,
    };
    organisation::put_position(tx, part_id, &changed)?;
    Ok(territories)
}

#[derive(Debug, thiserror::Error)]
enum ChangeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no territory {0}; see `polevik-server position list`")]
    NoTerritory(String),
}
