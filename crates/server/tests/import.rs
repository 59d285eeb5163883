//! What an import takes, what it refuses, and what devices hear of it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io;

use polevik_domain::ids::{DistributorId, PositionId};
use polevik_domain::position::Role;
use polevik_domain::time::{Clock, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::bucket::BucketName;
use polevik_protocol::checksum::HashKey;
use polevik_protocol::rows::{DOCUMENT_STATE, DocumentStateRow, OUTLET, PRICE, PRODUCT, RECEIVABLE, ROUTE_STOP, STOCK, TableDef, Value};
use polevik_server::import::source::{Format, Line, Record, read};
use polevik_server::import::{Kind, Options, Outcome, Pace, run};
use polevik_server_store::feed::change_log;
use polevik_server_store::organisation::{self, NewPosition};
use polevik_server_store::part::{self, Part};
use polevik_server_store::reference::{ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, migrate};
use serde_json::{Value as Json, json};

/// 2026-11-22, in the morning.
const NOW: UtcMillis = UtcMillis(20_779 * 86_400_000 + 8 * 3_600_000);

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> UtcMillis {
        NOW
    }
    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
}

struct World {
    store: Store,
    part: Part,
    _folder: tempfile::TempDir,
}

/// Line, field and reason of refused rows.
type Refused = Vec<(u64, String, String)>;

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, NOW).unwrap();
        let part = Part {
            id: "D1".to_owned(),
            name: "Distributor".to_owned(),
            distributor: DistributorId(1),
            epoch: "e1".to_owned(),
            hash_key: HashKey([3; 32]),
        };
        store.write(|tx| part::create(tx, &part, NOW)).unwrap();
        Self { store, part, _folder: folder }
    }

    /// With a price list, a warehouse, two products and two outlets in two territories, the first of position TP01.
    fn furnished() -> Self {
        let world = Self::new();
        world.take(Kind::PriceTypes, &[json!({"ext_code": "R", "name": "Retail"})]);
        world.take(Kind::Warehouses, &[json!({"ext_code": "W", "name": "Main"})]);
        world.take(Kind::Products, &[product("P1", "A-1"), product("P2", "A-2")]);
        world.take(Kind::Outlets, &[outlet("C1", "T1"), outlet("C2", "T2")]);
        world
            .store
            .write(|tx| {
                let territory = organisation::territory_by_code(tx, "D1", "T1")?.unwrap().id;
                let position = NewPosition {
                    code: "TP01",
                    name: "Rep",
                    role: Role::Rep,
                    distributor: DistributorId(1),
                    parent: None,
                    territories: &[territory],
                };
                organisation::put_position(tx, "D1", &position)
            })
            .unwrap();
        world
    }

    fn run(&self, kind: Kind, options: &Options, lines: impl Iterator<Item = io::Result<Line>>) -> (Outcome, Refused) {
        let mut refused = Refused::new();
        let outcome = run(&self.store, &self.part, kind, options, "test", lines, Pace::Alone, &StoppedClock, &mut |row| {
            refused.push((row.line, row.field.clone(), row.reason.clone()));
            assert_eq!(row.code, "D406");
            Ok(())
        });
        (outcome.unwrap(), refused)
    }

    fn import(&self, kind: Kind, rows: &[Json]) -> (Outcome, Refused) {
        self.run(kind, &Options::at(NOW), records(rows))
    }

    /// All of these rows are good.
    fn take(&self, kind: Kind, rows: &[Json]) -> Outcome {
        let (outcome, refused) = self.import(kind, rows);
        assert_eq!(refused, []);
        outcome
    }

    fn count(&self, table: &TableDef) -> u64 {
        self.store.read(|tx| rows::count(tx, "D1", table)).unwrap()
    }

    fn value(&self, table: &'static TableDef, key: &str, column: &str) -> Value {
        let index = table.columns.iter().position(|c| c.name == column).unwrap();
        self.store
            .read(|tx| {
                let id = rows::id_by_key(tx, "D1", table, key)?.unwrap();
                Ok::<_, StoreError>(rows::read(tx, "D1", table, id)?.unwrap().row.values[index].clone())
            })
            .unwrap()
    }

    fn head(&self, bucket: &str) -> u64 {
        let bucket = BucketName::parse(bucket).unwrap();
        self.store.read(|tx| change_log::head(tx, "D1", &bucket)).unwrap().map_or(0, |head| head.head.0)
    }
}

