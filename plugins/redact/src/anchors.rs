//! The search for the next anchor, which is most of what a body costs: sixteen bytes at a time, by two tables of sixteen.
//!
//! Bit `byte / 16 % 8` of entry `byte % 16` says whether a byte is in the set; one table has the bytes below 128, the other one the
//! rest. WebAssembly has an instruction that looks sixteen entries of such a table up.

const WIDTH: usize = 16;

/// A set of bytes.
#[derive(Default)]
pub struct Anchors {
    low: [u8; WIDTH],
    high: [u8; WIDTH],
}

impl Anchors {
    pub fn add(&mut self, byte: u8) {
        let table = if byte < 128 { &mut self.low } else { &mut self.high };
        table[usize::from(byte % 16)] |= bit(byte);
    }

    fn has(&self, byte: u8) -> bool {
        let table = if byte < 128 { &self.low } else { &self.high };
        table[usize::from(byte % 16)] & bit(byte) != 0
    }

    /// The place of the first byte that is in the set, or the length.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub fn first_in(&self, bytes: &[u8]) -> usize {
        let (blocks, _) = bytes.as_chunks();
        for (number, block) in blocks.iter().enumerate() {
            let found = self.found_in(block);
            if found != 0 {
                return number * WIDTH + found.trailing_zeros() as usize;
            }
        }
        match bytes.last_chunk() {
            // In what of it stands in front of the rest, nothing is found again.
            Some(last) => match self.found_in(last) {
                0 => bytes.len(),
                found => bytes.len() - WIDTH + found.trailing_zeros() as usize,
            },
            None => bytes.iter().position(|byte| self.has(*byte)).unwrap_or(bytes.len()),
        }
    }

    /// A bit for each byte of the block that is in the set, the lowest for the first.
    #[cfg(target_arch = "wasm32")]
    #[inline]
    #[target_feature(enable = "simd128")]
    fn found_in(&self, block: &[u8; WIDTH]) -> u16 {
        use std::arch::wasm32::{
            u8x16_bitmask, u8x16_eq, u8x16_shr, u8x16_splat, u8x16_swizzle, u64x2, v128, v128_and, v128_or, v128_xor,
        };

        const BITS: v128 = u64x2(0x8040_2010_0804_0201, 0x8040_2010_0804_0201);
        let vector = |bytes: &[u8; WIDTH]| {
            let number = u128::from_le_bytes(*bytes);
            u64x2(number as u64, (number >> 64) as u64)
        };
        let bytes = vector(block);
        // What is no entry's number looks up nothing: a byte from 128 on in the one table, a byte below it in the other.
        let entry = |bytes: v128| v128_and(bytes, u8x16_splat(0x8f));
        let low = u8x16_swizzle(vector(&self.low), entry(bytes));
        let high = u8x16_swizzle(vector(&self.high), entry(v128_xor(bytes, u8x16_splat(0x80))));
        let bits = u8x16_swizzle(BITS, u8x16_shr(bytes, 4));
        !u8x16_bitmask(u8x16_eq(v128_and(v128_or(low, high), bits), u8x16_splat(0)))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn found_in(&self, block: &[u8; WIDTH]) -> u16 {
        block.iter().rev().fold(0, |found, byte| found << 1 | u16::from(self.has(*byte)))
    }
}

fn bit(byte: u8) -> u8 {
    1 << (byte / 16 % 8)
}
