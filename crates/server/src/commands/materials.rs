//! `polevik-server materials list`: what the office gives to its people.

use std::process::ExitCode;

use anyhow::Result;
use polevik_domain::time::CalendarDay;
use polevik_server_store::reference::materials::{self, StoredMaterial};
use serde_json::{Value, json};

use super::DataFolder;
use super::text;
use super::user_add::the_part;
use crate::database;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List materials with whom they are for.
    List(ListArgs),
}

/// Arguments of `materials list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    data: DataFolder,
    /// Part (distributor); may be left out when there is only one.
    #[arg(long)]
    part: Option<String>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// Does what the command says.
///
/// # Errors
///
/// When the database cannot be used.
pub fn run(command: &Command) -> Result<ExitCode> {
    let Command::List(args) = command;
    let store = database::open(&args.data.path)?;
    let part = store.read(|tx| the_part(tx, args.part.as_deref()))?;
    let found = store.read(|tx| materials::list(tx, &part.id))?;
    if args.json {
        println!("{}", Value::Array(found.iter().map(as_json).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["code", "title", "kind", "audience", "version", "bytes", "type", "valid", "file"].map(str::to_owned)];
    rows.extend(found.iter().map(|material| {
        [
            material.ext_code.clone(),
            text::shortened(&material.title, 40),
            format!("{}{}", material.kind, if material.mandatory { " !" } else { "" }),
            material.audience.clone(),
            material.version.to_string(),
            material.bytes.to_string(),
            material.content_type.clone(),
            format!("{} – {}", day(Some(material.valid_from)), day(material.valid_to)),
            material.file.as_str().get(..12).unwrap_or_default().to_owned(),
        ]
    }));
    print!("{}", text::table(&rows, &[4, 5]));
    Ok(ExitCode::SUCCESS)
}

fn day(number: Option<i64>) -> String {
    number.and_then(|number| i32::try_from(number).ok()).map_or_else(String::new, |number| CalendarDay(number).to_string())
}

fn as_json(material: &StoredMaterial) -> Value {
    json!({
        "ext_code": material.ext_code,
        "title": material.title,
        "kind": material.kind,
        "audience": material.audience,
        "file": material.file,
        "bytes": material.bytes,
        "content_type": material.content_type,
        "file_name": material.file_name,
        "version": material.version,
        "mandatory": material.mandatory,
        "valid_from": day(Some(material.valid_from)),
        "valid_to": material.valid_to.map(|last| day(Some(last))),
    })
}
