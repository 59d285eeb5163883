//! The command line: a contract for tests, the simulator, support and scripts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use polevik_device::api::{NetworkClass, RowId};
use polevik_device::order_export::format::Format;
use polevik_domain::ids::DocumentId;
use polevik_domain::photo::Scene;
use polevik_domain::quantity::Unit;
use polevik_domain::time::CalendarDay;

/// A Polevik device without a screen: the same core as on the phone, for tests, support and scripts.
#[derive(Debug, Parser)]
#[command(name = "polevik-device", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Folder of this device: its databases and its identity. Made if it does not exist; one process at a time.
    #[arg(long, value_name = "DIR", env = "POLEVIK_HOME")]
    pub(crate) home: PathBuf,

    /// Print one JSON document on standard output, and nothing else there. Money is in kopecks, times are UTC.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say on standard error what is asked of the server.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    /// What the network of this machine counts as: offline, wifi, metered_wifi, cellular, roaming, unknown.
    #[arg(long, value_name = "CLASS", value_parser = network, default_value = "wifi", global = true)]
    pub(crate) network: NetworkClass,

    #[command(subcommand)]
    pub(crate) action: Action,
}

const AFTER_HELP: &str = "\
A day of a rep, against a server started by ./run:
  polevik-device --home rep1 login --server http://127.0.0.1:8080 --email E --password P
  polevik-device --home rep1 sync                         # everything down
  polevik-device --home rep1 outlets --limit 5
  polevik-device --home rep1 visit start --outlet 17      # works without a network, as all that follows
  polevik-device --home rep1 order new --outlet 17 --line SKU-1=12 --line SKU-2=2:box
  polevik-device --home rep1 visit finish
  polevik-device --home rep1 queue                        # what waits for the server
  polevik-device --home rep1 sync                         # everything up, and news down

Photos and materials:
  polevik-device --home rep1 photo take open shelf.jpg --scene shelf   # made smaller, kept, queued with the open visit
  polevik-device --home rep1 photos                       # where each photo's data and file are
  polevik-device --home rep1 materials --open 4           # where the file of a material is
  polevik-device --home rep1 option wifi-only on
  polevik-device --home rep1 --network cellular sync      # orders go, photos and materials wait
  polevik-device --home rep1 --network cellular sync --any-network
  polevik-device --home rep1 storage --remove-sent-photos

Orders by hand, when the server cannot be reached:
  polevik-device --home rep1 orders export --all                                   # a spreadsheet in this folder
  polevik-device --home rep1 orders export --created-from 2026-11-01 --format commerceml --out exchange

When something needs somebody:
  polevik-device --home rep1 queue                        # waiting, refused, set aside (parked), with codes and attempts
  polevik-device --home rep1 queue unpark ID              # send again what was set aside
  polevik-device --home rep1 queue withdraw ID --reason \"wrong outlet\"
  polevik-device --home rep1 verify --repair              # count all rows again, fetch again what is wrong
  polevik-device --home rep1 watch --seconds 60           # stay in front; events as lines of JSON

