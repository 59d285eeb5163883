//! What devices are told, kept in memory: most ask when nothing has changed, and then the database is not read at all.
//!
//! An announcement stands as long as nobody has written anything ([`Store::version`] says so for a few microseconds, also of other
//! processes). After a write it is compared with the change numbers of its buckets, and stands on when none of them moved. Only then is the
//! subscription looked up, sealed and announced anew; buckets that did not move are shared with all other subscriptions.
//!
//! Which buckets a scope has follows from rows of these very buckets (outlets of its territories, warehouses of its distributor), so they too
//! are looked up again only when one of them moved. Audiences follow from no bucket, and are looked up after every write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polevik_domain::ids::PositionId;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::change::ChangeNo;
use polevik_protocol::manifest::{Blake3Hex, Manifest, Root, RootBucket};
use polevik_protocol::sync::SHORT_ROOT_DIGITS;
use polevik_server_store::feed::{change_log, manifests};
use polevik_server_store::{Store, StoreError, Transaction, part};

use super::download::empty_manifest;
use super::generations::Generations;
use super::seal::{SealError, Sealed, Sealer};
use crate::download::entitlement::{KnownKinds, audiences_of, buckets_of};

/// A bucket as it was last sealed.
#[derive(Debug, PartialEq, Eq)]
pub struct SealedBucket {
    /// Its manifest, read.
    pub manifest: Manifest,
    /// The manifest's name.
    pub hash: Blake3Hex,
    /// The manifest, byte for byte as named.
    pub body: String,
}

impl SealedBucket {
    /// Which.
    #[must_use]
    pub fn name(&self) -> &BucketName {
        &self.manifest.bucket
    }

    /// Its last change number.
    #[must_use]
    pub fn head(&self) -> ChangeNo {
        self.manifest.head
    }
}

/// A root with the buckets it names.
#[derive(Debug)]
pub struct Announced {
    /// One life of the database.
    pub epoch: String,
    /// The root's JSON, byte for byte as named.
    pub root: String,
    /// The root's name.
    pub hash: Blake3Hex,
    /// The buckets, urgent ones first.
    pub buckets: Vec<Arc<SealedBucket>>,
}

impl Announced {
    /// Whether a device that names its root so, whole or by its first digits, holds this one.
    #[must_use]
    pub fn is(&self, root: &str) -> bool {
        root.len() >= SHORT_ROOT_DIGITS && self.hash.as_str().starts_with(root)
    }

    /// The name as steps give it.
    #[must_use]
    pub fn short_root(&self) -> &str {
        self.hash.as_str().get(..SHORT_ROOT_DIGITS).unwrap_or_default()
    }
}

/// What stood in a root that was announced.
#[derive(Debug, PartialEq, Eq)]
pub struct RememberedRoot {
    /// Of which life of the database.
    pub epoch: String,
    /// For devices that know these kinds of buckets.
    pub known: KnownKinds,
    /// Its buckets; many roots share one list.
    names: Arc<[BucketName]>,
    /// Their last change numbers.
    heads: Box<[ChangeNo]>,
}

impl RememberedRoot {
    /// The buckets with their last change numbers.
    pub fn heads(&self) -> impl Iterator<Item = (&BucketName, ChangeNo)> {
        self.names.iter().zip(self.heads.iter().copied())
    }
}

/// The newest announcement of one scope.
#[derive(Debug, Clone)]
struct Subscription {
    scope: Scope,
    /// It is known to be the newest as of this version of the database; `None`: something was written meanwhile.
    as_of: Option<u64>,
    announced: Arc<Announced>,
    /// Of the announced buckets, in their order.
    names: Arc<[BucketName]>,
}

/// Most subscriptions of one generation: as many positions may ask in turn without being looked up again.
const MOST_SUBSCRIPTIONS: usize = 20_000;

/// Most roots of one generation whose heads are remembered. A device that comes back with an older one is asked for its cursors.
const MOST_ROOTS: usize = 40_000;