fn records(rows: &[Json]) -> impl Iterator<Item = io::Result<Line>> {
    (1..).zip(rows.to_vec()).map(|(line, row)| Ok(Line::Record(Record { line, fields: row.as_object().unwrap().clone() })))
}

fn product(ext_code: &str, sku: &str) -> Json {
    json!({"ext_code": ext_code, "sku": sku, "name": "Сок «Сад» 1 л", "price": 9_900})
}

fn outlet(ext_code: &str, territory: &str) -> Json {
    json!({"ext_code": ext_code, "name": "Магазин «Берёзка» / вход со двора", "territory": territory})
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn rows_of_the_benchmark_data_set_are_taken_as_they_are_from_both_forms() {
    const NDJSON: &str = r#"{"id":"da3bddc4-7974-478a-bbf9-9eb4e008ca5f","sku":"HN-0000000","name":"Гречка ядрица «Greenfield» 90 г","category":"Чай и кофе","unit":"шт","price":8000,"stock":8,"barcode":"4661850521540","updated_at":"2026-03-07T07:32:38Z"}
{"id":"3a0dab03-cda8-40d9-aa41-259dd724e4a9","sku":"FM-0000001","name":"Молоко 3,2% «Красный Октябрь» 800 г","category":"Молочные продукты","unit":"кор","price":13650,"stock":1488,"barcode":"4652336180408","updated_at":"2026-01-22T11:32:18Z"}
"#;
    const CSV: &str = "id,sku,name,category,unit,price,stock,barcode,updated_at
da3bddc4-7974-478a-bbf9-9eb4e008ca5f,HN-0000000,Гречка ядрица «Greenfield» 90 г,Чай и кофе,шт,8000,8,4661850521540,2026-03-07T07:32:38Z
3a0dab03-cda8-40d9-aa41-259dd724e4a9,FM-0000001,\"Молоко 3,2% «Красный Октябрь» 800 г\",Молочные продукты,кор,13650,1488,4652336180408,2026-01-22T11:32:18Z
";
    let world = World::new();
    let (outcome, refused) = world.run(Kind::Products, &Options::at(NOW), read(Format::Ndjson, NDJSON.as_bytes()).unwrap());
    assert_eq!((outcome.counts.inserted, refused, outcome.unknown_columns), (2, vec![], vec![]));
    let key = "3a0dab03-cda8-40d9-aa41-259dd724e4a9";
    for (column, value) in [
        ("sku", text("FM-0000001")),
        ("name", text("Молоко 3,2% «Красный Октябрь» 800 г")),
        ("unit", text("кор")),
        ("list_price", int(13_650)),
        ("stock_total", int(1_488)),
        ("vat_rate", int(2_200)),
        ("block_factor", int(0)),
        ("active", int(1)),
        ("changed_at_ms", int(1_769_081_538_000)),
    ] {
        assert_eq!(world.value(PRODUCT, key, column), value, "{column}");
    }
    let (outcome, refused) = world.run(Kind::Products, &Options::at(NOW), read(Format::Csv, CSV.as_bytes()).unwrap());
    assert_eq!((outcome.counts.unchanged, refused), (2, vec![]), "the same rows as CSV do not differ");
    assert_eq!(world.head("distributor:1"), 2);
}

#[test]
fn every_bad_row_is_refused_with_its_field_and_the_good_ones_are_in() {
    let world = World::furnished();
    let with = |mut row: Json, field: &str, value: Json| {
        row[field] = value;
        row
    };
    let price = json!({"price_type": "R", "product": "P1", "value": 100});
    let stop = json!({"position": "TP01", "day": "2026-11-23", "seq": 1, "outlet": "C1"});
    let cases: Vec<(Kind, Json, &str, &str)> = vec![
        (Kind::Products, with(product("X", "X"), "name", json!(null)), "name", "is missing"),
        (Kind::Products, with(product("X", "X"), "name", json!("н".repeat(300))), "name", "500 is the most"),
        (Kind::Products, with(product("X", "X"), "name", json!("a\tb")), "name", "control character"),
        (Kind::Products, with(product("X", "X"), "stock", json!(-1)), "stock", "negative"),
        (Kind::Products, with(product("X", "X"), "price", json!("12.50")), "price", "whole number"),
        (Kind::Products, with(product("X", "X"), "updated_at", json!("вчера")), "updated_at", "not a moment"),
        (Kind::Products, product("X", "A-1"), "sku", "belongs to product \"P1\""),
        (Kind::Prices, with(price.clone(), "product", json!("GONE")), "product", "there is no product"),
        (Kind::Prices, with(price.clone(), "price_type", json!("GONE")), "price_type", "there is no price type"),
        (Kind::Prices, with(price.clone(), "price_type", json!(null)), "price_type", "--price-type"),
        (Kind::Prices, with(price.clone(), "value", json!(0)), "value", "not above zero"),
        (Kind::Prices, with(price, "valid_from", json!("2026-02-30")), "valid_from", "not a day"),
        (Kind::Stock, json!({"warehouse": "W", "product": "A-1", "available": -5}), "available", "negative"),
        (Kind::Outlets, with(outlet("X", "T1"), "inn", json!("7707083894")), "inn", "check digits"),
        (Kind::Outlets, with(outlet("X", "T1"), "lat", json!(55.5)), "lon", "is missing"),
        (Kind::Outlets, with(outlet("X", "T1"), "contact", json!("x".repeat(64 * 1024))), "contact", "65536 bytes"),
        (Kind::Routes, with(stop.clone(), "outlet", json!("C2")), "outlet", "in no territory of position"),
        (Kind::Routes, with(stop.clone(), "planned_time", json!("25:00")), "planned_time", "not a time"),
        (Kind::Routes, with(stop, "position", json!("TP99")), "position", "there is no position"),
        (Kind::Receivables, json!({"outlet": "GONE", "document": "1", "day": "2026-11-01", "amount": 5}), "outlet", "there is no outlet"),
        (Kind::Receivables, json!({"outlet": "C1", "document": "1", "day": "2026-11-01", "amount": 5, "rest": 6}), "rest", "not within"),
        (Kind::Assortment, json!({"format": "kiosk", "product": "P1", "kind": "maybe"}), "kind", "none of must"),
        (
            Kind::DocumentStates,
            json!({"document_id": "0193a4f0-0000-7000-8000-000000000001", "state": "accepted"}),
            "document_id",
            "no device",
        ),
    ];
    for (kind, row, field, reason) in cases {
        let (outcome, refused) = world.import(kind, std::slice::from_ref(&row));
        assert_eq!((outcome.counts.refused, outcome.counts.inserted, outcome.counts.updated), (1, 0, 0), "{row}");
        assert!(refused[0].1 == field && refused[0].2.contains(reason), "{row}: {refused:?}");
    }
    let (outcome, refused) = world.import(Kind::Products, &[product("P3", "A-3"), json!({"ext_code": "X"}), product("P4", "A-4")]);
    assert_eq!((outcome.counts.inserted, refused.len(), refused[0].0), (2, 1, 2));
    assert_eq!(world.count(PRODUCT), 4);
}

#[test]
fn a_row_that_stands_twice_in_a_file_is_taken_once_and_refused_the_second_time() {
    let world = World::furnished();
    let (outcome, refused) = world.import(
        Kind::Prices,
        &[json!({"price_type": "R", "sku": "A-1", "value": 1}), json!({"price_type": "R", "sku": "A-1", "value": 2})],
    );
    assert_eq!((outcome.counts.inserted, refused[0].0), (1, 2));
    assert_eq!(world.value(PRICE, "1|1|20779", "value"), int(1), "and it holds from today");
}

#[test]
fn what_does_not_differ_is_not_written_and_what_does_gets_a_number() {
    let world = World::furnished();
    let stock = |available: i64| json!({"warehouse": "W", "product": "P1", "available": available, "as_of": "2026-11-22T05:00:00Z"});
    assert_eq!(world.take(Kind::Stock, &[stock(5)]).counts.inserted, 1);
    assert_eq!(world.take(Kind::Stock, &[stock(5)]).counts.unchanged, 1);
    assert_eq!(world.head("warehouse:1"), 1);
    assert_eq!(world.take(Kind::Stock, &[stock(6)]).counts.updated, 1);
    assert_eq!(world.head("warehouse:1"), 2);
    assert_eq!(world.value(STOCK, "1|1", "available"), int(6));
}

#[test]
fn an_outlet_that_moves_takes_what_it_owes_along() {
    let world = World::furnished();
    world.take(Kind::Receivables, &[json!({"outlet": "C1", "document": "7", "day": "2026-11-01", "amount": 500})]);
    let bucket_of = |table: &'static TableDef, key: &str| {
        world
            .store
            .read(|tx| {
                let id = rows::id_by_key(tx, "D1", table, key)?.unwrap();
                Ok::<_, StoreError>(rows::read(tx, "D1", table, id)?.unwrap().bucket.to_string())
            })
            .unwrap()
    };
    assert_eq!(bucket_of(RECEIVABLE, "1|7"), "territory:1");
    world.take(Kind::Outlets, &[outlet("C1", "T2")]);
    assert_eq!((bucket_of(OUTLET, "C1"), bucket_of(RECEIVABLE, "1|7")), ("territory:2".to_owned(), "territory:2".to_owned()));
}

