//! Builds the programs for release, and lets `polevik-bench` measure them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::metadata::{self, string};

/// Builds and measures; `words` are the benchmark's own.
///
/// # Errors
///
/// When something does not build, or a scenario could not be carried out. A missed target is no error: it stands in the table.
pub fn run(workspace: &Path, words: &[String]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let packages = ["polevik-server", "polevik-device-cli", "polevik-bench"];
    let mut build = Command::new(cargo);
    build.current_dir(workspace).args(["build", "--release", "--locked"]);
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    ensure!(build.status().context("cargo does not start")?.success(), "the programs do not build");

    let metadata: Value = metadata::of(workspace)?;
    let programs = Path::new(string(&metadata, "target_directory")?).join("release");
    let status = Command::new(programs.join("polevik-bench"))
        .arg("--programs")
        .arg(&programs)
        .arg("--workspace")
        .arg(workspace)
        .args(words)
        .status()
        .context("polevik-bench does not start")?;
    ensure!(status.success(), "not everything could be measured");
    Ok(())
}
