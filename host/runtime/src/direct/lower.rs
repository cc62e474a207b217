//! Writes values of the contract into a guest's memory.
//!
//! Texts and lists stand in blocks of their own, which only the guest can allocate. So a value is taken apart into its blocks first; the
//! guest then brings the address of one after another, in the order in which the canonical ABI asks for them.

use std::ops::Range;

use bytes::Bytes;
use wasmtime::{Result, bail};

use super::layout::{Layout, aligned, greatest, payload_offset};
use super::lift::place;

/// Bytes of short texts that are kept allocated between two values.
const COPIES_BYTES_KEPT: usize = 4 << 10;

/// What is not there yet of the value that is handed over.
#[derive(Default)]
pub(super) struct Blocks {
    /// Of the value itself.
    address: u32,
    list: Vec<Block>,
    /// How many of them have their place.
    delivered: usize,
    /// One behind another, so that a short text needs no allocation of its own.
    copies: Vec<u8>,
}

struct Block {
    content: Content,
    align: u32,
    /// Where its address is to be written.
    holder: Spot,
    /// Once it has its place.
    address: u32,
}

enum Content {
    Bytes(Bytes),
    Copy(Copied),
}

/// Bytes that a host function has put aside for the guest: a text, or a list of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Copied {
    start: usize,
    length: usize,
}

/// A place in the value itself, or in one of its blocks.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    block: Option<usize>,
    offset: usize,
}

/// No block is left.
const NOTHING: i64 = -1;

/// A value that the host hands over.
pub(super) trait Lower: Layout {
    /// `bytes`: as many as it takes, at that spot.
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks);
}

impl Spot {
    pub(super) fn behind(self, offset: usize) -> Spot {
        Spot { offset: self.offset + offset, ..self }
    }
}

impl Blocks {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Begins to hand over a value at an address of the guest's choosing.
    pub(super) fn begin<T: Lower>(&mut self, value: T, pointer: u32, memory: &mut [u8]) -> Result<()> {
        let place = place(memory.len(), pointer, T::SIZE, T::ALIGN)?;
        self.address = pointer;
        value.store(part(memory, place), Spot { block: None, offset: 0 }, self);
        Ok(())
    }

    /// Begins to hand over bytes that the guest gets as address and length.
    pub(super) fn begin_bytes(&mut self, bytes: Bytes) {
        self.push(Content::Bytes(bytes), 1, Spot { block: None, offset: 0 });
    }

    /// Puts bytes aside for the value that is handed over next.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Copied {
        let start = self.copies.len();
        self.copies.extend_from_slice(bytes);
        Copied { start, length: bytes.len() }
    }

    /// Alignment and size of the next block, or that there is none.
    pub(super) fn wanted(&mut self) -> i64 {
        match self.list.get(self.delivered) {
            Some(block) => i64::from(block.align) << 32 | i64::from(block.length()),
            None => {
                self.clear();
                NOTHING
            }
        }
    }

    /// Puts the next block where the guest has allocated it. Its address is returned to whoever does not write it into memory.
    pub(super) fn deliver(&mut self, pointer: u32, memory: &mut [u8], is_held: bool) -> Result<i64> {
        let Some(block) = self.list.get_mut(self.delivered) else { bail!("no block is to be delivered") };
        let place = place(memory.len(), pointer, block.content.len(), block.align as usize)?;
        block.address = pointer;
        part(memory, place).copy_from_slice(block.content.bytes(&self.copies));
        let Spot { block, offset } = block.holder;
        if is_held {
            let holder = match block {
                None => self.address,
                Some(block) => self.list.get(block).map_or(0, |block| block.address),
            };
            let holder = u32::try_from(holder as usize + offset).unwrap_or(u32::MAX);
            let holder = super::lift::place(memory.len(), holder, size_of::<u32>(), 1)?;
            part(memory, holder).copy_from_slice(&pointer.to_le_bytes());
        }
        self.delivered += 1;
        Ok(self.wanted())
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.delivered = 0;
        self.copies.clear();
        self.copies.shrink_to(COPIES_BYTES_KEPT);
    }

    /// The number of a block that is filled later: it is asked for before those that it holds.
    fn push(&mut self, content: Content, align: usize, holder: Spot) -> usize {
        let align = u32::try_from(align).unwrap_or(u32::MAX);
        self.list.push(Block { content, align, holder, address: 0 });
        self.list.len() - 1
    }
}

