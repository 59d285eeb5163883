//! Reference rows down.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::manifest::{Blake3Hex, Manifest, Root};
use polevik_protocol::rows::PRODUCT;
use polevik_protocol::segment::Segment;
use polevik_protocol::sync::{Download, SyncReply};
use polevik_protocol::version::MAX_INLINE_BYTES;
use polevik_server_store::reference::ReferenceWriter;
use polevik_server_store::{StoreError, part};
use serde_json::json;

use crate::support::{START, TestServer, device_id, document_id, envelope, product_row};

/// What a device holds of the feed: the root and the manifests it names.
struct Feed {
    root: Root,
    hash: String,
    manifests: BTreeMap<BucketName, Manifest>,
    inline: Vec<Vec<u8>>,
}

fn read(download: &Download) -> Feed {
    let (root, hash) = Root::open(&download.root).unwrap();
    let names: Vec<&Blake3Hex> = root.buckets.iter().map(|bucket| &bucket.manifest).collect();
    let manifests = download
        .manifests
        .iter()
        .map(|text| {
            let name = Blake3Hex::of(text.as_bytes());
            assert!(names.contains(&&name), "a manifest that the root does not name");
            let manifest = Manifest::open(text, &name).unwrap();
            (manifest.bucket.clone(), manifest)
        })
        .collect();
    let inline = download.segments.iter().map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap()).collect();
    Feed { root, hash: hash.as_str().to_owned(), manifests, inline }
}

impl TestServer {
    async fn news(&self, token: &str, request: serde_json::Value) -> SyncReply {
        let answer = self.post("/v1/sync", Some(token), request.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn first_feed(&self, token: &str) -> Feed {
        let reply = self.news(token, json!({"protocol": 1, "schema": 1, "want_download": true})).await;
        read(&reply.download.unwrap())
    }

    /// Renames the first product, and adds `more` products with long names that hardly compress.
    fn change_products(&self, name: &str, more: u32) {
        self.app
            .store
            .write(|tx| {
                let part = part::load(tx, "D1")?;
                let bucket = BucketName::new(BucketKind::Distributor, 1);
                let mut writer = ReferenceWriter::new(tx, &part, START);
                let mut row = product_row(1);
                row.name = name.to_owned();
                writer.put(PRODUCT, "P1", &bucket, &row.into_row().values)?;
                for n in 0..more {
                    let mut row = product_row(9);
                    row.ext_code = format!("X{n}");
                    row.sku = format!("X{n}");
                    row.name = blake3::hash(&n.to_le_bytes()).to_hex().repeat(2);
                    let key = row.ext_code.clone();
                    writer.put(PRODUCT, &key, &bucket, &row.into_row().values)?;
                }
                writer.finish()?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
}

fn standing(feed: &Feed) -> serde_json::Value {
    let cursors: BTreeMap<String, u64> = feed.root.buckets.iter().map(|bucket| (bucket.name.to_string(), bucket.head.0)).collect();
    json!({"protocol": 1, "schema": 1, "want_download": true, "root": feed.hash, "epoch": feed.root.epoch, "cursors": cursors})
}

#[tokio::test]
async fn a_new_device_gets_the_buckets_of_its_scope_urgent_first_and_no_others() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    let names: Vec<String> = feed.root.buckets.iter().map(|bucket| bucket.name.to_string()).collect();
    assert_eq!(names, ["all", "position:1", "territory:1", "distributor:1"]);
    assert_eq!(feed.root.epoch, "epoch-1");
    assert_eq!(feed.manifests.len(), 4, "also of empty buckets: the device knows that they are complete");
    // The company is small: everything rides in the reply, and is what its name says.
    let needed: Vec<Blake3Hex> =
        feed.manifests.values().flat_map(|manifest| manifest.base.iter().map(|segment| segment.hash.clone())).collect();
    assert!(!needed.is_empty());
    for hash in needed {
        assert!(feed.inline.iter().any(|bytes| Blake3Hex::of(bytes) == hash));
    }
}

#[tokio::test]
async fn a_device_that_is_current_hears_nothing_and_one_that_is_behind_the_difference() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    assert!(server.news(&token, standing(&feed)).await.download.is_none());
    assert!(server.news(&token, json!({"protocol": 1, "schema": 1})).await.download.is_none(), "not asked for");

    server.change_products("Сок «Груша»", 0);
    let after = read(&server.news(&token, standing(&feed)).await.download.unwrap());
    let changed: Vec<String> = after.manifests.keys().map(ToString::to_string).collect();
    assert_eq!(changed, ["distributor:1"]);
    let manifest = after.manifests.values().next().unwrap();
    assert_eq!((manifest.deltas.len(), after.inline.len()), (1, 1), "one small delta, and it rides along");
    assert!(after.inline[0].len() < MAX_INLINE_BYTES);

    // With cursors of another life everything is told anew.
    let mut other_life = standing(&feed);
    other_life["epoch"] = json!("epoch-0");
    assert_eq!(read(&server.news(&token, other_life).await.download.unwrap()).manifests.len(), 4);
}

#[tokio::test]
async fn the_state_of_an_order_comes_in_the_reply_that_takes_it() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let feed = server.first_feed(&signed.token).await;
    let mut request = standing(&feed);
    request["documents"] = json!([envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1))]);
    let reply = server.news(&signed.token, request).await;
    assert_eq!(reply.receipts.len(), 1);
    let after = read(&reply.download.unwrap());
    let changed: Vec<String> = after.manifests.keys().map(ToString::to_string).collect();
    assert_eq!((changed, after.inline.len()), (vec!["position:1".to_owned()], 1));
    // The rep of the other territory hears nothing of it.
    let other = server.signed_in("rep2@demo.example", device_id(2)).await.token;
    assert!(!server.first_feed(&other).await.manifests.keys().any(|bucket| bucket.as_str() == "position:1"));
}

