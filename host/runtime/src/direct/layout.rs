//! How values of the contract lie in a guest's memory, as the canonical ABI has it: size and alignment of each type.

use super::lower::Copied;

/// Bytes that a value takes where it stands, and what its address is a multiple of.
pub(super) trait Layout {
    const SIZE: usize;
    const ALIGN: usize;
}

/// The first multiple of `align` from here on.
pub(super) const fn aligned(offset: usize, align: usize) -> usize {
    offset.next_multiple_of(align)
}

pub(super) const fn greatest(numbers: &[usize]) -> usize {
    let (mut greatest, mut index) = (0, 0);
    while index < numbers.len() {
        if numbers[index] > greatest {
            greatest = numbers[index];
        }
        index += 1;
    }
    greatest
}

/// Size of fields one behind another, each with its size and alignment.
pub(super) const fn record_size(fields: &[(usize, usize)]) -> usize {
    let (mut offset, mut align, mut index) = (0, 1, 0);
    while index < fields.len() {
        let (size, field_align) = fields[index];
        offset = aligned(offset, field_align) + size;
        if field_align > align {
            align = field_align;
        }
        index += 1;
    }
    aligned(offset, align)
}

/// Where the payload of a variant stands: behind a byte that tells the case.
pub(super) const fn payload_offset(align: usize) -> usize {
    aligned(1, align)
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Layout for $number {
            const SIZE: usize = size_of::<$number>();
            const ALIGN: usize = size_of::<$number>();
        })*
    };
}

numbers!(u8, u16, u32, u64, f64);

impl Layout for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
}

impl Layout for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;
}

/// Address and length.
impl Layout for String {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
}

impl<T> Layout for Vec<T> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
}

impl Layout for Copied {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
}

impl<T: Layout> Layout for Option<T> {
    const SIZE: usize = aligned(payload_offset(T::ALIGN) + T::SIZE, T::ALIGN);
    const ALIGN: usize = T::ALIGN;
}

impl<T: Layout, E: Layout> Layout for Result<T, E> {
    const SIZE: usize = aligned(payload_offset(Self::ALIGN) + greatest(&[T::SIZE, E::SIZE]), Self::ALIGN);
    const ALIGN: usize = greatest(&[T::ALIGN, E::ALIGN]);
}
