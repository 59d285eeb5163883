//! Files up: offers, and tus 1.0 with its extensions.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, stream};
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::login::SignedIn;
use polevik_server::app::AppSettings;
use polevik_server::file::spool::{KEPT_MS, MOST_OPEN};
use polevik_server::limits::Limits;
use serde_json::{Value, json};

use crate::pictures::{jpeg, pdf, png, zip};
use crate::support::{Answer, TestServer, device_id};

/// A request of tus: the headers that all have, and these.
fn tus(method: Method, path: &str, token: &str, headers: &[(&str, String)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("tus-resumable", "1.0.0")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(body.into()).unwrap()
}

const OCTETS: (&str, &str) = ("content-type", "application/offset+octet-stream");

fn octets() -> (&'static str, String) {
    (OCTETS.0, OCTETS.1.to_owned())
}

/// `Upload-Metadata` of a photo.
fn photo_of(bytes: &[u8]) -> (&'static str, String) {
    metadata(&[("hash", Blake3Hex::of(bytes).as_str()), ("class", "photo"), ("filetype", "image/jpeg"), ("filename", "shelf.jpg")])
}

fn metadata(pairs: &[(&str, &str)]) -> (&'static str, String) {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect();
    ("upload-metadata", pairs.join(","))
}

/// A body that breaks off after these bytes.
fn cut(bytes: &[u8]) -> Body {
    let piece = Ok(Bytes::copy_from_slice(bytes));
    Body::from_stream(stream::iter([piece, Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]))
}

impl TestServer {
    /// Begins an upload without a byte, and gives its location.
    pub async fn begin_upload(&self, token: &str, file: &[u8]) -> String {
        let headers = [("upload-length", file.len().to_string()), photo_of(file)];
        let answer = self.ask(tus(Method::POST, "/v1/uploads", token, &headers, Body::empty())).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.body));
        answer.header("location").to_owned()
    }

    /// Sends a whole photo in one request.
    pub async fn send_photo(&self, token: &str, file: &[u8]) -> Answer {
        let headers = [("upload-length", file.len().to_string()), photo_of(file), octets(), ("content-length", file.len().to_string())];
        self.ask(tus(Method::POST, "/v1/uploads", token, &headers, file.to_vec())).await
    }

    async fn patch(&self, token: &str, location: &str, offset: usize, bytes: impl Into<Body>) -> Answer {
        self.ask(tus(Method::PATCH, location, token, &[octets(), ("upload-offset", offset.to_string())], bytes)).await
    }

    async fn patch_with(&self, token: &str, location: &str, offset: usize, checksum: String, bytes: impl Into<Body>) -> Answer {
        let headers = [octets(), ("upload-offset", offset.to_string()), ("upload-checksum", checksum)];
        self.ask(tus(Method::PATCH, location, token, &headers, bytes)).await
    }

    async fn head(&self, token: &str, location: &str) -> Answer {
        self.ask(tus(Method::HEAD, location, token, &[], Body::empty())).await
    }

    /// What the server says of one offered file.
    pub async fn offer(&self, token: &str, file: &[u8]) -> Value {
        let body = json!({"files": [{"hash": Blake3Hex::of(file), "bytes": file.len(), "class": "photo"}]});
        let answer = self.post("/v1/files/offer", Some(token), body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["files"][0].clone()
    }

    /// The same server after its process was killed: nothing but the disk is left.
    fn restarted(self) -> Self {
        self.reopened(AppSettings::default())
    }

    fn files_in_spool(&self) -> usize {
        std::fs::read_dir(self.path().join("spool")).unwrap().count()
    }
}

async fn rep(server: &TestServer) -> SignedIn {
    server.signed_in("rep1@demo.example", device_id(1)).await
}

