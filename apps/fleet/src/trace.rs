//! What happened in a world, line by line: the same seed must give the same lines, byte for byte.

use std::cell::RefCell;
use std::fmt;

use crate::clock;

/// The lines of one world: their hash always, their text if somebody wants to read it.
pub struct Trace {
    inner: RefCell<Inner>,
}

struct Inner {
    hasher: blake3::Hasher,
    lines: Option<Vec<String>>,
    count: u64,
}

impl Trace {
    /// An empty trace; `keep` keeps the text.
    pub fn new(keep: bool) -> Self {
        Self { inner: RefCell::new(Inner { hasher: blake3::Hasher::new(), lines: keep.then(Vec::new), count: 0 }) }
    }

    /// Adds a line, with the moment before it.
    pub fn line(&self, text: fmt::Arguments<'_>) {
        let mut inner = self.inner.borrow_mut();
        let text = format!("{:>9} {text}", clock::elapsed_ms());
        inner.hasher.update(text.as_bytes());
        inner.hasher.update(b"\n");
        inner.count += 1;
        if let Some(lines) = &mut inner.lines {
            lines.push(text);
        }
    }

    /// The hash over all lines so far, and how many they are.
    pub fn digest(&self) -> (String, u64) {
        let inner = self.inner.borrow();
        (inner.hasher.finalize().to_hex()[..16].to_owned(), inner.count)
    }

    /// The lines, if they were kept.
    pub fn lines(&self) -> Vec<String> {
        self.inner.borrow().lines.clone().unwrap_or_default()
    }
}

/// A short name of some bytes, for lines.
pub fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..8].to_owned()
}
