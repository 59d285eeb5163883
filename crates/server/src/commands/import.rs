//! `polevik-server import`: rows of the office, out of a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use polevik_domain::time::{Clock, UtcMillis};
use polevik_server_store::imports::RefusedRow;
use serde_json::json;

use super::DataFolder;
use super::user_add::the_part;
use crate::blobs::Blobs;
use crate::cli::PARTLY;
use crate::clock::SystemClock;
use crate::database;
use crate::feed::seal::{Sealed, Sealer};
use crate::import::material_files::MaterialFiles;
use crate::import::source::{self, Format};
use crate::import::{Kind, Options, Outcome, Pace};

/// Refused rows that are shown; the report has all.
const SHOWN_REFUSED: usize = 20;

/// Take rows of the office out of a file. Devices get what changed at their next synchronisation, also while `serve` runs.
///
/// The file is NDJSON (one JSON object per line) or CSV (first line: names of columns; comma, semicolon or tab; UTF-8), of any length. A row
/// is known by its code: a row that is known is brought up to date, a new one added, one that does not differ is left alone. Every row says
/// everything about its thing: a column that is missing is empty afterwards.
///
/// A bad row is refused, and the others are taken. Refused rows are listed with line, field and reason in DATA/imports/.
#[derive(Debug, clap::Args)]
#[command(after_help = "Columns (those in [] may be missing; amounts in kopecks, days 2026-11-22, moments 2026-11-22T08:00:00Z):
  products         ext_code|id sku name [brand category unit block_factor box_factor barcode vat_rate list_price|price
                   stock_total|stock active updated_at]; vat_rate in hundredths of a percent, 2200 if missing
  price_types      ext_code name
  prices           price_type product|sku value|price [valid_from]; product by ext_code or sku; valid from today if missing,
                   unless the product costs that already
  warehouses       ext_code name
  stock            warehouse product|sku available [as_of]
  outlets          ext_code name territory [territory_name address format class lat lon contact phone work_hours delivery_days
                   legal_name inn kpp contract_number price_type credit_limit stopped active channel payment_days]; a new territory is made
  routes           position day seq outlet [planned_time]; day by day, planned_time 09:30
  receivables      outlet document day amount [due_day rest]
  assortment       format product|sku [kind]; kind is must, focus, new or stop
  audiences        ext_code name [role territory position distributor deleted]; every position that has all of what is given:
                   role rep, merchandiser, van or supervisor, territory and position by code
  materials        ext_code title kind audience file [folder file_name version mandatory valid_from valid_to outlet product|sku
                   updated_at deleted]; kind is planogram, price_list, presentation, picture, video or training; file is a path
                   beside this list (JPEG, PNG, WebP, PDF, MP4); deleted takes the material away
  document_states  document_id state [revision at note]; state is accepted, shipped, delivered, rejected, changed

Examples:
  polevik-server import products products.csv --data data
  polevik-server import prices prices.ndjson --price-type retail --data data
  polevik-server import materials planograms/list.csv --data data
  polevik-server import stock stock.csv --warehouse main --remove-missing --data data

Exit codes: 0 every row was taken; 1 the file or the database could not be used; 2 wrong usage; 3 some rows were refused, the others are in.")]
pub struct Args {
    /// What the rows are.
    kind: Kind,
    /// The file; `-` reads standard input (with --format).
    file: PathBuf,
    #[command(flatten)]
    data: DataFolder,
    /// Part (distributor) the rows belong to; may be left out when there is only one.
    #[arg(long)]
    part: Option<String>,
    /// Form of the file; by its name if not given (.ndjson, .jsonl, .csv, .tsv).
    #[arg(long)]
    format: Option<Format>,
    /// Price list of price rows that name none.
    #[arg(long, value_name = "CODE")]
    price_type: Option<String>,
    /// Warehouse of stock rows that name none.
    #[arg(long, value_name = "CODE")]
    warehouse: Option<String>,
    /// The file is the full list of the price lists, warehouses, territories or positions it names: rows of these that it does not name are
    /// removed (products and outlets become inactive). Nothing is removed if a row was refused.
    #[arg(long)]
    remove_missing: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// Imports the file, seals what changed, and says what came of it.
///
/// # Errors
///
/// When the file or the database cannot be used.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some(format) = args.format.or_else(|| Format::of_name(&args.file)) else {
        bail!("cannot tell the form of {} by its name; add --format ndjson or --format csv", args.file.display());
    };
    if args.remove_missing && matches!(args.kind, Kind::PriceTypes | Kind::Warehouses | Kind::Audiences) {
        bail!("--remove-missing is not for {}: prices, materials and stock speak of them", args.kind.as_str());
    }
    let store = database::open(&args.data.path)?;
    let part = store.read(|tx| the_part(tx, args.part.as_deref()))?;
    let clock = SystemClock;
    let began = clock.now();
    let options = Options {
        price_type: args.price_type.clone(),
        warehouse: args.warehouse.clone(),
        remove_missing: args.remove_missing,
        files: Some(MaterialFiles {
            folder: args.file.parent().map(Path::to_owned).unwrap_or_default(),
            blobs: Blobs::open(&args.data.path)?,
            beside: args.data.path.join("imports"),
        }),
        ..Options::at(began)
    };
    let from_stdin = args.file.as_os_str() == "-";
    let lines =
        if from_stdin { source::read(format, io::stdin()) } else { File::open(&args.file).and_then(|file| source::read(format, file)) };
    let lines = lines.with_context(|| format!("cannot read {}", args.file.display()))?;

    let mut report = Report::new(&args.data.path, args.kind, began);
    let name = args.file.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy());
    let outcome = crate::import::run(&store, &part, args.kind, &options, &name, lines, Pace::GiveWay, &clock, &mut |row| report.add(row))?;
    let report = report.finish()?;
    let sealed = Sealer::new(store, Blobs::open(&args.data.path)?).seal_all(clock.now())?;

    let summary = Summary { args, part_id: &part.id, outcome: &outcome, sealed, report: &report, millis: clock.now().since(began) };
    if args.json {
        println!("{}", summary.json())
    } else {
        print!("{}", summary.text())
    }
    summary.warn();
    Ok(if outcome.counts.refused > 0 { ExitCode::from(PARTLY) } else { ExitCode::SUCCESS })
}