/// Most bytes of manifests of one generation.
const MOST_MANIFEST_BYTES: usize = 32 * 1024 * 1024;

/// Part and first digits of a root's name.
type RootKey = (String, String);

/// Whose subscription it is, and which kinds of buckets it may have.
type SubscriptionKey = (String, PositionId, KnownKinds);

fn subscription_key(scope: &Scope, kinds: KnownKinds) -> SubscriptionKey {
    (scope.part_id.clone(), scope.position, kinds)
}

/// See the module.
pub struct Announcements {
    subscriptions: Mutex<Generations<SubscriptionKey, Subscription>>,
    buckets: Mutex<Generations<(String, BucketName), Arc<SealedBucket>>>,
    roots: Mutex<Generations<RootKey, Arc<RememberedRoot>>>,
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            subscriptions: Mutex::new(Generations::new(MOST_SUBSCRIPTIONS)),
            buckets: Mutex::new(Generations::new(MOST_MANIFEST_BYTES)),
            roots: Mutex::new(Generations::new(MOST_ROOTS)),
        }
    }
}

/// An announcement was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bucket could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Announcements {
    /// The root of a scope with everything in it that was committed before the call, sealed on the way if need be; with the kinds of buckets
    /// that the asking device knows. Blocks.
    ///
    /// # Errors
    ///
    /// [`AnnounceError`].
    pub fn newest(
        &self,
        store: &Store,
        sealer: &Sealer,
        scope: &Scope,
        kinds: KnownKinds,
        now: UtcMillis,
    ) -> Result<Arc<Announced>, AnnounceError> {
        let version = store.version()?;
        let key = subscription_key(scope, kinds);
        let known = lock(&self.subscriptions).get(&key).filter(|known| known.scope == *scope);
        let former_names = known.as_ref().map(|known| Arc::clone(&known.names));
        if let Some(mut known) = known {
            if known.as_of == Some(version) || polevik_planted::is(polevik_planted::Bug::StaleEntitlement) {
                return Ok(known.announced);
            }
            if store.read(|tx| stands(tx, scope, kinds, &known))? {
                known.as_of = Some(version);
                let announced = Arc::clone(&known.announced);
                lock(&self.subscriptions).put(key, known, 1);
                return Ok(announced);
            }
        }
        let names = store.read(|tx| buckets_of(tx, scope, kinds))?;
        count(sealer.seal_due(&scope.part_id, &names, now)?);
        let version = store.version()?;
        let (announced, is_newest) = store.read(|tx| self.announce(tx, scope, kinds))?;
        let announced = Arc::new(announced);
        let names = self.remember(&scope.part_id, kinds, &announced, former_names);
        let as_of = is_newest.then_some(version);
        let subscription = Subscription { scope: scope.clone(), as_of, announced: Arc::clone(&announced), names };
        lock(&self.subscriptions).put(key, subscription, 1);
        Ok(announced)
    }

    /// The newest root of a scope if it is known to be that as of this version of the database; `None` says nothing. Reads nothing.
    #[must_use]
    pub fn known(&self, scope: &Scope, kinds: KnownKinds, version: u64) -> Option<Arc<Announced>> {
        let key = subscription_key(scope, kinds);
        let known = lock(&self.subscriptions).get(&key)?;
        (known.scope == *scope && known.as_of == Some(version)).then_some(known.announced)
    }

    /// What stood in the root of that name, whole or its first digits; `None` if it is too long ago, or was announced by another process.
    #[must_use]
    pub fn remembered(&self, part_id: &str, root: &str) -> Option<Arc<RememberedRoot>> {
        let short = root.get(..SHORT_ROOT_DIGITS)?;
        lock(&self.roots).get(&(part_id.to_owned(), short.to_owned()))
    }

    /// Keeps what stands in the root; gives its buckets' names, as the same list as before if they are the same.
    fn remember(
        &self,
        part_id: &str,
        known: KnownKinds,
        announced: &Announced,
        former_names: Option<Arc<[BucketName]>>,
    ) -> Arc<[BucketName]> {
        let is_same = |names: &Arc<[BucketName]>| names.iter().eq(announced.buckets.iter().map(|bucket| bucket.name()));
        let names = match former_names.filter(is_same) {
            Some(names) => names,
            None => announced.buckets.iter().map(|bucket| bucket.name().clone()).collect(),
        };
        let heads = announced.buckets.iter().map(|bucket| bucket.head()).collect();
        let root = RememberedRoot { epoch: announced.epoch.clone(), known, names: Arc::clone(&names), heads };
        lock(&self.roots).put((part_id.to_owned(), announced.short_root().to_owned()), Arc::new(root), 1);
        names
    }

    /// The root as it is sealed, and whether that is all that is committed.
    fn announce(&self, tx: &Transaction<'_>, scope: &Scope, kinds: KnownKinds) -> Result<(Announced, bool), StoreError> {
        let part = part::load(tx, &scope.part_id)?;
        let mut names = buckets_of(tx, scope, kinds)?;
        names.sort_by(|a, b| (a.kind().priority(), a).cmp(&(b.kind().priority(), b)));
        names.dedup();
        let mut is_newest = true;
        let mut buckets = Vec::with_capacity(names.len());
        for name in names {
            let bucket = self.bucket(tx, &scope.part_id, &name)?;
            is_newest &= change_log::number(tx, &scope.part_id, &name)?.unwrap_or_default() == bucket.head();
            buckets.push(bucket);
        }
        let root = Root {
            epoch: part.epoch.clone(),
            hash_key: hex::encode(part.hash_key.0),
            buckets: buckets
                .iter()
                .map(|bucket| RootBucket {
                    name: bucket.name().clone(),
                    priority: bucket.name().kind().priority(),
                    head: bucket.head(),
                    manifest: bucket.hash.clone(),
                })
                .collect(),
        };
        let (root, hash) = root.seal();
        Ok((Announced { epoch: part.epoch, root, hash, buckets }, is_newest))
    }

    /// A bucket as it is sealed; its manifest is read only if it is not the one that is known.
    fn bucket(&self, tx: &Transaction<'_>, part_id: &str, name: &BucketName) -> Result<Arc<SealedBucket>, StoreError> {
        let key = (part_id.to_owned(), name.clone());
        let Some(hash) = manifests::name_of(tx, part_id, name)? else {
            let manifest = empty_manifest(name);
            let (body, hash) = manifest.seal();
            return Ok(Arc::new(SealedBucket { manifest, hash, body }));
        };
        if let Some(known) = lock(&self.buckets).get(&key)
            && known.hash == hash
        {
            return Ok(known);
        }
        let stored = manifests::find(tx, part_id, name)?.ok_or(StoreError::Corrupt("a manifest that is gone"))?;
        let manifest = Manifest::open(&stored.body, &stored.hash).map_err(|_| StoreError::Corrupt("manifest.body"))?;
        // As text and as values.
        let weight = stored.body.len() * 2;
        let bucket = Arc::new(SealedBucket { manifest, hash: stored.hash, body: stored.body });
        lock(&self.buckets).put(key, Arc::clone(&bucket), weight);
        Ok(bucket)
    }
}

/// Whether the announcement still says all that is committed.
fn stands(tx: &Transaction<'_>, scope: &Scope, kinds: KnownKinds, known: &Subscription) -> Result<bool, StoreError> {
    if part::load(tx, &scope.part_id)?.epoch != known.announced.epoch {
        return Ok(false);
    }
    let announced_audiences = known.names.iter().filter(|name| name.kind() == BucketKind::Audience);
    if !announced_audiences.eq(&audiences_of(tx, scope, kinds)?) {
        return Ok(false);
    }
    for bucket in &known.announced.buckets {
        if change_log::number(tx, &scope.part_id, bucket.name())?.unwrap_or_default() != bucket.head() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn count(sealed: Sealed) {
    metrics::counter!("polevik_sealed_buckets_total").increment(u64::try_from(sealed.buckets).unwrap_or(0));
}

/// What the locks guard is sound at every moment, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
