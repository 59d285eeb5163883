//! Lays out the files of the application: names with a hash of the content, references to match.
//!
//! A source names another file as `/assets/NAME`; the reference is rewritten to the hashed name,
//! and a name that does not exist fails the build. So a published file never changes under its
//! name, a browser may keep it for ever, and a change of a font reaches the page that uses it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// What a source writes before the name of a file it refers to.
const PREFIX: &str = "/assets/";

/// Files that keep their name, because a browser or a person asks for them by it.
const ROOT_FILES: [&str; 4] = ["index.html", "service_worker.js", "manifest.webmanifest", "favicon.ico"];

/// In `index.html` and `service_worker.js`: replaced by the build's hash.
const BUILD_MARK: &str = "/*BUILD*/";

/// In `service_worker.js`: replaced by the quoted addresses of all files to keep.
const PRECACHE_MARK: &str = "/*PRECACHE*/";

/// Hexadecimal characters of a hash in a name: 40 bits, far more than a few dozen files need.
const HASH_CHARS: usize = 10;

/// Everything to be published.
pub struct Site {
    /// The files' bytes by path below the published folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// A hash over all files; another build has another one.
    pub build: String,
}

/// Whether a browser starts here, so that all else must be in place before it.
pub fn is_entry(path: &str) -> bool {
    path == "index.html" || path == "service_worker.js"
}

/// Lays out the hand-written `sources` folder and the `generated` files of the wasm modules.
///
/// # Errors
///
/// A reference to a file that does not exist, two files that refer to each other, or a missing
/// `index.html` or `service_worker.js`.
pub fn lay_out(sources: &Path, generated: BTreeMap<String, Vec<u8>>) -> Result<Site> {
    let mut assets = BTreeMap::new();
    let mut roots = BTreeMap::new();
    for file in files_below(sources)? {
        let bytes = fs::read(&file)?;
        let name = name_below(sources, &file)?;
        if ROOT_FILES.contains(&name.as_str()) {
            roots.insert(name, bytes);
        } else {
            assets.insert(name, bytes);
        }
    }
    for (name, bytes) in generated {
        let bytes = if name.ends_with(".js") { with_absolute_references(&name, &bytes)? } else { bytes };
        ensure!(assets.insert(name.clone(), bytes).is_none(), "{name} is generated, and stands in {} too", sources.display());
    }
    arrange(&assets, roots)
}

fn arrange(assets: &BTreeMap<String, Vec<u8>>, mut roots: BTreeMap<String, Vec<u8>>) -> Result<Site> {
    let mut names = HashedNames { assets, finished: BTreeMap::new(), open: Vec::new() };
    for name in assets.keys() {
        names.finish(name)?;
    }
    let mut index = roots.remove("index.html").context("index.html is missing")?;
    let mut service_worker = roots.remove("service_worker.js").context("service_worker.js is missing")?;
    index = names.rewrite("index.html", &index)?;
    service_worker = names.rewrite("service_worker.js", &service_worker)?;

    let mut files = BTreeMap::new();
    for (name, bytes) in &roots {
        files.insert(name.clone(), names.rewrite(name, bytes)?);
    }
    for asset in names.finished.into_values() {
        files.insert(asset.address.trim_start_matches('/').to_owned(), asset.bytes);
    }

    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in &files {
        hasher.update(path.as_bytes()).update(bytes);
    }
    let build = short(&hasher.update(&index).update(&service_worker).finalize());

    let precache: Vec<String> = std::iter::once("\"/\"".to_owned()).chain(files.keys().map(|path| format!("\"/{path}\""))).collect();
    let index = text("index.html", &index)?.replace(BUILD_MARK, &build);
    let service_worker = text("service_worker.js", &service_worker)?;
    ensure!(
        service_worker.contains(BUILD_MARK) && service_worker.contains(PRECACHE_MARK),
        "service_worker.js needs {BUILD_MARK} and {PRECACHE_MARK}"
    );
    let service_worker = service_worker.replace(BUILD_MARK, &build).replace(PRECACHE_MARK, &precache.join(", "));
    files.insert("index.html".to_owned(), index.into_bytes());
    files.insert("service_worker.js".to_owned(), service_worker.into_bytes());
    Ok(Site { files, build })
}

/// A file with its references rewritten, and the address that follows from its bytes.
struct Finished {
    address: String,
    bytes: Vec<u8>,
}

/// Gives each file its hashed name, the ones it refers to first.
struct HashedNames<'a> {
    assets: &'a BTreeMap<String, Vec<u8>>,
    finished: BTreeMap<String, Finished>,
    /// The way from the file first asked for to the one at work, to notice a circle.
    open: Vec<String>,
}