#[tokio::test]
async fn the_server_says_what_uploads_can_do() {
    let server = TestServer::new();
    let answer = server.ask(Request::builder().method(Method::OPTIONS).uri("/v1/uploads").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(answer.header("tus-extension"), "creation,creation-with-upload,checksum,termination,expiration");
    assert_eq!(answer.header("tus-checksum-algorithm"), "blake3,sha256,sha1");
    assert_eq!(answer.header("tus-max-size"), (25 * 1024 * 1024).to_string());
}

#[tokio::test]
async fn a_photo_costs_one_request_when_nothing_breaks() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(1600, 1200, 300_000, 1);
    assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "wanted"}));
    let answer = server.send_photo(&signed.token, &file).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    assert_eq!(answer.header("upload-offset"), "300000");
    assert_eq!(answer.header("polevik-file-hash"), Blake3Hex::of(&file).as_str());
    assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "held"}));
    assert_eq!((server.count("file"), server.count("file_sender"), server.files_in_spool()), (1, 1, 0));
    // The same again: the answer was lost, and the device did not ask.
    let again = server.send_photo(&signed.token, &file).await;
    assert_eq!((again.status, again.header("polevik-file-hash")), (StatusCode::CREATED, Blake3Hex::of(&file).as_str()));
    assert_eq!((server.count("file"), server.count("file_sender"), server.files_in_spool()), (1, 1, 0));
}

#[tokio::test]
async fn an_upload_goes_on_after_a_cut_at_every_kind_of_place() {
    let file = jpeg(640, 480, 400_000, 2);
    for at in [0, 1, 65_536, 131_072, 131_073, 262_143, 399_999] {
        for killed in [false, true] {
            let mut server = TestServer::new();
            let signed = rep(&server).await;
            let headers =
                [("upload-length", file.len().to_string()), photo_of(&file), octets(), ("content-length", file.len().to_string())];
            let broken = server.ask(tus(Method::POST, "/v1/uploads", &signed.token, &headers, cut(&file[..at]))).await;
            assert_eq!(broken.status, StatusCode::BAD_REQUEST, "cut at {at}");
            if killed {
                server = server.restarted();
            }
            let answer = server.offer(&signed.token, &file).await;
            if at == 0 {
                assert_eq!(answer, json!({"answer": "wanted"}));
                continue;
            }
            assert_eq!((&answer["answer"], answer["offset"].as_u64()), (&json!("partial"), Some(at as u64)), "killed: {killed}");
            let location = answer["upload"].as_str().unwrap();
            let head = server.head(&signed.token, location).await;
            assert_eq!((head.status, head.header("upload-offset")), (StatusCode::OK, at.to_string().as_str()));
            assert_eq!((head.header("upload-length"), head.header("cache-control")), ("400000", "no-store"));
            assert!(head.header("upload-expires").ends_with("GMT"));
            let done = server.patch(&signed.token, location, at, file[at..].to_vec()).await;
            assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", String::from_utf8_lossy(&done.body));
            assert_eq!(done.header("polevik-file-hash"), Blake3Hex::of(&file).as_str());
            assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "held"}));
        }
    }
}

#[tokio::test]
async fn parts_may_be_of_any_length_and_the_file_is_the_same() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 100_000, 3);
    let location = server.begin_upload(&signed.token, &file).await;
    let mut offset = 0;
    for length in [1, 2, 4_095, 4_096, 65_536, 1, file.len()] {
        let end = (offset + length).min(file.len());
        let answer = server.patch(&signed.token, &location, offset, file[offset..end].to_vec()).await;
        assert_eq!((answer.status, answer.header("upload-offset")), (StatusCode::NO_CONTENT, end.to_string().as_str()));
        offset = end;
    }
    let got = server.get(&format!("/v1/files/{}", Blake3Hex::of(&file)), Some(&signed.token)).await;
    assert_eq!(got.body, file);
}

