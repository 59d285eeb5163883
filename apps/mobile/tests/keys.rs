//! Every text the page asks for exists, and every text of the page is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use polevik_texts::{Language, Texts};

/// Keys made of parts at run time, by their beginning.
const COMPOSED: [&str; 6] = ["code-", "format-", "material-kind-", "network-", "scene-", "weekday-"];

/// Texts for others than the page: the server answers with them.
const OF_THE_SERVER: [&str; 2] = ["rejected-", "note-"];

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder of the sources") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("a readable source"));
        }
    }
}

fn page_sources() -> String {
    let mut text = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    text
}

/// What stands as the first argument of the calls that fetch a text.
fn keys_asked_for(source: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for call in [".t(", ".with(", ".with_text(", ".count("] {
        for part in source.split(call).skip(1) {
            if let Some(key) = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                keys.insert(key.to_owned());
            }
        }
    }
    keys
}

#[test]
fn every_text_the_page_asks_for_exists() {
    let texts = Texts::new(Language::Russian);
    let missing: Vec<String> = keys_asked_for(&page_sources()).into_iter().filter(|key| !texts.has(key)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn no_text_waits_for_a_screen_that_does_not_exist() {
    let source = page_sources();
    let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/texts/ru.ftl")).expect("the Russian texts");
    let unused: Vec<&str> = file
        .lines()
        .filter_map(|line| line.split_once(" =").map(|(key, _)| key))
        .filter(|key| key.starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter(|key| !OF_THE_SERVER.iter().chain(&COMPOSED).any(|start| key.starts_with(start)))
        .filter(|key| !source.contains(&format!("\"{key}\"")))
        .collect();
    assert_eq!(unused, Vec::<&str>::new());
}