/// The report of refused rows: a file that is made when the first row is refused.
pub struct Report {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    shown: Vec<String>,
    rows: usize,
}

/// What a report has come to.
pub struct Refused {
    path: Option<PathBuf>,
    shown: Vec<String>,
    rows: usize,
}

impl Report {
    /// `DATA/imports/<time>-<kind>.refused.ndjson`.
    #[must_use]
    pub fn new(data: &Path, kind: Kind, began: UtcMillis) -> Self {
        let time = jiff::Timestamp::from_millisecond(began.0).unwrap_or_default().strftime("%Y%m%dT%H%M%S%3fZ");
        let path = data.join("imports").join(format!("{time}-{}.refused.ndjson", kind.as_str()));
        Self { path, file: None, shown: Vec::new(), rows: 0 }
    }

    /// Writes one refused row.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn add(&mut self, row: &RefusedRow) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                self.file.insert(BufWriter::new(File::create(&self.path)?))
            }
        };
        let line = json!({ "line": row.line, "code": row.code, "field": row.field, "reason": row.reason });
        writeln!(file, "{line}")?;
        self.rows += 1;
        if self.shown.len() < SHOWN_REFUSED {
            let field = if row.field.is_empty() { String::new() } else { format!(" {}:", row.field) };
            self.shown.push(format!("line {}: {}{field} {}", row.line, row.code, row.reason));
        }
        Ok(())
    }

    /// Closes the file.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn finish(self) -> io::Result<Refused> {
        let path = match self.file {
            Some(mut file) => {
                file.flush()?;
                Some(self.path)
            }
            None => None,
        };
        Ok(Refused { path, shown: self.shown, rows: self.rows })
    }
}

impl Refused {
    /// The file; `None` if no row was refused.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Shows the first refused rows and where all of them are, on standard error; nothing if there are none.
    pub fn show(&self) {
        let Some(path) = &self.path else { return };
        self.shown.iter().for_each(|line| eprintln!("  refused {line}"));
        if self.rows > self.shown.len() {
            eprintln!("  … and {} more", self.rows - self.shown.len());
        }
        eprintln!("  all refused rows: {}", path.display());
    }
}

struct Summary<'a> {
    args: &'a Args,
    part_id: &'a str,
    outcome: &'a Outcome,
    sealed: Sealed,
    report: &'a Refused,
    millis: i64,
}

impl Summary<'_> {
    fn text(&self) -> String {
        let counts = &self.outcome.counts;
        let kind = self.args.kind.as_str();
        let rate = i64::try_from(counts.rows).unwrap_or(i64::MAX).saturating_mul(1_000) / self.millis.max(1);
        format!(
            "{kind}: {} rows in {}.{:03} s ({rate} rows/s)\n  new {}, changed {}, as before {}, removed {}, refused {}\n  sealed {} buckets, {} segments, {} bytes\n",
            counts.rows,
            self.millis / 1_000,
            self.millis % 1_000,
            counts.inserted,
            counts.updated,
            counts.unchanged,
            counts.removed,
            counts.refused,
            self.sealed.buckets,
            self.sealed.segments,
            self.sealed.bytes,
        )
    }

    fn json(&self) -> serde_json::Value {
        let counts = &self.outcome.counts;
        json!({
            "kind": self.args.kind.as_str(),
            "part": self.part_id,
            "rows": counts.rows,
            "inserted": counts.inserted,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "removed": counts.removed,
            "refused": counts.refused,
            "report": self.report.path.as_ref().map(|path| path.to_string_lossy()),
            "unknown_columns": self.outcome.unknown_columns,
            "removal_skipped": self.outcome.removal_skipped,
            "sealed": { "buckets": self.sealed.buckets, "segments": self.sealed.segments, "bytes": self.sealed.bytes },
            "milliseconds": self.millis,
        })
    }

    fn warn(&self) {
        if !self.outcome.unknown_columns.is_empty() {
            eprintln!("  not read, because {} have no such column: {}", self.args.kind.as_str(), self.outcome.unknown_columns.join(", "));
        }
        if let Some(reason) = self.outcome.removal_skipped {
            eprintln!("  nothing was removed: {reason}");
        }
        self.report.show();
    }
}