#[test]
fn a_full_list_retires_what_it_does_not_name_but_not_when_a_row_was_refused() {
    let world = World::furnished();
    world.take(
        Kind::Stock,
        &[json!({"warehouse": "W", "product": "P1", "available": 5}), json!({"warehouse": "W", "product": "P2", "available": 5})],
    );
    let full = Options { remove_missing: true, ..Options::at(NOW) };
    let (outcome, _) = world.run(Kind::Stock, &full, records(&[json!({"warehouse": "W", "product": "P1", "available": -1})]));
    assert!(outcome.removal_skipped.is_some());
    assert_eq!((outcome.counts.removed, world.count(STOCK)), (0, 2));
    let (outcome, _) = world.run(Kind::Stock, &full, records(&[json!({"warehouse": "W", "product": "P1", "available": 4})]));
    assert_eq!((outcome.counts.removed, world.count(STOCK)), (1, 1));
    let (outcome, _) = world.run(Kind::Products, &full, records(&[product("P2", "A-2")]));
    assert_eq!((outcome.counts.removed, world.count(PRODUCT)), (1, 2), "orders speak of products, so they stay");
    assert_eq!(world.value(PRODUCT, "P1", "active"), int(0));
}

#[test]
fn an_article_may_pass_from_one_product_to_another_within_a_file() {
    let world = World::furnished();
    world.take(Kind::Products, &[product("P1", "A-9"), product("P2", "A-1")]);
    assert_eq!(world.value(PRODUCT, "P2", "sku"), text("A-1"));
}

