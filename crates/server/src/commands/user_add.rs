//! `polevik-server user add`: a person who may sign in.

use std::io::BufRead;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use polevik_domain::position::Role;
use polevik_server_store::organisation::{self, NewPosition};
use polevik_server_store::part::{self, Part};
use polevik_server_store::people::users::{self, NewUser};
use polevik_server_store::{Store, Transaction};

use super::{DataFolder, part_add};
use crate::database::{self, system_now};
use crate::login::password;

/// Add a person who may sign in on the mobile module.
///
/// A person has one or more positions; the position decides which outlets, routes and prices the device gets. A position that does not exist
/// yet is made when its role and territories are named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  polevik-server user add --email anna@example.org --name 'Анна Иванова' --position TP01 --generate --data data
  polevik-server user add --email oleg@example.org --name 'Олег' --position TP99 --role rep --territory T001 --password-stdin < secret.txt

Exit codes: 0 done; 1 the e-mail is taken, a code is not known, or the database cannot be used; 2 wrong usage.")]
pub struct Args {
    /// What the person types to sign in; compared without regard to case.
    #[arg(long)]
    email: String,
    /// The person's name.
    #[arg(long)]
    name: String,
    /// Code of a position; may be given several times.
    #[arg(long, required = true, value_name = "CODE")]
    position: Vec<String>,
    /// Make the position if there is none: what it is for (rep, merchandiser, van, supervisor).
    #[arg(long, value_name = "ROLE", value_parser = parse_role, requires = "territory")]
    role: Option<Role>,
    /// Make the position if there is none: codes of its territories; may be given several times.
    #[arg(long, value_name = "CODE", requires = "role")]
    territory: Vec<String>,
    /// Read the password from the first line of standard input.
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Make a password and print it.
    #[arg(long)]
    generate: bool,
    /// Part (distributor); may be left out when there is only one.
    #[arg(long)]
    part: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "a role is rep, merchandiser, van or supervisor".to_owned())
}

/// Adds the person.
///
/// # Errors
///
/// When the e-mail is taken, a code is not known, or the database cannot be used.
pub fn run(args: &Args) -> Result<ExitCode> {
    let email = args.email.trim();
    ensure!(email.len() <= 200 && email.contains('@') && !email.contains(char::is_whitespace), "{email} is not an e-mail");
    ensure!(args.generate || args.password_stdin, "say where the password comes from: --generate or --password-stdin");
    let store = database::open(&args.data.path)?;
    let part = store.read(|tx| the_part(tx, args.part.as_deref()))?;
    let secret = if args.generate { generated()? } else { first_line()? };
    let hash = password::hash(&secret, part_add::random_bytes()?)?;
    add(&store, &part, args, email, &hash)?;
    println!("added {email} as {}", args.position.join(", "));
    if args.generate {
        println!("password: {secret}");
    }
    Ok(ExitCode::SUCCESS)
}

fn add(store: &Store, part: &Part, args: &Args, email: &str, password_hash: &str) -> Result<()> {
    store.write(|tx| {
        let user = NewUser { email, name: args.name.trim(), password_hash };
        let Some(user) = users::insert(tx, &part.id, user, system_now())? else { bail!("the e-mail {email} is taken") };
        for code in &args.position {
            let position = match organisation::position_by_code(tx, &part.id, code)? {
                Some(position) => position.id,
                None => make_position(tx, part, args, code)?,
            };
            users::assign_position(tx, &part.id, user, position)?;
        }
        Ok(())
    })
}

fn make_position(tx: &Transaction<'_>, part: &Part, args: &Args, code: &str) -> Result<polevik_domain::ids::PositionId> {
    let Some(role) = args.role else {
        let known: Vec<String> = organisation::positions(tx, &part.id)?.into_iter().take(10).map(|position| position.code).collect();
        bail!("there is no position {code}; name --role and --territory to make it. There are: {} …", known.join(", "));
    };
    let mut territories = Vec::with_capacity(args.territory.len());
    for territory in &args.territory {
        match organisation::territory_by_code(tx, &part.id, territory)? {
            Some(found) => territories.push(found.id),
            None => bail!("there is no territory {territory}; an import of outlets makes territories"),
        }
    }
    let position = NewPosition { code, name: code, role, distributor: part.distributor, parent: None, territories: &territories };
    Ok(organisation::put_position(tx, &part.id, &position)?)
}

/// The part that was named, or the only one.
///
/// # Errors
///
/// When there is none of that name, none at all, or several and none was named.
pub fn the_part(tx: &Transaction<'_>, named: Option<&str>) -> Result<Part> {
    if let Some(id) = named {
        return Ok(part::load(tx, id)?);
    }
    let mut parts = part::list(tx)?;
    match parts.len() {
        1 => Ok(parts.remove(0)),
        0 => bail!("the database has no part yet; `polevik-server part add --name NAME` makes one, `demo-data` a whole company"),
        _ => bail!("the database has {} parts; name one with --part", parts.len()),
    }
}

/// Four groups of four characters that cannot be mistaken for each other: 80 bits.
fn generated() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
    let random: [u8; 16] = part_add::random_bytes()?;
    let letters: Vec<char> = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

fn first_line() -> Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    ensure!(!line.is_empty(), "standard input has no password in its first line");
    Ok(line.to_owned())
}
