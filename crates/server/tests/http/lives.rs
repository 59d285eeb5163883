//! Clones, restored phones and a restored server: nothing is lost, nothing doubled.

use axum::http::StatusCode;
use polevik_domain::ids::DeviceId;
use polevik_protocol::login::SignedIn;
use polevik_server_store::documents::orders;
use polevik_server_store::people::devices;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, device_id, document_id, envelope, outcomes};

/// An installation: what it would send, by what it remembers.
struct Phone<'a> {
    server: &'a TestServer,
    token: String,
    given_seq: u64,
    answered_seq: u64,
}

impl<'a> Phone<'a> {
    fn new(server: &'a TestServer, signed: &SignedIn) -> Self {
        Self { server, token: signed.token.clone(), given_seq: 0, answered_seq: 0 }
    }

    /// The same phone twice.
    fn clone_of(&self) -> Self {
        Self { server: self.server, token: self.token.clone(), ..*self }
    }

    async fn send(&mut self, documents: &[Value]) -> Value {
        let answer = self.ask(documents).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        let reply = answer.json();
        if reply["re_offer"] == json!(true) {
            // What is marked to be offered again counts as not answered.
            self.answered_seq = 0;
        } else if !outcomes(&reply).is_empty() {
            self.answered_seq = self.answered_seq.max(highest(documents));
        }
        reply
    }

    async fn ask(&mut self, documents: &[Value]) -> Answer {
        self.given_seq = self.given_seq.max(highest(documents));
        let body =
            json!({"protocol": 1, "schema": 2, "given_seq": self.given_seq, "answered_seq": self.answered_seq, "documents": documents});
        self.server.post("/v1/sync", Some(&self.token), body.to_string()).await
    }

    /// Goes on as the server said.
    fn reborn(&self, reply: &Value) -> (Self, DeviceId) {
        let re_enrol = &reply["re_enrol"];
        assert!(outcomes(reply).is_empty(), "no document of the request is taken");
        let token = re_enrol["token"].as_str().unwrap_or_else(|| panic!("not told to go on under another id: {reply}")).to_owned();
        let device: DeviceId = serde_json::from_value(re_enrol["device_id"].clone()).unwrap();
        (Self { server: self.server, token, given_seq: 0, answered_seq: 0 }, device)
    }
}

fn highest(documents: &[Value]) -> u64 {
    documents.iter().filter_map(|document| document["device_seq"].as_u64()).max().unwrap_or(0)
}

fn missing(server: &TestServer, id: DeviceId) -> (u64, u64) {
    let device = server.app.store.read(|tx| devices::find(tx, "D1", id)).unwrap().unwrap();
    (device.device_seq_floor, device.missing())
}

#[tokio::test]
async fn both_twins_of_a_clone_go_on_and_nothing_is_lost_or_doubled() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, sequence, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, sequence));
    let mut first = Phone::new(&server, &signed);
    assert_eq!(outcomes(&first.send(&[order(1, 1, 1)]).await), ["accepted"]);
    let mut twin = first.clone_of();

    // Both take the next number, of documents and of orders.
    assert_eq!(outcomes(&first.send(&[order(2, 2, 2)]).await), ["accepted"]);
    let told = twin.send(&[order(3, 2, 2)]).await;
    let (mut twin, twin_id) = twin.reborn(&told);
    assert_ne!(told["re_enrol"]["number_prefix"], json!(signed.number_prefix));
    assert_eq!(server.count("customer_order"), 2, "of the twin nothing was taken yet");

    // The twin numbers what is unanswered from 1; its order keeps the number it was given, and stands beside the other.
    assert_eq!(outcomes(&twin.send(&[order(3, 2, 1)]).await), ["accepted"]);
    let numbers = |id| server.app.store.read(|tx| orders::find(tx, "D1", document_id(id))).unwrap().unwrap().number;
    assert_eq!([numbers(2), numbers(3)], ["А000-000002", "А000-000002/2"]);
    assert_eq!(server.count("document_state WHERE note LIKE '%А000-000002/2%'"), 1);

    // The first goes on as before, under its own token.
    assert_eq!(outcomes(&first.send(&[order(4, 3, 3)]).await), ["accepted"]);
    assert_eq!(outcomes(&twin.send(&[order(5, 3, 2)]).await), ["accepted"]);
    assert_eq!((missing(&server, device_id(1)), missing(&server, twin_id)), ((3, 0), (2, 0)));
    assert_eq!((server.count("customer_order"), server.count("document_receipt"), server.count("device")), (5, 5, 2));
}

