//! The command line without a server: exit statuses, and one JSON document on standard output.

use std::process::{Command, Output};

use serde_json::Value;

fn run(home: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polevik-device"))
        .arg("--home")
        .arg(home)
        .args(arguments)
        .env_remove("POLEVIK_PASSWORD")
        .output()
        .expect("the program was built")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("standard output is one JSON document")
}

#[test]
fn exit_statuses_tell_wrong_usage_from_no_login_from_failure() {
    let folder = tempfile::tempdir().unwrap();
    let silent = ["login", "--server", "http://127.0.0.1:1", "--email", "a", "--password", "b"];
    for (arguments, status) in [
        (&["status"][..], 0),
        (&["queue"], 0),
        (&["queue", "list", "--limit", "3"], 0),
        (&["queue", "unpark", "--all"], 0),
        (&["queue", "unpark", "01900000-0000-7000-8000-000000000001"], 2),
        (&["queue", "unpark"], 2),
        (&["queue", "unpark", "order 7"], 2),
        (&["queue", "withdraw", "01900000-0000-7000-8000-000000000001"], 2),
        (&["queue", "withdraw", "01900000-0000-7000-8000-000000000001", "--reason", "mistake"], 4),
        (&["verify"], 4),
        (&["verify", "--repair"], 4),
        (&["watch", "--seconds", "1"], 4),
        (&["--help"], 0),
        (&silent, 1),
        (&["dance"], 2),
        (&["sync", "--row", "download.materials"], 4),
        (&["sync", "--row", "download.everything"], 2),
        (&["--network", "cellular", "sync", "--any-network"], 4),
        (&["--network", "5g", "status"], 2),
        (&["photo", "take", "open", "shelf.jpg"], 4),
        (&["photo", "take", "01900000-0000-7000-8000-000000000001", "no such file.jpg"], 2),
        (&["photo", "take", "open", "shelf.jpg", "--scene", "selfie"], 2),
        (&["photos"], 4),
        (&["photos", "--visit", "01900000-0000-7000-8000-000000000001"], 4),
        (&["materials"], 4),
        (&["materials", "--open", "1"], 4),
        (&["materials", "--open", "1", "--fetch", "1"], 2),
        (&["materials", "--pin", "1"], 4),
        (&["storage"], 0),
        (&["option", "wifi-only", "on"], 0),
        (&["option", "wifi-only", "perhaps"], 2),
        (&["order", "new", "--outlet", "1", "--line", "A-1"], 2),
        (&["order", "new", "--outlet", "1", "--line", "A-1=1", "--delivery", "tomorrow"], 2),
        (&["login", "--server", "polevik.example", "--email", "a", "--password", "b"], 2),
        (&["sync"], 4),
        (&["outlets"], 4),
        (&["products"], 4),
        (&["prices"], 4),
        (&["orders"], 4),
        (&["visit", "start", "--outlet", "1"], 4),
        (&["visit", "finish"], 4),
        (&["order", "new", "--outlet", "1", "--line", "A-1=1"], 4),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn json_is_the_only_thing_on_standard_output_also_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let status = json(&run(folder.path(), &["status", "--json"]));
    assert_eq!(status["signed_in"], Value::Bool(false));
    let rows: Vec<_> = status["rows"].as_array().unwrap().iter().map(|row| (row["row"].clone(), row["state"].clone())).collect();
    let names = ["download.mandatory", "download.materials", "download.library", "upload.mandatory", "upload.materials"];
    assert_eq!(rows, names.map(|name| (Value::from(name), Value::from("never"))));
    assert_eq!(json(&run(folder.path(), &["sync", "--json"]))["error"]["code"], Value::Null);
    let silent = ["login", "--server", "http://127.0.0.1:1", "--email", "a", "--password", "b", "--json"];
    assert_eq!(json(&run(folder.path(), &silent))["error"]["code"], "N103");
}

#[test]
fn a_second_process_on_the_same_home_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["status"]).status.success());
    let held = std::fs::File::open(folder.path().join("lock")).unwrap();
    held.lock().unwrap();
    let output = run(folder.path(), &["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another polevik-device is using this home"));
    // Said aloud: a child of another test may hold a copy of the handle for a moment.
    held.unlock().unwrap();
    assert!(run(folder.path(), &["status"]).status.success());
}

#[test]
fn the_switch_stays_where_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(json(&run(folder.path(), &["status", "--json"]))["wifi_only"], Value::Bool(false));
    assert!(run(folder.path(), &["option", "wifi-only", "on"]).status.success());
    assert_eq!(json(&run(folder.path(), &["status", "--json"]))["wifi_only"], Value::Bool(true));
    assert!(run(folder.path(), &["option", "wifi-only", "off"]).status.success());
    assert_eq!(json(&run(folder.path(), &["status", "--json"]))["wifi_only"], Value::Bool(false));
}

#[test]
fn a_new_device_says_what_it_takes_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let storage = json(&run(folder.path(), &["storage", "--json"]));
    assert!(storage["databases"].as_u64().unwrap() > 10_000, "{storage}");
    assert!(storage["free"].as_u64().is_some(), "{storage}");
    assert_eq!(storage["queued_photos"]["files"], 0);
}
