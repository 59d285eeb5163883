//! Photos as documents: taken whether or not their visit or their file is there.

use polevik_domain::ids::OutletId;
use polevik_protocol::hash::Blake3Hex;
use polevik_server_store::documents::photos::{self, StoredPhoto, Wanted};
use serde_json::{Value, json};

use crate::pictures::jpeg;
use crate::support::{START, TestServer, device_id, document_id, envelope};

fn photo(server: &TestServer, file: &[u8]) -> Value {
    json!({
        "visit_id": document_id(1),
        "outlet_id": server.company.outlet,
        "scene": "shelf",
        "taken_at_ms": START,
        "utc_offset": 180,
        "file": {"hash": Blake3Hex::of(file), "bytes": file.len(), "content_type": "image/jpeg"},
        "width": 1600,
        "height": 1200,
        "comment": "верхняя полка"
    })
}

impl TestServer {
    fn photos(&self, missing: bool) -> Vec<StoredPhoto> {
        let wanted = Wanted { missing, limit: 100, ..Wanted::default() };
        self.app.store.read(|tx| photos::list(tx, "D1", &wanted)).unwrap()
    }
}

#[tokio::test]
async fn photo_visit_and_file_find_each_other_in_any_order() {
    // Each of the six orders in which the three can come.
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let server = TestServer::new();
        let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
        let file = jpeg(1600, 1200, 20_000, 1);
        for (seq, what) in (1..).zip(order) {
            match what {
                0 => {
                    let visit = envelope(document_id(1), "visit", 1, seq, &server.visit());
                    assert_eq!(server.outcomes(&signed.token, &[visit]).await, ["accepted"]);
                }
                1 => {
                    let photo = envelope(document_id(2), "photo", 1, seq, &photo(&server, &file));
                    assert_eq!(server.outcomes(&signed.token, &[photo]).await, ["accepted"]);
                }
                _ => assert_eq!(server.send_photo(&signed.token, &file).await.status.as_u16(), 201),
            }
        }
        let [found] = server.photos(false).try_into().unwrap();
        assert!(found.visit_is_here, "{order:?}");
        assert_eq!((found.visit, found.content_type.as_deref()), (document_id(1), Some("image/jpeg")));
        assert_eq!((found.comment.as_str(), found.outlet), ("верхняя полка", server.company.outlet));
        assert_eq!(server.photos(true), []);
    }
}

#[tokio::test]
async fn a_photo_is_answered_once_corrected_and_taken_back_like_other_documents() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let file = jpeg(1600, 1200, 20_000, 2);
    let first = envelope(document_id(2), "photo", 1, 1, &photo(&server, &file));
    assert_eq!(server.outcomes(&signed.token, std::slice::from_ref(&first)).await, ["accepted"]);
    assert_eq!(server.outcomes(&signed.token, &[first]).await, ["accepted"], "the same receipt");
    assert_eq!(server.photos(true).len(), 1, "its file waits");
    let mut corrected = photo(&server, &file);
    corrected["scene"] = json!("cooler");
    let second = envelope(document_id(2), "photo", 2, 2, &corrected);
    assert_eq!(server.outcomes(&signed.token, &[second]).await, ["accepted"]);
    assert_eq!(server.photos(false)[0].scene.as_str(), "cooler");
    let as_visit = envelope(document_id(2), "visit", 3, 3, &server.visit());
    assert_eq!(server.outcomes(&signed.token, &[as_visit]).await, ["D408"]);
    let withdrawal = envelope(document_id(2), "withdrawal", 4, 4, &json!({"reason": "не тот магазин", "withdrawn_at_ms": START}));
    assert_eq!(server.outcomes(&signed.token, &[withdrawal]).await, ["accepted"]);
    assert_eq!(server.photos(false)[0].withdrawn_at, Some(START));
    let after = envelope(document_id(2), "photo", 5, 5, &photo(&server, &file));
    assert_eq!(server.outcomes(&signed.token, &[after]).await, ["D401"]);
}

#[tokio::test]
async fn a_photo_that_cannot_be_is_rejected_at_the_field_that_is_wrong() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let file = jpeg(1600, 1200, 20_000, 3);
    let visit = envelope(document_id(1), "visit", 1, 1, &server.visit());
    assert_eq!(server.outcomes(&signed.token, &[visit]).await, ["accepted"]);
    type Change = fn(&mut Value, OutletId);
    let changes: [(Change, &str, &str); 10] = [
        (|photo, other| photo["outlet_id"] = json!(other), "D402", "outlet_id"),
        (|photo, _| photo["scene"] = json!("selfie"), "D401", "scene"),
        (|photo, _| photo["file"]["hash"] = json!("../x"), "D401", "file.hash"),
        (|photo, _| photo["file"]["bytes"] = json!(8 * 1024 * 1024 + 1), "D401", "file.bytes"),
        (|photo, _| photo["file"]["bytes"] = json!(0), "D401", "file.bytes"),
        (|photo, _| photo["file"]["content_type"] = json!("image/svg+xml"), "D401", "file.content_type"),
        (|photo, _| photo["width"] = json!(0), "D401", "width"),
        (|photo, _| photo["height"] = json!(12_001), "D401", "height"),
        (|photo, _| photo["width"] = json!(20_001), "D401", "width"),
        (|photo, _| photo["comment"] = json!("a\u{0}"), "D401", "comment"),
    ];
    for (n, (change, code, field)) in (10..).zip(changes) {
        let mut body = photo(&server, &file);
        change(&mut body, server.company.other_outlet);
        let answer = server.upload(&signed.token, &[envelope(document_id(n), "photo", 1, u64::from(n), &body)]).await.json();
        let outcome = &answer["receipts"][0]["outcome"];
        assert_eq!((outcome["code"].as_str(), outcome["field"].as_str()), (Some(code), Some(field)));
    }
    assert_eq!(server.photos(false), []);
}
