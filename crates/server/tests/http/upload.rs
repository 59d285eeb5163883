//! Documents up, receipts down.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use polevik_domain::money::Money;
use polevik_domain::time::UtcMillis;
use polevik_protocol::version::MAX_SYNC_BODY_BYTES;
use polevik_server_store::documents::{orders, revisions};
use polevik_server_store::people::devices;
use serde_json::json;

use crate::support::{START, TestServer, device_id, document_id, envelope, outcomes};

#[tokio::test]
async fn an_order_stands_in_the_central_database_with_the_same_totals_and_bytes() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let (visit, order) = (server.visit(), server.order(&signed, 1));
    let order = polevik_protocol::document::OrderBody { visit_id: Some(document_id(1)), outside_visit: None, ..order };
    let finished = polevik_protocol::document::VisitBody { finished_at_ms: Some(START.plus_secs(600)), ..visit.clone() };
    let documents = [
        envelope(document_id(1), "visit", 1, 1, &visit),
        envelope(document_id(2), "order", 1, 2, &order),
        envelope(document_id(1), "visit", 2, 3, &finished),
    ];
    assert_eq!(server.outcomes(&signed.token, &documents).await, ["accepted", "accepted", "accepted"]);

    let stored = server.app.store.read(|tx| orders::find(tx, "D1", document_id(2))).unwrap().unwrap();
    assert_eq!((stored.number.as_str(), stored.sum, stored.vat_sum), ("А000-000001", order.sum, order.vat_sum));
    assert_eq!(stored.sum, Money(12_345 * 8));
    assert_eq!((stored.position_code.as_str(), stored.outlet_name.as_str(), stored.received_at), ("R1", "Магазин 1", START));
    assert_eq!(stored.visit, Some(document_id(1)));
    let lines: Vec<_> =
        stored.lines.iter().map(|line| (line.line_no, line.sku.as_str(), line.base_quantity, line.office_vat_rate)).collect();
    assert_eq!(lines, [(1, "SKU-1", 3, None), (2, "SKU-2", 5, None)]);
    let raw = server.app.store.read(|tx| revisions::body(tx, "D1", document_id(2), 1)).unwrap().unwrap();
    assert_eq!(raw, documents[1]["body"].to_string());
    assert_eq!(server.app.store.read(|tx| orders::list(tx, "D1", 10)).unwrap(), [stored]);
    assert_eq!(server.app.store.read(|tx| orders::list(tx, "D2", 10)).unwrap(), []);
    assert_eq!(server.count("visit WHERE finished_at_ms IS NOT NULL AND revision = 2"), 1);
    assert_eq!(server.count("document_state WHERE state = 'received'"), 2);
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_placed_once_and_gets_the_same_receipt() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let documents = [envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1))];
    let first = server.upload(&signed.token, &documents).await.json();
    server.pass(60_000);
    let second = server.upload(&signed.token, &documents).await.json();
    assert_eq!(outcomes(&first), ["accepted"]);
    assert_eq!(first["receipts"], second["receipts"], "also its time");
    assert_eq!((server.count("customer_order"), server.count("order_line"), server.count("document_receipt")), (1, 2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_equal_requests_at_once_place_one_order_and_get_one_receipt() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let documents = [envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1))];
    let answers = futures::future::join_all((0..16).map(|_| {
        let router = server.router.clone();
        let body = json!({"protocol": 1, "schema": 1, "documents": documents}).to_string();
        let request = Request::post("/v1/sync").header(header::AUTHORIZATION, format!("Bearer {}", signed.token)).body(Body::from(body));
        tokio::spawn(async move {
            let response = tower::ServiceExt::oneshot(router, request.unwrap()).await.unwrap();
            axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
        })
    }))
    .await;
    let receipts: HashSet<String> = answers
        .into_iter()
        .map(|answer| serde_json::from_slice::<serde_json::Value>(&answer.unwrap()).unwrap()["receipts"].to_string())
        .collect();
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    assert_eq!((server.count("customer_order"), server.count("order_line"), server.count("document_receipt")), (1, 2, 1));
}

