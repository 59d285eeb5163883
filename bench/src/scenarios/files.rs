//! Files: five hundred photos up by tus and down by ranges, beside nginx on the same files; and by the core of a device.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use polevik_device::api::view::{Screen, View};
use polevik_device::api::{Command, CommandDone};
use polevik_protocol::file::{FILE_HASH_HEADER, OfferAnswer, OfferReply, OfferRequest, OfferedFile};
use polevik_protocol::file::{FileClass, MAX_OFFERED_FILES, METADATA_CLASS, METADATA_HASH, METADATA_TYPE, TUS_VERSION};
use polevik_protocol::hash::Blake3Hex;

use super::{Bench, number, remove};
use crate::cpu::{Spent, Watch};
use crate::dataset::Shape;
use crate::device::{InProcess, Person};
use crate::http::Connection;
use crate::nginx::Nginx;
use crate::report::{Figure, median};
use crate::server::Server;

/// As in the published figures of others.
const PHOTOS: u64 = 500;
const PHOTO_BYTES: usize = 300_000;

/// How many are sent at a time, as in the published figures of others.
const CONNECTIONS: usize = 4;

/// The run whose photos the device takes: other ones than all runs of the load.
const OF_THE_DEVICE: usize = 1_000;

/// CPU seconds of the tus server for Node and its client together for the same photos: measured apart from this, see `docs/performance.md`.
const NODE_TUS_CPU_S: f64 = 3.5;

/// A photo, and the name it is kept under.
struct Photo {
    bytes: Vec<u8>,
    hash: Blake3Hex,
}

/// What a round of transfers took.
struct Round {
    spent: Spent,
    server_cpu_s: f64,
}

impl Round {
    fn cpu_s(&self) -> f64 {
        self.spent.own_cpu_s + self.server_cpu_s
    }
}

/// Runs the scenario.
pub fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let photos_of_a_run = bench.scaled(PHOTOS);
    let office = bench.own_office("S", 0, Shape::Published)?;
    let server = Server::start(&bench.programs, &office.data)?;
    let token = office.sign_in_devices(1, &[Person::rep(1)])?.pop().context("no token")?;
    let place = bench.fresh("nginx");
    let nginx = Nginx::start(&place)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut ours = Both::default();
    let mut theirs = Both::default();
    let (mut parked, mut offered) = (0.0, 0.0);
    for run in 0..bench.runs(5) {
        let photos: Vec<Photo> = (0..photos_of_a_run).map(|n| photo(number_of(run, n))).collect();
        let ask = |request: fn(&Photo, &str) -> Vec<u8>| photos.iter().map(|photo| request(photo, &token)).collect::<Vec<_>>();

        let (begun, before) = (server.memory()?.resident, server.cpu()?);
        let watch = Watch::start();
        let kept = runtime.block_on(transfer(server.socket(), &ask(upload), &[201]))?;
        ours.up.push(Round { spent: watch.stop(), server_cpu_s: server.cpu_since(before)? });
        ensure!(kept.iter().zip(&photos).all(|(kept, photo)| kept.header == photo.hash.as_str()), "a photo was not confirmed");
        parked = number(server.memory()?.peak.saturating_sub(begun)) / 1e6;

        offered = runtime.block_on(offer_again(server.socket(), &photos, &token))?;

        let before = server.cpu()?;
        let watch = Watch::start();
        let came = runtime.block_on(transfer(server.socket(), &ask(download), &[206]))?;
        ours.down.push(Round { spent: watch.stop(), server_cpu_s: server.cpu_since(before)? });
        ensure!(came.iter().zip(&photos).all(|(came, photo)| came.body == photo.bytes), "a photo came back as something else");
        drop(came);

        if let Some(nginx) = &nginx {
            let before = nginx.cpu()?;
            let watch = Watch::start();
            runtime.block_on(transfer(nginx.socket(), &ask(put), &[201, 204]))?;
            theirs.up.push(Round { spent: watch.stop(), server_cpu_s: nginx.cpu()?.saturating_sub(before).as_secs_f64() });
            let before = nginx.cpu()?;
            let watch = Watch::start();
            let came = runtime.block_on(transfer(nginx.socket(), &ask(get), &[200]))?;
            theirs.down.push(Round { spent: watch.stop(), server_cpu_s: nginx.cpu()?.saturating_sub(before).as_secs_f64() });
            ensure!(came.iter().zip(&photos).all(|(came, photo)| came.body == photo.bytes), "nginx gave something else");
        }
    }
    drop(nginx);
    remove(&place);
    if theirs.up.is_empty() {
        eprintln!("  no nginx with the dav module on this machine: nothing stands beside these figures");
    }
    let by_device = by_device(bench, &server, photos_of_a_run)?;
    let share = number(photos_of_a_run) / number(PHOTOS);
    let megabytes = number(photos_of_a_run) * number(PHOTO_BYTES as u64) / 1e6;
    let mut figures = vec![
        beside(Figure::new("up", "MB/s", rates(&ours.up, megabytes)).at_least(150.0), "nginx, PUT", &rates(&theirs.up, megabytes)),
        beside(
            Figure::new("up: CPU, server and load", "s", cpu(&ours.up)).at_most(NODE_TUS_CPU_S / 3.0 * share),
            "nginx, PUT",
            &cpu(&theirs.up),
        ),
        beside(Figure::new("up: CPU of the server", "s", server_cpu(&ours.up)), "nginx, PUT", &server_cpu(&theirs.up)),
        Figure::one("up: memory of the server at its peak, above what it had", "MB", parked),
        Figure::one("the same photos offered again: body bytes both ways", "B/photo", offered / number(photos_of_a_run)),
        beside(Figure::new("down", "MB/s", rates(&ours.down, megabytes)), "nginx", &rates(&theirs.down, megabytes)),
        beside(Figure::new("down: CPU of the server", "s", server_cpu(&ours.down)), "nginx", &server_cpu(&theirs.down)),
    ];
    if !theirs.down.is_empty() {
        let times: Vec<f64> = ours.down.iter().zip(&theirs.down).map(|(ours, theirs)| ours.spent.wall_s / theirs.spent.wall_s).collect();
        figures.push(Figure::new("down: wall time against nginx", "times", times).at_most(1.5));
    }
    figures.extend(by_device);
    Ok(figures)
}

