//! Companies to measure with: the demo company, with products of the published data set beside it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use polevik_domain::ids::{DeviceId, PositionId};
use polevik_domain::position::Scope;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::rows::{PRODUCT, Value};
use polevik_server_store::organisation;
use polevik_server_store::part::{self, Part};
use polevik_server_store::people::devices::{self, Introduction};
use polevik_server_store::people::tokens::{self, TokenHash};
use polevik_server_store::people::users;
use polevik_server_store::reference::ReferenceWriter;
use polevik_server_store::reference::rows;
use polevik_server_store::{Store, StoreError};

use crate::dataset::{self, Shape};
use crate::device::{self, Person};
use crate::server::Programs;

/// A data folder of a company, and its database opened beside the server as an import opens it.
pub struct Office {
    /// The data folder.
    pub data: PathBuf,
    /// Products of the data set, none of the demo company.
    pub products: u64,
    store: Store,
    part: Part,
}

/// A product as the office has it.
#[derive(Debug, Clone)]
pub struct Product {
    natural_key: String,
    bucket: BucketName,
    values: Vec<Value>,
}

impl Office {
    /// Makes a demo company of a size and imports products of the data set.
    pub fn make(programs: &Programs, data: &Path, size: &str, products: u64, shape: Shape) -> Result<Self> {
        programs.office(data, &["demo-data", "--size", size, "--seed", "1"])?;
        if products > 0 {
            let file = data.join("products.ndjson");
            dataset::write_products(&file, products, shape)?;
            programs.office(data, &["import", "products", &file.to_string_lossy()])?;
            std::fs::remove_file(&file)?;
        }
        Self::open(data, products)
    }

    fn open(data: &Path, products: u64) -> Result<Self> {
        let store = Store::open_existing(data)?;
        let part = store.read(part::list)?.into_iter().next().context("the company has no part")?;
        Ok(Self { data: data.to_owned(), products, store, part })
    }

    /// A copy in another folder. The company must not be served meanwhile.
    pub fn copy_to(&self, data: &Path) -> Result<Self> {
        self.store.checkpoint()?;
        let status = std::process::Command::new("cp").args(["-r", "--reflink=auto"]).arg(&self.data).arg(data).status()?;
        ensure!(status.success(), "cp of {}", self.data.display());
        Self::open(data, self.products)
    }

    /// All products of the data set, in no particular order, by their place in it.
    pub fn read_products(&self) -> Result<Vec<Product>> {
        let found = self.store.read(|tx| {
            let mut found = Vec::new();
            for (natural_key, id) in rows::ids_by_key(tx, &self.part.id, PRODUCT)? {
                // The products of the data set are known by UUIDs; those of the demo company are not.
                if natural_key.len() == 36
                    && let Some(placed) = rows::read(tx, &self.part.id, PRODUCT, id)?
                {
                    found.push((id, Product { natural_key, bucket: placed.bucket, values: placed.row.values }));
                }
            }
            Ok::<_, StoreError>(found)
        })?;
        let mut found = found;
        found.sort_by_key(|(id, _)| *id);
        Ok(found.into_iter().map(|(_, product)| product).collect())
    }

    /// Gives every `every`-th product, `count` of them, the price, stock and stamp of a revision, in one transaction; committed when this returns.
    pub fn change_products(&self, products: &mut [Product], count: u64, revision: u64) -> Result<()> {
        let every = products.len() / usize::try_from(count)?;
        let now = device::now();
        self.store.write(|tx| {
            let mut writer = ReferenceWriter::new(tx, &self.part, now);
            // Another start each time, so that not always the same rows change.
            let first = usize::try_from(revision).unwrap_or(0) % every.max(1);
            for (number, product) in
                products.iter_mut().enumerate().skip(first).step_by(every.max(1)).take(usize::try_from(count).unwrap_or(0))
            {
                let state = dataset::state(number as u64, revision);
                for (column, value) in
                    [("list_price", state.price), ("stock_total", state.stock), ("changed_at_ms", state.changed_at_s * 1_000)]
                {
                    let place = PRODUCT.columns.iter().position(|known| known.name == column).unwrap_or(0);
                    product.values[place] = Value::Int(value);
                }
                writer.put(PRODUCT, &product.natural_key, &product.bucket, &product.values)?;
            }
            writer.finish()?;
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    /// Further devices of reps, signed in without a password: what a login leaves in the database. Gives their tokens.
    pub fn sign_in_devices(&self, count: usize, people: &[Person]) -> Result<Vec<String>> {
        let now = device::now();
        let people = self.store.read(|tx| {
            let mut found = Vec::new();
            for person in people {
                let account = users::by_login(tx, &person.email)?.ok_or(StoreError::Corrupt("a demo person without account"))?;
                let card = polevik_server_store::people::positions::of_user(tx, &account.part_id, account.id)?
                    .into_iter()
                    .next()
                    .ok_or(StoreError::Corrupt("a demo person without position"))?;
                let scope = organisation::scope(tx, &account.part_id, card.position.id)?.ok_or(StoreError::Corrupt("no scope"))?;
                found.push((account.id, card.position.id, scope));
            }
            Ok::<Vec<(polevik_domain::ids::UserId, PositionId, Scope)>, StoreError>(found)
        })?;
        let mut tokens_made = Vec::with_capacity(count);
        self.store.write(|tx| {
            for n in 0..count {
                let (user, position, scope) = &people[n % people.len()];
                let (mut random, mut token) = ([0; 10], [0; 32]);
                getrandom::fill(&mut random).expect("the system has randomness");
                getrandom::fill(&mut token).expect("the system has randomness");
                let id = DeviceId::generate(now, random);
                devices::sign_in(tx, scope, *user, Introduction { id, model: "bench", app_version: "0" }, now)?;
                let token = hex::encode(token);
                tokens::issue(tx, TokenHash(*blake3::hash(token.as_bytes()).as_bytes()), &scope.part_id, id, *user, *position, now)?;
                tokens_made.push(token);
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(tokens_made)
    }
}
