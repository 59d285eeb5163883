//! Rules about the text of source files, for what the graph of crates cannot see.
//!
//! SQL stands only in the two stores; the system is asked for the time and for randomness only at
//! the edges, the programs. Tests are held to the first rule's spirit, not its letter: a test may
//! look into a database.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::assets::files_below;

/// Folders with product code, each checked in its `src`.
const CODE: [&str; 2] = ["crates", "apps"];

/// The only places that speak SQL. The simulator's oracle asks the databases in words of its own: through the stores it would repeat their
/// mistakes; its storage strips a fresh database of its indexes, as a rebuild begins with them absent.
const SQL_ROOMS: [&str; 4] = ["crates/device_store/", "crates/server_store/", "apps/fleet/src/oracle", "apps/fleet/src/storage.rs"];

/// How an SQL statement begins in our sources: keywords in capitals.
const SQL_WORDS: [(&str, &str); 8] = [
    ("SELECT ", " FROM "),
    ("SELECT\n", "FROM "),
    ("INSERT INTO ", ""),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("CREATE TABLE ", ""),
    ("ALTER TABLE ", ""),
    ("PRAGMA ", ""),
];

/// The programs, where time and randomness come in from the system.
const EDGES: [&str; 5] = ["apps/device_cli/", "apps/fleet/", "apps/mobile/", "apps/mobile_core/", "crates/server/src/"];

/// How the system is asked for what should come in from outside.
const SYSTEM_GUESTS: [&str; 5] = ["SystemTime::now", "Instant::now", "getrandom::", "Timestamp::now", "Uuid::now_v7"];

/// Checks every rule.
///
/// # Errors
///
/// All places that break one, as `file:line: reason`.
pub fn check(workspace: &Path) -> Result<()> {
    let mut broken = Vec::new();
    let mut files = 0;
    for folder in CODE {
        for file in files_below(&workspace.join(folder))? {
            let name = file.strip_prefix(workspace)?.to_string_lossy().into_owned();
            if name.contains("/src/") && name.ends_with(".rs") {
                let text = fs::read_to_string(&file).with_context(|| format!("cannot read {name}"))?;
                broken.extend(broken_rules(&name, &text));
                files += 1;
            }
        }
    }
    ensure!(broken.is_empty(), "rules about files:\n  {}", broken.join("\n  "));
    println!("file rules: {files} files keep to them");
    Ok(())
}

fn broken_rules(name: &str, text: &str) -> Vec<String> {
    let code = without_comments(product_part(text));
    let mut broken = Vec::new();
    let mut report = |at: usize, reason: &str| {
        let line = code[..at].matches('\n').count() + 1;
        broken.push(format!("{name}:{line}: {reason}"));
    };
    if !SQL_ROOMS.iter().any(|room| name.starts_with(room)) {
        for (first, later) in SQL_WORDS {
            for (at, _) in code.match_indices(first) {
                let statement_end = code[at..].find('"').map_or(code.len(), |quote| at + quote);
                if code[at..statement_end].contains(later) {
                    report(at, "SQL stands in the stores only");
                }
            }
        }
    }
    if !EDGES.iter().any(|edge| name.starts_with(edge)) {
        for guest in SYSTEM_GUESTS {
            for (at, _) in code.match_indices(guest) {
                report(at, "time and randomness come in as arguments; only the programs ask the system");
            }
        }
    }
    broken
}

/// The file up to its tests, which stand last.
fn product_part(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |at| &text[..at])
}

/// Blanks out lines that are comments, keeping the count of lines.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_outside_the_stores_is_found_with_its_line() {
        let text = "//! Docs may say SELECT 1 FROM t.\nconst Q: &str = \"\n  SELECT id\n  FROM t\";\n";
        let text = text.replace("id\n  FROM", "id FROM");
        assert_eq!(broken_rules("crates/server/src/x.rs", &text), ["crates/server/src/x.rs:3: SQL stands in the stores only"]);
        assert!(broken_rules("crates/server_store/src/x.rs", &text).is_empty());
    }

    #[test]
    fn a_test_may_look_into_a_database() {
        let text = "fn f() {}\n#[cfg(test)]\nmod tests { const Q: &str = \"DELETE FROM t\"; }\n";
        assert!(broken_rules("crates/device/src/x.rs", text).is_empty());
    }

    #[test]
    fn words_in_capitals_are_not_sql_by_themselves() {
        assert!(broken_rules("apps/mobile/src/x.rs", "const T: &str = \"UPDATE NOW\";").is_empty());
    }

    #[test]
    fn only_the_programs_ask_the_system_for_time() {
        let text = "let now = SystemTime::now();\n";
        assert_eq!(broken_rules("crates/device/src/x.rs", text).len(), 1);
        assert!(broken_rules("apps/device_cli/src/main.rs", text).is_empty());
    }
}