#[tokio::test]
async fn a_large_segment_is_fetched_whole_or_in_ranges_and_small_ones_ride_along_within_the_limit() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    server.change_products("Сок", 3_000);
    let feed = server.first_feed(&token).await;
    assert!(feed.inline.iter().map(Vec::len).sum::<usize>() <= MAX_INLINE_BYTES);
    let products = &feed.manifests[&BucketName::new(BucketKind::Distributor, 1)];
    let segment = products.base.iter().max_by_key(|segment| segment.bytes).unwrap();
    assert!(segment.bytes > 100_000, "{}", segment.bytes);
    let path = format!("/v1/segments/{}", segment.hash);

    let whole = server.get(&path, Some(&token)).await;
    assert_eq!((whole.status, Blake3Hex::of(&whole.body)), (StatusCode::OK, segment.hash.clone()));
    assert_eq!(whole.header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(whole.header("etag"), format!("\"{}\"", segment.hash));
    assert_eq!(whole.header("content-encoding"), "", "packed once, not twice");
    let ask = async |name: header::HeaderName, value: &str| {
        let request = Request::get(&path).header(header::AUTHORIZATION, format!("Bearer {token}")).header(name, value);
        server.ask(request.body(Body::empty()).unwrap()).await
    };
    let middle = ask(header::RANGE, "bytes=1000-1999").await;
    assert_eq!((middle.status, &middle.body[..]), (StatusCode::PARTIAL_CONTENT, &whole.body[1_000..2_000]));
    assert_eq!(middle.header("content-range"), format!("bytes 1000-1999/{}", segment.bytes));
    let rest = ask(header::RANGE, "bytes=2000-").await;
    assert_eq!(rest.body, whole.body[2_000..]);
    assert_eq!(ask(header::RANGE, &format!("bytes={}-", segment.bytes)).await.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(ask(header::IF_NONE_MATCH, &format!("\"{}\"", segment.hash)).await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_segment_of_another_territory_or_part_is_not_found() {
    let server = TestServer::new();
    let mine = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let neighbour = server.signed_in("rep2@demo.example", device_id(2)).await.token;
    let stranger = server.signed_in("rep1@other.example", device_id(3)).await.token;
    let feed = server.first_feed(&mine).await;
    let territory = &feed.manifests[&BucketName::new(BucketKind::Territory, 1)].base[0].hash;
    let catalogue = &feed.manifests[&BucketName::new(BucketKind::Distributor, 1)].base[0].hash;
    for (token, hash, status) in [
        (&mine, territory.as_str(), 200),
        (&mine, catalogue.as_str(), 200),
        (&neighbour, territory.as_str(), 404),
        (&neighbour, catalogue.as_str(), 200),
        (&stranger, territory.as_str(), 404),
        (&stranger, catalogue.as_str(), 404),
        (&mine, &"0".repeat(64), 404),
        (&mine, "..%2f..%2fcentral.db", 404),
        (&mine, &territory.as_str().to_uppercase(), 404),
    ] {
        assert_eq!(server.get(&format!("/v1/segments/{hash}"), Some(token)).await.status.as_u16(), status, "{hash}");
    }
}

#[tokio::test]
async fn a_person_who_changes_position_sees_the_new_scope_only() {
    let server = TestServer::new();
    let login = async |position| {
        let answer = server.login("both@demo.example", crate::support::PASSWORD, Some(position), device_id(5)).await;
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    let first = login("R1").await;
    let feed = server.first_feed(&first).await;
    let second = login("R2").await;
    let reply = server.news(&second, standing(&feed)).await;
    let names: Vec<String> = read(&reply.download.unwrap()).root.buckets.iter().map(|bucket| bucket.name.to_string()).collect();
    assert_eq!(names, ["all", "position:2", "territory:2", "distributor:1"]);
    let old = &feed.manifests[&BucketName::new(BucketKind::Territory, 1)].base[0].hash;
    assert_eq!(server.get(&format!("/v1/segments/{old}"), Some(&second)).await.status, StatusCode::NOT_FOUND);
}

/// Found by the fleet simulator (seed 1): a step carried whole segments, which no device reads there.
#[tokio::test]
async fn a_step_carries_its_deltas_in_the_form_that_devices_read() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let ask = json!({"protocol": 1, "schema": 2, "want_download": true});
    let reply = server.post("/v1/sync", Some(&signed.token), ask.to_string()).await.json();
    let root = blake3::hash(reply["download"]["root"].as_str().unwrap().as_bytes()).to_hex().to_string();
    // A document's state is news of its position's bucket.
    let order = envelope(document_id(1), "order", 1, 1, &server.order(&signed, 1));
    assert_eq!(server.outcomes(&signed.token, &[order]).await, ["accepted"]);
    let ask = json!({"protocol": 1, "schema": 2, "want_download": true, "root": root[..16], "steps": true});
    let reply = server.post("/v1/sync", Some(&signed.token), ask.to_string()).await.json();
    let bucket = &reply["step"]["buckets"][0];
    let name = BucketName::parse(bucket["name"].as_str().unwrap()).unwrap();
    let bytes = STANDARD.decode(bucket["segments"][0].as_str().unwrap()).unwrap();
    assert_eq!(Segment::read_step_form(&bytes, &name).unwrap().rows().count(), 1);
}
