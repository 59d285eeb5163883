//! One file per subcommand.

use std::path::PathBuf;

pub mod demo_data;
pub mod device;
pub mod epoch;
pub mod feed;
pub mod gc;
pub mod import;
pub mod ir_library;
pub mod maintenance;
pub mod materials;
pub mod migrate;
pub mod orders;
pub mod part_add;
pub mod photos;
pub mod position;
pub mod segment_dump;
pub mod text;
pub mod user_add;

/// Where the data lies; the same for every command.
#[derive(Debug, Clone, clap::Args)]
pub struct DataFolder {
    /// Data folder: database, large segments, reports of imports.
    #[arg(long = "data", value_name = "DIR", env = "POLEVIK_DATA", default_value = "data")]
    pub path: PathBuf,
}