#[test]
fn zero_coordinates_mean_unknown_and_columns_that_do_not_exist_are_named() {
    let world = World::furnished();
    let mut row = outlet("C3", "T3");
    row["lat"] = json!("0");
    row["lon"] = json!(0);
    row["manager"] = json!("Кто-то");
    assert_eq!(world.take(Kind::Outlets, &[row]).unknown_columns, ["manager"]);
    assert_eq!(world.value(OUTLET, "C3", "lat"), Value::Null);
    assert!(world.store.read(|tx| organisation::territory_by_code(tx, "D1", "T3")).unwrap().is_some(), "a new territory is made");
}

#[test]
fn a_route_reaches_its_position_and_a_state_the_position_that_sent_the_document() {
    let world = World::furnished();
    world.take(Kind::Routes, &[json!({"position": "TP01", "day": "2026-11-23", "seq": 1, "outlet": "C1", "planned_time": "09:30"})]);
    assert_eq!(world.value(ROUTE_STOP, "1|20780|1", "planned_minute"), int(570));
    assert_eq!(world.head("position:1"), 1);

    let document = [7; 16];
    let bucket = BucketName::parse(&format!("position:{}", PositionId(1))).unwrap();
    world
        .store
        .write(|tx| {
            let row = DocumentStateRow {
                id: 0,
                document_id: document.to_vec(),
                revision: 2,
                state: "received".to_owned(),
                at_ms: 1,
                note: String::new(),
            };
            let mut writer = ReferenceWriter::new(tx, &world.part, NOW);
            writer.put(DOCUMENT_STATE, &hex::encode(document), &bucket, &row.into_row().values)?;
            writer.finish()
        })
        .unwrap();
    let id = "07070707-0707-0707-0707-070707070707";
    world.take(Kind::DocumentStates, &[json!({"document_id": id, "state": "delivered", "note": "водитель Пётр"})]);
    assert_eq!(world.value(DOCUMENT_STATE, &hex::encode(document), "state"), text("delivered"));
    assert_eq!(world.value(DOCUMENT_STATE, &hex::encode(document), "revision"), int(2));
    assert_eq!(world.head("position:1"), 3);
}