#[tokio::test]
async fn a_confirmation_that_was_lost_is_given_again() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 50_000, 4);
    let hash = Blake3Hex::of(&file);
    let location = server.begin_upload(&signed.token, &file).await;
    assert_eq!(server.patch(&signed.token, &location, 0, file.clone()).await.status, StatusCode::NO_CONTENT);
    let server = server.restarted();
    let head = server.head(&signed.token, &location).await;
    assert_eq!((head.status, head.header("upload-offset"), head.header("upload-length")), (StatusCode::OK, "50000", "50000"));
    assert_eq!(head.header("polevik-file-hash"), hash.as_str());
    let again = server.patch(&signed.token, &location, 50_000, Body::empty()).await;
    assert_eq!((again.status, again.header("polevik-file-hash")), (StatusCode::NO_CONTENT, hash.as_str()));
    assert_eq!(server.patch(&signed.token, &location, 0, file).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn requests_that_do_not_fit_change_nothing() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 50_000, 5);
    let location = server.begin_upload(&signed.token, &file).await;
    let token = &signed.token;
    assert_eq!(server.patch(token, &location, 0, file[..1_000].to_vec()).await.status, StatusCode::NO_CONTENT);
    let wrong = |headers: Vec<(&'static str, String)>| tus(Method::PATCH, &location, token, &headers, file[1_000..2_000].to_vec());
    let at = |offset: &str| ("upload-offset", offset.to_owned());
    for (request, status) in [
        (wrong(vec![octets(), at("0")]), StatusCode::CONFLICT),
        (wrong(vec![octets(), at("999")]), StatusCode::CONFLICT),
        (wrong(vec![octets(), at("1001")]), StatusCode::CONFLICT),
        (wrong(vec![octets(), at("-1")]), StatusCode::BAD_REQUEST),
        (wrong(vec![octets()]), StatusCode::BAD_REQUEST),
        (wrong(vec![at("1000")]), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (wrong(vec![("content-type", "image/jpeg".to_owned()), at("1000")]), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (wrong(vec![octets(), at("1000"), ("content-length", "50000".to_owned())]), StatusCode::PAYLOAD_TOO_LARGE),
        (wrong(vec![octets(), at("1000"), ("upload-checksum", "crc32 AAAA".to_owned())]), StatusCode::BAD_REQUEST),
    ] {
        let text = format!("{:?}", request.headers());
        assert_eq!(server.ask(request).await.status, status, "{text}");
    }
    for method in [Method::PATCH, Method::HEAD, Method::DELETE] {
        let mut request = tus(method.clone(), &location, token, &[octets(), at("1000")], Body::empty());
        request.headers_mut().insert("tus-resumable", "0.2.2".parse().unwrap());
        let answer = server.ask(request).await;
        assert_eq!((answer.status, answer.header("tus-version")), (StatusCode::PRECONDITION_FAILED, "1.0.0"), "{method}");
    }
    assert_eq!(server.head(token, &location).await.header("upload-offset"), "1000");
    assert_eq!(server.patch(token, &location, 1_000, file[1_000..].to_vec()).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn uploads_that_cannot_end_well_do_not_begin() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let class = |class: &str| metadata(&[("class", class)]);
    let length = |bytes: u64| ("upload-length", bytes.to_string());
    let teapot = StatusCode::from_u16(460).unwrap();
    for (headers, status) in [
        (vec![class("photo")], StatusCode::BAD_REQUEST),
        (vec![("upload-defer-length", "1".to_owned())], StatusCode::BAD_REQUEST),
        (vec![length(0)], teapot),
        (vec![length(8 * 1024 * 1024), class("photo")], StatusCode::CREATED),
        (vec![length(8 * 1024 * 1024 + 1), class("photo")], StatusCode::PAYLOAD_TOO_LARGE),
        (vec![length(25 * 1024 * 1024), class("scan")], StatusCode::CREATED),
        (vec![length(25 * 1024 * 1024 + 1), class("scan")], StatusCode::PAYLOAD_TOO_LARGE),
        (vec![length(10), class("material")], teapot),
        (vec![length(10), class("selfie")], StatusCode::BAD_REQUEST),
        (vec![length(10), metadata(&[("hash", "../../x")])], StatusCode::BAD_REQUEST),
        (vec![length(10), metadata(&[("filename", "a\0.jpg")])], StatusCode::BAD_REQUEST),
        (vec![length(10), ("upload-metadata", "x".repeat(5_000))], StatusCode::BAD_REQUEST),
    ] {
        let answer = server.ask(tus(Method::POST, "/v1/uploads", &signed.token, &headers, Body::empty())).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let typed = [length(10), ("content-type", "image/jpeg".to_owned()), ("content-length", "10".to_owned())];
    let answer = server.ask(tus(Method::POST, "/v1/uploads", &signed.token, &typed, vec![0; 10])).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_part_with_a_checksum_counts_whole_or_not_at_all() {
    let file = jpeg(640, 480, 60_000, 6);
    let sum = |bytes: &[u8]| format!("blake3 {}", STANDARD.encode(blake3::hash(bytes).as_bytes()));
    let mut server = TestServer::new();
    let signed = rep(&server).await;
    let location = server.begin_upload(&signed.token, &file).await;
    let token = &signed.token;
    assert_eq!(
        server.patch_with(token, &location, 0, sum(&file[..20_000]), file[..20_000].to_vec()).await.header("upload-offset"),
        "20000"
    );
    let mut flipped = file[20_000..40_000].to_vec();
    flipped[777] ^= 1;
    let wrong = server.patch_with(token, &location, 20_000, sum(&file[20_000..40_000]), flipped).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (460, "L502"));
    assert_eq!(server.head(token, &location).await.header("upload-offset"), "20000");
    // Cut off: nothing of it counts, also not after the process was killed.
    let broken = server.patch_with(token, &location, 20_000, sum(&file[20_000..40_000]), cut(&file[20_000..39_999])).await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    server = server.restarted();
    assert_eq!(server.head(token, &location).await.header("upload-offset"), "20000");
    assert_eq!(server.files_in_spool(), 2);
    let done = server.patch_with(token, &location, 20_000, sum(&file[20_000..]), file[20_000..].to_vec()).await;
    assert_eq!(done.header("polevik-file-hash"), Blake3Hex::of(&file).as_str());
}

#[tokio::test]
async fn a_file_that_is_not_what_was_said_is_refused_and_its_upload_gone() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 20_000, 7);
    let mut flipped = file.clone();
    flipped[10_000] ^= 1;
    let hash_of = |bytes: &[u8]| Blake3Hex::of(bytes).as_str().to_owned();
    let archive = [file.clone(), zip(0)].concat();
    for (sent, said) in [
        (flipped.clone(), metadata(&[("hash", &hash_of(&file)), ("class", "photo")])),
        (file.clone(), metadata(&[("filetype", "image/png")])),
        (file.clone(), metadata(&[("filename", "shelf.exe")])),
        (pdf(""), metadata(&[("class", "photo")])),
        (pdf("/S /JavaScript"), metadata(&[("class", "scan")])),
        (png(50_000, 50_000), metadata(&[("class", "photo")])),
        (archive, metadata(&[("class", "photo")])),
        (b"<!doctype html><script>alert(1)</script>".to_vec(), metadata(&[("class", "photo"), ("filename", "x.jpg")])),
    ] {
        let headers = [("upload-length", sent.len().to_string()), said.clone(), octets(), ("content-length", sent.len().to_string())];
        let answer = server.ask(tus(Method::POST, "/v1/uploads", &signed.token, &headers, sent)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (460, "L502"), "{said:?}");
    }
    assert_eq!((server.count("file"), server.files_in_spool()), (0, 0));
    assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "wanted"}));
}

