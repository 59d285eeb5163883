//! Reference rows down.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polevik_domain::time::{Clock, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::manifest::{Blake3Hex, Manifest, Root};
use polevik_protocol::rows::{OUTLET, PRODUCT, Value};
use polevik_protocol::segment::Segment;
use polevik_protocol::sync::{Download, SyncReply};
use polevik_protocol::version::MAX_INLINE_BYTES;
use polevik_server::app::{App, AppSettings};
use polevik_server::router::{Connection, router};
use polevik_server_store::organisation::{self, NewPosition};
use polevik_server_store::reference::{ReferenceWriter, rows};
use polevik_server_store::{Store, StoreError, part};
use polevik_texts::Language;
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
    // The first row of a bucket makes its first base; a step is what comes after.
    let order = |n: u8| envelope(document_id(n), "order", 1, n.into(), &server.order(&signed, n.into()));
    assert_eq!(server.outcomes(&signed.token, &[order(1)]).await, ["accepted"]);
    let ask = json!({"protocol": 1, "schema": 2, "want_download": true});
    let reply = server.post("/v1/sync", Some(&signed.token), ask.to_string()).await.json();
    let root = blake3::hash(reply["download"]["root"].as_str().unwrap().as_bytes()).to_hex().to_string();
    // A document's state is news of its position's bucket.
    assert_eq!(server.outcomes(&signed.token, &[order(2)]).await, ["accepted"]);
    let ask = json!({"protocol": 1, "schema": 2, "want_download": true, "root": root[..16], "steps": true});
    let reply = server.post("/v1/sync", Some(&signed.token), ask.to_string()).await.json();
    let bucket = &reply["step"]["buckets"][0];
    let name = BucketName::parse(bucket["name"].as_str().unwrap()).unwrap();
    let bytes = STANDARD.decode(bucket["segments"][0].as_str().unwrap()).unwrap();
    assert_eq!(Segment::read_step_form(&bytes, &name).unwrap().rows().count(), 1);
}

/// A request as a device sends it that has nothing to send and trusts that its root is remembered.
fn trusting(root: &str) -> serde_json::Value {
    json!({"protocol": 1, "schema": 2, "want_download": true, "steps": true, "root": &root[..16]})
}

/// The same server after a restart: nothing in memory.
fn restarted(mut server: TestServer) -> TestServer {
    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> UtcMillis {
            START
        }
        fn utc_offset(&self) -> UtcOffsetMinutes {
            UtcOffsetMinutes(0)
        }
    }
    let store = Store::open_existing(&server.path()).unwrap();
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).unwrap();
    server.app = App::with_guests(store, &server.path(), Language::Russian, AppSettings::default(), Box::new(Stopped), random).unwrap();
    server.router = router(&server.app, Connection::Plain);
    server
}

#[tokio::test]
async fn nothing_to_do_costs_fewer_than_300_bytes_each_way_and_few_rows_come_as_a_step() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;

    let request = trusting(&feed.hash).to_string();
    let idle = server.post("/v1/sync", Some(&token), request.clone()).await;
    assert!(request.len() <= 300 && idle.body.len() <= 300, "{} up, {} down", request.len(), idle.body.len());
    assert_eq!(idle.json(), json!({"server_time_ms": START}));

    server.change_products("Сок «Груша»", 0);
    let reply = server.news(&token, trusting(&feed.hash)).await;
    assert!(reply.download.is_none() && !reply.cursors_wanted);
    let step = reply.step.unwrap();
    assert_eq!(step.buckets.len(), 1);
    let bucket = &step.buckets[0];
    assert_eq!((bucket.name.as_str(), bucket.head, bucket.state.rows), ("distributor:1", 3, 2));
    let segment = Segment::read_step_form(&STANDARD.decode(&bucket.segments[0]).unwrap(), &bucket.name).unwrap();
    assert_eq!(segment.header.rows, 1);

    // The step leads to the root that is the newest.
    assert_eq!(server.news(&token, trusting(&step.root)).await.step, None);
    assert_eq!(
        Root::open(&server.news(&token, json!({"protocol": 1, "schema": 2, "want_download": true})).await.download.unwrap().root)
            .unwrap()
            .1
            .as_str()[..16],
        step.root
    );
    // Who does not say that it understands steps, or gives its cursors, is answered all the same.
    assert!(server.news(&token, standing(&feed)).await.download.is_some());
    let mut with_cursors = standing(&feed);
    with_cursors["steps"] = json!(true);
    assert_eq!(server.news(&token, with_cursors).await.step.map(|step| step.buckets.len()), Some(1));
}

