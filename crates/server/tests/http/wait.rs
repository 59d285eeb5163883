//! A device in the foreground waits for news.

use std::time::Duration;

use axum::http::StatusCode;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::rows::PRODUCT;
use polevik_server_store::reference::ReferenceWriter;
use polevik_server_store::{Store, StoreError, part};
use serde_json::json;

use crate::support::{START, TestServer, device_id, product_row};

async fn root_of(server: &TestServer, token: &str) -> String {
    let body = json!({"protocol": 1, "schema": 2, "want_download": true});
    let reply = server.post("/v1/sync", Some(token), body.to_string()).await.json();
    let root = reply["download"]["root"].as_str().unwrap().to_owned();
    blake3::hash(root.as_bytes()).to_hex().to_string()
}

fn change_a_product(store: &Store, part_id: &str, n: u8, name: &str) {
    let change = |tx: &polevik_server_store::Transaction<'_>| {
        let part = part::load(tx, part_id)?;
        let mut row = product_row(n);
        name.clone_into(&mut row.name);
        let mut writer = ReferenceWriter::new(tx, &part, START);
        writer.put(PRODUCT, &format!("P{n}"), &BucketName::new(BucketKind::Distributor, part.distributor.0), &row.into_row().values)?;
        writer.finish()?;
        Ok::<_, StoreError>(())
    };
    store.write(change).unwrap();
}

#[tokio::test]
async fn a_wait_ends_at_once_for_who_is_behind_and_with_the_change_for_who_is_not() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let behind = server.get("/v1/wait?root=0123456789abcdef", Some(&token)).await;
    assert_eq!((behind.status, behind.json()["changed"].clone()), (StatusCode::OK, json!(true)));

    let root = root_of(&server, &token).await;
    let path = format!("/v1/wait?root={}", &root[..16]);
    let waiting = server.get(&path, Some(&token));
    let change = async {
        // Another process writes, as an import beside the server does.
        let beside = Store::open_existing(&server.path()).unwrap();
        parked(&server, 1).await;
        change_a_product(&beside, "D2", 1, "Чай");
        // Long enough for whoever looks to have looked.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(server.app.admission.parked_devices(), 1, "another part's rows are no news");
        change_a_product(&beside, "D1", 1, "Кофе");
    };
    let (answer, ()) = tokio::join!(waiting, change);
    assert_eq!(answer.json()["changed"], json!(true), "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(server.app.admission.parked_devices(), 0);
    assert_ne!(root_of(&server, &token).await, root);
}

/// Waits until so many devices wait for news.
async fn parked(server: &TestServer, count: usize) {
    while server.app.admission.parked_devices() != count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_wait_without_news_ends_when_the_server_does() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let root = root_of(&server, &token).await;
    let path = format!("/v1/wait?root={root}");
    let end = async {
        parked(&server, 1).await;
        server.app.ending.send_replace(true);
    };
    let (answer, ()) = tokio::join!(server.get(&path, Some(&token)), end);
    assert_eq!((answer.status, answer.json()["changed"].clone()), (StatusCode::OK, json!(false)));
}

#[tokio::test]
async fn what_is_no_name_of_a_root_is_refused() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    for path in ["/v1/wait", "/v1/wait?root=", "/v1/wait?root=0123", "/v1/wait?root=0123456789abcdeg", "/v1/wait?root=%2e%2e%2f"] {
        assert_eq!(server.get(path, Some(&token)).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_device_that_hangs_up_gives_its_place_back() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let path = format!("/v1/wait?root={}", root_of(&server, &token).await);
    tokio::select! {
        _ = server.get(&path, Some(&token)) => panic!("there was no news"),
        () = parked(&server, 1) => {}
    }
    assert_eq!(server.app.admission.parked_devices(), 0);

    // One device waits twice at most: whoever comes third is sent away, and then the others are let go.
    let wait = async || {
        let status = server.get(&path, Some(&token)).await.status;
        server.app.ending.send_replace(true);
        status.as_u16()
    };
    let (first, second, third) = tokio::join!(wait(), wait(), wait());
    let mut codes = [first, second, third];
    codes.sort_unstable();
    assert_eq!(codes, [200, 200, 503]);
}