/// The same photos taken in a visit and sent by the core of a device, one after the other: every one synced to the disk on both sides.
fn by_device(bench: &mut Bench, server: &Server, photos: u64) -> Result<Vec<Figure>> {
    let mut device = InProcess::open(&bench.fresh("home"), server)?;
    device.settle_in(&Person::rep(1))?;
    let View::Outlets(outlets) = device.load(Screen::Outlets { search: String::new(), limit: 1 })? else { anyhow::bail!("another screen") };
    let outlet = outlets.rows.first().context("no outlet")?.id;
    let CommandDone::Document(visit) = device.act(Command::StartVisit { outlet, route_stop: None })? else {
        anyhow::bail!("no visit was begun")
    };
    let mut kept_ms = Vec::new();
    for n in 0..photos {
        let picture = photo(number_of(OF_THE_DEVICE, n)).bytes;
        let watch = Watch::start();
        device.take_photo(visit, picture)?;
        kept_ms.push(watch.stop().wall_s * 1_000.0);
    }
    device.act(Command::FinishVisit { visit })?;
    let before = server.cpu()?;
    let session = device.synchronise()?;
    let server_cpu_s = server.cpu_since(before)?;
    let bytes = number(photos) * number(PHOTO_BYTES as u64);
    ensure!(number(session.bytes_up as u64) >= bytes, "{} bytes went up", session.bytes_up);
    Ok(vec![
        Figure::new("by a device: a photo taken and kept", "ms", kept_ms),
        Figure::one("by a device: up, one after the other, with their documents", "MB/s", bytes / 1e6 / session.spent.wall_s),
        Figure::one("by a device: CPU of device and server", "s", session.spent.own_cpu_s + server_cpu_s),
        Figure::one("by a device: requests", "for each photo", number(session.exchanges.len() as u64) / number(photos)),
        Figure::one("by a device: bodies both ways", "× the photos", number((session.bytes_up + session.bytes_down) as u64) / bytes),
    ])
}

/// Rounds of one server, in the order of the runs.
#[derive(Default)]
struct Both {
    up: Vec<Round>,
    down: Vec<Round>,
}

fn rates(rounds: &[Round], megabytes: f64) -> Vec<f64> {
    rounds.iter().map(|round| megabytes / round.spent.wall_s).collect()
}

fn cpu(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(Round::cpu_s).collect()
}

fn server_cpu(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(|round| round.server_cpu_s).collect()
}

fn beside(figure: Figure, name: &str, theirs: &[f64]) -> Figure {
    if theirs.is_empty() { figure } else { figure.beside(name, median(theirs)) }
}

/// Another number for every photo of every run: what the server has already it would not take again.
fn number_of(run: usize, photo: u64) -> u64 {
    run as u64 * 1_000_000 + photo
}

