//! Recognition libraries over HTTP: who is told of which, who may fetch what, and what may be published at all.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use polevik_domain::time::UtcMillis;
use polevik_protocol::Blake3Hex;
use polevik_protocol::sync::SyncReply;
use polevik_recognition_library::builder::{Built, Release, SkuSource, Source, build};
use polevik_recognition_library::container::KeyList;
use polevik_recognition_library::{Container, Manifest};
use polevik_server::demo::packs::Pack;
use polevik_server::library::bundle::Bundle;
use polevik_server::library::keys::KeyFolder;
use polevik_server::library::publish::{Published, publish};
use polevik_server_store::library;
use serde_json::json;

use crate::support::{START, TestServer, device_id};

const A_YEAR_MS: i64 = 365 * 86_400_000;

/// Keys and libraries of an office, in a folder of the server's.
struct Office<'a> {
    server: &'a TestServer,
    keys: KeyFolder,
}

impl<'a> Office<'a> {
    fn new(server: &'a TestServer) -> Self {
        let keys = KeyFolder::at(&server.path().join("keys"));
        keys.make("D1", START.plus_millis(A_YEAR_MS)).unwrap();
        for root in keys.roots().unwrap() {
            server.app.store.write(|tx| library::add_root(tx, "D1", &root, START)).unwrap();
        }
        Self { server, keys }
    }

    fn bundle(&self, version: u64) -> Bundle {
        let bundle = Bundle::at(&self.server.path().join(format!("library-{version}")));
        bundle.write(&packs(version), &release("D1", version)).unwrap();
        bundle.sign(&self.keys).unwrap();
        bundle
    }

    fn publish(&self, version: u64, percent: u8) -> Published {
        self.try_publish(&self.bundle(version), percent).unwrap()
    }

    fn try_publish(&self, bundle: &Bundle, percent: u8) -> anyhow::Result<Published> {
        publish(&self.server.app.store, &self.server.app.blobs, "D1", bundle, percent, START)
    }
}

fn release(part: &str, version: u64) -> Release {
    Release { part: part.to_owned(), version, previous: None, min_app: "0.1.0".to_owned(), expires_at: START.plus_millis(A_YEAR_MS) }
}

/// Two packs, of which the second is another in each version.
fn packs(version: u64) -> Built {
    let sku = |product: i64, design: u64| SkuSource {
        product,
        code: product.to_string(),
        name: "Pack".to_owned(),
        category: 0,
        pictures: vec![Pack::of(product, design).photograph(0).unwrap()],
    };
    build(&Source { categories: vec!["all".to_owned()], skus: vec![sku(1, 1), sku(2, version)] }).unwrap()
}

