//! What a rep takes back, what a blocked device leaves, and what was made under a position that is gone.

use axum::http::StatusCode;
use polevik_domain::money::Money;
use polevik_domain::time::UtcMillis;
use polevik_server_store::documents::orders;
use polevik_server_store::organisation;
use polevik_server_store::people::{devices, users};
use serde_json::{Value, json};

use crate::support::{START, TestServer, device_id, document_id, envelope, outcomes};

fn withdrawal(id: u8, revision: u32, seq: u64, reason: &str) -> Value {
    envelope(document_id(id), "withdrawal", revision, seq, &json!({"reason": reason, "withdrawn_at_ms": START}))
}

#[tokio::test]
async fn an_order_that_is_taken_back_stays_readable_with_its_reason() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1));
    assert_eq!(server.outcomes(&signed.token, &[order, withdrawal(1, 2, 2, "клиент передумал")]).await, ["accepted", "accepted"]);
    let stored = server.app.store.read(|tx| orders::find(tx, "D1", document_id(1))).unwrap().unwrap();
    assert_eq!((stored.withdrawn_at, stored.withdrawn_because.as_str(), stored.revision), (Some(START), "клиент передумал", 2));
    assert_eq!(stored.lines.len(), 2);
    assert_eq!(server.count("document_state WHERE state = 'withdrawn' AND note = 'клиент передумал' AND revision = 2"), 1);
    // Sent again, the answer is the same; and what is taken back does not come back.
    assert_eq!(server.outcomes(&signed.token, &[withdrawal(1, 2, 2, "клиент передумал")]).await, ["accepted"]);
    assert_eq!(server.outcomes(&signed.token, &[withdrawal(1, 2, 2, "другое")]).await, ["D408"]);
    let revived = server.upload(&signed.token, &[envelope(document_id(1), "order", 3, 3, &server.order(&signed, 1))]).await.json();
    assert_eq!(outcomes(&revived), ["D401"]);
    assert_eq!(revived["receipts"][0]["outcome"]["reason"], "Документ уже отозван.");
    assert_eq!(server.count("customer_order WHERE withdrawn_at_ms IS NOT NULL AND revision = 2"), 1);
}

#[tokio::test]
async fn a_visit_can_be_taken_back_too() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let visit = envelope(document_id(1), "visit", 1, 1, &server.visit());
    assert_eq!(server.outcomes(&signed.token, &[visit, withdrawal(1, 2, 2, "ошибся точкой")]).await, ["accepted", "accepted"]);
    assert_eq!(server.count("visit WHERE withdrawn_because = 'ошибся точкой'"), 1);
}

#[tokio::test]
async fn a_rejected_order_and_one_that_never_came_can_be_taken_back() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let mut wrong = server.order(&signed, 1);
    wrong.sum = Money(1);
    let documents = [envelope(document_id(1), "order", 1, 1, &wrong), withdrawal(1, 2, 2, "не нужно"), withdrawal(2, 3, 5, "не нужно")];
    assert_eq!(server.outcomes(&signed.token, &documents).await, ["D401", "accepted", "accepted"]);
    assert_eq!((server.count("customer_order"), server.count("document_state WHERE state = 'withdrawn'")), (0, 2));
    let device = server.app.store.read(|tx| devices::find(tx, "D1", device_id(1))).unwrap().unwrap();
    assert_eq!(device.missing(), 0, "revisions that were set aside and taken back do not come any more");
    // The order itself comes after all: it is answered, and changes nothing.
    assert_eq!(server.outcomes(&signed.token, &[envelope(document_id(2), "order", 1, 3, &server.order(&signed, 2))]).await, ["accepted"]);
    assert_eq!((server.count("customer_order"), server.count("document_state WHERE state = 'withdrawn'")), (0, 2));
}