#[tokio::test]
async fn a_phone_that_was_restored_goes_on_under_another_id_and_its_documents_get_the_same_receipts() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    let mut phone = Phone::new(&server, &signed);
    let mut backup = phone.clone_of();
    backup.given_seq = 2;
    let before = phone.send(&[order(1, 1), order(2, 2), order(3, 3)]).await;
    assert_eq!(outcomes(&before), ["accepted", "accepted", "accepted"]);

    // The backup knows of the first two, which were not answered when it was made. It need not send anything to be told.
    let told = backup.send(&[]).await;
    let (mut phone, id) = backup.reborn(&told);
    let after = phone.send(&[order(1, 1), order(2, 2)]).await;
    assert_eq!(after["receipts"].as_array().unwrap()[..], before["receipts"].as_array().unwrap()[..2], "sent before under the other id");
    assert_eq!(missing(&server, id), (2, 0), "they count in the new life");
    assert_eq!(phone.send(&[order(1, 1), order(2, 2)]).await["receipts"], after["receipts"]);
    assert_eq!(missing(&server, id), (2, 0), "once");
    assert_eq!(outcomes(&phone.send(&[order(4, 3)]).await), ["accepted"]);
    assert_eq!((server.count("customer_order"), server.count("document_receipt")), (4, 4));

    // The next revision of a document of the former life is the new life's, too.
    let next = envelope(document_id(1), "order", 2, 4, &server.order(&signed, 1));
    assert_eq!(outcomes(&phone.send(&[next]).await), ["accepted"]);
    assert_eq!(server.count("customer_order WHERE revision = 2"), 1);
}

#[tokio::test]
async fn asking_again_for_a_new_life_gives_the_same_until_it_is_used() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    let mut phone = Phone::new(&server, &signed);
    let mut backup = phone.clone_of();
    phone.send(&[order(1, 1)]).await;
    let (first, second) = (backup.send(&[]).await, backup.send(&[]).await);
    assert_eq!(first["re_enrol"]["device_id"], second["re_enrol"]["device_id"], "the first answer was lost");
    assert_eq!(server.count("device"), 2);
    // The token of either answer is good.
    for told in [&first, &second] {
        let (mut phone, _) = backup.reborn(told);
        phone.send(&[]).await;
    }
    let third = backup.send(&[]).await;
    assert_ne!(first["re_enrol"]["device_id"], third["re_enrol"]["device_id"], "that one is somebody's now: this is another twin");
    assert_eq!(server.count("device"), 3);
}

#[tokio::test]
async fn a_device_that_cannot_say_what_it_gave_is_served_as_ever() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    assert_eq!(server.outcomes(&signed.token, &[order(1, 5)]).await, ["accepted"]);
    let reply = server.upload(&signed.token, &[order(2, 5)]).await.json();
    assert_eq!((outcomes(&reply), reply.get("re_enrol")), (vec!["accepted".to_owned()], None));
}

#[tokio::test]
async fn a_late_document_below_the_highest_number_is_no_fork() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    let mut phone = Phone::new(&server, &signed);
    assert_eq!(outcomes(&phone.send(&[order(3, 3)]).await), ["accepted"]);
    assert_eq!(outcomes(&phone.send(&[order(1, 1), order(2, 2), order(3, 3)]).await), ["accepted"; 3], "one was set aside for a while");
    assert_eq!(missing(&server, device_id(1)), (3, 0));
}

#[tokio::test]
async fn a_restored_server_has_what_it_forgot_offered_again() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    let mut phone = Phone::new(&server, &signed);
    phone.send(&[order(1, 1)]).await;
    let restored = server.backed_up();
    phone.send(&[order(2, 2), order(3, 3)]).await;

    let mut phone = Phone { server: &restored, ..phone };
    let told = phone.send(&[]).await;
    assert_eq!(told["re_offer"], json!(true));
    // It has new work besides; what was answered goes first, and it is not told again meanwhile.
    let reply = phone.send(&[order(1, 1), order(2, 2)]).await;
    assert_eq!((outcomes(&reply), reply.get("re_offer")), (vec!["accepted".to_owned(); 2], None));
    assert_eq!(outcomes(&phone.send(&[order(3, 3), order(4, 4)]).await), ["accepted", "accepted"]);
    assert_eq!(phone.send(&[]).await.get("re_offer"), None);
    assert_eq!((restored.count("customer_order"), missing(&restored, device_id(1))), (4, (4, 0)));
}