#[tokio::test]
async fn more_bytes_than_were_said_are_refused_and_those_up_to_the_length_count() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 20_000, 8);
    let location = server.begin_upload(&signed.token, &file).await;
    // In pieces, so that nobody knows the length before.
    let long = [file[..10_000].to_vec(), file[10_000..].to_vec(), vec![0; 5]];
    let body = Body::from_stream(stream::iter(long.map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)))));
    assert_eq!(server.patch(&signed.token, &location, 0, body).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let head = server.head(&signed.token, &location).await;
    assert_eq!((head.header("upload-offset"), head.header("polevik-file-hash")), ("20000", Blake3Hex::of(&file).as_str()));
}

#[tokio::test]
async fn an_upload_is_given_up_on_demand_and_when_its_time_is_over() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 20_000, 9);
    let location = server.begin_upload(&signed.token, &file).await;
    server.patch(&signed.token, &location, 0, file[..5_000].to_vec()).await;
    assert_eq!(server.ask(tus(Method::DELETE, &location, &signed.token, &[], Body::empty())).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.head(&signed.token, &location).await.status, StatusCode::NOT_FOUND);
    assert_eq!((server.files_in_spool(), server.offer(&signed.token, &file).await), (0, json!({"answer": "wanted"})));

    let location = server.begin_upload(&signed.token, &file).await;
    server.pass(KEPT_MS - 1);
    assert_eq!(server.head(&signed.token, &location).await.status, StatusCode::OK);
    server.pass(1);
    assert_eq!(server.head(&signed.token, &location).await.status, StatusCode::NOT_FOUND);
    let spool = server.app.spool.clone().unwrap();
    assert_eq!((spool.sweep(server.app.now()), server.files_in_spool()), (1, 0));
}

