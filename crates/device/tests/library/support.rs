//! An office that signs libraries, and a device that installs them step by step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use futures::executor::block_on;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, Rgb, RgbImage};
use polevik_device::api::NetworkClass;
use polevik_device::error::Failed;
use polevik_device::files::{Files, MemoryFiles};
use polevik_device::host::Host;
use polevik_device::platform::Folder;
use polevik_device::sync::recognition_library::{self as library, Next, OpenLibrary};
use polevik_device::{Device, Setup};
use polevik_device_store::Store;
use polevik_device_store::db::commit;
use polevik_device_store::work::library::{LibraryFact, set_fact};
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};
use polevik_protocol::Blake3Hex;
use polevik_protocol::file::LibraryNews;
use polevik_recognition_library::builder::{Built, Release, SkuSource, Source, build};
use polevik_recognition_library::container::KeyList;
use polevik_recognition_library::manifest::FORMAT;
use polevik_recognition_library::signing::{SignedKeyList, SigningKey, sign};
use polevik_recognition_library::{Container, Manifest, Trust};

/// 2026-11-22 08:00 UTC.
pub const NOW: UtcMillis = UtcMillis(1_795_334_400_000);

/// Until when everything of the office is good.
pub const EXPIRES: UtcMillis = UtcMillis(NOW.0 + 30 * 86_400_000);

pub const PART: &str = "D1";

struct Machine;

impl Host for Machine {
    fn now(&self) -> UtcMillis {
        NOW
    }
    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
    fn random_bytes(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
    async fn sleep(&self, _millis: u64) {
        futures::future::pending::<()>().await;
    }
    fn network(&self) -> NetworkClass {
        NetworkClass::WiFi
    }
    fn log(&self, _line: &str) {}
}

/// Pixels of a picture along a side.
const SIDE: u32 = 160;

/// A picture of a pack with so much grain that it is a chunk of its own: small to draw, large to send.
fn pack(kind: u32, view: u32) -> Vec<u8> {
    let mut grain = kind.wrapping_mul(0x9e37_79b9) ^ view.wrapping_mul(0x85eb_ca6b) | 1;
    let base = [37, 91, 53].map(|step| kind.wrapping_mul(step).wrapping_add(step) % 200);
    let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        grain ^= grain << 13;
        grain ^= grain >> 17;
        grain ^= grain << 5;
        let stripe = if ((x + y * (kind % 4)) / (8 + kind % 13)).is_multiple_of(2) { 40 } else { 0 };
        Rgb([0, 9, 18].map(|bit| base[bit / 9] + stripe + (grain >> bit) % 90).map(|value| u8::try_from(value.min(255)).unwrap()))
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 100).encode(picture.as_raw(), SIDE, SIDE, ExtendedColorType::Rgb8).unwrap();
    assert!((70_000..110_000).contains(&jpeg.len()), "{}", jpeg.len());
    jpeg
}

/// A library of so many products with two pictures each; those in `renewed` have other pictures.
pub fn library_of(skus: u32, renewed: std::ops::Range<u32>) -> Built {
    let sku = |kind: u32| {
        let look = if renewed.contains(&kind) { kind + 10_000 } else { kind };
        SkuSource {
            product: i64::from(kind),
            code: format!("P{kind}"),
            name: format!("Pack {kind}"),
            category: usize::try_from(kind % 3).unwrap(),
            pictures: vec![pack(look, 0), pack(look, 1)],
        }
    };
    let categories = ["Juice", "Milk", "Water"].map(str::to_owned).to_vec();
    build(&Source { categories, skus: (0..skus).map(sku).collect() }).unwrap()
}

/// The library of most tests, and the one after it: one product of eight has a new pack.
pub static SMALL: LazyLock<[Built; 2]> = LazyLock::new(|| [library_of(8, 0..0), library_of(8, 3..4)]);

/// As [`SMALL`], with three products: for tests that go through it hundreds of times.
pub static TINY: LazyLock<[Built; 2]> = LazyLock::new(|| [library_of(3, 0..0), library_of(3, 1..2)]);

/// An office with its keys.
pub struct Office {
    pub roots: [SigningKey; 3],
    pub key: SigningKey,
    pub list: KeyList,
}

/// Papers, and the chunks they name.
#[derive(Clone)]
pub struct Published {
    pub papers: Vec<u8>,
    pub name: Blake3Hex,
    pub manifest: Manifest,
    pub chunks: BTreeMap<Blake3Hex, Vec<u8>>,
}

impl Office {
    pub fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let keys = vec![key.public().to_owned()];
        let list = KeyList { format: FORMAT, part: PART.to_owned(), version: 1, expires_at_ms: EXPIRES, keys };
        Self { roots: std::array::from_fn(|_| SigningKey::generate().unwrap()), key, list }
    }

    pub fn container(&self, manifest: &Manifest) -> Container {
        let keys = SignedKeyList::sign(&self.list, &[&self.roots[0], &self.roots[1]]).unwrap();
        sign(manifest, &self.key, &keys).unwrap()
    }

    /// Signs a manifest that need not be the one of these chunks.
    pub fn sign(&self, manifest: Manifest, built: &Built) -> Published {
        let papers = self.container(&manifest).bytes();
        let chunks = built.chunks().map(|(chunk, bytes)| (chunk.hash, bytes.to_vec())).collect();
        Published { name: Blake3Hex::of(&papers), papers, manifest, chunks }
    }

    pub fn publish(&self, built: &Built, version: u64) -> Published {
        self.sign(manifest_of(built, version), built)
    }

    /// Withdraws the key and takes another.
    pub fn rotate(&mut self) {
        self.key = SigningKey::generate().unwrap();
        self.list.keys = vec![self.key.public().to_owned()];
        self.list.version += 1;
    }
}