#[tokio::test]
async fn after_a_restart_the_server_asks_for_cursors_once_and_only_if_there_is_news() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    let server = restarted(server);
    let idle = server.news(&token, trusting(&feed.hash)).await;
    assert!(!idle.cursors_wanted && idle.step.is_none() && idle.download.is_none());
    server.change_products("Сок «Груша»", 0);
    // The root before was announced by this process, too: it is remembered.
    assert!(server.news(&token, trusting(&feed.hash)).await.step.is_some());

    let server = restarted(server);
    let asked = server.news(&token, trusting(&feed.hash)).await;
    assert!(asked.cursors_wanted && asked.step.is_none() && asked.download.is_none());
    let mut with_cursors = standing(&feed);
    with_cursors["steps"] = json!(true);
    assert!(server.news(&token, with_cursors).await.step.is_some());
}

#[tokio::test]
async fn more_than_fits_into_a_reply_comes_as_manifests() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    server.change_products("Сок", 900);
    let reply = server.news(&token, trusting(&feed.hash)).await;
    assert!(reply.step.is_none());
    let after = read(&reply.download.unwrap());
    assert_eq!(after.manifests.len(), 1, "of the bucket that moved, also without cursors");
}

#[tokio::test]
async fn what_another_process_writes_is_announced_and_so_is_a_new_epoch() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    let beside = Store::open_existing(&server.path()).unwrap();
    beside
        .write(|tx| {
            let part = part::load(tx, "D1")?;
            let mut row = product_row(2);
            row.name = "Квас".to_owned();
            let mut writer = ReferenceWriter::new(tx, &part, START);
            writer.put(PRODUCT, "P2", &BucketName::new(BucketKind::Distributor, 1), &row.into_row().values)?;
            writer.finish()?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert!(server.news(&token, trusting(&feed.hash)).await.step.is_some());

    beside.write(|tx| part::set_epoch(tx, "D1", "epoch-9")).unwrap();
    let reply = server.news(&token, trusting(&feed.hash)).await;
    assert!(reply.step.is_none(), "cursors of another life count for nothing");
    let anew = read(&reply.download.unwrap());
    assert_eq!((anew.root.epoch.as_str(), anew.manifests.len()), ("epoch-9", 4));
}

#[tokio::test]
async fn a_territory_that_is_taken_away_leaves_the_root_and_its_segments_are_not_found_any_more() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    let territory = feed.manifests[&BucketName::new(BucketKind::Territory, 1)].base[0].hash.clone();
    let serve = |code: &'static str| {
        server
            .app
            .store
            .write(|tx| {
                let territory = organisation::territory_by_code(tx, "D1", code)?.ok_or(StoreError::Corrupt("no such territory"))?;
                let position = organisation::position_by_code(tx, "D1", "R1")?.ok_or(StoreError::Corrupt("no such position"))?;
                let changed = NewPosition {
                    code: &position.code,
                    name: &position.name,
                    role: position.role,
                    distributor: position.distributor,
                    parent: position.parent,
                    territories: &[territory.id],
                };
                organisation::put_position(tx, "D1", &changed)
            })
            .unwrap()
    };
    serve("T2");
    let reply = server.news(&token, trusting(&feed.hash)).await;
    assert!(reply.step.is_none(), "another list of buckets is never a step");
    let after = read(&reply.download.unwrap());
    let names: Vec<String> = after.root.buckets.iter().map(|bucket| bucket.name.to_string()).collect();
    assert_eq!(names, ["all", "position:1", "territory:2", "distributor:1"]);
    let new: Vec<String> = after.manifests.keys().map(ToString::to_string).collect();
    assert_eq!(new, ["territory:2"], "only what it does not hold yet");
    assert_eq!(server.get(&format!("/v1/segments/{territory}"), Some(&token)).await.status, StatusCode::NOT_FOUND);

    serve("T1");
    assert_eq!(server.first_feed(&token).await.hash, feed.hash, "given back, it is the same root");
}

#[tokio::test]
async fn an_outlet_that_buys_by_another_price_list_brings_its_prices() {
    let server = TestServer::new();
    let token = server.signed_in("rep1@demo.example", device_id(1)).await.token;
    let feed = server.first_feed(&token).await;
    server
        .app
        .store
        .write(|tx| {
            let part = part::load(tx, "D1")?;
            let mut outlet = rows::read(tx, "D1", OUTLET, server.company.outlet.0)?.ok_or(StoreError::Corrupt("no outlet"))?;
            let column = OUTLET.columns.iter().position(|column| column.name == "price_type_id").unwrap_or(0);
            outlet.row.values[column] = Value::Int(7);
            let mut writer = ReferenceWriter::new(tx, &part, START);
            writer.put(OUTLET, "O1", &outlet.bucket, &outlet.row.values)?;
            writer.finish()?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let after = read(&server.news(&token, trusting(&feed.hash)).await.download.unwrap());
    let names: Vec<String> = after.root.buckets.iter().map(|bucket| bucket.name.to_string()).collect();
    assert_eq!(names, ["all", "position:1", "territory:1", "distributor:1", "price_type:7"]);
}
