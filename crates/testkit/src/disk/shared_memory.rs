//! The memory that all connections to one database share for the index of its write-ahead log.

#![expect(unsafe_code, reason = "SQLite is given raw memory that several connections write at once, as a mapped file would be")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// Pages that stay where they are until the last handle of their time is gone.
#[derive(Debug, Default)]
pub(super) struct SharedMemory {
    pages: Mutex<Vec<Page>>,
}

#[derive(Debug)]
struct Page {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a page is memory of its own that nothing here reads or writes; SQLite orders its accesses by the locks of the index.
unsafe impl Send for Page {}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: allocated in `SharedMemory::page` with this layout, and freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl SharedMemory {
    /// Page `index`; made of zeros, with those before it, when `extend` asks for it. `None` if it is not there.
    pub fn page(&self, index: usize, len_bytes: usize, extend: bool) -> Option<NonNull<u8>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        while extend && pages.len() <= index {
            let layout = Layout::from_size_align(len_bytes.max(8), 8).ok()?;
            // SAFETY: the layout is not empty.
            let start = unsafe { alloc_zeroed(layout) };
            let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
            pages.push(Page { start, layout });
        }
        pages.get(index).map(|page| page.start)
    }
}