#[tokio::test]
async fn nobody_takes_back_what_is_anothers() {
    let server = TestServer::new();
    let mine = server.signed_in("rep1@demo.example", device_id(1)).await;
    let theirs = server.signed_in("rep2@demo.example", device_id(2)).await;
    let order = envelope(document_id(1), "order", 1, 1, &server.order(&mine, 1));
    assert_eq!(server.outcomes(&mine.token, &[order]).await, ["accepted"]);
    assert_eq!(server.outcomes(&theirs.token, &[withdrawal(1, 2, 1, "назло")]).await, ["D408"]);
    assert_eq!(server.count("customer_order WHERE withdrawn_at_ms IS NULL"), 1);
}

#[tokio::test]
async fn a_blocked_device_gets_nothing_and_its_documents_are_kept_aside() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1));
    server.app.store.write(|tx| devices::block(tx, "D1", device_id(1), "потерян", START)).unwrap();
    for _ in 0..2 {
        let answer = server.upload(&signed.token, std::slice::from_ref(&order)).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "A202"));
    }
    assert_eq!((server.count("document_quarantine WHERE code = 'A202'"), server.count("document_receipt")), (1, 0));
    for path in ["/v1/wait?root=0123456789abcdef".to_owned(), format!("/v1/segments/{}", "0".repeat(64))] {
        assert_eq!(server.get(&path, Some(&signed.token)).await.code(), "A202");
    }
    assert_eq!(server.upload(&signed.token, &[]).await.code(), "A202");
    // Found again and unblocked: the same document is taken as if nothing had been.
    server.app.store.write(|tx| devices::unblock(tx, "D1", device_id(1))).unwrap();
    assert_eq!(server.outcomes(&signed.token, &[order]).await, ["accepted"]);
}

#[tokio::test]
async fn what_was_made_under_a_position_is_taken_after_it_is_gone() {
    let server = TestServer::new();
    let signed = server.signed_in_as("both@demo.example", "R1", device_id(1)).await;
    let user = server.app.store.read(|tx| users::by_login(tx, "both@demo.example")).unwrap().unwrap().id;
    let position = server.app.store.read(|tx| organisation::position_by_code(tx, "D1", "R1")).unwrap().unwrap().id;
    server.app.store.write(|tx| users::withdraw_position(tx, "D1", user, position, START)).unwrap();

    let order = envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1));
    let body = json!({"protocol": 1, "schema": 2, "want_download": true, "documents": [order]});
    let answer = server.post("/v1/sync", Some(&signed.token), body.to_string()).await;
    assert_eq!((answer.status, outcomes(&answer.json())), (StatusCode::OK, vec!["accepted".to_owned()]));
    assert_eq!(answer.json()["cursors_wanted"], json!(true), "it hears why there is no news when it asks for nothing else");
    assert_eq!(answer.json().get("download"), None);
    assert_eq!(server.upload(&signed.token, &[]).await.code(), "A203");
    assert_eq!(server.count("customer_order"), 1);
}

#[tokio::test]
async fn documents_of_the_former_position_are_taken_after_signing_in_under_another() {
    let server = TestServer::new();
    let former = server.signed_in_as("both@demo.example", "R1", device_id(1)).await;
    let made = |id: u8, sequence, at: UtcMillis| {
        let mut document = envelope(document_id(id), "order", 1, u64::from(id), &server.order(&former, sequence));
        document["created_at_ms"] = json!(at);
        document
    };
    server.pass(3_600_000);
    let now = server.signed_in_as("both@demo.example", "R2", device_id(1)).await;
    // The outlet is of the first territory: right for what was made before, wrong for what is made now.
    let (before, after) = (START.plus_secs(60), START.plus_secs(3 * 3_600));
    assert_eq!(server.outcomes(&now.token, &[made(1, 1, before), made(2, 2, after)]).await, ["accepted", "D402"]);
    let stored = server.app.store.read(|tx| orders::find(tx, "D1", document_id(1))).unwrap().unwrap();
    assert_eq!(stored.position_code, "R1", "under which it was made");
    // Somebody who never was that is not believed.
    let other = server.signed_in("rep2@demo.example", device_id(2)).await;
    let foreign = envelope(document_id(3), "order", 1, 1, &server.order(&other, 1));
    assert_eq!(server.outcomes(&other.token, &[foreign]).await, ["D402"]);
}
