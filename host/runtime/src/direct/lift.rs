//! Reads values of the contract out of a guest's memory. Whatever a guest hands over, nothing outside of its memory is read, and no
//! more than its limit allows.

use wasmtime::{Result, bail, format_err};

use super::layout::{Layout, aligned, payload_offset};
use crate::text::Text;

/// Memory of a guest, and how many bytes may still be copied out of it in this call.
pub(super) struct Source<'a> {
    pub(super) memory: &'a [u8],
    pub(super) bytes_left: usize,
}

/// A value that can stand in memory.
pub(super) trait Lift: Layout + Sized {
    /// `bytes`: as many as it takes.
    fn load(bytes: &[u8], source: &mut Source<'_>) -> Result<Self>;
}

/// What a guest hands over as address and length.
pub(super) trait Sequence: Sized {
    fn read(pointer: u32, length: u32, source: &mut Source<'_>) -> Result<Self>;
}

impl<'a> Source<'a> {
    /// The bytes of one value at an address.
    pub(super) fn value<T: Lift>(&mut self, pointer: u32) -> Result<T> {
        let place = place(self.memory.len(), pointer, T::SIZE, T::ALIGN)?;
        T::load(self.memory.get(place).unwrap_or_default(), self)
    }

    pub(super) fn bytes(&mut self, pointer: u32, length: u32) -> Result<&'a [u8]> {
        let place = place(self.memory.len(), pointer, length as usize, 1)?;
        self.count(place.len())?;
        Ok(self.memory.get(place).unwrap_or_default())
    }

    pub(super) fn text(&mut self, pointer: u32, length: u32) -> Result<&'a str> {
        Text::of(self.bytes(pointer, length)?).as_str()
    }

    fn count(&mut self, bytes: usize) -> Result<()> {
        let Some(left) = self.bytes_left.checked_sub(bytes) else { bail!("too much is handed to the host at once") };
        self.bytes_left = left;
        Ok(())
    }
}

/// Where so many bytes at an address stand in memory.
pub(super) fn place(memory: usize, pointer: u32, size: usize, align: usize) -> Result<std::ops::Range<usize>> {
    let start = pointer as usize;
    if !start.is_multiple_of(align) {
        bail!("the address {pointer:#x} of a value is no multiple of {align}");
    }
    match start.checked_add(size) {
        Some(end) if end <= memory => Ok(start..end),
        _ => bail!("{size} bytes at the address {pointer:#x} are not within the memory"),
    }
}

/// The case of a variant, and the bytes behind.
pub(super) fn case(bytes: &[u8], align: usize) -> (u8, &[u8]) {
    (bytes.first().copied().unwrap_or_default(), bytes.get(payload_offset(align)..).unwrap_or_default())
}

/// The next field of a record.
pub(super) fn field<T: Lift>(bytes: &[u8], offset: &mut usize, source: &mut Source<'_>) -> Result<T> {
    let start = aligned(*offset, T::ALIGN);
    *offset = start + T::SIZE;
    T::load(bytes.get(start..*offset).unwrap_or_default(), source)
}

pub(super) fn no_case<T>(case: impl std::fmt::Display) -> Result<T> {
    Err(format_err!("{case} stands for no case"))
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Lift for $number {
            fn load(bytes: &[u8], _: &mut Source<'_>) -> Result<$number> {
                bytes.first_chunk().map(|bytes| <$number>::from_le_bytes(*bytes)).ok_or_else(|| format_err!("a number is cut"))
            }
        })*
    };
}

numbers!(u16, u32, u64);

impl Lift for bool {
    fn load(bytes: &[u8], _: &mut Source<'_>) -> Result<bool> {
        Ok(bytes.first().is_some_and(|byte| *byte != 0))
    }
}

impl<T: Lift> Lift for Option<T> {
    fn load(bytes: &[u8], source: &mut Source<'_>) -> Result<Option<T>> {
        match case(bytes, T::ALIGN) {
            (0, _) => Ok(None),
            (1, payload) => T::load(payload.get(..T::SIZE).unwrap_or_default(), source).map(Some),
            (other, _) => no_case(other),
        }
    }
}

impl<T: Sequence + Layout> Lift for T {
    fn load(bytes: &[u8], source: &mut Source<'_>) -> Result<T> {
        let mut offset = 0;
        let pointer = field(bytes, &mut offset, source)?;
        T::read(pointer, field(bytes, &mut offset, source)?, source)
    }
}

impl Sequence for String {
    fn read(pointer: u32, length: u32, source: &mut Source<'_>) -> Result<String> {
        source.text(pointer, length).map(str::to_owned)
    }
}

impl Sequence for Vec<u8> {
    fn read(pointer: u32, length: u32, source: &mut Source<'_>) -> Result<Vec<u8>> {
        Ok(source.bytes(pointer, length)?.to_vec())
    }
}

impl<T: Lift> Sequence for Vec<T> {
    fn read(pointer: u32, length: u32, source: &mut Source<'_>) -> Result<Vec<T>> {
        let size = (length as usize).checked_mul(T::SIZE).ok_or_else(|| format_err!("a list is too long"))?;
        let place = place(source.memory.len(), pointer, size, T::ALIGN)?;
        source.count((length as usize).saturating_mul(size_of::<T>()))?;
        let items = source.memory.get(place).unwrap_or_default();
        items.chunks_exact(T::SIZE).map(|item| T::load(item, source)).collect()
    }
}
