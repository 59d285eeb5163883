//! Real processes are killed at random moments behind a network that spoils exchanges: nothing that was said to be saved is lost, nothing is
//! doubled, and when it is quiet all rows are green.
//!
//! `POLEVIK_KILLS` says how many kills instead of 24, `POLEVIK_SEED` with which seed to begin, `POLEVIK_ALL_CUTS=1` to cut after every byte.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use polevik_system_tests::{Data, Device, Server, text};
use polevik_testkit::chaos::{ChaosProxy, Trouble};
use polevik_testkit::random::Random;
use serde_json::{Value, json};

const REPS: [&str; 2] = ["rep01@demo.polevik.example", "rep02@demo.polevik.example"];

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// One rep with a device, and what the device said was saved.
struct Rep {
    device: Device,
    outlet: String,
    article: String,
    /// Orders by id, with their sums, that a command reported before anything could go wrong with it.
    saved: BTreeMap<String, Value>,
}

impl Rep {
    fn signed_in(url: &str, email: &str) -> Self {
        let device = Device::signed_in(url, email);
        device.must(&["sync"]);
        let outlet = device.must(&["outlets", "--limit", "1"])["outlets"][0]["id"].to_string();
        let article = device.must(&["prices", "--limit", "1"])["prices"][0]["sku"].as_str().unwrap().to_owned();
        Self { device, outlet, article, saved: BTreeMap::new() }
    }

    fn order_by_telephone(&self, quantity: u64) -> Vec<String> {
        let line = format!("{}={quantity}", self.article);
        ["order", "new", "--outlet", &self.outlet, "--line", &line, "--outside-visit", "by telephone"].map(str::to_owned).to_vec()
    }

    /// How long a command takes on this machine now.
    #[expect(clippy::disallowed_methods, reason = "processes are killed after real time")]
    fn usual_time(&mut self) -> Duration {
        let start = std::time::Instant::now();
        self.do_act(&self.order_by_telephone(1), None);
        start.elapsed()
    }

