//! Which recognition library a device shall have: the newest release that has reached it.
//!
//! Kept in memory like the announcements: as long as nobody writes, nothing is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polevik_domain::ids::DeviceId;
use polevik_protocol::file::LibraryNews;
use polevik_server_store::library::{self, Release};

use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::database;
use crate::error::HttpError;

/// Most parts of which releases are remembered; beyond that all are read again.
const MOST_PARTS: usize = 10_000;

/// The releases of each part as they were last read.
#[derive(Default)]
pub struct Releases {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    /// As of this version of the database.
    as_of: u64,
    /// The newest first.
    releases: Arc<[Release]>,
}

impl Releases {
    /// What a device is told that goes by the papers whose name begins with `held`; empty = it has none. `None` if it has what it shall have.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn news(&self, app: &App, device: &AuthenticatedDevice, held: &str) -> Result<Option<LibraryNews>, HttpError> {
        let part_id = &device.scope.part_id;
        let as_of = app.store.version()?;
        let known = lock(&self.known).get(part_id).filter(|known| known.as_of == as_of).cloned();
        let releases = match known {
            Some(known) => known.releases,
            None => {
                let part = part_id.clone();
                let releases: Arc<[Release]> = database::read(&app.store, move |tx| library::releases(tx, &part)).await?.into();
                let mut known = lock(&self.known);
                if known.len() >= MOST_PARTS {
                    known.clear();
                }
                known.insert(part_id.clone(), Known { as_of, releases: Arc::clone(&releases) });
                releases
            }
        };
        Ok(news_of(&releases, device.lineage, held))
    }
}

fn news_of(releases: &[Release], lineage: DeviceId, held: &str) -> Option<LibraryNews> {
    let shall = releases.iter().find(|release| !release.is_stopped && has_reached(release.percent, lineage))?;
    let is_held = |release: &&Release| !held.is_empty() && release.name.as_str().starts_with(held);
    // Who has a newer one, from before it was stopped, keeps it: devices never go back.
    if releases.iter().find(is_held).is_some_and(|held| held.version >= shall.version) {
        return None;
    }
    Some(LibraryNews { manifest: shall.name.clone(), version: shall.version, bytes: shall.bytes })
}

/// Whether a release for so many percent of the devices is for this one. Who is among 1 % is among 10 %.
///
/// By the chain of a device, not by its id: a clone that goes on under a new id stays where it was.
#[must_use]
pub fn has_reached(percent: u8, lineage: DeviceId) -> bool {
    let digest = blake3::hash(lineage.as_bytes());
    let place = digest.as_bytes().iter().take(4).fold(0u64, |place, byte| place << 8 | u64::from(*byte));
    // 2³² places; a device's own place never changes.
    place * 100 < u64::from(percent) << 32
}

/// What the lock guards is sound at every moment, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use polevik_domain::time::UtcMillis;
    use polevik_protocol::Blake3Hex;

    use super::*;

    fn device(number: u32) -> DeviceId {
        let [a, b, c, d] = number.to_le_bytes();
        DeviceId::generate(UtcMillis(1), [0, 0, 0, 0, 0, 0, a, b, c, d])
    }

    fn release(version: u64, percent: u8) -> Release {
        let name = Blake3Hex::of(&version.to_le_bytes());
        Release { version, name, bytes: 1, percent, is_stopped: false, published_at: UtcMillis(1) }
    }

    #[test]
    fn a_device_among_the_first_is_among_all_later_ones_and_the_shares_are_right() {
        let devices: Vec<DeviceId> = (0..20_000).map(device).collect();
        let reached = |percent| devices.iter().filter(|device| has_reached(percent, **device)).count();
        for (percent, least, most) in [(0, 0, 0), (1, 150, 250), (10, 1_850, 2_150), (50, 9_700, 10_300), (100, 20_000, 20_000)] {
            assert!((least..=most).contains(&reached(percent)), "{percent} %: {}", reached(percent));
        }
        for device in devices.iter().take(2_000) {
            assert!((1..100).all(|percent| !has_reached(percent, *device) || has_reached(percent + 1, *device)));
        }
    }

    #[test]
    fn a_device_is_told_of_the_newest_release_that_has_reached_it() {
        let first = (0..).map(device).find(|device| has_reached(1, *device)).unwrap();
        let last = (0..).map(device).find(|device| !has_reached(99, *device)).unwrap();
        let told = |releases: &[Release], device, held: &str| news_of(releases, device, held).map(|news| news.version);
        let releases = [release(2, 1), release(1, 100)];
        assert_eq!((told(&releases, first, ""), told(&releases, last, "")), (Some(2), Some(1)));
        let name = |version: u64| Blake3Hex::of(&version.to_le_bytes()).as_str()[..16].to_owned();
        assert_eq!(told(&releases, first, &name(2)), None);
        assert_eq!(told(&releases, first, &name(1)), Some(2));
        assert_eq!(told(&releases, last, &name(1)), None);
        assert_eq!(told(&releases, last, "of another server"), Some(1));
        assert_eq!(told(&[], first, ""), None);

        // Stopped: who has it keeps it, nobody else begins.
        let stopped = [Release { is_stopped: true, ..release(2, 100) }, release(1, 100)];
        assert_eq!((told(&stopped, first, &name(2)), told(&stopped, first, &name(1)), told(&stopped, last, "")), (None, None, Some(1)));
    }
}