/// The office sends its whole list every morning; only what differs is news.
#[test]
fn the_same_list_without_days_on_another_day_is_no_news() {
    let world = World::furnished();
    let tomorrow = Options::at(NOW.plus_secs(24 * 3_600));
    let price = |value: i64| json!({"price_type": "R", "product": "P1", "value": value});
    world.take(Kind::Prices, &[price(100)]);
    let (outcome, _) = world.run(Kind::Prices, &tomorrow, records(&[price(100)]));
    assert_eq!((outcome.counts.unchanged, world.count(PRICE)), (1, 1));
    let (outcome, _) = world.run(Kind::Prices, &tomorrow, records(&[price(110)]));
    assert_eq!((outcome.counts.inserted, world.value(PRICE, "1|1|20780", "value")), (1, int(110)));

    let stock = |available: i64| json!({"warehouse": "W", "product": "P1", "available": available});
    world.take(Kind::Stock, &[stock(5)]);
    let (outcome, _) = world.run(Kind::Stock, &tomorrow, records(&[stock(5)]));
    assert_eq!((outcome.counts.unchanged, world.value(STOCK, "1|1", "as_of_ms")), (1, int(NOW.0)));
    let (outcome, _) = world.run(Kind::Stock, &tomorrow, records(&[stock(6)]));
    assert_eq!((outcome.counts.updated, world.value(STOCK, "1|1", "as_of_ms")), (1, int(NOW.0 + 86_400_000)));
}

#[test]
fn a_full_list_of_one_price_list_leaves_the_others_alone() {
    let world = World::furnished();
    world.take(Kind::PriceTypes, &[json!({"ext_code": "S", "name": "Special"})]);
    let price = |list: &str, product: &str| json!({"price_type": list, "product": product, "value": 100});
    world.take(Kind::Prices, &[price("R", "P1"), price("R", "P2"), price("S", "P1")]);
    let full = Options { remove_missing: true, ..Options::at(NOW) };
    let (outcome, _) = world.run(Kind::Prices, &full, records(&[price("R", "P1")]));
    assert_eq!((outcome.counts.removed, world.count(PRICE)), (1, 2));
}
