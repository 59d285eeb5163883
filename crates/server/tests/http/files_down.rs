//! Files down: ranges, headers, and who may have a material.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use polevik_domain::ids::PositionId;
use polevik_domain::position::Role;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::manifest::Root;
use polevik_protocol::rows::{MATERIAL, MaterialRow};
use polevik_protocol::sync::SyncReply;
use polevik_server_store::audiences::{self, Audience};
use polevik_server_store::documents::files::{self, StoredFile};
use polevik_server_store::reference::ReferenceWriter;
use polevik_server_store::{StoreError, part};
use serde_json::json;

use crate::pictures::{jpeg, pdf};
use crate::support::{Answer, START, TestServer, device_id};

impl TestServer {
    async fn get_with(&self, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// Puts a material of that audience, with its file.
    fn put_material(&self, code: &str, audience: i64, file: &[u8]) -> Blake3Hex {
        let hash = Blake3Hex::of(file);
        let from = self.path().join("material");
        std::fs::write(&from, file).unwrap();
        self.app.blobs.take_file("D1", &hash, &from).unwrap();
        std::fs::remove_file(from).unwrap();
        let stored = StoredFile { hash: hash.clone(), bytes: file.len() as u64, content_type: "application/pdf".to_owned(), size: None };
        let row = MaterialRow {
            id: 0,
            ext_code: code.to_owned(),
            title: "Прайс".to_owned(),
            kind: "price_list".to_owned(),
            folder: String::new(),
            file: hash.digest().to_vec(),
            bytes: i64::try_from(file.len()).unwrap(),
            content_type: "application/pdf".to_owned(),
            file_name: "прайс \"ноябрь\".pdf".to_owned(),
            version: 1,
            mandatory: 0,
            valid_from: 20_000,
            valid_to: None,
            outlet_id: None,
            product_id: None,
            changed_at_ms: START.0,
        };
        self.app
            .store
            .write(|tx| {
                let part = part::load(tx, "D1")?;
                files::put(tx, "D1", &stored, START)?;
                let mut writer = ReferenceWriter::new(tx, &part, START);
                writer.put(MATERIAL, code, &BucketName::new(BucketKind::Audience, audience), &row.into_row().values)?;
                writer.finish()?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
        hash
    }

    fn put_audience(&self, code: &str, change: impl FnOnce(&mut Audience)) -> i64 {
        let mut audience = Audience { ext_code: code.to_owned(), name: code.to_owned(), ..Audience::default() };
        change(&mut audience);
        self.app
            .store
            .write(|tx| {
                audiences::put(tx, "D1", &audience)?;
                Ok::<_, StoreError>(audiences::by_code(tx, "D1", code)?.unwrap().0)
            })
            .unwrap()
    }

    /// The buckets that a device of that schema is told of.
    async fn audiences_told(&self, token: &str, schema: u32) -> Vec<String> {
        let body = json!({"protocol": 1, "schema": schema, "want_download": true});
        let answer = self.post("/v1/sync", Some(token), body.to_string()).await;
        let reply: SyncReply = serde_json::from_slice(&answer.body).unwrap();
        let (root, _) = Root::open(&reply.download.unwrap().root).unwrap();
        root.buckets.into_iter().map(|bucket| bucket.name.to_string()).filter(|name| name.starts_with("audience")).collect()
    }
}

#[tokio::test]
async fn a_file_is_served_whole_and_in_ranges() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let file = jpeg(640, 480, 700_000, 1);
    assert_eq!(server.send_photo(&signed.token, &file).await.status, StatusCode::CREATED);
    let path = format!("/v1/files/{}", Blake3Hex::of(&file));
    let etag = format!("\"{}\"", Blake3Hex::of(&file));
    let whole = server.get(&path, Some(&signed.token)).await;
    assert_eq!((whole.status, whole.body.len(), whole.header("content-length")), (StatusCode::OK, 700_000, "700000"));
    assert_eq!(whole.body, file);
    assert_eq!(whole.header("content-type"), "image/jpeg");
    assert_eq!(whole.header("etag"), etag);
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(whole.header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(whole.header("content-disposition"), format!("attachment; filename*=UTF-8''{}.jpg", &Blake3Hex::of(&file).as_str()[..12]));

    let other = format!("\"{}\"", "0".repeat(64));
    let own = etag.as_str();
    for (range, if_range, status, part) in [
        ("bytes=0-", None, 206, 0..700_000),
        ("bytes=0-0", None, 206, 0..1),
        ("bytes=262143-262144", None, 206, 262_143..262_145),
        ("bytes=100-599999", Some(own), 206, 100..600_000),
        ("bytes=-5", Some(own), 206, 699_995..700_000),
        ("bytes=699999-", None, 206, 699_999..700_000),
        ("bytes=600000-9999999", None, 206, 600_000..700_000),
        ("bytes=100-200", Some(other.as_str()), 200, 0..700_000),
        ("bytes=0-1,5-6", None, 200, 0..700_000),
        ("bytes=5-1", None, 200, 0..700_000),
        ("lines=0-1", None, 200, 0..700_000),
        ("bytes=700000-", None, 416, 0..0),
        ("bytes=-0", None, 416, 0..0),
    ] {
        let mut headers = vec![("range", range)];
        headers.extend(if_range.map(|condition| ("if-range", condition)));
        let answer = server.get_with(&path, &signed.token, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{range} {if_range:?}");
        if status != 416 {
            assert_eq!(answer.body, file[part.clone()], "{range} {if_range:?}");
        }
        let expected = if status == 206 { format!("bytes {}-{}/700000", part.start, part.end - 1) } else { String::new() };
        assert_eq!(answer.header("content-range"), expected, "{range}");
    }
    let known = server.get_with(&path, &signed.token, &[("if-none-match", own)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let known = server.get_with(&path, &signed.token, &[("if-none-match", &other)]).await;
    assert_eq!(known.status, StatusCode::OK);
    for bad in ["/v1/files/x", "/v1/files/..%2F..%2Fcentral.db"] {
        assert_eq!(server.get(bad, Some(&signed.token)).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_material_is_for_its_audience_and_follows_it() {
    let server = TestServer::new();
    let first = server.signed_in("rep1@demo.example", device_id(1)).await;
    let second = server.signed_in("rep2@demo.example", device_id(2)).await;
    let stranger = server.signed_in("rep1@other.example", device_id(3)).await;
    let everybody = server.put_audience("all", |_| {});
    let reps = server.put_audience("reps", |audience| audience.role = Some(Role::Rep));
    let vans = server.put_audience("vans", |audience| audience.role = Some(Role::Van));
    let own = server.put_audience("r1", |audience| audience.position = Some(first.position.id));
    let told = |ids: &[i64]| ids.iter().map(|id| format!("audience:{id}")).collect::<Vec<_>>();
    assert_eq!(server.audiences_told(&first.token, 3).await, told(&[everybody, reps, own]));
    assert_eq!(server.audiences_told(&second.token, 3).await, told(&[everybody, reps]));
    assert_eq!(server.audiences_told(&stranger.token, 3).await, told(&[]));
    assert_eq!(server.audiences_told(&first.token, 2).await, told(&[]), "an older application is not told of a table it does not know");

    let file = pdf("/Title (own)");
    let hash = server.put_material("M1", own, &file);
    let path = format!("/v1/files/{hash}");
    let got = server.get(&path, Some(&first.token)).await;
    assert_eq!((got.status, got.body), (StatusCode::OK, file.clone()));
    assert!(got.headers[header::CONTENT_DISPOSITION].to_str().unwrap().ends_with("%20%22%D0%BD%D0%BE%D1%8F%D0%B1%D1%80%D1%8C%22.pdf"));
    assert_eq!(server.offer(&first.token, &file).await, json!({"answer": "held"}));
    for other in [&second, &stranger] {
        assert_eq!(server.get(&path, Some(&other.token)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(server.offer(&other.token, &file).await, json!({"answer": "wanted"}));
    }

    // The audience becomes another's: one gets its bucket and file, the other loses them.
    let other_position = PositionId(server.company.other_position.0);
    assert_eq!(server.put_audience("r1", |audience| audience.position = Some(other_position)), own);
    assert_eq!(server.audiences_told(&first.token, 3).await, told(&[everybody, reps]));
    assert_eq!(server.audiences_told(&second.token, 3).await, told(&[everybody, reps, own]));
    assert_eq!(server.get(&path, Some(&first.token)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&path, Some(&second.token)).await.status, StatusCode::OK);
    assert_eq!(server.put_audience("vans", |audience| audience.territory = Some(polevik_domain::ids::TerritoryId(1))), vans);
    assert_eq!(server.audiences_told(&first.token, 3).await, told(&[everybody, reps, vans]), "by territory");
}