#[tokio::test]
async fn a_device_with_nothing_left_to_offer_is_not_asked_for_ever() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let mut phone = Phone::new(&server, &signed);
    (phone.given_seq, phone.answered_seq) = (9, 9);
    let mut told = 0;
    for _ in 0..devices::MAX_RE_OFFERS_TOLD + 5 {
        told += u32::from(phone.send(&[]).await["re_offer"] == json!(true));
        // It does not understand.
        phone.answered_seq = 9;
    }
    assert_eq!(told, devices::MAX_RE_OFFERS_TOLD);
    assert_eq!(missing(&server, device_id(1)), (9, 9), "the office sees that nine are gone");
}

#[tokio::test]
async fn documents_of_an_earlier_life_are_taken_without_a_number() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let mut phone = Phone::new(&server, &signed);
    let order = envelope(document_id(1), "order", 1, 0, &server.order(&signed, 1));
    assert_eq!(outcomes(&phone.send(std::slice::from_ref(&order)).await), ["accepted"]);
    assert_eq!(outcomes(&phone.send(&[order]).await), ["accepted"]);
    assert_eq!((missing(&server, device_id(1)), server.count("customer_order")), ((0, 0), 1));
}

#[tokio::test]
async fn a_chain_cannot_take_all_prefixes_of_a_part() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = envelope(document_id(1), "order", 1, 1_000, &server.order(&signed, 1));
    Phone::new(&server, &signed).send(&[order]).await;
    let mut last = StatusCode::OK;
    for given in 0..=u64::from(devices::MAX_NEW_LIVES_PER_DAY) {
        let mut phone = Phone::new(&server, &signed);
        phone.given_seq = given;
        last = phone.ask(&[]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.count("device"), 1 + i64::from(devices::MAX_NEW_LIVES_PER_DAY));
}

#[tokio::test]
async fn a_prefix_that_was_given_before_a_restore_is_not_refused() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    server.app.store.write(|tx| devices::skip_prefixes(tx, "D1", 10)).unwrap();
    let numbered = |number: &str| {
        let mut order = server.order(&signed, 1);
        order.number = number.to_owned();
        order
    };
    let documents = [
        envelope(document_id(1), "order", 1, 1, &numbered("А005-000001")),
        envelope(document_id(2), "order", 1, 2, &numbered("А011-000001")),
    ];
    assert_eq!(server.outcomes(&signed.token, &documents).await, ["accepted", "D401"]);
}

/// Found by the fleet simulator (seed 64): the new document raised the count above what was answered, and the forgotten ones were never
/// asked for.
#[tokio::test]
async fn a_restored_server_that_is_sent_new_work_first_still_asks_for_what_it_forgot() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    let mut phone = Phone::new(&server, &signed);
    let restored = server.backed_up();
    phone.send(&[order(1, 1)]).await;

    let mut phone = Phone { server: &restored, ..phone };
    for lost_reply in [true, false] {
        phone.answered_seq = 1;
        let told = phone.send(&[order(2, 2)]).await;
        assert_eq!((outcomes(&told), &told["re_offer"]), (Vec::new(), &json!(true)), "lost reply: {lost_reply}");
    }
    assert_eq!(outcomes(&phone.send(&[order(1, 1), order(2, 2)]).await), ["accepted", "accepted"]);
    assert_eq!(restored.count("customer_order"), 2);
}

#[tokio::test]
async fn a_restored_server_is_not_deceived_by_an_old_document_that_comes_with_a_new_one() {
    let server = TestServer::new();
    let signed = server.signed_in("rep1@demo.example", device_id(1)).await;
    let order = |id: u8, seq| envelope(document_id(id), "order", 1, seq, &server.order(&signed, u32::from(id)));
    let mut phone = Phone::new(&server, &signed);
    phone.send(&[order(1, 1)]).await;
    let restored = server.backed_up();
    // The second was set aside for a while; the third is lost with the server.
    phone.send(&[order(3, 3)]).await;
    let mut phone = Phone { server: &restored, ..phone };
    (phone.given_seq, phone.answered_seq) = (3, 3);
    assert_eq!(outcomes(&phone.send(&[order(2, 2), order(4, 4)]).await), ["accepted", "accepted"]);
    assert_eq!(phone.send(&[]).await["re_offer"], json!(true), "the third is asked for all the same");
    assert_eq!(outcomes(&phone.send(&[order(1, 1), order(2, 2), order(3, 3), order(4, 4)]).await), ["accepted"; 4]);
    assert_eq!(phone.send(&[]).await.get("re_offer"), None);
    assert_eq!((restored.count("customer_order"), missing(&restored, device_id(1))), (4, (4, 0)));
}
