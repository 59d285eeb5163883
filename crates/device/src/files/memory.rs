//! Files in memory that fail, fill up and lose power by plan: for tests and the simulation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use polevik_protocol::hash::Blake3Hex;

use super::{Files, FilesError, Held, Kind, Result, Room};

/// What goes wrong at a planned operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The place says that it is full; nothing was done.
    NoSpace,
    /// The process ends before the operation: it and all later ones fail until [`MemoryFiles::restart`].
    CrashBefore,
    /// The process ends in the middle: half of what was to be written is there.
    CrashWithin,
    /// The process ends when the operation is done, but before the caller hears of it.
    CrashAfter,
}

/// A place in memory. Clones are the same place, which outlives the processes that use it.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    place: Rc<RefCell<Place>>,
}

#[derive(Debug, Default)]
struct Place {
    whole: BTreeMap<Blake3Hex, Vec<u8>>,
    parts: BTreeMap<Blake3Hex, Vec<u8>>,
    /// Most bytes of all together; `None` = no end.
    capacity: Option<u64>,
    /// Operations so far.
    operations: u64,
    plan: Option<(u64, Fault)>,
    has_crashed: bool,
}

impl MemoryFiles {
    /// The place is full at so many bytes; `None` = never.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.place.borrow_mut().capacity = bytes;
    }

    /// How many operations that change something there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.place.borrow().operations
    }

    /// Plans what goes wrong at the operation of this number, counted from 0 as [`MemoryFiles::operations`] counts.
    pub fn plan(&self, operation: u64, fault: Fault) {
        self.place.borrow_mut().plan = Some((operation, fault));
    }

    /// Whether the planned crash has happened.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.place.borrow().has_crashed
    }

    /// The next process begins; nothing is planned any more.
    pub fn restart(&self) {
        let mut place = self.place.borrow_mut();
        (place.has_crashed, place.plan) = (false, None);
    }

    /// Power is lost: of parts, which are not synced while they grow, the second half is gone.
    pub fn lose_power(&self) {
        for part in self.place.borrow_mut().parts.values_mut() {
            part.truncate(part.len() / 2);
        }
    }

    /// Somebody removes a file behind our back, as cleaners do; says whether there was one.
    #[must_use]
    pub fn lose(&self, name: &Blake3Hex) -> bool {
        self.place.borrow_mut().whole.remove(name).is_some()
    }

    /// A file as it lies there.
    #[must_use]
    pub fn peek(&self, name: &Blake3Hex) -> Option<Vec<u8>> {
        self.place.borrow().whole.get(name).cloned()
    }

    /// Turns a bit of a whole file or a part.
    pub fn flip_bit(&self, name: &Blake3Hex, at_byte: usize) {
        let place = &mut *self.place.borrow_mut();
        if let Some(byte) = place.whole.get_mut(name).or(place.parts.get_mut(name)).and_then(|bytes| bytes.get_mut(at_byte)) {
            *byte ^= 1;
        }
    }

    /// Changes the place, or does what is planned instead. `write` is told whether to do the whole of it or half.
    fn change<T>(&self, adds: usize, write: impl FnOnce(&mut Place, bool) -> Result<T>) -> Result<T> {
        let mut place = self.place.borrow_mut();
        let place = &mut *place;
        place.alive()?;
        let number = place.operations;
        place.operations += 1;
        let fault = place.plan.take_if(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault == Some(Fault::NoSpace) || place.capacity.is_some_and(|capacity| place.used() + adds as u64 > capacity) {
            return Err(FilesError::NoSpace("the place is full".to_owned()));
        }
        let done = match fault {
            Some(Fault::CrashBefore) => None,
            Some(Fault::CrashWithin) => Some(write(place, false)),
            Some(Fault::CrashAfter | Fault::NoSpace) | None => Some(write(place, true)),
        };
        match (fault, done) {
            (None, Some(done)) => done,
            _ => {
                place.has_crashed = true;
                place.alive()?;
                Err(FilesError::NotFound)
            }
        }
    }
}

