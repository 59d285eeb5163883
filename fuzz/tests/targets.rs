//! Ten thousand bad inputs for every decoder, made of the golden files; more with `POLEVIK_FUZZ_CASES`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::path::PathBuf;

use polevik_device_api::frame::{FromCore, Push, Reply, Request, ToCore, encode};
use polevik_device_api::{Command, LineChange, RowId};
use polevik_domain::ids::{DocumentId, OutletId, ProductId};
use polevik_domain::quantity::Unit;
use polevik_domain::time::UtcMillis;
use polevik_fuzz::memory::{Counting, peak_bytes};
use polevik_fuzz::mutations::{mutated, mutated_behind_compression};
use polevik_fuzz::targets;
use polevik_testkit::random::Random;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The golden files whose names contain one of `words`.
fn golden(words: &[&str]) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/protocol/tests/golden");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let wanted = names.iter().filter(|path| words.iter().any(|word| path.file_name().unwrap().to_str().unwrap().contains(word)));
    let found: Vec<Vec<u8>> = wanted.map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!found.is_empty(), "there are no golden files of {words:?}");
    found
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Tries the seeds themselves, then many inputs made of them. `most_bytes` is what the decoder may hold at once for any of them.
fn hunt(target: fn(&[u8]), seeds: &[Vec<u8>], most_bytes: usize) {
    let cases = std::env::var("POLEVIK_FUZZ_CASES").map_or(10_000, |cases| cases.parse().unwrap());
    let mut random = Random::new(4_711);
    let made = (0..cases).map(|case| {
        let behind = if case % 2 == 0 { mutated_behind_compression(seeds, &mut random) } else { None };
        behind.unwrap_or_else(|| mutated(seeds, &mut random))
    });
    for input in seeds.iter().cloned().chain(made) {
        let told = ToldWhenPanicking(&input);
        let peak = peak_bytes(|| target(&input));
        assert!(peak <= most_bytes, "{peak} bytes were held, {most_bytes} are the most");
        drop(told);
    }
}

/// Says which bytes it was.
struct ToldWhenPanicking<'a>(&'a [u8]);

impl Drop for ToldWhenPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this came of b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// A test that hunts with inputs made of seeds, and lets a fuzzer search when one runs it.
macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident: $seeds:expr, at most $bytes:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            hunt(targets::$name, &$seeds, $bytes);
            bolero::check!().for_each(|bytes: &[u8]| targets::$name(bytes));
        }
    )*};
}

targets! {
    segment: golden(&[".segment"]), at most 192 * MIB;
    step_form: golden(&[".delta"]), at most 192 * MIB;
    manifest: golden(&["manifest_v1.json", "root_v1.json"]), at most MIB;
    root: golden(&["root_v1.json", "manifest_v1.json"]), at most MIB;
    sync_request: golden(&["sync_request"]), at most MIB;
    sync_reply: golden(&["sync_reply"]), at most MIB;
    envelope: envelopes(), at most MIB;
    document_body: golden(&["_body_v1"]), at most MIB;
    small_words: texts(&[
        "all", "position:17", "territory:5", "distributor:1", "price_type:3", "warehouse:2", "7F3K-22", "S304", "2026-11-22", "А017-000245",
        "А017", "ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34",
    ]), at most 64 * KIB;
    login: golden(&["login", "error", "health", "wait"]), at most MIB;
    repair: golden(&["repair", "backfill"]), at most MIB;
    frame: frames(), at most MIB;
    import_ndjson: texts(&[
        "{\"sku\":\"A-1\",\"name\":\"Сок\",\"vat_rate\":2200,\"active\":true}\n{\"price_type\":\"PT3\",\"product\":\"A-1\",\"value\":1000,\"valid_from\":\"2026-01-15\"}\n",
        "\u{feff}{\"code\":\"T17\",\"lat\":55.75,\"lon\":\"37,61\",\"changed\":\"2026-11-22T08:00:00Z\"}\r\n\r\n[1]\n{",
    ]), at most 2 * MIB;
    import_csv: texts(&[
        "\u{feff}sku;name;price\r\n\"A-1\";\"Сок, 1 л\";100,50\r\n\"two\nlines\";;\r\n",
        "code,lat,lon,active\nT17,55.75,37.61,1\nT18,,,no\n",
    ]), at most 2 * MIB;
    order_json: exported_orders(&["orders_v1.json"]), at most 2 * MIB;
    order_xlsx: exported_orders(&["orders_v1.xlsx", "orders_v1_stored.xlsx"]), at most 8 * MIB;
    range_header: texts(&["bytes=0-99", "bytes=100-", "bytes=-5", "bytes=0-1,5-9", "bytes=18446744073709551615-", "items=1-2"]), at most 64 * KIB;
    camera_jpeg: pictures(), at most MIB;
}

fn pictures() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/device/tests/golden");
    ["camera.jpg", "camera_without_notes.jpg", "camera_upright_with_notes.jpg"]
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .to_vec()
}

fn exported_orders(names: &[&str]) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/order_export/tests/golden");
    names.iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

fn envelopes() -> Vec<Vec<u8>> {
    let body = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    golden(&["order_body", "visit_body", "withdrawal_body"])
        .into_iter()
        .map(|bytes| {
            let id = DocumentId::generate(UtcMillis(1_795_330_000_000), [7; 10]);
            format!(r#"{{"id":"{id}","kind":"order","revision":1,"device_seq":2,"created_at_ms":1795330447412,"body":{}}}"#, body(bytes))
                .into_bytes()
        })
        .collect()
}

fn frames() -> Vec<Vec<u8>> {
    let order = DocumentId::generate(UtcMillis(1_795_330_000_000), [7; 10]);
    let change = LineChange { product: ProductId(1), unit: Unit::Box, quantity: 2 };
    let requests = [
        Request::Execute(Command::NewOrder { outlet: OutletId(17), visit: None, outside_visit: Some("звонок".to_owned()) }),
        Request::Execute(Command::ChangeLine { order, change }),
        Request::Execute(Command::SetComment { order, comment: "Звонить за час".to_owned() }),
        Request::Login { email: "a@b".to_owned(), password: "secret".to_owned(), position: Some("P17".to_owned()) },
        Request::Sync(Some(RowId::DownloadMandatory)),
        Request::Logout { keep_unsent: true },
    ];
    let answers = [
        FromCore::Reply { number: 7, reply: Reply::SignedIn },
        FromCore::Push(Push::Changed(vec!["price".to_owned(), "outbox".to_owned()])),
    ];
    let asked = requests.into_iter().map(|request| encode(&ToCore { number: 7, request }));
    asked.chain(answers.iter().map(encode)).collect()
}
