//! `polevik-server photos list|export`: photos with their visits and files.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_server_store::Store;
use polevik_server_store::documents::files;
use polevik_server_store::documents::photos::{self, StoredPhoto, Wanted};
use polevik_server_store::part::Part;
use polevik_server_store::reference::outlets;
use serde_json::{Value, json};

use super::DataFolder;
use super::text;
use super::user_add::the_part;
use crate::blobs::Blobs;
use crate::database;
use crate::file::download::ending_of;

/// Most photos that are exported in one go; more are named by day.
const MOST_EXPORTED: u32 = 100_000;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List photos, the newest first, with whether their visit and their file have come.
    List(ListArgs),
    /// Write the files of photos into a folder, by outlet and day, with a list beside them.
    Export(ExportArgs),
}

/// Which photos.
#[derive(Debug, clap::Args)]
pub struct Which {
    #[command(flatten)]
    data: DataFolder,
    /// Part (distributor); may be left out when there is only one.
    #[arg(long)]
    part: Option<String>,
    /// Only of this outlet, by its code.
    #[arg(long, value_name = "CODE")]
    outlet: Option<String>,
    /// Only taken on this day (UTC).
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    day: Option<CalendarDay>,
}

/// Arguments of `photos list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// Only those whose file has not come.
    #[arg(long)]
    missing: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// Arguments of `photos export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The folder; made if it is not there.
    folder: PathBuf,
    #[command(flatten)]
    which: Which,
}

fn parse_day(text: &str) -> Result<CalendarDay, String> {
    CalendarDay::parse(text).ok_or_else(|| "a day looks like 2026-11-22".to_owned())
}

/// Does what the command says.
///
/// # Errors
///
/// When database or disk cannot be used.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(args)?,
        Command::Export(args) => export(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Which {
    fn find(&self, missing: bool, limit: u32) -> Result<(Store, Part, Vec<StoredPhoto>)> {
        let store = database::open(&self.data.path)?;
        let part = store.read(|tx| the_part(tx, self.part.as_deref()))?;
        let outlet = match &self.outlet {
            None => None,
            Some(code) => match store.read(|tx| outlets::places(tx, &part.id))?.get(code) {
                Some((outlet, _)) => Some(*outlet),
                None => bail!("there is no outlet {code}"),
            },
        };
        let start = |day: CalendarDay| UtcMillis(i64::from(day.0) * 86_400_000);
        let wanted = Wanted { outlet, from: self.day.map(start), before: self.day.map(|day| start(day.plus_days(1))), missing, limit };
        let found = store.read(|tx| photos::list(tx, &part.id, &wanted))?;
        Ok((store, part, found))
    }
}

fn list(args: &ListArgs) -> Result<()> {
    let (_, _, found) = args.which.find(args.missing, args.limit)?;
    if args.json {
        println!("{}", Value::Array(found.iter().map(as_json).collect()));
        return Ok(());
    }
    if found.is_empty() {
        println!("no photos");
        return Ok(());
    }
    let mut rows = vec![["taken (UTC)", "position", "outlet", "scene", "visit", "file", "bytes", "state", "id"].map(str::to_owned)];
    rows.extend(found.iter().map(|photo| {
        [
            moment(photo.taken_at),
            photo.position_code.clone(),
            format!("{} {}", photo.outlet_ext_code, text::shortened(&photo.outlet_name, 30)),
            photo.scene.as_str().to_owned(),
            if photo.visit_is_here { "here" } else { "not yet" }.to_owned(),
            photo
                .content_type
                .as_ref()
                .map_or_else(|| "not yet".to_owned(), |_| photo.hash.as_str().get(..12).unwrap_or_default().to_owned()),
            photo.bytes.to_string(),
            photo.withdrawn_at.map_or("", |_| "withdrawn").to_owned(),
            photo.id.to_string(),
        ]
    }));
    print!("{}", text::table(&rows, &[6]));
    Ok(())
}

fn as_json(photo: &StoredPhoto) -> Value {
    json!({
        "id": photo.id,
        "visit_id": photo.visit,
        "visit_is_here": photo.visit_is_here,
        "position": photo.position_code,
        "outlet": { "id": photo.outlet, "ext_code": photo.outlet_ext_code, "name": photo.outlet_name },
        "scene": photo.scene.as_str(),
        "taken_at": moment(photo.taken_at),
        "received_at": moment(photo.received_at),
        "hash": photo.hash,
        "bytes": photo.bytes,
        "file_is_here": photo.content_type.is_some(),
        "content_type": photo.content_type,
        "comment": photo.comment,
        "withdrawn": photo.withdrawn_at.map(moment),
    })
}

fn export(args: &ExportArgs) -> Result<()> {
    let (store, part, found) = args.which.find(false, MOST_EXPORTED)?;
    let blobs = Blobs::open(&args.which.data.path)?;
    std::fs::create_dir_all(&args.folder).with_context(|| format!("cannot make {}", args.folder.display()))?;
    let list_path = args.folder.join("photos.ndjson");
    let mut list = File::create(&list_path).with_context(|| format!("cannot write {}", list_path.display()))?;
    let (mut written, mut waiting) = (0, 0);
    for photo in &found {
        let mut line = as_json(photo);
        match export_one(&store, &blobs, &part.id, photo, &args.folder)? {
            Some(path) => {
                line["path"] = json!(path);
                written += 1;
            }
            None => waiting += 1,
        }
        writeln!(list, "{line}")?;
    }
    println!("{written} photos in {}; the files of {waiting} have not come; {} lists all", args.folder.display(), list_path.display());
    Ok(())
}

/// `<outlet>/<day>/<time>-<scene>-<first digits of the hash>.jpg`, all of it made here: nothing a device says becomes a path.
fn export_one(store: &Store, blobs: &Blobs, part_id: &str, photo: &StoredPhoto, folder: &Path) -> Result<Option<String>> {
    let Some(file) = store.read(|tx| files::find(tx, part_id, &photo.hash))? else { return Ok(None) };
    if !blobs.has_file(part_id, &photo.hash)? {
        return Ok(None);
    }
    let (day, time) =
        moment(photo.taken_at).split_once('T').map(|(day, time)| (day.to_owned(), time.replace([':', 'Z'], ""))).unwrap_or_default();
    let short = photo.hash.as_str().get(..12).unwrap_or_default();
    let name = format!("{}/{day}/{time}-{}-{short}.{}", photo.outlet.0, photo.scene.as_str(), ending_of(&file.content_type));
    let path = folder.join(&name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let blob = blobs.open_file(part_id, &photo.hash)?;
    let mut out = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut at = 0;
    while at < file.bytes {
        let end = file.bytes.min(at + 1024 * 1024);
        out.write_all(&blob.read(at..end)?)?;
        at = end;
    }
    Ok(Some(name))
}

/// UTC, to the second.
fn moment(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
