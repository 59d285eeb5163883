//! `polevik-server ir-library …`: libraries of image recognition, from keys to the last phone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use polevik_domain::time::UtcMillis;
use polevik_recognition_library::Manifest;
use polevik_recognition_library::builder::{self, Built, Release, SkuSource, Source};
use polevik_server_store::reference::products::{self, NamedProduct};
use polevik_server_store::{Store, StoreError, library, part};

use super::DataFolder;
use super::text::table;
use crate::blobs::Blobs;
use crate::database::{self, system_now};
use crate::library::bundle::Bundle;
use crate::library::demo::{self, LibrarySize, Shown};
use crate::library::keys::KeyFolder;
use crate::library::publish::{Published, next_version, publish};

/// Libraries of image recognition: keys, building, signing, publishing, who gets them.
///
/// A new library goes this way:
///   polevik-server ir-library keygen KEYS                  once; then put the roots' secret files away
///   polevik-server ir-library trust KEYS                   once; devices learn the roots at their next first login
///   polevik-server ir-library build PICTURES --out LIB     PICTURES/<article>/*.jpg
///   polevik-server ir-library sign LIB --keys KEYS
///   polevik-server ir-library publish LIB --percent 1
///   polevik-server ir-library rollout 1 --percent 100      after 1 and 10 percent went well
#[derive(Debug, clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Keygen(KeygenArgs),
    Trust(TrustArgs),
    Build(BuildArgs),
    Sign(SignArgs),
    Publish(PublishArgs),
    Rollout(RolloutArgs),
    Status(StatusArgs),
    Demo(DemoArgs),
}

/// Make three root keys, a key that signs libraries, and the list that names it; or replace the latter two.
///
/// Two of the three roots sign the list of keys; a device believes the roots it was told of at its first login, for ever. The secret files
/// (root-1.key …) are needed again only to replace the signing key: keep them off this machine, in different places.
#[derive(Debug, clap::Args)]
pub(crate) struct KeygenArgs {
    /// Where the keys lie.
    keys: PathBuf,
    /// The part whose libraries they sign.
    #[arg(long, value_name = "ID", default_value = "D1")]
    part: String,
    /// Days until the list of keys runs out. Nothing is installed on the word of a list that has run out.
    #[arg(long, default_value_t = 400)]
    days: u32,
    /// Take a new signing key and withdraw the one in use: it was lost, or it is time. Libraries signed by it are not installed any more once
    /// a device has seen the new list, which travels with the next library, or with the same one signed again.
    #[arg(long)]
    replace: bool,
}

/// Note the roots of a part, so that devices are told of them when they sign in for the first time.
#[derive(Debug, clap::Args)]
pub(crate) struct TrustArgs {
    /// Where the keys lie; only the public files of the roots are read.
    keys: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Build a library of reference pictures.
#[derive(Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// A folder with one folder per article, and JPEG pictures of one pack each in it.
    pictures: PathBuf,
    /// Where the library is written.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Its number; one more than the newest release if not given.
    #[arg(long)]
    number: Option<u64>,
    /// Days until it may not be installed any more.
    #[arg(long, default_value_t = 180)]
    days: u32,
    /// The oldest application that understands it.
    #[arg(long, value_name = "VERSION", default_value = "0.1.0")]
    min_app: String,
    #[command(flatten)]
    place: Place,
}

/// Sign a library that was built. Needs no database: this can be done on another machine.
#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// Where the library lies.
    library: PathBuf,
    /// Where the keys lie: library.key and keys.json.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
}

/// Publish a signed library. It is judged as a device would judge it; publishing it twice changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// Where the library lies.
    library: PathBuf,
    /// Share of devices that get it at first.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    #[command(flatten)]
    place: Place,
}

/// Say which share of devices gets a release, or that no further device gets it.
///
/// Devices that are among 1 % are among 10 % too. A release that is stopped stays where it is installed: devices never go back to an older
/// one; publish a newer one to replace it.
#[derive(Debug, clap::Args)]
pub(crate) struct RolloutArgs {
    /// Its number.
    number: u64,
    /// Share of devices that get it.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100), required_unless_present = "stop")]
    percent: Option<u8>,
    /// Stop: no further device begins to fetch it. --percent starts it again.
    #[arg(long, conflicts_with = "percent")]
    stop: bool,
    #[command(flatten)]
    place: Place,
}

