//! The data folder, and the database for code that must not block.

use std::cell::Cell;
use std::path::Path;

use polevik_domain::time::UtcMillis;
use polevik_server_store::{Store, StoreError, Transaction, migrate};

/// Now, by the system's clock: for the programs' edges; everything below takes the time as an argument.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the server's programs ask the system for the time")]
pub fn system_now() -> UtcMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Opens the database of a data folder that must have one, of exactly this program's schema.
///
/// # Errors
///
/// [`StoreError::Missing`], [`StoreError::TooOld`] and others, each saying what to do.
pub fn open(data: &Path) -> Result<Store, StoreError> {
    let store = Store::open_existing(data)?;
    migrate::require_current(&store)?;
    Ok(store)
}

/// Opens or makes the database of a data folder, and brings it to this program's schema.
///
/// # Errors
///
/// [`StoreError`].
pub fn open_migrated(data: &Path) -> Result<Store, StoreError> {
    let store = Store::open_or_create(data)?;
    migrate::run(&store, system_now())?;
    Ok(store)
}

/// [`Store::write`] on a thread that may block.
///
/// # Errors
///
/// What `work` gives. A panic of `work` is passed on.
pub async fn write<T, E>(store: &Store, work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let store = store.clone();
    blocking(move || store.write(work)).await
}

/// [`Store::read`] on a thread that may block.
///
/// # Errors
///
/// What `work` gives. A panic of `work` is passed on.
pub async fn read<T, E>(store: &Store, work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let store = store.clone();
    blocking(move || store.read(work)).await
}

thread_local! {
    static IN_PLACE: Cell<bool> = const { Cell::new(false) };
}

/// From now on [`blocking`] runs its work right here when it is called on this thread: for a simulation, in which one thread is the whole
/// world and the order of events follows from a seed.
pub fn block_in_place_on_this_thread() {
    IN_PLACE.set(true);
}

/// Runs `work` on a thread that may block, and passes its panic on.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    if IN_PLACE.get() {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