impl HashedNames<'_> {
    /// The published address of the file `name`.
    fn finish(&mut self, name: &str) -> Result<String> {
        if let Some(finished) = self.finished.get(name) {
            return Ok(finished.address.clone());
        }
        let assets = self.assets;
        let Some(bytes) = assets.get(name) else {
            bail!("{} refers to {PREFIX}{name}, which does not exist", self.open.join(" -> "));
        };
        ensure!(
            !self.open.iter().any(|open| open == name),
            "{} -> {name}: files that refer to each other cannot carry each other's hash",
            self.open.join(" -> ")
        );
        let bytes = self.rewrite(name, bytes)?;
        let address = format!("{PREFIX}{}", with_hash(name, &short(&blake3::hash(&bytes))));
        self.finished.insert(name.to_owned(), Finished { address: address.clone(), bytes });
        Ok(address)
    }

    /// The file's bytes with every `/assets/NAME` made the published address.
    fn rewrite(&mut self, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        if !holds_references(name) {
            return Ok(bytes.to_vec());
        }
        self.open.push(name.to_owned());
        let mut rest = text(name, bytes)?;
        let mut rewritten = String::with_capacity(rest.len());
        while let Some(at) = rest.find(PREFIX) {
            rewritten.push_str(&rest[..at]);
            let after = &rest[at + PREFIX.len()..];
            let end = after.find(|c: char| !is_name_char(c)).unwrap_or(after.len());
            if end == 0 {
                // The bare prefix: a service worker asks whether an address is one of ours.
                rewritten.push_str(PREFIX);
            } else {
                rewritten.push_str(&self.finish(&after[..end])?);
            }
            rest = &after[end..];
        }
        rewritten.push_str(rest);
        self.open.pop();
        Ok(rewritten.into_bytes())
    }
}

fn holds_references(name: &str) -> bool {
    matches!(name.rsplit('.').next(), Some("html" | "css" | "js" | "webmanifest" | "svg" | "json"))
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/')
}

/// wasm-bindgen refers to its wasm and snippets beside the script; here such names are absolute.
fn with_absolute_references(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let script = text(name, bytes)?;
    let stem = name.trim_end_matches(".js");
    let script = script
        .replace(&format!("'{stem}_bg.wasm'"), &format!("'{PREFIX}{stem}_bg.wasm'"))
        .replace("'./snippets/", &format!("'{PREFIX}snippets/"))
        .replace("\"./snippets/", &format!("\"{PREFIX}snippets/"));
    Ok(script.into_bytes())
}

/// `app.css` with the hash `3fa9…` is `app.3fa9….css`.
fn with_hash(name: &str, hash: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => format!("{stem}.{hash}.{extension}"),
        _ => format!("{name}.{hash}"),
    }
}

fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..HASH_CHARS].to_owned()
}

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))
}

fn name_below(folder: &Path, file: &Path) -> Result<String> {
    let below = file.strip_prefix(folder)?;
    Ok(below.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?.replace('\\', "/"))
}

/// All files below a folder, sorted, without those whose name begins with a dot.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        list.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect()
    }

    fn site(assets: &[(&str, &str)]) -> Result<Site> {
        let roots = files(&[
            ("index.html", r#"<link href="/assets/app.css"><meta content="/*BUILD*/">"#),
            ("service_worker.js", r#"const B = "/*BUILD*/"; const P = [/*PRECACHE*/];"#),
        ]);
        arrange(&files(assets), roots)
    }

    fn file<'a>(site: &'a Site, path: &str) -> &'a str {
        std::str::from_utf8(&site.files[path]).unwrap()
    }

    fn address<'a>(site: &'a Site, stem: &str) -> &'a str {
        site.files.keys().find(|path| path.starts_with(stem)).unwrap()
    }

    #[test]
    fn a_changed_font_changes_the_name_of_the_style_sheet_that_uses_it() {
        let style = ("app.css", r#"src: url("/assets/fonts/f.woff2")"#);
        let before = site(&[style, ("fonts/f.woff2", "one")]).unwrap();
        let after = site(&[style, ("fonts/f.woff2", "two")]).unwrap();

        assert_ne!(address(&before, "assets/app."), address(&after, "assets/app."));
        assert_ne!(before.build, after.build);
        let font = address(&after, "assets/fonts/f.");
        assert!(file(&after, address(&after, "assets/app.")).contains(&format!("\"/{font}\"")));
    }

    #[test]
    fn the_service_worker_lists_every_file_and_the_page_but_not_itself() {
        let site = site(&[("app.css", "body{}")]).unwrap();
        let style = address(&site, "assets/app.").to_owned();
        assert_eq!(file(&site, "service_worker.js"), format!(r#"const B = "{}"; const P = ["/", "/{style}"];"#, site.build));
        assert!(file(&site, "index.html").contains(&site.build));
    }

    #[test]
    fn a_reference_to_nothing_fails_the_build_and_says_where_it_stands() {
        let error = site(&[("app.css", r#"url("/assets/gone.woff2")"#)]).err().unwrap();
        assert_eq!(error.to_string(), "app.css refers to /assets/gone.woff2, which does not exist");
    }

    #[test]
    fn files_that_refer_to_each_other_are_refused() {
        let error = site(&[("app.css", ""), ("a.js", r#"import "/assets/b.js""#), ("b.js", r#"import "/assets/a.js""#)]).err().unwrap();
        assert!(error.to_string().starts_with("a.js -> b.js -> a.js"), "{error}");
    }

    #[test]
    fn the_bound_script_finds_its_wasm_by_the_hashed_name() {
        let script =
            with_absolute_references("core.js", b"import * as s from './snippets/x/inline0.js';\nnew URL('core_bg.wasm', import.meta.url)")
                .unwrap();
        assert_eq!(
            std::str::from_utf8(&script).unwrap(),
            "import * as s from '/assets/snippets/x/inline0.js';\nnew URL('/assets/core_bg.wasm', import.meta.url)"
        );
    }
}
