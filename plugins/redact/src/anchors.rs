//! The way from anchor to anchor, which is most of what a body costs: sixteen bytes at a time, by two tables of sixteen.
//!
//! Bit `byte / 16 % 8` of entry `byte % 16` says whether a byte is in the set; one table has the bytes below 128, the other one the
//! rest. WebAssembly has an instruction that looks sixteen entries of such a table up.

const WIDTH: usize = 16;
/// So many bytes are looked at together, one bit each.
const WINDOW: usize = u64::BITS as usize;

/// A set of bytes.
#[derive(Default)]
pub struct Anchors {
    low: [u8; WIDTH],
    high: [u8; WIDTH],
}

/// What has been seen of the bytes so far.
#[derive(Default)]
pub struct Walk {
    /// How far that goes.
    end: usize,
    /// The anchors among the last bytes of it, as many as a window has.
    found: u64,
}

impl Walk {
    /// The place of the first anchor from `from` on, or the end. For the same bytes each time, and never in front of where it was.
    pub fn next(&mut self, anchors: &Anchors, bytes: &[u8], mut from: usize) -> usize {
        loop {
            if let Some(left @ 1..=WINDOW) = self.end.checked_sub(from) {
                let found = self.found >> (WINDOW - left);
                if found != 0 {
                    return from + found.trailing_zeros() as usize;
                }
                from = self.end;
            }
            let Some(rest @ [_, ..]) = bytes.get(from..) else { return bytes.len() };
            *self = Walk { end: from + WINDOW, found: anchors.among(rest) };
        }
    }
}

impl Anchors {
    pub fn add(&mut self, byte: u8) {
        let table = if byte < 128 { &mut self.low } else { &mut self.high };
        table[usize::from(byte % 16)] |= bit(byte);
    }

    /// Which of the first bytes are in the set: the lowest bit is for the first.
    #[cfg(target_arch = "wasm32")]
    fn among(&self, bytes: &[u8]) -> u64 {
        match bytes.first_chunk() {
            Some(window) => self.among_window(window),
            None => {
                let mut window = [0; WINDOW];
                window.get_mut(..bytes.len()).unwrap_or_default().copy_from_slice(bytes);
                self.among_window(&window) & ((1 << bytes.len()) - 1)
            }
        }
    }

    #[cfg(target_arch = "wasm32")]
    #[target_feature(enable = "simd128")]
    fn among_window(&self, window: &[u8; WINDOW]) -> u64 {
        use std::arch::wasm32::{
            u8x16_bitmask, u8x16_eq, u8x16_shr, u8x16_splat, u8x16_swizzle, u64x2, v128, v128_and, v128_or, v128_xor,
        };

        const BITS: v128 = u64x2(0x8040_2010_0804_0201, 0x8040_2010_0804_0201);
        let vector = |bytes: &[u8; WIDTH]| {
            let number = u128::from_le_bytes(*bytes);
            u64x2(number as u64, (number >> 64) as u64)
        };
        let (low, high) = (vector(&self.low), vector(&self.high));
        let among = |bytes: &[u8; WIDTH]| {
            let bytes = vector(bytes);
            // What is no entry's number looks up nothing: a byte from 128 on in the one table, a byte below it in the other.
            let entry = v128_and(bytes, u8x16_splat(0x8f));
            let low = u8x16_swizzle(low, entry);
            let high = u8x16_swizzle(high, v128_xor(entry, u8x16_splat(0x80)));
            let bits = u8x16_swizzle(BITS, u8x16_shr(bytes, 4));
            u64::from(!u8x16_bitmask(u8x16_eq(v128_and(v128_or(low, high), bits), u8x16_splat(0))))
        };
        // One by one: at each turn of a loop the engine looks at the clock.
        let ([a, b, c, d], _) = window.as_chunks() else { return 0 };
        among(a) | among(b) << WIDTH | among(c) << (2 * WIDTH) | among(d) << (3 * WIDTH)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn among(&self, bytes: &[u8]) -> u64 {
        let has = |byte: u8| {
            let table = if byte < 128 { &self.low } else { &self.high };
            table[usize::from(byte % 16)] & bit(byte) != 0
        };
        bytes.iter().take(WINDOW).rev().fold(0, |found, byte| found << 1 | u64::from(has(*byte)))
    }
}

fn bit(byte: u8) -> u8 {
    1 << (byte / 16 % 8)
}
