//! A device whose rows do not add up, or that has learned new columns.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::checksum::{RowHash, StateSum};
use polevik_protocol::repair::{BackfillReply, HeldRange, KeyRange, RepairReply};
use polevik_protocol::rows::{OUTLET, PRODUCT, TABLES, TableDef, TableId, ValueRef};
use polevik_protocol::segment::Segment;
use polevik_server_store::reference::{ReferenceWriter, rows};
use polevik_server_store::{StoreError, part};
use serde_json::json;

use crate::support::{START, TestServer, device_id, product_row};

fn catalogue() -> BucketName {
    BucketName::new(BucketKind::Distributor, 1)
}

impl TestServer {
    /// What a device holds of the catalogue that holds everything right, one range per table.
    fn held(&self, bucket: &BucketName) -> Vec<HeldRange> {
        self.app
            .store
            .read(|tx| {
                let mut held = Vec::new();
                for table in TABLES {
                    let state = rows::state_of_range(tx, "D1", table, bucket, (i64::MIN, i64::MAX))?;
                    held.push(HeldRange { range: KeyRange { table: table.id, lo: i64::MIN, hi: i64::MAX }, state });
                }
                Ok::<_, StoreError>(held)
            })
            .unwrap()
    }

    async fn repair(&self, token: &str, cursor: u64, ranges: &[HeldRange]) -> RepairReply {
        let body = json!({"protocol": 1, "schema": 2, "epoch": "epoch-1", "bucket": catalogue(), "cursor": cursor, "ranges": ranges});
        let answer = self.post("/v1/repair", Some(token), body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn add_products(&self, count: u32) {
        self.app
            .store
            .write(|tx| {
                let part = part::load(tx, "D1")?;
                let mut writer = ReferenceWriter::new(tx, &part, START);
                for n in 0..count {
                    let mut row = product_row(9);
                    row.ext_code = format!("X{n}");
                    row.sku = format!("X{n}");
                    row.changed_at_ms = (n % 2 == 0).then_some(i64::from(n));
                    writer.put(PRODUCT, &format!("X{n}"), &catalogue(), &row.into_row().values)?;
                }
                writer.finish()?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    fn spoil(&self, sql: &str) {
        self.app.store.write(|tx| tx.execute(sql, []).map_err(StoreError::from)).unwrap();
    }
}

fn of<'a>(held: &'a mut [HeldRange], table: &TableDef) -> &'a mut HeldRange {
    held.iter_mut().find(|held| held.range.table == table.id).unwrap()
}

fn opened(segment: &str) -> Segment {
    Segment::read(&STANDARD.decode(segment).unwrap()).unwrap()
}

#[tokio::test]
async fn a_range_that_differs_comes_with_its_rows_and_a_large_one_is_to_be_cut() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.add_products(1_500);
    let mut held = server.held(&catalogue());
    let told = server.repair(&token, 0, &held).await;
    assert_eq!((told.head, told.repaired.len()), (1_502, 0), "another head: nothing else is said");
    let equal = server.repair(&token, 1_502, &held).await;
    assert_eq!((equal.repaired, equal.narrower, equal.state.rows), (vec![], vec![], 1_502));

    // A flipped bit somewhere among the products.
    of(&mut held, PRODUCT).state.add(RowHash(1));
    let whole = server.repair(&token, 1_502, &held).await;
    assert_eq!((whole.repaired, whole.narrower), (vec![], vec![KeyRange { table: PRODUCT.id, lo: i64::MIN, hi: i64::MAX }]));

    let half = |lo, hi, wrong: bool| {
        let range = KeyRange { table: PRODUCT.id, lo, hi };
        let state = server.app.store.read(|tx| rows::state_of_range(tx, "D1", PRODUCT, &catalogue(), (lo, hi))).unwrap();
        HeldRange { range, state: if wrong { StateSum::default() } else { state } }
    };
    let halves = [half(i64::MIN, 700, false), half(701, i64::MAX, true)];
    let narrow = server.repair(&token, 1_502, &halves).await;
    assert_eq!((narrow.repaired.len(), narrow.narrower.len()), (1, 0));
    let segment = opened(&narrow.repaired[0].segment);
    assert_eq!((segment.header.bucket.clone(), segment.header.rows), (catalogue(), 802));
    assert!(segment.rows().all(|(pk, _, _)| (701..=1_502).contains(&pk)));

    // Rows that the office does not have: the range comes empty.
    let ghost = HeldRange { range: KeyRange { table: PRODUCT.id, lo: 5_000, hi: 6_000 }, state: halves[0].state };
    let emptied = server.repair(&token, 1_502, &[ghost]).await;
    assert_eq!(opened(&emptied.repaired[0].segment).header.rows, 0);
}

#[tokio::test]
async fn more_rows_than_a_reply_takes_are_asked_for_again() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.add_products(20_000);
    let all: Vec<HeldRange> = (0..40)
        .map(|n| KeyRange { table: PRODUCT.id, lo: n * 500 + 1, hi: n * 500 + 500 })
        .map(|range| HeldRange { range, state: StateSum::default() })
        .collect();
    let head = server.repair(&token, 0, &[]).await.head;
    let first = server.repair(&token, head, &all).await;
    assert_eq!((first.repaired.len(), first.narrower.len()), (32, 8), "32 ranges of 500 rows fit into 16,384");
}

#[tokio::test]
async fn a_foreign_bucket_is_not_found_and_a_strange_request_is_refused() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let ask = async |path: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut body = json!({"protocol": 1, "schema": 2, "epoch": "epoch-1", "bucket": "distributor:1", "cursor": 2,
                              "ranges": [], "table": 1, "columns": [1]});
        change(&mut body);
        server.post(path, Some(&token), body.to_string()).await.status.as_u16()
    };
    for path in ["/v1/repair", "/v1/backfill"] {
        assert_eq!(ask(path, &|_| {}).await, 200, "{path}");
        assert_eq!(ask(path, &|body| body["bucket"] = json!("territory:2")).await, 404, "{path}");
        assert_eq!(ask(path, &|body| body["bucket"] = json!("../etc")).await, 400, "{path}");
        assert_eq!(ask(path, &|body| body["protocol"] = json!(9)).await, 426, "{path}");
        assert_eq!(server.post(path, None, "{}").await.status.as_u16(), 401, "{path}");
    }
    let range = |lo: i64, hi: i64| json!({"table": 1, "lo": lo, "hi": hi, "state": StateSum::default()});
    assert_eq!(ask("/v1/repair", &|body| body["ranges"] = json!([range(5, 4)])).await, 400);
    assert_eq!(ask("/v1/repair", &|body| body["ranges"] = json!(vec![range(4, 5); 257])).await, 400);
    assert_eq!(ask("/v1/backfill", &|body| body["table"] = json!(99)).await, 404);
    assert_eq!(ask("/v1/backfill", &|body| body["columns"] = json!([99])).await, 404);
    // Of another life nothing is compared.
    let mut other_life = server.held(&catalogue());
    of(&mut other_life, PRODUCT).state = StateSum::default();
    let body = json!({"protocol": 1, "schema": 2, "epoch": "epoch-0", "bucket": "distributor:1", "cursor": 2, "ranges": other_life});
    assert_eq!(server.post("/v1/repair", Some(&token), body.to_string()).await.json()["repaired"], json!(null));
}

