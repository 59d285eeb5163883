//! The two wasm modules of the mobile application: the page and the core in its Worker.
//!
//! Built in two cargo calls, or their features would be unified and the page would carry the
//! core's. wasm-bindgen runs as a library, so its version cannot differ from the lock file's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use walrus::{ExportItem, RefType};
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

impl Mode {
    /// Its name in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Dev => "dev",
            Mode::Release => "release",
        }
    }
}

/// One wasm module.
pub struct WebModule {
    package: &'static str,
    profile: &'static str,
    /// The level for wasm-opt: bytes for the page, speed for the core.
    wasm_opt_level: &'static str,
    /// Flags for the compiler beside those of every module.
    rustflags: &'static [&'static str],
    /// What the build scripts of C libraries are told: variable and value.
    environment: &'static [(&'static str, &'static str)],
}

/// Leaves out of the core what it never calls: a sixth of its bytes.
///
/// Of SQLite, full-text search, R-trees, sessions and tables about itself. Of zstd, the slow ways to compress: the core
/// compresses only what it uploads, at level 3.
const CORE_ENVIRONMENT: [(&str, &str); 2] = [
    (
        "SQLITE_WASM_RS_FLAGS",
        "-USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE -USQLITE_ENABLE_SESSION -USQLITE_ENABLE_PREUPDATE_HOOK \
         -USQLITE_ENABLE_BYTECODE_VTAB -USQLITE_ENABLE_DBPAGE_VTAB -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_STMTVTAB",
    ),
    (
        "CFLAGS_wasm32_unknown_unknown",
        "-DZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY2_BLOCK_COMPRESSOR \
         -DZSTD_EXCLUDE_BTLAZY2_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_BTOPT_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_BTULTRA_BLOCK_COMPRESSOR",
    ),
];

/// Core first: it takes longest, and the page is what one usually works on.
pub const MODULES: [WebModule; 2] = [
    WebModule {
        package: "polevik-mobile-core",
        profile: "wasm-core",
        wasm_opt_level: "-O2",
        rustflags: &[],
        environment: &CORE_ENVIRONMENT,
    },
    WebModule {
        package: "polevik-mobile",
        profile: "wasm-ui",
        wasm_opt_level: "-Oz",
        // Leptos then shares code between views instead of generating it for each type of view: a tenth of the bytes.
        rustflags: &["--cfg=erase_components"],
        environment: &[],
    },
];

const TARGET: &str = "wasm32-unknown-unknown";

/// Raised when this file treats a compiled module in another way, so that nothing made the old way is taken for new.
const RECIPE: u32 = 2;

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
            .envs(self.environment.iter().copied())
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
        let repaired = with_the_table_of_references(&fs::read(&wasm)?)
            .with_context(|| format!("cannot read what wasm-opt made of {}", wasm.display()))?;
        fs::write(&wasm, repaired)?;
        Ok(())
    }
}

/// The module with its table of JavaScript values exported again.
///
/// wasm-opt 108, the one in Debian 12, exports a module's first table under the name of its second: the page would end with a
/// `TypeError` before it began. A module that is right already stays as it is.
fn with_the_table_of_references(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = walrus::Module::from_buffer(wasm)?;
    let Some(references) = module.tables.iter().find(|table| table.element_ty == RefType::EXTERNREF).map(walrus::Table::id) else {
        return Ok(wasm.to_vec());
    };
    let export = module.exports.iter_mut().find(|export| export.name == REFERENCES).context("the table of references is not exported")?;
    if matches!(export.item, ExportItem::Table(table) if table == references) {
        return Ok(wasm.to_vec());
    }
    export.item = ExportItem::Table(references);
    Ok(module.emit_wasm())
}

/// What wasm-bindgen calls the table of JavaScript values that the module holds.
const REFERENCES: &str = "__wbindgen_externrefs";

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
    format!("{} {mode:?} {} recipe {RECIPE}", blake3::hash(wasm), wasm_opt.unwrap_or("no wasm-opt"))
}

fn read_files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for file in files_below(folder)? {
        let name = utf8(file.strip_prefix(folder)?)?.to_owned();
        files.insert(name, fs::read(&file)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which table a module exports as its table of references.
    fn exported(wasm: &[u8]) -> RefType {
        let module = walrus::Module::from_buffer(wasm).unwrap();
        let export = module.exports.iter().find(|export| export.name == REFERENCES).unwrap();
        let ExportItem::Table(table) = export.item else { panic!("a table") };
        module.tables.get(table).element_ty
    }

    #[test]
    fn a_module_that_exports_the_wrong_table_is_repaired_and_a_right_one_is_not_touched() {
        let mut module = walrus::Module::default();
        let functions = module.tables.add_local(false, 3, Some(3), RefType::FUNCREF);
        module.tables.add_local(false, 128, None, RefType::EXTERNREF);
        module.exports.add(REFERENCES, functions);
        let wrong = module.emit_wasm();
        assert_eq!(exported(&wrong), RefType::FUNCREF);

        let right = with_the_table_of_references(&wrong).unwrap();
        assert_eq!(exported(&right), RefType::EXTERNREF);
        assert_eq!(with_the_table_of_references(&right).unwrap(), right);
    }
}
