//! Which crate may know which: the arrows of ARCHITECTURE.md, checked over cargo's own graph.
//!
//! Two kinds of rule for each of our crates. `may_use` lists the crates of ours it may name in its
//! `Cargo.toml`. `never` lists packages, ours or not, that it must not reach over any number of
//! steps. Tests may use more: dependencies for development are not looked at.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::metadata::{list, string};

/// What one of our crates may know.
struct Rule {
    package: &'static str,
    /// Crates of ours it may depend on directly.
    may_use: &'static [&'static str],
    /// Packages it must not reach, and in one word what they stand for.
    never: &'static [Never],
}

/// Packages that stand for something a floor must not know.
#[derive(Clone, Copy)]
struct Never {
    what: &'static str,
    packages: &'static [&'static str],
}

const SQL: Never = Never { what: "SQL", packages: &["rusqlite", "libsqlite3-sys", "sqlite-wasm-rs", "tokio-postgres", "sqlx"] };
const HTTP: Never = Never { what: "HTTP", packages: &["axum", "hyper", "http", "reqwest", "tower"] };
const ASYNC: Never = Never { what: "an async runtime", packages: &["tokio", "futures", "async-std", "smol"] };
const DRAWING: Never = Never { what: "anything that draws", packages: &["leptos", "dioxus"] };
const SERVER_SIDE: Never = Never { what: "the server side", packages: &["polevik-server", "polevik-server-store"] };
const DEVICE_SIDE: Never = Never { what: "the device side", packages: &["polevik-device", "polevik-device-store"] };

