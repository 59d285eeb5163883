//! Fair share at eight in the morning: who may in now, and who shall come when.
//!
//! Everything that costs much is bounded: bytes of bodies in memory, batches at the database, password hashes of 19 MiB each. Who does not
//! get a place within a short wait is told when to come back, spread so that not all come at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::HttpError;

/// Bytes of request bodies held at once, in KiB: 64 MiB.
const BODY_BUDGET_KIB: u32 = 64 * 1024;

/// Synchronisations that work at the database at once. The writer is one; the rest read.
const SYNCS_AT_ONCE: usize = 16;

/// Passwords hashed at once: 19 MiB and one core each.
const HASHES_AT_ONCE: usize = 2;

/// How long somebody waits for a place.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The places.
#[derive(Debug, Clone)]
pub struct Admission {
    body_kib: Arc<Semaphore>,
    syncs: Arc<Semaphore>,
    hashes: Arc<Semaphore>,
    longest_wait: Duration,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            body_kib: Arc::new(Semaphore::new(usize::try_from(BODY_BUDGET_KIB).unwrap_or(usize::MAX))),
            syncs: Arc::new(Semaphore::new(SYNCS_AT_ONCE)),
            hashes: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            longest_wait: LONGEST_WAIT,
        }
    }
}

impl Admission {
    /// Room for a body of up to `bytes`; held until it is dropped.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn body(&self, bytes: usize, jitter: u8) -> Result<OwnedSemaphorePermit, HttpError> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(BODY_BUDGET_KIB).clamp(1, BODY_BUDGET_KIB);
        self.place(self.body_kib.clone().acquire_many_owned(kib), jitter).await
    }

    /// A place at the database for one synchronisation.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn sync(&self, jitter: u8) -> Result<OwnedSemaphorePermit, HttpError> {
        self.place(self.syncs.clone().acquire_owned(), jitter).await
    }

    /// A place for hashing one password.
    ///
    /// # Errors
    ///
    /// Busy, after a wait.
    pub async fn hash(&self, jitter: u8) -> Result<OwnedSemaphorePermit, HttpError> {
        self.place(self.hashes.clone().acquire_owned(), jitter).await
    }

    async fn place<E>(
        &self,
        asked: impl Future<Output = Result<OwnedSemaphorePermit, E>>,
        jitter: u8,
    ) -> Result<OwnedSemaphorePermit, HttpError> {
        match tokio::time::timeout(self.longest_wait, asked).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphores are never closed; a wait that was too long is the only way here.
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("polevik_turned_away_total").increment(1);
                Err(HttpError::busy(retry_after_s(jitter)))
            }
        }
    }
}

/// Between 5 and 36 seconds, evenly for an even `jitter`.
fn retry_after_s(jitter: u8) -> u32 {
    5 + u32::from(jitter) / 8
}

#[cfg(test)]
mod tests {
    use polevik_protocol::error_code::ErrorCode;

    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_is_told_when_to_come_back() {
        let admission = Admission { longest_wait: Duration::from_millis(1), ..Admission::default() };
        let taken = admission.body(usize::MAX, 0).await.unwrap();
        assert_eq!(admission.body(1, 0).await.unwrap_err().code(), ErrorCode::ServerBusy);
        drop(taken);
        assert!(admission.body(1, 0).await.is_ok());
        assert_eq!((retry_after_s(0), retry_after_s(255)), (5, 36));
    }
}
