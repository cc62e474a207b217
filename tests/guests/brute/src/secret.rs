//! Keeps a request's secret wherever a guest can keep anything, and looks for it in all memory that a guest can have.

use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::RefCell;
use std::hint::black_box;

use sluicegate_plugin::{notes, request};

use crate::act::say;

const PAGE_BYTES: usize = 64 << 10;
/// What the sought text is masked with, so that looking for it does not put it where it is looked for.
const MASK: u8 = 0x5a;

thread_local! {
    static KEPT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Into the heap, the stack and every page up to the limit.
pub fn keep() {
    let secret = keep_some();
    let first = grow_to_the_limit();
    for page in first..memory_size(0) {
        for offset in (0..PAGE_BYTES - secret.len()).step_by(4096) {
            // SAFETY: the page was grown for this alone.
            #[expect(unsafe_code, reason = "pages that the allocator does not know")]
            unsafe {
                std::ptr::copy_nonoverlapping(secret.as_ptr(), (page * PAGE_BYTES + offset) as *mut u8, secret.len());
            }
        }
    }
}

/// Into the heap and the stack, without new memory.
pub fn keep_some() -> String {
    let secret = request::header_text("x-secret").expect("a secret to keep");
    notes::store(secret.as_bytes());
    KEPT.with_borrow_mut(|kept| (0..100).for_each(|_| kept.push(secret.clone())));
    onto_the_stack(secret.as_bytes(), 20);
    secret
}

#[inline(never)]
fn onto_the_stack(secret: &[u8], depth: u32) {
    let mut copy = [0_u8; 256];
    copy[..secret.len()].copy_from_slice(secret);
    if depth > 0 {
        onto_the_stack(black_box(&copy[..secret.len()]), depth - 1);
    }
    black_box(copy);
}

/// The first page that is new.
fn grow_to_the_limit() -> usize {
    let first = memory_size(0);
    let mut step = 1024;
    while step > 0 {
        if memory_grow(0, step) == usize::MAX {
            step /= 2;
        }
    }
    first
}

/// Says how often the text whose masked form is sent stands in memory, how much memory that is, and whether any of the pages
/// that are new here is not zero.
pub fn scan() {
    let hex = request::header_text("x-sought").expect("what is sought");
    let masked: Vec<u8> = hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let first = grow_to_the_limit();
    let end = memory_size(0) * PAGE_BYTES;
    let found = (1..end - masked.len()).filter(|at| stands_at(*at, &masked)).count();
    let dirty = (first * PAGE_BYTES..end).step_by(8).filter(|at| word_at(*at) != 0).count();
    say("found", found);
    say("dirty", dirty);
    say("scanned", end);
    say("noted", notes::load().len());
}

fn digit(letter: u8) -> u8 {
    if letter.is_ascii_digit() { letter - b'0' } else { letter - b'a' + 10 }
}

fn stands_at(at: usize, masked: &[u8]) -> bool {
    masked.iter().enumerate().all(|(index, byte)| byte_at(at + index) ^ MASK == *byte)
}

fn byte_at(at: usize) -> u8 {
    // SAFETY: it lies within memory, whoever it belongs to.
    #[expect(unsafe_code, reason = "all memory is read, whatever it holds")]
    unsafe {
        std::ptr::read_volatile(at as *const u8)
    }
}

fn word_at(at: usize) -> u64 {
    // SAFETY: as above; page starts are aligned.
    #[expect(unsafe_code, reason = "all memory is read, whatever it holds")]
    unsafe {
        std::ptr::read_volatile(at as *const u64)
    }
}
