//! The bytes of one file, and what a power cut could leave of them.

use std::collections::BTreeMap;

use crate::random::Random;

/// What a disk writes whole or not at all, in bytes.
const SECTOR_BYTES: usize = 512;

/// What a file holds now, and what each sector held since the last sync.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    now: Vec<u8>,
    /// For each sector touched since the last sync: everything it held since then, the synced bytes first. What it holds now is not in here.
    /// The last sector of a file may be shorter, and one past its end is empty.
    earlier: BTreeMap<usize, Vec<Box<[u8]>>>,
    synced_len: usize,
}

impl Contents {
    /// A file whose bytes are all synced.
    pub fn synced(bytes: Vec<u8>) -> Self {
        Self { synced_len: bytes.len(), now: bytes, earlier: BTreeMap::new() }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.now
    }

    /// Bytes at `offset`, as many as there are; gives how many.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let found = self.now.get(offset..).unwrap_or_default();
        let len = found.len().min(buffer.len());
        buffer[..len].copy_from_slice(&found[..len]);
        len
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.remember(offset.min(self.now.len()), end);
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[offset..end].copy_from_slice(bytes);
    }

    pub fn truncate(&mut self, len: usize) {
        self.remember(len.min(self.now.len()), len.max(self.now.len()));
        self.now.resize(len, 0);
    }

    /// From here on a power cut finds what the file holds now.
    pub fn sync(&mut self) {
        self.earlier.clear();
        self.synced_len = self.now.len();
    }

    /// Changes bytes at rest: nothing notices, and a sync changes nothing about it.
    pub fn damage(&mut self, offset: usize, change: impl Fn(u8) -> u8) {
        if let Some(byte) = self.now.get_mut(offset) {
            *byte = change(*byte);
        }
        for version in self.earlier.get_mut(&(offset / SECTOR_BYTES)).into_iter().flatten() {
            if let Some(byte) = version.get_mut(offset % SECTOR_BYTES) {
                *byte = change(*byte);
            }
        }
    }

    /// After a power cut that lost all that was not synced.
    pub fn lose_unsynced(&mut self) {
        self.now.resize(self.synced_len, 0);
        for (sector, versions) in std::mem::take(&mut self.earlier) {
            self.put(sector, &versions[0]);
        }
    }

    /// After a power cut while the disk was writing: each sector as it was at any moment since the last sync.
    pub fn tear_unsynced(&mut self, random: &mut Random) {
        let written = std::mem::take(&mut self.now);
        // A file grows by and by, but is cut off at once or not at all.
        let grown = written.len().saturating_sub(self.synced_len);
        let len = match random.below(3) {
            0 => self.synced_len,
            1 if grown > 0 => self.synced_len + random.index(grown),
            _ => written.len(),
        };
        self.now = written.clone();
        self.now.resize(len, 0);
        for (sector, versions) in std::mem::take(&mut self.earlier) {
            // Where the file was cut off, the disk holds what was there before, or nothing.
            let has_newest = sector * SECTOR_BYTES < written.len();
            let kept = random.index(versions.len() + usize::from(has_newest));
            if let Some(version) = versions.get(kept) {
                self.put(sector, version);
            }
        }
        self.synced_len = len;
    }

    /// Notes what the sectors of `start..end` hold, before they change.
    fn remember(&mut self, start: usize, end: usize) {
        for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let from = (sector * SECTOR_BYTES).min(self.now.len());
            let to = (from + SECTOR_BYTES).min(self.now.len());
            self.earlier.entry(sector).or_default().push(self.now[from..to].into());
        }
    }

    /// Puts a sector back, as far as the file reaches; what the sector did not have then reads as zeros.
    fn put(&mut self, sector: usize, version: &[u8]) {
        let from = (sector * SECTOR_BYTES).min(self.now.len());
        let to = (from + SECTOR_BYTES).min(self.now.len());
        let place = &mut self.now[from..to];
        let len = version.len().min(place.len());
        place[..len].copy_from_slice(&version[..len]);
        place[len..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_is_lost_also_a_truncation() {
        let mut contents = Contents::default();
        contents.write(0, &[1; 2000]);
        contents.sync();
        contents.write(100, &[2; 700]);
        contents.truncate(300);
        contents.write(300, &[3; 5000]);
        contents.lose_unsynced();
        assert_eq!(contents.bytes(), [1; 2000]);
    }

    #[test]
    fn a_torn_write_keeps_some_sectors_and_never_touches_synced_ones() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut contents = Contents::default();
            contents.write(0, &[1; 1024]);
            contents.sync();
            contents.write(512, &[2; 512]);
            contents.write(1024, &[3; 512]);
            contents.tear_unsynced(&mut Random::new(seed));
            assert_eq!(contents.bytes()[..512], [1; 512]);
            let sector = |at: usize| contents.bytes().get(at).copied();
            seen.insert((sector(600), sector(1100)));
        }
        for kept in [(Some(1), None), (Some(1), Some(3)), (Some(2), None), (Some(2), Some(3)), (Some(1), Some(0))] {
            assert!(seen.contains(&kept), "{kept:?} was never left");
        }
    }
}