#[tokio::test]
async fn other_content_under_a_known_revision_is_refused_and_kept_and_changes_nothing() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let good = server.order(&signed, 1);
    let other = polevik_protocol::document::OrderBody { comment: "другой".to_owned(), ..good.clone() };
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "order", 1, 1, &good)]).await, ["accepted"]);
    let refused = server.upload(&signed.token, &[envelope(document_id(1), "order", 1, 1, &other)]).await.json();
    assert_eq!(outcomes(&refused), ["D408"]);
    server.pass(5_000);
    let again = server.upload(&signed.token, &[envelope(document_id(1), "order", 1, 1, &other)]).await.json();
    assert_eq!(refused["receipts"], again["receipts"]);
    // The first content keeps its own answer.
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "order", 1, 1, &good)]).await, ["accepted"]);
    let stored = server.app.store.read(|tx| orders::find(tx, "D1", document_id(1))).unwrap().unwrap();
    assert_eq!(stored.comment, good.comment);
    assert_eq!(server.count("document_quarantine WHERE code = 'D408'"), 1);
}

#[tokio::test]
async fn an_order_of_another_device_cannot_be_changed() {
    let server = TestServer::new();
    let mine = server.signed_in("rep1@demo.example", device_id(1)).await;
    let theirs = server.signed_in("rep1@demo.example", device_id(2)).await;
    let order = server.order(&mine, 1);
    assert_eq!(server.outcomes(&mine.token, &[envelope(document_id(1), "order", 1, 1, &order)]).await, ["accepted"]);
    let same = envelope(document_id(1), "order", 1, 1, &order);
    let next = envelope(document_id(1), "order", 2, 2, &server.order(&theirs, 1));
    // What this position sent before is known, whatever device it comes from; the next revision is its own device's.
    assert_eq!(server.outcomes(&theirs.token, &[same, next]).await, ["accepted", "D408"]);
    // In another part the same id is another document.
    let far = server.signed_in("rep1@other.example", device_id(3)).await;
    assert_eq!(server.outcomes(&far.token, &[envelope(document_id(1), "order", 1, 1, &server.order(&far, 1))]).await, ["accepted"]);
    assert_eq!(server.count("customer_order WHERE part_id = 'D1'"), 1);
}

#[tokio::test]
async fn bad_documents_do_not_hold_the_batch_and_are_kept_with_their_reason() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |n| server.order(&signed, n);
    let mut wrong_sum = order(2);
    wrong_sum.sum = Money(1);
    let foreign = polevik_protocol::document::OrderBody { outlet_id: server.company.other_outlet, ..order(3) };
    let mut no_product = order(4);
    no_product.lines[1].product_id = polevik_domain::ids::ProductId(999_999);
    let not_mine = polevik_protocol::document::OrderBody { number: "Я999-000001".to_owned(), ..order(5) };
    let documents = [
        envelope(document_id(1), "order", 1, 1, &order(1)),
        envelope(document_id(2), "order", 1, 2, &wrong_sum),
        envelope(document_id(3), "order", 1, 3, &foreign),
        envelope(document_id(4), "order", 1, 4, &no_product),
        envelope(document_id(5), "order", 1, 5, &not_mine),
        envelope(document_id(6), "withdrawal", 1, 6, &json!({"reason": " ", "withdrawn_at_ms": START})),
        envelope(document_id(7), "order", 1, 7, &json!({"lines": 7})),
        envelope(document_id(8), "dance", 1, 8, &json!({})),
        json!({"id": document_id(9), "revision": 1, "kind": ["broken"], "body": {}}),
        envelope(document_id(10), "order", 0, 10, &order(6)),
        envelope(document_id(11), "order", 1, 11, &order(7)),
    ];
    let reply = server.upload(&signed.token, &documents).await.json();
    assert_eq!(outcomes(&reply), ["accepted", "D401", "D402", "D401", "D401", "D401", "D401", "D401", "D401", "D401", "accepted"]);
    let fields: Vec<_> = reply["receipts"].as_array().unwrap().iter().map(|receipt| receipt["outcome"]["field"].clone()).collect();
    assert_eq!(
        fields[1..8],
        [json!("sum"), json!("outlet_id"), json!("lines.1.product_id"), json!("number"), json!("reason"), json!("lines"), json!("kind")]
    );
    assert_eq!(reply["receipts"][2]["outcome"]["reason"], "Торговая точка не относится к вашей территории.");
    assert_eq!((server.count("customer_order"), server.count("document_quarantine"), server.count("document_receipt")), (2, 9, 11));
    // All but revision 0, which is no revision to have a state.
    assert_eq!(server.count("document_state WHERE state = 'rejected'"), 8);
    assert_eq!(server.upload(&signed.token, &documents).await.json()["receipts"], reply["receipts"], "every answer is for ever");
}