    /// The words of one act of the rep.
    fn act(&self, random: &mut Random) -> Vec<String> {
        let line = format!("{}={}", self.article, 1 + random.below(9));
        let words: &[&str] = match random.below(10) {
            0 => &["visit", "start", "--outlet", &self.outlet],
            1 => &["visit", "finish"],
            2 => &["order", "new", "--outlet", &self.outlet, "--line", &line],
            3..=5 => return self.order_by_telephone(1 + random.below(9)),
            _ => &["sync"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Does an act; the process is killed after `life`, if there is one. What it reported before is kept.
    fn do_act(&mut self, words: &[String], life: Option<Duration>) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut process = self.device.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(life) = life {
            std::thread::sleep(life);
            // It may have ended by itself.
            let _ = process.kill();
        }
        let output = process.wait_with_output().unwrap();
        let said = text(&output.stdout);
        match output.status.code() {
            Some(0) if words[0] == "order" => {
                let placed: Value = serde_json::from_str(&said).unwrap();
                self.saved.insert(placed["id"].as_str().unwrap().to_owned(), Value::Null);
            }
            // Killed, or refused in an orderly way: a visit is open already, there is none, the network is bad.
            None | Some(0..=4) => (),
            Some(other) => panic!("{words:?} ended with {other}: {said} {}", text(&output.stderr)),
        }
    }

    /// All orders that the device knows to be placed, by id, with their sums.
    fn placed(&self) -> BTreeMap<String, Value> {
        let orders = self.device.must(&["orders"]);
        let placed = orders["orders"].as_array().unwrap().iter().filter(|order| order["state"] != "draft");
        placed.map(|order| (order["id"].as_str().unwrap().to_owned(), order["sum"].clone())).collect()
    }
}

/// Kills something at a random moment of every round; a network storm goes on all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_whenever_every_saved_order_is_placed_once() {
    let kills = number_from("POLEVIK_KILLS", 24);
    let seed = number_from("POLEVIK_SEED", 1);
    let mut random = Random::new(seed);
    let data = Data::demo();
    let mut server = Server::start(&data);
    let listen = server.address.to_string();
    let network = ChaosProxy::in_front_of(server.address).await.unwrap();
    let mut reps: Vec<Rep> = REPS.iter().map(|email| Rep::signed_in(&network.url(), email)).collect();

    network.storm(seed, 300);
    for kill in 0..kills {
        let rep = random.index(reps.len());
        // Work that nobody disturbs, so that there is something to lose.
        let usual = reps[rep].usual_time();
        let quiet = reps[rep].act(&mut random);
        // Only a synchronisation may meet a silent network; it is not waited for.
        let patience = (quiet[0] == "sync").then(|| usual * 6);
        reps[rep].do_act(&quiet, patience);

        let life = usual.mul_f64(f64::from(u32::try_from(random.below(300)).unwrap()) / 100.0);
        if random.chance(400) {
            let mut sync = reps[rep].device.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(life).await;
            server.kill();
            // The device is not left waiting for a server that is gone: its next start is the next round's.
            let _ = sync.kill();
            sync.wait().unwrap();
            server = Server::start_at(&data, &listen);
        } else {
            let words = reps[rep].act(&mut random);
            reps[rep].do_act(&words, Some(life));
        }
        println!("kill {kill}: {} orders reported", reps.iter().map(|rep| rep.saved.len()).sum::<usize>());
    }

    network.heal();
    let mut expected = BTreeMap::new();
    for rep in &reps {
        let status = settled(&rep.device);
        for row in status["rows"].as_array().unwrap() {
            assert_eq!(row["state"], "ok", "seed {seed}: {status}\n{:?}", network.history());
            assert_eq!(row["waiting"], json!({ "orders": 0, "visits": 0, "files": 0, "bytes": 0 }), "seed {seed}");
        }
        let placed = rep.placed();
        for id in rep.saved.keys() {
            assert!(placed.contains_key(id), "seed {seed}: order {id} was reported as saved and is not on the device");
        }
        expected.extend(placed);
    }
    let orders = data.orders();
    let arrived: BTreeMap<String, Value> =
        orders.iter().map(|order| (order["id"].as_str().unwrap().to_owned(), order["totals"]["sum"].clone())).collect();
    assert_eq!(arrived.len(), orders.len(), "seed {seed}: an order was placed twice");
    assert_eq!(arrived, expected, "seed {seed}");
    assert!(arrived.len() as u64 > kills / 2, "there was work to lose");
    drop(server);
}

/// Synchronises until all is well; a device may wait a little for its own reasons, but not for ever.
fn settled(device: &Device) -> Value {
    for _ in 0..5 {
        if device.run(&["sync"]).code == 0 {
            break;
        }
    }
    device.must(&["status"])
}

/// Every length of the answer after which it is cut: all of them, or some.
fn cuts(answer_bytes: u64) -> Vec<u64> {
    let step = if std::env::var_os("POLEVIK_ALL_CUTS").is_some() { 1 } else { answer_bytes.div_ceil(12).max(1) };
    (0..answer_bytes).step_by(usize::try_from(step).unwrap()).collect()
}

/// How many answers went through whole, and how many were cut, once the proxy has told of all.
async fn exchanges(network: &ChaosProxy) -> (u64, u64) {
    while network.answer_bytes().len() < network.history().len() {
        tokio::task::yield_now().await;
    }
    let cut = network.shortened();
    (network.answer_bytes().len() as u64 - cut, cut)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_whose_answer_is_cut_after_any_byte_is_taken_once() {
    let data = Data::demo();
    let server = Server::start(&data);
    let network = ChaosProxy::in_front_of(server.address).await.unwrap();
    let mut rep = Rep::signed_in(&network.url(), REPS[0]);
    rep.do_act(&rep.order_by_telephone(5), None);
    rep.device.must(&["sync"]);
    let answer_bytes = *network.answer_bytes().last().unwrap();
    for cut in cuts(answer_bytes) {
        rep.do_act(&rep.order_by_telephone(5), None);
        network.always(Trouble::AnswerCut(cut));
        let before = exchanges(&network).await;
        let said = rep.device.run(&["sync"]);
        // A repeated request may have an answer that is shorter than the cut.
        let all_cut = exchanges(&network).await.0 == before.0;
        assert!(said.code == 3 || (said.code == 0 && !all_cut), "cut after {cut}: {said:?}");
        network.heal();
        rep.device.must(&["sync"]);
        let orders = data.orders();
        assert_eq!(orders.len(), rep.saved.len(), "cut after {cut}");
        assert!(orders.iter().all(|order| rep.saved.contains_key(order["id"].as_str().unwrap())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_whose_answer_is_cut_after_any_byte_is_applied_whole_later() {
    let data = Data::demo();
    let server = Server::start(&data);
    let network = ChaosProxy::in_front_of(server.address).await.unwrap();
    let rep = Rep::signed_in(&network.url(), REPS[0]);
    let price = rep.device.must(&["prices", "--limit", "1"])["prices"][0].clone();
    let change = |value: u64| {
        let row =
            json!({ "price_type": price["price_type_code"], "product": price["sku"], "value": value, "valid_from": price["valid_from"] });
        let (code, said) = data.import("prices", &[row]);
        assert_eq!(code, 0, "{said}");
    };
    let shown = || rep.device.must(&["prices", "--limit", "1"])["prices"][0]["value"].clone();
    change(7_000);
    rep.device.must(&["sync"]);
    assert_eq!(shown(), 7_000);
    let answer_bytes = *network.answer_bytes().last().unwrap();
    for (value, cut) in (7_001..).zip(cuts(answer_bytes)) {
        change(value);
        network.always(Trouble::AnswerCut(cut));
        let before = exchanges(&network).await;
        let said = rep.device.run(&["sync"]);
        let all_cut = exchanges(&network).await.0 == before.0;
        assert!(said.code == 3 || (said.code == 0 && !all_cut), "cut after {cut}: {said:?}");
        let seen = shown();
        assert!(seen == value - u64::from(all_cut) || (seen == value - 1 && said.code == 3), "cut after {cut}: {seen}");
        network.heal();
        rep.device.must(&["sync"]);
        assert_eq!(shown(), value, "cut after {cut}");
    }
}

/// Each trouble by itself, for a device that has something to send and something to fetch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_trouble_of_the_network_has_its_code_and_passes() {
    let data = Data::demo();
    let server = Server::start(&data);
    let network = ChaosProxy::in_front_of(server.address).await.unwrap();
    let mut rep = Rep::signed_in(&network.url(), REPS[0]);
    for (trouble, codes) in [
        (Trouble::Refused, &["N103", "N105"][..]),
        (Trouble::RequestLost, &["N103", "N105"]),
        (Trouble::RequestCut(200), &["N103", "N105"]),
        (Trouble::AnswerLost, &["N103", "N105"]),
        (Trouble::AnswerCut(90), &["N103", "N105"]),
        (Trouble::CaptivePortal, &["N104"]),
        (Trouble::BadGateway { served: false }, &["S302"]),
        (Trouble::BadGateway { served: true }, &["S302"]),
    ] {
        rep.do_act(&rep.order_by_telephone(5), None);
        network.always(trouble);
        let said = rep.device.run(&["sync"]);
        assert_eq!(said.code, 3, "{trouble:?}: {said:?}");
        // Rows of files that have nothing to move ask nobody, so nothing can fail them.
        for row in said.json["rows"].as_array().unwrap().iter().filter(|row| row["row"].as_str().unwrap().ends_with(".mandatory")) {
            assert!(codes.contains(&row["code"].as_str().unwrap()), "{trouble:?}: {row}");
        }
        network.heal();
        rep.device.must(&["sync"]);
        assert_eq!(data.orders().len(), rep.saved.len(), "{trouble:?}");
    }
    for trouble in [Trouble::Duplicated, Trouble::Delayed(300)] {
        rep.do_act(&rep.order_by_telephone(5), None);
        network.always(trouble);
        rep.device.must(&["sync"]);
        assert_eq!(data.orders().len(), rep.saved.len(), "{trouble:?}");
    }
}