impl Place {
    fn alive(&self) -> Result<()> {
        if self.has_crashed { Err(FilesError::Refused("the process has ended".to_owned())) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.whole.values().chain(self.parts.values()).map(|bytes| bytes.len() as u64).sum()
    }
}

fn cut(bytes: &[u8], from: u64, len: u64) -> Vec<u8> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes[place(from)..place(from.saturating_add(len))].to_vec()
}

impl Files for MemoryFiles {
    async fn size(&self, name: &Blake3Hex) -> Result<Option<u64>> {
        let place = self.place.borrow();
        place.alive()?;
        Ok(place.whole.get(name).map(|bytes| bytes.len() as u64))
    }

    async fn read(&self, name: &Blake3Hex, from: u64, len: u64) -> Result<Vec<u8>> {
        let place = self.place.borrow();
        place.alive()?;
        place.whole.get(name).map(|bytes| cut(bytes, from, len)).ok_or(FilesError::NotFound)
    }

    async fn put(&self, bytes: &[u8]) -> Result<Blake3Hex> {
        let name = Blake3Hex::of(bytes);
        self.change(bytes.len(), |place, wholly| {
            if wholly {
                place.parts.remove(&name);
                place.whole.insert(name.clone(), bytes.to_vec());
            } else {
                place.parts.insert(name.clone(), bytes[..bytes.len() / 2].to_vec());
            }
            Ok(name.clone())
        })
    }

    async fn remove(&self, name: &Blake3Hex) -> Result<()> {
        self.change(0, |place, wholly| {
            if wholly {
                place.whole.remove(name);
            }
            Ok(())
        })
    }

    async fn part_size(&self, name: &Blake3Hex) -> Result<u64> {
        let place = self.place.borrow();
        place.alive()?;
        Ok(place.parts.get(name).map_or(0, |bytes| bytes.len() as u64))
    }

    async fn read_part(&self, name: &Blake3Hex, from: u64, len: u64) -> Result<Vec<u8>> {
        let place = self.place.borrow();
        place.alive()?;
        place.parts.get(name).map(|bytes| cut(bytes, from, len)).ok_or(FilesError::NotFound)
    }

    async fn append_part(&self, name: &Blake3Hex, offset: u64, bytes: &[u8]) -> Result<()> {
        self.change(bytes.len(), |place, wholly| {
            let have = place.parts.get(name).map_or(0, |part| part.len() as u64);
            if have != offset {
                return Err(FilesError::Offset { have });
            }
            let bytes = if wholly { bytes } else { &bytes[..bytes.len() / 2] };
            place.parts.entry(name.clone()).or_default().extend_from_slice(bytes);
            Ok(())
        })
    }

    async fn seal_part(&self, name: &Blake3Hex) -> Result<()> {
        self.change(0, |place, wholly| {
            let bytes = place.parts.get(name).ok_or(FilesError::NotFound)?;
            let is_right = Blake3Hex::of(bytes) == *name;
            if wholly && let Some(bytes) = place.parts.remove(name) {
                if !is_right {
                    return Err(FilesError::Damaged);
                }
                place.whole.insert(name.clone(), bytes);
            }
            Ok(())
        })
    }

    async fn remove_part(&self, name: &Blake3Hex) -> Result<()> {
        self.change(0, |place, wholly| {
            if wholly {
                place.parts.remove(name);
            }
            Ok(())
        })
    }

    async fn list(&self) -> Result<Vec<Held>> {
        let place = self.place.borrow();
        place.alive()?;
        let held = |kind| move |(name, bytes): (&Blake3Hex, &Vec<u8>)| Held { name: name.clone(), bytes: bytes.len() as u64, kind };
        Ok(place.whole.iter().map(held(Kind::Whole)).chain(place.parts.iter().map(held(Kind::Part))).collect())
    }

    async fn room(&self) -> Room {
        let place = self.place.borrow();
        Room { free: place.capacity.map(|capacity| capacity.saturating_sub(place.used())), persistent: Some(true) }
    }
}