Exit status: 0 success, 1 failure, 2 wrong usage, 3 synchronisation not complete, 4 not logged in.";

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Sign in; needs the server once. Documents of an earlier sign-in stay.
    Login(Login),
    /// Sign out. Refused while documents wait for the server.
    Logout {
        /// Sign out although documents wait: they stay here for the next login of the same position.
        #[arg(long)]
        keep_unsent: bool,
    },
    /// Synchronise all rows, or one, and wait for the end.
    Sync {
        /// download.mandatory, download.materials, download.library, upload.mandatory or upload.materials.
        #[arg(long, value_parser = row)]
        row: Option<RowId>,
        /// Let photos, materials and the library go once over the network there is, whatever the switch says.
        #[arg(long)]
        any_network: bool,
    },
    /// Where synchronisation stands, and what waits. Needs no network and no login.
    Status,
    /// Outlets of the territory, by name.
    Outlets(Listing),
    /// Products, by id.
    Products(Listing),
    /// Entries of the price lists.
    Prices(Listing),
    /// Calls at outlets.
    #[command(subcommand)]
    Visit(Visit),
    /// Orders.
    #[command(subcommand)]
    Order(Order),
    /// Orders on this device, newest first, with their lines; or a file of them for another program.
    Orders(Orders),
    /// Photos: taken with a file instead of a camera.
    #[command(subcommand)]
    Photo(Photo),
    /// Photos on this device, newest first, and where their data and files are.
    Photos {
        #[command(flatten)]
        listing: Listing,
        /// Only those of this visit.
        #[arg(long, value_name = "ID", value_parser = document)]
        visit: Option<DocumentId>,
    },
    /// Materials that are shown today.
    Materials(Materials),
    /// What takes room on this device.
    Storage(Storage),
    /// The recognition library in use.
    Library,
    /// What pack a picture shows, as far as the recognition library in use can tell: the likeliest products first.
    Recognise {
        /// A picture of one pack: JPEG, PNG or WebP.
        file: PathBuf,
        /// Most products.
        #[arg(long, value_name = "N", default_value_t = 3)]
        most: usize,
    },
    /// Switches.
    #[command(subcommand)]
    Option(Switch),
    /// Documents that need somebody: not answered by the server, refused, or set aside. Without a word of its own it lists them.
    Queue(Queue),
    /// Count all rows of the office's copy again and compare them with what the office said. Needs no network unless something is to be
    /// repaired.
    Verify {
        /// Have what is wrong fetched again.
        #[arg(long)]
        repair: bool,
    },
    /// Stay in front, as an open application does: hear of the office's changes and fetch them. Prints a line of JSON for each event.
    Watch {
        /// End after so many seconds; without it only a signal ends it.
        #[arg(long, value_name = "N")]
        seconds: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(flatten)]
    pub(crate) listing: Listing,
    #[command(subcommand)]
    pub(crate) act: Option<QueueAct>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueAct {
    /// List them.
    List(Listing),
    /// Send again what was set aside, with the next sync.
    Unpark {
        /// Id of the document.
        #[arg(value_name = "ID", value_parser = document, required_unless_present = "all", conflicts_with = "all")]
        document: Option<DocumentId>,
        /// Everything that was set aside.
        #[arg(long)]
        all: bool,
    },
    /// Take a visit or an order back: the office is told with the next sync.
    Withdraw {
        /// Id of the document.
        #[arg(value_name = "ID", value_parser = document)]
        document: DocumentId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Orders {
    #[command(flatten)]
    pub(crate) listing: Listing,
    #[command(subcommand)]
    pub(crate) act: Option<OrdersAct>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrdersAct {
    /// Write placed orders into a file: a spreadsheet, CSV, CommerceML for 1C, or JSON. Needs no network and changes nothing; drafts and
    /// withdrawn orders stay out. Both ranges of days must take an order; their borders belong to them.
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// All orders, whatever their days.
    #[arg(long, conflicts_with_all = ["created_from", "created_to", "delivery_from", "delivery_to"])]
    pub(crate) all: bool,
    /// First day on which they were placed.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) created_from: Option<CalendarDay>,
    /// Last day on which they were placed.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) created_to: Option<CalendarDay>,
    /// First wanted day of delivery.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) delivery_from: Option<CalendarDay>,
    /// Last wanted day of delivery.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) delivery_to: Option<CalendarDay>,
    /// xlsx, csv (two tables in a ZIP), commerceml or json.
    #[arg(long, value_name = "FORMAT", value_parser = format, default_value = "xlsx")]
    pub(crate) format: Format,
    /// Folder to write to; the file gets a name by itself.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// CSV with a point instead of a comma in numbers.
    #[arg(long)]
    pub(crate) decimal_point: bool,
    /// CommerceML in windows-1251 instead of UTF-8.
    #[arg(long)]
    pub(crate) windows_1251: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Address of the server, for example http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = server)]
    pub(crate) server: String,
    #[arg(long)]
    pub(crate) email: String,
    /// Without it the first line of standard input is taken.
    #[arg(long, env = "POLEVIK_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// Code of the position, for a person who has several.
    #[arg(long, value_name = "CODE")]
    pub(crate) position: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// The most rows to print; all without it.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
}

impl Listing {
    pub(crate) fn limit(&self) -> u32 {
        self.limit.unwrap_or(u32::MAX)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Visit {
    /// Start a call; if today's plan has the outlet, it is that stop. Prints the visit's id.
    Start {
        /// Id of the outlet, or the office's code of it.
        #[arg(long, value_name = "ID")]
        outlet: String,
    },
    /// Finish the open call. Prints its id.
    Finish,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Photo {
    /// Keep a photo: made smaller, written, queued. Works without a network. Prints its id.
    Take {
        /// Id of the visit, or `open` for the one that is open.
        #[arg(value_name = "VISIT", value_parser = visit_ref)]
        visit: VisitRef,
        /// JPEG, PNG or WebP.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// shelf, cooler, display, posm, facade or other.
        #[arg(long, value_parser = scene, default_value = "shelf")]
        scene: Scene,
        /// Words to the office.
        #[arg(long, default_value = "")]
        comment: String,
    },
}

/// A visit on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisitRef {
    Open,
    Id(DocumentId),
}

#[derive(Debug, Args)]
pub(crate) struct Materials {
    /// Print where the file of this material is, and note that it was opened.
    #[arg(long, value_name = "ID", conflicts_with_all = ["fetch", "pin", "unpin"])]
    pub(crate) open: Option<i64>,
    /// Fetch this material now, whatever room it takes.
    #[arg(long, value_name = "ID")]
    pub(crate) fetch: Option<i64>,
    /// Keep this material here, whatever room it takes.
    #[arg(long, value_name = "ID")]
    pub(crate) pin: Option<i64>,
    /// Do not keep it any more.
    #[arg(long, value_name = "ID")]
    pub(crate) unpin: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Storage {
    /// First remove photos that the server has.
    #[arg(long)]
    pub(crate) remove_sent_photos: bool,
    /// First remove materials that were not opened for 30 days.
    #[arg(long)]
    pub(crate) remove_unused_materials: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Switch {
    /// Photos, materials and the library only over Wi-Fi.
    WifiOnly {
        /// on or off.
        #[arg(value_name = "on|off", value_parser = on_or_off, action = clap::ArgAction::Set)]
        on: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Order {
    /// Place an order in the open visit, or outside one with a reason. Prints its id and its number.
    New {
        /// Id of the outlet, or the office's code of it.
        #[arg(long, value_name = "ID")]
        outlet: String,
        /// Article, quantity, and piece, block or box (piece without it). An article is everything before the last `=`.
        #[arg(long = "line", value_name = "SKU=QTY[:UNIT]", value_parser = line, required = true)]
        lines: Vec<Line>,
        /// Wanted day of delivery.
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        delivery: Option<CalendarDay>,
        /// Words to the office.
        #[arg(long)]
        comment: Option<String>,
        /// Order without a visit, for this reason.
        #[arg(long, value_name = "REASON")]
        outside_visit: Option<String>,
    },
}

/// One `--line`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) unit: Unit,
}

fn row(text: &str) -> Result<RowId, String> {
    RowId::parse(text).ok_or_else(|| format!("rows are {}", RowId::ALL.map(RowId::as_str).join(", ")))
}

fn network(text: &str) -> Result<NetworkClass, String> {
    NetworkClass::parse(text).ok_or_else(|| format!("networks are {}", NetworkClass::ALL.map(NetworkClass::as_str).join(", ")))
}

fn scene(text: &str) -> Result<Scene, String> {
    Scene::parse(text).ok_or_else(|| format!("scenes are {}", Scene::ALL.map(Scene::as_str).join(", ")))
}

fn visit_ref(text: &str) -> Result<VisitRef, String> {
    if text == "open" { Ok(VisitRef::Open) } else { document(text).map(VisitRef::Id) }
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("a switch is on or off".to_owned()),
    }
}

fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| format!("formats are {}", Format::ALL.map(Format::as_str).join(", ")))
}

fn server(text: &str) -> Result<String, String> {
    let address = text.trim_end_matches('/');
    let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() => Ok(address.to_owned()),
        _ => Err("an address begins with http:// or https://".to_owned()),
    }
}

fn document(text: &str) -> Result<DocumentId, String> {
    DocumentId::parse(text).ok_or_else(|| "an id is a UUID, as the queue shows it".to_owned())
}

fn day(text: &str) -> Result<CalendarDay, String> {
    CalendarDay::parse(text).ok_or_else(|| "a day is YYYY-MM-DD".to_owned())
}

fn line(text: &str) -> Result<Line, String> {
    let (sku, rest) = text.rsplit_once('=').ok_or("a line is SKU=QTY[:UNIT]")?;
    let (quantity, unit) = rest.split_once(':').unwrap_or((rest, "piece"));
    let quantity = quantity.parse().ok().filter(|quantity| *quantity > 0).ok_or("a quantity is a whole number above zero")?;
    let unit = Unit::parse(unit).ok_or("a unit is piece, block or box")?;
    if sku.is_empty() {
        return Err("the article is missing".to_owned());
    }
    Ok(Line { sku: sku.to_owned(), quantity, unit })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn lines_name_article_quantity_and_unit() {
        let made = |sku: &str, quantity, unit| Ok(Line { sku: sku.to_owned(), quantity, unit });
        assert_eq!(line("A-1=12"), made("A-1", 12, Unit::Piece));
        assert_eq!(line("A=B=2:box"), made("A=B", 2, Unit::Box));
        assert_eq!(line("Я/1=3:блок"), made("Я/1", 3, Unit::Block));
        for bad in ["A-1", "A-1=", "A-1=0", "A-1=-2", "A-1=2:crate", "=2", "A-1=1.5"] {
            assert!(line(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rows_networks_scenes_and_switches_are_named_as_everywhere() {
        assert_eq!(row("upload.mandatory"), Ok(RowId::UploadMandatory));
        assert_eq!(row("download.library"), Ok(RowId::DownloadLibrary));
        assert_eq!(network("metered_wifi"), Ok(NetworkClass::MeteredWiFi));
        assert_eq!(scene("posm"), Ok(Scene::Posm));
        assert_eq!(visit_ref("open"), Ok(VisitRef::Open));
        assert_eq!((on_or_off("on"), on_or_off("off")), (Ok(true), Ok(false)));
        for bad in [row("everything").is_err(), network("5g").is_err(), scene("selfie").is_err(), on_or_off("yes").is_err()] {
            assert!(bad);
        }
    }
}
