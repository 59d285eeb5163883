//! Photos by real processes through a network that spoils exchanges, while device and server are killed in the middle of files: all arrive,
//! none twice.
//!
//! `POLEVIK_PHOTOS` says how many photos of about 300 KB instead of 24, `POLEVIK_KILLS` how many kills instead of 12, `POLEVIK_SEED` with which
//! seed to begin. The long run of the project's promise is `POLEVIK_PHOTOS=500 POLEVIK_KILLS=200`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use polevik_system_tests::{Data, Device, Server, text};
use polevik_testkit::chaos::ChaosProxy;
use polevik_testkit::random::Random;
use serde_json::Value;

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// A picture that stays at about 300 KB when the device has made it smaller: all of it is grain.
fn write_picture(path: &Path, random: &mut Random) {
    let mut pixels = vec![0; 800 * 600 * 3];
    random.fill(&mut pixels);
    // Grey, so that the colours do not double the size.
    pixels.chunks_mut(3).for_each(|pixel| pixel.fill(pixel[0] / 2 + 60));
    let picture = RgbImage::from_raw(800, 600, pixels).unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    JpegEncoder::new_with_quality(&mut file, 90).encode_image(&picture).unwrap();
}

/// All photos of the central database.
fn photos_of(data: &Data) -> Vec<Value> {
    let output = data.server_command(&["photos", "list", "--json", "--limit", "100000"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn photos_arrive_once_each_whoever_is_killed_in_the_middle_of_them() {
    let (count, kills, seed) = (number_from("POLEVIK_PHOTOS", 24), number_from("POLEVIK_KILLS", 12), number_from("POLEVIK_SEED", 1));
    let mut random = Random::new(seed);
    let data = Data::demo();
    let first = Server::start(&data);
    let address = first.address;
    let network = ChaosProxy::in_front_of(address).await.unwrap();
    let mut server = Some(first);
    let device = Device::signed_in(&network.url(), "rep01@demo.polevik.example");
    device.must(&["sync"]);
    let outlet = device.must(&["outlets", "--limit", "1"])["outlets"][0]["id"].to_string();
    let visit = device.must(&["visit", "start", "--outlet", &outlet])["id"].as_str().unwrap().to_owned();

    let picture = device.home().join("picture.jpg");
    let mut taken = BTreeSet::new();
    for _ in 0..count {
        write_picture(&picture, &mut random);
        let photo = device.must(&["photo", "take", "open", picture.to_str().unwrap(), "--scene", "shelf"]);
        taken.insert(photo["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(taken.len() as u64, count);

    network.storm(seed, 200);
    let mut arrived = 0;
    for kill in 0..kills {
        let mut sync = device.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(300 + random.below(2_500))).await;
        let is_server = random.chance(500);
        if let Some(running) = server.take_if(|_| is_server) {
            running.kill();
        }
        // With the server gone or not, the device goes too: its next start is the next round's.
        let _ = sync.kill();
        sync.wait().unwrap();
        server = server.or_else(|| Some(Server::start_at(&data, &address.to_string())));
        arrived = photos_of(&data).iter().filter(|photo| photo["file_is_here"] == true).count();
        println!("kill {kill} of {}: {arrived} of {count} files are here", if is_server { "the server" } else { "the device" });
    }

    network.heal();
    for _ in 0..8 {
        if device.run(&["sync"]).code == 0 && photos_of(&data).iter().filter(|photo| photo["file_is_here"] == true).count() as u64 == count
        {
            break;
        }
    }
    let found = photos_of(&data);
    let ids: BTreeSet<String> = found.iter().map(|photo| photo["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), found.len(), "seed {seed}: a photo is there twice");
    assert_eq!(ids, taken, "seed {seed}; {arrived} files had come before it was quiet");
    let hashes: BTreeSet<&str> = found.iter().map(|photo| photo["hash"].as_str().unwrap()).collect();
    assert_eq!(hashes.len() as u64, count, "seed {seed}");
    for photo in &found {
        assert_eq!((&photo["file_is_here"], &photo["visit_is_here"]), (&Value::Bool(true), &Value::Bool(true)), "seed {seed}: {photo}");
        assert_eq!(photo["visit_id"].as_str(), Some(visit.as_str()));
    }

    // What the office takes out is what came: whole, and a picture.
    let out = tempfile::tempdir().unwrap();
    let output = data.server_command(&["photos", "export", out.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let list = std::fs::read_to_string(out.path().join("photos.ndjson")).unwrap();
    let mut sizes = Vec::new();
    for line in list.lines() {
        let photo: Value = serde_json::from_str(line).unwrap();
        let bytes = std::fs::read(out.path().join(photo["path"].as_str().unwrap())).unwrap();
        assert_eq!(Some(bytes.len() as u64), photo["bytes"].as_u64());
        assert!(image::load_from_memory(&bytes).is_ok());
        sizes.push(bytes.len());
    }
    assert_eq!(sizes.len() as u64, count);
    assert!(sizes.iter().all(|size| (150_000..600_000).contains(size)), "they are of a usual size: {sizes:?}");
    drop(server);
}
