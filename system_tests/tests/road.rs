//! Whole roads: an order up, a price down, with a real server process and real device processes.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_system_tests::{Data, Device, Server};
use serde_json::{Value, json};

const REP: &str = "rep01@demo.polevik.example";

fn row<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["rows"].as_array().unwrap().iter().find(|row| row["row"] == name).unwrap()
}

/// Articles the device can sell, by the price list of whom it can be sold to.
fn articles(device: &Device, count: usize) -> Vec<String> {
    let products = device.must(&["products"]);
    let on_price_lists = device.must(&["prices"]);
    let priced: std::collections::HashSet<&str> =
        on_price_lists["prices"].as_array().unwrap().iter().filter_map(|price| price["sku"].as_str()).collect();
    let sellable = products["products"].as_array().unwrap().iter().filter(|product| product["active"] == true || product["active"] == 1);
    let articles: Vec<String> =
        sellable.filter_map(|product| product["sku"].as_str()).filter(|sku| priced.contains(sku)).take(count).map(str::to_owned).collect();
    assert_eq!(articles.len(), count, "the demo company sells more than that");
    articles
}

fn an_outlet(device: &Device) -> String {
    device.must(&["outlets", "--limit", "1"])["outlets"][0]["id"].to_string()
}

#[test]
fn an_order_taken_without_network_reaches_the_central_database_with_the_same_totals() {
    let data = Data::demo();
    let server = Server::start(&data);
    let listen = server.address.to_string();
    let device = Device::signed_in(&server.url(), REP);
    assert_eq!(device.must(&["sync"])["result"], "success");
    let outlet = an_outlet(&device);
    let skus = articles(&device, 3);
    server.kill();

    device.must(&["visit", "start", "--outlet", &outlet]);
    let lines = [format!("{}=3", skus[0]), format!("{}=12", skus[1]), format!("{}=1", skus[2])];
    let placed = device.must(&["order", "new", "--outlet", &outlet, "--line", &lines[0], "--line", &lines[1], "--line", &lines[2]]);
    device.must(&["visit", "finish"]);
    let here = device.must(&["orders"])["orders"][0].clone();
    assert_eq!(here["state"], "waiting");

    let before = device.must(&["status"]);
    let failed = device.run(&["sync"]);
    assert_eq!(failed.code, 3, "{failed:?}");
    let upload = row(&failed.json, "upload.mandatory");
    assert_eq!(upload["code"], "N103");
    for name in ["upload.mandatory", "download.mandatory"] {
        assert_eq!(row(&failed.json, name)["last_success"], row(&before, name)["last_success"], "a failure moves no time");
    }
    assert_eq!(row(&device.must(&["status"]), "upload.mandatory")["waiting"], json!({ "orders": 1, "visits": 1, "files": 0, "bytes": 0 }));

    let _server = Server::start_at(&data, &listen);
    assert_eq!(device.must(&["sync"])["result"], "success");
    let orders = data.orders();
    assert_eq!(orders.len(), 1);
    let there = &orders[0];
    assert_eq!(there["id"], placed["id"]);
    assert_eq!(there["number"], placed["number"]);
    assert_eq!(there["totals"]["sum"], here["sum"]);
    assert_eq!(there["totals"]["vat_sum"], here["vat_sum"]);
    assert_eq!(there["lines"].as_array().unwrap().len(), 3);
    assert_eq!(row(&device.must(&["status"]), "upload.mandatory")["waiting"], json!({ "orders": 0, "visits": 0, "files": 0, "bytes": 0 }));
    assert_ne!(device.must(&["orders"])["orders"][0]["state"], "waiting", "the device knows that the order is on the server");
    assert_eq!(device.must(&["queue"])["queue"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_price_changed_in_the_office_is_on_the_device_after_the_next_synchronisation() {
    let data = Data::demo();
    let server = Server::start(&data);
    let device = Device::signed_in(&server.url(), REP);
    device.must(&["sync"]);
    let price = device.must(&["prices", "--limit", "1"])["prices"][0].clone();
    let new_value = price["value"].as_i64().unwrap() + 111;

    let change = json!({ "price_type": price["price_type_code"].as_str().unwrap_or_default(), "product": price["sku"], "value": new_value, "valid_from": price["valid_from"] });
    let (code, said) = data.import("prices", &[change]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(device.must(&["sync"])["result"], "success");

    let now = device.must(&["prices"]);
    let found = now["prices"].as_array().unwrap().iter().find(|entry| {
        entry["sku"] == price["sku"] && entry["price_type_id"] == price["price_type_id"] && entry["valid_from"] == price["valid_from"]
    });
    assert_eq!(found.unwrap()["value"], new_value);
}

#[test]
fn a_second_synchronisation_brings_nothing_and_succeeds() {
    let data = Data::demo();
    let server = Server::start(&data);
    let device = Device::signed_in(&server.url(), REP);
    device.must(&["sync"]);
    let first = row(&device.must(&["status"]), "download.mandatory").clone();
    let again = device.must(&["sync"]);
    let second = row(&again, "download.mandatory");
    assert_eq!(again["counts"]["rows_received"], 0);
    assert_eq!(second["changed"], false);
    assert!(second["last_success_ms"].as_i64() >= first["last_success_ms"].as_i64());
}

#[test]
fn one_row_can_be_synchronised_alone() {
    let data = Data::demo();
    let server = Server::start(&data);
    let device = Device::signed_in(&server.url(), REP);
    device.must(&["sync", "--row", "download.mandatory"]);
    assert_eq!(row(&device.must(&["status"]), "upload.mandatory")["state"], "never");
    device.must(&["sync", "--row", "upload.mandatory"]);
    assert_eq!(row(&device.must(&["status"]), "upload.mandatory")["state"], "ok");
}

#[test]
fn a_wrong_password_and_an_unknown_person_are_told_the_same() {
    let data = Data::demo();
    let server = Server::start(&data);
    let wrong = Device::new().login(&server.url(), REP, "not the password");
    let unknown = Device::new().login(&server.url(), "nobody@demo.polevik.example", "not the password");
    assert_eq!(wrong.code, 4, "{wrong:?}");
    assert_eq!(wrong.json["error"]["code"], "A201");
    assert_eq!((wrong.code, &wrong.json), (unknown.code, &unknown.json));
}

#[test]
fn commands_that_need_a_login_say_so() {
    let device = Device::new();
    assert_eq!(device.run(&["sync"]).code, 4);
    assert_eq!(device.run(&["order", "new"]).code, 2);
    assert_eq!(device.run(&["status"]).json["rows"][0]["state"], "never");
}

#[test]
fn a_rep_has_the_outlets_of_the_own_territory_and_no_others() {
    let data = Data::demo();
    let server = Server::start(&data);
    let outlets = |email: &str| {
        let device = Device::signed_in(&server.url(), email);
        device.must(&["sync"]);
        let said = device.must(&["outlets"]);
        said["outlets"].as_array().unwrap().iter().map(|outlet| outlet["id"].as_i64().unwrap()).collect::<std::collections::BTreeSet<_>>()
    };
    let (first, second) = (outlets(REP), outlets("rep02@demo.polevik.example"));
    assert!(!first.is_empty() && !second.is_empty());
    assert!(first.is_disjoint(&second));
}

#[test]
fn bad_rows_of_an_import_are_reported_and_the_good_ones_are_taken() {
    let data = Data::demo();
    let server = Server::start(&data);
    let device = Device::signed_in(&server.url(), REP);
    device.must(&["sync"]);
    let sku = articles(&device, 1).remove(0);
    let code = device.must(&["prices", "--limit", "1"])["prices"][0]["price_type_code"].clone();
    let row = |product: &str, value: Value| json!({ "price_type": code, "product": product, "value": value, "valid_from": "2026-01-15" });
    let (exit, said) = data.import("prices", &[row(&sku, json!(12_300)), row("no such article", json!(1)), row(&sku, json!("much"))]);
    assert_eq!(exit, 3, "{said}");
    device.must(&["sync"]);
    let prices = device.must(&["prices"]);
    let taken = prices["prices"]
        .as_array()
        .unwrap()
        .iter()
        .any(|price| price["sku"] == json!(sku) && price["value"] == 12_300 && price["valid_from"] == "2026-01-15");
    assert!(taken);
}
