//! The same road when the network or the server breaks in its middle: nothing lost, nothing doubled.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_system_tests::{Data, Device, Server};
use polevik_testkit::network::BadNetwork;
use serde_json::{Value, json};

const REP: &str = "rep01@demo.polevik.example";

fn row<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["rows"].as_array().unwrap().iter().find(|row| row["row"] == name).unwrap()
}

fn place_an_order(device: &Device) -> Value {
    let outlet = device.must(&["outlets", "--limit", "1"])["outlets"][0]["id"].to_string();
    let sku = device.must(&["prices", "--limit", "1"])["prices"][0]["sku"].as_str().unwrap().to_owned();
    device.must(&["order", "new", "--outlet", &outlet, "--line", &format!("{sku}=5"), "--outside-visit", "by telephone"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_answer_was_lost_is_placed_once() {
    let data = Data::demo();
    let server = Server::start(&data);
    let network = BadNetwork::in_front_of(server.address).await.unwrap();
    let device = Device::signed_in(&network.url(), REP);
    device.must(&["sync"]);
    let placed = place_an_order(&device);
    let before = row(&device.must(&["status"]), "upload.mandatory")["last_success_ms"].clone();

    // The session asks again by itself when a line is cut: all of its attempts are lost.
    network.lose_answers(3);
    let lost = device.run(&["sync"]);
    assert_eq!(lost.code, 3, "{lost:?}");
    assert_eq!(network.answers_to_lose(), 0);
    assert_eq!(row(&lost.json, "upload.mandatory")["code"], "N105");
    assert_eq!(row(&lost.json, "upload.mandatory")["last_success_ms"], before, "the device does not know that it arrived");
    assert_eq!(data.orders().len(), 1, "but it did");
    assert_eq!(device.must(&["orders"])["orders"][0]["state"], "waiting");

    device.must(&["sync"]);
    let orders = data.orders();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0]["id"], placed["id"]);
    assert_ne!(device.must(&["orders"])["orders"][0]["state"], "waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_cut_anywhere_is_taken_up_again() {
    let data = Data::demo();
    let server = Server::start(&data);
    let network = BadNetwork::in_front_of(server.address).await.unwrap();
    let whole = Device::signed_in(&server.url(), REP);
    whole.must(&["sync"]);
    for cut in [1, 200, 1_500, 15_000] {
        let device = Device::signed_in(&network.url(), REP);
        network.lose_answers(3);
        assert_eq!(device.run(&["sync"]).code, 3);
        assert_eq!(device.must(&["outlets"])["total"], 0, "nothing is shown before everything is there");
        network.cut_next_answer_after(cut);
        let said = device.run(&["sync"]);
        if said.code != 0 {
            assert_eq!(row(&said.json, "download.mandatory")["code"], "N105", "cut after {cut}: {said:?}");
            device.must(&["sync"]);
        }
        let rows = |device: &Device| device.must(&["status"])["profile"]["row_counts"].clone();
        assert_eq!(rows(&device), rows(&whole), "cut after {cut}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_at_once_is_told_with_its_code_and_moves_no_time() {
    let data = Data::demo();
    let server = Server::start(&data);
    let network = BadNetwork::in_front_of(server.address).await.unwrap();
    let device = Device::signed_in(&network.url(), REP);
    device.must(&["sync"]);
    let before = device.must(&["status"]);
    network.refuse(true);
    let refused = device.run(&["sync"]);
    assert_eq!(refused.code, 3);
    for name in ["download.mandatory", "upload.mandatory"] {
        let code = row(&refused.json, name)["code"].as_str().unwrap().to_owned();
        assert!(["N103", "N105"].contains(&code.as_str()), "{code}");
        assert_eq!(row(&refused.json, name)["last_success_ms"], row(&before, name)["last_success_ms"]);
    }
    network.refuse(false);
    device.must(&["sync"]);
}

/// The blow falls once the request has begun to pass the network: before, in or after the server's transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_a_device_sends_has_each_order_once() {
    let data = Data::demo();
    let mut server = Server::start(&data);
    let listen = server.address.to_string();
    let network = BadNetwork::in_front_of(server.address).await.unwrap();
    let device = Device::signed_in(&network.url(), REP);
    device.must(&["sync"]);
    let mut wanted = Vec::new();
    for _ in 0..4 {
        wanted.extend((0..3).map(|_| place_an_order(&device)["id"].clone()));
        let quiet = network.bytes().0;
        let mut sending =
            device.command(&["sync"]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        while network.bytes().0 == quiet {
            assert!(sending.try_wait().unwrap().is_none(), "the device ended without a word to the server");
            tokio::task::yield_now().await;
        }
        server.kill();
        let _either_way = sending.wait().unwrap();
        server = Server::start_at(&data, &listen);
    }

    device.must(&["sync"]);
    let mut arrived: Vec<Value> = data.orders().iter().map(|order| order["id"].clone()).collect();
    arrived.sort_by_key(Value::to_string);
    wanted.sort_by_key(Value::to_string);
    assert_eq!(arrived, wanted);
    drop(server);
}

#[test]
fn numbers_have_no_gaps_whatever_happens_between_orders() {
    let data = Data::demo();
    let server = Server::start(&data);
    let device = Device::signed_in(&server.url(), REP);
    device.must(&["sync"]);
    let first = place_an_order(&device)["number"].as_str().unwrap().to_owned();
    assert_eq!(device.run(&["order", "new", "--outlet", "1", "--line", "no-such-article=1", "--outside-visit", "test"]).code, 2);
    device.must(&["sync"]);
    let second = place_an_order(&device)["number"].as_str().unwrap().to_owned();
    let sequence = |number: &str| number.rsplit('-').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(sequence(&second), sequence(&first) + 1);
}

/// Two processes of one home would give one number twice.
#[test]
fn a_home_is_used_by_one_process_at_a_time() {
    let data = Data::demo();
    let server = Server::start(&data);
    let device = Device::signed_in(&server.url(), REP);
    let other = std::fs::File::create(device.home().join("lock")).unwrap();
    other.lock().unwrap();
    let refused = device.run(&["sync"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.json["error"]["message"].as_str().unwrap().contains("another"), "{refused:?}");
    drop(other);
    assert_eq!(device.must(&["status"])["signed_in"], json!(true));
}
