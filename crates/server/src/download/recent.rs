//! Segments that were fetched lately, kept in memory: at eight in the morning a thousand phones fetch the same few.
//!
//! All who are sent a segment share its bytes, so slow readers cost no more memory than one; and as long as nothing is written, nothing is
//! asked of the database. Segments never change, so what is kept is never wrong; who may have one is asked each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use polevik_domain::position::Scope;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::manifest::Blake3Hex;
use polevik_server_store::feed::segments;

use super::entitlement::{KnownKinds, buckets_of};
use crate::app::App;
use crate::database;
use crate::error::HttpError;
use crate::feed::generations::Generations;

/// Most bytes of one of the two generations that are kept: 32 MiB.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A segment in memory.
#[derive(Debug)]
pub struct Recent {
    /// Who may have it.
    bucket: BucketName,
    /// All of it.
    pub bytes: Bytes,
}

/// See the module.
pub struct RecentSegments(Mutex<Generations<(String, Blake3Hex), Arc<Recent>>>);

impl Default for RecentSegments {
    fn default() -> Self {
        Self(Mutex::new(Generations::new(MOST_BYTES)))
    }
}

impl RecentSegments {
    /// A segment of one of the scope's buckets.
    ///
    /// # Errors
    ///
    /// Not found, also if it is another's; S303 when too many are read at once; what the database or the disk says.
    pub async fn fetch(&self, app: &App, scope: &Arc<Scope>, hash: &Blake3Hex) -> Result<Arc<Recent>, HttpError> {
        let key = (scope.part_id.clone(), hash.clone());
        let kept = self.kept().get(&key);
        let recent = match kept {
            Some(recent) => recent,
            None => self.load(app, scope, key).await?,
        };
        if may_have(app, scope, &recent.bucket).await? { Ok(recent) } else { Err(HttpError::not_found()) }
    }

    async fn load(&self, app: &App, scope: &Arc<Scope>, key: (String, Blake3Hex)) -> Result<Arc<Recent>, HttpError> {
        let (hash, asked) = (key.1.clone(), scope.clone());
        let found = database::read(&app.store, move |tx| {
            let found = segments::find(tx, &asked.part_id, &hash)?.ok_or_else(HttpError::not_found)?;
            // Asked here too, so that nobody has others' segments read.
            let mine = buckets_of(tx, &asked, KnownKinds::ALL)?.contains(&found.bucket);
            if mine { Ok::<_, HttpError>(found) } else { Err(HttpError::not_found()) }
        })
        .await?;
        let bytes = match found.body {
            Some(body) => Bytes::from(body),
            None => {
                let _room = app.admission.segment(found.byte_count, app.jitter()).await?;
                // Somebody may have read it while this one waited.
                if let Some(recent) = self.kept().get(&key) {
                    return Ok(recent);
                }
                app.blobs.read_segment(&key.1, None).await.map_err(HttpError::internal)?
            }
        };
        let weight = bytes.len();
        let recent = Arc::new(Recent { bucket: found.bucket, bytes });
        self.kept().put(key, recent.clone(), weight);
        Ok(recent)
    }

    /// What the lock guards is sound at every moment, also after a panic.
    fn kept(&self) -> MutexGuard<'_, Generations<(String, Blake3Hex), Arc<Recent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a bucket is one of the scope's.
async fn may_have(app: &App, scope: &Arc<Scope>, bucket: &BucketName) -> Result<bool, HttpError> {
    if let Some(announced) = app.announcements.known(scope, KnownKinds::ALL, app.store.version()?) {
        return Ok(announced.buckets.iter().any(|known| known.name() == bucket));
    }
    let (scope, bucket) = (scope.clone(), bucket.clone());
    database::read(&app.store, move |tx| Ok(buckets_of(tx, &scope, KnownKinds::ALL)?.contains(&bucket))).await
}
