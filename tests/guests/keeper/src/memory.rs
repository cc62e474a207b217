//! Linear memory from address 0 to its end: searched, filled where nothing lives, or filled altogether.

use std::arch::wasm32::{memory_grow, memory_size};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::canary::{Canary, Sought, Words};

const PAGE_BYTES: usize = 64 << 10;
/// Below a function's own frame: what it calls may use as much.
const FRAMES_BYTES: usize = 4 << 10;
/// Left to the allocator when all other memory is taken from it.
const ROOM_BYTES: usize = 32 << 10;
/// Room among what is zero at the start, and among what is not.
static ZEROED: [AtomicU64; 1024] = [const { AtomicU64::new(0) }; 1024];
static WRITTEN: [AtomicU64; 1024] = [const { AtomicU64::new(1) }; 1024];
/// Where the pages begin that were grown by hand, which the allocator does not know.
static GROWN: AtomicUsize = AtomicUsize::new(usize::MAX);

pub fn bytes() -> usize {
    memory_size(0) * PAGE_BYTES
}

/// How many canaries of other requests stand in memory, at whatever address.
pub fn search(sought: &Sought) -> usize {
    let last = bytes() - size_of::<Words>();
    (zero()..=last).filter(|at| sought.is_canary(word(*at), word(at + 8)) && sought.is_foreign(words(*at))).count()
}

/// Page by page. How many words of the new pages are not zero.
pub fn grow_to_the_limit() -> usize {
    drop(black_box(vec![1_u8; ROOM_BYTES]));
    let first = bytes();
    GROWN.fetch_min(first, Ordering::Relaxed);
    while memory_grow(0, 1) != usize::MAX {}
    (first..bytes()).step_by(8).filter(|at| word(*at) != 0).count()
}

/// Everywhere but where this guest lives: the heap, what has a place from the start, the stack below, and pages of its own.
pub fn keep(canary: &Canary) {
    (0..100).for_each(|_| std::mem::forget(black_box(canary.repeated(32))));
    drop(black_box(canary.repeated(ROOM_BYTES / 2)));
    for at in 0..ZEROED.len() {
        ZEROED[at].store(canary.0[at % 4], Ordering::Relaxed);
        WRITTEN[at].store(canary.0[at % 4], Ordering::Relaxed);
    }
    let marker = 0_u8;
    // The stack lies at the bottom of memory, and grows down.
    let frame = &raw const *black_box(&marker) as usize;
    fill(canary, zero(), frame.saturating_sub(FRAMES_BYTES));
    fill(canary, GROWN.load(Ordering::Relaxed), bytes());
}

/// All of it, also what this guest lives on: whoever calls this must not come back. The canary as text, where it now stands.
pub fn overwrite(canary: &Canary) -> &'static str {
    fill(canary, zero(), bytes());
    // SAFETY: there stands a canary, which is text, and nobody changes memory any more.
    #[expect(unsafe_code, reason = "the allocator is gone")]
    unsafe {
        str::from_utf8_unchecked(std::slice::from_raw_parts(PAGE_BYTES as *const u8, size_of::<Words>()))
    }
}

#[inline(always)]
fn fill(canary: &Canary, from: usize, to: usize) {
    let [first, second, third, fourth] = canary.0;
    for at in (from..to).step_by(32) {
        set_word(at, first);
        set_word(at + 8, second);
        set_word(at + 16, third);
        set_word(at + 24, fourth);
    }
}

/// To the end of the stack, with the canary in each frame.
#[inline(never)]
pub fn recurse(canary: Canary, depth: u64) {
    let frame = black_box([canary; 8]);
    if black_box(depth) < u64::MAX {
        recurse(frame[0], depth + 1);
    }
    black_box(frame);
}

/// An address as any other: the compiler must not know which it is.
fn zero() -> usize {
    black_box(0)
}

fn words(at: usize) -> Words {
    std::array::from_fn(|index| word(at + 8 * index))
}

fn word(at: usize) -> u64 {
    // SAFETY: it lies within memory, whoever it belongs to.
    #[expect(unsafe_code, reason = "all memory is read, whatever it holds")]
    unsafe {
        std::ptr::read_unaligned(at as *const u64)
    }
}

fn set_word(at: usize, word: u64) {
    // SAFETY: it lies within memory that belongs to nobody, or to nobody who will run again.
    #[expect(unsafe_code, reason = "all memory is written, whatever it holds")]
    unsafe {
        std::ptr::write_unaligned(at as *mut u64, word);
    }
}
