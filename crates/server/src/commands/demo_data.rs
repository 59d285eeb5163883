//! `polevik-server demo-data` and `demo-logins`: a company to try with.

use std::process::ExitCode;

use anyhow::{Result, bail};
use polevik_domain::time::{CalendarDay, Clock, UtcOffsetMinutes};

use super::DataFolder;
use super::ir_library::publish_demo;
use crate::clock::SystemClock;
use crate::database;
use crate::demo::{self, Login, Materials, Plan, Size, logins};
use crate::library::demo::{LibrarySize, Shown};

/// Make a demo company: products, prices, outlets, routes, people; nothing of it is real.
///
/// The same seed, size and day give the same rows. They go in through the same code as `import`, with a few defects that are refused there
/// on purpose (see DATA/imports/). In a folder that has the demo company already, only its routes are planned further, so it can be
/// called at every start.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  polevik-server demo-data --data data                       one mid distributor, for today
  polevik-server demo-data --data small --size S --seed 7
  polevik-server demo-data --data big --size L               a national company; takes minutes

Exit codes: 0 done; 1 the folder holds other data or cannot be written; 2 wrong usage.")]
pub struct Args {
    #[command(flatten)]
    data: DataFolder,
    /// S: 3 reps, 250 outlets, 200 products. M: 60 reps, 10 000 outlets, 3 000 products. L: 250 distributors, 650 000 outlets.
    #[arg(long, default_value = "M")]
    size: Size,
    /// From which every name, price and route follows.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Materials: usual pictures of a few megabytes in all, or full ones as from a studio (60 MB for S, 300 MB for M).
    #[arg(long, value_name = "AMOUNT", default_value = "usual")]
    materials: Materials,
    /// The day routes lie around; today (UTC) if not given.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    day: Option<CalendarDay>,
    /// Publish no recognition library. Otherwise a small one of drawn packs is made; `ir-library demo` makes larger ones.
    #[arg(long)]
    no_library: bool,
}

fn parse_day(text: &str) -> Result<CalendarDay, String> {
    CalendarDay::parse(text).ok_or_else(|| "a day looks like 2026-11-22".to_owned())
}

/// Makes the company or keeps it going, and prints the logins.
///
/// # Errors
///
/// When the folder holds other data, or cannot be written.
pub fn run(args: &Args) -> Result<ExitCode> {
    let clock = SystemClock;
    let began = clock.now();
    let day = args.day.unwrap_or_else(|| CalendarDay::at(began, UtcOffsetMinutes(0)));
    let plan = Plan { size: args.size, seed: args.seed, day, materials: args.materials };
    let made = demo::make(&args.data.path, plan, &clock, &mut |step| println!("  {step}"))?;
    let folder = args.data.path.display();
    if made.new {
        let millis = clock.now().since(began);
        println!("made the demo company in {folder} for {day}, in {}.{:01} s", millis / 1_000, millis % 1_000 / 100);
    } else {
        println!("the demo company in {folder} is there already; its routes reach two weeks ahead of {day}");
    }
    if made.new && !args.no_library {
        let store = database::open(&args.data.path)?;
        let shown = Shown { size: LibrarySize::Xs, new_packs: 0, new_pictures: 0 };
        let published = publish_demo(&store, &args.data.path, "D1", shown, clock.now())?;
        println!("  recognition library {}: {} bytes", published.release.version, published.release.bytes);
    }
    print_few(&made.logins);
    println!("  all of them: {}", logins::text_path(&args.data.path).display());
    Ok(ExitCode::SUCCESS)
}

fn print_few(logins: &[Login]) {
    println!("logins (demo people, one password for all):");
    logins::few(logins).into_iter().for_each(|login| println!("{}", logins::line(login)));
}

/// Tell the logins of the demo company again.
#[derive(Debug, clap::Args)]
pub struct LoginsArgs {
    #[command(flatten)]
    data: DataFolder,
    /// All of them, not only one of each kind.
    #[arg(long)]
    all: bool,
    /// Print all of them as one JSON document.
    #[arg(long)]
    json: bool,
}

/// Prints the logins.
///
/// # Errors
///
/// When the folder has no demo company.
pub fn run_logins(args: &LoginsArgs) -> Result<ExitCode> {
    let Some(logins) = logins::read(&args.data.path)? else {
        bail!("{} has no demo company; `polevik-server demo-data --data DIR` makes one", args.data.path.display());
    };
    if args.json {
        println!("{}", serde_json::to_string(&logins)?);
    } else if args.all {
        logins.iter().for_each(|login| println!("{}", logins::line(login)));
    } else {
        print_few(&logins);
    }
    Ok(ExitCode::SUCCESS)
}
