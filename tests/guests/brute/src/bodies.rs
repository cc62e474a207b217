//! Bodies that grow without end or shrink to nothing.

use std::cell::Cell;

use sluicegate_plugin::Piece;

use crate::act::Act;

thread_local! {
    /// Bytes that the next piece becomes.
    static NEXT: Cell<usize> = const { Cell::new(1) };
}

pub fn change(act: Act, bytes: Vec<u8>, end: bool) -> Piece {
    match act {
        // Ever more bytes for each piece.
        Act::Double => {
            let next = NEXT.replace((NEXT.get() * 2).min(1 << 20));
            Piece::Replace(vec![b'd'; next])
        }
        // A mebibyte for whatever comes, also for the end that comes without bytes.
        Act::Swell => Piece::Replace(vec![if end { b'e' } else { b's' }; 1 << 20]),
        Act::Vanish => Piece::Replace(Vec::new()),
        other => {
            other.run();
            drop(bytes);
            Piece::Pass
        }
    }
}