#[tokio::test]
async fn callers_that_cannot_patch_say_so_in_a_header() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 20_000, 10);
    let location = server.begin_upload(&signed.token, &file).await;
    let over = |method: &str| ("x-http-method-override", method.to_owned());
    let headers = [octets(), ("upload-offset", "0".to_owned()), over("PATCH")];
    let answer = server.ask(tus(Method::POST, &location, &signed.token, &headers, file[..9].to_vec())).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (StatusCode::NO_CONTENT, "9"));
    let answer = server.ask(tus(Method::POST, &location, &signed.token, &[over("HEAD")], Body::empty())).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (StatusCode::OK, "9"));
    let answer = server.ask(tus(Method::POST, &location, &signed.token, &[], Body::empty())).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = server.ask(tus(Method::POST, &location, &signed.token, &[over("DELETE")], Body::empty())).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn foreign_files_and_uploads_are_as_if_they_were_not_there() {
    let server = TestServer::new();
    let mine = rep(&server).await;
    let file = jpeg(640, 480, 20_000, 11);
    let half = jpeg(640, 480, 20_000, 12);
    assert_eq!(server.send_photo(&mine.token, &file).await.status, StatusCode::CREATED);
    let location = server.begin_upload(&mine.token, &half).await;
    server.patch(&mine.token, &location, 0, half[..9_000].to_vec()).await;
    let colleague = server.signed_in("rep2@demo.example", device_id(2)).await;
    let stranger = server.signed_in("rep1@other.example", device_id(3)).await;
    let path = format!("/v1/files/{}", Blake3Hex::of(&file));
    for other in [&colleague, &stranger] {
        for bytes in [&file, &half] {
            assert_eq!(server.offer(&other.token, bytes).await, json!({"answer": "wanted"}), "no oracle");
        }
        assert_eq!(server.get(&path, Some(&other.token)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(server.get(&format!("{path}/thumbnail"), Some(&other.token)).await.status, StatusCode::NOT_FOUND);
        for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
            let headers = [octets(), ("upload-offset", "9000".to_owned())];
            let answer = server.ask(tus(method.clone(), &location, &other.token, &headers, half[9_000..].to_vec())).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method}");
        }
    }
    // Who brings the same file has it, too, and only in its own part.
    assert_eq!(server.send_photo(&stranger.token, &file).await.status, StatusCode::CREATED);
    assert_eq!(server.get(&path, Some(&stranger.token)).await.body, file);
    assert_eq!(server.get(&path, Some(&colleague.token)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.offer(&mine.token, &half).await["offset"], 9_000);
    // The same person on a new phone need not send it again; its position brought it.
    let new_phone = server.signed_in("rep1@demo.example", device_id(4)).await;
    assert_eq!(server.offer(&new_phone.token, &file).await, json!({"answer": "held"}));
    assert_eq!(server.offer(&new_phone.token, &half).await, json!({"answer": "wanted"}));
}

#[tokio::test]
async fn a_device_has_so_many_open_uploads_and_the_one_left_longest_ago_makes_room() {
    let server = TestServer::with_settings(unlimited());
    let signed = rep(&server).await;
    let mut locations = Vec::new();
    for n in 0..=MOST_OPEN {
        server.pass(1);
        locations.push(server.begin_upload(&signed.token, &jpeg(8, 8, 1_000, n as u64)).await);
    }
    assert_eq!(server.head(&signed.token, &locations[0]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.head(&signed.token, &locations[1]).await.status, StatusCode::OK);
    assert_eq!(server.files_in_spool(), MOST_OPEN * 2);
}

fn unlimited() -> AppSettings {
    AppSettings { limits: Limits { requests_per_minute: 0, ..Limits::default() }, ..AppSettings::default() }
}

#[tokio::test]
async fn a_days_bytes_of_files_have_a_limit_and_the_next_day_begins_anew() {
    let limits = Limits { file_bytes_per_day: 100_000, ..Limits::default() };
    let server = TestServer::with_settings(AppSettings { limits, ..AppSettings::default() });
    let signed = rep(&server).await;
    assert_eq!(server.send_photo(&signed.token, &jpeg(8, 8, 60_000, 1)).await.status, StatusCode::CREATED);
    let more = jpeg(8, 8, 40_001, 2);
    let refused = server.send_photo(&signed.token, &more).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "S303"));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(server.offer(&signed.token, &more).await["code"], "S303");
    assert_eq!(server.send_photo(&signed.token, &jpeg(8, 8, 40_000, 3)).await.status, StatusCode::CREATED);
    server.pass(86_400_000);
    assert_eq!(server.send_photo(&signed.token, &more).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn offers_are_refused_for_what_would_not_be_taken() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let hash = Blake3Hex::of(b"x");
    let offered = |class: &str, bytes: u64| json!({"hash": hash, "bytes": bytes, "class": class});
    let most = 8 * 1024 * 1024;
    let files = json!({"files": [offered("photo", most), offered("photo", most + 1), offered("photo", 0), offered("material", 5)]});
    let answer = server.post("/v1/files/offer", Some(&signed.token), files.to_string()).await.json();
    let answers: Vec<&str> = answer["files"].as_array().unwrap().iter().map(|one| one["answer"].as_str().unwrap()).collect();
    assert_eq!(answers, ["wanted", "refused", "refused", "refused"]);
    let many = json!({"files": vec![offered("photo", 5); 201]});
    let answer = server.post("/v1/files/offer", Some(&signed.token), many.to_string()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn photos_of_a_blocked_device_are_taken() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    server.block(device_id(1));
    let file = jpeg(640, 480, 20_000, 13);
    assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "wanted"}));
    assert_eq!(server.send_photo(&signed.token, &file).await.status, StatusCode::CREATED);
    assert_eq!(server.get(&format!("/v1/files/{}", Blake3Hex::of(&file)), Some(&signed.token)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn names_are_data_and_never_paths() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    for (n, name) in
        ["../../central.db.jpg", "/etc/x.jpg", "C:\\x.jpg", "..", "a/../../b.jpg", "%2e%2e%2fx.jpg", "\u{202e}gpj.jpg"].iter().enumerate()
    {
        let file = jpeg(8, 8, 500, n as u64);
        let headers = [
            ("upload-length", file.len().to_string()),
            metadata(&[("filename", name)]),
            octets(),
            ("content-length", file.len().to_string()),
        ];
        let answer = server.ask(tus(Method::POST, "/v1/uploads", &signed.token, &headers, file)).await;
        // What ends like no picture is refused; nothing is ever opened by the name.
        assert_eq!(answer.status.as_u16(), if *name == ".." { 460 } else { 201 }, "{name}");
    }
    let mut found: Vec<String> =
        std::fs::read_dir(server.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found.iter().filter(|name| !name.starts_with("central.db")).collect::<Vec<_>>(), ["blobs", "spool"]);
    for id in ["../x", "..%2f..%2fcentral", "0", &"g".repeat(32), &"A".repeat(32)] {
        assert_eq!(
            server.head(&signed.token, &format!("/v1/uploads/{}", id.replace('/', "%2F"))).await.status,
            StatusCode::NOT_FOUND,
            "{id}"
        );
    }
}

/// A connection that broke without a word must not keep the device from going on for half a minute.
#[tokio::test]
async fn a_new_request_takes_an_upload_over_from_one_that_hangs() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 300_000, 14);
    let location = server.begin_upload(&signed.token, &file).await;
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(&file[..200_000]))]).chain(stream::pending());
    let hanging = tus(Method::PATCH, &location, &signed.token, &[octets(), ("upload-offset", "0".to_owned())], Body::from_stream(first));
    let (hung, resumed) = tokio::join!(server.ask(hanging), async {
        loop {
            let head = server.head(&signed.token, &location).await;
            if head.header("upload-offset") != "0" {
                break head;
            }
            // The other request has not begun to read.
            tokio::task::yield_now().await;
        }
    });
    assert_eq!((hung.status, hung.code().as_str()), (StatusCode::CONFLICT, "N105"));
    assert_eq!(resumed.header("upload-offset"), "200000", "all that came counts");
    let done = server.patch(&signed.token, &location, 200_000, file[200_000..].to_vec()).await;
    assert_eq!(done.header("polevik-file-hash"), Blake3Hex::of(&file).as_str());
}