/// List releases: number, size, who gets them.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    place: Place,
}

/// Make, sign and publish a library of drawn packs of the demo company's products, for all devices.
///
/// Keys are made in DATA/library-keys when missing. --new-packs and --new-pictures make a next version and show what it costs a device.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// XS: 8 products, 1 MB. S: 60 products, 20 MB. M: 400 products, 90 MB.
    #[arg(long, default_value = "XS", ignore_case = true)]
    size: LibrarySize,
    /// Share of products in percent that have a new pack since the first version: all their pictures are others.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    new_packs: u8,
    /// Share of pictures in percent that were taken anew since the first version, of whatever product.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    new_pictures: u8,
    #[command(flatten)]
    place: Place,
}

/// Whose library, and in which data folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The part it is for.
    #[arg(long, value_name = "ID", default_value = "D1")]
    part: String,
    #[command(flatten)]
    data: DataFolder,
}

impl Place {
    fn open(&self) -> Result<Store> {
        let store = database::open(&self.data.path)?;
        store.read(|tx| part::load(tx, &self.part))?;
        Ok(store)
    }
}

/// Does what the command says.
///
/// # Errors
///
/// Whatever stands in its way.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Keygen(args) => keygen(args)?,
        Command::Trust(args) => trust(&args.place.open()?, &args.place.part, &KeyFolder::at(&args.keys))?,
        Command::Build(args) => build(args)?,
        Command::Sign(args) => {
            let container = Bundle::at(&args.library).sign(&KeyFolder::at(&args.keys))?;
            println!("signed {}: papers {}", args.library.display(), container.name());
        }
        Command::Publish(args) => {
            let (store, blobs) = (args.place.open()?, Blobs::open(&args.place.data.path)?);
            print_published(&publish(&store, &blobs, &args.place.part, &Bundle::at(&args.library), args.percent, system_now())?);
        }
        Command::Rollout(args) => rollout(args)?,
        Command::Status(args) => status(&args.place)?,
        Command::Demo(args) => {
            let shown = Shown { size: args.size, new_packs: args.new_packs, new_pictures: args.new_pictures };
            print_published(&publish_demo(&args.place.open()?, &args.place.data.path, &args.place.part, shown, system_now())?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn keygen(args: &KeygenArgs) -> Result<()> {
    let keys = KeyFolder::at(&args.keys);
    let expires_at = in_days(args.days);
    if args.replace {
        keys.rotate(expires_at)?;
        println!("a new signing key is in {}; sign the newest library again and publish it", args.keys.display());
        return Ok(());
    }
    keys.make(&args.part, expires_at)?;
    println!("made three roots and a signing key for part {} in {}", args.part, args.keys.display());
    println!("put root-1.key, root-2.key and root-3.key away, each in another place: they are needed only to replace the signing key");
    Ok(())
}

fn in_days(days: u32) -> UtcMillis {
    system_now().plus_millis(i64::from(days) * 86_400_000)
}

fn trust(store: &Store, part_id: &str, keys: &KeyFolder) -> Result<()> {
    let now = system_now();
    let roots = keys.roots()?;
    store.write(|tx| roots.iter().try_for_each(|root| library::add_root(tx, part_id, root, now)))?;
    println!("devices of part {part_id} are told of {} roots when they sign in for the first time", roots.len());
    Ok(())
}

fn build(args: &BuildArgs) -> Result<()> {
    let store = args.place.open()?;
    let (next, newest) = next_version(&store, &args.place.part)?;
    let named = store.read(|tx| products::named(tx, &args.place.part))?;
    let source = source_of(&args.pictures, &named)?;
    let built = builder::build(&source)?;
    let release = Release {
        part: args.place.part.clone(),
        version: args.number.unwrap_or(next),
        previous: newest,
        min_app: args.min_app.clone(),
        expires_at: in_days(args.days),
    };
    print_built(&Bundle::at(&args.out).write(&built, &release)?, &args.out);
    Ok(())
}

/// The pictures of a folder, with what the database says of their products.
fn source_of(folder: &Path, named: &[NamedProduct]) -> Result<Source> {
    let mut source = Source::default();
    for path in sorted(folder)?.into_iter().filter(|path| path.is_dir()) {
        let article = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(product) = named.iter().find(|product| product.sku == article) else {
            bail!("{}: there is no active product of the article {article}", path.display());
        };
        let category = source.categories.iter().position(|name| *name == product.category).unwrap_or_else(|| {
            source.categories.push(product.category.clone());
            source.categories.len() - 1
        });
        let is_jpeg =
            |path: &PathBuf| path.extension().is_some_and(|ending| ["jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
        let pictures = sorted(&path)?.into_iter().filter(is_jpeg).map(fs::read).collect::<Result<_, _>>()?;
        source.skus.push(SkuSource { product: product.id.0, code: article, name: product.name.clone(), category, pictures });
    }
    Ok(source)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn rollout(args: &RolloutArgs) -> Result<()> {
    let store = args.place.open()?;
    let part_id = &args.place.part;
    let found = store.write(|tx| {
        let Some(known) = library::releases(tx, part_id)?.into_iter().find(|release| release.version == args.number) else {
            return Ok::<_, StoreError>(false);
        };
        library::roll_out(tx, part_id, args.number, args.percent.unwrap_or(known.percent), args.stop)
    })?;
    ensure!(found, "there is no release {} of part {part_id}", args.number);
    status(&args.place)
}

fn status(place: &Place) -> Result<()> {
    let releases = place.open()?.read(|tx| library::releases(tx, &place.part))?;
    if releases.is_empty() {
        println!("part {} has no recognition library", place.part);
        return Ok(());
    }
    let mut lines = vec![["NUMBER", "BYTES", "DEVICES", "STATE", "PAPERS"].map(str::to_owned)];
    lines.extend(releases.iter().map(|release| {
        let state = if release.is_stopped { "stopped" } else { "going out" };
        let papers = release.name.as_str().chars().take(16).collect();
        [release.version.to_string(), release.bytes.to_string(), format!("{} %", release.percent), state.to_owned(), papers]
    }));
    print!("{}", table(&lines, &[0, 1, 2]));
    Ok(())
}

/// Makes, signs and publishes a demo library for all devices of a part.
///
/// # Errors
///
/// When the part has no products, or the folder cannot be written.
pub(crate) fn publish_demo(store: &Store, data: &Path, part_id: &str, shown: Shown, now: UtcMillis) -> Result<Published> {
    let keys = KeyFolder::at(&data.join("library-keys"));
    if !keys.is_made() {
        keys.make(part_id, now.plus_millis(2 * demo::GOOD_FOR_DAYS * 86_400_000))?;
    }
    let roots = keys.roots()?;
    store.write(|tx| roots.iter().try_for_each(|root| library::add_root(tx, part_id, root, now)))?;
    let (version, previous) = next_version(store, part_id)?;
    let built: Built = demo::build(store, part_id, shown)?;
    let folder = data.join("library-build");
    let bundle = Bundle::at(&folder);
    bundle.write(&built, &demo::release(part_id, version, previous, now))?;
    bundle.sign(&keys)?;
    let published = publish(store, &Blobs::open(data)?, part_id, &bundle, 100, now)?;
    // All of it is in the data folder now.
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(published)
}

fn print_built(manifest: &Manifest, folder: &Path) {
    println!(
        "built library {} of part {}: {} products, {} bytes in {} chunks, in {}",
        manifest.version,
        manifest.part,
        manifest.sku_count,
        manifest.bytes(),
        manifest.chunks.len(),
        folder.display()
    );
}

fn print_published(published: &Published) {
    let Published { release, chunks, new_chunks, new_bytes, again } = published;
    let word = if *again { "was published before" } else { "is published" };
    println!("library {} {word}: {} bytes, {chunks} chunks, for {} % of the devices", release.version, release.bytes, release.percent);
    let permille = new_bytes * 1_000 / release.bytes.max(1);
    println!(
        "a device that has the release before it fetches {new_chunks} chunks, {new_bytes} bytes: {}.{} % of the library",
        permille / 10,
        permille % 10
    );
}