#[tokio::test]
async fn a_document_that_breaks_the_server_has_no_receipt_and_its_neighbours_go_on() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    // The table of lines refuses one product: what a bug of ours would look like.
    server
        .app
        .store
        .write(|tx| {
            tx.execute_batch(
                "CREATE TRIGGER poison BEFORE INSERT ON order_line WHEN NEW.quantity = 77 BEGIN SELECT RAISE(ABORT, 'poison'); END",
            )?;
            Ok::<_, polevik_server_store::StoreError>(())
        })
        .unwrap();
    let mut poison = server.order(&signed, 2);
    let factors = polevik_domain::quantity::UnitFactors { block: 0, box_: 0 };
    let line = |quantity| {
        let (unit, price, rate) = (polevik_domain::quantity::Unit::Piece, Money(100), polevik_domain::money::VatRate(2_200));
        polevik_domain::order::OrderLine::new(server.company.products[0], unit, quantity, factors, price, rate).unwrap()
    };
    poison.lines = vec![line(77)];
    let totals = polevik_domain::order::totals(&poison.lines).unwrap();
    (poison.sum, poison.vat_sum) = (totals.sum, totals.vat_sum);
    let documents = [
        envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1)),
        envelope(document_id(2), "order", 1, 2, &poison),
        envelope(document_id(3), "order", 1, 3, &server.order(&signed, 3)),
    ];
    let reply = server.upload(&signed.token, &documents).await.json();
    let answered: Vec<_> = reply["receipts"].as_array().unwrap().iter().map(|receipt| receipt["id"].clone()).collect();
    assert_eq!(answered, [json!(document_id(1)), json!(document_id(3))]);
    assert_eq!((server.count("customer_order"), server.count("document"), server.count("document_receipt")), (2, 2, 2));
    server
        .app
        .store
        .write(|tx| {
            tx.execute_batch("DROP TRIGGER poison")?;
            Ok::<_, polevik_server_store::StoreError>(())
        })
        .unwrap();
    assert_eq!(server.outcomes(&signed.token, &documents).await, ["accepted", "accepted", "accepted"]);
}

#[tokio::test]
async fn an_older_revision_that_comes_late_is_answered_and_changes_nothing() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let started = server.visit();
    let finished = polevik_protocol::document::VisitBody { finished_at_ms: Some(START.plus_secs(60)), ..started.clone() };
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "visit", 2, 2, &finished)]).await, ["accepted"]);
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "visit", 1, 1, &started)]).await, ["accepted"]);
    assert_eq!(server.count("visit WHERE finished_at_ms IS NOT NULL AND revision = 2"), 1);
    assert_eq!(server.count("document"), 2);
    assert_eq!(server.count("document_state WHERE revision = 2"), 1);
}

#[tokio::test]
async fn a_corrected_order_takes_the_place_of_the_rejected_one() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let mut wrong = server.order(&signed, 1);
    wrong.sum = Money(1);
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "order", 1, 1, &wrong)]).await, ["D401"]);
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "order", 2, 2, &server.order(&signed, 1))]).await, ["accepted"]);
    assert_eq!(server.count("customer_order WHERE revision = 2"), 1);
    assert_eq!(server.count("document_state WHERE state = 'received' AND revision = 2"), 1);
}

#[tokio::test]
async fn a_visit_cannot_become_an_order() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "visit", 1, 1, &server.visit())]).await, ["accepted"]);
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "order", 2, 2, &server.order(&signed, 1))]).await, ["D408"]);
    assert_eq!(server.count("customer_order"), 0);
}

#[tokio::test]
async fn a_rate_the_office_has_changed_is_marked_and_the_reps_stands() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = server.order(&signed, 1);
    server
        .app
        .store
        .write(|tx| {
            tx.execute("UPDATE product SET vat_rate = 1000 WHERE ext_code = 'P1'", [])?;
            Ok::<_, polevik_server_store::StoreError>(())
        })
        .unwrap();
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(1), "order", 1, 1, &order)]).await, ["accepted"]);
    let stored = server.app.store.read(|tx| orders::find(tx, "D1", document_id(1))).unwrap().unwrap();
    assert_eq!(stored.vat_sum, order.vat_sum);
    let rates: Vec<_> = stored.lines.iter().map(|line| (line.vat_rate.0, line.office_vat_rate.map(|rate| rate.0))).collect();
    assert_eq!(rates, [(2_200, Some(1_000)), (2_200, None)]);
}

