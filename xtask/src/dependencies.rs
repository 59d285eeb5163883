//! Rules about other people's crates: where they come from, under which licence, and which may be there only once.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::metadata::{list, string};

/// The only place crates come from, so that anybody can build this.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Licences that let us ship under `Apache-2.0 OR MIT` without giving up anything.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates of which a second version would be a second database engine or a second stack for TLS.
const ONLY_ONCE: [&str; 4] = ["libsqlite3-sys", "sqlite-wasm-rs", "rustls", "wasm-bindgen"];

/// Crates we decided against, and why.
const UNWANTED: [(&str, &str); 3] = [
    ("openssl-sys", "TLS is rustls: one build for every machine"),
    ("native-tls", "TLS is rustls: one build for every machine"),
    ("sqlx", "needs another libsqlite3-sys than rusqlite does"),
];

/// Checks every rule.
///
/// # Errors
///
/// All crates that break one.
pub fn check(metadata: &Value) -> Result<()> {
    let broken = broken_rules(metadata)?;
    ensure!(broken.is_empty(), "rules about dependencies:\n  {}", broken.join("\n  "));
    println!("dependencies: {} crates keep to the rules", list(metadata, "packages")?.len());
    Ok(())
}

fn broken_rules(metadata: &Value) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut versions: BTreeMap<&str, u32> = BTreeMap::new();
    for package in list(metadata, "packages")? {
        let name = string(package, "name")?;
        *versions.entry(name).or_default() += 1;
        // Ours have no source.
        if let Some(source) = package["source"].as_str()
            && source != SOURCE
        {
            broken.push(format!("{name} comes from {source}, not from crates.io"));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        if !allows(licence) {
            broken.push(format!("{name} has the licence {licence:?}: decide, and name it in xtask/src/dependencies.rs"));
        }
        if let Some((_, why)) = UNWANTED.iter().find(|(unwanted, _)| *unwanted == name) {
            broken.push(format!("{name} is not wanted: {why}"));
        }
    }
    for name in ONLY_ONCE {
        if versions.get(name).is_some_and(|&count| count > 1) {
            broken.push(format!("{name} is there in {} versions", versions[name]));
        }
    }
    Ok(broken)
}

/// Whether an SPDX expression lets us choose licences of the list only.
///
/// Knows what crates use: `OR` and the older `/` between choices, `AND` between what all holds, one level of brackets.
fn allows(expression: &str) -> bool {
    let without_brackets = expression.replace(['(', ')'], "");
    if expression.contains('(') {
        // `(A OR B) AND C`: every part of the AND must allow, each by any of its choices.
        return expression.split(" AND ").all(|part| allows(part.trim_matches(['(', ')'])));
    }
    without_brackets
        .split(" OR ")
        .flat_map(|choice| choice.split('/'))
        .any(|choice| choice.split(" AND ").all(|licence| LICENCES.contains(&licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_enough_and_everything_that_is_joined_must_be_allowed() {
        for allowed in
            ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "Apache-2.0 / MIT", "(MIT OR GPL-3.0) AND Unicode-3.0", "Apache-2.0 AND ISC"]
        {
            assert!(allows(allowed), "{allowed}");
        }
        for refused in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-3.0", "MPL-2.0"] {
            assert!(!allows(refused), "{refused}");
        }
    }

    #[test]
    fn a_second_database_engine_and_a_strange_source_are_found() {
        let package = |name: &str, source: &str| serde_json::json!({"name": name, "source": source, "license": "MIT"});
        let metadata = serde_json::json!({"packages": [
            package("libsqlite3-sys", SOURCE),
            package("libsqlite3-sys", SOURCE),
            package("odd", "git+https://example.com/odd"),
        ]});
        assert_eq!(
            broken_rules(&metadata).unwrap(),
            ["odd comes from git+https://example.com/odd, not from crates.io", "libsqlite3-sys is there in 2 versions"]
        );
    }
}
