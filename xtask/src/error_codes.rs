//! `cargo xtask error-codes`: the page of documentation that lists every failure we can name.
//!
//! Written from the enum and the texts that the screens use, so that the page cannot drift from
//! them: `--check` fails when it did.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use polevik_protocol::ErrorCode;
use polevik_protocol::error_code::{Retry, Severity};
use polevik_texts::{Language, Texts};

/// Where the page stands in the workspace.
const PAGE: &str = "docs/error-codes.md";

const HEAD: &str = "\
# Error codes

Every failure that a screen, a log, the server or the console can name. A rep reads the code out to support together with
the tag of the session (`N103 · 7F3K-22`); by the tag the session is found in the server's log. A code never changes its
meaning and is never used again.

This page is written by `cargo xtask error-codes`; `./test` checks that it is up to date.

";

/// Writes the page.
pub fn write(workspace: &Path) -> Result<()> {
    let file = workspace.join(PAGE);
    fs::write(&file, page()?).with_context(|| format!("cannot write {}", file.display()))
}

/// Fails when the page says something else than the code.
pub fn check(workspace: &Path) -> Result<()> {
    let there = fs::read_to_string(workspace.join(PAGE)).unwrap_or_default();
    ensure!(there == page()?, "{PAGE} is out of date: run `cargo xtask error-codes` and commit it");
    println!("error codes: {PAGE} says what the code says");
    Ok(())
}

fn page() -> Result<String> {
    let mut page = HEAD.to_owned();
    let russian = Texts::new(Language::Russian);
    let english = Texts::new(Language::English);
    writeln!(page, "| code | shown as | the device by itself | in English | по-русски |")?;
    writeln!(page, "|---|---|---|---|---|")?;
    for &code in ErrorCode::ALL {
        writeln!(
            page,
            "| **{code}** | {} | {} | {} | {} |",
            severity(code.severity()),
            retry(code.retry()),
            shown(&english, code),
            shown(&russian, code),
        )?;
    }
    Ok(page)
}

/// What happened and what to do, as one cell of the table.
fn shown(texts: &Texts, code: ErrorCode) -> String {
    let cell = format!("{} → {}", texts.code_title(code), texts.code_action(code));
    cell.replace('|', "\\|").replace('\n', " ")
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn retry(retry: Retry) -> &'static str {
    match retry {
        Retry::Later => "tries again, later each time",
        Retry::Once => "tries once more, then waits for a person",
        Retry::OnNetworkChange => "tries again on another network",
        Retry::AtServerTime => "tries again when the server said",
        Retry::AfterAction => "waits until the person has acted",
        Retry::Never => "waits until the office has acted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_row_for_every_code() {
        let page = page().unwrap();
        for code in ErrorCode::ALL {
            assert_eq!(page.matches(&format!("| **{code}** |")).count(), 1, "{code}");
        }
    }
}