pub fn manifest_of(built: &Built, version: u64) -> Manifest {
    built.manifest(&Release { part: PART.to_owned(), version, previous: None, min_app: "0.1.0".to_owned(), expires_at: EXPIRES })
}

impl Published {
    pub fn news(&self) -> LibraryNews {
        LibraryNews { manifest: self.name.clone(), version: self.manifest.version, bytes: self.manifest.bytes() }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Papers(Blake3Hex),
    Chunk(Blake3Hex),
}

/// A device with its folder and its files.
pub struct World {
    folder: tempfile::TempDir,
    pub files: MemoryFiles,
    pub device: RefCell<Device>,
    pub now: UtcMillis,
    /// Bytes of papers and chunks that came.
    pub received: u64,
    /// Requests that were made.
    pub requests: u64,
}

impl World {
    /// A device that signed in at this office.
    pub fn new(office: &Office) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(Box::new(Folder::new(folder.path()).unwrap())).unwrap();
        let trust = Trust {
            part: Some(office.list.part.clone()),
            roots: office.roots.iter().map(|root| root.public().to_owned()).collect(),
            ..Trust::default()
        };
        let tx = store.work().unwrap();
        set_fact(&tx, LibraryFact::Trust, &serde_json::to_string(&trust).unwrap()).unwrap();
        commit(tx).unwrap();
        drop(store);
        Self::over(folder)
    }

    /// A device that nobody has signed in on.
    pub fn without_roots() -> Self {
        Self::over(tempfile::tempdir().unwrap())
    }

    fn over(folder: tempfile::TempDir) -> Self {
        let device = RefCell::new(open(&folder));
        Self { folder, files: MemoryFiles::default(), device, now: NOW, received: 0, requests: 0 }
    }

    /// A device that has this library in use.
    pub fn with(office: &Office, published: &Published) -> Self {
        let mut world = Self::new(office);
        world.install(published).unwrap();
        assert_eq!(world.version(), Some(published.manifest.version));
        world
    }

    /// The process ends and another begins, over the same databases and files.
    pub fn restart(&mut self) {
        self.files.restart();
        // The one before lets go of the databases first.
        let aside = tempfile::tempdir().unwrap();
        drop(self.device.replace(open(&aside)));
        self.device = RefCell::new(open(&self.folder));
    }

    pub fn tell(&self, news: Option<&LibraryNews>) {
        self.device.borrow_mut().note_library_news(news).unwrap();
    }

    /// Tells of a library and does all steps until nothing is left to do, with an honest office.
    pub fn install(&mut self, published: &Published) -> Result<(), Failed> {
        self.tell(Some(&published.news()));
        self.go_on(|asked| honest(published, asked))
    }

    /// Does steps until nothing is left to do or one fails.
    pub fn go_on(&mut self, mut answer: impl FnMut(&Asked) -> Vec<u8>) -> Result<(), Failed> {
        while self.step(&mut answer)? {}
        Ok(())
    }

    /// Does one step; says whether there was one.
    pub fn step(&mut self, answer: &mut impl FnMut(&Asked) -> Vec<u8>) -> Result<bool, Failed> {
        match library::next(&self.device)? {
            Next::Nothing => return Ok(false),
            Next::Refused(failed) => return Err(failed),
            Next::Manifest { hash, most_bytes } => {
                let bytes = self.fetch(answer(&Asked::Papers(hash.clone())), most_bytes);
                library::take_manifest(&self.device, &hash, &bytes, self.now)?;
            }
            Next::Chunk { hash, bytes } => {
                let bytes = self.fetch(answer(&Asked::Chunk(hash.clone())), bytes);
                block_on(library::take_chunk(&self.device, &self.files, &hash, &bytes))?;
            }
            Next::Install => block_on(library::install(&self.device, &self.files))?,
            Next::Activate => block_on(library::activate(&self.device, &self.files, self.now))?,
        }
        Ok(true)
    }

    /// As the transport does: of what does not end, no more than one byte beyond the most is read.
    fn fetch(&mut self, mut bytes: Vec<u8>, most_bytes: u64) -> Vec<u8> {
        bytes.truncate(usize::try_from(most_bytes).unwrap() + 1);
        self.received += u64::try_from(bytes.len()).unwrap();
        self.requests += 1;
        bytes
    }

    /// Opens the library in use.
    pub fn open_library(&self) -> Option<OpenLibrary> {
        block_on(library::open_active(&self.device, &self.files)).unwrap()
    }

    /// The version in use, opened for real.
    pub fn version(&self) -> Option<u64> {
        self.open_library().map(|open| open.version)
    }

    /// Somebody clears the place of files.
    pub fn lose_all_files(&self) {
        for held in block_on(Files::list(&self.files)).unwrap() {
            assert!(self.files.lose(&held.name));
        }
    }

    /// How many files lie there, whole and in part.
    pub fn held_files(&self) -> usize {
        block_on(Files::list(&self.files)).unwrap().len()
    }
}

fn open(folder: &tempfile::TempDir) -> Device {
    let setup = Setup { server: None, model: "test".to_owned(), app_version: "0.1.0".to_owned() };
    Device::open(Box::new(Folder::new(folder.path()).unwrap()), setup, &Machine).unwrap()
}

/// What an honest office answers; nothing for what it does not have.
pub fn honest(published: &Published, asked: &Asked) -> Vec<u8> {
    match asked {
        Asked::Papers(_) => published.papers.clone(),
        Asked::Chunk(hash) => published.chunks.get(hash).cloned().unwrap_or_default(),
    }
}
