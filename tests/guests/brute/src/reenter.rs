//! An allocator that calls the host: the host asks for room for its answer, and is called while it waits for that room.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use sluicegate_plugin::notes;

/// The next allocation calls the host, and so does each within that call.
static CALLS: AtomicBool = AtomicBool::new(false);

pub struct Allocator;

// SAFETY: all is left to the system's allocator; what is called before it allocates nothing that it was asked for.
#[expect(unsafe_code, reason = "the only way to run while the host asks for room")]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if CALLS.load(Ordering::Relaxed) {
            std::mem::forget(notes::load());
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

pub fn call_while_called() {
    notes::store(b"something to load");
    CALLS.store(true, Ordering::Relaxed);
    std::mem::forget(notes::load());
}
