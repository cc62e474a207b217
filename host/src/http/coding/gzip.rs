//! The gzip format (RFC 1952): member headers and trailers around the inflate algorithm.

use flate2::{Crc, Decompress};

use super::stage::{Corrupt, Step, inflate_step};

const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;

const FLAG_HEADER_CHECK: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// One or more members, one after the other.
pub(super) struct Gzip {
    part: Part,
    inflate: Decompress,
    check: Crc,
}

enum Part {
    Header {
        bytes: [u8; HEADER_BYTES],
        length: usize,
        first_member: bool,
    },
    /// The optional parts named by the remaining flags, in the order of the format.
    Optional {
        flags: u8,
        field: Field,
    },
    Data,
    Trailer {
        bytes: [u8; TRAILER_BYTES],
        length: usize,
    },
}

/// An optional part of the header that is being skipped.
enum Field {
    ExtraLength { low: Option<u8> },
    Skip { left: u16 },
    Text,
}

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip { part: Part::header(true), inflate: Decompress::new(false), check: Crc::new() }
    }

    /// Behind a complete member, where another one may follow.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.part, Part::Header { length: 0, first_member: false, .. })
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        if !matches!(self.part, Part::Data) {
            let mut consumed = 0;
            for byte in input {
                if matches!(self.part, Part::Data) {
                    break;
                }
                self.take_byte(*byte)?;
                consumed += 1;
            }
            return Ok(Step { consumed, produced: 0 });
        }
        let (step, ended) = inflate_step(&mut self.inflate, input, output)?;
        self.check.update(output.get(..step.produced).unwrap_or_default());
        if ended {
            self.part = Part::Trailer { bytes: [0; TRAILER_BYTES], length: 0 };
        }
        Ok(step)
    }

    fn take_byte(&mut self, byte: u8) -> Result<(), Corrupt> {
        match &mut self.part {
            Part::Header { bytes, length, .. } => {
                push(bytes, length, byte)?;
                if *length == HEADER_BYTES {
                    let [0x1f, 0x8b, 8, flags, ..] = *bytes else { return Err(Corrupt) };
                    if flags & FLAGS_RESERVED != 0 {
                        return Err(Corrupt);
                    }
                    self.part = Part::after_header(flags);
                } else if bytes.iter().zip([0x1f, 0x8b, 8]).take(*length).any(|(byte, magic)| *byte != magic) {
                    return Err(Corrupt);
                }
            }
            Part::Optional { flags, field } => {
                let ended = match field {
                    Field::ExtraLength { low: low @ None } => {
                        *low = Some(byte);
                        false
                    }
                    Field::ExtraLength { low: Some(low) } => {
                        let left = u16::from_le_bytes([*low, byte]);
                        *field = Field::Skip { left };
                        left == 0
                    }
                    Field::Skip { left } => {
                        *left = left.saturating_sub(1);
                        *left == 0
                    }
                    Field::Text => byte == 0,
                };
                if ended {
                    self.part = Part::after_header(*flags);
                }
            }
            Part::Data => return Err(Corrupt),
            Part::Trailer { bytes, length } => {
                push(bytes, length, byte)?;
                if *length == TRAILER_BYTES {
                    let [a, b, c, d, e, f, g, h] = *bytes;
                    let sum_matches = u32::from_le_bytes([a, b, c, d]) == self.check.sum();
                    let length_matches = u32::from_le_bytes([e, f, g, h]) == self.check.amount();
                    if !sum_matches || !length_matches {
                        return Err(Corrupt);
                    }
                    self.inflate.reset(false);
                    self.check.reset();
                    self.part = Part::header(false);
                }
            }
        }
        Ok(())
    }
}

impl Part {
    fn header(first_member: bool) -> Part {
        Part::Header { bytes: [0; HEADER_BYTES], length: 0, first_member }
    }

    /// What follows, given the flags of the parts that are still to come.
    fn after_header(flags: u8) -> Part {
        let (flag, field) = if flags & FLAG_EXTRA != 0 {
            (FLAG_EXTRA, Field::ExtraLength { low: None })
        } else if flags & FLAG_NAME != 0 {
            (FLAG_NAME, Field::Text)
        } else if flags & FLAG_COMMENT != 0 {
            (FLAG_COMMENT, Field::Text)
        } else if flags & FLAG_HEADER_CHECK != 0 {
            (FLAG_HEADER_CHECK, Field::Skip { left: 2 })
        } else {
            return Part::Data;
        };
        Part::Optional { flags: flags & !flag, field }
    }
}

fn push(bytes: &mut [u8], length: &mut usize, byte: u8) -> Result<(), Corrupt> {
    *bytes.get_mut(*length).ok_or(Corrupt)? = byte;
    *length += 1;
    Ok(())
}
