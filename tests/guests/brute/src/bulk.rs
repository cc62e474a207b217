//! Instructions that touch much memory at once: the engine looks at the clock before each, and not within.

use std::arch::wasm32::{memory_grow, memory_size};
use std::hint::black_box;

const PAGE_BYTES: usize = 64 << 10;

/// Takes all that the limit allows. Where it begins, and how many bytes there are; all of it is this guest's own.
fn all_that_there_is() -> (*mut u8, usize) {
    let first = memory_size(0);
    let mut step = 1 << 14;
    while step > 0 {
        if memory_grow(0, step) == usize::MAX {
            step /= 2;
        }
    }
    ((first * PAGE_BYTES) as *mut u8, (memory_size(0) - first) * PAGE_BYTES)
}

pub fn fill_once() {
    let (start, length) = all_that_there_is();
    fill(start, length, 7);
}

pub fn fill_without_end() {
    let (start, length) = all_that_there_is();
    (0..=u8::MAX).cycle().for_each(|byte| fill(start, length, byte));
}

pub fn copy_without_end() {
    let (start, length) = all_that_there_is();
    loop {
        let from = black_box(start);
        // SAFETY: both halves lie in memory that was grown for this alone; they may overlap.
        #[expect(unsafe_code, reason = "one `memory.copy` of almost all memory")]
        unsafe {
            std::ptr::copy(from, start.add(1), length - 1);
        }
    }
}

fn fill(start: *mut u8, length: usize, byte: u8) {
    // SAFETY: the memory was grown for this alone.
    #[expect(unsafe_code, reason = "one `memory.fill` of almost all memory")]
    unsafe {
        std::ptr::write_bytes(black_box(start), byte, length);
    }
}

pub fn spin() -> ! {
    let mut round = 0_u64;
    loop {
        round = black_box(round.wrapping_add(1));
    }
}
