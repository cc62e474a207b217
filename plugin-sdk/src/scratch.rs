//! The allocator of a policy: what it allocates within a call is mostly gone at the call's end, so that no free place need be looked
//! for.
//!
//! Such pieces stand one behind another in a small room, which is empty again when the last one is freed. What does not fit, and
//! what `configure` keeps, is for the allocator behind it.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, Ordering};

/// A page of the system's: what one call touches of it, another one's wipe has to copy.
const ROOM_BYTES: usize = 4 << 10;
const ALIGN_MAX: usize = 16;

/// Apart from what tells where it is: as nothing but zeros, it takes no byte of the component.
#[repr(C, align(16))]
pub struct Room(UnsafeCell<[u8; ROOM_BYTES]>);

pub struct Scratch<A> {
    room: &'static Room,
    /// From when on what is allocated is thought to be of one call.
    is_open: &'static AtomicBool,
    /// Where the next piece begins, at the earliest.
    top: Cell<usize>,
    pieces: Cell<usize>,
    behind: A,
}

// SAFETY: the only ones are statics of a component, which has one thread.
unsafe impl Sync for Room {}

// SAFETY: as above.
unsafe impl<A> Sync for Scratch<A> {}

impl Room {
    #[expect(clippy::new_without_default, reason = "it is made where nothing but constants can be")]
    pub const fn new() -> Room {
        Room(UnsafeCell::new([0; ROOM_BYTES]))
    }
}

impl<A> Scratch<A> {
    pub const fn new(behind: A, room: &'static Room, is_open: &'static AtomicBool) -> Scratch<A> {
        Scratch { room, is_open, top: Cell::new(0), pieces: Cell::new(0), behind }
    }

    fn start(&self) -> *mut u8 {
        self.room.0.get().cast()
    }

    /// Where a piece stands in the room. None if it is another's.
    fn place(&self, piece: *mut u8) -> Option<usize> {
        let place = piece.addr().wrapping_sub(self.start().addr());
        (place < ROOM_BYTES).then_some(place)
    }
}

// SAFETY: pieces do not overlap, as each begins where the one before ended, or later; `top` goes back to a piece's beginning only when
// that piece is freed and is the last one, or when there is none left. No piece of no byte is ever asked for.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Scratch<A> {
    // Not inlined: a policy allocates in hundreds of places.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let place = self.top.get().next_multiple_of(layout.align());
        let end = place.saturating_add(layout.size());
        if !self.is_open.load(Ordering::Relaxed) || end > ROOM_BYTES || layout.align() > ALIGN_MAX {
            // SAFETY: as the caller promises.
            return unsafe { self.behind.alloc(layout) };
        }
        self.top.set(end);
        self.pieces.set(self.pieces.get() + 1);
        // SAFETY: within the room.
        unsafe { self.start().add(place) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let Some(place) = self.place(piece) else {
            // SAFETY: it came from there.
            return unsafe { self.behind.dealloc(piece, layout) };
        };
        self.pieces.set(self.pieces.get() - 1);
        if self.pieces.get() == 0 {
            self.top.set(0);
        } else if place + layout.size() == self.top.get() {
            self.top.set(place);
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, length: usize) -> *mut u8 {
        let Some(place) = self.place(piece) else {
            // SAFETY: it came from there.
            return unsafe { self.behind.realloc(piece, layout, length) };
        };
        let end = place.saturating_add(length);
        if place + layout.size() == self.top.get() && end <= ROOM_BYTES {
            self.top.set(end);
            return piece;
        }
        // SAFETY: `length` is not 0 and not too long for the alignment, as the caller promises; both pieces are as long as is copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(length, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size().min(length));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    fn room() -> &'static Room {
        Box::leak(Box::new(Room::new()))
    }

    fn open() -> Scratch<System> {
        static OPEN: AtomicBool = AtomicBool::new(true);
        Scratch::new(System, room(), &OPEN)
    }

    #[test]
    fn what_is_freed_in_any_order_leaves_an_empty_room() {
        let scratch = open();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            // SAFETY: each piece is freed once, with its layout.
            unsafe {
                let layouts = [layout(3, 1), layout(8, 8), layout(100, 16)];
                let pieces = layouts.map(|layout| scratch.alloc(layout));
                for (piece, layout) in pieces.iter().zip(layouts) {
                    assert!(scratch.place(*piece).is_some() && piece.addr() % layout.align() == 0);
                    piece.write_bytes(1, layout.size());
                }
                for piece in order {
                    scratch.dealloc(pieces[piece], layouts[piece]);
                }
            }
            assert_eq!((scratch.top.get(), scratch.pieces.get()), (0, 0));
        }
    }

    #[test]
    fn the_last_piece_grows_where_it_is_and_another_one_moves_with_its_bytes() {
        let scratch = open();
        // SAFETY: as above; a piece is read as far as it was written.
        unsafe {
            let first = scratch.alloc(layout(4, 1));
            first.copy_from_nonoverlapping(b"abcd".as_ptr(), 4);
            assert_eq!(scratch.realloc(first, layout(4, 1), 8), first);
            let second = scratch.alloc(layout(4, 1));
            second.copy_from_nonoverlapping(b"efgh".as_ptr(), 4);
            let moved = scratch.realloc(first, layout(8, 1), 16);
            assert!(moved != first && scratch.place(moved).is_some());
            let far = scratch.realloc(second, layout(4, 1), ROOM_BYTES);
            assert!(scratch.place(far).is_none());
            let read = |piece: *mut u8| std::slice::from_raw_parts(piece, 4).to_vec();
            assert_eq!((read(moved), read(far)), (b"abcd".to_vec(), b"efgh".to_vec()));
            scratch.dealloc(far, layout(ROOM_BYTES, 1));
            scratch.dealloc(moved, layout(16, 1));
        }
        assert_eq!((scratch.top.get(), scratch.pieces.get()), (0, 0));
    }

    #[test]
    fn what_does_not_fit_and_what_comes_before_the_room_is_open_is_anothers() {
        static OPEN: AtomicBool = AtomicBool::new(false);
        let scratch = Scratch::new(System, room(), &OPEN);
        // SAFETY: as above.
        unsafe {
            let early = scratch.alloc(layout(8, 8));
            OPEN.store(true, Ordering::Relaxed);
            let kept = scratch.alloc(layout(ROOM_BYTES - 8, 8));
            let wide = scratch.alloc(layout(1, 32));
            let much = scratch.alloc(layout(9, 1));
            let places = [early, kept, wide, much].map(|piece| scratch.place(piece).is_some());
            assert_eq!(places, [false, true, false, false]);
            scratch.dealloc(early, layout(8, 8));
            scratch.dealloc(wide, layout(1, 32));
            scratch.dealloc(much, layout(9, 1));
            assert_eq!(scratch.pieces.get(), 1);
            scratch.dealloc(kept, layout(ROOM_BYTES - 8, 8));
        }
        assert_eq!((scratch.top.get(), scratch.pieces.get()), (0, 0));
    }
}