/// A request that is dropped (the caller hung up) leaves all that had come.
#[tokio::test]
async fn what_came_of_a_dropped_request_counts() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 300_000, 15);
    let location = server.begin_upload(&signed.token, &file).await;
    let pieces: Vec<Bytes> = file[..100_000].chunks(10_000).map(Bytes::copy_from_slice).collect();
    let (all_read, was_read) = tokio::sync::oneshot::channel();
    let tail = stream::once(async move {
        let _ = all_read.send(());
        std::future::pending::<Result<Bytes, std::io::Error>>().await
    });
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok)).chain(tail));
    let request = tus(Method::PATCH, &location, &signed.token, &[octets(), ("upload-offset", "0".to_owned())], body);
    tokio::select! {
        answer = server.ask(request) => panic!("{answer:?}"),
        read = was_read => read.unwrap(),
    }
    assert_eq!(server.head(&signed.token, &location).await.header("upload-offset"), "100000");
}

/// However long a file is, only what is gathered before a write is in memory: each piece is let go before much more is asked for.
#[tokio::test]
async fn memory_does_not_grow_with_the_length_of_a_file() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const PIECE: usize = 64 * 1024;
    let server = TestServer::with_settings(unlimited());
    let signed = rep(&server).await;
    let length = 25 * 1024 * 1024;
    // Eight papers of 25 MiB: 200 MiB in all.
    let held = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    for n in 0..8_u8 {
        let headers = [("upload-length", length.to_string()), metadata(&[("class", "scan")])];
        let answer = server.ask(tus(Method::POST, "/v1/uploads", &signed.token, &headers, Body::empty())).await;
        let location = answer.header("location").to_owned();
        let (held, most) = (held.clone(), most.clone());
        let watched = (held.clone(), most.clone());
        let pieces = stream::iter(0..length / PIECE).map(move |_| {
            let now = watched.0.fetch_add(PIECE, Ordering::SeqCst) + PIECE;
            watched.1.fetch_max(now, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from_owner(Piece { bytes: vec![n; PIECE], held: watched.0.clone() }))
        });
        let answer = server.patch(&signed.token, &location, 0, Body::from_stream(pieces)).await;
        assert_eq!(answer.status.as_u16(), 460, "it is no paper, and that is seen at its end");
        assert_eq!(held.load(Ordering::SeqCst), 0);
    }
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 4 * PIECE, "{most} bytes were held at once");

    /// Counts itself out when it is let go.
    struct Piece {
        bytes: Vec<u8>,
        held: Arc<AtomicUsize>,
    }

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }

    impl Drop for Piece {
        fn drop(&mut self) {
            self.held.fetch_sub(PIECE, Ordering::SeqCst);
        }
    }
}