impl TestServer {
    /// What a sync request that says this of its library is told.
    async fn library_news(&self, token: &str, word: Option<&str>) -> Option<polevik_protocol::file::LibraryNews> {
        let body = json!({ "protocol": 1, "schema": 3, "library": word });
        let answer = self.post("/v1/sync", Some(token), body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_slice::<SyncReply>(&answer.body).unwrap().library
    }
}

#[tokio::test]
async fn a_device_learns_the_roots_and_fetches_a_library_that_it_would_install() {
    let server = TestServer::new();
    let before = server.signed_in("rep1@demo.example", device_id(1)).await;
    assert!(before.library_roots.is_empty() && before.library_part.is_none());
    assert_eq!(server.library_news(&before.token, Some("")).await, None);
    let office = Office::new(&server);
    let published = office.publish(1, 100);

    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    assert_eq!((signed.library_roots.len(), signed.library_part.as_deref()), (3, Some("D1")));
    assert_eq!(server.library_news(&signed.token, None).await, None, "who does not ask is not told");
    let news = server.library_news(&signed.token, Some("")).await.unwrap();
    assert_eq!((news.version, news.bytes), (1, published.release.bytes));
    assert_eq!(server.library_news(&signed.token, Some(&news.manifest.as_str()[..16])).await, None);

    let papers = server.get(&format!("/v1/library/manifests/{}", news.manifest), Some(&signed.token)).await;
    assert_eq!(Blake3Hex::of(&papers.body), news.manifest);
    let manifest = Manifest::read(&Container::read(&papers.body).unwrap().manifest).unwrap();
    for chunk in &manifest.chunks {
        let answer = server.get(&format!("/v1/library/chunks/{}", chunk.hash), Some(&signed.token)).await;
        assert_eq!((answer.status, Blake3Hex::of(&answer.body)), (StatusCode::OK, chunk.hash.clone()));
        assert!(answer.header("cache-control").contains("immutable"));
    }
    let first = &manifest.chunks[0].hash;
    let request = Request::get(format!("/v1/library/chunks/{first}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", signed.token))
        .header(header::RANGE, "bytes=10-19");
    let part = server.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!((part.status, part.body.len()), (StatusCode::PARTIAL_CONTENT, 10));
}

#[tokio::test]
async fn nobody_else_fetches_it() {
    let server = TestServer::new();
    let office = Office::new(&server);
    let published = office.publish(1, 100);
    let chunk = packs(1).chunks().next().unwrap().0.hash;
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    for path in [format!("/v1/library/manifests/{}", published.release.name), format!("/v1/library/chunks/{chunk}")] {
        assert_eq!(server.get(&path, None).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(server.get(&path, Some(&signed.token)).await.status, StatusCode::OK);
    }
    // The rows of another part do not help, though the bytes are the same.
    server
        .app
        .store
        .write(|tx| {
            tx.execute_batch("UPDATE library_release SET part_id = 'D2'; UPDATE library_chunk SET part_id = 'D2'")
                .map_err(polevik_server_store::StoreError::from)
        })
        .unwrap();
    for path in [format!("/v1/library/manifests/{}", published.release.name), format!("/v1/library/chunks/{chunk}")] {
        assert_eq!(server.get(&path, Some(&signed.token)).await.status, StatusCode::NOT_FOUND);
    }
    for path in ["/v1/library/chunks/..%2f..%2fcentral.db", "/v1/library/manifests/x"] {
        assert_eq!(server.get(path, Some(&signed.token)).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_release_goes_out_step_by_step_and_stops_when_the_office_says_so() {
    let server = TestServer::new();
    let office = Office::new(&server);
    let first = office.publish(1, 100);
    let second = office.publish(2, 0);
    assert!(second.new_chunks < second.chunks && second.new_bytes < second.release.bytes);
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let word = first.release.name.as_str()[..16].to_owned();
    assert_eq!(server.library_news(&signed.token, Some(&word)).await, None, "0 % is nobody");
    let roll_out = |percent, stopped| server.app.store.write(|tx| library::roll_out(tx, "D1", 2, percent, stopped)).unwrap();
    assert!(roll_out(100, false));
    assert_eq!(server.library_news(&signed.token, Some(&word)).await.unwrap().version, 2);
    assert!(roll_out(100, true));
    assert_eq!(server.library_news(&signed.token, Some(&word)).await, None);
    let newer = second.release.name.as_str()[..16].to_owned();
    assert_eq!(server.library_news(&signed.token, Some(&newer)).await, None, "who has it keeps it");
    assert_eq!(server.library_news(&signed.token, Some("")).await.unwrap().version, 1);
}

#[tokio::test]
async fn what_no_device_would_install_is_not_published() {
    let server = TestServer::new();
    let office = Office::new(&server);
    let second = office.bundle(2);
    let published = office.try_publish(&second, 10).unwrap();
    let again = office.try_publish(&second, 50).unwrap();
    assert!(again.again);
    assert_eq!(again.release, published.release, "published twice, it is there once, and goes to as many as before");
    let refused = |bundle: &Bundle| office.try_publish(bundle, 1).unwrap_err().to_string();

    assert!(refused(&office.bundle(1)).contains("not newer"));
    let unsigned = Bundle::at(&server.path().join("unsigned"));
    unsigned.write(&packs(3), &release("D1", 3)).unwrap();
    assert!(refused(&unsigned).contains("not signed"));
    let stranger = KeyFolder::at(&server.path().join("strangers-keys"));
    stranger.make("D1", START.plus_millis(A_YEAR_MS)).unwrap();
    unsigned.sign(&stranger).unwrap();
    assert!(refused(&unsigned).contains("roots have signed"));
    let foreign = Bundle::at(&server.path().join("foreign"));
    foreign.write(&packs(3), &release("D2", 3)).unwrap();
    foreign.sign(&office.keys).unwrap();
    assert!(refused(&foreign).contains("another part"));
    let old = Bundle::at(&server.path().join("old"));
    old.write(&packs(3), &Release { expires_at: UtcMillis(START.0 - 1), ..release("D1", 3) }).unwrap();
    old.sign(&office.keys).unwrap();
    assert!(refused(&old).contains("run out"));
    // A chunk that was changed on the office's disk.
    let spoiled = office.bundle(3);
    let chunk = packs(3).chunks().last().unwrap().0.hash;
    std::fs::write(server.path().join("library-3/chunks").join(chunk.as_str()), b"other").unwrap();
    assert!(refused(&spoiled).contains("not what the manifest says"));
    assert_eq!(server.app.store.read(|tx| library::releases(tx, "D1")).unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_list_of_keys_takes_the_place_of_the_old_papers() {
    let server = TestServer::new();
    let office = Office::new(&server);
    let before = office.publish(1, 100);
    office.keys.rotate(START.plus_millis(A_YEAR_MS)).unwrap();
    let list: KeyList = serde_json::from_str(&office.keys.list().unwrap().text).unwrap();
    assert_eq!((list.version, list.keys.len()), (2, 1));
    let after = office.publish(1, 1);
    assert!(after.again && after.release.name != before.release.name && after.release.percent == 100);
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let news = server.library_news(&signed.token, Some(&before.release.name.as_str()[..16])).await.unwrap();
    assert_eq!((news.version, &news.manifest), (1, &after.release.name));
}
