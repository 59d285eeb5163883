//! Storms, loops, quotas and maintenance.

use axum::http::StatusCode;
use polevik_server::app::AppSettings;
use polevik_server::limits::Limits;
use polevik_server_store::maintenance;
use serde_json::json;

use crate::support::{START, TestServer, device_id, document_id, envelope, outcomes};

fn limited(limits: Limits) -> TestServer {
    TestServer::with_settings(AppSettings { limits, ..AppSettings::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_requests_at_once_are_all_served() {
    let server = TestServer::new();
    let mut tokens = Vec::new();
    for n in 0..10 {
        tokens.push(server.signed_in("rep1@demo.example", device_id(n)).await);
    }
    let asked = (0..300_usize).map(|n| {
        let (server, signed) = (&server, &tokens[n % tokens.len()]);
        async move {
            let id = document_id(u8::try_from(n % 256).unwrap());
            let sequence = u32::try_from(n).unwrap() + 1;
            let documents = if n % 2 == 0 && n < 256 {
                vec![envelope(id, "order", 1, u64::from(sequence), &server.order(signed, sequence))]
            } else {
                Vec::new()
            };
            let body = json!({"protocol": 1, "schema": 2, "want_download": true, "documents": documents});
            let answer = server.post("/v1/sync", Some(&signed.token), body.to_string()).await;
            (answer.status, outcomes(&answer.json()))
        }
    });
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
    assert_eq!(answers.iter().flat_map(|(_, outcomes)| outcomes).filter(|outcome| *outcome == "accepted").count(), 128);
    assert_eq!((server.count("customer_order"), server.count("document_receipt")), (128, 128));
}

#[tokio::test]
async fn a_device_in_a_loop_is_told_to_wait_and_what_it_makes_is_taken() {
    let server = limited(Limits { requests_per_minute: 5, ..Limits::default() });
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |n: u8| envelope(document_id(n), "order", 1, u64::from(n), &server.order(&signed, u32::from(n)));
    for n in 1..=20 {
        assert_eq!(server.outcomes(&signed.token, &[order(n)]).await, ["accepted"], "{n}");
    }
    let mut refused = None;
    for _ in 0..6 {
        refused = Some(server.upload(&signed.token, &[]).await);
    }
    let refused = refused.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "S303"));
    assert!(refused.json()["retry_after_s"].as_u64().is_some_and(|seconds| (1..=60).contains(&seconds)));
    let other = server.signed_in("rep2@demo.example", device_id(2)).await;
    assert_eq!(server.upload(&other.token, &[]).await.status, StatusCode::OK);
    server.pass(60_000);
    assert_eq!(server.upload(&signed.token, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_device_has_its_share_of_documents_a_day() {
    let server = limited(Limits { documents_per_day: 3, ..Limits::default() });
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |n: u8| envelope(document_id(n), "order", 1, u64::from(n), &server.order(&signed, u32::from(n)));
    assert_eq!(server.outcomes(&signed.token, &[order(1), order(2)]).await, ["accepted", "accepted"]);
    assert_eq!(server.outcomes(&signed.token, &[order(1), order(2)]).await, ["accepted", "accepted"], "again is not more");
    assert_eq!(server.outcomes(&signed.token, &[order(3)]).await, ["accepted"]);
    let over = server.upload(&signed.token, &[order(4)]).await;
    assert_eq!((over.status, over.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "S303"));
    assert_eq!(server.upload(&signed.token, &[]).await.status, StatusCode::OK, "news is not documents");
    server.pass(86_400_000);
    assert_eq!(server.outcomes(&signed.token, &[order(4)]).await, ["accepted"]);
}

#[tokio::test]
async fn a_server_that_rests_says_until_when_and_lives() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    server.app.store.write(|tx| maintenance::set(tx, Some(START.plus_secs(600)))).unwrap();
    let order = envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1));
    for answer in [
        server.upload(&signed.token, std::slice::from_ref(&order)).await,
        server.get("/v1/wait?root=0123456789abcdef", Some(&signed.token)).await,
        server.login("rep1@demo.example", "x", None, device_id(1)).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "S301"));
        let away = answer.json()["retry_after_s"].as_u64().unwrap();
        assert!((600..=721).contains(&away), "{away}");
        assert_eq!(answer.header("retry-after"), away.to_string());
    }
    for path in ["/healthz", "/readyz", "/v1/health"] {
        assert_eq!(server.get(path, None).await.status, StatusCode::OK, "{path}");
    }
    server.pass(600_000);
    assert_eq!(server.outcomes(&signed.token, std::slice::from_ref(&order)).await, ["accepted"], "the time is over");
    server.app.store.write(|tx| maintenance::set(tx, Some(START.plus_secs(9_000)))).unwrap();
    assert_eq!(server.upload(&signed.token, &[]).await.code(), "S301");
    server.app.store.write(|tx| maintenance::set(tx, None)).unwrap();
    assert_eq!(server.outcomes(&signed.token, &[order]).await, ["accepted"]);
}

#[tokio::test]
async fn a_device_with_nothing_to_do_is_answered_in_few_bytes_without_a_place() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let ask = json!({"protocol": 1, "schema": 2, "want_download": true});
    let reply = server.post("/v1/sync", Some(&signed.token), ask.to_string()).await.json();
    let root = blake3::hash(reply["download"]["root"].as_str().unwrap().as_bytes()).to_hex().to_string();
    let ask =
        json!({"protocol": 1, "schema": 2, "want_download": true, "root": root[..16], "steps": true, "given_seq": 0, "answered_seq": 0});
    let answer = server.post("/v1/sync", Some(&signed.token), ask.to_string()).await;
    assert_eq!(answer.json(), json!({"server_time_ms": START}));
    assert!(ask.to_string().len() <= 300 && answer.body.len() <= 300);
}