const RULES: [Rule; 20] = [
    // Bugs put in on purpose for the simulator; without its feature it is an empty constant.
    Rule { package: "polevik-planted", may_use: &[], never: &[SQL, HTTP, ASYNC, DRAWING] },
    Rule { package: "polevik-domain", may_use: &[], never: &[SQL, HTTP, ASYNC, DRAWING] },
    Rule { package: "polevik-order-export", may_use: &["polevik-domain"], never: &[SQL, HTTP, ASYNC, DRAWING, SERVER_SIDE, DEVICE_SIDE] },
    Rule { package: "polevik-protocol", may_use: &["polevik-domain"], never: &[SQL, HTTP, ASYNC, DRAWING] },
    Rule {
        package: "polevik-recognition-library",
        may_use: &["polevik-domain", "polevik-protocol"],
        never: &[SQL, HTTP, ASYNC, DRAWING, SERVER_SIDE, DEVICE_SIDE],
    },
    Rule {
        package: "polevik-texts",
        may_use: &["polevik-protocol", "polevik-domain"],
        never: &[SQL, HTTP, ASYNC, DRAWING, SERVER_SIDE, DEVICE_SIDE],
    },
    Rule {
        package: "polevik-device-api",
        may_use: &["polevik-domain", "polevik-protocol"],
        never: &[SQL, HTTP, ASYNC, DRAWING, SERVER_SIDE, DEVICE_SIDE],
    },
    Rule {
        package: "polevik-device-store",
        may_use: &["polevik-domain", "polevik-protocol", "polevik-planted"],
        never: &[HTTP, ASYNC, DRAWING, SERVER_SIDE],
    },
    Rule {
        package: "polevik-device",
        may_use: &[
            "polevik-device-store",
            "polevik-device-api",
            "polevik-order-export",
            "polevik-recognition-library",
            "polevik-protocol",
            "polevik-domain",
            "polevik-planted",
        ],
        never: &[HTTP, DRAWING, SERVER_SIDE],
    },
    Rule {
        package: "polevik-server-store",
        may_use: &["polevik-domain", "polevik-protocol", "polevik-planted"],
        never: &[HTTP, DRAWING, DEVICE_SIDE],
    },
    Rule {
        package: "polevik-server",
        may_use: &[
            "polevik-server-store",
            "polevik-recognition-library",
            "polevik-protocol",
            "polevik-texts",
            "polevik-domain",
            "polevik-planted",
        ],
        never: &[DRAWING, DEVICE_SIDE],
    },
    Rule {
        // Its disk is a place where a device's store can live; of the device itself it knows nothing.
        package: "polevik-testkit",
        may_use: &["polevik-domain", "polevik-protocol", "polevik-device-store"],
        never: &[DRAWING, SERVER_SIDE, Never { what: "the device", packages: &["polevik-device"] }],
    },
    Rule {
        package: "polevik-device-cli",
        may_use: &["polevik-device", "polevik-device-api", "polevik-domain", "polevik-texts"],
        never: &[DRAWING, SERVER_SIDE],
    },
    Rule {
        package: "polevik-mobile-core",
        may_use: &["polevik-device", "polevik-device-api", "polevik-domain"],
        never: &[DRAWING, SERVER_SIDE],
    },
    Rule {
        // The page talks to the core by messages, or it would carry a database it never opens.
        package: "polevik-mobile",
        may_use: &["polevik-device-api", "polevik-domain", "polevik-texts"],
        never: &[SQL, SERVER_SIDE, DEVICE_SIDE],
    },
    Rule {
        package: "polevik-system-tests",
        may_use: &[
            "polevik-testkit",
            "polevik-domain",
            "polevik-protocol",
            "polevik-device",
            "polevik-device-api",
            "polevik-device-store",
            "polevik-server",
            "polevik-server-store",
        ],
        never: &[DRAWING],
    },
    Rule {
        // The simulator holds both sides in one process, and looks into both databases from outside.
        package: "polevik-fleet",
        may_use: &[
            "polevik-planted",
            "polevik-testkit",
            "polevik-domain",
            "polevik-protocol",
            "polevik-texts",
            "polevik-device",
            "polevik-device-api",
            "polevik-device-store",
            "polevik-server",
            "polevik-server-store",
        ],
        never: &[DRAWING],
    },
    Rule {
        // It measures what it names: the device's core, the central database, the bare SQLite below both.
        package: "polevik-bench",
        may_use: &["polevik-device", "polevik-domain", "polevik-protocol", "polevik-server-store"],
        never: &[DRAWING],
    },
    Rule {
        package: "polevik-fuzz",
        may_use: &[
            "polevik-testkit",
            "polevik-domain",
            "polevik-order-export",
            "polevik-protocol",
            "polevik-recognition-library",
            "polevik-device",
            "polevik-device-api",
            "polevik-server",
        ],
        never: &[DRAWING],
    },
    Rule { package: "xtask", may_use: &["polevik-protocol", "polevik-texts"], never: &[SERVER_SIDE, DEVICE_SIDE] },
];

/// Checks every rule.
///
/// # Errors
///
/// All broken rules with the path that breaks each, or a crate of the workspace without a rule.
pub fn check(metadata: &Value) -> Result<()> {
    let graph = Graph::from_metadata(metadata)?;
    let broken = broken_rules(&graph, &RULES);
    ensure!(broken.is_empty(), "arrows between crates that must not be:\n  {}", broken.join("\n  "));
    println!("arrows: {} crates keep to their rules", graph.ours.len());
    Ok(())
}

fn broken_rules(graph: &Graph, rules: &[Rule]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in &graph.ours {
        let Some(rule) = rules.iter().find(|rule| rule.package == package) else {
            broken.push(format!("{package} has no rule in xtask/src/arrows.rs"));
            continue;
        };
        for used in graph.uses(package).filter(|used| graph.ours.contains(*used)) {
            if !rule.may_use.contains(&used) {
                broken.push(format!("{package} -> {used}: not among what it may use"));
            }
        }
        for never in rule.never {
            if let Some(path) = graph.path_to_any(package, never.packages) {
                broken.push(format!("{}: {package} must not know {}", path.join(" -> "), never.what));
            }
        }
    }
    for rule in rules {
        if !graph.ours.contains(rule.package) {
            broken.push(format!("{} has a rule but is no crate of the workspace", rule.package));
        }
    }
    broken
}