/// The frame of a JPEG of 1600 × 1200 around bytes that nothing can compress. No decoder gets past the header: a thumbnail is not made of it,
/// so its cost is in no figure here.
fn photo(seed: u64) -> Photo {
    const HEAD: [u8; 23] = [
        0xff, 0xd8, 0xff, 0xe0, 0, 4, 0x4a, 0x46, // the begin, and an empty segment of JFIF
        0xff, 0xc0, 0, 11, 8, 0x04, 0xb0, 0x06, 0x40, 1, 1, 0x11, 0, // the size, one component
        0xff, 0xda, // the picture follows
    ];
    let mut bytes = HEAD.to_vec();
    bytes.extend_from_slice(&[0, 8, 1, 1, 0, 0, 63, 0]);
    let mut picture = vec![0; PHOTO_BYTES - bytes.len() - 2];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut picture);
    // A byte 0xff would begin a marker.
    bytes.extend(picture.into_iter().map(|byte| byte & 0x7f));
    bytes.extend_from_slice(&[0xff, 0xd9]);
    let hash = Blake3Hex::of(&bytes);
    Photo { bytes, hash }
}

fn upload(photo: &Photo, token: &str) -> Vec<u8> {
    let word = |key: &str, value: &str| format!("{key} {}", BASE64.encode(value));
    let metadata =
        [word(METADATA_HASH, photo.hash.as_str()), word(METADATA_CLASS, FileClass::Photo.as_str()), word(METADATA_TYPE, "image/jpeg")];
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\ntus-resumable: {TUS_VERSION}\r\n\
         upload-length: {length}\r\nupload-metadata: {metadata}\r\ncontent-type: application/offset+octet-stream\r\n\
         content-length: {length}\r\n\r\n",
        length = photo.bytes.len(),
        metadata = metadata.join(","),
    );
    with_body(&head, &photo.bytes)
}

fn download(photo: &Photo, token: &str) -> Vec<u8> {
    format!(
        "GET /v1/files/{hash} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\nrange: bytes=0-\r\nif-range: \"{hash}\"\r\n\r\n",
        hash = photo.hash
    )
    .into_bytes()
}

fn put(photo: &Photo, _token: &str) -> Vec<u8> {
    let head = format!("PUT /{} HTTP/1.1\r\nhost: bench\r\ncontent-length: {}\r\n\r\n", photo.hash, photo.bytes.len());
    with_body(&head, &photo.bytes)
}

fn get(photo: &Photo, _token: &str) -> Vec<u8> {
    format!("GET /{} HTTP/1.1\r\nhost: bench\r\n\r\n", photo.hash).into_bytes()
}

fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    let mut request = Vec::with_capacity(head.len() + body.len());
    request.extend_from_slice(head.as_bytes());
    request.extend_from_slice(body);
    request
}

/// What is looked at of an answer.
#[derive(Debug, Clone, Default)]
struct Came {
    header: String,
    body: Vec<u8>,
}

/// Makes all requests on a few connections; the answers stand in the order of the requests. Any other status is a failure.
async fn transfer(socket: &str, requests: &[Vec<u8>], expected: &[u16]) -> Result<Vec<Came>> {
    let next = AtomicUsize::new(0);
    let ask = async || -> Result<Vec<(usize, Came)>> {
        let mut connection = Connection::open(socket).await?;
        let mut came = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = requests.get(place) else { return Ok(came) };
            let answer = connection.exchange(request).await?;
            let text = || String::from_utf8_lossy(&answer.body).into_owned();
            ensure!(expected.contains(&answer.status), "status {}: {}", answer.status, text());
            let header = answer.header(FILE_HASH_HEADER).unwrap_or_default().to_owned();
            came.push((place, Came { header, body: answer.body }));
        }
    };
    let mut came: Vec<(usize, Came)> =
        futures::future::try_join_all((0..CONNECTIONS).map(|_| ask())).await?.into_iter().flatten().collect();
    came.sort_by_key(|(place, _)| *place);
    Ok(came.into_iter().map(|(_, came)| came).collect())
}

/// Offers photos that the server has; gives the bytes of all bodies. It must want none of them.
async fn offer_again(socket: &str, photos: &[Photo], token: &str) -> Result<f64> {
    let mut connection = Connection::open(socket).await?;
    let mut bytes = 0;
    for photos in photos.chunks(MAX_OFFERED_FILES) {
        let files =
            photos.iter().map(|photo| OfferedFile { hash: photo.hash.clone(), bytes: photo.bytes.len() as u64, class: FileClass::Photo });
        let body = serde_json::to_vec(&OfferRequest { files: files.collect() })?;
        let head = format!(
            "POST /v1/files/offer HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = connection.exchange(&with_body(&head, &body)).await?;
        let said: OfferReply = serde_json::from_slice(&answer.body).with_context(|| format!("status {}", answer.status))?;
        ensure!(said.files.iter().all(|said| *said == OfferAnswer::Held), "a photo is wanted again");
        bytes += body.len() + answer.body.len();
    }
    Ok(number(bytes as u64))
}