#[tokio::test]
async fn when_it_is_the_office_that_does_not_add_up_it_is_put_right_and_the_head_moves() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let held = server.held(&catalogue());
    assert_eq!(server.repair(&token, 0, &[]).await.head, 2);

    // The sum of the head is wrong: every device would be told that its rows are.
    server.spoil("UPDATE feed_head SET mix_low = (mix_low + 1) & 4294967295 WHERE bucket = 'distributor:1'");
    let told = server.repair(&token, 2, &held).await;
    assert_eq!((told.head, told.repaired.len()), (3, 0));
    assert_eq!(told.state, of(&mut server.held(&catalogue()), PRODUCT).state);

    // A row was changed past the program: its hash is not that of its values.
    server.spoil("UPDATE product SET name = 'Past the program' WHERE part_id = 'D1' AND id = 1");
    let mut wrong = server.held(&catalogue());
    of(&mut wrong, PRODUCT).state.add(RowHash(7));
    let told = server.repair(&token, 3, &wrong).await;
    assert_eq!((told.head, told.repaired.len()), (4, 0));
    let equal = server.repair(&token, 4, &server.held(&catalogue())).await;
    assert_eq!((equal.head, equal.repaired.len(), equal.narrower.len()), (4, 0, 0));
}

#[tokio::test]
async fn new_columns_come_alone_and_only_for_rows_that_have_them() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.add_products(40_000);
    let head = server.repair(&token, 0, &[]).await.head;
    let column = |name: &str| PRODUCT.columns.iter().position(|column| column.name == name).unwrap();
    let changed_at = column("changed_at_ms");
    let ask = async |after: Option<i64>| -> BackfillReply {
        let columns = [PRODUCT.columns[changed_at].id];
        let body = json!({"protocol": 1, "epoch": "epoch-1", "bucket": "distributor:1", "cursor": head,
                          "table": PRODUCT.id, "columns": columns, "after": after});
        serde_json::from_slice(&server.post("/v1/backfill", Some(&token), body.to_string()).await.body).unwrap()
    };
    let (mut found, mut after, mut requests) = (0, None, 0);
    loop {
        let reply = ask(after).await;
        requests += 1;
        if let Some(segment) = &reply.segment {
            let segment = opened(segment);
            for (_, _, put) in segment.rows() {
                assert!(matches!(segment.value(changed_at, put), ValueRef::Int(n) if n % 2 == 0));
                assert_eq!(segment.value(column("name"), put), ValueRef::Null);
            }
            found += segment.header.rows;
        }
        after = reply.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, requests), (20_000, 2));
    // Another head: news first.
    server.add_products(40_001);
    let late = ask(None).await;
    assert_eq!((late.head, late.segment), (head + 1, None));
    // No outlet has a channel yet.
    let body = json!({"protocol": 1, "epoch": "epoch-1", "bucket": "territory:1", "cursor": 1, "table": OUTLET.id,
                      "columns": [OUTLET.columns.last().map(|column| column.id)]});
    let none: BackfillReply = serde_json::from_slice(&server.post("/v1/backfill", Some(&token), body.to_string()).await.body).unwrap();
    assert_eq!((none.head, none.segment, none.next, TableId(2)), (1, None, None, OUTLET.id));
}