/// Package names and what each uses, without dependencies for development.
struct Graph {
    ours: BTreeSet<String>,
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn from_metadata(metadata: &Value) -> Result<Self> {
        let mut names = BTreeMap::new();
        for package in list(metadata, "packages")? {
            names.insert(string(package, "id")?, string(package, "name")?);
        }
        let name_of = |id: &str| names.get(id).copied().with_context(|| format!("cargo metadata does not describe {id}"));

        let mut ours = BTreeSet::new();
        for member in list(metadata, "workspace_members")? {
            ours.insert(name_of(member.as_str().context("a member is named by text")?)?.to_owned());
        }
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"], "nodes")? {
            let used = uses.entry(name_of(string(node, "id")?)?.to_owned()).or_default();
            for dependency in list(node, "deps")? {
                let for_development_only = list(dependency, "dep_kinds")?.iter().all(|kind| kind["kind"] == "dev");
                if !for_development_only {
                    used.insert(name_of(string(dependency, "pkg")?)?.to_owned());
                }
            }
        }
        Ok(Self { ours, uses })
    }

    fn uses(&self, package: &str) -> impl Iterator<Item = &str> {
        self.uses.get(package).into_iter().flatten().map(String::as_str)
    }

    /// A shortest path from `package` to one of `targets`.
    fn path_to_any(&self, package: &str, targets: &[&str]) -> Option<Vec<String>> {
        let mut reached_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([package]);
        while let Some(at) = queue.pop_front() {
            if targets.contains(&at) {
                let mut path = vec![at.to_owned()];
                let mut step = at;
                while step != package {
                    step = reached_from[step];
                    path.push(step.to_owned());
                }
                path.reverse();
                return Some(path);
            }
            for next in self.uses(at) {
                if next != package && !reached_from.contains_key(next) {
                    reached_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(ours: &[&str], edges: &[(&str, &str)]) -> Graph {
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            uses.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        Graph { ours: ours.iter().map(|name| (*name).to_owned()).collect(), uses }
    }

    const PAGE: Rule = Rule { package: "page", may_use: &["messages"], never: &[SQL] };
    const MESSAGES: Rule = Rule { package: "messages", may_use: &[], never: &[] };

    #[test]
    fn a_forbidden_package_is_found_through_others_and_the_path_is_told() {
        let graph = graph(&["page", "messages"], &[("page", "messages"), ("messages", "cache"), ("cache", "rusqlite")]);
        assert_eq!(broken_rules(&graph, &[PAGE, MESSAGES]), ["page -> messages -> cache -> rusqlite: page must not know SQL"]);
    }

    #[test]
    fn a_crate_of_ours_that_is_not_listed_may_not_be_used() {
        let graph = graph(&["page", "messages"], &[("messages", "page")]);
        assert_eq!(broken_rules(&graph, &[PAGE, MESSAGES]), ["messages -> page: not among what it may use"]);
    }

    #[test]
    fn every_crate_has_a_rule_and_every_rule_a_crate() {
        let graph = graph(&["page", "newcomer"], &[]);
        assert_eq!(
            broken_rules(&graph, &[PAGE, MESSAGES]),
            ["newcomer has no rule in xtask/src/arrows.rs", "messages has a rule but is no crate of the workspace"]
        );
    }

    #[test]
    fn dependencies_for_tests_only_are_not_looked_at() {
        let metadata = serde_json::json!({
            "packages": [{"id": "p1", "name": "page"}, {"id": "p2", "name": "rusqlite"}, {"id": "p3", "name": "serde"}],
            "workspace_members": ["p1"],
            "resolve": {"nodes": [
                {"id": "p1", "deps": [
                    {"pkg": "p2", "dep_kinds": [{"kind": "dev"}]},
                    {"pkg": "p3", "dep_kinds": [{"kind": null}, {"kind": "dev"}]},
                ]},
                {"id": "p2", "deps": []},
                {"id": "p3", "deps": []},
            ]},
        });
        let graph = Graph::from_metadata(&metadata).unwrap();
        assert_eq!(graph.uses("page").collect::<Vec<_>>(), ["serde"]);
    }
}