/// The end of an upload takes three steps: bytes in the blob store, the row, the spool emptied. Killed between any two of them, it is ended
/// when somebody asks.
#[tokio::test]
async fn an_upload_that_was_killed_at_its_end_is_ended_by_the_next_question() {
    for (killed_after, asks_by_head) in [(0, true), (0, false), (1, true), (1, false), (2, true), (2, false)] {
        let server = TestServer::new();
        let signed = rep(&server).await;
        let file = jpeg(640, 480, 60_000, 16);
        let hash = Blake3Hex::of(&file);
        let location = server.begin_upload(&signed.token, &file).await;
        server.patch(&signed.token, &location, 0, file[..59_999].to_vec()).await;
        let id = location.rsplit('/').next().unwrap();
        let [part, about] = ["part", "json"].map(|ending| server.path().join("spool").join(format!("{id}.{ending}")));
        let about_bytes = std::fs::read(&about).unwrap();
        if killed_after == 2 {
            server.patch(&signed.token, &location, 59_999, file[59_999..].to_vec()).await;
            std::fs::write(&about, about_bytes).unwrap();
        }
        std::fs::write(&part, &file).unwrap();
        if killed_after == 1 {
            server.app.blobs.take_file("D1", &hash, &part).unwrap();
        }
        let server = server.restarted();
        assert_eq!(server.files_in_spool(), 2);
        if asks_by_head {
            let head = server.head(&signed.token, &location).await;
            assert_eq!((head.header("upload-offset"), head.header("polevik-file-hash")), ("60000", hash.as_str()), "after {killed_after}");
        }
        assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "held"}), "after {killed_after}");
        assert_eq!(server.get(&format!("/v1/files/{hash}"), Some(&signed.token)).await.body, file);
        assert_eq!((server.count("file"), server.count("file_upload")), (1, 1));
        if asks_by_head {
            assert_eq!(server.files_in_spool(), 0);
        }
    }
}

