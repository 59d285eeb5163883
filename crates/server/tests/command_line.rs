//! The command line is a contract: what is printed, where, and with which exit code.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use polevik_domain::ids::{DeviceId, DistributorId, DocumentId, PositionId, UserId};
use polevik_domain::money::Money;
use polevik_domain::order::OrderTotals;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::document::{OrderBody, WithdrawalBody};
use polevik_server_store::Store;
use polevik_server_store::documents::Author;
use polevik_server_store::documents::orders::{self, CheckedOrder};
use serde_json::{Value, json};

struct Folder(tempfile::TempDir);

impl Folder {
    fn with_demo() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let made = folder.run(&["demo-data", "--size", "S", "--seed", "1", "--day", "2026-11-23"]);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
        folder
    }

    fn data(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_polevik-server"))
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.data().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What is on standard output is one JSON document and nothing else.
fn one_document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_import_that_refused_rows_ends_with_three_and_lists_them_in_a_report() {
    let folder = Folder::with_demo();
    let file = folder.file(
        "prices.ndjson",
        "{\"price_type\":\"RETAIL\",\"product\":\"N000001\",\"value\":9990}\n{\"price_type\":\"RETAIL\",\"product\":\"N000002\",\"value\":-1}\nbroken\n",
    );
    let output = folder.run(&["import", "prices", &file, "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let said = one_document(&output);
    assert_eq!((&said["rows"], &said["inserted"], &said["refused"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(said["sealed"]["buckets"], 1, "devices get it with their next synchronisation");

    let report = std::fs::read_to_string(said["report"].as_str().unwrap()).unwrap();
    let rows: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[0], json!({"line": 2, "code": "D406", "field": "value", "reason": "-1 is not above zero"}));
    assert_eq!((&rows[1]["line"], &rows[1]["field"]), (&json!(3), &json!("")));

    let again = folder.run(&["import", "prices", &folder.file("good.csv", "price_type;product;value\nRETAIL;N000001;9990\n")]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert!(text(&again.stdout).contains("as before 1"));
}

#[test]
fn what_cannot_be_done_ends_with_one_and_what_is_not_understood_with_two() {
    let folder = Folder::with_demo();
    let strange = folder.file("prices.xlsx", "");
    let nameless = folder.file("empty.csv", "");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["import", "prices", "nowhere.ndjson"], 1, "cannot read nowhere.ndjson"),
        (&["import", "prices", &strange], 1, "--format"),
        (&["import", "prices", &nameless], 1, "names of the columns"),
        (&["import", "warehouses", &nameless, "--remove-missing"], 1, "stock speak of them"),
        (&["import", "dogs", "x.csv"], 2, "possible values"),
        (&["orders", "show", "А001-000001"], 1, "there is no order"),
        (&["segment", "dump", "nonsense"], 1, "64 hexadecimal digits"),
        (&["demo-data", "--size", "XXL"], 2, "possible values"),
        (&["user", "add", "--email", "rep01@demo.polevik.example", "--name", "A", "--position", "TP01", "--generate"], 1, "is taken"),
    ];
    for (arguments, code, words) in cases {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
    let empty = Folder(tempfile::tempdir().unwrap());
    let output = empty.run(&["orders", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no database"), "{}", text(&output.stderr));
}

#[test]
fn a_second_demo_data_changes_nothing_and_the_logins_can_be_told_again() {
    let folder = Folder::with_demo();
    let size = || std::fs::metadata(folder.data().join("central.db")).unwrap().len();
    let before = size();
    let again = folder.run(&["demo-data", "--size", "S", "--seed", "1", "--day", "2026-11-23"]);
    assert_eq!((again.status.code(), size()), (Some(0), before));
    assert!(text(&again.stdout).contains("is there already"));

    let logins = one_document(&folder.run(&["demo-logins", "--json"]));
    assert_eq!(logins[0]["email"], "rep01@demo.polevik.example");
    assert_eq!(logins[0]["password"], "polevik-demo");
    assert_eq!(logins[0]["positions"][0]["code"], "TP01");
}

#[test]
fn a_company_of_ones_own_is_built_from_nothing() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let good = |output: Output| assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    good(folder.run(&["part", "add", "--name", "ООО «Своё»"]));
    good(folder.run(&["import", "outlets", &folder.file("o.csv", "ext_code,name,territory\n1,Магазин,Север\n")]));
    good(folder.run(&["import", "products", &folder.file("p.csv", "id,sku,name,price\n1,A,Сок,9900\n")]));
    let position = ["--position", "R1", "--role", "rep", "--territory", "Север"];
    let user = [&["user", "add", "--email", "a@example.org", "--name", "Анна", "--password-stdin"], &position[..]].concat();
    good(folder.run_with_input(&user, "longer than eight\n"));
    let short = [&["user", "add", "--email", "b@example.org", "--name", "Борис", "--password-stdin"], &position[..]].concat();
    let refused = folder.run_with_input(&short, "short\n");
    assert!(text(&refused.stderr).contains("at least 8 characters"), "{}", text(&refused.stderr));
    assert_eq!(one_document(&folder.run(&["orders", "list", "--json"])), json!([]));
}

#[test]
fn a_segment_can_be_read_by_its_name_and_from_a_file() {
    let folder = Folder::with_demo();
    let bytes = {
        let store = polevik_server::database::open(folder.data()).unwrap();
        let bucket = polevik_protocol::bucket::BucketName::parse("distributor:1").unwrap();
        let stored = store.read(|tx| polevik_server_store::feed::manifests::find(tx, "D1", &bucket)).unwrap().unwrap();
        let manifest = polevik_protocol::manifest::Manifest::open(&stored.body, &stored.hash).unwrap();
        let products = manifest.base.iter().find(|segment| segment.table == polevik_protocol::rows::PRODUCT.id).unwrap();
        let by_name = one_document(&folder.run(&["segment", "dump", products.hash.as_str(), "--json"]));
        assert_eq!((&by_name["table"], &by_name["row_count"], &by_name["bytes"]), (&json!("product"), &json!(200), &json!(products.bytes)));
        assert_eq!(by_name["rows"][0]["ext_code"], "N000001");
        let blobs = polevik_server::blobs::Blobs::open(folder.data()).unwrap();
        store.read(|tx| polevik_server::feed::download::segment_bytes(tx, &blobs, "D1", &products.hash)).unwrap().unwrap()
    };
    let file = folder.data().join("segment.bin");
    std::fs::write(&file, &bytes).unwrap();
    let shown = text(&folder.run(&["segment", "dump", file.to_str().unwrap(), "--limit", "2"]).stdout);
    assert!(shown.starts_with("base segment of product in distributor:1") && shown.contains("and 198 more rows"), "{shown}");

    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let damaged = folder.run(&["segment", "dump", file.to_str().unwrap()]);
    assert_eq!(damaged.status.code(), Some(1));
}

#[test]
fn the_feed_is_compared_and_put_right_and_a_new_epoch_says_what_follows() {
    let folder = Folder::with_demo();
    let ok = |arguments: &[&str]| {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(ok(&["feed", "repair"]).contains(" 0 put right"));
    let store = polevik_server_store::Store::open_existing(folder.data()).unwrap();
    let spoil = "UPDATE product SET name = 'past the program' WHERE id = 5";
    store.write(|tx| tx.execute(spoil, []).map_err(polevik_server_store::StoreError::from)).unwrap();
    let repaired = ok(&["feed", "repair"]);
    assert!(repaired.contains("D1 distributor:1: put right; its sum was wrong, 1 of ") && repaired.contains(" 1 put right"), "{repaired}");
    assert!(ok(&["feed", "repair", "--bucket", "distributor:1"]).contains("1 buckets compared, 0 put right"));
    assert_eq!(folder.run(&["feed", "repair", "--bucket", "distributor:99"]).status.code(), Some(1));

    let epoch = || store.read(|tx| polevik_server_store::part::load(tx, "D1")).unwrap().epoch;
    let before = epoch();
    assert!(ok(&["epoch", "new"]).contains("offer the documents of the last 30 days again"));
    assert_ne!(epoch(), before);
    assert_eq!(folder.run(&["epoch", "new", "--part", "D9"]).status.code(), Some(1));

    assert!(ok(&["gc"]).starts_with("removed 0 segments"));
    assert!(ok(&["gc", "--grace-days", "0"]).contains("0 wait to be removed"));
}

#[test]
fn territories_are_given_and_taken_by_code() {
    let folder = Folder::with_demo();
    let listed = text(&folder.run(&["position", "list"]).stdout);
    let line = listed.lines().find(|line| line.contains(" rep ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (code, territory) = (words[1], *words.last().unwrap());
    let territories = |arguments: &[&str]| {
        let output = folder.run(&[&["position", "territories", code], arguments].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    assert!(territories(&["--take", territory]).1.contains("no territory"));
    assert!(territories(&["--give", territory]).1.contains(territory));
    assert!(territories(&["--set", ""]).1.contains("no territory"));
    let (status, _, error) = territories(&["--give", "NOWHERE"]);
    assert!(status == Some(1) && error.contains("there is no territory NOWHERE"), "{error}");
    assert_eq!(folder.run(&["position", "territories", "NOBODY", "--set", territory]).status.code(), Some(1));
}

#[test]
fn maintenance_begins_and_ends_by_command() {
    let folder = Folder::with_demo();
    let said = |arguments: &[&str]| {
        let output = folder.run(arguments);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(said(&["maintenance", "show"]), (Some(0), "the server works\n".to_owned(), String::new()));
    let until = said(&["maintenance", "until", "2999-01-01T03:00:00+03:00"]);
    assert_eq!(until, (Some(0), "the server rests until 2999-01-01 00:00:00 UTC\n".to_owned(), String::new()));
    assert_eq!(said(&["maintenance", "show"]).1, until.1);
    assert_eq!(said(&["maintenance", "off"]).1, "the server works\n");
    assert_eq!(said(&["maintenance", "show"]).1, "the server works\n");
    let (code, _, error) = said(&["maintenance", "until", "2001-01-01T00:00:00Z"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("has passed"), "{error}");
}

#[test]
fn an_order_that_was_taken_back_is_listed_with_its_reason() {
    let folder = Folder::with_demo();
    let store = Store::open_existing(folder.data()).unwrap();
    let scope = Scope { part_id: "D1".to_owned(), distributor: DistributorId(1), position: PositionId(1), territories: Vec::new() };
    let device = DeviceId::generate(UtcMillis(1), [1; 10]);
    let author = Author { scope: &scope, user: UserId(1), device, lineage: device };
    let id = DocumentId::generate(UtcMillis(1), [2; 10]);
    let body: OrderBody = serde_json::from_value(json!({
        "number": "А000-000001", "outlet_id": 1, "outside_visit": "звонок", "placed_at_ms": 1_000, "local_day": 20_000, "utc_offset": 180,
        "lines": [], "sum": 0, "vat_sum": 0,
    }))
    .unwrap();
    let order = CheckedOrder { totals: OrderTotals { sum: Money(0), vat_sum: Money(0), lines: 0 }, office_vat_rates: Vec::new(), body };
    let withdrawal = WithdrawalBody { reason: "клиент передумал".to_owned(), withdrawn_at_ms: UtcMillis(2_000) };
    store.write(|tx| orders::put(tx, author, id, 1, &order, UtcMillis(1_500))).unwrap();
    store.write(|tx| orders::withdraw(tx, "D1", id, 2, &withdrawal)).unwrap();

    assert!(text(&folder.run(&["orders", "list"]).stdout).contains("withdrawn: клиент передумал"));
    assert!(text(&folder.run(&["orders", "show", "А000-000001"]).stdout).contains("WITHDRAWN 1970-01-01T00:00:02Z: клиент передумал"));
    let shown = one_document(&folder.run(&["orders", "show", "А000-000001", "--json"]));
    assert_eq!(shown["withdrawn"], json!({"at": "1970-01-01T00:00:02Z", "because": "клиент передумал"}));
}