impl Block {
    fn length(&self) -> u32 {
        u32::try_from(self.content.len()).unwrap_or(u32::MAX)
    }
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Content::Bytes(bytes) => bytes.len(),
            Content::Copy(copied) => copied.length,
        }
    }

    fn bytes<'a>(&'a self, copies: &'a [u8]) -> &'a [u8] {
        match self {
            Content::Bytes(bytes) => bytes,
            Content::Copy(Copied { start, length }) => copies.get(*start..*start + *length).unwrap_or_default(),
        }
    }
}

/// A part of a slice that is known to be there.
pub(super) fn part(bytes: &mut [u8], place: Range<usize>) -> &mut [u8] {
    bytes.get_mut(place).unwrap_or_default()
}

/// The next field of a record.
pub(super) fn field<T: Lower>(value: T, bytes: &mut [u8], offset: &mut usize, spot: Spot, blocks: &mut Blocks) {
    let start = aligned(*offset, T::ALIGN);
    *offset = start + T::SIZE;
    value.store(part(bytes, start..*offset), spot.behind(start), blocks);
}

/// One case of a variant with its payload.
fn case<T: Lower>(number: u8, payload: T, align: usize, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
    part(bytes, 0..1).fill(number);
    let start = payload_offset(align);
    payload.store(part(bytes, start..start + T::SIZE), spot.behind(start), blocks);
}

/// Address, which is written when it is known, and length.
fn sequence(length: usize, bytes: &mut [u8]) {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    part(bytes, 4..8).copy_from_slice(&length.to_le_bytes());
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Lower for $number {
            fn store(self, bytes: &mut [u8], _: Spot, _: &mut Blocks) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        })*
    };
}

numbers!(u16, u32, u64, f64);

impl Lower for () {
    fn store(self, _: &mut [u8], _: Spot, _: &mut Blocks) {}
}

impl Lower for bool {
    fn store(self, bytes: &mut [u8], _: Spot, _: &mut Blocks) {
        bytes.fill(u8::from(self));
    }
}

impl Lower for String {
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
        self.into_bytes().store(bytes, spot, blocks);
    }
}

impl Lower for Vec<u8> {
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
        sequence(self.len(), bytes);
        blocks.push(Content::Bytes(Bytes::from(self)), 1, spot);
    }
}

impl Lower for Copied {
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
        sequence(self.length, bytes);
        blocks.push(Content::Copy(self), 1, spot);
    }
}

impl<T: Lower> Lower for Vec<T> {
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
        sequence(self.len(), bytes);
        let mut items = vec![0; self.len() * T::SIZE];
        let number = blocks.push(Content::Bytes(Bytes::new()), T::ALIGN, spot);
        for (index, (item, place)) in self.into_iter().zip(items.chunks_exact_mut(T::SIZE)).enumerate() {
            item.store(place, Spot { block: Some(number), offset: index * T::SIZE }, blocks);
        }
        if let Some(block) = blocks.list.get_mut(number) {
            block.content = Content::Bytes(Bytes::from(items));
        }
    }
}

impl<T: Lower> Lower for Option<T> {
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
        match self {
            None => part(bytes, 0..1).fill(0),
            Some(value) => case(1, value, T::ALIGN, bytes, spot, blocks),
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
        let align = greatest(&[T::ALIGN, E::ALIGN]);
        match self {
            Ok(value) => case(0, value, align, bytes, spot, blocks),
            Err(error) => case(1, error, align, bytes, spot, blocks),
        }
    }
}