/// A database that was restored, or a disk that lost files: the device sends again what it still has.
#[tokio::test]
async fn a_file_that_the_disk_has_lost_is_wanted_again() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 60_000, 17);
    assert_eq!(server.send_photo(&signed.token, &file).await.status, StatusCode::CREATED);
    server.app.blobs.remove_file("D1", &Blake3Hex::of(&file)).unwrap();
    assert_eq!(server.get(&format!("/v1/files/{}", Blake3Hex::of(&file)), Some(&signed.token)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.offer(&signed.token, &file).await, json!({"answer": "wanted"}));
    assert_eq!(server.send_photo(&signed.token, &file).await.status, StatusCode::CREATED);
    assert_eq!(server.get(&format!("/v1/files/{}", Blake3Hex::of(&file)), Some(&signed.token)).await.body, file);
}

/// A body of these bytes after which nothing more comes, and no end either.
fn hanging(bytes: Vec<u8>) -> Body {
    Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]).chain(stream::pending()))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_silent_is_given_up_and_what_came_counts() {
    let server = TestServer::new();
    let signed = rep(&server).await;
    let file = jpeg(640, 480, 50_000, 18);
    let location = server.begin_upload(&signed.token, &file).await;
    let began = tokio::time::Instant::now();
    let silent = server.patch(&signed.token, &location, 0, hanging(file[..20_000].to_vec())).await;
    assert_eq!((silent.status, silent.code().as_str()), (StatusCode::REQUEST_TIMEOUT, "N105"));
    assert!(began.elapsed() >= std::time::Duration::from_secs(30));
    assert_eq!(server.head(&signed.token, &location).await.header("upload-offset"), "20000");
}

/// However many upload at once, the bytes of only so many are in memory; the others are told when to come back, and lose nothing.
#[tokio::test(start_paused = true)]
async fn a_thousand_uploads_at_once_take_no_more_memory_than_the_budget_has() {
    let server = TestServer::with_settings(unlimited());
    let file = jpeg(640, 480, 200_000, 19);
    let mut begun = Vec::new();
    for n in 0..33 {
        let signed = server.signed_in("rep1@demo.example", device_id(n)).await;
        for _ in 0..16 {
            begun.push((signed.token.clone(), server.begin_upload(&signed.token, &file).await));
        }
    }
    let one = |(token, location): (String, String)| {
        let server = &server;
        let bytes = file[..10_000].to_vec();
        async move { server.patch(&token, &location, 0, hanging(bytes)).await }
    };
    let answers = futures::future::join_all(begun.into_iter().map(one)).await;
    let count = |status: StatusCode| answers.iter().filter(|answer| answer.status == status).count();
    // 64 MiB in pieces of 128 KiB.
    assert_eq!((count(StatusCode::REQUEST_TIMEOUT), count(StatusCode::SERVICE_UNAVAILABLE)), (512, 16));
    let busy = answers.iter().find(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE).unwrap();
    assert_eq!(busy.code(), "S303");
    assert!(busy.header("retry-after").parse::<u32>().unwrap() > 0);
}
