//! The two wasm modules of the mobile application: the page and the core in its Worker.
//!
//! Built in two cargo calls, or their features would be unified and the page would carry the
//! core's. wasm-bindgen runs as a library, so its version cannot differ from the lock file's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::assets::files_below;

/// How much work goes into making the modules small and quick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Built in seconds; for work on a screen.
    Dev,
    /// What is shipped.
    Release,
}

/// One wasm module.
pub struct WebModule {
    package: &'static str,
    profile: &'static str,
    /// The level for wasm-opt: bytes for the page, speed for the core.
    wasm_opt_level: &'static str,
    /// Flags for the compiler beside those of every module.
    rustflags: &'static [&'static str],
}

/// Core first: it takes longest, and the page is what one usually works on.
pub const MODULES: [WebModule; 2] = [
    WebModule { package: "polevik-mobile-core", profile: "wasm-core", wasm_opt_level: "-O2", rustflags: &[] },
    WebModule {
        package: "polevik-mobile",
        profile: "wasm-ui",
        wasm_opt_level: "-Oz",
        // Leptos then shares code between views instead of generating it for each type of view: a tenth of the bytes.
        rustflags: &["--cfg=erase_components"],
    },
];

const TARGET: &str = "wasm32-unknown-unknown";

/// What the compiler emits by default and wasm-opt has to be told.
const WASM_OPT_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

impl WebModule {
    /// Builds the module. Gives its files by name: the script, the wasm, the script's snippets.
    ///
    /// wasm-bindgen and wasm-opt are skipped when cargo made the same bytes as last time.
    pub fn build(&self, workspace: &Path, work: &Path, mode: Mode) -> Result<BTreeMap<String, Vec<u8>>> {
        let compiled = self.compile(workspace, mode)?;
        let wasm = fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
        let wasm_opt = match mode {
            Mode::Dev => None,
            Mode::Release => wasm_opt_version(),
        };

        let folder = work.join(self.package);
        let stamp_file = work.join(format!("{}.stamp", self.package));
        let stamp = stamp(&wasm, mode, wasm_opt.as_deref());
        if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) && folder.is_dir() {
            return read_files(&folder);
        }

        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        self.bind(&compiled, &folder, mode)?;
        match (mode, wasm_opt) {
            (Mode::Release, Some(_)) => self.optimise(&folder)?,
            (Mode::Release, None) => eprintln!(
                "warning: wasm-opt is not installed (Debian package binaryen): \
                 {} stays about a tenth larger",
                self.package
            ),
            (Mode::Dev, _) => (),
        }
        fs::write(&stamp_file, &stamp)?;
        read_files(&folder)
    }

    /// Runs cargo; gives the path of the compiled module.
    fn compile(&self, workspace: &Path, mode: Mode) -> Result<PathBuf> {
        let profile = match mode {
            Mode::Dev => "wasm-dev",
            Mode::Release => self.profile,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .current_dir(workspace)
            .args(["build", "--locked", "--lib", "--target", TARGET])
            .args(["--package", self.package, "--profile", profile])
            .arg("--config")
            .arg(self.compiler_flags(workspace)?)
            .status()
            .context("cargo does not start")?;
        ensure!(status.success(), "cargo could not build {}", self.package);

        let target_folder = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => workspace.join(folder),
            None => workspace.join("target"),
        };
        let file = format!("{}.wasm", self.package.replace('-', "_"));
        Ok(target_folder.join(TARGET).join(profile).join(file))
    }

    /// A cargo setting with the flags for the compiler.
    ///
    /// They keep this machine's folders out of the texts of panics, so that the shipped bytes are the same wherever they are built.
    fn compiler_flags(&self, workspace: &Path) -> Result<String> {
        let mut flags = vec![format!("--remap-path-prefix={}=.", utf8(workspace)?)];
        if let Some(cargo_home) = cargo_home() {
            flags.push(format!("--remap-path-prefix={}=cargo", utf8(&cargo_home)?));
        }
        flags.extend(self.rustflags.iter().map(|&flag| flag.to_owned()));
        // A JSON list of strings is also a TOML list of strings.
        Ok(format!("target.{TARGET}.rustflags={}", serde_json::to_string(&flags)?))
    }

    fn bind(&self, compiled: &Path, folder: &Path, mode: Mode) -> Result<()> {
        let mut bindgen = Bindgen::new();
        bindgen
            .input_path(compiled)
            .typescript(false)
            .web(true)?
            // Without the default path the script's init() cannot find its wasm.
            .omit_default_module_path(false)
            .remove_name_section(mode == Mode::Release)
            .remove_producers_section(true);
        bindgen.generate(folder).with_context(|| format!("wasm-bindgen could not bind {}", self.package))
    }

    fn optimise(&self, folder: &Path) -> Result<()> {
        let wasm = folder.join(format!("{}_bg.wasm", self.package.replace('-', "_")));
        let status = Command::new("wasm-opt")
            .arg(self.wasm_opt_level)
            .args(WASM_OPT_FEATURES)
            .arg(&wasm)
            .arg("--output")
            .arg(&wasm)
            .status()
            .context("wasm-opt does not start")?;
        if !status.success() {
            bail!("wasm-opt could not optimise {}", wasm.display());
        }
        Ok(())
    }
}

/// Where cargo keeps the sources of other people's crates.
fn cargo_home() -> Option<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")),
    }
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The version of wasm-opt, or `None` if it is not installed.
fn wasm_opt_version() -> Option<String> {
    let output = Command::new("wasm-opt").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names everything that decides over the bound module's bytes.
fn stamp(wasm: &[u8], mode: Mode, wasm_opt: Option<&str>) -> String {
    format!("{} {mode:?} {}", blake3::hash(wasm), wasm_opt.unwrap_or("no wasm-opt"))
}

fn read_files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for file in files_below(folder)? {
        let name = utf8(file.strip_prefix(folder)?)?.to_owned();
        files.insert(name, fs::read(&file)?);
    }
    Ok(files)
}
