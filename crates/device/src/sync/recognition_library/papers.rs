//! Papers that were fetched: judged, and what they say remembered.

use std::cell::RefCell;

use polevik_device_store::db::commit;
use polevik_device_store::work::library::{self, LibraryFact, LibraryVersion, Role};
use polevik_device_store::{StoreError, Transaction};
use polevik_domain::time::UtcMillis;
use polevik_protocol::ErrorCode;
use polevik_protocol::hash::Blake3Hex;
use polevik_recognition_library::container::Container;
use polevik_recognition_library::trust::{Accepted, Conditions, Verdict};
use polevik_recognition_library::{Refusal, Trust};

use super::{Refused, fact, set_fact};
use crate::device::Device;
use crate::error::Failed;

/// Judges papers that were fetched under this name. Good ones of another version begin to be fetched; good ones of a version that is here only
/// take the place of its old ones. `server_now` is the device's clock as the server corrects it.
///
/// # Errors
///
/// L502 for papers that are not those of the name, which are asked for again; L507 for papers that are refused, which are not.
pub fn take_manifest(device: &RefCell<Device>, hash: &Blake3Hex, bytes: &[u8], server_now: UtcMillis) -> Result<(), Failed> {
    let mut device = device.borrow_mut();
    let app_version = device.app_version().to_owned();
    let tx = device.store.work()?;
    let trust: Trust = fact(&tx, LibraryFact::Trust)?.unwrap_or_default();
    let Verdict { trust: believed, manifest } = trust.judge(bytes, Conditions { announced: hash, app_version: &app_version, server_now });
    if believed != trust {
        set_fact(&tx, LibraryFact::Trust, &believed)?;
    }
    let refusal = match manifest {
        Ok(accepted) => {
            library::clear_fact(&tx, LibraryFact::Refused)?;
            accept(&tx, hash, bytes, accepted)?;
            None
        }
        // Spoiled on the way, or by whoever stands in it: the papers themselves may be good.
        Err(refusal @ (Refusal::TooLong | Refusal::NotAsAnnounced)) => {
            return Err(Failed::new(ErrorCode::FileDamaged, refusal.to_string()));
        }
        Err(refusal) => {
            set_fact(&tx, LibraryFact::Refused, &Refused { papers: hash.clone(), app_version, why: refusal.to_string() })?;
            Some(refusal)
        }
    };
    commit(tx)?;
    device.library = None;
    refusal.map_or(Ok(()), |refusal| Err(Failed::new(ErrorCode::RecognitionLibraryRefused, refusal.to_string())))
}

fn accept(tx: &Transaction<'_>, papers: &Blake3Hex, bytes: &[u8], accepted: Accepted) -> Result<(), StoreError> {
    for role in [Role::Staged, Role::Active] {
        let is_same = |version: &LibraryVersion| Container::read(&version.signed).is_some_and(|known| known.manifest == accepted.text);
        if library::version(tx, role)?.is_some_and(|version| is_same(&version)) {
            if role == Role::Active {
                library::forget(tx, Role::Staged)?;
            }
            return library::replace_papers(tx, role, papers, bytes);
        }
    }
    let manifest = accepted.manifest;
    library::stage(
        tx,
        &LibraryVersion {
            manifest: papers.clone(),
            version: manifest.version,
            bytes: manifest.bytes(),
            expires_at: manifest.expires_at_ms,
            ready: false,
            signed: bytes.to_vec(),
        },
    )?;
    // Files that a version has already are kept also for this one, whatever becomes of that version.
    for role in [Role::Active, Role::Previous] {
        let held = library::files(tx, role)?;
        for file in manifest.files.iter().filter(|file| held.iter().any(|(name, _)| *name == file.hash)) {
            library::note_file(tx, &file.hash, file.bytes)?;
        }
    }
    Ok(())
}