#[tokio::test]
async fn the_server_sees_a_gap_in_what_a_device_numbered_and_where_it_must_go_on() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let send = async |id, sequence, seq| {
        server.outcomes(&signed.token, &[envelope(document_id(id), "order", 1, seq, &server.order(&signed, sequence))]).await
    };
    send(1, 1, 1).await;
    send(2, 7, 5).await;
    let device = || server.app.store.read(|tx| devices::find(tx, "D1", device_id(1))).unwrap().unwrap();
    assert_eq!((device().device_seq_floor, device().missing()), (5, 3));
    send(3, 2, 3).await;
    send(3, 2, 3).await;
    assert_eq!((device().device_seq_floor, device().missing()), (5, 2));
    let again = server.signed_in("rep1@demo.example", device_id(1)).await;
    assert_eq!((again.number_floor, again.device_seq_floor), (7, 5));
}

#[tokio::test]
async fn a_body_comes_plain_or_as_zstd_and_no_larger_than_its_limit() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let ask = async |encoding: &str, body: Vec<u8>| {
        let request = Request::post("/v1/sync")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_ENCODING, encoding)
            .body(Body::from(body))
            .unwrap();
        let answer = server.ask(request).await;
        (answer.status.as_u16(), if answer.status == StatusCode::OK { String::new() } else { answer.code() })
    };
    let plain = br#"{"protocol":1,"schema":1}"#.to_vec();
    let padded = |bytes: usize| {
        let mut body = plain.clone();
        body.resize(bytes, b' ');
        body
    };
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap();
    assert_eq!(ask("identity", plain.clone()).await, (200, String::new()));
    assert_eq!(ask("zstd", zstd(&plain)).await, (200, String::new()));
    assert_eq!(ask("identity", padded(MAX_SYNC_BODY_BYTES)).await, (200, String::new()));
    assert_eq!(ask("identity", padded(MAX_SYNC_BODY_BYTES + 1)).await, (413, "X999".to_owned()));
    assert_eq!(ask("zstd", zstd(&padded(MAX_SYNC_BODY_BYTES))).await, (200, String::new()));
    assert_eq!(ask("zstd", zstd(&padded(MAX_SYNC_BODY_BYTES + 1))).await, (413, "X999".to_owned()));
    assert_eq!(ask("zstd", zstd(&vec![0; 500_000_000])).await, (413, "X999".to_owned()), "a bomb");
    assert_eq!(ask("zstd", plain.clone()).await, (400, "X999".to_owned()));
    assert_eq!(ask("gzip", plain.clone()).await, (415, "X999".to_owned()));
    assert_eq!(ask("identity", b"{".to_vec()).await, (400, "X999".to_owned()));
    assert_eq!(ask("identity", br#"{"protocol":1,"schema":1,"documents":[{"kind":"visit"}]}"#.to_vec()).await, (400, "X999".to_owned()));
    assert_eq!(ask("identity", br#"{"protocol":99,"schema":1}"#.to_vec()).await, (426, "S304".to_owned()));
    assert_eq!(ask("identity", br#"{"protocol":0,"schema":1}"#.to_vec()).await, (426, "S304".to_owned()));
    let deep = format!(r#"{{"protocol":1,"schema":1,"documents":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(ask("identity", deep.into_bytes()).await.0, 400);
    let many = json!({"protocol": 1, "schema": 1, "documents": vec![json!({"id": document_id(1), "revision": 1}); 201]});
    assert_eq!(ask("identity", many.to_string().into_bytes()).await, (413, "X999".to_owned()));
}

#[tokio::test]
async fn the_time_of_the_server_is_in_every_reply() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.pass(1_234);
    let now = json!(UtcMillis(START.0 + 1_234));
    assert_eq!(server.upload(&token, &[]).await.json()["server_time_ms"], now);
    assert_eq!(server.upload("spent", &[]).await.json()["server_time_ms"], now);
    assert_eq!(server.get("/v1/health", None).await.json(), json!({"server": "polevik-server", "version": "0.1.0", "server_time_ms": now}));
}
